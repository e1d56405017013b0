/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_VOLUME_H
#define AGENT_SNAPSHOT_VOLUME_H

#include "agent/snapshot/place.h"

/*
 * What LVM says of its logical volumes, and what follows from it: no tool is run in here.
 *
 * A thick snapshot has room of its own in the volume group, takes up each block that is written to
 * the original for the first time, and is worthless once that room is full. A thin one takes its
 * room from the pool, as everything in it does.
 */
struct agent_snapshot_volume {
    const char *group, *name;
    const char *device;     /* "254:0"; "-1:-1" when it is not active */
    const char *attributes; /* "owi-aos---", see lvs(8) */
    const char *origin;     /* of a snapshot; "" = none */
    const char *pool;       /* of a thin volume; "" = none */
    const char *path;       /* "/dev/mapper/vg-root" */
    const char *tags;       /* with commas */
    uint64_t size_bytes;
    uint64_t group_free_bytes, extent_bytes;
    uint32_t fill_percent;     /* of a thick snapshot or a thin pool; whole ones */
    uint32_t metadata_percent; /* of a thin pool: once they are full, nobody can write to it */
};

struct agent_snapshot_volumes {
    struct agent_snapshot_volume *list;
    uint32_t count;
};

/* The columns to ask lvs for, in bytes without unit, with the separator. */
#define AGENT_SNAPSHOT_VOLUME_COLUMNS                                                            \
    "vg_name,lv_name,lv_kernel_major,lv_kernel_minor,lv_attr,origin,pool_lv,lv_dm_path,lv_tags," \
    "lv_size,vg_free,vg_extent_size,data_percent,metadata_percent"
#define AGENT_SNAPSHOT_VOLUME_SEPARATOR "|"

/* What lvs printed; other lines are warnings. -EBADMSG when a volume's line is none. */
int agent_snapshot_volume_parse(struct agent_packages_memory *memory, const char *text,
                                struct agent_snapshot_volumes *ret_volumes, struct bl_error *err)
    BL_CHECKED;

/* NULL when there is none. */
const struct agent_snapshot_volume *
agent_snapshot_volume_find(const struct agent_snapshot_volumes *volumes, const char *group,
                           const char *name);
/* The volume that is the block device "254:0". */
const struct agent_snapshot_volume *
agent_snapshot_volume_of(const struct agent_snapshot_volumes *volumes, const char *device);

bool agent_snapshot_volume_is_thin(const struct agent_snapshot_volume *volume);
/* A thick snapshot that ran full. */
bool agent_snapshot_volume_is_invalid(const struct agent_snapshot_volume *volume);
/* Can a snapshot of it be taken? Not of a thick snapshot, nor while one is merged into it. */
bool agent_snapshot_volume_can_have_snapshot(const struct agent_snapshot_volume *volume);

/*
 * How large the snapshot of each place on LVM becomes, 0 for all others and for thin ones: at least
 * `needed_bytes`, never more than can be of use, and beyond that half of what its volume group has
 * to spare; the other half is there to extend it. A pool needs `needed_bytes` for each place in it,
 * and room for metadata. -ENOSPC when a group or pool has too little room; `ret_reason` then says
 * which, with the figures.
 */
int agent_snapshot_volume_sizes(const struct agent_snapshot_volumes *volumes,
                                const struct agent_snapshot_place *places, uint32_t places_count,
                                uint64_t needed_bytes, uint64_t *ret_sizes,
                                char ret_reason[AGENT_SNAPSHOT_REASON_BYTES]);

enum {
    AGENT_SNAPSHOT_FILL_PERCENT = 70, /* of a thick snapshot: it is extended */
    AGENT_SNAPSHOT_POOL_PERCENT = 80, /* of a thin pool or its metadata: that is told */
};
/* By how much to extend a thick snapshot: 0 when it has room, or its group has none. */
uint64_t agent_snapshot_volume_extension(const struct agent_snapshot_volume *snapshot);
bool agent_snapshot_volume_pool_is_nearly_full(const struct agent_snapshot_volume *pool);

#endif
