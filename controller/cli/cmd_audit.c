/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/values.h"
#include "controller/outside/out.h"

enum {
    LIMIT_MAX = 100000,
};

int ctl_cmd_audit_verify(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"audit verify", NULL, 0, 0, 0};
    struct ctl_cli_arguments arguments;
    CTL_AUTO_JSON *answer = NULL;
    struct bl_error err = {0};
    bool verified;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_cli_ask(globals, json_pack("{s:s, s:i}", "verb", "audit", "limit", 1), &answer, &err) <
        0)
        return ctl_cli_say_failure(globals, &err);
    verified = ctl_json_bool(answer, "verified");
    if (globals->json) {
        ctl_cli_out_answer(answer);
    } else if (verified) {
        (void)printf("%lld rows, the chain is whole, head ",
                     (long long)ctl_json_number(answer, "rows_count"));
        ctl_out_put(stdout, ctl_json_text(answer, "head"));
        (void)fputc('\n', stdout);
    } else {
        (void)printf("the chain is broken at row %lld: somebody changed the audit\n",
                     (long long)ctl_json_number(answer, "broken_at"));
    }

    return verified ? CTL_CLI_DONE : CTL_CLI_ERROR;
}

static void print_rows(const json_t *rows)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *row;
    size_t i;

    ctl_table_begin(&table, 6);
    ctl_table_row(&table, (const char *const[]){"ROW", "AT", "WHO", "VERB", "SUBJECT", "DETAIL"});
    json_array_foreach (rows, i, row) {
        const json_t *desk = json_object_get(row, "desk");
        char seq[24], who[80];

        (void)snprintf(seq, sizeof(seq), "%lld", (long long)ctl_json_number(row, "seq"));
        if (json_is_object(desk))
            (void)snprintf(who, sizeof(who), "desk %.64s", ctl_json_text(desk, "name"));
        else
            (void)snprintf(who, sizeof(who), "%lld", (long long)ctl_json_number(row, "uid"));
        ctl_table_row(&table, (const char *const[]){
                                  seq, ctl_json_text(row, "at"), who, ctl_json_text(row, "verb"),
                                  ctl_json_text(row, "subject"), ctl_json_text(row, "detail")});
    }
    ctl_table_print(&table, stdout, "");
}

int ctl_cmd_audit_log(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *limit_text = NULL;
    const struct ctl_cli_option options[] = {{"limit", CTL_CLI_VALUE, &limit_text}};
    const struct ctl_cli_usage usage = {"audit log", options, 1, 0, 1};
    CTL_AUTO_JSON *answer = NULL, *request = NULL;
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    uint64_t limit = 100;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (limit_text != NULL &&
        ctl_values_number("limit", limit_text, 1, LIMIT_MAX, &limit, &err) < 0)
        return ctl_cli_say_usage("audit log", &err);
    request = json_pack("{s:s, s:I}", "verb", "audit", "limit", (json_int_t)limit);
    if (arguments.count > 0)
        (void)json_object_set_new(request, "rollout", json_string(arguments.items[0]));
    if (ctl_cli_ask(globals, BL_TAKE_PTR(request), &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        ctl_cli_out_answer(answer);
    } else {
        print_rows(json_object_get(answer, "rows"));
    }

    return CTL_CLI_DONE;
}
