/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/journal_record.h"

/* A small count in a uint32_t, which the wire knows only as the number of a word. */
#define COUNT(T, f) PROTO_FIELD_ENUM_OPT(T, f, UINT32_MAX)

#define T           struct agent_journal_saved
static const struct proto_field saved_rows[] = {
    PROTO_FIELD_ENUM(T, job.state, PROTO_JOB_STATE_LAST),
    PROTO_FIELD_ENUM_OPT(T, job.step, PROTO_STEP_LAST),
    COUNT(T, job.tries),
    COUNT(T, job.attempt),
    COUNT(T, job.way_backs),
    PROTO_FIELD_BOOL(T, job.step_running),
    PROTO_FIELD_BOOL(T, job.start_wanted),
    PROTO_FIELD_BOOL(T, job.revert_wanted),
    PROTO_FIELD_BOOL(T, job.cancel_wanted),
    PROTO_FIELD_BOOL(T, job.held),
    PROTO_FIELD_BOOL(T, job.changed),
    PROTO_FIELD_BOOL(T, job.quiesced),
    PROTO_FIELD_BOOL(T, job.ssh_locked),
    PROTO_FIELD_BOOL(T, job.armed),
    PROTO_FIELD_BOOL(T, job.isolate_again),
    PROTO_FIELD_BOOL(T, job.link_new),
    PROTO_FIELD_BOOL(T, job.commit_seen),
    PROTO_FIELD_BOOL(T, job.failed),
    PROTO_FIELD_BOOL(T, job.undo_failed),
    PROTO_FIELD_BOOL(T, job.asking),
    PROTO_FIELD_BOOL(T, job.missing_told),
    COUNT(T, job.asks_in_vain),
    COUNT(T, job.blames),
    PROTO_FIELD_ENUM_OPT(T, job.grade, PROTO_GRADE_SEVERE),
    PROTO_FIELD_U64(T, job.nonce),
    PROTO_FIELD_I64(T, job.stage_deadline.ms),
    PROTO_FIELD_I64(T, job.ready_deadline.ms),
    PROTO_FIELD_I64(T, job.confirm_deadline.ms),
    PROTO_FIELD_I64(T, job.watch_end.ms),
    PROTO_FIELD_I64(T, job.ask_at.ms),
    PROTO_FIELD_I64(T, job.retry_at.ms),
    PROTO_FIELD_I64(T, job.way_back_end.ms),
    PROTO_FIELD_TEXT_OPT(T, code, AGENT_JOB_CODE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, reason, AGENT_JOB_REASON_BYTES_MAX),
    PROTO_FIELD_I64(T, job.limits.stage_ms),
    PROTO_FIELD_I64(T, job.limits.ready_ms),
    PROTO_FIELD_I64(T, job.limits.confirm_within_ms),
    PROTO_FIELD_I64(T, job.limits.watch_ms),
    PROTO_FIELD_I64(T, job.limits.keep_way_back_ms),
    PROTO_FIELD_BOOL(T, job.limits.repair),
    PROTO_FIELD_BOOL(T, job.limits.quiesce),
    PROTO_FIELD_BOOL(T, job.limits.ssh_lock),
    PROTO_FIELD_TEXT(T, boot_id, PROTO_BOOT_ID_BYTES_MAX),
};
const struct proto_schema agent_journal_saved_schema = PROTO_SCHEMA(T, saved_rows);
#undef T

/* What of a job never changes. */
#define T struct agent_journal_job
static const struct proto_field taken_job_rows[] = {
    PROTO_FIELD_FIXED(T, id),
    PROTO_FIELD_FIXED(T, rollout_id),
    PROTO_FIELD_BYTES(T, manifest, PROTO_MANIFEST_BYTES_MAX),
    PROTO_FIELD_LIST(T, signatures, PROTO_SIGNATURES_MAX, &proto_signature_schema),
    PROTO_FIELD_U64_MAX(T, kind, PROTO_KINDS_MAX - 1),
    PROTO_FIELD_U64(T, counter),
    PROTO_FIELD_I64(T, accepted_wall_ms),
};
const struct proto_schema agent_journal_job_schema = PROTO_SCHEMA(T, taken_job_rows);
#undef T

#define T struct agent_journal_row
static const struct proto_field row_rows[] = {
    PROTO_FIELD_U64(T, number),
    PROTO_FIELD_I64(T, wall_ms),
    PROTO_FIELD_I64(T, mono_ms),
    PROTO_FIELD_TEXT_OPT(T, boot_id, PROTO_BOOT_ID_BYTES_MAX),
    PROTO_FIELD_TEXT(T, what, AGENT_JOURNAL_WHAT_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, who, AGENT_JOURNAL_WHO_BYTES_MAX),
    PROTO_FIELD_FIXED(T, rollout_id),
    PROTO_FIELD_ENUM_OPT(T, moment, PROTO_MOMENT_LAST),
    PROTO_FIELD_ENUM_OPT(T, state, PROTO_JOB_STATE_LAST),
    PROTO_FIELD_ENUM_OPT(T, step, PROTO_STEP_LAST),
    PROTO_FIELD_ENUM_OPT(T, result, PROTO_RESULT_UNKNOWN),
    PROTO_FIELD_ENUM_OPT(T, grade, PROTO_GRADE_SEVERE),
    PROTO_FIELD_TEXT_OPT(T, code, PROTO_CODE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, reason, PROTO_REASON_BYTES_MAX),
};
const struct proto_schema agent_journal_row_schema = PROTO_SCHEMA(T, row_rows);
#undef T
