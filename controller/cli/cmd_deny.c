/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/values.h"
#include "controller/outside/out.h"

/* belay deny list, add, lift */

static void print_denied(const json_t *denied)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *row;
    size_t i;

    if (json_array_size(denied) == 0) {
        (void)puts("no version of any package is denied");
        return;
    }
    ctl_table_begin(&table, 4);
    ctl_table_row(&table, (const char *const[]){"PACKAGE", "ROLLOUT", "SINCE", "CAUSE"});
    json_array_foreach (denied, i, row) {
        const char *rollout = ctl_json_text(row, "rollout");
        char package[320];

        (void)snprintf(package, sizeof(package), "%s=%s", ctl_json_text(row, "package"),
                       ctl_json_text(row, "version"));
        ctl_table_row(&table, (const char *const[]){package, rollout[0] != '\0' ? rollout : "-",
                                                    ctl_json_text(row, "since"),
                                                    ctl_json_text(row, "cause")});
    }
    ctl_table_print(&table, stdout, "");
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
        print_denied(json_object_get(answer, "denied"));
    if (next != NULL)
        ctl_cli_say_next("%s", next);

    return CTL_CLI_DONE;
}

int ctl_cmd_deny_list(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"deny list", NULL, 0, 0, 0};
    struct ctl_cli_arguments arguments;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;

    return ask(globals, ctl_values_request("deny.list"), NULL);
}

/* "NAME=VERSION" into a request. */
static int add_package(json_t *request, const char *text, struct bl_error *err)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text || equals[1] == '\0')
        return bl_fail(err, -EINVAL, "'%.60s' is not NAME=VERSION, as 'belay deny list' shows it",
                       text);
    (void)json_object_set_new(request, "package", json_stringn(text, (size_t)(equals - text)));
    (void)json_object_set_new(request, "version", json_string(equals + 1));

    return 0;
}

int ctl_cmd_deny_add(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *reason = NULL;
    const struct ctl_cli_option options[] = {{"reason", CTL_CLI_VALUE, &reason}};
    const struct ctl_cli_usage usage = {"deny add", options, 1, 1, 1};
    CTL_AUTO_JSON *request = ctl_values_request("deny.add");
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (add_package(request, arguments.items[0], &err) < 0)
        return ctl_cli_say_usage("deny add", &err);
    if (reason != NULL)
        (void)json_object_set_new(request, "reason", json_string(reason));

    return ask(globals, BL_TAKE_PTR(request),
               "no new rollout installs it; those under way go on. 'belay deny lift' undoes this");
}

int ctl_cmd_deny_lift(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *rollout = NULL;
    const struct ctl_cli_option options[] = {{"rollout", CTL_CLI_VALUE, &rollout}};
    const struct ctl_cli_usage usage = {"deny lift", options, 1, 0, 1};
    CTL_AUTO_JSON *request = ctl_values_request("deny.lift");
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if ((rollout != NULL) == (arguments.count == 1)) {
        (void)bl_fail(&err, -EINVAL, "name either NAME=VERSION or --rollout ROLLOUT");
        return ctl_cli_say_usage("deny lift", &err);
    }
    if (rollout == NULL && add_package(request, arguments.items[0], &err) < 0)
        return ctl_cli_say_usage("deny lift", &err);
    if (rollout != NULL)
        (void)json_object_set_new(request, "rollout", json_string(rollout));

    return ask(globals, BL_TAKE_PTR(request),
               "it may be installed again; 'belay deny add NAME=VERSION' denies it anew");
}
