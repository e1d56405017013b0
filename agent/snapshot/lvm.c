/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/lvm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/packages/command.h"
#include "agent/snapshot/record.h"
#include "agent/snapshot/snapshot.h"
#include "common/file.h"
#include "common/text.h"

#define LVS "/usr/sbin/lvs"

enum {
    NAME_BYTES = 64, /* "belay-" and the job and an index */
    STATE = 4,       /* of lv_attr */
};

/* ---- the tools ---------------------------------------------------------------------------- */

/* For all that make something different: they suspend what they work on. */
static int run_tool(struct agent_packages_job *job, const struct agent_packages_args *args,
                    const char *what, const char *path, struct bl_error *err)
{
    const struct agent_packages_command command = {.args = *args, .patience = AGENT_PACKAGES_WAIT};
    struct agent_packages_output output;
    int r = agent_packages_run(job, &command, &output, err);

    if (r < 0)
        return r;
    if (output.status != 0)
        return bl_fail(err, -EIO, "%s of %s: %.300s", what, path, output.text);

    return 0;
}

int agent_snapshot_lvm_list(struct agent_packages_job *job,
                            struct agent_snapshot_volumes *ret_volumes, struct bl_error *err)
{
    static const char *const argv[] = {LVS,
                                       "--noheadings",
                                       "--nosuffix",
                                       "--units",
                                       "b",
                                       "--separator",
                                       AGENT_SNAPSHOT_VOLUME_SEPARATOR,
                                       "--options",
                                       AGENT_SNAPSHOT_VOLUME_COLUMNS,
                                       NULL};
    struct agent_packages_output output;
    int r;

    *ret_volumes = (struct agent_snapshot_volumes){0};
    if (access(LVS, X_OK) < 0)
        return 0;
    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return bl_fail(err, -EIO, "ask LVM for its volumes: %.300s", output.text);

    return agent_snapshot_volume_parse(job->memory, output.text, ret_volumes, err);
}

static void name_of(const struct agent_packages_job *job, uint32_t index, char ret_name[NAME_BYTES])
{
    int r =
        bl_text_format(ret_name, NAME_BYTES, "belay-%s-%" PRIu32, agent_snapshot_name(job), index);

    BL_ASSERT(r >= 0);
}

static bool has_tag(const char *tags)
{
    const char *found = strstr(tags, AGENT_SNAPSHOT_TAG);
    char end = found != NULL ? found[strlen(AGENT_SNAPSHOT_TAG)] : 'x';

    return (found == tags || (found != NULL && found[-1] == ',')) && (end == '\0' || end == ',');
}

struct found {
    struct agent_snapshot_volumes volumes; /* all of this host */
    const struct agent_snapshot_volume *volume;
    const char *name; /* "vg/name", also of one that is not there */
};

/* 1: it is there; 0: it is not. -EUCLEAN: it is not belay's. */
static int find(struct agent_packages_job *job, const struct agent_snapshot_place *place,
                uint32_t index, struct found *ret_found, struct bl_error *err)
{
    char name[NAME_BYTES];
    int r;

    *ret_found = (struct found){0};
    name_of(job, index, name);
    if ((r = agent_packages_memory_format(job->memory, &ret_found->name, err, "%s/%s", place->group,
                                          name)) < 0 ||
        (r = agent_snapshot_lvm_list(job, &ret_found->volumes, err)) < 0)
        return r;
    ret_found->volume = agent_snapshot_volume_find(&ret_found->volumes, place->group, name);
    if (ret_found->volume == NULL)
        return 0;
    if (strcmp(ret_found->volume->origin, place->volume) != 0 ||
        !has_tag(ret_found->volume->tags)) {
        return bl_fail(err, -EUCLEAN, "the volume %.200s is no snapshot that belay took of %.100s",
                       ret_found->name, place->volume);
    }

    return 1;
}

int agent_snapshot_lvm_remove(struct agent_packages_job *job,
                              const struct agent_snapshot_place *place, uint32_t index,
                              struct bl_error *err)
{
    static const char *const words[] = {"/usr/sbin/lvremove", "--yes", "--force", NULL};
    struct agent_packages_args args = {0};
    struct found found;
    int r = find(job, place, index, &found, err);

    if (r <= 0 || (r = agent_packages_args_add_all(job, &args, words, err)) < 0 ||
        (r = agent_packages_args_add(job, &args, found.name, err)) < 0)
        return r;

    return run_tool(job, &args, "remove the snapshot", place->path, err);
}

/* ---- taking ------------------------------------------------------------------------------- */

int agent_snapshot_lvm_take_args(struct agent_packages_job *job,
                                 const struct agent_snapshot_place *place, uint32_t index,
                                 uint64_t size_bytes, struct agent_packages_args *args,
                                 struct bl_error *err)
{
    static const char *const words[] = {"/usr/sbin/lvcreate", "--yes", "--snapshot",
                                        "--permission",       "r",     "--addtag",
                                        AGENT_SNAPSHOT_TAG,   NULL};
    char name[NAME_BYTES];
    int r;

    name_of(job, index, name);
    if ((r = agent_packages_args_add_all(job, args, words, err)) < 0 ||
        (r = agent_packages_args_add(job, args, "--setactivationskip", err)) < 0 ||
        (r = agent_packages_args_add(job, args, size_bytes > 0 ? "n" : "y", err)) < 0 ||
        (r = agent_packages_args_add(job, args, "--name", err)) < 0 ||
        (r = agent_packages_args_format(job, args, err, "%s", name)) < 0)
        return r;
    if (size_bytes > 0 &&
        ((r = agent_packages_args_add(job, args, "--size", err)) < 0 ||
         (r = agent_packages_args_format(job, args, err, "%" PRIu64 "b", size_bytes)) < 0))
        return r;

    return agent_packages_args_format(job, args, err, "%s/%s", place->group, place->volume);
}

int agent_snapshot_lvm_take(struct agent_packages_job *job,
                            const struct agent_snapshot_place *place, uint32_t index,
                            uint64_t size_bytes, struct bl_error *err)
{
    struct agent_packages_args args = {0};
    int r = agent_snapshot_lvm_remove(job, place, index, err);

    if (r < 0 || (r = agent_snapshot_lvm_take_args(job, place, index, size_bytes, &args, err)) < 0)
        return r;

    return run_tool(job, &args, "take a snapshot", place->path, err);
}

/* ---- reading ------------------------------------------------------------------------------ */

static int start_mount(const char *type)
{
    return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
}

int agent_snapshot_lvm_check(const char *type, struct bl_error *err)
{
    BL_AUTO_FD int context_fd = start_mount(type);

    if (context_fd >= 0)
        return 0;

    return bl_fail(err, errno == ENOSYS ? -EOPNOTSUPP : -errno,
                   "this kernel can not mount a snapshot (fsopen): %s", strerror(errno));
}

static int set_flag(int context_fd, const char *name)
{
    return (int)syscall(SYS_fsconfig, context_fd, FSCONFIG_SET_FLAG, name, NULL, 0);
}

/*
 * Never written to: its journal was written out when it was taken, so nothing needs to be replayed.
 * An xfs beside the one that it is a snapshot of has the same identity.
 */
static int set_options(int context_fd, const char *type, const char *device)
{
    if (syscall(SYS_fsconfig, context_fd, FSCONFIG_SET_STRING, "source", device, 0) < 0 ||
        set_flag(context_fd, "ro") < 0)
        return -1;
    if (strcmp(type, "xfs") == 0)
        return set_flag(context_fd, "norecovery") < 0 ? -1 : set_flag(context_fd, "nouuid");
    if (strcmp(type, "ext2") != 0 && set_flag(context_fd, "noload") < 0)
        return -1;

    return 0;
}

static int mount_device(const char *type, const char *device, struct bl_error *err)
{
    BL_AUTO_FD int context_fd = start_mount(type);
    BL_AUTO_FD int mount_fd = -1;
    int fd;

    if (context_fd < 0 || set_options(context_fd, type, device) < 0 ||
        syscall(SYS_fsconfig, context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return bl_fail(err, -errno, "mount the snapshot '%s': %s", device, strerror(errno));
    mount_fd =
        (int)syscall(SYS_fsmount, context_fd, FSMOUNT_CLOEXEC,
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    fd = mount_fd < 0 ? -1 : openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return bl_fail(err, -errno, "mount the snapshot '%s': %s", device, strerror(errno));

    return fd;
}

static int activate(struct agent_packages_job *job, const struct agent_snapshot_place *place,
                    const char *name, struct bl_error *err)
{
    static const char *const words[] = {"/usr/sbin/lvchange",     "--yes", "--activate", "y",
                                        "--ignoreactivationskip", NULL};
    struct agent_packages_args args = {0};
    int r;

    if ((r = agent_packages_args_add_all(job, &args, words, err)) < 0 ||
        (r = agent_packages_args_add(job, &args, name, err)) < 0)
        return r;

    return run_tool(job, &args, "activate the snapshot", place->path, err);
}

int agent_snapshot_lvm_open(struct agent_packages_job *job,
                            const struct agent_snapshot_place *place, uint32_t index,
                            struct bl_error *err)
{
    const struct agent_snapshot_volume *volume;
    struct found found;
    int r = find(job, place, index, &found, err);

    if (r < 0)
        return r;
    if (r == 0)
        return bl_fail(err, -ENOENT, "there is no snapshot %s of %s any more", found.name,
                       place->path);
    volume = found.volume;
    if (agent_snapshot_volume_is_invalid(volume)) {
        return bl_fail(
            err, -ENODATA,
            "the snapshot of %s ran full at %" PRIu64
            " MiB, and what it held is lost; its volume group %s has %" PRIu64 " MiB free",
            place->path, volume->size_bytes >> 20, place->group, volume->group_free_bytes >> 20);
    }
    if (volume->attributes[STATE] != 'a' && (r = activate(job, place, found.name, err)) < 0)
        return r;

    return mount_device(place->type, volume->path, err);
}

/* ---- how full ----------------------------------------------------------------------------- */

static int extend(struct agent_packages_job *job, const struct agent_snapshot_place *place,
                  const char *name, uint64_t by_bytes, struct bl_error *err)
{
    struct agent_packages_args args = {0};
    int r;

    if ((r = agent_packages_args_add(job, &args, "/usr/sbin/lvextend", err)) < 0 ||
        (r = agent_packages_args_add(job, &args, "--size", err)) < 0 ||
        (r = agent_packages_args_format(job, &args, err, "+%" PRIu64 "b", by_bytes)) < 0 ||
        (r = agent_packages_args_add(job, &args, name, err)) < 0)
        return r;

    return run_tool(job, &args, "extend the snapshot", place->path, err);
}

/* It is its administrator's, and others write to it, too: belay only tells. */
static int look_at_pool(struct agent_packages_job *job, const struct agent_snapshot_place *place,
                        const struct found *found, struct bl_error *err)
{
    const struct agent_snapshot_volume *pool =
        agent_snapshot_volume_find(&found->volumes, place->group, found->volume->pool);
    const char *reason;
    int r;

    if (pool == NULL || !agent_snapshot_volume_pool_is_nearly_full(pool))
        return 0;
    r = agent_packages_memory_format(job->memory, &reason, err,
                                     "the thin pool %s/%s, which the snapshot of %s is in, is "
                                     "%" PRIu32 " %% full, and its metadata %" PRIu32 " %%",
                                     pool->group, pool->name, place->path, pool->fill_percent,
                                     pool->metadata_percent);
    if (r < 0)
        return r;
    agent_packages_job_find(job, "snapshot_nearly_full", reason,
                            "make the pool larger: lvextend (--poolmetadatasize: its metadata)");

    return 0;
}

/* FORGET notes that it begins before it removes one; otherwise somebody else did. */
static int tell_missing(struct agent_packages_job *job, const struct agent_snapshot_place *place,
                        const char *name, struct bl_error *err)
{
    const char *reason;
    int r = bl_file_exists(job->job_fd, AGENT_SNAPSHOT_GONE, err);

    if (r != 0)
        return r < 0 ? r : 0;
    r = agent_packages_memory_format(job->memory, &reason, err,
                                     "the snapshot of %s is lost: there is no %s any more",
                                     place->path, name);
    if (r >= 0)
        agent_packages_job_find(job, "snapshot_lost", reason, "this job can't be taken back");

    return r < 0 ? r : 0;
}

int agent_snapshot_lvm_tend(struct agent_packages_job *job,
                            const struct agent_snapshot_place *place, uint32_t index,
                            struct bl_error *err)
{
    const struct agent_snapshot_volume *volume;
    struct found found;
    const char *reason;
    uint64_t by_bytes;
    int r = find(job, place, index, &found, err);

    if (r < 0)
        return r;
    if (r == 0)
        return tell_missing(job, place, found.name, err);
    volume = found.volume;
    if (agent_snapshot_volume_is_thin(volume))
        return look_at_pool(job, place, &found, err);
    by_bytes = agent_snapshot_volume_extension(volume);
    if (by_bytes > 0 && (r = extend(job, place, found.name, by_bytes, err)) >= 0) {
        agent_packages_job_note(
            job, "the snapshot of %s was %" PRIu32 " %% full and got %" PRIu64 " MiB more",
            place->path, volume->fill_percent, by_bytes >> 20);
        return 0;
    }
    if (r < 0 || volume->fill_percent < AGENT_SNAPSHOT_FILL_PERCENT)
        return r < 0 ? r : 0;
    r = agent_packages_memory_format(
        job->memory, &reason, err,
        "the snapshot of %s is %s%" PRIu32 " %% of its %" PRIu64
        " MiB full, and its volume group %s has %" PRIu64 " MiB free",
        place->path, agent_snapshot_volume_is_invalid(volume) ? "lost: " : "", volume->fill_percent,
        volume->size_bytes >> 20, place->group, volume->group_free_bytes >> 20);
    if (r < 0)
        return r;
    agent_packages_job_find(
        job, agent_snapshot_volume_is_invalid(volume) ? "snapshot_lost" : "snapshot_nearly_full",
        reason, "add a disk to the volume group: vgextend");

    return 0;
}
