/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_JOURNAL_H
#define AGENT_ROOT_JOURNAL_H

#include <stdbool.h>

#include "agent/core/job.h"
#include "proto/manifest.h"
#include "proto/message.h"

/*
 * What this host must still know after it lost power: its jobs, what it told the controller and
 * what of it was received, which counters and rollouts it has seen, and an audit trail in which
 * each row carries the hash of the one before.
 *
 * Every write is one transaction, durable when the call returns. A failed fsync may have lost what
 * was written before, so trying again could only hide that: after an I/O error everything fails with
 * -EIO for the rest of the process's life. An agent_journal_write() that fails for any reason lets no
 * other one pass either, since the job in memory is no longer the one on disk; a row of the audit
 * trail may still be added then.
 */
enum {
    AGENT_JOB_ID_BYTES = 16,
    AGENT_JOB_ID_TEXT_BYTES = 2 * AGENT_JOB_ID_BYTES + 1,
    AGENT_JOURNAL_WHAT_BYTES_MAX = 32,
    AGENT_JOURNAL_WHO_BYTES_MAX = 64,
};

struct agent_journal;

/* A job as it was taken, and its last saved state. */
struct agent_journal_job {
    uint8_t id[AGENT_JOB_ID_BYTES];
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    struct proto_bytes manifest; /* as signed */
    struct proto_signature *signatures;
    uint32_t signatures_count;
    uint64_t kind;    /* index into manifest.kinds */
    uint64_t counter; /* of the manifest */
    int64_t accepted_wall_ms;
    struct agent_job job;
    const char *boot_id; /* whose clock the instants inside `job` are of */
};

/* One row of the audit trail. What does not apply is 0 or "". */
struct agent_journal_row {
    uint64_t number; /* 1, 2, 3, … without a gap */
    int64_t wall_ms;
    int64_t mono_ms; /* CLOCK_BOOTTIME */
    const char *boot_id;
    const char *what; /* stable word: "job", "refused", "rescue", "start", … */
    const char *who;  /* who asked, as the kernel told it; "" = this process itself */
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint32_t moment, state, step, result, grade;
    const char *code, *reason;
};

/*
 * One transaction: takes a new job when `accept` is set, saves a job's state when `job` is, and
 * writes one audit row and one report in the outbox for each of `reports`, whose `seq` it sets.
 */
struct agent_journal_write {
    const struct agent_journal_job *accept; /* its `job` is ignored; `job` below is saved */
    const uint8_t *job_id;
    const struct agent_job *job; /* with `boot_id`, and `job_id` unless it is a new one */
    const char *boot_id;
    struct proto_report *reports;
    uint32_t reports_count;
    const char *what, *who; /* for the audit rows */
};

int agent_journal_open(const char *path, struct agent_journal **ret_journal, struct bl_error *err)
    BL_CHECKED;
struct agent_journal *agent_journal_free(struct agent_journal *journal);
static inline void agent_journal_freep(struct agent_journal **journal)
{
    *journal = agent_journal_free(*journal);
}
#define AGENT_AUTO_JOURNAL BL_CLEANUP(agent_journal_freep) struct agent_journal

/* False once agent_journal_write() has failed, or an I/O error was seen. */
bool agent_journal_is_whole(const struct agent_journal *journal);

int agent_journal_write(struct agent_journal *journal, const struct agent_journal_write *write,
                        struct bl_error *err) BL_CHECKED;

/* One audit row without a report. Its `number` is ignored. */
int agent_journal_note(struct agent_journal *journal, const struct agent_journal_row *row,
                       struct bl_error *err) BL_CHECKED;

/*
 * The job that was taken last, or by its id. 1 and *ret_job, whose memory is the arena's; 0 when
 * there is none; -EUCLEAN when what was saved cannot be true.
 */
int agent_journal_load_newest(struct agent_journal *journal, struct proto_arena *arena,
                              struct agent_journal_job *ret_job, struct bl_error *err) BL_CHECKED;
int agent_journal_load_job(struct agent_journal *journal, const uint8_t id[AGENT_JOB_ID_BYTES],
                           struct proto_arena *arena, struct agent_journal_job *ret_job,
                           struct bl_error *err) BL_CHECKED;

/*
 * The job that this host stands on: the one that was committed last and not taken back since. Only
 * it can be taken back late; what lies beneath it can't be pulled out from under it, nor what lies
 * beneath a change whose way back failed. As above; *ret_job is overwritten in any case.
 */
int agent_journal_load_base(struct agent_journal *journal, struct proto_arena *arena,
                            struct agent_journal_job *ret_job, struct bl_error *err) BL_CHECKED;

/* From now on this job counts as taken last: it is the one to be taken up after a restart. */
int agent_journal_raise(struct agent_journal *journal, const uint8_t id[AGENT_JOB_ID_BYTES],
                        struct bl_error *err) BL_CHECKED;

/* 1 and the job that this rollout came as; 0 when it never came. */
int agent_journal_find_rollout(struct agent_journal *journal,
                               const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                               uint8_t ret_job_id[AGENT_JOB_ID_BYTES], struct bl_error *err)
    BL_CHECKED;

/* 1 and the highest counter that was taken from this key; 0 when none was. */
int agent_journal_find_counter(struct agent_journal *journal, const uint8_t key[PROTO_KEY_BYTES],
                               uint64_t *ret_counter, struct bl_error *err) BL_CHECKED;

/* 1 and the first report above `after_seq` that is not acknowledged, encoded as a whole message. */
int agent_journal_next_report(struct agent_journal *journal, uint64_t after_seq, uint64_t *ret_seq,
                              struct proto_buffer *message, struct bl_error *err) BL_CHECKED;
/* Everything up to and with `seq` is stored by the controller. What was never sent is not. */
int agent_journal_acknowledge(struct agent_journal *journal, uint64_t seq, struct bl_error *err)
    BL_CHECKED;

/* The number of the last report that was ever queued here; 0 = none. */
uint64_t agent_journal_last_seq(const struct agent_journal *journal);

/* 1 and row `number`, memory of the arena; 0 behind the last. */
int agent_journal_read_row(struct agent_journal *journal, uint64_t number,
                           struct proto_arena *arena, struct agent_journal_row *ret_row,
                           struct bl_error *err) BL_CHECKED;
uint64_t agent_journal_last_row(const struct agent_journal *journal);

/* Walks the whole chain. -EUCLEAN names the first row that was changed, moved or taken out. */
int agent_journal_check_chain(struct agent_journal *journal, uint8_t ret_head[PROTO_HASH_BYTES],
                              struct bl_error *err) BL_CHECKED;

/* The hash of the last row; zeros when there is none. */
void agent_journal_head(const struct agent_journal *journal, uint8_t ret_head[PROTO_HASH_BYTES]);
/* 1 and the hash of row `number`; 0 when there is no such row. */
int agent_journal_hash_at(struct agent_journal *journal, uint64_t number,
                          uint8_t ret_hash[PROTO_HASH_BYTES], struct bl_error *err) BL_CHECKED;

/* What the controller's audit was when it last told: heads.h. 0 rows: it never did. */
int agent_journal_kept_head(struct agent_journal *journal, uint64_t *ret_rows,
                            uint8_t ret_hash[PROTO_HASH_BYTES], struct bl_error *err) BL_CHECKED;
int agent_journal_keep_head(struct agent_journal *journal, uint64_t rows,
                            const uint8_t hash[PROTO_HASH_BYTES], struct bl_error *err) BL_CHECKED;
int agent_journal_forget_head(struct agent_journal *journal, struct bl_error *err) BL_CHECKED;

#endif
