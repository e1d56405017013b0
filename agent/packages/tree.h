/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_TREE_H
#define AGENT_PACKAGES_TREE_H

#include "agent/packages/job.h"
#include "agent/packages/paths.h"

/*
 * Files, directories and links as they are, below some paths: what has to be the same again after
 * the way back and is no package's. A tree is listed, kept (its files copied), compared and put back.
 *
 * Users own some of these places and may change them while we work. So every name is opened from its
 * directory's descriptor, one part of the path after the other, and no link is ever followed: an
 * archiver works with whole paths, and looks whether they are links before it uses them.
 */
enum {
    AGENT_PACKAGES_TREE_ENTRIES_MAX = 4096,
    AGENT_PACKAGES_TREE_DEPTH_MAX = 64,
    AGENT_PACKAGES_XATTRS_BYTES_MAX = 64 * 1024,
};
#define AGENT_PACKAGES_TREE_BYTES_MAX (UINT64_C(256) * 1024 * 1024)

enum agent_packages_entry_kind {
    AGENT_PACKAGES_ENTRY_FILE = 1,
    AGENT_PACKAGES_ENTRY_DIRECTORY,
    AGENT_PACKAGES_ENTRY_LINK,
    AGENT_PACKAGES_ENTRY_KIND_LAST = AGENT_PACKAGES_ENTRY_LINK,
};

struct agent_packages_entry {
    const char *path; /* absolute */
    uint32_t kind;    /* enum agent_packages_entry_kind */
    uint64_t mode, uid, gid;
    uint64_t size_bytes;              /* FILE */
    uint8_t digest[PROTO_HASH_BYTES]; /* FILE; zeros when only sizes were asked for */
    uint64_t number;                  /* FILE: of its copy */
    const char *target;               /* LINK; otherwise "" */
    struct proto_bytes xattrs;        /* extended attributes and ACLs, packed: see tree_xattr.h */
};

struct agent_packages_tree {
    uint64_t format;
    const char
        *copies; /* directory of the job that holds the files' contents; "" = none were made */
    struct proto_text *tops;
    uint32_t tops_count;
    struct agent_packages_entry *entries; /* sorted by path: a directory before what is in it */
    uint32_t entries_count;
};

/* What a listing looks at. */
enum agent_packages_depth {
    AGENT_PACKAGES_SIZES = 1, /* no contents */
    AGENT_PACKAGES_DIGESTS,
};

/*
 * Lists what is there now below `tops`, in the job's memory. A top that is not there is no entry.
 * Sockets, devices and FIFOs are passed over. `copies` (a directory of the job, or NULL): the files'
 * contents are put there, durably, and the digests are those of the copies. -EXDEV another file
 * system lies in it; -ELOOP a link leads to it; -EMSGSIZE too much; -EBADMSG a name that is no text.
 */
int agent_packages_tree_list(struct agent_packages_job *job,
                             const struct agent_packages_paths *tops,
                             enum agent_packages_depth depth, const char *copies,
                             struct agent_packages_tree *ret_tree, struct bl_error *err) BL_CHECKED;

int agent_packages_tree_save(struct agent_packages_job *job, const char *name,
                             const struct agent_packages_tree *tree, struct bl_error *err)
    BL_CHECKED;
/* -ENOENT when there is none. `arena` owns it. */
int agent_packages_tree_load(struct agent_packages_job *job, const char *name,
                             struct proto_arena *arena, struct agent_packages_tree *ret_tree,
                             struct bl_error *err) BL_CHECKED;

/* NULL when there is nothing of that path. */
const struct agent_packages_entry *agent_packages_tree_find(const struct agent_packages_tree *tree,
                                                            const char *path);

/* Either may be NULL: not there. What is different, in words ("has other content"), or NULL. */
const char *agent_packages_entry_difference(const struct agent_packages_entry *before,
                                            const struct agent_packages_entry *now);

/*
 * Walks two trees side by side, in the order of their paths; from 0 on. False at the end. Either
 * entry is NULL where a tree has none of that path.
 */
struct agent_packages_tree_pair {
    const struct agent_packages_entry *before, *now;
    uint32_t before_next, now_next;
};
bool agent_packages_tree_next(const struct agent_packages_tree *before,
                              const struct agent_packages_tree *now,
                              struct agent_packages_tree_pair *pair);

/*
 * Makes everything in which `now` differs from `before` what it was there, and nothing else.
 * `is_concerned` (may be NULL: all are) chooses. What cannot be done is a finding
 * restore_incomplete each; the rest goes on. Returns how many were put back; below 0 the first
 * failure.
 */
struct agent_packages_tree_choice {
    bool (*is_concerned)(void *userdata, const char *path);
    void *userdata;
};
int agent_packages_tree_put_back(struct agent_packages_job *job,
                                 const struct agent_packages_tree *before,
                                 const struct agent_packages_tree *now,
                                 const struct agent_packages_tree_choice *choice,
                                 struct bl_error *err) BL_CHECKED;

/* Gives what is open the entry's owner, mode and extended attributes; not durable by itself. */
int agent_packages_tree_dress(struct agent_packages_job *job, int fd,
                              const struct agent_packages_entry *entry, struct bl_error *err)
    BL_CHECKED;

#endif
