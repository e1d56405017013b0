/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/values.h"
#include "controller/outside/out.h"

static void print_leases(const json_t *leases)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *lease;
    size_t i;

    if (json_array_size(leases) == 0) {
        (void)puts("nothing is switched off anywhere");
        return;
    }
    ctl_table_begin(&table, 5);
    ctl_table_row(&table,
                  (const char *const[]){"HOST", "LEASE", "ROLLOUT", "SINCE", "ENDS AT LATEST"});
    json_array_foreach (leases, i, lease)
        ctl_table_row(&table, (const char *const[]){
                                  ctl_json_text(lease, "host"), ctl_json_text(lease, "lease"),
                                  ctl_json_text(lease, "rollout"), ctl_json_text(lease, "since"),
                                  ctl_json_text(lease, "ends_at_latest")});
    ctl_table_print(&table, stdout, "");
}

int ctl_cmd_leases(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct ctl_cli_values match_values = {0};
    const struct ctl_cli_option options[] = {{"match", CTL_CLI_VALUES, &match_values}};
    const struct ctl_cli_usage usage = {"leases", options, 1, 0, 0};
    CTL_AUTO_JSON *answer = NULL, *request = ctl_values_request("leases");
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_values_match(&match_values, request, &err) < 0)
        return ctl_cli_say_usage("leases", &err);
    if (ctl_cli_ask(globals, BL_TAKE_PTR(request), &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        ctl_cli_out_answer(answer);
    } else {
        print_leases(json_object_get(answer, "leases"));
    }

    return CTL_CLI_DONE;
}
