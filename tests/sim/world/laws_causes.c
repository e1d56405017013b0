/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The laws of a host's causes: why it goes back, that it looked before it was content, that what it
 * heard is answered, and that it throws nothing away that is still needed.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/world/book.h"

enum {
    /* A new connection, HELLO, a report and COMMIT need no more where nothing strikes. */
    LINK_USUAL_MS = 3 * 60 * 1000,
    CALM_BEFORE_MS = 60 * 1000,
    ANSWER_MS_MAX = 1000,
    REVERTS_ANSWERED_MIN =
        10, /* at once; offers that are over are answered out of the same purse */
};

/* ---- going back ---- */

/* Whether a probe of this host ever was kept from answering. */
static bool was_probe_struck(uint32_t host)
{
    uint32_t count;
    const struct sim_fault_done *list = sim_fault_list(&count);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t fault = list[i].id.fault;

        if (list[i].id.machine == host &&
            (fault == SIM_FAULT_PROBE_FAILS || fault == SIM_FAULT_CHILD_HANGS ||
             fault == SIM_FAULT_CHILD_DIES || fault == SIM_FAULT_CHILD_LIES))
            return true;
    }

    return false;
}

/* Since when belayd could have answered this job; SIM_NEVER: something may have kept it from that. */
static int64_t could_commit_since_ms(const struct law_member *member,
                                     const struct sim_law_turn *turn)
{
    const struct law_host *host = law_host(member->host);

    if (turn->link_open_since_ms == SIM_NEVER || host->is_revoked || host->was_cloned ||
        member->is_disk_replaced ||
        !law_is_undisturbed(member->host, member->probation_ms - CALM_BEFORE_MS))
        return SIM_NEVER;

    return member->probation_ms > turn->link_open_since_ms ? member->probation_ms
                                                           : turn->link_open_since_ms;
}

static void judge_panic(const struct law_member *member, const struct sim_law_turn *turn)
{
    uint32_t number = member->rollout->number;
    bool is_in_the_dark =
        strcmp(turn->code, "witnesses_unknown") == 0 && !was_probe_struck(member->host);
    bool blames_link = strcmp(turn->code, "cut_off") == 0 ||
                       strcmp(turn->code, "link_broken") == 0 || is_in_the_dark;
    int64_t since_ms = could_commit_since_ms(member, turn);

    SIM_LAW(!blames_link || !turn->is_healthy || turn->is_cut_off || !turn->controller_was_missing,
            "host %u: healthy, others answer, only the controller is missing, and rollout %u "
            "turned back for %s",
            member->host, number, turn->code);
    SIM_LAW(!is_in_the_dark,
            "host %u: rollout %u turned back since nobody could look at the network, and no probe "
            "failed",
            member->host, number);
    SIM_LAW(!blames_link || !turn->is_healthy || turn->is_cut_off || since_ms == SIM_NEVER ||
                sim_now_ms() - since_ms < LINK_USUAL_MS,
            "host %u: healthy, nothing stood between it and belayd for %" PRId64
            " ms, and rollout %u turned back for %s",
            member->host, sim_now_ms() - since_ms, number, turn->code);
}

/* Nobody is taken back for what did not happen. */
static void judge_finding(const struct law_member *member, const struct sim_law_turn *turn)
{
    uint32_t number = member->rollout->number;

    SIM_LAW(!turn->is_healthy ||
                (strcmp(turn->code, "unit_failed") != 0 && strcmp(turn->code, "unit_stopped") != 0),
            "host %u: nothing is wrong with it, and rollout %u turned back for %s", member->host,
            number, turn->code);
    SIM_LAW(strcmp(turn->code, "figure_bad") != 0 || turn->figure_bad_ms >= SIM_FIGURE_FOR_MS,
            "host %u: its figure was bad for %" PRId64 " ms, and rollout %u turned back for it",
            member->host, turn->figure_bad_ms, number);
}

void sim_law_turned_back(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                         const struct sim_law_turn *turn)
{
    struct law_member *member = law_must_find(rollout_id, host, "a job turned back");
    uint32_t number = member->rollout->number;

    law_settle();
    SIM_LAW(turn->code[0] != '\0', "host %u: rollout %u turned back without a cause", host, number);
    judge_panic(member, turn);
    judge_finding(member, turn);
    SIM_LAW(strcmp(turn->code, "interrupted") != 0 || !turn->has_change_result,
            "host %u: rollout %u turned back as interrupted, and its package run has ended", host,
            number);
    SIM_LAW(strcmp(turn->code, "revert_by_controller") != 0 ||
                law_is_sent(member, CTL_ROLLOUT_SEND_REVERT),
            "host %u: rollout %u turned back by a REVERT that nobody sent", host, number);
    if (member->rollout->is_service_severe &&
        (strcmp(turn->code, "unit_failed") == 0 || strcmp(turn->code, "unit_stopped") == 0))
        member->is_severe = true;
}

/* Only an order whose own time is up ends so by itself. */
void sim_law_cancelled(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       const char *code)
{
    const struct law_member *member = law_must_find(rollout_id, host, "a job was cancelled");

    law_settle();
    SIM_LAW(strcmp(code, "not_started") == 0 || law_is_sent(member, CTL_ROLLOUT_SEND_CANCEL) ||
                law_is_sent(member, CTL_ROLLOUT_SEND_REVERT) || member->is_rescued,
            "host %u: rollout %u is cancelled for %s, and nobody ordered that", host,
            member->rollout->number, code);
}

/* ---- looking before being content ---- */

void sim_law_looked_closely(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                            bool is_close)
{
    const struct law_member *member = law_must_find(rollout_id, host, "VERIFY has looked");

    SIM_LAW(is_close == member->is_sample, "host %u: is %sof the sample of rollout %u, and %s",
            host, member->is_sample ? "" : "not ", member->rollout->number,
            is_close ? "looks closely" : "does not look closely");
}

void sim_law_looked(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    struct law_member *member = law_must_find(rollout_id, host, "VERIFY has looked");

    law_settle();
    member->looked_boot = law_host(host)->boots;
    member->looked_ms = sim_now_ms();
}

/* ---- getting bad while it serves ---- */

void sim_law_got_bad(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    struct law_member *member = law_must_find(rollout_id, host, "a host got bad");

    law_settle();
    member->got_bad_ms = sim_now_ms();
}

void sim_law_committed(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       int64_t figure_bad_ms)
{
    const struct law_member *member = law_must_find(rollout_id, host, "a job is committed");
    uint32_t number = member->rollout->number;

    law_settle();
    if (member->is_disk_replaced)
        return;
    SIM_LAW(member->got_bad_ms == 0 || member->got_bad_ms >= member->looked_ms,
            "host %u: its service broke in the watch of rollout %u, and it is committed", host,
            number);
    SIM_LAW(member->looked_ms >=
                    member->probation_ms + member->rollout->watch_ms - LAW_TIMER_SLACK_MS ||
                member->was_committing,
            "host %u: rollout %u is committed without a look at the end of its watch", host,
            number);
    SIM_LAW(figure_bad_ms < SIM_FIGURE_FOR_MS,
            "host %u: a figure was bad for %" PRId64 " ms, and rollout %u is committed", host,
            figure_bad_ms, number);
}

/* Whoever was about to end as committed when its power went may end so. */
void law_judge_own_move(const struct law_member *member, uint32_t state)
{
    bool is_looked_at = member->looked_boot == law_host(member->host)->boots;

    if (state != PROTO_JOB_PROBATION && state != PROTO_JOB_COMMITTED)
        return;
    SIM_LAW(is_looked_at || member->is_disk_replaced ||
                (state == PROTO_JOB_COMMITTED && member->was_committing),
            "host %u: rollout %u is %s, and nobody looked at the host since it booted",
            member->host, member->rollout->number, proto_job_state_name(state));
}

void law_note_power(struct law_host *host, bool is_up)
{
    struct law_member *job = host->job;

    if (is_up) {
        host->boots++;
        host->booted_ms = sim_now_ms();
    } else if (job != NULL) {
        job->was_committing =
            job->job_state == PROTO_JOB_PROBATION && job->commit_ms != SIM_NEVER &&
            sim_now_ms() - job->probation_ms >= job->rollout->watch_ms - LAW_TIMER_SLACK_MS;
    }
}

/* ---- REVERT of a job that is not the newest ---- */

static bool is_open(const struct law_member *job)
{
    return job != NULL && !proto_job_state_is_final(job->job_state);
}

/* When it should have been answered; SIM_NEVER: it may wait still. */
static int64_t answer_due_ms(const struct law_member *member)
{
    const struct law_host *host = law_host(member->host);

    /* What could not be given back keeps a job open that has failed. */
    if (is_open(host->job) || host->job == NULL || host->job->job_state == PROTO_JOB_REVERT_FAILED)
        return SIM_NEVER;
    /* Who asks again and again fills no disk: from then on it answers now and then. */
    if (host->reverts_heard > REVERTS_ANSWERED_MIN)
        return SIM_NEVER;

    return host->closed_ms > member->revert_heard_ms ? host->closed_ms : member->revert_heard_ms;
}

static void judge_answer(const struct law_member *member)
{
    int64_t due_ms = answer_due_ms(member);

    SIM_LAW(due_ms == SIM_NEVER || sim_now_ms() - due_ms <= ANSWER_MS_MAX ||
                !law_is_undisturbed(member->host, member->revert_heard_ms),
            "host %u: REVERT of rollout %u was heard %" PRId64
            " ms ago, no job is open since %" PRId64 " ms, and it was not answered",
            member->host, member->rollout->number, sim_now_ms() - member->revert_heard_ms,
            sim_now_ms() - due_ms);
}

void sim_law_revert_heard(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    const struct law_rollout *rollout = law_find(rollout_id);
    struct law_member *member = rollout != NULL ? law_member_of(rollout, host) : NULL;

    law_settle();
    law_host(host)->reverts_heard++;
    if (member == NULL || !member->is_known || !member->is_taken || member == law_host(host)->job)
        return; /* it never came here, or is told at once */
    if (member->revert_heard_ms == 0)
        member->revert_heard_ms = sim_now_ms();
}

void sim_law_reported(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    const struct law_rollout *rollout = law_find(rollout_id);
    struct law_member *member = rollout != NULL ? law_member_of(rollout, host) : NULL;

    law_settle();
    if (member == NULL || member->revert_heard_ms == 0)
        return;
    judge_answer(member);
    member->revert_heard_ms = 0;
}

void law_judge_answers(uint32_t host, bool is_forgotten)
{
    for (uint32_t i = 0; i < law_books.rollouts_count; i++) {
        struct law_member *member = law_member_of(law_books.rollouts[i], host);

        if (member == NULL || member->revert_heard_ms == 0)
            continue;
        judge_answer(member);
        if (is_forgotten)
            member->revert_heard_ms = 0;
    }
}

void sim_law_agent_gone(uint32_t host)
{
    law_settle();
    law_judge_answers(host, /* is_forgotten= */ true);
    law_host(host)->reverts_heard = 0;
}

/* ---- what is thrown away ---- */

void sim_law_reports_dropped(uint32_t host, uint64_t seq, uint64_t sent_seq)
{
    law_settle();
    SIM_LAW(seq <= sent_seq,
            "host %u: drops its reports up to %" PRIu64 ", and sent %" PRIu64
            " as the last over this connection",
            host, seq, sent_seq);
}

/* The job that was committed last and not taken back; NULL: none, or nobody can tell. */
static const struct law_member *base_of(uint32_t host)
{
    const struct law_member *base = NULL;
    int64_t failed_ms = 0;

    for (uint32_t i = 0; i < law_books.rollouts_count; i++) {
        const struct law_member *member = law_member_of(law_books.rollouts[i], host);

        if (member == NULL)
            continue;
        if (member->is_disk_replaced || !member->is_known)
            return NULL;
        if (member->job_state == PROTO_JOB_COMMITTED &&
            (base == NULL || member->committed_ms > base->committed_ms))
            base = member;
        if (member->job_state == PROTO_JOB_REVERT_FAILED && member->recorded_ms > failed_ms)
            failed_ms = member->recorded_ms;
    }

    return base != NULL && base->committed_ms > failed_ms ? base : NULL;
}

void sim_law_files_deleted(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    const struct law_member *base = base_of(host);

    law_settle();
    SIM_LAW(base == NULL || memcmp(base->rollout->id, rollout_id, PROTO_ROLLOUT_ID_BYTES) != 0,
            "host %u: the files of rollout %u are deleted, and the host stands on it", host,
            base != NULL ? base->rollout->number : 0);
}
