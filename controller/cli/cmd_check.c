/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/hooks_view.h"
#include "controller/cli/plan_file.h"
#include "controller/cli/preview.h"
#include "controller/cli/preview_standby.h"
#include "controller/cli/say.h"
#include "controller/cli/weaker_view.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"
#include "proto/finding.h"
#include "proto/manifest.h"
#include "proto/words.h"

static void print_derived(const struct ctl_plan *plan)
{
    CTL_AUTO_TABLE table = {0};

    if (plan->derived_count == 0)
        return;
    (void)puts("\nnot written, so taken as:");
    ctl_table_begin(&table, 2);
    for (uint32_t i = 0; i < plan->derived_count; i++) {
        const struct ctl_plan_derived *derived = &plan->derived[i];
        char value[512];

        (void)snprintf(value, sizeof(value), "%.400s (%.48s)", derived->value, derived->because);
        ctl_table_row(&table, (const char *const[]){derived->field, value});
    }
    ctl_table_print(&table, stdout, "  ");
}

/* A share of failures that leaves none in a wave of known size should be known before the run. */
static void print_rounding(const struct ctl_plan *plan)
{
    for (uint32_t i = 0; i < plan->waves_count; i++) {
        const struct ctl_plan_share *wave = &plan->waves[i];

        if (!plan->failures_allowed.is_percent || plan->failures_allowed.value == 0 ||
            wave->is_percent || wave->is_rest || ctl_plan_failures_allowed(plan, wave->value) > 0)
            continue;
        (void)printf("\nnote: failures_allowed rounds to 0 in wave %u of %u host%s\n",
                     (unsigned)i + 1, (unsigned)wave->value, wave->value == 1 ? "" : "s");
    }
}

static bool is_listed(const struct ctl_plan_texts *list, const char *text)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }

    return false;
}

/* Offline only a list can be looked into; preview and run know all hosts and refuse a wrong name. */
static void print_excluded(const struct ctl_plan *plan)
{
    const struct ctl_plan_texts *exclude = &plan->hosts.exclude;

    for (uint32_t i = 0; !ctl_plan_matches(&plan->hosts) && i < exclude->count; i++) {
        if (!is_listed(&plan->hosts.list, exclude->items[i]))
            (void)printf("\nnote: '%s' of hosts.exclude is not in hosts.list\n", exclude->items[i]);
    }
}

/* What the plan takes more lightly than belay does, the worst above all, is said aloud. */
static bool is_taken_lightly(const struct ctl_plan_grade *rule)
{
    return rule->grade == PROTO_GRADE_IGNORE ||
           rule->grade < (uint32_t)proto_finding_find(rule->code)->grade;
}

static void print_lightly_taken(const struct ctl_plan *plan)
{
    for (uint32_t i = 0; i < plan->verify.grades_count; i++) {
        const struct ctl_plan_grade *rule = &plan->verify.grades[i];

        if (is_taken_lightly(rule)) {
            (void)printf("\nnote: verify.grades: %s: %s instead of %s\n", rule->code,
                         proto_finding_grade_name(rule->grade),
                         proto_grade_name(proto_finding_find(rule->code)->grade));
        }
    }
}

static void print_good(const char *path, const struct ctl_plan *plan)
{
    ctl_out_put(stdout, path);
    (void)printf(": good: plan '%s', risk %s, ", plan->name, proto_risk_name(plan->risk));
    if (plan->package_set == PROTO_SET_NAMED) {
        (void)printf("%u package%s", (unsigned)plan->packages_count,
                     plan->packages_count == 1 ? "" : "s");
    } else {
        (void)printf("%s",
                     plan->package_set == PROTO_SET_SECURITY ? "security updates" : "all packages");
    }
    (void)printf(", %u wave%s\n", (unsigned)plan->waves_count, plan->waves_count == 1 ? "" : "s");
    (void)printf("way back: %s\n", ctl_plan_describe_revert(plan));
    print_derived(plan);
    ctl_windows_print(plan, stdout);
    print_rounding(plan);
    print_excluded(plan);
    print_lightly_taken(plan);
    if (ctl_plan_lacks_standby(plan))
        (void)puts("\nnote: " CTL_LACKS_STANDBY);
    (void)ctl_weaker_print(path, plan, 0, stdout);
}

static json_t *list_lightly_taken(const struct ctl_plan *plan)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < plan->verify.grades_count; i++) {
        const struct ctl_plan_grade *rule = &plan->verify.grades[i];

        if (is_taken_lightly(rule)) {
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s, s:s}", "code", rule->code, "grade",
                                proto_finding_grade_name(rule->grade), "default",
                                proto_grade_name(proto_finding_find(rule->code)->grade)));
        }
    }

    return list;
}

static void out_json(const struct ctl_plan_file *file, bool good, const struct bl_error *err)
{
    json_t *problems = json_array(), *derived = json_array();
    CTL_AUTO_JSON *answer = json_pack("{s:s, s:b, s:o, s:o}", "file", file->path, "good", good,
                                      "problems", problems, "derived", derived);

    if (good) {
        (void)json_object_set_new(answer, "taken_lightly", list_lightly_taken(file->plan));
        (void)json_object_set_new(answer, "lacks_standby",
                                  json_boolean(ctl_plan_lacks_standby(file->plan)));
        (void)json_object_set_new(answer, "weaker", ctl_weaker_to_json(file->plan, 0));
    }

    for (uint32_t i = 0; i < file->problems->count; i++) {
        const struct ctl_plan_problem *problem = &file->problems->list[i];

        (void)json_array_append_new(problems,
                                    json_pack("{s:i, s:s, s:s, s:s}", "line", (int)problem->line,
                                              "field", problem->field, "problem", problem->what,
                                              "suggestion", problem->meant));
    }
    if (!good && file->problems->count == 0) {
        (void)json_array_append_new(problems, json_pack("{s:n, s:s, s:s, s:s}", "line", "field", "",
                                                        "problem", err->text, "suggestion", ""));
    }
    for (uint32_t i = 0; good && i < file->plan->derived_count; i++) {
        const struct ctl_plan_derived *row = &file->plan->derived[i];

        (void)json_array_append_new(derived,
                                    json_pack("{s:s, s:s, s:s}", "field", row->field, "value",
                                              row->value, "because", row->because));
    }
    ctl_out_json(answer, stdout);
}

int ctl_cmd_check(struct ctl_cli_globals *globals, int argc, char **argv)
{
    bool quiet = false;
    const struct ctl_cli_option options[] = {{"quiet", CTL_CLI_FLAG, &quiet}};
    const struct ctl_cli_usage usage = {"check", options, 1, 1, 1};
    CTL_AUTO_PLAN_FILE file = {0};
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    bool is_known = true;
    int r;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    r = ctl_plan_file_load(arguments.items[0], globals->json, &file, &err);
    if (r >= 0)
        r = ctl_hooks_look(globals, file.plan, &is_known, &err);
    if (globals->json && file.problems != NULL) {
        out_json(&file, r >= 0, &err);
        return r < 0 ? CTL_CLI_ERROR : CTL_CLI_DONE;
    }
    if (r < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (!quiet)
        print_good(arguments.items[0], file.plan);
    if (!quiet && !is_known)
        (void)puts("\nnote: whether the controller has the programs of severe.hooks is told by "
                   "'belay preview'");

    return CTL_CLI_DONE;
}
