/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/values.h"
#include "controller/outside/out.h"

/* belay freeze, unfreeze */

#define FOR_MS_MAX (INT64_C(366) * 24 * 3600 * 1000)

static void print_freeze(const json_t *freeze)
{
    const char *until = ctl_json_text(freeze, "until"), *reason = ctl_json_text(freeze, "reason");

    if (!json_is_object(freeze)) {
        (void)puts("no change freeze");
        return;
    }
    (void)fputs("change freeze since ", stdout);
    ctl_out_put(stdout, ctl_json_text(freeze, "since"));
    (void)fputs(until[0] != '\0' ? ", until " : ", until 'belay unfreeze'", stdout);
    ctl_out_put(stdout, until);
    (void)fputs(reason[0] != '\0' ? ": " : "", stdout);
    ctl_out_put(stdout, reason);
    (void)fputc('\n', stdout);
}

static int ask(struct ctl_cli_globals *globals, json_t *request, const char *next)
{
    CTL_AUTO_JSON *answer = NULL;
    struct bl_error err = {0};

    if (ctl_cli_ask(globals, request, &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json)
        ctl_cli_out_answer(answer);
    else
        print_freeze(json_object_get(answer, "freeze"));
    ctl_cli_say_next("%s", next);

    return CTL_CLI_DONE;
}

int ctl_cmd_freeze(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *for_text = NULL, *reason = NULL;
    const struct ctl_cli_option options[] = {
        {"for", CTL_CLI_VALUE, &for_text},
        {"reason", CTL_CLI_VALUE, &reason},
    };
    const struct ctl_cli_usage usage = {"freeze", options, 2, 0, 0};
    CTL_AUTO_JSON *request = ctl_values_request("freeze");
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    int64_t for_ms = 0;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (for_text != NULL && ctl_values_duration("for", for_text, FOR_MS_MAX, &for_ms, &err) < 0)
        return ctl_cli_say_usage("freeze", &err);
    if (for_ms > 0)
        (void)json_object_set_new(request, "for_ms", json_integer(for_ms));
    if (reason != NULL)
        (void)json_object_set_new(request, "reason", json_string(reason));

    return ask(
        globals, BL_TAKE_PTR(request),
        "no rollout starts any host; hosts under way go on to their end, and 'belay rollback' "
        "works. 'belay unfreeze' lets them go on");
}

int ctl_cmd_unfreeze(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"unfreeze", NULL, 0, 0, 0};
    struct ctl_cli_arguments arguments;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;

    return ask(
        globals, ctl_values_request("unfreeze"),
        "rollouts go on with the next hosts when it is their turn; 'belay freeze' holds them "
        "again");
}
