/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_DISK_H
#define TESTS_SIM_WORLD_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The disk of one simulated machine: named files, and for each what is durable beside what a
 * running system sees. A write, a truncation, a creation or a removal is seen at once and becomes
 * durable by a sync of that file; the sync of a new file syncs the directory as well, as SQLite
 * does on Linux, and with it all creations and removals. A power cut keeps any part of what was not
 * synced, in any order, torn at sectors. Knows no world and no clock, so that the crash-point tests
 * use it alone.
 */
enum {
    SIM_DISK_SECTOR_BYTES = 512,
    SIM_DISK_NAME_BYTES = 64,
};

struct sim_disk;

/* What is about to happen to a disk, asked of the hook before it does. */
enum sim_disk_op {
    SIM_DISK_READ = 1,
    SIM_DISK_WRITE,
    SIM_DISK_TRUNCATE,
    SIM_DISK_SYNC,
    SIM_DISK_CREATE,
    SIM_DISK_DELETE,
    SIM_DISK_OP_LAST = SIM_DISK_DELETE,
};

enum sim_disk_verdict {
    SIM_DISK_GO_ON = 0,
    SIM_DISK_FAIL,      /* EIO. Of a sync: what was unsynced may be lost for good, as on Linux. */
    SIM_DISK_FULL,      /* ENOSPC, nothing written */
    SIM_DISK_SHORT,     /* ENOSPC after a part was written */
    SIM_DISK_DEAD,      /* the process is dead: no effect, now or later, by this process */
    SIM_DISK_DIE_AFTER, /* the effect happens, then the process is dead */
};

struct sim_disk_hooks {
    void *userdata;
    /* NULL: all goes on. */
    enum sim_disk_verdict (*before)(void *userdata, enum sim_disk_op op, const char *file,
                                    int64_t offset, size_t size_bytes);
    /* All chance of the disk; `bound` above 0, the answer below it. */
    uint32_t (*below)(void *userdata, uint32_t bound);
};

/* How often a power cut did what, added up; proof that it happened. */
struct sim_disk_counts {
    uint64_t writes_kept, writes_lost, writes_torn, writes_reordered, syncs_failed, power_cuts;
};

/* `hooks` is copied. Never NULL: without memory the simulation ends. */
struct sim_disk *sim_disk_new(const struct sim_disk_hooks *hooks);
struct sim_disk *sim_disk_free(struct sim_disk *disk);
/* A copy as a snapshot of a running machine has it: what is seen, all of it durable. */
struct sim_disk *sim_disk_copy(const struct sim_disk *disk);
/* Everything of `disk` becomes what `snapshot` has; hooks stay. */
void sim_disk_restore(struct sim_disk *disk, const struct sim_disk *snapshot);

/* The machine loses power: afterwards what is seen is what is durable. */
void sim_disk_power_cut(struct sim_disk *disk);

/* Over names and contents that are seen. */
uint64_t sim_disk_hash(const struct sim_disk *disk);
const struct sim_disk_counts *sim_disk_counts(const struct sim_disk *disk);

/*
 * An SQLite VFS "sim" over one disk at a time, made the default one: only the last part of a path
 * names the file. Files that are open belong to the disk that was used when they were opened.
 * Supports WAL (the shared-memory part lives and dies with the process that opened it).
 */
void sim_vfs_register(void);
void sim_vfs_use(struct sim_disk *disk);

#endif
