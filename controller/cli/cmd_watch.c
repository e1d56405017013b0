/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "controller/cli/commands.h"
#include "controller/cli/follow.h"
#include "controller/cli/say.h"
#include "controller/cli/status_view.h"
#include "controller/outside/out.h"

enum {
    EXIT_INTERRUPTED = 130, /* as a shell counts SIGINT */
    ROWS_DEFAULT = 24,
    ROWS_KEPT = 10, /* header, waves, prompt */
};

/* On a terminal one screen that is drawn anew; elsewhere a line for each change. */
struct watcher {
    const struct ctl_cli_globals *globals;
    bool redraws;
    json_t *last;
};

static uint32_t rows_of_screen(size_t wave_count)
{
    struct winsize size = {0};
    size_t rows = ROWS_DEFAULT;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
        rows = size.ws_row;

    return rows > wave_count + ROWS_KEPT ? (uint32_t)(rows - wave_count - ROWS_KEPT) : 1;
}

/* Built in memory and written at once, so that the screen never flickers half-drawn. */
static void draw(const struct watcher *watcher)
{
    const struct ctl_view view = {
        .colour = watcher->globals->colour,
        .rows_max = rows_of_screen(json_array_size(json_object_get(watcher->last, "waves"))),
        .now = bl_wall_now(),
    };
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *memory = open_memstream(&text, &text_bytes);

    if (memory == NULL)
        return;
    (void)fputs("\033[H\033[J", memory);
    ctl_view_status(watcher->last, &view, memory);
    (void)fputs("\nCtrl-C ends only the watching\n", memory);
    (void)fclose(memory);
    (void)fwrite(text, 1, text_bytes, stdout);
    (void)fflush(stdout);
    free(text);
}

static void show(void *context, const json_t *document)
{
    struct watcher *watcher = context;
    json_t *copy = json_deep_copy(document);

    if (copy == NULL)
        return;
    if (watcher->redraws) {
        json_decref(watcher->last);
        watcher->last = copy;
        draw(watcher);
        return;
    }
    if (watcher->globals->json) {
        (void)json_object_del(copy, "ok");
        (void)json_object_del(copy, "end");
        (void)json_dumpf(copy, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
        (void)fputc('\n', stdout);
    } else {
        ctl_view_changes(watcher->last, copy, bl_wall_now(), stdout);
    }
    (void)fflush(stdout);
    json_decref(watcher->last);
    watcher->last = copy;
}

static void tick(void *context)
{
    const struct watcher *watcher = context;

    if (watcher->redraws)
        draw(watcher);
}

int ctl_watch_rollout(struct ctl_cli_globals *globals, const char *rollout)
{
    const char *terminal = getenv("TERM");
    struct watcher watcher = {
        .globals = globals,
        .redraws = !globals->json && isatty(STDOUT_FILENO) == 1 && terminal != NULL &&
                   strcmp(terminal, "dumb") != 0,
    };
    const struct ctl_follower follower = {.show = show, .tick = tick, .context = &watcher};
    CTL_AUTO_JSON *last = NULL;
    struct bl_error err = {0};
    int r;

    r = ctl_follow(globals, rollout, &follower, &last, &err);
    json_decref(watcher.last);
    if (r < 0)
        return ctl_cli_say_failure(globals, &err);
    if (last != NULL)
        rollout = ctl_json_text(last, "rollout");
    if (r == CTL_FOLLOW_INTERRUPTED) {
        ctl_cli_say_next(
            "the rollout goes on; 'belay watch %s' looks again, 'belay pause %s' starts no "
            "more hosts",
            rollout, rollout);
        return EXIT_INTERRUPTED;
    }
    ctl_cli_say_next("'belay report %s' tells all that happened", rollout);

    return ctl_view_exit_code(last);
}

int ctl_cmd_watch(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"watch", NULL, 0, 0, 1};
    struct ctl_cli_arguments arguments;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;

    return ctl_watch_rollout(globals, arguments.count > 0 ? arguments.items[0] : "latest");
}
