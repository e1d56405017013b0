/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/disk_file.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

enum {
    BYTES_MIN = 4096,
    UNDO_KEPT_BYTES = 1 << 18, /* more is given back at a sync: there are many disks */
    PAGE_SECTORS = 4096 / SIM_DISK_SECTOR_BYTES,
};

/* ---- memory ------------------------------------------------------------------------------- */

static void reserve(struct sim_bytes *bytes, size_t size_bytes)
{
    size_t capacity = bytes->capacity_bytes == 0 ? BYTES_MIN : bytes->capacity_bytes;

    if (size_bytes <= bytes->capacity_bytes)
        return;
    while (capacity < size_bytes)
        capacity += capacity / 2;
    bytes->data = realloc(bytes->data, capacity);
    BL_ASSERT(bytes->data != NULL);
    bytes->capacity_bytes = capacity;
}

void sim_bytes_resize(struct sim_bytes *bytes, size_t size_bytes)
{
    reserve(bytes, size_bytes);
    if (size_bytes > bytes->size_bytes)
        memset(bytes->data + bytes->size_bytes, 0, size_bytes - bytes->size_bytes);
    bytes->size_bytes = size_bytes;
}

void sim_bytes_append(struct sim_bytes *bytes, const void *data, size_t size_bytes)
{
    if (size_bytes == 0)
        return;
    reserve(bytes, bytes->size_bytes + size_bytes);
    memcpy(bytes->data + bytes->size_bytes, data, size_bytes);
    bytes->size_bytes += size_bytes;
}

void sim_bytes_release(struct sim_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct sim_bytes){0};
}

void *sim_grow(void *array, size_t count, size_t *capacity, size_t each_bytes)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? 8 : 2 * *capacity;
    array = realloc(array, *capacity * each_bytes);
    BL_ASSERT(array != NULL);
    return array;
}

/* ---- changes ------------------------------------------------------------------------------ */

/* Notes a change that replaces `undo_bytes` bytes from `offset` on. */
static struct sim_change *add_change(struct sim_file *file, enum sim_change_kind kind,
                                     size_t offset, size_t undo_bytes)
{
    struct sim_change *change;

    file->changes =
        sim_grow(file->changes, file->change_count, &file->change_capacity, sizeof(*file->changes));
    change = &file->changes[file->change_count++];
    *change = (struct sim_change){.kind = kind,
                                  .offset = offset,
                                  .former_bytes = file->seen.size_bytes,
                                  .undo_at = file->undo.size_bytes,
                                  .undo_bytes = undo_bytes};
    if (undo_bytes > 0)
        sim_bytes_append(&file->undo, file->seen.data + offset, undo_bytes);
    return change;
}

void sim_file_create(struct sim_file *file)
{
    BL_ASSERT(!file->exists);
    (void)add_change(file, SIM_CHANGE_CREATE, 0, 0);
    file->exists = true;
    file->seen.size_bytes = 0;
}

void sim_file_delete(struct sim_file *file, bool durable)
{
    BL_ASSERT(file->exists);
    if (!durable)
        (void)add_change(file, SIM_CHANGE_DELETE, 0, file->seen.size_bytes);
    file->exists = false;
    file->seen.size_bytes = 0;
    if (durable) {
        sim_file_settle(file);
        sim_disk_sync_names(file->disk);
    }
}

void sim_file_write(struct sim_file *file, size_t offset, const void *data, size_t size_bytes)
{
    const size_t former_bytes = file->seen.size_bytes;
    size_t undo_bytes = 0;

    if (size_bytes == 0)
        return;
    if (offset < former_bytes)
        undo_bytes = former_bytes - offset < size_bytes ? former_bytes - offset : size_bytes;
    add_change(file, SIM_CHANGE_WRITE, offset, undo_bytes)->size_bytes = size_bytes;
    if (offset > former_bytes)
        sim_bytes_resize(&file->seen, offset);
    if (offset + size_bytes > former_bytes) {
        reserve(&file->seen, offset + size_bytes);
        file->seen.size_bytes = offset + size_bytes;
    }
    memcpy(file->seen.data + offset, data, size_bytes);
}

void sim_file_truncate(struct sim_file *file, size_t size_bytes)
{
    const size_t former_bytes = file->seen.size_bytes;

    if (size_bytes == former_bytes)
        return;
    add_change(file, SIM_CHANGE_TRUNCATE, size_bytes < former_bytes ? size_bytes : former_bytes,
               size_bytes < former_bytes ? former_bytes - size_bytes : 0)
        ->size_bytes = size_bytes;
    sim_bytes_resize(&file->seen, size_bytes);
}

/* A write makes its pages dirty as a whole, so that a sync brings to disk what was dropped there. */
static void refresh_stale(struct sim_file *file, const struct sim_change *change)
{
    const size_t first_page = change->offset / SIM_DISK_SECTOR_BYTES / PAGE_SECTORS;
    const size_t last_page =
        (change->offset + change->size_bytes - 1) / SIM_DISK_SECTOR_BYTES / PAGE_SECTORS;
    size_t kept = 0;

    for (size_t i = 0; i < file->stale_count; i++) {
        const size_t page = file->stale[i].sector / PAGE_SECTORS;

        if (page < first_page || page > last_page)
            file->stale[kept++] = file->stale[i];
    }
    file->stale_count = kept;
}

static void forget_changes(struct sim_file *file)
{
    file->change_count = 0;
    file->undo.size_bytes = 0;
    if (file->undo.capacity_bytes > UNDO_KEPT_BYTES)
        sim_bytes_release(&file->undo);
}

void sim_file_sync_name(struct sim_file *file)
{
    size_t first = file->change_count;

    while (first > 0 && file->changes[first - 1].kind != SIM_CHANGE_CREATE &&
           file->changes[first - 1].kind != SIM_CHANGE_DELETE)
        first--;
    if (first == 0)
        return;
    file->change_count -= first;
    memmove(file->changes, file->changes + first, file->change_count * sizeof(*file->changes));
    file->stale_count = 0; /* what it told of was another file, of the same name */
    if (file->change_count == 0)
        forget_changes(file);
}

void sim_file_sync(struct sim_file *file)
{
    bool is_new = false;

    for (size_t i = 0; i < file->change_count; i++)
        is_new = is_new || file->changes[i].kind == SIM_CHANGE_CREATE;
    if (is_new)
        sim_disk_sync_names(file->disk);
    for (size_t i = 0; i < file->change_count && file->stale_count > 0; i++) {
        switch (file->changes[i].kind) {
        case SIM_CHANGE_WRITE:
            refresh_stale(file, &file->changes[i]);
            break;
        case SIM_CHANGE_CREATE:
        case SIM_CHANGE_DELETE:
        case SIM_CHANGE_TRUNCATE:
            break;
        }
    }
    forget_changes(file);
}

void sim_file_settle(struct sim_file *file)
{
    forget_changes(file);
    file->stale_count = 0;
}

void sim_file_release(struct sim_file *file)
{
    sim_bytes_release(&file->seen);
    sim_bytes_release(&file->undo);
    free(file->changes);
    free(file->stale);
}
