/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/snapshot.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/snapshot/btrfs.h"
#include "agent/snapshot/copy.h"
#include "agent/snapshot/nested.h"
#include "agent/snapshot/record.h"
#include "common/file.h"

enum {
    MOUNTS_BYTES_MAX = 1024 * 1024,
};
/* What a change writes anew stays on the disk twice. */
#define RESERVE_BYTES (UINT64_C(256) << 20)

#define REMEDY_OTHER                                                                      \
    "choose another way back for this host (`change.revert: packages`), or put the file " \
    "system on btrfs"

/* ---- staging ------------------------------------------------------------------------------ */

static int refuse(struct agent_packages_job *job, const char *reason, struct bl_error *err)
{
    return agent_packages_fail(job, err, "snapshot_impossible", REMEDY_OTHER, -EOPNOTSUPP, "%s",
                               reason);
}

static int find_places(struct agent_packages_job *job,
                       struct agent_snapshot_place ret_places[AGENT_SNAPSHOT_PLACES_MAX],
                       uint32_t *ret_count, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    char reason[AGENT_SNAPSHOT_REASON_BYTES];
    struct agent_snapshot_mount *mounts;
    uint32_t mounts_count;
    size_t size_bytes;
    int r;

    if ((r = bl_file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_BYTES_MAX, &text, &size_bytes,
                          err)) < 0 ||
        (r = agent_snapshot_parse_mounts(job->memory, text, &mounts, &mounts_count, err)) < 0)
        return r;
    r = agent_snapshot_decide(mounts, mounts_count, ret_places, ret_count, reason);

    return r < 0 ? refuse(job, reason, err) : 0;
}

static int check_room(struct agent_packages_job *job, const char *path, struct bl_error *err)
{
    uint64_t needed = RESERVE_BYTES + 4 * job->result->download_bytes, has;
    struct statvfs room;

    if (statvfs(path, &room) < 0)
        return bl_fail(err, -errno, "look for room on '%s': %s", path, strerror(errno));
    has = (uint64_t)room.f_bavail * room.f_frsize;
    if (has >= needed)
        return 0;

    return agent_packages_fail(
        job, err, "no_space", "make room, or remove old snapshots", -ENOSPC,
        "%s has %llu MiB free of %llu MiB that its snapshot may come to take", path,
        (unsigned long long)(has >> 20), (unsigned long long)(needed >> 20));
}

/* It would be in none of the snapshots, and go back in none. */
static int refuse_nested(struct agent_packages_job *job, const char *path, struct bl_error *err)
{
    char nested[AGENT_SNAPSHOT_REASON_BYTES / 2];
    int r = agent_snapshot_find_nested(path, nested, sizeof(nested), err);

    if (r <= 0)
        return r;

    return agent_packages_fail(job, err, "snapshot_impossible",
                               "mount that subvolume in /etc/fstab, or make it a directory",
                               -EOPNOTSUPP, "'%s' is a subvolume that no snapshot of '%s' holds",
                               nested, path);
}

static int check_place(struct agent_packages_job *job, const struct agent_snapshot_place *place,
                       struct bl_error *err)
{
    struct bl_error own = {0};
    int r;

    if (place->kind == AGENT_SNAPSHOT_COPY)
        return agent_snapshot_copy_check(job, place->path, err);
    r = agent_snapshot_btrfs_check(place->path, &own);
    if (r == -EOPNOTSUPP)
        return refuse(job, own.text, err);
    if (r < 0) {
        *err = own;
        return r;
    }
    r = check_room(job, place->path, err);

    return r < 0 ? r : refuse_nested(job, place->path, err);
}

int agent_snapshot_stage(struct agent_packages_job *job, struct bl_error *err)
{
    struct agent_snapshot_place places[AGENT_SNAPSHOT_PLACES_MAX];
    uint32_t count = 0;
    int r = find_places(job, places, &count, err);

    for (uint32_t i = 0; r >= 0 && i < count; i++)
        r = check_place(job, &places[i], err);

    return r < 0 ? r : 0;
}

/* ---- taking ------------------------------------------------------------------------------- */

int agent_snapshot_take(struct agent_packages_job *job, struct bl_error *err)
{
    struct agent_snapshot_place places[AGENT_SNAPSHOT_PLACES_MAX];
    struct agent_snapshot_record record = {.places = places};
    int r = agent_snapshot_stage(job, err);

    if (r < 0 || (r = find_places(job, places, &record.places_count, err)) < 0 ||
        (r = agent_snapshot_record_save(job, &record, err)) < 0)
        return r;
    for (uint32_t i = 0; r >= 0 && i < record.places_count; i++)
        r = places[i].kind == AGENT_SNAPSHOT_COPY
                ? agent_snapshot_copy_take(job, places[i].path, err)
                : agent_snapshot_btrfs_take(places[i].path, agent_snapshot_name(job), err);
    if (r < 0)
        return agent_packages_job_pass(job, "snapshot_failed", "see the log of the phase", r);
    record.taken = true;
    agent_packages_job_note(job, "a snapshot of %u file system(s) was taken", record.places_count);

    return agent_snapshot_record_save(job, &record, err);
}

int agent_snapshot_forget(struct agent_packages_job *job, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_snapshot_record record;
    int r = agent_snapshot_record_load(job, &arena, &record, err);

    if (r == -ENOENT) {
        *err = (struct bl_error){0};
        return 0;
    }
    if (r >= 0)
        r = bl_file_replace(job->job_fd, AGENT_SNAPSHOT_GONE, "", 0, err);
    for (uint32_t i = 0; r >= 0 && i < record.places_count; i++) {
        /* A copy goes with the job's directory. */
        if (record.places[i].kind == AGENT_SNAPSHOT_BTRFS)
            r = agent_snapshot_btrfs_remove(record.places[i].path, agent_snapshot_name(job), err);
    }
    if (r < 0)
        return r;

    return bl_file_remove(job->job_fd, AGENT_SNAPSHOT_RECORD, err) < 0 ? err->code : 0;
}
