/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_WRAPS_H
#define TESTS_SIM_WORLD_WRAPS_H

#include "agent/lease/lease.h"
#include "agent/root/job.h"
#include "agent/txn/task.h"
#include "proto/message.h"

/*
 * What the linker's --wrap puts in the place of single functions of the agent, as replace.h tells.
 * A name that is missing in meson.build would leave the real one where it is.
 */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
int __wrap_bl_boot_id_read(char ret_boot_id[BL_BOOT_ID_BYTES], struct bl_error *err);

int __wrap_agent_journal_write(struct agent_journal *journal,
                               const struct agent_journal_write *write, struct bl_error *err);
int __real_agent_journal_write(struct agent_journal *journal,
                               const struct agent_journal_write *write, struct bl_error *err);
int __wrap_agent_journal_load_newest(struct agent_journal *journal, struct proto_arena *arena,
                                     struct agent_journal_job *ret_job, struct bl_error *err);
int __real_agent_journal_load_newest(struct agent_journal *journal, struct proto_arena *arena,
                                     struct agent_journal_job *ret_job, struct bl_error *err);
int __wrap_agent_journal_acknowledge(struct agent_journal *journal, uint64_t seq,
                                     struct bl_error *err);
int __real_agent_journal_acknowledge(struct agent_journal *journal, uint64_t seq,
                                     struct bl_error *err);
bool __wrap_agent_jobs_tell(struct agent_jobs *jobs, struct agent_job_event event, const char *who);
bool __real_agent_jobs_tell(struct agent_jobs *jobs, struct agent_job_event event, const char *who);

int __wrap_agent_txn_job_make(const char *state_dir, const char *job, int *ret_fd,
                              struct bl_error *err);
int __wrap_agent_txn_task_save(int job_fd, const struct agent_txn_task *task, struct bl_error *err);
int __wrap_agent_txn_result_load(int job_fd, uint32_t phase, struct proto_arena *arena,
                                 struct agent_txn_result *ret_result, struct bl_error *err);
int __wrap_agent_txn_started_load(int job_fd, uint32_t phase, struct bl_error *err);
int __wrap_agent_txn_phase_clear(int job_fd, uint32_t phase, struct bl_error *err);
bool __wrap_agent_txn_progress_load(int job_fd, uint32_t phase, struct proto_arena *arena,
                                    struct proto_progress *ret_progress);

int __wrap_agent_lease_save(const struct agent_lease_places *places, const char *name,
                            const struct agent_lease_record *record, struct bl_error *err);
int __wrap_agent_lease_load(const struct agent_lease_places *places, const char *name,
                            struct proto_arena *arena, struct agent_lease_record *ret_record,
                            struct bl_error *err);
int __wrap_agent_lease_remove(const struct agent_lease_places *places, const char *name,
                              struct bl_error *err);
/* NOLINTEND(bugprone-reserved-identifier) */

#endif
