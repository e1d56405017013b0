/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

struct agent_packages_block {
    struct agent_packages_block *next;
    size_t used_bytes, size_bytes;
    max_align_t data[];
};

enum {
    BLOCK_BYTES = 64 * 1024,
    ESCAPED_BYTES_MAX = 1024,
};

void agent_packages_memory_release(struct agent_packages_memory *memory)
{
    struct agent_packages_block *block = memory->blocks;

    while (block != NULL) {
        struct agent_packages_block *next = block->next;

        free(block);
        block = next;
    }
    memory->blocks = NULL;
}

int agent_packages_memory_take(struct agent_packages_memory *memory, size_t size_bytes,
                               void **ret_memory, struct bl_error *err)
{
    struct agent_packages_block *block = memory->blocks;
    size_t rest = size_bytes % sizeof(max_align_t);
    size_t wanted_bytes = size_bytes + (rest == 0 ? 0 : sizeof(max_align_t) - rest);

    if (wanted_bytes < size_bytes) {
        (void)bl_fail(err, -EMSGSIZE, "more memory wanted than there can be");
        return -EMSGSIZE;
    }
    if (block == NULL || block->size_bytes - block->used_bytes < wanted_bytes) {
        size_t block_bytes = wanted_bytes > BLOCK_BYTES ? wanted_bytes : BLOCK_BYTES;

        block = calloc(1, sizeof(*block) + block_bytes);
        if (block == NULL) {
            (void)bl_fail(err, -ENOMEM, "no memory for %zu bytes", size_bytes);
            return -ENOMEM;
        }
        block->size_bytes = block_bytes;
        block->next = memory->blocks;
        memory->blocks = block;
    }

    *ret_memory = (uint8_t *)block->data + block->used_bytes;
    block->used_bytes += wanted_bytes;

    return 0;
}

int agent_packages_memory_copy(struct agent_packages_memory *memory, const char *text,
                               size_t length, const char **ret_text, struct bl_error *err)
{
    void *copy = NULL;
    int r;

    r = agent_packages_memory_take(memory, length + 1, &copy, err);
    if (r < 0)
        return r;
    memcpy(copy, text, length);
    *ret_text = copy;

    return 0;
}

int agent_packages_memory_format(struct agent_packages_memory *memory, const char **ret_text,
                                 struct bl_error *err, const char *fmt, ...)
{
    va_list args;
    void *text = NULL;
    int length, r;

    va_start(args, fmt);
    length = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (length < 0)
        return bl_fail(err, -EINVAL, "a text that cannot be formatted");

    r = agent_packages_memory_take(memory, (size_t)length + 1, &text, err);
    if (r < 0)
        return r;
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)length + 1, fmt, args);
    va_end(args);
    *ret_text = text;

    return 0;
}

int agent_packages_memory_escape(struct agent_packages_memory *memory, const char *text,
                                 size_t size_bytes_max, const char **ret_text, struct bl_error *err)
{
    char clean[ESCAPED_BYTES_MAX];

    BL_ASSERT(size_bytes_max < sizeof(clean));

    bl_text_escape(clean, size_bytes_max + 1, text, strlen(text));

    return agent_packages_memory_copy(memory, clean, strlen(clean), ret_text, err);
}

int agent_packages_memory_append(struct agent_packages_memory *memory, void *items_pointer,
                                 uint32_t count, size_t item_bytes, void **ret_item,
                                 struct bl_error *err)
{
    void *items;
    int r;

    memcpy(&items, items_pointer, sizeof(items));

    /* Full whenever the count is a power of two: room is always taken for the next one. */
    if ((count & (count - 1)) == 0 && count >= UINT32_MAX / 2)
        return bl_fail(err, -EMSGSIZE, "a list with too many items");
    if ((count & (count - 1)) == 0) {
        void *larger = NULL;

        r = agent_packages_memory_take(memory, (count == 0 ? 1 : 2 * (size_t)count) * item_bytes,
                                       &larger, err);
        if (r < 0)
            return r;
        if (count > 0)
            memcpy(larger, items, count * item_bytes);
        items = larger;
        memcpy(items_pointer, &items, sizeof(items));
    }
    *ret_item = (uint8_t *)items + count * item_bytes;

    return 0;
}
