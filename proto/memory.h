/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_MEMORY_H
#define PROTO_MEMORY_H

#include "proto/schema.h"

/* How the arena and the buffer of proto/schema.h grow; for proto/ itself. */

/* Lets one more decoding of `input_bytes` take 1 MiB + 4 x input on top of what is used. */
void proto_arena_allow(struct proto_arena *arena, size_t input_bytes);

/* Zeroed, aligned memory that lives as long as the arena. -EBADMSG above the allowance, -ENOMEM. */
int proto_arena_take(struct proto_arena *arena, size_t size_bytes, void **ret_memory,
                     struct bl_error *err) BL_CHECKED;

int proto_buffer_append(struct proto_buffer *buffer, const void *data, size_t size_bytes,
                        struct bl_error *err) BL_CHECKED;

#endif
