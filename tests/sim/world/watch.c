/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes durable in an agent's journal and what reaches its job, seen from outside: these
 * functions do what the real ones do, and tell the laws.
 */
#include <string.h>

#include "tests/sim/world/hosts.h"
#include "tests/sim/world/net.h"
#include "tests/sim/world/wraps.h"

static bool is_newest(const struct sim_host *h, const uint8_t *rollout_id)
{
    return h->disk.job_state != 0 &&
           memcmp(h->disk.rollout_id, rollout_id, PROTO_ROLLOUT_ID_BYTES) == 0;
}

/* The host stands on this job now, and its directory is known by the rollout. */
static void note_job(struct sim_host *h, const uint8_t *job_id, const uint8_t *rollout_id,
                     uint32_t state)
{
    static const char digits[] = "0123456789abcdef";
    char id[SIM_JOB_ID_BYTES];
    struct sim_job_dir *dir;

    for (size_t i = 0; i < AGENT_JOB_ID_BYTES; i++) {
        id[2 * i] = digits[job_id[i] >> 4];
        id[2 * i + 1] = digits[job_id[i] & 15];
    }
    id[2 * AGENT_JOB_ID_BYTES] = '\0';
    dir = sim_dir_find(h, id);
    if (dir != NULL)
        memcpy(dir->rollout_id, rollout_id, sizeof(dir->rollout_id));
    memcpy(h->disk.rollout_id, rollout_id, sizeof(h->disk.rollout_id));
    h->disk.job_state = state;
}

static void tell_turn(struct sim_host *h, const uint8_t *rollout_id, const char *code)
{
    const struct sim_job_dir *dir = sim_dir_of_rollout(h, rollout_id);
    const struct sim_law_turn turn = {
        .code = code,
        .is_healthy = sim_host_is_healthy(h, rollout_id),
        .is_cut_off = h->disk.installed.cuts_off,
        .controller_was_missing = h->was_controller_missing,
        .has_change_result = dir != NULL && dir->phases[AGENT_TXN_UPGRADE].has_result,
        .figure_bad_ms = h->figure.worst_ms,
        .link_open_since_ms = sim_net_open_since_ms(h->index),
    };

    sim_law_turned_back(h->index, rollout_id, &turn);
}

static void on_late(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->late = 0;
    if (h->disk.job_state != PROTO_JOB_PROBATION || h->disk.installed.is_broken)
        return;
    sim_tell(h->index, "its service breaks");
    h->disk.installed.is_broken = true;
    sim_law_got_bad(h->index, h->disk.rollout_id);
}

/* What was well when it was verified does not stay so. */
static void begin_to_serve(struct sim_host *h, int64_t watch_ms)
{
    sim_cancel(&h->late);
    if (sim_fault(SIM_FAULT_SERVICE_BREAKS_LATE, h->index))
        h->late = sim_after(sim_draw_between(SIM_DRAW_LATER, h->index, 0, watch_ms), on_late, h, 0);
    if (sim_fault(SIM_FAULT_FIGURE_GETS_BAD, h->index))
        sim_figure_gets_bad(h, watch_ms);
}

static void tell_record(struct sim_host *h, const struct agent_journal_write *write)
{
    const uint8_t *rollout_id =
        write->accept != NULL ? write->accept->rollout_id : write->reports[0].rollout_id;
    const uint8_t *job_id = write->accept != NULL ? write->accept->id : write->job_id;
    uint32_t former = is_newest(h, rollout_id) ? h->disk.job_state : 0;
    const struct agent_job *job = write->job;
    enum sim_packages packages;

    note_job(h, job_id, rollout_id, job->state);
    packages = sim_host_packages(h, rollout_id);
    if (write->accept != NULL) {
        h->jobs++;
        sim_law_job_taken(h->index, rollout_id);
    }
    if (job->state == PROTO_JOB_REVERTING && former != PROTO_JOB_REVERTING)
        tell_turn(h, rollout_id, job->code);
    if (job->state == PROTO_JOB_CANCELLED && former != PROTO_JOB_CANCELLED)
        sim_law_cancelled(h->index, rollout_id, job->code);
    if (job->state == PROTO_JOB_PROBATION && former != PROTO_JOB_PROBATION)
        begin_to_serve(h, job->limits.watch_ms);
    if (job->state == PROTO_JOB_COMMITTED && former == PROTO_JOB_PROBATION)
        sim_law_committed(h->index, rollout_id, h->figure.bad_ms);
    sim_law_job_recorded(h->index, rollout_id, (enum proto_job_state)job->state,
                         packages == SIM_PACKAGES_OLD, packages == SIM_PACKAGES_NEW);
}

int __wrap_agent_journal_write(struct agent_journal *journal,
                               const struct agent_journal_write *write, struct bl_error *err)
{
    struct sim_host *h = sim_here();
    int r = __real_agent_journal_write(journal, write, err);

    if (r < 0 && !sim_current->is_dead) {
        sim_tell(h->index, "the journal fails: %s", err->text);
        sim_law_agent_gone(h->index);
    }
    if (r < 0 || sim_current->is_dead)
        return r;
    h->records += write->reports_count;
    for (uint32_t i = 0; i < write->reports_count; i++)
        sim_law_reported(h->index, write->reports[i].rollout_id);
    if (write->job != NULL && write->reports_count > 0)
        tell_record(h, write);

    return r;
}

int __wrap_agent_journal_load_newest(struct agent_journal *journal, struct proto_arena *arena,
                                     struct agent_journal_job *ret_job, struct bl_error *err)
{
    struct sim_host *h = sim_here();
    int r = __real_agent_journal_load_newest(journal, arena, ret_job, err);

    if (r > 0 && !sim_current->is_dead) {
        sim_tell(h->index, "the agent finds its job %s", proto_job_state_name(ret_job->job.state));
        note_job(h, ret_job->id, ret_job->rollout_id, ret_job->job.state);
        sim_law_job_loaded(h->index, ret_job->rollout_id, (enum proto_job_state)ret_job->job.state);
    }

    return r;
}

/* The world counts what went out; the law is told once the disk agrees. */
int __wrap_agent_journal_acknowledge(struct agent_journal *journal, uint64_t seq,
                                     struct bl_error *err)
{
    struct sim_host *h = sim_here();
    int r = __real_agent_journal_acknowledge(journal, seq, err);

    if (r >= 0 && !sim_current->is_dead)
        sim_law_reports_dropped(h->index, seq, h->agent.sent_seq);

    return r;
}

/* COMMIT counts when the job took it; the link is new when it is younger than the change. */
bool __wrap_agent_jobs_tell(struct agent_jobs *jobs, struct agent_job_event event, const char *who)
{
    struct sim_host *h = sim_here();
    const struct agent_work *work = agent_jobs_work(jobs);
    bool was_seen = work != NULL && work->job.commit_seen;
    const struct sim_job_dir *dir;
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];

    if (event.type == AGENT_JOB_COMMIT && work != NULL && !was_seen &&
        work->job.state == PROTO_JOB_PROBATION && work->job.link_new &&
        work->job.nonce == event.nonce && !sim_current->is_dead) {
        dir = sim_dir_of_rollout(h, work->rollout_id);
        memcpy(rollout_id, work->rollout_id, sizeof(rollout_id));
        sim_law_commit_heard(h->index, rollout_id,
                             dir != NULL && h->courier.up_ms >= dir->change_ended_ms);
    }

    return __real_agent_jobs_tell(jobs, event, who);
}
