/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/volume.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

enum {
    COLUMNS = 14,
    ATTRIBUTE_KIND = 0,
    ATTRIBUTE_STATE = 4,
    PERCENT = 100,
    ORDER_BYTES = 256, /* of a block that was taken up there is a note: one 256th of 4 KiB */
};

static int parse_percent(char *field, uint32_t *ret_percent, struct bl_error *err)
{
    uint64_t percent = 0;

    field[strcspn(field, ".")] = '\0';
    if (field[0] != '\0' && bl_text_to_u64(field, PERCENT, &percent, err) < 0)
        return bl_fail(err, -EBADMSG, "lvs printed a share that is none");
    *ret_percent = (uint32_t)percent;

    return 0;
}

/* "  vg|root|254|0|-wi-ao----|||/dev/mapper/vg-root||1572864000|104857600|4194304||" */
static int parse_line(struct agent_packages_memory *memory, char *line,
                      struct agent_snapshot_volume *ret_volume, struct bl_error *err)
{
    struct agent_snapshot_volume volume;
    char *fields[COLUMNS];
    char *at = line + strspn(line, " ");
    int r = 0;

    for (size_t i = 0; i < COLUMNS; i++) {
        fields[i] = strsep(&at, AGENT_SNAPSHOT_VOLUME_SEPARATOR);
        if (fields[i] == NULL)
            return bl_fail(err, -EBADMSG, "lvs printed fewer columns than it was asked for");
    }
    volume = (struct agent_snapshot_volume){.group = fields[0],
                                            .name = fields[1],
                                            .attributes = fields[4],
                                            .origin = fields[5],
                                            .pool = fields[6],
                                            .path = fields[7],
                                            .tags = fields[8]};
    if (at != NULL || strlen(volume.attributes) <= ATTRIBUTE_STATE)
        return bl_fail(err, -EBADMSG, "lvs printed other columns than it was asked for");
    r = agent_packages_memory_format(memory, &volume.device, err, "%s:%s", fields[2], fields[3]);
    if (r < 0 || (r = bl_text_to_u64(fields[9], UINT64_MAX, &volume.size_bytes, err)) < 0 ||
        (r = bl_text_to_u64(fields[10], UINT64_MAX, &volume.group_free_bytes, err)) < 0 ||
        (r = bl_text_to_u64(fields[11], UINT64_MAX, &volume.extent_bytes, err)) < 0)
        return r == -ENOMEM ? r : bl_fail(err, -EBADMSG, "lvs printed a size that is none");
    if ((r = parse_percent(fields[12], &volume.fill_percent, err)) < 0 ||
        (r = parse_percent(fields[13], &volume.metadata_percent, err)) < 0)
        return r;
    if (volume.extent_bytes == 0)
        return bl_fail(err, -EBADMSG, "a volume group with extents of no size");
    *ret_volume = volume;

    return 0;
}

int agent_snapshot_volume_parse(struct agent_packages_memory *memory, const char *text,
                                struct agent_snapshot_volumes *ret_volumes, struct bl_error *err)
{
    struct agent_snapshot_volumes volumes = {0};
    char *at, *line;
    void *writable;
    int r = agent_packages_memory_take(memory, strlen(text) + 1, &writable, err);

    if (r < 0)
        return r;
    memcpy(writable, text, strlen(text) + 1);
    at = writable;
    while ((line = strsep(&at, "\n")) != NULL) {
        void *place;

        if (strchr(line, AGENT_SNAPSHOT_VOLUME_SEPARATOR[0]) == NULL)
            continue;
        r = agent_packages_memory_append(memory, &volumes.list, volumes.count,
                                         sizeof(*volumes.list), &place, err);
        if (r < 0 || (r = parse_line(memory, line, place, err)) < 0)
            return r;
        volumes.count++;
    }
    *ret_volumes = volumes;

    return 0;
}

const struct agent_snapshot_volume *
agent_snapshot_volume_find(const struct agent_snapshot_volumes *volumes, const char *group,
                           const char *name)
{
    for (uint32_t i = 0; i < volumes->count; i++) {
        if (strcmp(volumes->list[i].group, group) == 0 && strcmp(volumes->list[i].name, name) == 0)
            return &volumes->list[i];
    }

    return NULL;
}

const struct agent_snapshot_volume *
agent_snapshot_volume_of(const struct agent_snapshot_volumes *volumes, const char *device)
{
    for (uint32_t i = 0; i < volumes->count; i++) {
        if (strcmp(volumes->list[i].device, device) == 0)
            return &volumes->list[i];
    }

    return NULL;
}

bool agent_snapshot_volume_is_thin(const struct agent_snapshot_volume *volume)
{
    return volume->attributes[ATTRIBUTE_KIND] == 'V';
}

bool agent_snapshot_volume_is_invalid(const struct agent_snapshot_volume *volume)
{
    return strchr("IS", volume->attributes[ATTRIBUTE_STATE]) != NULL ||
           (volume->attributes[ATTRIBUTE_KIND] == 's' && volume->fill_percent >= PERCENT);
}

bool agent_snapshot_volume_can_have_snapshot(const struct agent_snapshot_volume *volume)
{
    return strchr("sSOtevp", volume->attributes[ATTRIBUTE_KIND]) == NULL;
}

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* A snapshot that is as large as this can not run full. */
static uint64_t full_size(const struct agent_snapshot_volume *volume)
{
    return round_up(volume->size_bytes + volume->size_bytes / (ORDER_BYTES / 2),
                    volume->extent_bytes) +
           2 * volume->extent_bytes;
}

static uint64_t least_size(const struct agent_snapshot_volume *volume, uint64_t needed_bytes)
{
    uint64_t full = full_size(volume), needed = round_up(needed_bytes, volume->extent_bytes);

    return needed < full ? needed : full;
}

static const struct agent_snapshot_volume *
volume_of_place(const struct agent_snapshot_volumes *volumes,
                const struct agent_snapshot_place *place)
{
    return place->kind == AGENT_SNAPSHOT_LVM
               ? agent_snapshot_volume_find(volumes, place->group, place->volume)
               : NULL;
}

/* What the snapshots that share the room of one group, or of one pool, take at least; how many. */
struct need {
    uint64_t bytes;
    uint32_t count;
};

/* A share is cut off behind the point, so the pool may be one percent fuller than it says. */
static uint64_t pool_free(const struct agent_snapshot_volume *pool)
{
    return pool != NULL && pool->fill_percent < PERCENT
               ? pool->size_bytes / PERCENT * (PERCENT - pool->fill_percent - 1)
               : 0;
}

static int check_pool(const struct agent_snapshot_volumes *volumes,
                      const struct agent_snapshot_volume *volume, struct need need,
                      char ret_reason[AGENT_SNAPSHOT_REASON_BYTES])
{
    const struct agent_snapshot_volume *pool =
        agent_snapshot_volume_find(volumes, volume->group, volume->pool);

    if (pool_free(pool) < need.bytes) {
        (void)snprintf(ret_reason, AGENT_SNAPSHOT_REASON_BYTES,
                       "the thin pool %.64s/%.64s has %" PRIu64 " MiB free of %" PRIu64
                       " MiB that %" PRIu32 " snapshot(s) may come to take",
                       volume->group, volume->pool, pool_free(pool) >> 20, need.bytes >> 20,
                       need.count);
        return -ENOSPC;
    }
    if (pool != NULL && pool->metadata_percent >= AGENT_SNAPSHOT_POOL_PERCENT) {
        (void)snprintf(ret_reason, AGENT_SNAPSHOT_REASON_BYTES,
                       "the metadata of the thin pool %.64s/%.64s are %" PRIu32
                       " %% full; less than %d %% is needed",
                       volume->group, volume->pool, pool->metadata_percent,
                       AGENT_SNAPSHOT_POOL_PERCENT);
        return -ENOSPC;
    }

    return 0;
}

static bool share_room(const struct agent_snapshot_volume *one,
                       const struct agent_snapshot_volume *other)
{
    return strcmp(one->group, other->group) == 0 &&
           agent_snapshot_volume_is_thin(one) == agent_snapshot_volume_is_thin(other) &&
           (!agent_snapshot_volume_is_thin(one) || strcmp(one->pool, other->pool) == 0);
}

static struct need need_of(const struct agent_snapshot_volumes *volumes,
                           const struct agent_snapshot_place *places, uint32_t places_count,
                           const struct agent_snapshot_volume *of, uint64_t needed_bytes)
{
    struct need need = {0};

    for (uint32_t i = 0; i < places_count; i++) {
        const struct agent_snapshot_volume *volume = volume_of_place(volumes, &places[i]);

        if (volume == NULL || !share_room(volume, of))
            continue;
        need.bytes +=
            agent_snapshot_volume_is_thin(of) ? needed_bytes : least_size(volume, needed_bytes);
        need.count++;
    }

    return need;
}

int agent_snapshot_volume_sizes(const struct agent_snapshot_volumes *volumes,
                                const struct agent_snapshot_place *places, uint32_t places_count,
                                uint64_t needed_bytes, uint64_t *ret_sizes,
                                char ret_reason[AGENT_SNAPSHOT_REASON_BYTES])
{
    ret_reason[0] = '\0';
    for (uint32_t i = 0; i < places_count; i++) {
        const struct agent_snapshot_volume *volume = volume_of_place(volumes, &places[i]);
        struct need need;
        uint64_t spare, full;

        ret_sizes[i] = 0;
        if (volume == NULL)
            continue;
        need = need_of(volumes, places, places_count, volume, needed_bytes);
        if (agent_snapshot_volume_is_thin(volume)) {
            if (check_pool(volumes, volume, need, ret_reason) < 0)
                return -ENOSPC;
            continue;
        }
        if (need.bytes > volume->group_free_bytes) {
            (void)snprintf(ret_reason, AGENT_SNAPSHOT_REASON_BYTES,
                           "the volume group %.100s has %" PRIu64 " MiB free of %" PRIu64
                           " MiB that %" PRIu32 " snapshot(s) may come to take",
                           volume->group, volume->group_free_bytes >> 20, need.bytes >> 20,
                           need.count);
            return -ENOSPC;
        }
        spare = (volume->group_free_bytes - need.bytes) / 2 / need.count / volume->extent_bytes *
                volume->extent_bytes;
        full = full_size(volume);
        ret_sizes[i] = least_size(volume, needed_bytes) + spare;
        if (ret_sizes[i] > full)
            ret_sizes[i] = full;
    }

    return 0;
}

uint64_t agent_snapshot_volume_extension(const struct agent_snapshot_volume *snapshot)
{
    uint64_t half = round_up(snapshot->size_bytes / 2, snapshot->extent_bytes);
    uint64_t free_bytes =
        snapshot->group_free_bytes / snapshot->extent_bytes * snapshot->extent_bytes;

    if (agent_snapshot_volume_is_thin(snapshot) || agent_snapshot_volume_is_invalid(snapshot) ||
        snapshot->fill_percent < AGENT_SNAPSHOT_FILL_PERCENT)
        return 0;

    return half < free_bytes ? half : free_bytes;
}

bool agent_snapshot_volume_pool_is_nearly_full(const struct agent_snapshot_volume *pool)
{
    return pool->fill_percent >= AGENT_SNAPSHOT_POOL_PERCENT ||
           pool->metadata_percent >= AGENT_SNAPSHOT_POOL_PERCENT;
}
