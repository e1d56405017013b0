/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/plan/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/path.h"
#include "common/text.h"
#include "common/yaml.h"
#include "controller/plan/schema.h"
#include "proto/manifest.h"

void ctl_plan_add_problem(struct ctl_plan_problems *problems,
                          const struct ctl_plan_problem *problem)
{
    uint32_t at = problems->count;

    if (at == CTL_PLAN_PROBLEMS_MAX) {
        problems->more = true;
        return;
    }
    while (at > 0 && problems->list[at - 1].line > problem->line) {
        problems->list[at] = problems->list[at - 1];
        at--;
    }
    problems->list[at] = *problem;
    problems->count++;
}

void ctl_plan_add_problem_at(struct ctl_plan_problems *problems, const struct bl_yaml_node *node,
                             const char *meant, const char *fmt, ...)
{
    struct ctl_plan_problem record = {.line = node->key != NULL ? node->key_line : node->line};
    va_list args;

    if (node->kind == BL_YAML_SCALAR && node->line > record.line)
        record.line = node->line;
    bl_yaml_path(node, record.field, sizeof(record.field));
    va_start(args, fmt);
    (void)vsnprintf(record.what, sizeof(record.what), fmt, args);
    va_end(args);
    if (meant != NULL)
        (void)snprintf(record.meant, sizeof(record.meant), "%s", meant);
    ctl_plan_add_problem(problems, &record);
}

uint32_t ctl_plan_package_set(const char *word)
{
    if (strcmp(word, "security") == 0)
        return PROTO_SET_SECURITY;

    return strcmp(word, "all") == 0 ? PROTO_SET_ALL : 0;
}

int ctl_plan_check_package(const char *name, const char *version, struct bl_error *err)
{
    static const char *const kernels[] = {"linux-image-*", "kernel", "kernel-core", "kernel-rt*"};
    int r;

    r = ctl_plan_check_package_glob(name, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        if (bl_text_matches(kernels[i], name)) {
            return bl_fail(err, -EINVAL,
                           "'%.80s' is a kernel: upgrades that reboot are not built yet", name);
        }
    }
    if (version == NULL)
        return 0;
    if (version[0] == '\0')
        return bl_fail(err, -EINVAL, "'%.80s=' lacks the version behind the =", name);

    return ctl_plan_check_package_version(version, err);
}

/* Follows "a.b.c" down the tree as far as it goes. */
const struct bl_yaml_node *ctl_plan_find_node(const struct ctl_plan *plan, const char *path)
{
    const struct bl_yaml_node *node = plan->yaml->root;
    const char *at = path;

    while (*at != '\0') {
        char key[CTL_PLAN_FIELD_BYTES_MAX];
        size_t key_bytes = strcspn(at, ".");
        const struct bl_yaml_node *child;

        memcpy(key, at, key_bytes);
        key[key_bytes] = '\0';
        child = node->kind == BL_YAML_MAP ? bl_yaml_find(node, key) : NULL;
        if (child == NULL)
            return node;
        node = child;
        at += key_bytes + (at[key_bytes] == '.' ? 1 : 0);
    }

    return node;
}

static BL_PRINTF(4, 5) void problem(const struct ctl_plan *plan, struct ctl_plan_problems *problems,
                                    const char *path, const char *fmt, ...)
{
    const struct bl_yaml_node *node = ctl_plan_find_node(plan, path);
    struct ctl_plan_problem record = {.line = node->key != NULL ? node->key_line : node->line};
    va_list args;

    (void)snprintf(record.field, sizeof(record.field), "%s", path);
    va_start(args, fmt);
    (void)vsnprintf(record.what, sizeof(record.what), fmt, args);
    va_end(args);
    ctl_plan_add_problem(problems, &record);
}

static bool is_given(const struct ctl_plan *plan, uint32_t given)
{
    return plan->given[given];
}

static void check_samples(const struct ctl_plan *plan, struct ctl_plan_problems *problems)
{
    if (!is_given(plan, CTL_PLAN_GIVEN_EVERY))
        return;
    if (plan->verify.every_ms > PROTO_SAMPLES_EVERY_MS_MAX)
        problem(plan, problems, "verify.every", "is longer than 5m");
    if (is_given(plan, CTL_PLAN_GIVEN_SAMPLES) ? plan->verify.samples == 1 : true)
        problem(plan, problems, "verify.every",
                "needs 'verify.samples' with more than one, such as 3 of 5");
}

static void check_revert_paths(const struct ctl_plan *plan, struct ctl_plan_problems *problems)
{
    const struct ctl_plan_texts *paths = &plan->revert_paths;

    for (uint32_t i = 0; i < paths->count; i++) {
        for (uint32_t j = 0; j < paths->count; j++) {
            if (i != j && bl_path_is_within(paths->items[i], paths->items[j]))
                problem(plan, problems, "change.revert_paths", "'%.60s' lies in '%.60s': drop one",
                        paths->items[i], paths->items[j]);
        }
    }
}

/* Who names a package and excludes it made a mistake in one of both. */
static void check_excluded(const struct ctl_plan *plan, struct ctl_plan_problems *problems)
{
    for (uint32_t i = 0; i < plan->packages_count; i++) {
        for (uint32_t j = 0; j < plan->exclude.count; j++) {
            if (bl_text_matches(plan->exclude.items[j], plan->packages[i].name)) {
                problem(plan, problems, "change.exclude",
                        "'%.80s' excludes '%.80s', which 'packages' names", plan->exclude.items[j],
                        plan->packages[i].name);
            }
        }
    }
}

/* A time that is longer than the watch could never be reached. */
static void check_figures(const struct ctl_plan *plan, struct ctl_plan_problems *problems)
{
    int64_t watch_ms;

    if (plan->risk == 0)
        return;
    watch_ms = is_given(plan, CTL_PLAN_GIVEN_WATCH) ? plan->watch_ms
                                                    : ctl_plan_default_watch_ms(plan->risk);
    for (uint32_t i = 0; i < plan->verify.figures_count; i++) {
        const struct proto_figure_rule *rule = &plan->verify.figures[i];

        if ((int64_t)rule->for_ms >= watch_ms) {
            problem(plan, problems, "verify.figures",
                    "'for' of %s is %llus and 'watch' %llds: it would never be reached",
                    proto_figure_name(rule->figure), (unsigned long long)rule->for_ms / 1000,
                    (long long)watch_ms / 1000);
        }
    }
}

static void check_hooks(const struct ctl_plan *plan, struct ctl_plan_problems *problems)
{
    const struct ctl_plan_severe *severe = &plan->severe;

    if (severe->page_every_ms != 0 && severe->page == NULL)
        problem(plan, problems, "severe.hooks.page_every", "needs 'severe.hooks.page'");
    if (severe->traffic_within_ms != 0 && severe->traffic == NULL)
        problem(plan, problems, "severe.hooks.traffic_within", "needs 'severe.hooks.traffic'");
}

void ctl_plan_check_whole(const struct ctl_plan *plan, struct ctl_plan_problems *problems)
{
    bool keep_is_given =
        is_given(plan, CTL_PLAN_GIVEN_KEEP_GROUPS) || is_given(plan, CTL_PLAN_GIVEN_KEEP_FROM);
    const struct bl_yaml_node *hosts = bl_yaml_find(plan->yaml->root, "hosts");

    if (hosts != NULL && hosts->kind == BL_YAML_MAP && bl_yaml_find(hosts, "match") == NULL &&
        bl_yaml_find(hosts, "list") == NULL)
        problem(plan, problems, "hosts", "names no hosts: needs 'match' or 'list'");
    if (bl_yaml_find(plan->yaml->root, "hosts") != NULL && problems->count == 0 &&
        !ctl_plan_matches(&plan->hosts) && plan->hosts.list.count == 0)
        problem(plan, problems, "hosts.list", "is empty: nothing to upgrade");
    if (plan->ssh.lock && keep_is_given && plan->ssh.keep_groups.count == 0 &&
        plan->ssh.keep_from.count == 0 && problems->count == 0) {
        problem(plan, problems, "ssh_lock.keep",
                "keeps nobody: name a group or an address, or write 'ssh_lock: no'");
    }
    if (is_given(plan, CTL_PLAN_GIVEN_BUDGET) && plan->budget.value == 0 && problems->count == 0)
        problem(plan, problems, "budget", "is 0: no host could ever start");
    if (is_given(plan, CTL_PLAN_GIVEN_SAMPLE) && !plan->sample.share.is_percent)
        problem(plan, problems, "sample.share", "must be a percentage of each wave, such as 10%%");
    check_samples(plan, problems);
    check_revert_paths(plan, problems);
    check_excluded(plan, problems);
    check_figures(plan, problems);
    check_hooks(plan, problems);
    if (is_given(plan, CTL_PLAN_GIVEN_LEASE) && is_given(plan, CTL_PLAN_GIVEN_CHANGE) &&
        plan->ssh.lease_ms < plan->change_within_ms) {
        problem(plan, problems, "ssh_lock.lease",
                "is shorter than 'change_within': SSH would open in mid-change");
    }
}

/* What waits for the traffic is time that people do not have. */
static void check_traffic(const struct ctl_plan *plan, struct ctl_plan_problems *problems)
{
    const int64_t answer_ms = ctl_plan_answer_ms(plan);
    char within[64], most[64];

    if (answer_ms == 0 || plan->severe.traffic_within_ms <= answer_ms / 2)
        return;
    ctl_plan_format_duration(plan->severe.traffic_within_ms, within, sizeof(within));
    ctl_plan_format_duration(answer_ms / 2 / 1000 * 1000, most, sizeof(most));
    problem(plan, problems, "severe.hooks.traffic_within",
            "%s leaves people too little of 'severe.answer_within': at most %s", within, most);
}

void ctl_plan_check_filled(const struct ctl_plan *plan, struct ctl_plan_problems *problems)
{
    const int64_t needed_ms = ctl_plan_job_ms(plan);
    int64_t longest_ms = 0;
    char longest[64], needed[64];

    check_traffic(plan, problems);
    for (uint32_t i = 0; i < plan->windows_count; i++) {
        int64_t for_ms = (int64_t)plan->windows[i].for_minutes * 60 * 1000;

        longest_ms = for_ms > longest_ms ? for_ms : longest_ms;
    }
    if (plan->windows_count == 0 || longest_ms >= needed_ms)
        return;
    ctl_plan_format_duration(longest_ms, longest, sizeof(longest));
    ctl_plan_format_duration(needed_ms, needed, sizeof(needed));
    problem(
        plan, problems, "windows",
        "the longest is %s, and a host may need %s at worst (quiesce.wait, change_within, verify, "
        "twice confirm_within, watch, lost_after)",
        longest, needed);
}

void ctl_plan_format_problem(const char *file, const struct ctl_plan_problem *problem,
                             char *ret_text, size_t text_bytes)
{
    char field[CTL_PLAN_FIELD_BYTES_MAX + 16] = "";

    if (problem->field[0] != '\0')
        (void)snprintf(field, sizeof(field), "field '%s': ", problem->field);
    (void)snprintf(ret_text, text_bytes, "%s:%u: %s%s%s%s%s", file, (unsigned)problem->line, field,
                   problem->what, problem->meant[0] != '\0' ? "; did you mean '" : "",
                   problem->meant, problem->meant[0] != '\0' ? "'?" : "");
}
