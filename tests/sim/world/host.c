/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated hosts as machines: power, boots, snapshots, and what is true of them.
 */
#include "tests/sim/world/host.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "tests/sim/world/controller.h"
#include "tests/sim/world/hosts.h"
#include "tests/sim/world/net.h"
#include "tests/sim/world/wraps.h"

enum {
    POWER_MS_MIN = 2 * 1000, /* until the power is back and the kernel runs */
    POWER_MS_MAX = 10 * 60 * 1000,
    BOOT_BREAKS_MS_MAX = 60 * 1000,
    SERVICES_MS_MIN = 200, /* from the kernel to belay-lease-boot, and from there to the agent */
    SERVICES_MS_MAX = 20 * 1000,
    STOP_MS_MAX = 15 * 60 * 1000, /* TimeoutStopSec of belay-txn@.service */
    STOP_LOOK_MS = 1000,
    CALM_LOOK_MS = 10 * 60 * 1000,
    BROKEN_BOOTS_MAX = 5,
};

static struct {
    struct sim_host *list;
    uint32_t count;
} hosts;

struct sim_host *sim_host(uint32_t index)
{
    SIM_LAW(index < hosts.count, "there is no host %u", index);

    return &hosts.list[index];
}

struct sim_host *sim_here(void)
{
    SIM_LAW(sim_current != NULL, "code of a host runs nowhere");

    return sim_host(sim_current->machine);
}

int __wrap_bl_boot_id_read(char ret_boot_id[BL_BOOT_ID_BYTES], struct bl_error *err)
{
    bl_text_copy(ret_boot_id, BL_BOOT_ID_BYTES, sim_machine(sim_current->machine)->boot_id);

    return 0;
}

/* ---- truth ---- */

const uint8_t *sim_host_id(uint32_t host)
{
    return sim_host(host)->id;
}

void sim_host_note_staged(struct sim_host *h, const struct sim_job_dir *dir)
{
    struct sim_staged *staged = NULL;

    for (size_t i = 0; i < h->staged_count && staged == NULL; i++) {
        if (memcmp(h->staged[i].rollout_id, dir->rollout_id, PROTO_ROLLOUT_ID_BYTES) == 0)
            staged = &h->staged[i];
    }
    if (staged == NULL && h->staged_count == h->staged_capacity) {
        h->staged_capacity = 2 * h->staged_capacity + 4;
        h->staged = reallocarray(h->staged, h->staged_capacity, sizeof(*h->staged));
        SIM_LAW(h->staged != NULL, "no memory for jobs");
    }
    if (staged == NULL)
        staged = &h->staged[h->staged_count++];
    *staged = (struct sim_staged){.old_version = dir->old_version, .new_version = dir->new_version};
    memcpy(staged->rollout_id, dir->rollout_id, sizeof(staged->rollout_id));
}

enum sim_packages sim_host_packages(const struct sim_host *h, const uint8_t *rollout_id)
{
    const struct sim_installed *now = &h->disk.installed;

    for (size_t i = 0; i < h->staged_count; i++) {
        if (memcmp(h->staged[i].rollout_id, rollout_id, PROTO_ROLLOUT_ID_BYTES) != 0)
            continue;
        if (now->is_mixed)
            return SIM_PACKAGES_MIXED;
        if (now->version == h->staged[i].old_version)
            return SIM_PACKAGES_OLD;
        return now->version == h->staged[i].new_version ? SIM_PACKAGES_NEW : SIM_PACKAGES_MIXED;
    }

    return SIM_PACKAGES_OLD;
}

bool sim_host_is_healthy(const struct sim_host *h, const uint8_t *rollout_id)
{
    return sim_host_packages(h, rollout_id) == SIM_PACKAGES_NEW && !h->disk.installed.is_broken &&
           !h->disk.installed.cuts_off;
}

const struct sim_host_truth *sim_host_truth(uint32_t host)
{
    struct sim_host *h = sim_host(host);
    const struct sim_job_dir *dir =
        h->disk.job_state != 0 ? sim_dir_of_rollout(h, h->disk.rollout_id) : NULL;

    h->truth = (struct sim_host_truth){
        .packages = sim_host_packages(h, h->disk.rollout_id),
        .is_service_running = !h->disk.installed.is_broken && !h->disk.installed.is_mixed,
        .is_ssh_locked = h->disk.has_ssh_drop_in,
        .are_jobs_paused = h->are_jobs_paused,
        .is_silence_armed = h->disk.leases[SIM_LEASE_SILENCE].is_held,
        .is_way_back_complete = dir != NULL && dir->is_way_back_complete,
        .is_cut_off = h->disk.installed.cuts_off,
        .is_unit_running = h->run.is_running,
        .job_state = h->disk.job_state,
    };
    memcpy(h->truth.rollout_id, h->disk.rollout_id, sizeof(h->truth.rollout_id));

    return &h->truth;
}

bool sim_host_has_job(uint32_t host)
{
    switch ((enum proto_job_state)sim_host(host)->disk.job_state) {
    case PROTO_JOB_ACCEPTED:
    case PROTO_JOB_STAGING:
    case PROTO_JOB_READY:
    case PROTO_JOB_ISOLATING:
    case PROTO_JOB_CHANGING:
    case PROTO_JOB_REBOOTING:
    case PROTO_JOB_VERIFYING:
    case PROTO_JOB_PROBATION:
    case PROTO_JOB_REVERTING:
        return true;
    case PROTO_JOB_OFFERED:
    case PROTO_JOB_REFUSED:
    case PROTO_JOB_BLOCKED:
    case PROTO_JOB_CANCELLED:
    case PROTO_JOB_COMMITTED:
    case PROTO_JOB_REVERTED:
    case PROTO_JOB_REVERT_FAILED:
        break;
    }

    return false;
}

static bool is_quiet(struct sim_host *h)
{
    const struct sim_host_disk *disk = &h->disk;

    return h->machine->is_up && !h->is_stopping && h->agent.is_ready &&
           !agent_jobs_is_halted(h->agent.jobs) && !agent_jobs_is_open(h->agent.jobs) &&
           !disk->has_ssh_drop_in && !h->are_jobs_paused &&
           !disk->leases[SIM_LEASE_SILENCE].is_held && !h->run.is_running;
}

bool sim_hosts_are_quiet(void)
{
    for (uint32_t i = 0; i < hosts.count; i++) {
        if (!is_quiet(&hosts.list[i]))
            return false;
    }

    return true;
}

static bool has_reports(struct sim_host *h)
{
    PROTO_AUTO_BUFFER message = {0};
    struct bl_error err = {0};
    uint64_t seq;
    int r;

    sim_process_enter(&h->agent.process);
    r = agent_journal_next_report(h->agent.host.journal, 0, &seq, &message, &err);
    sim_process_leave(&h->agent.process);

    return r > 0;
}

void sim_hosts_tell_outboxes(void)
{
    for (uint32_t i = 0; i < sim_host_count(); i++) {
        if (sim_host(i)->agent.is_ready && has_reports(sim_host(i)))
            sim_law_reports_left(i);
    }
}

void sim_hosts_count(uint64_t *ret_jobs, uint64_t *ret_records)
{
    *ret_jobs = *ret_records = 0;
    for (uint32_t i = 0; i < hosts.count; i++) {
        *ret_jobs += hosts.list[i].jobs;
        *ret_records += hosts.list[i].records;
    }
}

/* ---- power off ---- */

/* Everything that runs is gone; the disk is as it was. */
static void stop_all(struct sim_host *h, bool is_silent)
{
    bool was_up = h->machine->is_up;

    h->is_stopping = true;
    sim_agent_stop(h);
    sim_courier_stop(h, is_silent);
    sim_tools_cut(h);
    sim_units_cut(h);
    sim_leases_cut(h);
    sim_cancel(&h->power);
    h->has_job_mark = h->is_restart_wanted = false;
    sim_figure_forget(h);
    sim_cancel(&h->late);
    h->machine->is_up = false;
    h->is_stopping = false;
    if (was_up)
        sim_law_power(h->index, false);
}

static void boot(void *userdata, uint64_t argument);

static void boot_after(struct sim_host *h, int64_t after_ms)
{
    sim_cancel(&h->power);
    h->power = sim_after(after_ms, boot, h, h->index);
}

static int64_t draw_outage_ms(const struct sim_host *h)
{
    return sim_draw_log(SIM_DRAW_SYSTEM, h->index, POWER_MS_MIN, POWER_MS_MAX);
}

void sim_host_power_cut(uint32_t host)
{
    struct sim_host *h = sim_host(host);

    if (!h->machine->is_up)
        return;
    sim_tell(host, "the power is cut");
    stop_all(h, /* is_silent= */ true);
    sim_disk_power_cut(h->machine->disk);
    boot_after(h, draw_outage_ms(h));
}

void sim_host_reboot_loop(uint32_t host)
{
    struct sim_host *h = sim_host(host);

    if (!h->machine->is_up)
        return;
    h->boots_to_break = 1 + sim_draw_below(SIM_DRAW_FAULT, host, BROKEN_BOOTS_MAX);
    sim_tell(host, "it will take %u boots to come up", h->boots_to_break + 1);
    sim_host_power_cut(host);
}

void sim_host_boot_never(uint32_t host)
{
    struct sim_host *h = sim_host(host);

    if (!h->machine->is_up)
        return;
    sim_host_power_cut(host);
    h->is_down_until_calm = true;
    sim_tell(host, "it does not boot any more");
}

/* A package run is given its time; systemd waits for nothing else that long. */
static void on_stopped(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->power = 0;
    if (sim_units_are_changing(h) && sim_now_ms() < h->stops_by_ms) {
        h->power = sim_after(STOP_LOOK_MS, on_stopped, h, h->index);
        return;
    }
    stop_all(h, /* is_silent= */ false);
    boot_after(h, draw_outage_ms(h));
}

void sim_host_reboot(uint32_t host)
{
    struct sim_host *h = sim_host(host);

    if (!h->machine->is_up || h->is_stopping)
        return;
    sim_tell(host, "it reboots");
    h->is_stopping = true;
    h->stops_by_ms = sim_now_ms() + STOP_MS_MAX;
    sim_agent_stop(h);
    sim_courier_stop(h, /* is_silent= */ false);
    sim_cancel(&h->power);
    h->power = sim_after(STOP_LOOK_MS, on_stopped, h, h->index);
}

/* ---- boot ---- */

static void on_boot_breaks(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->power = 0;
    sim_host_power_cut(h->index);
}

static void start_early(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;
    bool holds_lease = false;

    h->power = 0;
    if (h->boots_to_break > 0) {
        h->boots_to_break--;
        h->power = sim_after(sim_draw_log(SIM_DRAW_SYSTEM, h->index, 1, BOOT_BREAKS_MS_MAX),
                             on_boot_breaks, h, h->index);
    }
    for (uint32_t i = 1; i <= SIM_LEASE_LAST; i++)
        holds_lease = holds_lease || h->disk.leases[i].is_held;
    /* ConditionDirectoryNotEmpty= of belay-lease-boot.service */
    if (holds_lease)
        sim_tool_start(h, SIM_TOOL_BOOT);
    else
        sim_host_boot_on(h);
}

void sim_host_boot_on(struct sim_host *h)
{
    int64_t after_ms = sim_draw_log(SIM_DRAW_SYSTEM, h->index, SERVICES_MS_MIN, SERVICES_MS_MAX);

    if (!h->machine->is_up || h->is_stopping || h->agent.is_running)
        return;
    sim_agent_start_after(h, after_ms);
    sim_courier_start_after(h, after_ms + SERVICES_MS_MIN);
}

static void boot(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->power = 0;
    if (h->is_down_until_calm && !sim_is_calm()) {
        boot_after(h, CALM_LOOK_MS);
        return;
    }
    if (h->trust == NULL)
        h->trust = sim_people_trust();
    h->is_down_until_calm = false;
    if (sim_is_calm())
        h->boots_to_break = 0;
    sim_machine_boot(h->machine);
    h->agent.failed_starts = 0;
    sim_tell(h->index, "it boots");
    sim_law_power(h->index, true);
    h->power = sim_after(sim_draw_log(SIM_DRAW_SYSTEM, h->index, SERVICES_MS_MIN, SERVICES_MS_MAX),
                         start_early, h, h->index);
}

/* ---- snapshots ---- */

void sim_host_take_snapshot(uint32_t host)
{
    struct sim_host *h = sim_host(host);

    if (!h->machine->is_up)
        return;
    if (h->snapshot != NULL)
        (void)sim_disk_free(h->snapshot);
    h->snapshot = sim_disk_copy(h->machine->disk);
    sim_law_snapshot_taken(host);
    h->snapshot_disk = h->disk;
}

/* What is not switched off on that disk is not switched off any more. */
static void tell_leases(struct sim_host *h, const struct sim_host_disk *former)
{
    const struct sim_lease_record *ssh = &h->disk.leases[SIM_LEASE_SSH];
    int64_t left_ms = ssh->until_ms - sim_machine_wall_ms(h->machine);

    if (former->has_ssh_drop_in)
        sim_law_lease_ended(h->index, SIM_LEASE_SSH);
    if (former->leases[SIM_LEASE_SILENCE].is_held)
        sim_law_lease_ended(h->index, SIM_LEASE_SILENCE);
    sim_law_disk_replaced(h->index);
    if (h->disk.job_state != 0)
        sim_law_job_loaded(h->index, h->disk.rollout_id, (enum proto_job_state)h->disk.job_state);
    if (h->disk.has_ssh_drop_in)
        sim_law_lease_taken(h->index, SIM_LEASE_SSH, sim_now_ms() + (left_ms > 0 ? left_ms : 0));
    if (h->disk.leases[SIM_LEASE_SILENCE].is_held)
        sim_law_lease_taken(h->index, SIM_LEASE_SILENCE, sim_now_ms());
}

void sim_host_restore_snapshot(uint32_t host)
{
    struct sim_host *h = sim_host(host);
    struct sim_host_disk former = h->disk;

    if (h->snapshot == NULL || !h->machine->is_up)
        return;
    sim_tell(host, "it goes back to a snapshot");
    stop_all(h, /* is_silent= */ true);
    sim_disk_restore(h->machine->disk, h->snapshot);
    h->disk = h->snapshot_disk;
    tell_leases(h, &former);
    boot_after(h, draw_outage_ms(h));
}

/* ---- the rest of what others call ---- */

void sim_host_kill_unit(uint32_t host)
{
    sim_units_kill_one(sim_host(host));
}

void sim_host_set_trust(uint32_t host, const struct proto_trust *trust)
{
    sim_host(host)->trust = trust;
}

const struct proto_trust *sim_host_trust(uint32_t host)
{
    return sim_host(host)->trust;
}

static void make_id(uint32_t index, uint8_t ret_id[PROTO_HOST_ID_BYTES])
{
    uint64_t number = index + 1;

    for (uint32_t i = 0; i < PROTO_HOST_ID_BYTES; i++) {
        number = number * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ret_id[i] = (uint8_t)(number >> 56);
    }
}

void sim_hosts_open(void)
{
    hosts.count = sim_host_count();
    hosts.list = calloc(hosts.count, sizeof(*hosts.list));
    SIM_LAW(hosts.list != NULL, "no memory for hosts");
    for (uint32_t i = 0; i < hosts.count; i++) {
        struct sim_host *h = &hosts.list[i];

        h->index = i;
        h->machine = sim_machine(i);
        make_id(i, h->id);
        h->disk.installed.version = 1;
        boot_after(h, 0);
    }
}

void sim_hosts_close(void)
{
    for (uint32_t i = 0; i < hosts.count; i++) {
        struct sim_host *h = &hosts.list[i];

        h->is_stopping = true;
        sim_agent_stop(h);
        sim_courier_stop(h, /* is_silent= */ true);
        sim_tools_cut(h);
        if (h->snapshot != NULL)
            (void)sim_disk_free(h->snapshot);
        free(h->staged);
    }
    free(hosts.list);
    hosts.list = NULL;
    hosts.count = 0;
}
