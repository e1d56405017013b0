/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/way_back.h"

#include <errno.h>

#include "agent/packages/changes.h"

const char *const agent_packages_leftover_suffixes[AGENT_PACKAGES_LEFTOVERS] = {
    ".dpkg-new", ".dpkg-dist", ".dpkg-old", ".dpkg-bak", ".ucf-dist",
    ".ucf-old",  ".rpmnew",    ".rpmsave",  ".rpmorig",
};

static const struct proto_field former_fields[] = {
    PROTO_FIELD_TEXT(struct agent_packages_former, name, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT(struct agent_packages_former, arch, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_packages_former, from, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_packages_former, to, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_packages_former, from_arch, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_packages_former, new_file, AGENT_TXN_PATH_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct agent_packages_former, former_file, AGENT_TXN_PATH_BYTES_MAX),
    PROTO_FIELD_BOOL(struct agent_packages_former, requested),
    PROTO_FIELD_BOOL(struct agent_packages_former, held),
    PROTO_FIELD_BOOL(struct agent_packages_former, automatic),
    PROTO_FIELD_BOOL(struct agent_packages_former, residual),
    PROTO_FIELD_BOOL(struct agent_packages_former, rebuilt),
};
static const struct proto_schema former_schema =
    PROTO_SCHEMA(struct agent_packages_former, former_fields);

static const struct proto_field kept_fields[] = {
    PROTO_FIELD_TEXT(struct agent_packages_kept, path, AGENT_TXN_PATH_BYTES_MAX),
    PROTO_FIELD_BOOL(struct agent_packages_kept, present),
    PROTO_FIELD_U64_MAX(struct agent_packages_kept, number, UINT32_MAX),
    PROTO_FIELD_FIXED(struct agent_packages_kept, digest),
    PROTO_FIELD_U64_MAX(struct agent_packages_kept, mode, 07777),
    PROTO_FIELD_U64_MAX(struct agent_packages_kept, uid, UINT32_MAX),
    PROTO_FIELD_U64_MAX(struct agent_packages_kept, gid, UINT32_MAX),
    PROTO_FIELD_U64_MAX(struct agent_packages_kept, leftovers, (1 << AGENT_PACKAGES_LEFTOVERS) - 1),
};
static const struct proto_schema kept_schema =
    PROTO_SCHEMA(struct agent_packages_kept, kept_fields);

static const struct proto_field way_back_fields[] = {
    PROTO_FIELD_U64(struct agent_packages_way_back, format),
    PROTO_FIELD_BOOL(struct agent_packages_way_back, by_snapshot),
    PROTO_FIELD_LIST(struct agent_packages_way_back, former, AGENT_TXN_LINES_MAX, &former_schema),
    PROTO_FIELD_LIST(struct agent_packages_way_back, kept, AGENT_TXN_LINES_MAX, &kept_schema),
};
static const struct proto_schema way_back_schema =
    PROTO_SCHEMA(struct agent_packages_way_back, way_back_fields);

int agent_packages_way_back_save(int job_fd, const struct agent_packages_way_back *way_back,
                                 struct bl_error *err)
{
    struct agent_packages_way_back copy = *way_back;

    copy.format = AGENT_TXN_FORMAT;

    return agent_txn_record_save(job_fd, AGENT_PACKAGES_WAY_BACK_FILE, &way_back_schema, &copy,
                                 err);
}

int agent_packages_way_back_load(int job_fd, struct proto_arena *arena,
                                 struct agent_packages_way_back *ret_way_back, struct bl_error *err)
{
    struct agent_packages_way_back way_back;
    int r;

    r = agent_txn_record_load(job_fd, AGENT_PACKAGES_WAY_BACK_FILE, &way_back_schema, arena,
                              &way_back, err);
    if (r < 0)
        return r;
    if (way_back.format != AGENT_TXN_FORMAT)
        return bl_fail(err, -EUCLEAN, "the way back is of another format");
    *ret_way_back = way_back;

    return 0;
}

static uint32_t action_of(const struct agent_packages_former *former)
{
    if (former->to[0] == '\0')
        return PROTO_ACTION_REMOVE;

    return former->from[0] == '\0' ? PROTO_ACTION_INSTALL : PROTO_ACTION_UPGRADE;
}

int agent_packages_way_back_changes(struct agent_packages_job *job,
                                    const struct agent_packages_way_back *way_back,
                                    struct agent_packages_changes *ret_changes,
                                    struct bl_error *err)
{
    struct agent_packages_changes changes = {0};

    for (uint32_t i = 0; i < way_back->former_count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        struct proto_change *change;
        void *place;
        int r;

        r = agent_packages_memory_append(job->memory, &changes.list, changes.count, sizeof(*change),
                                         &place, err);
        if (r < 0)
            return r;
        change = place;
        *change = (struct proto_change){.name = former->name,
                                        .arch = former->arch,
                                        .from = former->from,
                                        .to = former->to,
                                        .action = action_of(former)};
        changes.count++;
    }
    agent_packages_changes_sort(&changes);
    *ret_changes = changes;

    return 0;
}
