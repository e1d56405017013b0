/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_ROOM_H
#define AGENT_ROOT_OPS_ROOM_H

#include "agent/errand/errand.h"
#include "agent/root/ops/findings.h"

/*
 * Is there room for a change, and do the disks keep what is written? What lies on one file system is
 * added up and counted once, however many of the paths are on it.
 */
struct agent_room_need {
    int64_t growth_bytes;      /* what the change leaves the host larger; below 0: smaller */
    uint64_t download_bytes;   /* of the packages that are unpacked */
    uint64_t boot_image_bytes; /* kernel and initramfs, 0 = no new ones are made */
    const char *state_dir;
};

/* Adds an inhibitor for each file system that is too full, read-only or broken. */
void agent_room_judge(const struct agent_errand_disk *disks, uint32_t disk_count,
                      const struct agent_room_need *need, struct agent_findings *inhibitors);

/* Only whether each takes and keeps what is written. */
void agent_room_judge_writing(const struct agent_errand_disk *disks, uint32_t disk_count,
                              struct agent_findings *findings);

#endif
