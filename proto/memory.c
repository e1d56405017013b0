/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memory.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_BYTES_MIN = 4096
};

struct proto_arena_block {
    struct proto_arena_block *next;
    size_t size_bytes; /* of data */
    size_t used_bytes; /* of data */
    alignas(max_align_t) uint8_t data[];
};

void proto_arena_release(struct proto_arena *arena)
{
    while (arena->blocks != NULL) {
        struct proto_arena_block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
    *arena = (struct proto_arena){0};
}

void proto_arena_allow(struct proto_arena *arena, size_t input_bytes)
{
    arena->bytes_max = arena->used_bytes + (size_t)1024 * 1024 + 4 * input_bytes;
}

static int add_block(struct proto_arena *arena, size_t size_bytes, struct bl_error *err)
{
    size_t data_bytes = size_bytes > BLOCK_BYTES_MIN ? size_bytes : BLOCK_BYTES_MIN;
    size_t whole_bytes = sizeof(struct proto_arena_block) + data_bytes;
    struct proto_arena_block *block;

    if (whole_bytes > arena->bytes_max - arena->used_bytes)
        return bl_fail(err, -EBADMSG, "would take more than %zu bytes of memory", arena->bytes_max);

    block = calloc(1, whole_bytes);
    if (block == NULL)
        return bl_fail(err, -ENOMEM, "no memory for %zu bytes", whole_bytes);
    block->size_bytes = data_bytes;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->used_bytes += whole_bytes;

    return 0;
}

int proto_arena_take(struct proto_arena *arena, size_t size_bytes, void **ret_memory,
                     struct bl_error *err)
{
    size_t rounded_bytes = (size_bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct proto_arena_block *block = arena->blocks;
    int r;

    BL_ASSERT(rounded_bytes >= size_bytes);

    if (block == NULL || rounded_bytes > block->size_bytes - block->used_bytes) {
        r = add_block(arena, rounded_bytes, err);
        if (r < 0)
            return r;
        block = arena->blocks;
    }
    *ret_memory = block->data + block->used_bytes;
    block->used_bytes += rounded_bytes;

    return 0;
}

void proto_buffer_release(struct proto_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct proto_buffer){0};
}

int proto_buffer_append(struct proto_buffer *buffer, const void *data, size_t size_bytes,
                        struct bl_error *err)
{
    size_t needed_bytes = buffer->size_bytes + size_bytes;

    BL_ASSERT(needed_bytes >= size_bytes);

    if (needed_bytes > buffer->capacity_bytes) {
        size_t capacity_bytes = needed_bytes < 256 ? 256 : needed_bytes + needed_bytes / 2;
        uint8_t *grown = realloc(buffer->data, capacity_bytes);

        if (grown == NULL)
            return bl_fail(err, -ENOMEM, "no memory for %zu bytes", capacity_bytes);
        buffer->data = grown;
        buffer->capacity_bytes = capacity_bytes;
    }
    if (size_bytes > 0)
        memcpy(buffer->data + buffer->size_bytes, data, size_bytes);
    buffer->size_bytes = needed_bytes;

    return 0;
}
