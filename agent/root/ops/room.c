/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/room.h"

#include <errno.h>
#include <string.h>

enum {
    MIB = 1024 * 1024,
    UNPACK_RESERVE_BYTES = 128 * MIB, /* dpkg holds old and new files of a package at a time */
    BOOT_RESERVE_BYTES = 32 * MIB,
    STATE_RESERVE_BYTES = 16 * MIB, /* journal and records */
    RESERVE_PERCENT = 20,
    PACKAGE_FILES_RESERVE = 2000,
    STATE_FILES_RESERVE = 200,
    BOOT_FILES_RESERVE = 20,
};

/* What a path is for; bits. */
enum {
    FOR_PACKAGES = 1,
    FOR_BOOT = 2,
    FOR_STATE = 4,
};

static unsigned purpose_of(const char *path, const struct agent_room_need *need)
{
    if (strcmp(path, need->state_dir) == 0)
        return FOR_STATE;

    return strcmp(path, "/boot") == 0 ? FOR_BOOT : FOR_PACKAGES;
}

static uint64_t with_reserve(uint64_t bytes)
{
    return bytes + bytes / 100 * RESERVE_PERCENT;
}

/* Nobody knows beforehand which file system gets how much of the packages: each may get all. */
static uint64_t needed_bytes(unsigned purposes, const struct agent_room_need *need)
{
    uint64_t growth_bytes = need->growth_bytes > 0 ? (uint64_t)need->growth_bytes : 0;
    uint64_t bytes = 0;

    if ((purposes & FOR_PACKAGES) != 0)
        bytes += with_reserve(growth_bytes + need->download_bytes) + UNPACK_RESERVE_BYTES;
    /* The new images are made while the old ones are still there, and so is a copy of the last. */
    if ((purposes & FOR_BOOT) != 0 && need->boot_image_bytes > 0)
        bytes += with_reserve(2 * need->boot_image_bytes) + BOOT_RESERVE_BYTES;
    if ((purposes & FOR_STATE) != 0)
        bytes += STATE_RESERVE_BYTES;

    return bytes;
}

static uint64_t needed_files(unsigned purposes, const struct agent_room_need *need)
{
    uint64_t files = 0;

    if ((purposes & FOR_PACKAGES) != 0)
        files += PACKAGE_FILES_RESERVE;
    if ((purposes & FOR_BOOT) != 0 && need->boot_image_bytes > 0)
        files += BOOT_FILES_RESERVE;
    if ((purposes & FOR_STATE) != 0)
        files += STATE_FILES_RESERVE;

    return files;
}

static void judge_file_system(const struct agent_errand_disk *disk, unsigned purposes,
                              const struct agent_room_need *need, struct agent_findings *inhibitors)
{
    uint64_t bytes = needed_bytes(purposes, need), files = needed_files(purposes, need);

    if (disk->free_bytes < bytes) {
        agent_findings_add(inhibitors, PROTO_GRADE_FUNCTIONAL, "no_room",
                           "%s has %llu MiB free of %llu MiB that it may take -> make room, for "
                           "instance with `apt-get clean` or `dnf clean all`",
                           disk->path, (unsigned long long)(disk->free_bytes / MIB),
                           (unsigned long long)((bytes + MIB - 1) / MIB));
    }
    if (disk->has_file_limit && disk->free_files < files) {
        agent_findings_add(inhibitors, PROTO_GRADE_FUNCTIONAL, "no_room_for_files",
                           "%s has room for only %llu more files, it may take %llu -> remove files",
                           disk->path, (unsigned long long)disk->free_files,
                           (unsigned long long)files);
    }
}

static void judge_writing(const struct agent_errand_disk *disk, struct agent_findings *inhibitors)
{
    if (disk->failure == EROFS) {
        agent_findings_add(inhibitors, PROTO_GRADE_FUNCTIONAL, "read_only",
                           "%s is read-only -> find out why (`dmesg`, /etc/fstab), then `mount -o "
                           "remount,rw`",
                           disk->path);
    } else if (disk->failure != 0 && disk->failure != ENOSPC && disk->failure != EDQUOT) {
        agent_findings_add(inhibitors, PROTO_GRADE_FUNCTIONAL, "not_writable",
                           "%s does not keep what is written to it: %s -> check its disk",
                           disk->path, strerror((int)disk->failure));
    } else if (disk->failure != 0) {
        agent_findings_add(inhibitors, PROTO_GRADE_FUNCTIONAL, "no_room",
                           "%s does not even take one block: %s -> make room", disk->path,
                           strerror((int)disk->failure));
    }
}

void agent_room_judge_writing(const struct agent_errand_disk *disks, uint32_t disk_count,
                              struct agent_findings *findings)
{
    for (uint32_t i = 0; i < disk_count; i++)
        judge_writing(&disks[i], findings);
}

void agent_room_judge(const struct agent_errand_disk *disks, uint32_t disk_count,
                      const struct agent_room_need *need, struct agent_findings *inhibitors)
{
    /* A part of a file system may be mounted read-only: each path is tried by itself. */
    agent_room_judge_writing(disks, disk_count, inhibitors);
    for (uint32_t i = 0; i < disk_count; i++) {
        unsigned purposes = 0;
        bool is_first = true;

        if (disks[i].failure != 0)
            continue;
        for (uint32_t j = 0; j < disk_count; j++) {
            if (disks[j].failure != 0 || disks[j].device != disks[i].device)
                continue;
            is_first = is_first && j >= i;
            purposes |= purpose_of(disks[j].path, need);
        }
        if (is_first)
            judge_file_system(&disks[i], purposes, need, inhibitors);
    }
}
