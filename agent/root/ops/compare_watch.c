/* SPDX-License-Identifier: Apache-2.0 */
/* What speaks against a host that serves after its change, from one sight of its units to the next. */
#include <string.h>

#include "agent/root/ops/compare.h"

/* One unit that must be up: `before` is what it was, at its first sight if the baseline had none. */
struct sight {
    const struct agent_unit *before;
    const struct agent_unit *now;
    const char *name;
    bool may_end; /* by itself, when nobody asks for it */
    bool *doubted;
};

/* Up, or on its way: what is seen twice in a row is no passing state of a restart any more. */
static void judge_presence(const struct sight *sight, bool was_doubted,
                           struct agent_findings *findings)
{
    const struct agent_unit *before = sight->before, *now = sight->now;
    bool is_up = now != NULL && now->state == AGENT_UNIT_ACTIVE;
    bool has_process = !is_up || before == NULL || before->main_pid == 0 || now->main_pid != 0;

    *sight->doubted = !is_up || !has_process;
    if (!*sight->doubted || !was_doubted)
        return;
    if (!has_process) {
        agent_findings_found(findings, "process_gone", "%s is active without its main process",
                             sight->name);
    } else if (now != NULL) {
        agent_findings_found(findings, "unit_not_up", "%s is %s", sight->name,
                             agent_unit_state_name(now->state));
    } else {
        agent_findings_found(findings, sight->may_end ? "unit_idle" : "unit_stopped",
                             "%s was active and is not", sight->name);
    }
}

static void judge(const struct sight *sight, struct agent_findings *findings)
{
    const struct agent_unit *before = sight->before, *now = sight->now;
    bool was_doubted = *sight->doubted;
    uint64_t restarts = now != NULL ? agent_compare_restarts(before, now) : 0;

    if (now != NULL && now->state == AGENT_UNIT_FAILED) {
        *sight->doubted = true;
        agent_findings_found(findings, "unit_failed", "%s failed", sight->name);
        return;
    }
    if (restarts > AGENT_COMPARE_RESTARTS_OF_A_CRASH) {
        agent_findings_found(findings, "unit_restarts",
                             "%s crashed, and systemd counts %llu restarts of it", sight->name,
                             (unsigned long long)restarts);
    }
    judge_presence(sight, was_doubted, findings);
}

/* That a mount is gone is told by what is mounted: the last look asks. */
static bool is_watched(const struct agent_unit *before)
{
    size_t length = strlen(before->name), suffix = strlen(".mount");

    if (length > suffix && strcmp(before->name + length - suffix, ".mount") == 0)
        return false;

    return before->state == AGENT_UNIT_ACTIVE && !agent_compare_is_exempt(before->name, NULL);
}

static bool is_named(const struct proto_manifest *manifest, const char *unit)
{
    for (uint32_t i = 0; i < manifest->verify_units_count; i++) {
        if (strcmp(manifest->verify_units[i].text, unit) == 0)
            return true;
    }

    return false;
}

void agent_compare_watched(const struct agent_baseline *baseline,
                           const struct proto_manifest *manifest,
                           const struct agent_units_list *now, struct agent_watch_doubts *doubts,
                           struct agent_findings *findings)
{
    for (uint32_t i = 0; i < baseline->units_count; i++) {
        const struct agent_unit *before = &baseline->units[i];
        const struct sight sight = {
            .before = before,
            .now = agent_units_find(now, before->name),
            .name = before->name,
            .may_end =
                agent_compare_may_end(baseline, now, before) && !is_named(manifest, before->name),
            .doubted = &doubts->units[i],
        };

        if (is_watched(before))
            judge(&sight, findings);
    }
    for (uint32_t i = 0; i < manifest->verify_units_count; i++) {
        const char *name = manifest->verify_units[i].text;
        const struct agent_unit *before = agent_baseline_find(baseline, name);
        const struct sight sight = {
            .now = agent_units_find(now, name), .name = name, .doubted = &doubts->plan_units[i]};

        if (before == NULL || !is_watched(before))
            judge(&sight, findings);
    }
}
