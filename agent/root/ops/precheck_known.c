/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/lease/ssh_lock.h"
#include "agent/root/modules.h"
#include "agent/root/ops/precheck.h"
#include "common/file.h"

enum {
    CLOCK_OFFSET_MS_MAX = 10 * 60 * 1000,
    FAILED_UNITS_MAX = 16, /* each by itself; the rest is counted */
    MODULES_BYTES = 384,
};

#define BLOCKS PROTO_GRADE_FUNCTIONAL
#define WARNS  PROTO_GRADE_MINOR

static void check_packages(const struct agent_txn_result *stage, struct agent_findings *inhibitors)
{
    if (!stage->audit_clean) {
        agent_findings_add(inhibitors, BLOCKS, "package_database_broken",
                           "a package is half installed -> `dpkg --audit` or `dnf check "
                           "--duplicates` names it; repair it, then try again");
    }
    if (!stage->way_back_complete) {
        agent_findings_add(inhibitors, BLOCKS, "no_way_back",
                           "the way back is not complete -> see the notes of the staging");
    }
    for (uint32_t i = 0; i < stage->findings_count; i++) {
        agent_findings_add(inhibitors, BLOCKS, stage->findings[i].code, "%s -> %s",
                           stage->findings[i].reason, stage->findings[i].remedy);
    }
}

static void check_unit(const struct agent_baseline *baseline, const char *name, const char *list,
                       struct agent_findings *inhibitors)
{
    const struct agent_unit *unit = agent_baseline_find(baseline, name);

    if (unit != NULL && unit->state == AGENT_UNIT_ACTIVE)
        return;
    agent_findings_add(inhibitors, BLOCKS, "unit_not_healthy",
                       "%s is %s already -> start it, or take it out of the plan's %s", name,
                       unit == NULL ? "inactive" : agent_unit_state_name(unit->state), list);
}

static void check_units(const struct agent_precheck_known *known, struct agent_findings *inhibitors)
{
    const struct proto_manifest *manifest = known->manifest;

    for (uint32_t i = 0; i < manifest->precheck_units_count; i++) {
        check_unit(known->baseline, manifest->precheck_units[i].text, "precheck.units", inhibitors);
    }
    for (uint32_t i = 0; i < manifest->verify_units_count; i++) {
        bool twice = false;

        for (uint32_t j = 0; j < manifest->precheck_units_count; j++) {
            twice = twice ||
                    strcmp(manifest->precheck_units[j].text, manifest->verify_units[i].text) == 0;
        }
        if (!twice) {
            check_unit(known->baseline, manifest->verify_units[i].text, "verify.units", inhibitors);
        }
    }
}

/* They are in the baseline: that they are still failed afterwards proves nothing. */
static void list_failed_units(const struct agent_baseline *baseline,
                              struct agent_findings *warnings)
{
    unsigned failed = 0;

    for (uint32_t i = 0; i < baseline->units_count; i++) {
        const struct agent_unit *unit = &baseline->units[i];

        if (unit->state != AGENT_UNIT_FAILED || agent_compare_is_exempt(unit->name, NULL))
            continue;
        if (++failed <= FAILED_UNITS_MAX) {
            agent_findings_add(warnings, WARNS, "unit_failed_before",
                               "%s had failed before -> `systemctl status %s`", unit->name,
                               unit->name);
        }
    }
    if (failed > FAILED_UNITS_MAX) {
        agent_findings_add(warnings, WARNS, "unit_failed_before",
                           "%u more units had failed before -> `systemctl --failed`",
                           failed - FAILED_UNITS_MAX);
    }
}

static void check_clock(const struct agent_host *host, struct agent_findings *inhibitors)
{
    if (!host->clock_known || (host->clock_offset_ms <= CLOCK_OFFSET_MS_MAX &&
                               host->clock_offset_ms >= -CLOCK_OFFSET_MS_MAX))
        return;
    agent_findings_add(inhibitors, BLOCKS, "clock_wrong",
                       "this host's clock is %lld s away from the controller's -> set the clock "
                       "(systemd-timesyncd, chrony)",
                       (long long)(host->clock_offset_ms / 1000));
}

static void check_revert_class(const struct proto_manifest *manifest,
                               struct agent_findings *inhibitors)
{
    if (manifest->revert_class != PROTO_REVERT_MACHINE)
        return;
    agent_findings_add(inhibitors, BLOCKS, "revert_class",
                       "the plan asks for a way back by %s, this host has packages and filesystem "
                       "-> change `revert` in the plan",
                       proto_revert_class_name(manifest->revert_class));
}

static void check_ssh_lock(const struct agent_precheck_known *known,
                           struct agent_findings *inhibitors)
{
    struct agent_lease_outcome outcome;
    struct bl_error ignored = {0};

    if (!known->manifest->ssh_lock ||
        agent_ssh_lock_check(known->host->places, known->manifest, &outcome, &ignored) >= 0)
        return;
    agent_findings_add(inhibitors, BLOCKS, outcome.code, "%s", outcome.reason);
}

static void check_modules(const struct agent_precheck_known *known,
                          struct agent_findings *inhibitors, struct agent_findings *warnings)
{
    bool blocks = known->manifest->precheck_block_modules;
    struct bl_error err = {0};
    char names[MODULES_BYTES];
    int count = agent_modules_list_foreign("/sys/module", names, sizeof(names), &err);

    if (count < 0) {
        agent_findings_add(blocks ? inhibitors : warnings, blocks ? BLOCKS : WARNS,
                           "modules_unknown", "%s -> check /sys", err.text);
    } else if (count > 0) {
        agent_findings_add(blocks ? inhibitors : warnings, blocks ? BLOCKS : WARNS,
                           "foreign_modules",
                           "%d third-party kernel module(s) are loaded: %s -> see that each "
                           "still works afterwards",
                           count, names);
    }
}

/* It would relabel and reboot by itself at the next boot, in the middle of whatever goes on then. */
static void check_relabel(struct agent_findings *inhibitors)
{
    struct bl_error err = {0};

    if (bl_file_exists(AT_FDCWD, "/.autorelabel", &err) > 0) {
        agent_findings_add(
            inhibitors, BLOCKS, "selinux_relabel",
            "SELinux is to relabel all files at the next boot, which then boots once "
            "more -> reboot now, or remove /.autorelabel");
    }
}

void agent_precheck_known(const struct agent_precheck_known *known,
                          struct agent_findings *inhibitors, struct agent_findings *warnings)
{
    check_packages(known->stage, inhibitors);
    check_units(known, inhibitors);
    check_clock(known->host, inhibitors);
    check_revert_class(known->manifest, inhibitors);
    check_ssh_lock(known, inhibitors);
    check_relabel(inhibitors);
    check_modules(known, inhibitors, warnings);
    list_failed_units(known->baseline, warnings);
}

void agent_precheck_containers(const struct proto_manifest *manifest,
                               const struct agent_containers *containers,
                               struct agent_findings *inhibitors)
{
    for (uint32_t i = 0; i < containers->silent_count; i++) {
        agent_findings_add(inhibitors, BLOCKS, "containers_unknown",
                           "%s does not tell its containers: %s -> start it, or take "
                           "precheck.containers out of the plan",
                           agent_errand_engine_name(containers->silent[i].engine),
                           containers->silent[i].why);
    }
    for (uint32_t i = 0; i < manifest->precheck_containers_count; i++) {
        const char *name = manifest->precheck_containers[i].text;
        const struct agent_errand_container *container = agent_containers_find(containers, 0, name);

        if (container != NULL && agent_containers_is_good(container))
            continue;
        agent_findings_add(inhibitors, BLOCKS, "container_not_healthy",
                           "container %s is %s -> start it, or take it out of precheck.containers",
                           name,
                           container == NULL ? "not there"
                           : container->state != AGENT_ERRAND_RUNNING
                               ? "not running"
                               : agent_errand_health_name(container->health));
    }
}
