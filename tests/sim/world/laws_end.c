/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of the end: after the last fault everything comes to an end, and all know the same. */
#include <inttypes.h>

#include "tests/sim/world/book.h"
#include "tests/sim/world/net.h"

#define HOUR_MS (INT64_C(60) * 60 * 1000)
#define DAY_MS  (24 * HOUR_MS)

static bool is_ended(const struct law_rollout *rollout)
{
    return rollout->state >= CTL_ROLLOUT_COMPLETE;
}

int64_t sim_law_bound_ms(void)
{
    /* An order that nobody follows up expires; then there are boots, retries and last reports. */
    int64_t bound_ms = DAY_MS + HOUR_MS;

    for (uint32_t i = 0; i < law_books.rollouts_count; i++) {
        const struct law_rollout *rollout = law_books.rollouts[i];
        const struct ctl_rollout_limits *limits = &rollout->limits;

        if (rollout->is_valid && !is_ended(rollout)) {
            /* At worst one host after the other; the first one of all apart from its wave. */
            const int64_t rounds =
                limits->budget == 0 ? rollout->waves_count + 1 : rollout->hosts_count + 1;

            bound_ms += (int64_t)rollout->waves_count * (limits->stage_ms + limits->soak_ms) +
                        rounds * limits->job_ms + 2 * limits->revert_ms + rollout->lease_ms;
            for (uint32_t j = 0; j < rollout->rules.gates_count; j++) {
                const struct sim_law_gate *gate = &rollout->rules.gates[j].rule;

                bound_ms +=
                    (int64_t)rollout->waves_count *
                    (gate->delay_ms + 2 * gate->samples * (gate->every_ms + 8 * gate->within_ms));
            }
            bound_ms += rounds * (limits->windows_count > 0 ? 2 * DAY_MS : 0) + limits->answer_ms +
                        (limits->approvals > 0 ? rollout->waves_count * HOUR_MS : 0);
        }
    }

    return bound_ms;
}

bool sim_laws_are_quiet(void)
{
    return law_books.open_count == 0;
}

/* What belayd should hold a host to be that says this; 0: more than one answer is right. */
static uint32_t belief_of(uint32_t job_state)
{
    switch (job_state) {
    case PROTO_JOB_COMMITTED:
        return CTL_HOST_COMMITTED;
    case PROTO_JOB_REVERTED:
        return CTL_HOST_REVERTED;
    case PROTO_JOB_REVERT_FAILED:
        return CTL_HOST_REVERT_FAILED;
    default:
        return 0;
    }
}

/* It was not kept any longer, or another rollout was committed on it or could not go back. */
static bool is_way_back_gone(const struct law_member *member)
{
    if (sim_now_ms() - member->committed_ms >= member->rollout->keep_way_back_ms)
        return true;
    for (uint32_t i = 0; i < law_books.rollouts_count; i++) {
        const struct law_member *later = law_member_of(law_books.rollouts[i], member->host);

        if (later != NULL && later != member &&
            (later->said & (LAW_JOB(COMMITTED) | LAW_JOB(REVERT_FAILED))) != 0)
            return true;
    }

    return false;
}

static void judge_knowledge(const struct law_member *member)
{
    const uint32_t nothing_done = LAW_HOST(CANCELLED) | LAW_HOST(BLOCKED) | LAW_HOST(REFUSED) |
                                  LAW_HOST(LOST) | LAW_HOST(REVERTED);
    uint32_t wanted = belief_of(member->job_state), found = member->belief.state;
    bool is_right = found == wanted;

    /* Asked for a way back that was gone, the host said so: worse than what it is, and an end. */
    if (found == CTL_HOST_REVERT_FAILED && law_is_back_asked(member) && is_way_back_gone(member))
        is_right = true;
    if (wanted == 0)
        is_right = (nothing_done >> found & 1) != 0 && found != CTL_HOST_REVERTED;
    /* Late news are news: who took the job and ended it is lost no more. */
    if (found == CTL_HOST_LOST && member->job_state > PROTO_JOB_READY)
        is_right = false;
    /* Its reports are void; that it is not known is not better than what it is. */
    if (found == CTL_HOST_LOST && (member->is_disk_replaced || law_host(member->host)->was_cloned))
        is_right = true;
    SIM_LAW(is_right, "host %u: is %s in rollout %u, and belayd holds it to be %s", member->host,
            member->job_state == 0 ? "nothing" : proto_job_state_name(member->job_state),
            member->rollout->number, ctl_host_state_name(found));
}

static bool is_heard(uint32_t host)
{
    return law_books.hosts[host].is_up && !law_books.hosts[host].is_revoked &&
           sim_net_controller_answers(host);
}

static void judge_member(const struct law_member *member)
{
    const struct law_host *host = law_host(member->host);
    bool may_wait;

    SIM_LAW(ctl_host_state_is_final(member->belief.state),
            "host %u: ends as %s in rollout %u, which is no end", member->host,
            ctl_host_state_name(member->belief.state), member->rollout->number);
    /* Nobody answers who is not reached, or was put back: only START may be waited for in vain. */
    may_wait = (member->is_disk_replaced || !is_heard(member->host)) &&
               member->job_state <= PROTO_JOB_READY;
    SIM_LAW(!host->is_up || may_wait || member->job_state == 0 ||
                proto_job_state_is_final(member->job_state),
            "host %u: its job of rollout %u ends as %s, which is no end", member->host,
            member->rollout->number, proto_job_state_name(member->job_state));
    if (!is_heard(member->host))
        return;
    SIM_LAW(!member->is_taken || host->job != NULL, "host %u: has taken a job and has none",
            member->host);
    judge_knowledge(member);
}

static void judge_rollout(const struct law_rollout *rollout)
{
    uint32_t sums[CTL_HOST_STATE_LAST + 1] = {0};
    uint32_t failed_count = 0, good_count = 0, sum = 0;

    SIM_LAW(is_ended(rollout), "rollout %u: ends as %s, which is no end", rollout->number,
            ctl_rollout_state_name(rollout->state));
    for (uint32_t i = 0; i < rollout->hosts_count; i++) {
        const struct ctl_rollout_host *belief = &rollout->members[i].belief;

        judge_member(&rollout->members[i]);
        sums[belief->state]++;
        failed_count += belief->failed ? 1 : 0;
        good_count += belief->failed || belief->state == CTL_HOST_COMMITTED ? 1 : 0;
    }
    for (uint32_t state = CTL_HOST_COMMITTED; state <= CTL_HOST_STATE_LAST; state++)
        sum += sums[state];
    SIM_LAW(sum == rollout->hosts_count, "rollout %u: %u of its %u hosts are in an end state",
            rollout->number, sum, rollout->hosts_count);
    SIM_LAW(failed_count == rollout->failed_count && rollout->told_failed_count <= failed_count,
            "rollout %u: %u hosts failed and %u were counted", rollout->number, failed_count,
            rollout->told_failed_count);
    SIM_LAW(rollout->state != CTL_ROLLOUT_COMPLETE || good_count == rollout->hosts_count,
            "rollout %u: complete, and %u of its %u hosts neither committed nor failed",
            rollout->number, rollout->hosts_count - good_count, rollout->hosts_count);
}

static void judge_host(uint32_t index)
{
    const struct law_host *host = &law_books.hosts[index];
    bool may_hold = host->job != NULL && host->job->job_state == PROTO_JOB_REVERT_FAILED;

    if (!host->is_up)
        return;
    SIM_LAW(host->unit == 0, "host %u: %s still runs", index, proto_step_name(host->unit));
    SIM_LAW(!host->leases[SIM_LEASE_SSH].is_held, "host %u: SSH is still locked", index);
    SIM_LAW(!host->leases[SIM_LEASE_JOBS].is_held, "host %u: jobs are still paused", index);
    SIM_LAW(may_hold || !host->leases[SIM_LEASE_SILENCE].is_held || !is_heard(index),
            "host %u: the silence timer is still armed", index);
}

const uint8_t *sim_law_next_open(uint32_t *index)
{
    while (*index < law_books.rollouts_count) {
        const struct law_rollout *rollout = law_books.rollouts[(*index)++];

        if (rollout->state != 0 && !is_ended(rollout))
            return rollout->id;
    }

    return NULL;
}

/* What is told after the last fault is taken in, and said to be. */
void sim_law_reports_left(uint32_t host)
{
    law_settle();
    SIM_LAW(!is_heard(host) || law_host(host)->was_cloned,
            "host %u: belayd answers it, and never said that its reports came", host);
}

void sim_law_world_ended(void)
{
    law_hooks_life(false);
    law_settle();
    SIM_LAW(law_books.is_belayd_up, "belayd is not there at the end");
    for (uint32_t i = 0; i < law_books.rollouts_count; i++) {
        if (law_books.rollouts[i]->state != 0) /* belayd never stored the others */
            judge_rollout(law_books.rollouts[i]);
    }
    for (uint32_t i = 0; i < law_books.hosts_count; i++) {
        judge_host(i);
        law_judge_answers(i, /* is_forgotten= */ false);
    }
}
