/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/follow.h"
#include "controller/cli/say.h"
#include "controller/cli/terminal.h"
#include "controller/outside/groups.h"
#include "controller/outside/out.h"

/* On a terminal one screen that is drawn anew; elsewhere a line for each change. */
struct watcher {
    const struct ctl_cli_globals *globals;
    bool redraws;
    bool is_away; /* the controller */
    struct ctl_terminal terminal;
    json_t *last;
};

static void draw(struct watcher *watcher)
{
    struct ctl_view view = {
        .colour = watcher->globals->colour,
        .now = bl_wall_now(),
        .notice = watcher->is_away ? "the controller went away; the rollout goes on, waiting for it"
                                   : NULL,
        .is_watched = true,
    };
    CTL_AUTO_CANVAS canvas = {0};

    if (watcher->last == NULL)
        return;
    ctl_terminal_enter(&watcher->terminal);
    ctl_terminal_size(&view.width, &view.rows_max);
    ctl_canvas_begin(&canvas, view.width, view.rows_max, view.colour);
    ctl_view_page(watcher->last, &view, &canvas);
    ctl_terminal_draw(&canvas);
}

static void show_json(json_t *document)
{
    (void)json_object_del(document, "ok");
    (void)json_object_del(document, "end");
    (void)json_object_set_new(document, "groups", ctl_groups_of(document));
    (void)json_dumpf(document, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
    (void)fputc('\n', stdout);
}

static void show(void *context, const json_t *document)
{
    struct watcher *watcher = context;
    json_t *copy = json_deep_copy(document);

    if (copy == NULL)
        return;
    watcher->is_away = false;
    if (watcher->redraws) {
        json_decref(watcher->last);
        watcher->last = copy;
        draw(watcher);
        return;
    }
    if (watcher->globals->json)
        show_json(copy);
    else
        ctl_view_changes(watcher->last, copy, bl_wall_now(), stdout);
    (void)fflush(stdout);
    json_decref(watcher->last);
    watcher->last = copy;
}

static void tick(void *context)
{
    struct watcher *watcher = context;

    if (watcher->redraws)
        draw(watcher);
}

static void went_away(void *context)
{
    struct watcher *watcher = context;

    watcher->is_away = true;
    if (watcher->redraws)
        draw(watcher);
    else
        (void)fputs("belay: the controller went away; the rollout goes on, waiting for it\n",
                    stderr);
}

/* The shell gets its own screen while we are stopped, and we get ours when we go on. */
static void suspended(void *context)
{
    struct watcher *watcher = context;

    ctl_terminal_leave(&watcher->terminal);
    (void)raise(SIGSTOP);
    draw(watcher);
}

/* The screen is gone by now: what it showed last is written below what was there before. */
static int say_end(struct watcher *watcher, const struct ctl_cli_globals *globals)
{
    const char *rollout = ctl_json_text(watcher->last, "rollout");
    const struct ctl_view view = ctl_terminal_view(globals);

    if (watcher->redraws)
        ctl_view_status(watcher->last, &view, stdout);
    (void)fflush(stdout);
    ctl_cli_say_next("'belay report %s' tells all that happened", rollout);

    return ctl_view_exit_code(watcher->last);
}

int ctl_watch_rollout(struct ctl_cli_globals *globals, const char *rollout)
{
    struct watcher watcher = {.globals = globals,
                              .redraws = !globals->json && ctl_terminal_can_draw()};
    const struct ctl_follower follower = {.show = show,
                                          .tick = tick,
                                          .away = went_away,
                                          .suspended = watcher.redraws ? suspended : NULL,
                                          .context = &watcher};
    CTL_AUTO_JSON *last = NULL;
    struct bl_error err = {0};
    int exit_code;
    int r;

    r = ctl_follow(globals, rollout, &follower, &last, &err);
    ctl_terminal_leave(&watcher.terminal);
    if (last != NULL)
        rollout = ctl_json_text(last, "rollout");
    if (r < 0) {
        exit_code = ctl_cli_say_failure(globals, &err);
    } else if (r > 0) {
        ctl_cli_say_next("the rollout goes on; 'belay watch %s' looks again, 'belay pause %s' "
                         "starts no more hosts",
                         rollout, rollout);
        exit_code = CTL_CLI_SIGNAL + r;
    } else {
        exit_code = say_end(&watcher, globals);
    }
    json_decref(watcher.last);

    return exit_code;
}

int ctl_cmd_watch(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"watch", NULL, 0, 0, 1};
    struct ctl_cli_arguments arguments;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;

    return ctl_watch_rollout(globals, arguments.count > 0 ? arguments.items[0] : "latest");
}
