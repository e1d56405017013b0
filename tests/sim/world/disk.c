/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/disk.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/world/disk_file.h"

struct sim_disk {
    struct sim_disk_hooks hooks;
    struct sim_disk_counts counts;
    struct sim_file **files;
    size_t file_count, file_capacity;
    uint64_t life;
};

struct sim_disk *sim_disk_new(const struct sim_disk_hooks *hooks)
{
    struct sim_disk *disk = calloc(1, sizeof(*disk));

    BL_ASSERT(disk != NULL);
    disk->hooks = *hooks;
    return disk;
}

struct sim_disk *sim_disk_free(struct sim_disk *disk)
{
    if (disk == NULL)
        return NULL;
    sim_vfs_forget(disk);
    for (size_t i = 0; i < disk->file_count; i++) {
        sim_file_release(disk->files[i]);
        free(disk->files[i]);
    }
    free((void *)disk->files);
    free(disk);
    return NULL;
}

struct sim_file *sim_disk_file(struct sim_disk *disk, const char *name, bool or_add)
{
    struct sim_file *file;

    for (size_t i = 0; i < disk->file_count; i++) {
        if (strcmp(disk->files[i]->name, name) == 0)
            return disk->files[i];
    }
    if (!or_add)
        return NULL;

    BL_ASSERT(strlen(name) < SIM_DISK_NAME_BYTES);
    file = calloc(1, sizeof(*file));
    BL_ASSERT(file != NULL);
    memcpy(file->name, name, strlen(name) + 1);
    file->disk = disk;
    disk->files = (struct sim_file **)sim_grow((void *)disk->files, disk->file_count,
                                               &disk->file_capacity, sizeof(struct sim_file *));
    disk->files[disk->file_count++] = file;
    return file;
}

static void copy_files(struct sim_disk *to, const struct sim_disk *from)
{
    for (size_t i = 0; i < from->file_count; i++) {
        const struct sim_file *source = from->files[i];
        struct sim_file *file;

        if (!source->exists)
            continue;
        file = sim_disk_file(to, source->name, true);
        file->exists = true;
        sim_bytes_append(&file->seen, source->seen.data, source->seen.size_bytes);
    }
}

struct sim_disk *sim_disk_copy(const struct sim_disk *disk)
{
    struct sim_disk *copy = sim_disk_new(&disk->hooks);

    copy_files(copy, disk);
    return copy;
}

void sim_disk_restore(struct sim_disk *disk, const struct sim_disk *snapshot)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        disk->files[i]->exists = false;
        disk->files[i]->seen.size_bytes = 0;
        sim_file_settle(disk->files[i]);
    }
    copy_files(disk, snapshot);
    disk->life++;
}

void sim_disk_power_cut(struct sim_disk *disk)
{
    for (size_t i = 0; i < disk->file_count; i++)
        sim_file_power_cut(disk->files[i]);
    disk->counts.power_cuts++;
    disk->life++;
}

void sim_disk_sync_names(struct sim_disk *disk)
{
    for (size_t i = 0; disk != NULL && i < disk->file_count; i++)
        sim_file_sync_name(disk->files[i]);
}

/* Eight bytes at a time: a world hashes many megabytes. */
static uint64_t mix(uint64_t hash, const uint8_t *data, size_t size_bytes)
{
    for (size_t at = 0; at < size_bytes; at += sizeof(uint64_t)) {
        const size_t left_bytes = size_bytes - at;
        uint64_t word = 0;

        memcpy(&word, data + at, left_bytes < sizeof(word) ? left_bytes : sizeof(word));
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return (hash ^ size_bytes) * UINT64_C(0xbf58476d1ce4e5b9);
}

uint64_t sim_disk_hash(const struct sim_disk *disk)
{
    uint64_t sum = 0; /* a sum, so that the order in which files were made does not matter */

    for (size_t i = 0; i < disk->file_count; i++) {
        const struct sim_file *file = disk->files[i];

        if (file->exists) {
            sum += mix(mix(1, (const uint8_t *)file->name, strlen(file->name)), file->seen.data,
                       file->seen.size_bytes);
        }
    }
    return sum;
}

const struct sim_disk_counts *sim_disk_counts(const struct sim_disk *disk)
{
    return &disk->counts;
}

struct sim_disk_counts *sim_disk_count(struct sim_disk *disk)
{
    return &disk->counts;
}

/* ---- chance and death --------------------------------------------------------------------- */

uint32_t sim_disk_below(struct sim_disk *disk, uint32_t bound)
{
    const uint32_t answer =
        disk->hooks.below != NULL ? disk->hooks.below(disk->hooks.userdata, bound) : 0;

    BL_ASSERT(answer < bound);
    return answer;
}

enum sim_disk_verdict sim_disk_ask(struct sim_disk *disk, enum sim_disk_op op, const char *file,
                                   int64_t offset, size_t size_bytes)
{
    enum sim_disk_verdict verdict = SIM_DISK_GO_ON;

    if (disk->hooks.before != NULL)
        verdict = disk->hooks.before(disk->hooks.userdata, op, file, offset, size_bytes);
    if (verdict == SIM_DISK_DEAD || verdict == SIM_DISK_DIE_AFTER)
        disk->life++;
    return verdict;
}

uint64_t sim_disk_life(const struct sim_disk *disk)
{
    return disk->life;
}
