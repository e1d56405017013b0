/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define T struct agent_packages_entry
static const struct proto_field entry_fields[] = {
    PROTO_FIELD_TEXT(T, path, AGENT_TXN_PATH_BYTES_MAX),
    PROTO_FIELD_ENUM(T, kind, AGENT_PACKAGES_ENTRY_KIND_LAST),
    PROTO_FIELD_U64_MAX(T, mode, 07777),
    PROTO_FIELD_U64_MAX(T, uid, UINT32_MAX),
    PROTO_FIELD_U64_MAX(T, gid, UINT32_MAX),
    PROTO_FIELD_U64(T, size_bytes),
    PROTO_FIELD_FIXED(T, digest),
    PROTO_FIELD_U64_MAX(T, number, UINT32_MAX),
    PROTO_FIELD_TEXT_OPT(T, target, AGENT_TXN_PATH_BYTES_MAX),
    PROTO_FIELD_BYTES(T, xattrs, AGENT_PACKAGES_XATTRS_BYTES_MAX),
};
static const struct proto_schema entry_schema = PROTO_SCHEMA(T, entry_fields);
#undef T

static const struct proto_field tree_fields[] = {
    PROTO_FIELD_U64(struct agent_packages_tree, format),
    PROTO_FIELD_TEXT_OPT(struct agent_packages_tree, copies, AGENT_TXN_PATH_BYTES_MAX),
    PROTO_FIELD_LIST(struct agent_packages_tree, tops, AGENT_PACKAGES_TREE_ENTRIES_MAX,
                     &proto_text_schema),
    PROTO_FIELD_LIST(struct agent_packages_tree, entries, AGENT_PACKAGES_TREE_ENTRIES_MAX,
                     &entry_schema),
};
static const struct proto_schema tree_schema =
    PROTO_SCHEMA(struct agent_packages_tree, tree_fields);

int agent_packages_tree_save(struct agent_packages_job *job, const char *name,
                             const struct agent_packages_tree *tree, struct bl_error *err)
{
    struct agent_packages_tree copy = *tree;

    copy.format = AGENT_TXN_FORMAT;

    return agent_txn_record_save(job->job_fd, name, &tree_schema, &copy, err);
}

int agent_packages_tree_load(struct agent_packages_job *job, const char *name,
                             struct proto_arena *arena, struct agent_packages_tree *ret_tree,
                             struct bl_error *err)
{
    struct agent_packages_tree tree;
    int r;

    r = agent_txn_record_load(job->job_fd, name, &tree_schema, arena, &tree, err);
    if (r < 0)
        return r;
    if (tree.format != AGENT_TXN_FORMAT)
        return bl_fail(err, -EUCLEAN, "'%s' is of another format", name);
    for (uint32_t i = 0; i < tree.entries_count; i++) {
        if (tree.entries[i].path[0] != '/' ||
            (i > 0 && strcmp(tree.entries[i - 1].path, tree.entries[i].path) >= 0))
            return bl_fail(err, -EUCLEAN, "'%s' is damaged: entry %u", name, i);
    }
    *ret_tree = tree;

    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    const struct agent_packages_entry *left = a, *right = b;

    return strcmp(left->path, right->path);
}

const struct agent_packages_entry *agent_packages_tree_find(const struct agent_packages_tree *tree,
                                                            const char *path)
{
    struct agent_packages_entry key = {.path = path};

    if (tree->entries_count == 0)
        return NULL;
    return bsearch(&key, tree->entries, tree->entries_count, sizeof(key), compare_paths);
}

const char *agent_packages_entry_difference(const struct agent_packages_entry *before,
                                            const struct agent_packages_entry *now)
{
    if (before == NULL)
        return now == NULL ? NULL : "was not there before";
    if (now == NULL)
        return "is gone";
    if (before->kind != now->kind)
        return "is something else";
    if (before->kind == AGENT_PACKAGES_ENTRY_LINK && strcmp(before->target, now->target) != 0)
        return "leads elsewhere";
    if (before->kind == AGENT_PACKAGES_ENTRY_FILE &&
        (before->size_bytes != now->size_bytes ||
         memcmp(before->digest, now->digest, sizeof(now->digest)) != 0))
        return "has another content";
    if (before->uid != now->uid || before->gid != now->gid)
        return "has another owner";
    if (before->mode != now->mode)
        return "has another mode";
    if (before->xattrs.size_bytes != now->xattrs.size_bytes ||
        (now->xattrs.size_bytes > 0 &&
         memcmp(before->xattrs.data, now->xattrs.data, now->xattrs.size_bytes) != 0))
        return "has other attributes";

    return NULL;
}

bool agent_packages_tree_next(const struct agent_packages_tree *before,
                              const struct agent_packages_tree *now,
                              struct agent_packages_tree_pair *pair)
{
    bool has_before = pair->before_next < before->entries_count;
    bool has_now = pair->now_next < now->entries_count;
    int order = has_before ? -1 : 1;

    if (!has_before && !has_now)
        return false;
    if (has_before && has_now)
        order = strcmp(before->entries[pair->before_next].path, now->entries[pair->now_next].path);
    pair->before = order <= 0 ? &before->entries[pair->before_next++] : NULL;
    pair->now = order >= 0 ? &now->entries[pair->now_next++] : NULL;

    return true;
}
