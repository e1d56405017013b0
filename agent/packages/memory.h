/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_MEMORY_H
#define AGENT_PACKAGES_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Memory of one phase: taken piece by piece, given back at once. Everything a phase reports points
 * into it, so nobody has to ask who owns which text. Zero it before use.
 */
struct agent_packages_memory {
    struct agent_packages_block *blocks;
};

void agent_packages_memory_release(struct agent_packages_memory *memory);
#define AGENT_PACKAGES_AUTO_MEMORY \
    BL_CLEANUP(agent_packages_memory_release) struct agent_packages_memory

/* Zeroed and aligned for any type. */
int agent_packages_memory_take(struct agent_packages_memory *memory, size_t size_bytes,
                               void **ret_memory, struct bl_error *err) BL_CHECKED;

/* The first `length` bytes of `text` as a text of its own. */
int agent_packages_memory_copy(struct agent_packages_memory *memory, const char *text,
                               size_t length, const char **ret_text, struct bl_error *err)
    BL_CHECKED;

int agent_packages_memory_format(struct agent_packages_memory *memory, const char **ret_text,
                                 struct bl_error *err, const char *fmt, ...) BL_PRINTF(4, 5)
    BL_CHECKED;

/*
 * Foreign bytes as one clean line of at most `size_bytes_max` bytes, fit for a report
 * (common/text.h, bl_text_escape).
 */
int agent_packages_memory_escape(struct agent_packages_memory *memory, const char *text,
                                 size_t size_bytes_max, const char **ret_text, struct bl_error *err)
    BL_CHECKED;

/*
 * Makes room for one more item behind `count` items and hands out its zeroed place. `*items` may
 * move; `count` is the caller's to raise. Only for lists that grow by this call alone.
 */
int agent_packages_memory_append(struct agent_packages_memory *memory, void *items_pointer,
                                 uint32_t count, size_t item_bytes, void **ret_item,
                                 struct bl_error *err) BL_CHECKED;

#endif
