/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/terminal.h"
#include "controller/cli/values.h"
#include "controller/outside/groups.h"
#include "controller/plan/plan.h"

/* belay pause, resume, abort, rollback: what a person may order without signing. */

static int order(struct ctl_cli_globals *globals, json_t *request, const char *next)
{
    const struct ctl_view view = ctl_terminal_view(globals);
    CTL_AUTO_JSON *answer = NULL;
    struct bl_error err = {0};

    if (ctl_cli_ask(globals, request, &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        (void)json_object_set_new(answer, "groups", ctl_groups_of(answer));
        ctl_cli_out_answer(answer);
    } else {
        ctl_view_status(answer, &view, stdout);
    }
    ctl_cli_say_next("%s%s", ctl_json_bool(answer, "already") ? "it was so already: " : "", next);

    return CTL_CLI_DONE;
}

static int simple_order(struct ctl_cli_globals *globals, int argc, char **argv, const char *verb,
                        const char *next)
{
    const struct ctl_cli_usage usage = {verb, NULL, 0, 0, 1};
    struct ctl_cli_arguments arguments;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;

    return order(globals,
                 json_pack("{s:s, s:s}", "verb", verb, "rollout",
                           arguments.count > 0 ? arguments.items[0] : "latest"),
                 next);
}

int ctl_cmd_pause(struct ctl_cli_globals *globals, int argc, char **argv)
{
    return simple_order(
        globals, argc, argv, "pause",
        "hosts under way go on to their end, no other starts; 'belay resume' goes on");
}

int ctl_cmd_resume(struct ctl_cli_globals *globals, int argc, char **argv)
{
    return simple_order(
        globals, argc, argv, "resume",
        "the next hosts start when it is their turn; 'belay pause' holds them again");
}

int ctl_cmd_abort(struct ctl_cli_globals *globals, int argc, char **argv)
{
    return simple_order(
        globals, argc, argv, "abort",
        "hosts under way go on to their end, no other ever starts; this cannot be undone, "
        "but the plan can be run again. 'belay rollback' takes back what was changed");
}

int ctl_cmd_rollback(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *host = NULL, *wave_text = NULL;
    const struct ctl_cli_option options[] = {
        {"host", CTL_CLI_VALUE, &host},
        {"wave", CTL_CLI_VALUE, &wave_text},
    };
    const struct ctl_cli_usage usage = {"rollback", options, 2, 0, 1};
    CTL_AUTO_JSON *request = NULL;
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    uint64_t wave = 0;
    int r = 0;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (wave_text != NULL)
        r = ctl_values_number("wave", wave_text, 1, CTL_PLAN_WAVES_MAX, &wave, &err);
    if (r >= 0 && host != NULL && wave_text != NULL)
        r = bl_fail(&err, -EINVAL, "--host and --wave exclude each other");
    if (r < 0)
        return ctl_cli_say_usage("rollback", &err);
    request = json_pack("{s:s, s:s}", "verb", "rollback", "rollout",
                        arguments.count > 0 ? arguments.items[0] : "latest");
    if (host != NULL)
        (void)json_object_set_new(request, "host", json_string(host));
    if (wave_text != NULL)
        (void)json_object_set_new(request, "wave", json_integer((json_int_t)wave));

    return order(
        globals, BL_TAKE_PTR(request),
        "hosts go back to their former state, bad ones first; 'belay watch' looks on. Repeating this "
        "is safe; to have the change again, run the plan again");
}
