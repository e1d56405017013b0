/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The laws of a host: whose orders it follows, what may run on it, in which order its job's states
 * become durable, and that what was switched off comes back.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/world/book.h"

/*
 * What may be durable after what. A transaction may pass several states of the machine: those that
 * need not wait are left out here, so this is no copy of the machine's own table.
 */
static const uint32_t durable_next[PROTO_JOB_STATE_LAST + 1] = {
    [0] = LAW_JOB(ACCEPTED) | LAW_JOB(STAGING),
    [PROTO_JOB_ACCEPTED] = LAW_JOB(STAGING),
    [PROTO_JOB_STAGING] = LAW_JOB(READY) | LAW_JOB(BLOCKED) | LAW_JOB(CANCELLED) |
                          LAW_JOB(ISOLATING) | LAW_JOB(CHANGING),
    [PROTO_JOB_READY] = LAW_JOB(ISOLATING) | LAW_JOB(CHANGING) | LAW_JOB(CANCELLED),
    [PROTO_JOB_ISOLATING] =
        LAW_JOB(CHANGING) | LAW_JOB(REVERTING) | LAW_JOB(REVERTED) | LAW_JOB(CANCELLED),
    [PROTO_JOB_CHANGING] = LAW_JOB(VERIFYING) | LAW_JOB(REVERTING),
    [PROTO_JOB_VERIFYING] = LAW_JOB(PROBATION) | LAW_JOB(REVERTING),
    [PROTO_JOB_PROBATION] = LAW_JOB(VERIFYING) | LAW_JOB(COMMITTED) | LAW_JOB(REVERTING),
    [PROTO_JOB_COMMITTED] = LAW_JOB(REVERTING),
    [PROTO_JOB_REVERT_FAILED] = LAW_JOB(REVERTING),
    [PROTO_JOB_REVERTING] = LAW_JOB(REVERTED) | LAW_JOB(REVERT_FAILED) | LAW_JOB(CANCELLED),
};

static const uint32_t untouched = LAW_JOB(BLOCKED) | LAW_JOB(CANCELLED);

static const char *name_of(uint32_t state)
{
    return state == 0 ? "nothing" : proto_job_state_name(state);
}

/* ---- jobs ---- */

static void take(struct law_member *member)
{
    const struct law_rollout *rollout = member->rollout;
    struct law_host *host = law_host(member->host);
    const struct law_member *former = host->job;

    SIM_LAW(rollout->is_valid, "host %u: took rollout %u, which is not valid", member->host,
            rollout->number);
    SIM_LAW(!member->is_distrusted, "host %u: took rollout %u, signed by nobody whom it trusts",
            member->host, rollout->number);
    SIM_LAW(law_is_sent(member, CTL_ROLLOUT_SEND_OFFER),
            "host %u: took rollout %u, which nobody offered to it", member->host, rollout->number);
    SIM_LAW(!member->is_taken, "host %u: took rollout %u twice", member->host, rollout->number);
    SIM_LAW(former == NULL || former == member || !former->is_known || former->job_state == 0 ||
                proto_job_state_is_final(former->job_state),
            "host %u: took rollout %u while rollout %u is %s", member->host, rollout->number,
            former->rollout->number, name_of(former->job_state));
    member->is_taken = true;
    member->job_state = 0;
    member->has_upgrade_begun = member->is_change_due = false;
    host->job = member;
}

void sim_law_job_taken(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    law_settle();
    law_judge_answers(host, /* is_forgotten= */ false);
    take(law_must_find(rollout_id, host, "a job was taken"));
}

static void judge_leases(const struct law_member *member, uint32_t state)
{
    static const char *const names[] = {
        [SIM_LEASE_SSH] = "SSH is locked",
        [SIM_LEASE_JOBS] = "jobs are paused",
        [SIM_LEASE_SILENCE] = "the silence timer is armed",
    };
    const struct law_host *host = law_host(member->host);
    bool is_final = proto_job_state_is_final(state);

    if (state != PROTO_JOB_PROBATION && (!is_final || state == PROTO_JOB_REVERT_FAILED))
        return;
    for (uint32_t i = SIM_LEASE_SSH; i <= SIM_LEASE_LAST; i++) {
        if (i == SIM_LEASE_SILENCE && !is_final)
            continue;
        SIM_LAW(!host->leases[i].is_held, "host %u: rollout %u is %s and %s still", member->host,
                member->rollout->number, name_of(state), names[i]);
    }
}

static void judge_commit(const struct law_member *member)
{
    const struct law_rollout *rollout = member->rollout;
    int64_t watched_ms = sim_now_ms() - member->probation_ms;

    SIM_LAW(member->commit_ms != SIM_NEVER && member->commit_ms >= member->probation_ms,
            "host %u: committed rollout %u without COMMIT over a link younger than the change",
            member->host, rollout->number);
    SIM_LAW(watched_ms >= rollout->watch_ms - LAW_TIMER_SLACK_MS,
            "host %u: committed rollout %u after %" PRId64 " ms of watching instead of %" PRId64,
            member->host, rollout->number, watched_ms, rollout->watch_ms);
}

static void judge_way_back(const struct law_member *member)
{
    bool is_ordered = law_is_sent(member, CTL_ROLLOUT_SEND_REVERT) || member->is_rescued;

    SIM_LAW(member->job_state != PROTO_JOB_COMMITTED || is_ordered,
            "host %u: committed rollout %u and goes back, and nobody ordered that", member->host,
            member->rollout->number);
    SIM_LAW(member->job_state != PROTO_JOB_REVERT_FAILED ||
                member->tried_again < member->rescues + member->attempts ||
                member->is_disk_replaced,
            "host %u: rollout %u could not go back and tries again, and nobody asked for that",
            member->host, member->rollout->number);
}

static void judge_move(const struct law_member *member, uint32_t state)
{
    uint32_t former = member->job_state;
    uint32_t number = member->rollout->number;
    bool begins = state == PROTO_JOB_ISOLATING || state == PROTO_JOB_CHANGING;

    SIM_LAW((durable_next[former] >> state & 1) != 0,
            "host %u: rollout %u is %s after %s, which may not follow", member->host, number,
            name_of(state), name_of(former));
    SIM_LAW(!begins || law_is_sent(member, CTL_ROLLOUT_SEND_START),
            "host %u: rollout %u is %s, and START was never sent", member->host, number,
            name_of(state));
    if (state == PROTO_JOB_REVERTING)
        judge_way_back(member);
    if (state == PROTO_JOB_COMMITTED)
        judge_commit(member);
    SIM_LAW(!member->has_upgrade_begun || (untouched >> state & 1) == 0,
            "host %u: rollout %u is %s though its change had begun", member->host, number,
            name_of(state));
}

static void note_tried_again(struct law_member *member)
{
    if (member->tried_again++ == 0)
        member->rollout->waves[member->wave].tried_again_count++;
}

/* The state is durable now; `not_before_ms`: and was not before then. */
static void record(struct law_member *member, uint32_t state, int64_t not_before_ms)
{
    bool is_new = state != member->job_state || !member->is_known;

    SIM_LAW(state >= PROTO_JOB_ACCEPTED && state <= PROTO_JOB_STATE_LAST,
            "host %u: rollout %u became %s", member->host, member->rollout->number, name_of(state));
    if (member->is_known)
        SIM_LAW(member->is_taken, "host %u: recorded rollout %u, which it never took", member->host,
                member->rollout->number);
    if (member->is_known && is_new)
        judge_move(member, state);
    if (member->is_known && is_new && state == PROTO_JOB_REVERTING &&
        proto_job_state_is_final(member->job_state))
        member->late_backs++;
    if (member->job_state == PROTO_JOB_REVERT_FAILED && state == PROTO_JOB_REVERTING)
        note_tried_again(member);
    if (state == PROTO_JOB_CHANGING)
        member->is_change_due = true;
    if (state == PROTO_JOB_COMMITTED && member->committed_ms == 0)
        member->committed_ms = sim_now_ms();
    if (is_new && state == PROTO_JOB_PROBATION) {
        member->probation_ms = member->is_known ? not_before_ms : 0;
        member->commit_ms = SIM_NEVER;
    }
    judge_leases(member, state);
    member->is_known = member->is_taken = true;
    member->job_state = state;
    member->said |= UINT32_C(1) << state;
    member->recorded_ms = sim_now_ms();
    /* One that ended is only looked at, unless it goes back. */
    if (!proto_job_state_is_final(state) || law_host(member->host)->job == NULL)
        law_host(member->host)->job = member;
}

/* A state that is only noted once more says nothing of the packages: another job may have them. */
void sim_law_job_recorded(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                          enum proto_job_state state, bool is_packages_old, bool is_packages_new)
{
    struct law_member *member = law_must_find(rollout_id, host, "a job was recorded");
    uint32_t number = member->rollout->number;
    bool is_new = !member->is_known || (uint32_t)state != member->job_state;

    law_settle();
    if (is_new && member->is_known)
        law_judge_own_move(member, (uint32_t)state);
    record(member, state, sim_now_ms());
    if (proto_job_state_is_final(state))
        law_host(host)->closed_ms = sim_now_ms();
    if (!is_new)
        return;
    SIM_LAW(state != PROTO_JOB_COMMITTED || is_packages_new,
            "host %u: committed rollout %u without its packages", host, number);
    SIM_LAW(state != PROTO_JOB_REVERTED || is_packages_old,
            "host %u: reverted rollout %u and the packages are not those before it", host, number);
}

void sim_law_job_loaded(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                        enum proto_job_state state)
{
    struct law_member *member = law_must_find(rollout_id, host, "a job was loaded");
    const struct law_member *former = law_host(host)->job;

    law_settle();
    SIM_LAW(former == NULL || former == member || !former->is_known ||
                !proto_job_state_is_final(state) || former->job_state == 0 ||
                proto_job_state_is_final(former->job_state),
            "host %u: takes rollout %u up, which ended, and its job of rollout %u is %s", host,
            member->rollout->number, former->rollout->number, name_of(former->job_state));
    if (member->is_known && !member->is_taken)
        take(member);
    record(member, state, member->recorded_ms);
}

void sim_law_commit_heard(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                          bool is_new_link)
{
    struct law_member *member = law_must_find(rollout_id, host, "COMMIT was heard");

    law_settle();
    SIM_LAW(law_is_sent(member, CTL_ROLLOUT_SEND_COMMIT),
            "host %u: heard COMMIT of rollout %u, which nobody sent", host,
            member->rollout->number);
    /* A forged one names a number that no host made. */
    if (is_new_link && (member->orders_sent >> CTL_ROLLOUT_SEND_COMMIT & 1) != 0)
        member->commit_ms = sim_now_ms();
}

void sim_law_rescued(uint32_t host)
{
    law_settle();
    if (law_host(host)->job == NULL)
        return;
    law_host(host)->job->is_rescued = true;
    law_host(host)->job->rescues++;
}

void sim_law_distrusted(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    const struct law_rollout *rollout = law_find(rollout_id);
    struct law_member *member = rollout != NULL ? law_member_of(rollout, host) : NULL;

    law_settle();
    if (member != NULL)
        member->is_distrusted = true;
}

void sim_law_host_revoked(uint32_t host)
{
    law_settle();
    law_host(host)->is_revoked = true;
}

/* ---- package runs ---- */

static bool is_package_run(enum proto_step step)
{
    return step == PROTO_STEP_REPAIR || step == PROTO_STEP_STAGE || step == PROTO_STEP_UPGRADE ||
           step == PROTO_STEP_RESTORE;
}

static void judge_upgrade(struct law_member *member, bool is_way_back_complete)
{
    const struct law_host *host = law_host(member->host);
    uint32_t number = member->rollout->number;

    SIM_LAW(is_way_back_complete, "host %u: rollout %u changes it without a complete way back",
            member->host, number);
    SIM_LAW(host->leases[SIM_LEASE_SILENCE].is_held,
            "host %u: rollout %u changes it and no silence timer is armed", member->host, number);
    SIM_LAW(member->job_state == PROTO_JOB_CHANGING,
            "host %u: rollout %u changes it, and its disk says %s", member->host, number,
            name_of(member->job_state));
    SIM_LAW(!member->has_upgrade_begun, "host %u: rollout %u changes it twice", member->host,
            number);
    member->has_upgrade_begun = true;
}

/* Nothing but staging may lead to it, and never behind the job's own change. */
static void judge_repair(const struct law_member *member)
{
    SIM_LAW(member->rollout->may_repair, "host %u: rollout %u repairs it, which nobody signed",
            member->host, member->rollout->number);
    SIM_LAW(member->job_state == PROTO_JOB_STAGING && !member->has_upgrade_begun,
            "host %u: rollout %u repairs it, and its disk says %s", member->host,
            member->rollout->number, name_of(member->job_state));
}

static void judge_restore(const struct law_member *member, bool is_way_back_complete)
{
    const struct law_lease *silence = &law_host(member->host)->leases[SIM_LEASE_SILENCE];
    bool is_silent = silence->is_held && sim_now_ms() >= silence->until_ms;

    /* A change that could not even begin is taken back all the same. */
    SIM_LAW(member->is_change_due || member->is_disk_replaced,
            "host %u: the way back of rollout %u runs, and its change never began", member->host,
            member->rollout->number);
    SIM_LAW(is_way_back_complete || !member->has_upgrade_begun,
            "host %u: the way back of rollout %u runs, and is not on its disk any more",
            member->host, member->rollout->number);
    SIM_LAW(member->job_state == PROTO_JOB_REVERTING || is_silent,
            "host %u: the way back of rollout %u runs, and its disk says %s", member->host,
            member->rollout->number, name_of(member->job_state));
}

void sim_law_unit_begins(uint32_t host_index, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                         enum proto_step step, bool is_way_back_complete)
{
    struct law_member *member = law_must_find(rollout_id, host_index, "a unit begins");
    struct law_host *host = law_host(host_index);

    law_settle();
    if (!is_package_run(step))
        return;
    SIM_LAW(member->rollout->is_valid && member->is_taken,
            "host %u: %s of rollout %u begins, and the host never took it", host_index,
            proto_step_name(step), member->rollout->number);
    SIM_LAW(host->unit == 0, "host %u: %s of rollout %u begins while %s runs", host_index,
            proto_step_name(step), member->rollout->number, proto_step_name(host->unit));
    if (step == PROTO_STEP_REPAIR)
        judge_repair(member);
    if (step == PROTO_STEP_UPGRADE)
        judge_upgrade(member, is_way_back_complete);
    if (step == PROTO_STEP_RESTORE)
        judge_restore(member, is_way_back_complete);
    host->unit = step;
}

void sim_law_unit_ends(uint32_t host, enum proto_step step)
{
    law_settle();
    if (law_host(host)->unit == (uint32_t)step)
        law_host(host)->unit = 0;
}

/* ---- leases ---- */

static void watch_lease(struct law_lease *lease);

static void on_lease_time(void *userdata, uint64_t argument)
{
    static const char *const names[] = {
        [SIM_LEASE_SSH] = "SSH is locked",
        [SIM_LEASE_JOBS] = "jobs are paused",
    };
    struct law_lease *lease = userdata;

    lease->timer = 0;
    if (!lease->is_held || !law_host(lease->host)->is_up)
        return; /* a machine that is down holds nothing; its boot watches again */
    SIM_LAW(sim_now_ms() < lease->allowed_ms, "host %u: %s, %" PRId64 " ms after its time was up",
            lease->host, names[lease->lease], sim_now_ms() - lease->until_ms);
    watch_lease(lease);
}

/* The silence timer is no lease in this: the agent decides when it rings, and it rings again. */
static void watch_lease(struct law_lease *lease)
{
    if (lease->lease == SIM_LEASE_SILENCE || !lease->is_held)
        return;
    sim_cancel(&lease->timer);
    lease->timer = sim_at(lease->allowed_ms, on_lease_time, lease, 0);
}

void sim_law_lease_taken(uint32_t host_index, enum sim_lease name, int64_t until_ms)
{
    struct law_host *host = law_host(host_index);
    struct law_lease *lease = &host->leases[name];
    const struct law_rollout *rollout = host->job != NULL ? host->job->rollout : NULL;
    int64_t longest_ms = rollout != NULL ? rollout->lease_ms + LAW_TIMER_SLACK_MS : SIM_NEVER;

    law_settle();
    /* By a clock that jumped back since then, a copied lease seems to have more time than it ever had. */
    if (host->job != NULL && host->job->is_disk_replaced && until_ms - sim_now_ms() > longest_ms)
        until_ms = sim_now_ms() + longest_ms;
    SIM_LAW(name == SIM_LEASE_SILENCE || until_ms - sim_now_ms() <= longest_ms,
            "host %u: a lease of %" PRId64 " ms was taken, and the longest may last %" PRId64,
            host_index, until_ms - sim_now_ms(), rollout != NULL ? rollout->lease_ms : 0);
    lease->is_held = true;
    lease->is_of_former_boot = false;
    lease->kept_ms = 0;
    lease->until_ms = until_ms;
    lease->allowed_ms = until_ms + LAW_LEASE_SLACK_MS;
    watch_lease(lease);
}

/* What was switched off before a boot is on again before anything else begins. */
static void judge_boot(uint32_t index)
{
    const struct law_host *host = law_host(index);
    const struct law_lease *lease = &host->leases[SIM_LEASE_SSH];

    SIM_LAW(!lease->is_of_former_boot || sim_now_ms() - host->booted_ms <= LAW_BOOT_USUAL_MS ||
                !law_is_undisturbed(index, host->booted_ms),
            "host %u: SSH was locked for %" PRId64 " ms after a boot", index,
            sim_now_ms() - host->booted_ms);
}

/* Its timer went with the boot that is over: what gives back at boot has set another one. */
static void judge_retry(const struct law_lease *lease)
{
    int64_t waited_ms = sim_now_ms() - lease->kept_ms;

    SIM_LAW(lease->kept_ms == 0 || waited_ms <= LAW_RETRY_MS + LAW_RETRY_SLACK_MS ||
                !law_is_undisturbed(lease->host, lease->kept_ms + 1),
            "host %u: what could not be given back after a boot was tried again only %" PRId64
            " ms later",
            lease->host, waited_ms);
}

void sim_law_lease_ended(uint32_t host, enum sim_lease name)
{
    struct law_lease *lease = &law_host(host)->leases[name];

    law_settle();
    if (lease->is_held)
        judge_retry(lease);
    lease->kept_ms = 0;
    if (lease->is_held && name == SIM_LEASE_SSH)
        judge_boot(host);
    lease->is_held = false;
    sim_cancel(&lease->timer);
}

void sim_law_lease_kept(uint32_t host, enum sim_lease name)
{
    struct law_lease *lease = &law_host(host)->leases[name];
    int64_t again_ms = sim_now_ms() + LAW_RETRY_MS + LAW_LEASE_SLACK_MS;

    law_settle();
    judge_retry(lease);
    lease->kept_ms = lease->is_of_former_boot ? sim_now_ms() : 0;
    if (again_ms > lease->allowed_ms)
        lease->allowed_ms = again_ms;
    watch_lease(lease);
}

/* ---- the machine ---- */

void sim_law_power(uint32_t host_index, bool is_up)
{
    struct law_host *host = law_host(host_index);

    law_settle();
    law_note_power(host, is_up);
    host->is_up = is_up;
    host->unit = 0;
    for (uint32_t i = SIM_LEASE_SSH; is_up && i <= SIM_LEASE_LAST; i++) {
        host->leases[i].allowed_ms = sim_now_ms() + LAW_BOOT_SLACK_MS;
        host->leases[i].is_of_former_boot = true;
        host->leases[i].kept_ms = 0;
        watch_lease(&host->leases[i]);
    }
}

/*
 * What this disk knows of each job is unknown until it is told again: it may be older than what was
 * told, but what the host once said stays said. A change may begin again, for the snapshot has no
 * trace of it. What the disk holds of leases is told anew.
 */
void sim_law_snapshot_taken(uint32_t host_index)
{
    for (uint32_t i = 0; i < law_books.rollouts_count; i++) {
        struct law_member *member = law_member_of(law_books.rollouts[i], host_index);

        if (member != NULL)
            member->copied_state = member->job_state;
    }
}

void sim_law_cloned(uint32_t host_index)
{
    law_host(host_index)->was_cloned = true;
}

void sim_law_disk_replaced(uint32_t host_index)
{
    struct law_host *host = law_host(host_index);

    law_settle();
    host->job = NULL;
    host->unit = 0;
    for (uint32_t i = SIM_LEASE_SSH; i <= SIM_LEASE_LAST; i++) {
        host->leases[i].is_held = false;
        sim_cancel(&host->leases[i].timer);
    }
    for (uint32_t i = 0; i < law_books.rollouts_count; i++) {
        struct law_member *member = law_member_of(law_books.rollouts[i], host_index);

        if (member == NULL)
            continue;
        member->is_known = member->is_taken = false;
        member->revert_heard_ms = 0;
        member->has_upgrade_begun = member->is_change_due = false;
        member->is_disk_replaced = member->is_disk_replaced || member->said != 0;
        member->job_state = member->copied_state;
    }
}
