/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_READER_H
#define PROTO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Reads the few msgpack forms that belay has, strictly: a value in any other than its shortest form
 * is refused, a length is compared with what is left before anything relies on it. It takes no
 * memory; texts and bytes point into the input. msgpack-c's own reader is not used on foreign
 * bytes, since it takes memory by what a header claims.
 *
 * All return -EBADMSG with a reason; the reader is then of no further use.
 */
struct proto_reader {
    const uint8_t *data; /* borrowed */
    size_t left_bytes;
};

int proto_reader_u64(struct proto_reader *reader, uint64_t *ret_value, struct bl_error *err)
    BL_CHECKED;
int proto_reader_i64(struct proto_reader *reader, int64_t *ret_value, struct bl_error *err)
    BL_CHECKED;
int proto_reader_bool(struct proto_reader *reader, bool *ret_value, struct bl_error *err)
    BL_CHECKED;
/* The number of items that follow; the caller compares it with its limit before taking memory. */
int proto_reader_array(struct proto_reader *reader, uint32_t *ret_count, struct bl_error *err)
    BL_CHECKED;
int proto_reader_text(struct proto_reader *reader, const uint8_t **ret_data, uint32_t *ret_bytes,
                      struct bl_error *err) BL_CHECKED;
int proto_reader_bytes(struct proto_reader *reader, const uint8_t **ret_data, uint32_t *ret_bytes,
                       struct bl_error *err) BL_CHECKED;

#endif
