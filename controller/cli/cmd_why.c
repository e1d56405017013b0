/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/outside/out.h"

static void print_facts(const json_t *facts)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *fact;
    size_t i;

    if (json_array_size(facts) == 0)
        return;
    ctl_table_begin(&table, 2);
    json_array_foreach (facts, i, fact) {
        const char *name = json_string_value(json_array_get(fact, 0));
        const char *text = json_string_value(json_array_get(fact, 1));

        ctl_table_row(&table, (const char *const[]){name, text});
    }
    ctl_table_print(&table, stdout, "  ");
}

/* Each by itself: the reason above is cut when there are many. */
static void print_findings(const json_t *findings)
{
    const json_t *finding;
    size_t i;

    json_array_foreach (findings, i, finding) {
        const char *grade = ctl_json_text(finding, "grade");

        (void)fputs("  found by ", stdout);
        ctl_out_put(stdout, ctl_json_text(finding, "step"));
        (void)fputs(", ", stdout);
        ctl_out_put(stdout, grade[0] != '\0' ? grade : "no fault");
        (void)fputs(" (", stdout);
        ctl_out_put(stdout, ctl_json_text(finding, "code"));
        (void)fputs("): ", stdout);
        ctl_out_put(stdout, ctl_json_text(finding, "reason"));
        (void)fputc('\n', stdout);
    }
}

static void print_why(const json_t *answer)
{
    const char *next = ctl_json_text(answer, "next");

    ctl_out_put(stdout, ctl_json_text(answer, "kind"));
    (void)fputc(' ', stdout);
    ctl_out_put(stdout, ctl_json_text(answer, "name"));
    (void)fputs(" is ", stdout);
    ctl_out_put(stdout, ctl_json_text(answer, "state"));
    (void)fputs(" (", stdout);
    ctl_out_put(stdout, ctl_json_text(answer, "code"));
    (void)fputs("): ", stdout);
    ctl_out_put(stdout, ctl_json_text(answer, "reason"));
    (void)fputc('\n', stdout);
    print_facts(json_object_get(answer, "facts"));
    print_findings(json_object_get(answer, "findings"));
    if (next[0] != '\0') {
        (void)fputs("next: ", stdout);
        ctl_out_put(stdout, next);
        (void)fputc('\n', stdout);
    }
}

int ctl_cmd_why(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"why", NULL, 0, 0, 1};
    CTL_AUTO_JSON *answer = NULL;
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_cli_ask(globals,
                    json_pack("{s:s, s:s}", "verb", "why", "subject",
                              arguments.count > 0 ? arguments.items[0] : "latest"),
                    &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        ctl_cli_out_answer(answer);
    } else {
        print_why(answer);
    }

    return CTL_CLI_DONE;
}
