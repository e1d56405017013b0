/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/world/disk_file.h"

/*
 * What a disk has after the power was cut. First all that is not synced is undone, newest first,
 * which gives the bytes that each write wrote; then chance does a part of it again. Creations,
 * truncations and removals go through the journal of a file system and survive as a prefix; writes
 * survive as they like.
 */
struct durable {
    struct sim_file *file;
    bool exists;
    struct sim_bytes content;
    struct sim_bytes redo; /* what the writes wrote, the last one's bytes first */
    size_t *redo_at;       /* by the change's number */
};

enum fate {
    FATE_ALL_LOST,
    FATE_ALL_KEPT,
    FATE_MIXED, /* and all above */
    FATE_BOUND = 6,
};

static bool coin(struct sim_file *file)
{
    return sim_disk_below(file->disk, 2) == 1;
}

static void undo_all(struct durable *durable)
{
    struct sim_file *file = durable->file;
    struct sim_bytes *content = &durable->content;

    for (size_t i = file->change_count; i-- > 0;) {
        const struct sim_change *change = &file->changes[i];

        durable->redo_at[i] = durable->redo.size_bytes;
        if (change->kind == SIM_CHANGE_WRITE) {
            sim_bytes_append(&durable->redo, content->data + change->offset, change->size_bytes);
        }
        if (change->kind == SIM_CHANGE_CREATE || change->kind == SIM_CHANGE_DELETE)
            durable->exists = change->kind == SIM_CHANGE_DELETE;
        sim_bytes_resize(content, change->former_bytes);
        if (change->undo_bytes > 0) {
            memcpy(content->data + change->offset, file->undo.data + change->undo_at,
                   change->undo_bytes);
        }
    }
}

static void apply_stale(struct durable *durable)
{
    for (size_t i = 0; i < durable->file->stale_count; i++) {
        const struct sim_stale *stale = &durable->file->stale[i];
        const size_t offset = stale->sector * SIM_DISK_SECTOR_BYTES;
        size_t size_bytes = SIM_DISK_SECTOR_BYTES;

        if (offset >= durable->content.size_bytes)
            continue;
        if (offset + size_bytes > durable->content.size_bytes)
            size_bytes = durable->content.size_bytes - offset;
        memcpy(durable->content.data + offset, stale->data, size_bytes);
    }
}

static void redo_part(struct durable *durable, size_t number, size_t from, size_t to)
{
    const struct sim_change *change = &durable->file->changes[number];

    if (durable->content.size_bytes < to)
        sim_bytes_resize(&durable->content, to);
    memcpy(durable->content.data + from,
           durable->redo.data + durable->redo_at[number] + (from - change->offset), to - from);
}

/* Each sector of it is new or old; at least one is old. */
static void redo_torn(struct durable *durable, size_t number)
{
    const struct sim_change *change = &durable->file->changes[number];
    const size_t end = change->offset + change->size_bytes;
    const size_t first = change->offset / SIM_DISK_SECTOR_BYTES;
    const size_t count = (end + SIM_DISK_SECTOR_BYTES - 1) / SIM_DISK_SECTOR_BYTES - first;
    const size_t lost = sim_disk_below(durable->file->disk, (uint32_t)count);

    for (size_t i = 0; i < count; i++) {
        const size_t at = (first + i) * SIM_DISK_SECTOR_BYTES;
        const size_t from = at < change->offset ? change->offset : at;
        const size_t to = at + SIM_DISK_SECTOR_BYTES > end ? end : at + SIM_DISK_SECTOR_BYTES;

        if (i != lost && coin(durable->file))
            redo_part(durable, number, from, to);
    }
}

static void redo_write(struct durable *durable, size_t number, uint32_t fate)
{
    struct sim_disk_counts *counts = sim_disk_count(durable->file->disk);
    const struct sim_change *change = &durable->file->changes[number];
    const size_t end = change->offset + change->size_bytes;
    uint32_t choice = fate;

    if (fate >= FATE_MIXED)
        choice = sim_disk_below(durable->file->disk, 3);
    switch (choice) {
    case FATE_ALL_KEPT:
        redo_part(durable, number, change->offset, end);
        counts->writes_kept++;
        break;
    case FATE_ALL_LOST:
        /* The file may have grown all the same. */
        if (durable->content.size_bytes < end && coin(durable->file))
            sim_bytes_resize(&durable->content, end);
        counts->writes_lost++;
        break;
    default:
        redo_torn(durable, number);
        counts->writes_torn++;
        break;
    }
}

/* The writes from `first` to before `end`, perhaps in another order. */
static void redo_writes(struct durable *durable, size_t first, size_t end, uint32_t fate)
{
    const size_t count = end - first;
    size_t *order;

    if (count == 0)
        return;
    order = calloc(count, sizeof(*order));
    BL_ASSERT(order != NULL);
    for (size_t i = 0; i < count; i++)
        order[i] = first + i;
    if (coin(durable->file)) {
        for (size_t i = count - 1; i > 0; i--) {
            const size_t j = sim_disk_below(durable->file->disk, (uint32_t)i + 1);
            const size_t other = order[j];

            if (i != j)
                sim_disk_count(durable->file->disk)->writes_reordered++;
            order[j] = order[i];
            order[i] = other;
        }
    }
    for (size_t i = 0; i < count; i++)
        redo_write(durable, order[i], fate);
    free(order);
}

static size_t end_of_writes(const struct sim_file *file, size_t from)
{
    while (from < file->change_count && file->changes[from].kind == SIM_CHANGE_WRITE)
        from++;
    return from;
}

static void redo_some(struct durable *durable)
{
    const struct sim_file *file = durable->file;
    const uint32_t fate = sim_disk_below(file->disk, FATE_BOUND);
    uint32_t survivors = 0;

    for (size_t i = 0; i < file->change_count; i++)
        survivors += file->changes[i].kind != SIM_CHANGE_WRITE;
    survivors = sim_disk_below(file->disk, survivors + 1);

    for (size_t i = 0; i < file->change_count; i++) {
        const struct sim_change *change = &file->changes[i];
        const size_t end = end_of_writes(file, i);

        if (end > i) {
            redo_writes(durable, i, end, fate);
            i = end - 1;
        } else if (survivors > 0) {
            survivors--;
            if (change->kind != SIM_CHANGE_TRUNCATE)
                durable->exists = change->kind == SIM_CHANGE_CREATE;
            sim_bytes_resize(&durable->content,
                             change->kind == SIM_CHANGE_TRUNCATE ? change->size_bytes : 0);
        } else if (change->kind != SIM_CHANGE_TRUNCATE) {
            return; /* what follows was written to another file of that name, and that is gone */
        }
    }
}

static struct durable work_out(struct sim_file *file)
{
    struct durable durable = {.file = file, .exists = file->exists};

    durable.redo_at = calloc(file->change_count + 1, sizeof(*durable.redo_at));
    BL_ASSERT(durable.redo_at != NULL);
    sim_bytes_append(&durable.content, file->seen.data, file->seen.size_bytes);
    undo_all(&durable);
    apply_stale(&durable);
    redo_some(&durable);
    sim_bytes_release(&durable.redo);
    free(durable.redo_at);
    return durable;
}

void sim_file_power_cut(struct sim_file *file)
{
    struct durable durable;

    if (file->change_count == 0 && file->stale_count == 0)
        return;
    durable = work_out(file);
    sim_bytes_release(&file->seen);
    file->seen = durable.content;
    file->exists = durable.exists;
    if (!file->exists)
        file->seen.size_bytes = 0;
    sim_file_settle(file);
}

/* Its size and that it exists are taken as durable: what gets lost is what was written. */
void sim_file_sync_fails(struct sim_file *file)
{
    struct durable durable = work_out(file);
    const size_t size_bytes = file->seen.size_bytes;

    sim_disk_count(file->disk)->syncs_failed++;
    sim_bytes_resize(&durable.content, size_bytes);
    sim_file_settle(file);
    for (size_t at = 0; at < size_bytes; at += SIM_DISK_SECTOR_BYTES) {
        const size_t left_bytes = size_bytes - at;
        const size_t part = left_bytes < SIM_DISK_SECTOR_BYTES ? left_bytes : SIM_DISK_SECTOR_BYTES;
        struct sim_stale *stale;

        if (memcmp(durable.content.data + at, file->seen.data + at, part) == 0)
            continue;
        file->stale =
            sim_grow(file->stale, file->stale_count, &file->stale_capacity, sizeof(*file->stale));
        stale = &file->stale[file->stale_count++];
        *stale = (struct sim_stale){.sector = at / SIM_DISK_SECTOR_BYTES};
        memcpy(stale->data, durable.content.data + at, part);
    }
    sim_bytes_release(&durable.content);
}
