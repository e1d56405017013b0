/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/lease/ssh_lock.h"
#include "agent/root/mounts.h"
#include "agent/root/ops/baseline.h"
#include "agent/root/ops/compare.h"
#include "common/file.h"

/*
 * PRECHECK: is there a reason not to begin? Each finding is a sentence with its remedy. Everything
 * in here only looks, and blocks the job while nothing was touched yet.
 */
enum {
    CLOCK_OFFSET_MS_MAX = 10 * 60 * 1000,
    RESERVE_BYTES = 128 * 1024 * 1024, /* dpkg holds old and new files of a package at a time */
    BOOT_RESERVE_BYTES = 32 * 1024 * 1024,
    STATE_RESERVE_BYTES = 16 * 1024 * 1024, /* journal and records, on a file system of its own */
    FILES_RESERVE = 2000,
    MOUNTINFO_BYTES_MAX = 1024 * 1024,
};

static void block(struct agent_findings *findings, const char *code, const char *what,
                  const char *remedy)
{
    agent_findings_add(findings, PROTO_GRADE_FUNCTIONAL, code, "%s -> %s", what, remedy);
}

/* ---- room -------------------------------------------------------------------------------- */

static void check_room(const char *path, uint64_t needed_bytes, struct agent_findings *findings)
{
    struct statvfs room;
    uint64_t free_bytes;
    char what[160];

    if (statvfs(path, &room) < 0) {
        if (errno == ENOENT)
            return; /* no /boot of its own */
        (void)snprintf(what, sizeof(what), "%s cannot be looked at: %s", path, strerror(errno));
        block(findings, "room_unknown", what, "check this file system");
        return;
    }
    free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    if (free_bytes < needed_bytes) {
        (void)snprintf(what, sizeof(what), "%s has %llu MiB free of %llu MiB that it may take",
                       path, (unsigned long long)(free_bytes >> 20),
                       (unsigned long long)(needed_bytes >> 20));
        block(findings, "no_room", what,
              "make room, for instance with `apt-get clean` or `dnf clean all`");
    }
    if (room.f_files > 0 && room.f_favail < FILES_RESERVE) {
        (void)snprintf(what, sizeof(what), "%s has room for only %llu more files", path,
                       (unsigned long long)room.f_favail);
        block(findings, "no_room", what, "remove files");
    }
}

static void check_read_only(const char *const *paths, size_t path_count,
                            struct agent_findings *findings)
{
    BL_AUTO_FREE char *mountinfo = NULL;
    struct bl_error err = {0};
    size_t bytes = 0;
    char what[160];
    int r;

    r = bl_file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_BYTES_MAX, &mountinfo, &bytes,
                     &err);
    for (size_t i = 0; r >= 0 && i < path_count; i++) {
        r = agent_mounts_is_read_only(mountinfo, paths[i], &err);
        if (r > 0) {
            (void)snprintf(what, sizeof(what), "the file system of %s is read-only", paths[i]);
            block(findings, "read_only", what, "find out why, then remount it");
        }
    }
    if (r < 0)
        block(findings, "mounts_unknown", err.text, "check /proc/self/mountinfo");
}

static void check_disks(const char *state_dir, const struct agent_work *work,
                        const struct agent_txn_result *stage, struct agent_findings *findings)
{
    static const char *const paths[] = {"/", "/usr", "/var", "/boot"};
    uint64_t growth_bytes = stage->installed_bytes > 0 ? (uint64_t)stage->installed_bytes : 0;
    bool kernel = agent_order_risk(&work->manifest) == PROTO_RISK_HIGH;

    /* The download and the way back lie on disk already: staging put them there. */
    check_room("/", growth_bytes + RESERVE_BYTES, findings);
    check_room("/usr", growth_bytes + RESERVE_BYTES, findings);
    check_room("/var", growth_bytes + RESERVE_BYTES, findings);
    check_room(state_dir, STATE_RESERVE_BYTES, findings);
    check_room("/boot", kernel ? growth_bytes + BOOT_RESERVE_BYTES : 0, findings);
    check_read_only(paths, sizeof(paths) / sizeof(paths[0]), findings);
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void check_packages(const struct agent_txn_result *stage, struct agent_findings *findings)
{
    if (!stage->audit_clean) {
        block(findings, "package_database_broken", "a package is half installed",
              "`dpkg --audit` or `dnf check --duplicates` names it; repair it, then try again");
    }
    if (!stage->way_back_complete) {
        block(findings, "no_way_back", "the way back is not complete",
              "see the notes of the staging");
    }
    for (uint32_t i = 0; i < stage->findings_count; i++) {
        block(findings, stage->findings[i].code, stage->findings[i].reason,
              stage->findings[i].remedy);
    }
}

static void check_units(const struct agent_work *work, const struct agent_baseline *baseline,
                        struct agent_findings *findings)
{
    for (uint32_t i = 0; i < work->manifest.verify_units_count; i++) {
        const char *name = work->manifest.verify_units[i].text;
        const struct agent_unit *unit = agent_baseline_find(baseline, name);
        char what[320];

        if (unit != NULL && unit->state == AGENT_UNIT_ACTIVE)
            continue;
        (void)snprintf(what, sizeof(what), "%s of the plan is %s already", name,
                       unit == NULL ? "inactive" : agent_unit_state_name(unit->state));
        block(findings, "unit_not_healthy", what,
              "start it, or take it out of the plan's verify list");
    }
}

static void check_clock(const struct agent_host *host, struct agent_findings *findings)
{
    char what[160];

    if (!host->clock_known || (host->clock_offset_ms <= CLOCK_OFFSET_MS_MAX &&
                               host->clock_offset_ms >= -CLOCK_OFFSET_MS_MAX))
        return;
    (void)snprintf(what, sizeof(what), "this host's clock is %lld s away from the controller's",
                   (long long)(host->clock_offset_ms / 1000));
    block(findings, "clock_wrong", what, "set the clock (systemd-timesyncd, chrony)");
}

static void check_revert_class(const struct agent_work *work, struct agent_findings *findings)
{
    char what[160];

    if (work->manifest.revert_class == PROTO_REVERT_PACKAGES)
        return;
    (void)snprintf(what, sizeof(what), "the plan asks for a way back by %s, this host has packages",
                   proto_revert_class_name(work->manifest.revert_class));
    block(findings, "revert_class", what, "change `revert` in the plan");
}

/* It is taken when the job starts; that it could not be is told while nothing was touched. */
static void check_ssh_lock(const struct agent_host *host, const struct agent_work *work,
                           struct agent_findings *findings)
{
    struct agent_lease_outcome outcome;
    struct bl_error ignored = {0};

    if (!work->manifest.ssh_lock ||
        agent_ssh_lock_check(host->places, &work->manifest, &outcome, &ignored) >= 0)
        return;
    agent_findings_add(findings, PROTO_GRADE_FUNCTIONAL, outcome.code, "%s", outcome.reason);
}

static int start(struct agent_op_run *run, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_findings findings = {0};
    struct agent_baseline baseline;
    struct agent_txn_result stage;
    int r;

    r = agent_txn_result_load(run->work->dir_fd, AGENT_TXN_STAGE, &arena, &stage, err);
    if (r >= 0)
        r = agent_baseline_load(run->work->dir_fd, &arena, &baseline, err);
    if (r < 0)
        return r;

    check_packages(&stage, &findings);
    check_disks(run->host->state_dir, run->work, &stage, &findings);
    check_units(run->work, &baseline, &findings);
    check_clock(run->host, &findings);
    check_revert_class(run->work, &findings);
    check_ssh_lock(run->host, run->work, &findings);

    if (findings.count == 0) {
        agent_op_succeed(run, "nothing speaks against it");
    } else {
        agent_op_end(run, PROTO_RESULT_FAILED, 0, findings.code, findings.text);
    }
    return 0;
}

const struct agent_op agent_op_precheck = {PROTO_STEP_PRECHECK, 0, start, NULL};
