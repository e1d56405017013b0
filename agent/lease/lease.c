/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lease/store.h"
#include "common/file.h"
#include "common/text.h"

const struct agent_lease_places agent_lease_places_default = {
    .lease_dir = "/var/lib/belay/leases",
    .unit_dir = "/run/systemd/system",
    .manager = "unix:path=/run/systemd/private",
    .sshd_program = "/usr/sbin/sshd",
    .sshd_config = "/etc/ssh/sshd_config",
    .sshd_lock_dir = "/etc/ssh/sshd_config.d",
};

static const char *const names[AGENT_LEASE_KINDS] = {AGENT_LEASE_SSH_LOCK, AGENT_LEASE_QUIESCE};

#define U struct agent_lease_unit
static const struct proto_field unit_rows[] = {
    PROTO_FIELD_TEXT(U, name, AGENT_LEASE_UNIT_BYTES_MAX),
    PROTO_FIELD_BOOL(U, was_active),
    PROTO_FIELD_I64(U, next_run_ms),
    PROTO_FIELD_BOOL(U, catches_up),
    PROTO_FIELD_BOOL(U, runs_unknown),
};
static const struct proto_schema unit_schema = PROTO_SCHEMA(struct agent_lease_unit, unit_rows);
#undef U

#define R struct agent_lease_record
static const struct proto_field record_rows[] = {
    PROTO_FIELD_U64_MAX(R, format, AGENT_LEASE_FORMAT),
    PROTO_FIELD_TEXT(R, job, AGENT_LEASE_JOB_BYTES - 1),
    PROTO_FIELD_I64(R, taken_ms),
    PROTO_FIELD_I64(R, until_ms),
    PROTO_FIELD_TEXT(R, boot_id, PROTO_BOOT_ID_BYTES_MAX),
    PROTO_FIELD_U64(R, until_mono_ms),
    PROTO_FIELD_LIST(R, units, AGENT_LEASE_UNITS_MAX, &unit_schema),
};
const struct proto_schema agent_lease_record_schema =
    PROTO_SCHEMA(struct agent_lease_record, record_rows);
#undef R

bool agent_lease_is_name(const char *name)
{
    for (size_t i = 0; i < AGENT_LEASE_KINDS; i++)
        if (strcmp(name, names[i]) == 0)
            return true;

    return false;
}

static bool is_job(const char *job)
{
    return strlen(job) == AGENT_LEASE_JOB_BYTES - 1 &&
           strspn(job, "0123456789abcdef") == AGENT_LEASE_JOB_BYTES - 1;
}

bool agent_lease_record_is_sound(const struct agent_lease_record *record)
{
    if (record->format != AGENT_LEASE_FORMAT || !is_job(record->job) ||
        record->until_ms < record->taken_ms)
        return false;
    for (uint32_t i = 0; i < record->units_count; i++)
        if (!bl_text_is_unit_name(record->units[i].name))
            return false;

    return true;
}

int agent_lease_fill(struct agent_lease_record *record, const char *job, int64_t lease_ms,
                     char boot_id[BL_BOOT_ID_BYTES], struct bl_error *err)
{
    int r;

    if (!is_job(job) || lease_ms <= 0)
        return bl_fail(err, -EINVAL, "a lease needs a job and a time");
    r = bl_boot_id_read(boot_id, err);
    if (r < 0)
        return r;
    *record = (struct agent_lease_record){
        .format = AGENT_LEASE_FORMAT,
        .job = job,
        .taken_ms = bl_wall_now().ms,
        .boot_id = boot_id,
        .until_mono_ms = (uint64_t)bl_mono_after(bl_mono_now(), lease_ms).ms,
    };
    record->until_ms = record->taken_ms + lease_ms;

    return 0;
}

int64_t agent_lease_left_ms(const struct agent_lease_record *record, const char *boot_id)
{
    int64_t left_ms;

    if (strcmp(record->boot_id, boot_id) == 0)
        left_ms = (int64_t)record->until_mono_ms - bl_mono_now().ms;
    else
        left_ms = record->until_ms - bl_wall_now().ms;
    /* A wall clock that jumped must not make a lease longer than it was. */
    if (left_ms > record->until_ms - record->taken_ms)
        left_ms = record->until_ms - record->taken_ms;

    return left_ms > 0 ? left_ms : 0;
}

int agent_lease_save(const struct agent_lease_places *places, const char *name,
                     const struct agent_lease_record *record, struct bl_error *err)
{
    PROTO_AUTO_BUFFER buffer = {0};
    BL_AUTO_FD int dir_fd = -1;
    int r;

    BL_ASSERT(agent_lease_record_is_sound(record));

    r = proto_encode(&agent_lease_record_schema, record, &buffer, err);
    if (r >= 0)
        r = bl_dir_make(AT_FDCWD, places->lease_dir, 0700, err);
    if (r >= 0)
        r = dir_fd = bl_dir_open(AT_FDCWD, places->lease_dir, err);
    if (r >= 0)
        r = bl_file_replace(dir_fd, name, buffer.data, buffer.size_bytes, err);
    if (r < 0)
        return bl_wrap(err, "lease '%s'", name);

    return 0;
}

int agent_lease_load(const struct agent_lease_places *places, const char *name,
                     struct proto_arena *arena, struct agent_lease_record *ret_record,
                     struct bl_error *err)
{
    BL_AUTO_FREE char *data = NULL;
    BL_AUTO_FD int dir_fd = -1;
    struct agent_lease_record record;
    size_t data_bytes;
    int r;

    r = dir_fd = bl_dir_open(AT_FDCWD, places->lease_dir, err);
    if (r >= 0)
        r = bl_file_read(dir_fd, name, AGENT_LEASE_RECORD_BYTES_MAX, &data, &data_bytes, err);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return bl_wrap(err, "lease '%s'", name);
    r = proto_decode(&agent_lease_record_schema, data, data_bytes, arena, &record, err);
    if (r == -ENOMEM)
        return bl_wrap(err, "lease '%s'", name);
    if (r < 0) {
        err->code = -EUCLEAN;
        return bl_wrap(err, "lease '%s' is damaged", name);
    }
    if (!agent_lease_record_is_sound(&record))
        return bl_fail(err, -EUCLEAN, "lease '%s' is damaged: it can't be ours", name);
    *ret_record = record;

    return 1;
}

int agent_lease_remove(const struct agent_lease_places *places, const char *name,
                       struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    int r;

    r = dir_fd = bl_dir_open(AT_FDCWD, places->lease_dir, err);
    if (r == -ENOENT)
        return 0;
    if (r >= 0)
        r = bl_file_remove(dir_fd, name, err);
    if (r < 0)
        return bl_wrap(err, "lease '%s'", name);

    return 0;
}

int agent_lease_list(const struct agent_lease_places *places,
                     struct agent_lease_info ret_infos[AGENT_LEASE_KINDS], size_t *ret_count,
                     struct bl_error *err)
{
    size_t count = 0;

    for (size_t i = 0; i < AGENT_LEASE_KINDS; i++) {
        PROTO_AUTO_ARENA arena = {0};
        struct agent_lease_record record = {0};
        struct agent_lease_info *info = &ret_infos[count];
        int r = agent_lease_load(places, names[i], &arena, &record, err);

        if (r < 0 && r != -EUCLEAN)
            return r;
        if (r == 0)
            continue;
        *info = (struct agent_lease_info){.name = names[i]};
        if (r > 0) {
            bl_text_copy(info->job, sizeof(info->job), record.job);
            info->taken.ms = record.taken_ms;
            info->until.ms = record.until_ms;
        }
        count++;
    }
    *ret_count = count;

    return 0;
}

int agent_lease_end(struct agent_lease_outcome *outcome, const char *code, int result,
                    const struct bl_error *err)
{
    bl_text_copy(outcome->code, sizeof(outcome->code), code);
    bl_text_escape(outcome->reason, sizeof(outcome->reason), err->text, strlen(err->text));

    return result;
}
