/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_DISK_FILE_H
#define TESTS_SIM_WORLD_DISK_FILE_H

#include "tests/sim/world/disk.h"

/*
 * Files of a simulated disk, for the VFS and for tests that damage them. A file keeps what is seen,
 * and what would undo each change that is not synced: a sync forgets that, so that neither a write
 * nor a sync copies the file. What is durable is only worked out when the power is cut.
 */
struct sim_bytes {
    uint8_t *data;
    size_t size_bytes, capacity_bytes;
};

void sim_bytes_resize(struct sim_bytes *bytes, size_t size_bytes); /* new bytes are 0 */
void sim_bytes_append(struct sim_bytes *bytes, const void *data, size_t size_bytes);
void sim_bytes_release(struct sim_bytes *bytes);
/* Array growth: room for one more of `each_bytes` in `array`; never NULL. */
void *sim_grow(void *array, size_t count, size_t *capacity, size_t each_bytes);

enum sim_change_kind {
    SIM_CHANGE_WRITE = 1,
    SIM_CHANGE_TRUNCATE,
    SIM_CHANGE_CREATE,
    SIM_CHANGE_DELETE,
};

struct sim_change {
    enum sim_change_kind kind;
    size_t offset, size_bytes;  /* WRITE; of TRUNCATE the new size */
    size_t former_bytes;        /* size of the file before */
    size_t undo_at, undo_bytes; /* what it replaced, in the file's `undo` */
};

/* A sector that a failed sync dropped: seen is one thing, durable is this. */
struct sim_stale {
    size_t sector;
    uint8_t data[SIM_DISK_SECTOR_BYTES];
};

struct sim_file {
    char name[SIM_DISK_NAME_BYTES];
    struct sim_disk *disk;
    bool exists;
    struct sim_bytes seen;
    struct sim_change *changes; /* since the last sync, in order */
    size_t change_count, change_capacity;
    struct sim_bytes undo;
    struct sim_stale *stale;
    size_t stale_count, stale_capacity;
};

/* NULL when there never was one of that name, unless `or_add`. It lives as long as the disk. */
struct sim_file *sim_disk_file(struct sim_disk *disk, const char *name, bool or_add);

/* These ask no hook: what they do, happens. */
void sim_file_create(struct sim_file *file);
void sim_file_delete(struct sim_file *file, bool durable);
void sim_file_write(struct sim_file *file, size_t offset, const void *data, size_t size_bytes);
void sim_file_truncate(struct sim_file *file, size_t size_bytes);
void sim_file_sync(struct sim_file *file);
/* That it exists, or no more, is durable; what was written to it since is not. */
void sim_file_sync_name(struct sim_file *file);
void sim_disk_sync_names(struct sim_disk *disk);
/* What was unsynced stays seen; of each change chance says whether it became durable. */
void sim_file_sync_fails(struct sim_file *file);
/* What was unsynced is kept, lost, torn and reordered as chance says. */
void sim_file_power_cut(struct sim_file *file);
/* Nothing unsynced is left, nothing stale: what is seen is durable. */
void sim_file_settle(struct sim_file *file);
void sim_file_release(struct sim_file *file);

/* Asks the hook and keeps in mind that the process died. */
enum sim_disk_verdict sim_disk_ask(struct sim_disk *disk, enum sim_disk_op op, const char *file,
                                   int64_t offset, size_t size_bytes);
uint32_t sim_disk_below(struct sim_disk *disk, uint32_t bound);
struct sim_disk_counts *sim_disk_count(struct sim_disk *disk);
/* Rises when a process dies: what was opened in an earlier life is dead. */
uint64_t sim_disk_life(const struct sim_disk *disk);
/* Called by sim_disk_free, so that nobody uses it from then on. */
void sim_vfs_forget(const struct sim_disk *disk);

#endif
