/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_WALK_H
#define AGENT_SNAPSHOT_WALK_H

#include "agent/packages/job.h"

/*
 * A snapshot beside the tree that it is of. Passed over are sockets, devices and FIFOs of the
 * snapshot, other file systems and subvolumes, and what agent_snapshot_is_spared().
 */
struct agent_snapshot_pair {
    const char *path; /* of the tree: "/" or "/var" */
    int before_fd;    /* the top of the snapshot */
    int now_fd;       /* the top of the tree */
};

/* What lies at a path, in one tree. */
enum agent_snapshot_thing {
    AGENT_SNAPSHOT_NOTHING = 0,
    AGENT_SNAPSHOT_FILE,
    AGENT_SNAPSHOT_DIRECTORY,
    AGENT_SNAPSHOT_LINK,
    AGENT_SNAPSHOT_OTHER, /* socket, device, FIFO */
};

/* The name under which something is being put back; one that was left behind is of no use. */
#define AGENT_SNAPSHOT_UNFINISHED ".belay-back-"
/* The directory of the snapshots, at the top of their file system. */
#define AGENT_SNAPSHOT_FOLDER ".belay-snapshots"

/*
 * Calls `found` for each path at which the two differ, directories before what is in them. A file
 * with the same number, times, size, owner and mode is not read: nobody can set the time of change.
 */
struct agent_snapshot_finder {
    void *userdata;
    int (*found)(void *userdata, const char *path, struct bl_error *err);
};
int agent_snapshot_walk(struct agent_packages_job *job, const struct agent_snapshot_pair *pair,
                        const struct agent_snapshot_finder *finder, struct bl_error *err)
    BL_CHECKED;

/*
 * A digest of all that goes back of one thing: what it is, owner, mode, extended attributes, and
 * the content or target. Zeros: nothing is there. `dir_fd` -1: nothing.
 */
int agent_snapshot_digest(struct agent_packages_job *job, int dir_fd, const char *name,
                          uint8_t ret_digest[PROTO_HASH_BYTES],
                          enum agent_snapshot_thing *ret_thing, struct bl_error *err) BL_CHECKED;

/* The same by path, which lies in `pair->path`. */
int agent_snapshot_digest_before(struct agent_packages_job *job,
                                 const struct agent_snapshot_pair *pair, const char *path,
                                 uint8_t ret_digest[PROTO_HASH_BYTES],
                                 enum agent_snapshot_thing *ret_thing, struct bl_error *err)
    BL_CHECKED;
int agent_snapshot_digest_now(struct agent_packages_job *job,
                              const struct agent_snapshot_pair *pair, const char *path,
                              uint8_t ret_digest[PROTO_HASH_BYTES],
                              enum agent_snapshot_thing *ret_thing, struct bl_error *err)
    BL_CHECKED;

/*
 * The directory that holds `path`, below the top `top_fd` of `pair`. -ENOENT: it is not there, or a
 * file or link lies in its place.
 */
int agent_snapshot_open_parent(const struct agent_snapshot_pair *pair, int top_fd, const char *path,
                               const char **ret_name, struct bl_error *err) BL_CHECKED;

#endif
