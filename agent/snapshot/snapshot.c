/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/snapshot.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/snapshot/boot.h"
#include "agent/snapshot/btrfs.h"
#include "agent/snapshot/copy.h"
#include "agent/snapshot/lvm.h"
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
    "system on btrfs or LVM"
#define REMEDY_ROOM                                                                                    \
    "make room in the volume group (vgextend, or lvremove what nobody needs) or pool (lvextend, with " \
    "--poolmetadatasize for its metadata), or choose another way back for this host "                  \
    "(`change.revert: packages`)"

#define REMEDY_BOOT                                                                  \
    "echo 'add_drivers+=\" dm-snapshot \"' >/etc/dracut.conf.d/lvm.conf; dracut -f " \
    "--regenerate-all; or choose another way back for this host (`change.revert: packages`)"

/* What is to have snapshots, and how large those of LVM become. */
struct places {
    struct agent_snapshot_place list[AGENT_SNAPSHOT_PLACES_MAX];
    uint32_t count;
    struct agent_snapshot_volumes volumes;
};

/* ---- staging ------------------------------------------------------------------------------ */

static int refuse(struct agent_packages_job *job, const char *reason, struct bl_error *err)
{
    return agent_packages_fail(job, err, "snapshot_impossible", REMEDY_OTHER, -EOPNOTSUPP, "%s",
                               reason);
}

static int find_places(struct agent_packages_job *job, struct places *ret_places,
                       struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    char reason[AGENT_SNAPSHOT_REASON_BYTES];
    struct agent_snapshot_mount *mounts;
    uint32_t mounts_count;
    size_t size_bytes;
    int r;

    if ((r = bl_file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_BYTES_MAX, &text, &size_bytes,
                          err)) < 0 ||
        (r = agent_snapshot_parse_mounts(job->memory, text, &mounts, &mounts_count, err)) < 0 ||
        (r = agent_snapshot_lvm_list(job, &ret_places->volumes, err)) < 0)
        return r;
    r = agent_snapshot_decide(mounts, mounts_count, &ret_places->volumes, ret_places->list,
                              &ret_places->count, reason);

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

/* Of what is written in place of something, LVM keeps both, and once more on the way back. */
static int size_volumes(struct agent_packages_job *job, const struct places *places,
                        uint64_t ret_sizes[AGENT_SNAPSHOT_PLACES_MAX], struct bl_error *err)
{
    uint64_t needed_bytes = RESERVE_BYTES + 8 * job->result->download_bytes;
    char reason[AGENT_SNAPSHOT_REASON_BYTES];

    if (agent_snapshot_volume_sizes(&places->volumes, places->list, places->count, needed_bytes,
                                    ret_sizes, reason) >= 0)
        return 0;

    return agent_packages_fail(job, err, "snapshot_impossible", REMEDY_ROOM, -ENOSPC, "%s", reason);
}

static int check_place(struct agent_packages_job *job, const struct agent_snapshot_place *place,
                       struct bl_error *err)
{
    struct bl_error own = {0};
    int r;

    if (place->kind == AGENT_SNAPSHOT_COPY)
        return agent_snapshot_copy_check(job, place->path, err);
    r = place->kind == AGENT_SNAPSHOT_LVM ? agent_snapshot_lvm_check(place->type, &own)
                                          : agent_snapshot_btrfs_check(place->path, &own);
    if (r == -EOPNOTSUPP)
        return refuse(job, own.text, err);
    if (r < 0) {
        *err = own;
        return r;
    }
    if (place->kind == AGENT_SNAPSHOT_LVM)
        return 0;
    r = check_room(job, place->path, err);

    return r < 0 ? r : refuse_nested(job, place->path, err);
}

/* Other file systems are activated after the initramfs, with all modules. */
static bool is_needed_to_boot(const struct agent_snapshot_place *place,
                              const struct agent_snapshot_volumes *volumes)
{
    const struct agent_snapshot_volume *volume;

    if (place->kind != AGENT_SNAPSHOT_LVM ||
        (strcmp(place->path, "/") != 0 && strcmp(place->path, "/usr") != 0))
        return false;
    volume = agent_snapshot_volume_find(volumes, place->group, place->volume);

    return volume == NULL || !agent_snapshot_volume_is_thin(volume);
}

static int check_boot(struct agent_packages_job *job, const struct places *places,
                      struct bl_error *err)
{
    struct bl_error own = {0};
    bool is_needed = false;
    int r;

    for (uint32_t i = 0; i < places->count; i++)
        is_needed = is_needed || is_needed_to_boot(&places->list[i], &places->volumes);
    if (!is_needed)
        return 0;
    r = agent_snapshot_boot_check(job, &agent_snapshot_boot_places, &own);
    if (r >= 0)
        return 0;

    return agent_packages_fail(job, err, "snapshot_impossible", REMEDY_BOOT, r, "%s", own.text);
}

static int stage(struct agent_packages_job *job, struct places *places,
                 uint64_t ret_sizes[AGENT_SNAPSHOT_PLACES_MAX], struct bl_error *err)
{
    int r = find_places(job, places, err);

    for (uint32_t i = 0; r >= 0 && i < places->count; i++)
        r = check_place(job, &places->list[i], err);

    if (r < 0 || (r = size_volumes(job, places, ret_sizes, err)) < 0)
        return r;

    return check_boot(job, places, err);
}

int agent_snapshot_stage(struct agent_packages_job *job, struct bl_error *err)
{
    struct places places = {0};
    uint64_t sizes[AGENT_SNAPSHOT_PLACES_MAX];

    return stage(job, &places, sizes, err);
}

/* ---- taking ------------------------------------------------------------------------------- */

static int take_one(struct agent_packages_job *job, const struct agent_snapshot_place *place,
                    uint32_t index, uint64_t size_bytes, struct bl_error *err)
{
    switch ((enum agent_snapshot_kind)place->kind) {
    case AGENT_SNAPSHOT_BTRFS:
        return agent_snapshot_btrfs_take(place->path, agent_snapshot_name(job), err);
    case AGENT_SNAPSHOT_COPY:
        return agent_snapshot_copy_take(job, place->path, err);
    case AGENT_SNAPSHOT_LVM:
        return agent_snapshot_lvm_take(job, place, index, size_bytes, err);
    }

    return bl_fail(err, -EINVAL, "no such kind of snapshot");
}

int agent_snapshot_take(struct agent_packages_job *job, struct bl_error *err)
{
    struct places places = {0};
    struct agent_snapshot_record record = {.places = places.list};
    uint64_t sizes[AGENT_SNAPSHOT_PLACES_MAX];
    int r = stage(job, &places, sizes, err);

    record.places_count = places.count;
    if (r < 0 || (r = agent_snapshot_record_save(job, &record, err)) < 0)
        return r;
    for (uint32_t i = 0; r >= 0 && i < record.places_count; i++) {
        r = take_one(job, &places.list[i], i, sizes[i], err);
        if (r >= 0 && places.list[i].kind == AGENT_SNAPSHOT_LVM)
            r = bl_file_replace(job->job_fd, AGENT_TXN_TENDED, "", 0, err);
    }
    if (r < 0)
        return agent_packages_job_pass(job, "snapshot_failed", "see the log of the phase", r);
    record.taken = true;
    agent_packages_job_note(job, "a snapshot of %u file system(s) was taken", record.places_count);

    return agent_snapshot_record_save(job, &record, err);
}

int agent_snapshot_tend(struct agent_packages_job *job, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_snapshot_record record;
    int r = agent_snapshot_record_load(job, &arena, &record, err);

    if (r == -ENOENT || (r >= 0 && !record.taken)) {
        *err = (struct bl_error){0};
        return 0;
    }
    if (r < 0)
        return r;
    r = 0;
    /* One that can't be looked at keeps nobody from looking at the others. */
    for (uint32_t i = 0; i < record.places_count; i++) {
        struct bl_error own = {0};
        int one = 0;

        if (record.places[i].kind == AGENT_SNAPSHOT_LVM)
            one = agent_snapshot_lvm_tend(job, &record.places[i], i, &own);
        if (one < 0 && r >= 0) {
            r = one;
            *err = own;
        }
    }

    return r;
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
        else if (record.places[i].kind == AGENT_SNAPSHOT_LVM)
            r = agent_snapshot_lvm_remove(job, &record.places[i], i, err);
    }
    if (r < 0)
        return r;

    return bl_file_remove(job->job_fd, AGENT_SNAPSHOT_RECORD, err) < 0 ? err->code : 0;
}
