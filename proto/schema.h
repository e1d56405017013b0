/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_SCHEMA_H
#define PROTO_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * A record is a C struct and a table that describes it; encoder, decoder and tests walk the same
 * table. On the wire a record is a msgpack array of fixed length, its fields in table order, in
 * canonical form: shortest integers, no trailing bytes, valid UTF-8 without control characters
 * (newline and tab excepted), every length checked against its limit before memory is taken.
 * There is one encoding of a value, so the signed bytes can be compared and never re-made.
 */
enum proto_type {
    PROTO_U64 = 1, /* uint64_t; limit: largest value, 0 = none */
    PROTO_I64,     /* int64_t */
    PROTO_BOOL,    /* bool */
    PROTO_ENUM,    /* uint32_t, 1..limit; 0 is never valid on the wire unless `optional` */
    PROTO_TEXT,    /* const char *; limit: bytes without the NUL; NULL encodes as "" */
    PROTO_BYTES,   /* struct proto_bytes; limit: bytes */
    PROTO_FIXED,   /* uint8_t[limit] inside the struct; always exactly limit bytes */
    PROTO_LIST,    /* T *items and uint32_t count; limit: items; item: their schema */
};

struct proto_bytes {
    const uint8_t *data;
    size_t size_bytes;
};

struct proto_schema;

struct proto_field {
    const char *name;
    enum proto_type type;
    bool optional;                   /* ENUM: 0 allowed; TEXT: may be empty */
    uint32_t limit;                  /* see proto_type */
    size_t offset;                   /* of the value; for LIST of the items pointer */
    size_t count_offset;             /* LIST only */
    const struct proto_schema *item; /* LIST only */
};

struct proto_schema {
    const char *name;
    const struct proto_field *fields;
    uint32_t field_count;
    size_t struct_bytes;
};

/* Memory of one decoded record: a chain of blocks, bounded, freed at once. Zero it before use. */
struct proto_arena {
    struct proto_arena_block *blocks;
    size_t used_bytes; /* sum over all blocks */
    size_t bytes_max;  /* each decoding may take 1 MiB + 4 x its input on top of what is used */
};

void proto_arena_release(struct proto_arena *arena);
#define PROTO_AUTO_ARENA BL_CLEANUP(proto_arena_release) struct proto_arena

/* Growing output. Zero it before use; `data` is malloc'd and owned by the buffer. */
struct proto_buffer {
    uint8_t *data;
    size_t size_bytes;
    size_t capacity_bytes;
};

void proto_buffer_release(struct proto_buffer *buffer);
#define PROTO_AUTO_BUFFER BL_CLEANUP(proto_buffer_release) struct proto_buffer

/*
 * Appends the encoding of `record` to `buffer`. -EINVAL names the field that breaks its limit
 * (then nothing was appended); -ENOMEM.
 */
int proto_encode(const struct proto_schema *schema, const void *record, struct proto_buffer *buffer,
                 struct bl_error *err) BL_CHECKED;

/*
 * Decodes exactly one record that fills `data` to its last byte. Texts, bytes and lists are copied
 * into `arena`, so `data` may go away. -EBADMSG names the record and field; then *ret_record is
 * untouched and the arena holds only garbage to release.
 */
int proto_decode(const struct proto_schema *schema, const void *data, size_t size_bytes,
                 struct proto_arena *arena, void *ret_record, struct bl_error *err) BL_CHECKED;

/* One line per table row, to build tables with. T is the struct's type. */
#define PROTO_FIELD_U64(T, f)                            \
    {                                                    \
#f, PROTO_U64, false, 0, offsetof(T, f), 0, NULL \
    }
#define PROTO_FIELD_U64_MAX(T, f, max)                       \
    {                                                        \
#f, PROTO_U64, false, (max), offsetof(T, f), 0, NULL \
    }
#define PROTO_FIELD_I64(T, f)                            \
    {                                                    \
#f, PROTO_I64, false, 0, offsetof(T, f), 0, NULL \
    }
#define PROTO_FIELD_BOOL(T, f)                            \
    {                                                     \
#f, PROTO_BOOL, false, 0, offsetof(T, f), 0, NULL \
    }
#define PROTO_FIELD_ENUM(T, f, last)                           \
    {                                                          \
#f, PROTO_ENUM, false, (last), offsetof(T, f), 0, NULL \
    }
#define PROTO_FIELD_ENUM_OPT(T, f, last)                      \
    {                                                         \
#f, PROTO_ENUM, true, (last), offsetof(T, f), 0, NULL \
    }
#define PROTO_FIELD_TEXT(T, f, max)                           \
    {                                                         \
#f, PROTO_TEXT, false, (max), offsetof(T, f), 0, NULL \
    }
#define PROTO_FIELD_TEXT_OPT(T, f, max)                      \
    {                                                        \
#f, PROTO_TEXT, true, (max), offsetof(T, f), 0, NULL \
    }
#define PROTO_FIELD_BYTES(T, f, max)                          \
    {                                                         \
#f, PROTO_BYTES, true, (max), offsetof(T, f), 0, NULL \
    }
#define PROTO_FIELD_FIXED(T, f)                                              \
    {                                                                        \
#f, PROTO_FIXED, false, sizeof(((T *)0)->f), offsetof(T, f), 0, NULL \
    }
#define PROTO_FIELD_LIST(T, f, max, it)                                           \
    {                                                                             \
#f, PROTO_LIST, true, (max), offsetof(T, f), offsetof(T, f##_count), (it) \
    }
/* The name is the struct's without "struct proto_"; what a short macro stands for has none. */
#define PROTO_SCHEMA(T, rows)                                                              \
    {                                                                                      \
        &#T[sizeof(#T) > 13 ? 13 : 0], (rows), sizeof(rows) / sizeof((rows)[0]), sizeof(T) \
    }

#endif
