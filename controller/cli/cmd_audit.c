/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/values.h"
#include "controller/outside/out.h"

enum {
    LIMIT_MAX = 100000,
};

/* What does not fit, and how many were compared; `only`: of that host. The number of broken ones. */
static unsigned print_heads(const json_t *hosts, const char *only, unsigned *ret_found)
{
    unsigned broken = 0, compared = 0;
    const json_t *host;
    size_t i;

    *ret_found = 0;
    json_array_foreach (hosts, i, host) {
        const char *name = ctl_json_text(host, "name"), *what = ctl_json_text(host, "broken");

        if (only != NULL && strcmp(only, name) != 0 && strcmp(only, ctl_json_text(host, "id")) != 0)
            continue;
        (*ret_found)++;
        compared += ctl_json_number(host, "rows") > 0 ? 1 : 0;
        if (what[0] == '\0')
            continue;
        broken++;
        ctl_out_put(stdout, name);
        (void)fputs(" (", stdout);
        ctl_out_put(stdout, ctl_json_text(host, "broken_at"));
        (void)fputs("): ", stdout);
        ctl_out_put(stdout, what);
        (void)fputc('\n', stdout);
    }
    (void)printf("%u of %u hosts told the head of their audit, %u do not fit\n", compared,
                 *ret_found, broken);

    return broken;
}

static void print_chain(const json_t *answer)
{
    if (ctl_json_bool(answer, "verified")) {
        (void)printf("%lld rows, the chain is whole, head ",
                     (long long)ctl_json_number(answer, "rows_count"));
        ctl_out_put(stdout, ctl_json_text(answer, "head"));
        (void)fputc('\n', stdout);
    } else {
        (void)printf("the chain is broken at row %lld: somebody changed the audit\n",
                     (long long)ctl_json_number(answer, "broken_at"));
    }
}

/* Of `only`, or of all. A host that is not there is not in order. */
static bool is_any_broken(const json_t *hosts, const char *only)
{
    bool is_found = only == NULL;
    const json_t *host;
    size_t i;

    json_array_foreach (hosts, i, host) {
        if (only != NULL && strcmp(only, ctl_json_text(host, "name")) != 0 &&
            strcmp(only, ctl_json_text(host, "id")) != 0)
            continue;
        is_found = true;
        if (ctl_json_text(host, "broken")[0] != '\0')
            return true;
    }

    return !is_found;
}

int ctl_cmd_audit_verify(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"audit verify", NULL, 0, 0, 1};
    struct ctl_cli_arguments arguments;
    CTL_AUTO_JSON *answer = NULL;
    const char *only = NULL;
    struct bl_error err = {0};
    unsigned broken, found = 0;
    bool verified;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (arguments.count > 0)
        only = arguments.items[0];
    if (ctl_cli_ask(globals,
                    json_pack("{s:s, s:i, s:b}", "verb", "audit", "limit", 1, "heads", true),
                    &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    verified = ctl_json_bool(answer, "verified");
    if (globals->json) {
        ctl_cli_out_answer(answer);
        return verified && !is_any_broken(json_object_get(answer, "hosts"), only) ? CTL_CLI_DONE
                                                                                  : CTL_CLI_ERROR;
    }
    print_chain(answer);
    broken = print_heads(json_object_get(answer, "hosts"), only, &found);
    if (only != NULL && found == 0) {
        (void)fprintf(stderr, "there is no host '%s': 'belay hosts' lists them\n", only);
        return CTL_CLI_ERROR;
    }
    if (broken > 0)
        ctl_cli_say_next(
            "'belay audit log' has them as audit.broken. Was a backup or a snapshot "
            "restored? Then 'belay audit accept HOST'; else somebody had the log in hands");

    return verified && broken == 0 ? CTL_CLI_DONE : CTL_CLI_ERROR;
}

int ctl_cmd_audit_accept(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"audit accept", NULL, 0, 1, 1};
    struct ctl_cli_arguments arguments;
    CTL_AUTO_JSON *answer = NULL;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_cli_ask(globals,
                    json_pack("{s:s, s:s}", "verb", "audit.accept", "host", arguments.items[0]),
                    &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json)
        ctl_cli_out_answer(answer);
    else
        (void)puts(ctl_json_bool(answer, "cleared") ? "accepted; what was found stays in the audit"
                                                    : "there was nothing that did not fit");

    return CTL_CLI_DONE;
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

/* A document a line: JSON escapes whatever would break one. */
int ctl_cmd_audit_export(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *limit_text = NULL;
    const struct ctl_cli_option options[] = {{"limit", CTL_CLI_VALUE, &limit_text}};
    const struct ctl_cli_usage usage = {"audit export", options, 1, 0, 0};
    struct ctl_cli_arguments arguments;
    CTL_AUTO_JSON *answer = NULL;
    uint64_t limit = LIMIT_MAX;
    struct bl_error err = {0};
    const json_t *row;
    size_t i;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (limit_text != NULL &&
        ctl_values_number("limit", limit_text, 1, LIMIT_MAX, &limit, &err) < 0)
        return ctl_cli_say_usage("audit export", &err);
    if (ctl_cli_ask(globals, json_pack("{s:s, s:I}", "verb", "audit", "limit", (json_int_t)limit),
                    &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    json_array_foreach (json_object_get(answer, "rows"), i, row) {
        if (json_dumpf(row, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) < 0)
            return CTL_CLI_ERROR;
        (void)fputc('\n', stdout);
    }

    if (limit_text == NULL && ctl_json_number(answer, "rows_count") > LIMIT_MAX) {
        (void)fprintf(stderr, "only the newest %d of %lld rows\n", LIMIT_MAX,
                      (long long)ctl_json_number(answer, "rows_count"));
        return CTL_CLI_ERROR;
    }

    return fflush(stdout) == 0 ? CTL_CLI_DONE : CTL_CLI_ERROR;
}
