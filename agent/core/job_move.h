/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CORE_JOB_MOVE_H
#define AGENT_CORE_JOB_MOVE_H

#include "agent/core/job.h"

/* Inside agent/core only. Each adds to `effects` what its move asks of the shell. */

struct agent_job_effect *agent_job_emit(struct agent_job_effects *effects,
                                        enum agent_job_effect_type type);

/* RECORD with the job's state, step, grade and, in PROBATION over the new link, its nonce. */
struct agent_job_effect *agent_job_record(const struct agent_job *job, enum proto_moment moment,
                                          struct agent_job_effects *effects);

/* Either text may be NULL. */
void agent_job_describe(struct agent_job_effect *effect, const char *code, const char *reason);

/* A record of a job whose state stays: it makes durable what the event changed. */
void agent_job_note(const struct agent_job *job, const char *code, const char *reason,
                    struct agent_job_effects *effects);

/* The first cause wins: what follows from it is in the journal. Either text may be NULL. */
void agent_job_set_cause(struct agent_job *job, const char *code, const char *reason);
void agent_job_fail(struct agent_job *job, const char *code, const char *reason);

/* Asks for job->step, which begin_step has set before or which ran when the agent died. */
void agent_job_run_step(struct agent_job *job, struct agent_job_effects *effects);

/* What a step may take is marked as taken before it runs: after a crash it is given back. */
void agent_job_begin_step(struct agent_job *job, uint32_t step, struct agent_job_effects *effects);

void agent_job_enter(struct agent_job *job, enum proto_job_state to, struct bl_mono now,
                     struct agent_job_effects *effects);

bool agent_job_is_final(const struct agent_job *job);

/* Something calls for the way back, and nothing (a running step, a person's hold) is in its way. */
bool agent_job_must_turn_back(const struct agent_job *job);

/* Moves as far as it goes without news: to the next step, a state that waits, or the end. */
void agent_job_go_on(struct agent_job *job, struct bl_mono now, struct agent_job_effects *effects);

#endif
