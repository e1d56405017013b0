/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/record.h"

#include <errno.h>
#include <string.h>

#include "agent/snapshot/btrfs.h"
#include "agent/snapshot/copy.h"
#include "agent/snapshot/lvm.h"
#include "agent/snapshot/put.h"
#include "agent/snapshot/snapshot.h"
#include "common/file.h"

static const struct proto_field place_fields[] = {
    PROTO_FIELD_TEXT(struct agent_snapshot_place, path, AGENT_TXN_PATH_BYTES_MAX),
    PROTO_FIELD_ENUM(struct agent_snapshot_place, kind, AGENT_SNAPSHOT_KIND_LAST),
    PROTO_FIELD_TEXT(struct agent_snapshot_place, source, AGENT_TXN_PATH_BYTES_MAX),
    PROTO_FIELD_TEXT(struct agent_snapshot_place, type, AGENT_SNAPSHOT_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_snapshot_place, group, AGENT_SNAPSHOT_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_snapshot_place, volume, AGENT_SNAPSHOT_NAME_BYTES_MAX),
};
static const struct proto_schema place_schema =
    PROTO_SCHEMA(struct agent_snapshot_place, place_fields);

static const struct proto_field record_fields[] = {
    PROTO_FIELD_U64(struct agent_snapshot_record, format),
    PROTO_FIELD_LIST(struct agent_snapshot_record, places, AGENT_SNAPSHOT_PLACES_MAX,
                     &place_schema),
    PROTO_FIELD_BOOL(struct agent_snapshot_record, taken),
};
static const struct proto_schema record_schema =
    PROTO_SCHEMA(struct agent_snapshot_record, record_fields);

int agent_snapshot_record_save(struct agent_packages_job *job,
                               const struct agent_snapshot_record *record, struct bl_error *err)
{
    struct agent_snapshot_record copy = *record;

    copy.format = AGENT_TXN_FORMAT;

    return agent_txn_record_save(job->job_fd, AGENT_SNAPSHOT_RECORD, &record_schema, &copy, err);
}

int agent_snapshot_record_load(struct agent_packages_job *job, struct proto_arena *arena,
                               struct agent_snapshot_record *ret_record, struct bl_error *err)
{
    struct agent_snapshot_record record;
    int r = agent_txn_record_load(job->job_fd, AGENT_SNAPSHOT_RECORD, &record_schema, arena,
                                  &record, err);

    if (r < 0)
        return r;
    if (record.format != AGENT_TXN_FORMAT)
        return bl_fail(err, -EUCLEAN, "the snapshots' record is of another format");
    for (uint32_t i = 0; i < record.places_count; i++) {
        if (record.places[i].path[0] != '/')
            return bl_fail(err, -EUCLEAN, "the snapshots' record is damaged");
    }
    *ret_record = record;

    return 0;
}

const char *agent_snapshot_name(const struct agent_packages_job *job)
{
    const char *slash = strrchr(job->job_path, '/');
    const char *name = slash != NULL ? slash + 1 : job->job_path;

    BL_ASSERT(agent_txn_job_is_valid(name));

    return name;
}

/* The top of what was, for the place with this index. */
static int open_before(struct agent_packages_job *job, const struct agent_snapshot_record *record,
                       uint32_t index, struct bl_error *err)
{
    const struct agent_snapshot_place *place = &record->places[index];

    switch ((enum agent_snapshot_kind)place->kind) {
    case AGENT_SNAPSHOT_BTRFS:
        return agent_snapshot_btrfs_open(place->path, agent_snapshot_name(job), err);
    case AGENT_SNAPSHOT_COPY:
        return agent_snapshot_copy_open(job, err);
    case AGENT_SNAPSHOT_LVM:
        return agent_snapshot_lvm_open(job, place, index, err);
    }

    return bl_fail(err, -EUCLEAN, "the snapshots' record is damaged");
}

int agent_snapshot_trees_open(struct agent_packages_job *job,
                              const struct agent_snapshot_record *record,
                              struct agent_snapshot_trees *trees, struct bl_error *err)
{
    for (uint32_t i = 0; i < record->places_count; i++) {
        const char *path = record->places[i].path;
        struct agent_snapshot_pair *pair = &trees->pairs[trees->count];

        *pair = (struct agent_snapshot_pair){.path = path, .before_fd = -1, .now_fd = -1};
        trees->count++;
        pair->now_fd = bl_dir_open(AT_FDCWD, path, err);
        if (pair->now_fd < 0)
            return pair->now_fd;
        pair->before_fd = open_before(job, record, i, err);
        if (pair->before_fd < 0)
            return pair->before_fd;
    }

    return 0;
}

void agent_snapshot_trees_close(struct agent_snapshot_trees *trees)
{
    for (uint32_t i = 0; i < trees->count; i++) {
        bl_close_fd(&trees->pairs[i].before_fd);
        bl_close_fd(&trees->pairs[i].now_fd);
    }
}

const struct agent_snapshot_pair *
agent_snapshot_trees_find(const struct agent_snapshot_trees *trees, const char *path)
{
    for (uint32_t i = 0; i < trees->count; i++) {
        if (agent_snapshot_is_of(trees->pairs, trees->count, i, path))
            return &trees->pairs[i];
    }

    return NULL;
}
