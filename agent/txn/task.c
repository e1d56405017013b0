/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/txn/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

static const struct proto_field change_fields[] = {
    PROTO_FIELD_TEXT(struct proto_change, name, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT(struct proto_change, arch, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct proto_change, from, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct proto_change, to, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_ENUM(struct proto_change, action, PROTO_ACTION_REMOVE),
};
const struct proto_schema agent_txn_change_schema =
    PROTO_SCHEMA(struct proto_change, change_fields);

static const struct proto_field item_fields[] = {
    PROTO_FIELD_TEXT(struct agent_txn_item, name, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_txn_item, arch, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_txn_item, version, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_ENUM(struct agent_txn_item, status, AGENT_TXN_STATUS_LAST),
    PROTO_FIELD_BOOL(struct agent_txn_item, held),
    PROTO_FIELD_BOOL(struct agent_txn_item, automatic),
};
const struct proto_schema agent_txn_item_schema = PROTO_SCHEMA(struct agent_txn_item, item_fields);

static const struct proto_field conffile_fields[] = {
    PROTO_FIELD_TEXT(struct agent_txn_conffile, path, AGENT_TXN_PATH_BYTES_MAX),
    PROTO_FIELD_BOOL(struct agent_txn_conffile, present),
    PROTO_FIELD_FIXED(struct agent_txn_conffile, digest),
    PROTO_FIELD_U64_MAX(struct agent_txn_conffile, mode, 07777),
    PROTO_FIELD_U64_MAX(struct agent_txn_conffile, uid, UINT32_MAX),
    PROTO_FIELD_U64_MAX(struct agent_txn_conffile, gid, UINT32_MAX),
};
const struct proto_schema agent_txn_conffile_schema =
    PROTO_SCHEMA(struct agent_txn_conffile, conffile_fields);

static const struct proto_field finding_fields[] = {
    PROTO_FIELD_TEXT(struct agent_txn_finding, code, PROTO_CODE_BYTES_MAX),
    PROTO_FIELD_TEXT(struct agent_txn_finding, reason, PROTO_REASON_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_txn_finding, remedy, PROTO_REASON_BYTES_MAX),
};
static const struct proto_schema finding_schema =
    PROTO_SCHEMA(struct agent_txn_finding, finding_fields);

static const struct proto_field task_fields[] = {
    PROTO_FIELD_U64(struct agent_txn_task, format),
    PROTO_FIELD_ENUM(struct agent_txn_task, phase, AGENT_TXN_PHASE_LAST),
    PROTO_FIELD_U64(struct agent_txn_task, attempt),
    PROTO_FIELD_ENUM_OPT(struct agent_txn_task, package_set, PROTO_SET_ALL),
    PROTO_FIELD_LIST(struct agent_txn_task, packages, AGENT_TXN_LINES_MAX, &proto_package_schema),
    PROTO_FIELD_LIST(struct agent_txn_task, excludes, PROTO_EXCLUDES_MAX, &proto_text_schema),
    PROTO_FIELD_LIST(struct agent_txn_task, pins, AGENT_TXN_LINES_MAX, &proto_pin_schema),
    PROTO_FIELD_BOOL(struct agent_txn_task, allow_remove),
    PROTO_FIELD_BOOL(struct agent_txn_task, allow_downgrade),
    PROTO_FIELD_BOOL(struct agent_txn_task, allow_new),
    PROTO_FIELD_BOOL(struct agent_txn_task, ignore_phasing),
    PROTO_FIELD_BOOL(struct agent_txn_task, only_installed),
    PROTO_FIELD_BOOL(struct agent_txn_task, replace_conffiles),
    PROTO_FIELD_U64(struct agent_txn_task, metadata_max_age_ms),
    PROTO_FIELD_LIST(struct agent_txn_task, keep, PROTO_UNITS_MAX, &proto_text_schema),
    PROTO_FIELD_BOOL(struct agent_txn_task, by_snapshot),
    PROTO_FIELD_BOOL(struct agent_txn_task, is_late),
    PROTO_FIELD_BOOL(struct agent_txn_task, verify_files),
    PROTO_FIELD_BOOL(struct agent_txn_task, prove),
    PROTO_FIELD_U64(struct agent_txn_task, deadline_ms),
    PROTO_FIELD_U64(struct agent_txn_task, lock_wait_ms),
};
const struct proto_schema agent_txn_task_schema = PROTO_SCHEMA(struct agent_txn_task, task_fields);

static const struct proto_field result_fields[] = {
    PROTO_FIELD_U64(struct agent_txn_result, format),
    PROTO_FIELD_ENUM(struct agent_txn_result, phase, AGENT_TXN_PHASE_LAST),
    PROTO_FIELD_U64(struct agent_txn_result, attempt),
    PROTO_FIELD_ENUM(struct agent_txn_result, result, PROTO_RESULT_UNKNOWN),
    PROTO_FIELD_TEXT_OPT(struct agent_txn_result, code, PROTO_CODE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_txn_result, reason, PROTO_REASON_BYTES_MAX),
    PROTO_FIELD_LIST(struct agent_txn_result, changes, AGENT_TXN_LINES_MAX,
                     &agent_txn_change_schema),
    PROTO_FIELD_LIST(struct agent_txn_result, notes, AGENT_TXN_NOTES_MAX, &proto_text_schema),
    PROTO_FIELD_LIST(struct agent_txn_result, findings, AGENT_TXN_NOTES_MAX, &finding_schema),
    PROTO_FIELD_U64(struct agent_txn_result, download_bytes),
    PROTO_FIELD_I64(struct agent_txn_result, installed_bytes),
    PROTO_FIELD_U64(struct agent_txn_result, packages_done),
    PROTO_FIELD_I64(struct agent_txn_result, started_ms),
    PROTO_FIELD_I64(struct agent_txn_result, ended_ms),
    PROTO_FIELD_LIST(struct agent_txn_result, inventory, AGENT_TXN_LINES_MAX,
                     &agent_txn_item_schema),
    PROTO_FIELD_LIST(struct agent_txn_result, conffiles, AGENT_TXN_LINES_MAX,
                     &agent_txn_conffile_schema),
    PROTO_FIELD_BOOL(struct agent_txn_result, audit_clean),
    PROTO_FIELD_BOOL(struct agent_txn_result, way_back_complete),
};
const struct proto_schema agent_txn_result_schema =
    PROTO_SCHEMA(struct agent_txn_result, result_fields);

static const char *const phase_names[] = {
    [AGENT_TXN_QUERY] = "query",     [AGENT_TXN_STAGE] = "stage",
    [AGENT_TXN_UPGRADE] = "upgrade", [AGENT_TXN_RESTORE] = "restore",
    [AGENT_TXN_INSPECT] = "inspect", [AGENT_TXN_REPAIR] = "repair",
    [AGENT_TXN_FORGET] = "forget",   [AGENT_TXN_TEND] = "tend",
};

bool agent_txn_job_is_valid(const char *job)
{
    return strspn(job, "0123456789abcdef") == AGENT_TXN_JOB_CHARS &&
           job[AGENT_TXN_JOB_CHARS] == '\0';
}

const char *agent_txn_phase_name(uint32_t phase)
{
    return phase >= AGENT_TXN_QUERY && phase <= AGENT_TXN_PHASE_LAST ? phase_names[phase] : NULL;
}

uint32_t agent_txn_phase_from_name(const char *name, size_t length)
{
    for (uint32_t phase = AGENT_TXN_QUERY; phase <= AGENT_TXN_PHASE_LAST; phase++) {
        if (strlen(phase_names[phase]) == length && memcmp(phase_names[phase], name, length) == 0)
            return phase;
    }

    return 0;
}

int agent_txn_instance_parse(const char *instance, char ret_job[AGENT_TXN_JOB_CHARS + 1],
                             uint32_t *ret_phase, struct bl_error *err)
{
    char job[AGENT_TXN_JOB_CHARS + 1] = {0};
    uint32_t phase;

    if (strnlen(instance, AGENT_TXN_UNIT_BYTES) <= AGENT_TXN_JOB_CHARS + 1 ||
        instance[AGENT_TXN_JOB_CHARS] != '-')
        return bl_fail(err, -EINVAL, "the instance is not JOB-PHASE");

    memcpy(job, instance, AGENT_TXN_JOB_CHARS);
    if (!agent_txn_job_is_valid(job))
        return bl_fail(err, -EINVAL, "the job of the instance is not 32 hex digits");

    instance += AGENT_TXN_JOB_CHARS + 1;
    phase = agent_txn_phase_from_name(instance, strnlen(instance, AGENT_TXN_UNIT_BYTES));
    if (phase == 0)
        return bl_fail(err, -EINVAL, "the phase of the instance is unknown");

    memcpy(ret_job, job, sizeof(job));
    *ret_phase = phase;

    return 0;
}

void agent_txn_unit_name(const char *job, uint32_t phase, char ret_name[AGENT_TXN_UNIT_BYTES])
{
    int r;

    BL_ASSERT(agent_txn_job_is_valid(job));
    BL_ASSERT(agent_txn_phase_name(phase) != NULL);

    r = snprintf(ret_name, AGENT_TXN_UNIT_BYTES, "belay-txn@%s-%s.service", job,
                 agent_txn_phase_name(phase));
    BL_ASSERT(r > 0 && r < AGENT_TXN_UNIT_BYTES);
}

void agent_txn_file_name(uint32_t phase, enum agent_txn_file file,
                         char ret_name[AGENT_TXN_NAME_BYTES])
{
    static const char *const kinds[] = {
        [AGENT_TXN_FILE_TASK] = "task",     [AGENT_TXN_FILE_STARTED] = "started",
        [AGENT_TXN_FILE_RESULT] = "result", [AGENT_TXN_FILE_LOG] = "log",
        [AGENT_TXN_FILE_STATUS] = "status", [AGENT_TXN_FILE_PROGRESS] = "progress",
    };
    int r;

    BL_ASSERT(agent_txn_phase_name(phase) != NULL);
    BL_ASSERT(file >= AGENT_TXN_FILE_TASK && file <= AGENT_TXN_FILE_LAST);

    r = snprintf(ret_name, AGENT_TXN_NAME_BYTES, "%s.%s", agent_txn_phase_name(phase), kinds[file]);
    BL_ASSERT(r > 0 && r < AGENT_TXN_NAME_BYTES);
}

static int open_below(int dir_fd, const char *name, int *ret_fd, struct bl_error *err)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return bl_fail(err, -errno, "open directory '%s': %s", name, strerror(errno));
    *ret_fd = fd;

    return 0;
}

static int make_below(int dir_fd, const char *name, struct bl_error *err)
{
    if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
        return bl_fail(err, -errno, "make directory '%s': %s", name, strerror(errno));
    if (fsync(dir_fd) < 0)
        return bl_fail(err, -errno, "sync the directory of '%s': %s", name, strerror(errno));

    return 0;
}

static int job_open(const char *state_dir, const char *job, bool make, int *ret_fd,
                    struct bl_error *err)
{
    BL_AUTO_FD int state_fd = -1;
    BL_AUTO_FD int jobs_fd = -1;
    int r;

    if (!agent_txn_job_is_valid(job))
        return bl_fail(err, -EINVAL, "a job's name is 32 hex digits");

    r = open_below(AT_FDCWD, state_dir, &state_fd, err);
    if (r < 0)
        return r;
    if (make && (r = make_below(state_fd, "jobs", err)) < 0)
        return r;
    r = open_below(state_fd, "jobs", &jobs_fd, err);
    if (r < 0)
        return r;
    if (make && (r = make_below(jobs_fd, job, err)) < 0)
        return r;

    return open_below(jobs_fd, job, ret_fd, err);
}

int agent_txn_job_open(const char *state_dir, const char *job, int *ret_fd, struct bl_error *err)
{
    return job_open(state_dir, job, /* make= */ false, ret_fd, err);
}

int agent_txn_job_make(const char *state_dir, const char *job, int *ret_fd, struct bl_error *err)
{
    return job_open(state_dir, job, /* make= */ true, ret_fd, err);
}

int agent_txn_record_save(int job_fd, const char *name, const struct proto_schema *schema,
                          const void *record, struct bl_error *err)
{
    PROTO_AUTO_BUFFER buffer = {0};
    int r;

    r = proto_encode(schema, record, &buffer, err);
    if (r < 0)
        return bl_wrap(err, "'%s'", name);
    if (buffer.size_bytes > AGENT_TXN_FILE_BYTES_MAX) {
        return bl_fail(err, -EMSGSIZE, "'%s': larger than %d bytes", name,
                       AGENT_TXN_FILE_BYTES_MAX);
    }

    return bl_file_replace(job_fd, name, buffer.data, buffer.size_bytes, err);
}

int agent_txn_record_load(int job_fd, const char *name, const struct proto_schema *schema,
                          struct proto_arena *arena, void *ret_record, struct bl_error *err)
{
    BL_AUTO_FREE char *data = NULL;
    size_t size_bytes;
    int r;

    r = bl_file_read(job_fd, name, AGENT_TXN_FILE_BYTES_MAX, &data, &size_bytes, err);
    if (r < 0)
        return r;

    r = proto_decode(schema, data, size_bytes, arena, ret_record, err);
    if (r == -ENOMEM)
        return bl_wrap(err, "'%s'", name);
    if (r < 0) {
        err->code = -EUCLEAN;
        return bl_wrap(err, "'%s' is damaged", name);
    }

    return 0;
}

int agent_txn_task_save(int job_fd, const struct agent_txn_task *task, struct bl_error *err)
{
    char name[AGENT_TXN_NAME_BYTES];
    struct agent_txn_task copy = *task;

    copy.format = AGENT_TXN_FORMAT;
    agent_txn_file_name(task->phase, AGENT_TXN_FILE_TASK, name);

    return agent_txn_record_save(job_fd, name, &agent_txn_task_schema, &copy, err);
}

int agent_txn_task_load(int job_fd, uint32_t phase, struct proto_arena *arena,
                        struct agent_txn_task *ret_task, struct bl_error *err)
{
    char name[AGENT_TXN_NAME_BYTES];
    struct agent_txn_task task;
    int r;

    agent_txn_file_name(phase, AGENT_TXN_FILE_TASK, name);
    r = agent_txn_record_load(job_fd, name, &agent_txn_task_schema, arena, &task, err);
    if (r < 0)
        return r;
    if (task.format != AGENT_TXN_FORMAT || task.phase != phase)
        return bl_fail(err, -EUCLEAN, "'%s' is of another format or phase", name);
    *ret_task = task;

    return 0;
}

int agent_txn_result_save(int job_fd, const struct agent_txn_result *result, struct bl_error *err)
{
    char name[AGENT_TXN_NAME_BYTES];
    struct agent_txn_result copy = *result;

    copy.format = AGENT_TXN_FORMAT;
    agent_txn_file_name(result->phase, AGENT_TXN_FILE_RESULT, name);

    return agent_txn_record_save(job_fd, name, &agent_txn_result_schema, &copy, err);
}

int agent_txn_result_load(int job_fd, uint32_t phase, struct proto_arena *arena,
                          struct agent_txn_result *ret_result, struct bl_error *err)
{
    char name[AGENT_TXN_NAME_BYTES];
    struct agent_txn_result result;
    int r;

    agent_txn_file_name(phase, AGENT_TXN_FILE_RESULT, name);
    r = agent_txn_record_load(job_fd, name, &agent_txn_result_schema, arena, &result, err);
    if (r < 0)
        return r;
    if (result.format != AGENT_TXN_FORMAT || result.phase != phase)
        return bl_fail(err, -EUCLEAN, "'%s' is of another format or phase", name);
    *ret_result = result;

    return 0;
}

int agent_txn_started_save(int job_fd, uint32_t phase, struct bl_error *err)
{
    char name[AGENT_TXN_NAME_BYTES];

    agent_txn_file_name(phase, AGENT_TXN_FILE_STARTED, name);

    return bl_file_replace(job_fd, name, "1\n", 2, err);
}

int agent_txn_started_load(int job_fd, uint32_t phase, struct bl_error *err)
{
    char name[AGENT_TXN_NAME_BYTES];

    agent_txn_file_name(phase, AGENT_TXN_FILE_STARTED, name);
    if (faccessat(job_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 1;
    if (errno == ENOENT)
        return 0;

    return bl_fail(err, -errno, "look for '%s': %s", name, strerror(errno));
}

int agent_txn_phase_clear(int job_fd, uint32_t phase, struct bl_error *err)
{
    /* The result first: a start without a result is the safe thing to find in between. */
    static const enum agent_txn_file order[] = {AGENT_TXN_FILE_RESULT, AGENT_TXN_FILE_STARTED};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        char name[AGENT_TXN_NAME_BYTES];

        agent_txn_file_name(phase, order[i], name);
        if (unlinkat(job_fd, name, 0) < 0 && errno != ENOENT)
            return bl_fail(err, -errno, "remove '%s': %s", name, strerror(errno));
        if (fsync(job_fd) < 0)
            return bl_fail(err, -errno, "sync the job directory: %s", strerror(errno));
    }

    return 0;
}
