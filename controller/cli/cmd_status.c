/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/follow.h"
#include "controller/cli/overview.h"
#include "controller/cli/say.h"
#include "controller/cli/terminal.h"
#include "controller/cli/values.h"
#include "controller/outside/groups.h"
#include "controller/outside/out.h"

enum {
    LIMIT_MAX = 10000,
};

static int show_status(const struct ctl_cli_globals *globals, json_t *status)
{
    const struct ctl_view view = ctl_terminal_view(globals);
    int exit_code = ctl_view_exit_code(status);

    if (globals->json) {
        (void)json_object_set_new(status, "groups", ctl_groups_of(status));
        ctl_cli_out_answer(status);
    } else {
        ctl_view_status(status, &view, stdout);
    }

    return exit_code;
}

static void show_nothing(void *context, const json_t *document)
{
    (void)context;
    (void)document;
}

static int wait_for_end(struct ctl_cli_globals *globals, const char *rollout)
{
    const struct ctl_follower follower = {.show = show_nothing, .until_held = true};
    CTL_AUTO_JSON *last = NULL;
    struct bl_error err = {0};
    int r;

    r = ctl_follow(globals, rollout, &follower, &last, &err);
    if (r < 0)
        return ctl_cli_say_failure(globals, &err);
    if (r > 0) {
        ctl_cli_say_next("the rollout goes on; 'belay status %s --wait' waits again",
                         last != NULL ? ctl_json_text(last, "rollout") : rollout);
        return CTL_CLI_SIGNAL + r;
    }

    r = show_status(globals, last);
    if (r == CTL_CLI_WAITS) {
        ctl_cli_say_next("it waits for a person: '%s'", ctl_json_text(last, "next"));
    }

    return r;
}

/* Without a rollout: all that are open. */
static int show_overview(struct ctl_cli_globals *globals)
{
    const struct ctl_view view = ctl_terminal_view(globals);
    CTL_AUTO_CANVAS canvas = {0};
    CTL_AUTO_JSON *answer = NULL;
    struct bl_error err = {0};

    if (ctl_cli_ask(globals, json_pack("{s:s}", "verb", "overview"), &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        ctl_cli_out_answer(answer);
        return CTL_CLI_DONE;
    }
    ctl_canvas_begin(&canvas, view.width != 0 ? view.width : CTL_CANVAS_ENDLESS, CTL_CANVAS_ENDLESS,
                     view.colour);
    ctl_overview_page(answer, view.now, &canvas);
    ctl_canvas_print(&canvas, stdout);
    if (json_array_size(json_object_get(answer, "rollouts")) == 0)
        ctl_cli_say_next("'belay status latest' shows the last one, 'belay rollouts' lists all");

    return CTL_CLI_DONE;
}

int ctl_cmd_status(struct ctl_cli_globals *globals, int argc, char **argv)
{
    bool wait = false;
    const struct ctl_cli_option options[] = {{"wait", CTL_CLI_FLAG, &wait}};
    const struct ctl_cli_usage usage = {"status", options, 1, 0, 1};
    CTL_AUTO_JSON *answer = NULL;
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    const char *rollout;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    rollout = arguments.count > 0 ? arguments.items[0] : "latest";
    if (wait)
        return wait_for_end(globals, rollout);
    if (arguments.count == 0)
        return show_overview(globals);
    if (ctl_cli_ask(globals, json_pack("{s:s, s:s}", "verb", "status", "rollout", rollout), &answer,
                    &err) < 0)
        return ctl_cli_say_failure(globals, &err);

    /* Reading went well, whatever was read; only who waits for the end is told by the exit code. */
    (void)show_status(globals, answer);
    return CTL_CLI_DONE;
}

/* "2026-11-22T11:11:56Z": the list of all has no use for more. */
static const char *to_the_second(const char *instant, char ret_text[BL_WALL_TEXT_BYTES])
{
    const size_t kept = strcspn(instant, ".");

    (void)snprintf(ret_text, BL_WALL_TEXT_BYTES, "%.*s%s", (int)kept, instant,
                   instant[kept] != '\0' ? "Z" : "");

    return ret_text;
}

static void print_rollouts(const json_t *rollouts)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *rollout;
    size_t i;

    ctl_table_begin(&table, 6);
    ctl_table_row(&table,
                  (const char *const[]){"ROLLOUT", "PLAN", "STATE", "HOSTS", "STARTED", "TOOK"});
    json_array_foreach (rollouts, i, rollout) {
        const int64_t ended_ms = ctl_json_instant(rollout, "ended");
        char hosts[24], started[BL_WALL_TEXT_BYTES], took[CTL_VIEW_DURATION_BYTES] = "-";

        if (ended_ms >= 0)
            ctl_view_duration(ended_ms - ctl_json_instant(rollout, "created"), took);
        (void)snprintf(hosts, sizeof(hosts), "%lld",
                       (long long)ctl_json_number(rollout, "hosts_count"));
        ctl_table_row(&table, (const char *const[]){
                                  ctl_json_text(rollout, "rollout"), ctl_json_text(rollout, "plan"),
                                  ctl_json_text(rollout, "state"), hosts,
                                  to_the_second(ctl_json_text(rollout, "created"), started), took});
    }
    ctl_table_print(&table, stdout, "");
}

int ctl_cmd_rollouts(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *limit_text = NULL;
    const struct ctl_cli_option options[] = {{"limit", CTL_CLI_VALUE, &limit_text}};
    const struct ctl_cli_usage usage = {"rollouts", options, 1, 0, 0};
    CTL_AUTO_JSON *answer = NULL;
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    uint64_t limit = 50;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (limit_text != NULL &&
        ctl_values_number("limit", limit_text, 1, LIMIT_MAX, &limit, &err) < 0)
        return ctl_cli_say_usage("rollouts", &err);
    if (ctl_cli_ask(globals,
                    json_pack("{s:s, s:I}", "verb", "rollouts.list", "limit", (json_int_t)limit),
                    &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        ctl_cli_out_answer(answer);
    } else {
        print_rollouts(json_object_get(answer, "rollouts"));
    }

    return CTL_CLI_DONE;
}
