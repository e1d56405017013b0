/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/schema.h"

#include <errno.h>
#include <msgpack.h>
#include <string.h>

#include "common/text.h"
#include "proto/memory.h"
#include "proto/reader.h"

/*
 * Encoder and decoder walk the tables of a schema; they recurse only as deep as the tables nest.
 * Values move with memcpy, since a table knows a field's place but not its C type.
 */

static const void *value_in(const void *record, size_t offset)
{
    return (const uint8_t *)record + offset;
}

static void *place_in(void *record, size_t offset)
{
    return (uint8_t *)record + offset;
}

/* What both directions demand of a text; so what one host can send another can read. */
static int check_text(const struct proto_field *field, const void *text, size_t size_bytes,
                      int code, struct bl_error *err)
{
    if (size_bytes == 0 && !field->optional)
        return bl_fail(err, code, "is empty");
    if (size_bytes > field->limit)
        return bl_fail(err, code, "is %zu bytes long, allowed are %u", size_bytes, field->limit);
    if (!bl_text_is_clean(text, size_bytes))
        return bl_fail(err, code, "is not UTF-8 text without control characters");

    return 0;
}

static int check_u64(const struct proto_field *field, uint64_t value, int code,
                     struct bl_error *err)
{
    if (field->limit != 0 && value > field->limit) {
        return bl_fail(err, code, "is %llu, allowed are at most %u", (unsigned long long)value,
                       field->limit);
    }

    return 0;
}

static int check_enum(const struct proto_field *field, uint64_t value, int code,
                      struct bl_error *err)
{
    if (value > field->limit || (value == 0 && !field->optional))
        return bl_fail(err, code, "is %llu, which means nothing", (unsigned long long)value);

    return 0;
}

/* ---- encode ---- */

struct encoder {
    msgpack_packer packer;
    struct proto_buffer *buffer;
    struct bl_error *err; /* of the append that failed */
};

/* msgpack-c's callback: below 0 makes the packing function return it. */
static int pack_into_buffer(void *data, const char *bytes, size_t size_bytes)
{
    struct encoder *encoder = data;

    return proto_buffer_append(encoder->buffer, bytes, size_bytes, encoder->err);
}

static int encode_record(struct encoder *encoder, const struct proto_schema *schema,
                         const void *record, struct bl_error *err);

static int encode_text(struct encoder *encoder, const struct proto_field *field, const void *value,
                       struct bl_error *err)
{
    const char *text;
    size_t size_bytes;
    int r;

    memcpy(&text, value, sizeof(text));
    if (text == NULL)
        text = "";
    size_bytes = strnlen(text, (size_t)field->limit + 1);
    r = check_text(field, text, size_bytes, -EINVAL, err);
    if (r < 0)
        return r;

    return msgpack_pack_str_with_body(&encoder->packer, text, size_bytes);
}

static int encode_list(struct encoder *encoder, const struct proto_field *field, const void *record,
                       struct bl_error *err)
{
    const uint8_t *items;
    uint32_t count;
    int r;

    memcpy(&items, value_in(record, field->offset), sizeof(items));
    memcpy(&count, value_in(record, field->count_offset), sizeof(count));
    if (count > field->limit)
        return bl_fail(err, -EINVAL, "has %u items, allowed are %u", count, field->limit);

    r = msgpack_pack_array(&encoder->packer, count);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < count; i++) {
        r = encode_record(encoder, field->item, items + i * field->item->struct_bytes, err);
        if (r < 0)
            return bl_wrap(err, "[%u]", i);
    }

    return 0;
}

static int encode_number(struct encoder *encoder, const struct proto_field *field,
                         const void *value, struct bl_error *err)
{
    uint64_t number = 0;
    uint32_t word;
    int r;

    if (field->type == PROTO_ENUM) {
        memcpy(&word, value, sizeof(word));
        number = word;
        r = check_enum(field, number, -EINVAL, err);
    } else {
        memcpy(&number, value, sizeof(number));
        r = check_u64(field, number, -EINVAL, err);
    }
    if (r < 0)
        return r;

    return msgpack_pack_uint64(&encoder->packer, number);
}

static int encode_field(struct encoder *encoder, const struct proto_field *field,
                        const void *record, struct bl_error *err)
{
    const void *value = value_in(record, field->offset);
    struct proto_bytes bytes;
    int64_t number;
    bool flag;

    switch (field->type) {
    case PROTO_U64:
    case PROTO_ENUM:
        return encode_number(encoder, field, value, err);
    case PROTO_I64:
        memcpy(&number, value, sizeof(number));
        return msgpack_pack_int64(&encoder->packer, number);
    case PROTO_BOOL:
        memcpy(&flag, value, sizeof(flag));
        return flag ? msgpack_pack_true(&encoder->packer) : msgpack_pack_false(&encoder->packer);
    case PROTO_TEXT:
        return encode_text(encoder, field, value, err);
    case PROTO_BYTES:
        memcpy(&bytes, value, sizeof(bytes));
        if (bytes.size_bytes > field->limit) {
            return bl_fail(err, -EINVAL, "is %zu bytes long, allowed are %u", bytes.size_bytes,
                           field->limit);
        }
        return msgpack_pack_bin_with_body(&encoder->packer, bytes.data, bytes.size_bytes);
    case PROTO_FIXED:
        return msgpack_pack_bin_with_body(&encoder->packer, value, field->limit);
    case PROTO_LIST:
        return encode_list(encoder, field, record, err);
    }
    BL_ASSERT(field->type == PROTO_LIST); /* a table of ours is wrong */

    return 0;
}

static int encode_record(struct encoder *encoder, const struct proto_schema *schema,
                         const void *record, struct bl_error *err)
{
    int r;

    r = msgpack_pack_array(&encoder->packer, schema->field_count);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        r = encode_field(encoder, &schema->fields[i], record, err);
        if (r < 0)
            return bl_wrap(err, "%s", schema->fields[i].name);
    }

    return 0;
}

int proto_encode(const struct proto_schema *schema, const void *record, struct proto_buffer *buffer,
                 struct bl_error *err)
{
    struct encoder encoder = {.buffer = buffer, .err = err};
    size_t former_bytes = buffer->size_bytes;
    int r;

    msgpack_packer_init(&encoder.packer, &encoder, pack_into_buffer);
    r = encode_record(&encoder, schema, record, err);
    if (r < 0) {
        buffer->size_bytes = former_bytes;
        return bl_wrap(err, "%s", schema->name);
    }

    return 0;
}

/* ---- decode ---- */

struct decoder {
    struct proto_reader reader;
    struct proto_arena *arena;
};

static int decode_record(struct decoder *decoder, const struct proto_schema *schema, void *record,
                         struct bl_error *err);

static int decode_text(struct decoder *decoder, const struct proto_field *field, void *place,
                       struct bl_error *err)
{
    const uint8_t *data;
    uint32_t size_bytes;
    void *copy;
    int r;

    r = proto_reader_text(&decoder->reader, &data, &size_bytes, err);
    if (r < 0)
        return r;
    r = check_text(field, data, size_bytes, -EBADMSG, err);
    if (r < 0)
        return r;
    r = proto_arena_take(decoder->arena, (size_t)size_bytes + 1, &copy, err);
    if (r < 0)
        return r;
    memcpy(copy, data, size_bytes); /* taken memory is zeroed: the NUL is there */
    memcpy(place, &copy, sizeof(copy));

    return 0;
}

static int decode_bytes(struct decoder *decoder, const struct proto_field *field, void *place,
                        struct bl_error *err)
{
    struct proto_bytes bytes;
    const uint8_t *data;
    uint32_t size_bytes;
    void *copy;
    int r;

    r = proto_reader_bytes(&decoder->reader, &data, &size_bytes, err);
    if (r < 0)
        return r;
    if (field->type == PROTO_FIXED) {
        if (size_bytes != field->limit) {
            return bl_fail(err, -EBADMSG, "is %u bytes long instead of %u", size_bytes,
                           field->limit);
        }
        memcpy(place, data, size_bytes);
        return 0;
    }
    if (size_bytes > field->limit)
        return bl_fail(err, -EBADMSG, "is %u bytes long, allowed are %u", size_bytes, field->limit);

    r = proto_arena_take(decoder->arena, size_bytes, &copy, err);
    if (r < 0)
        return r;
    memcpy(copy, data, size_bytes);
    bytes = (struct proto_bytes){.data = copy, .size_bytes = size_bytes};
    memcpy(place, &bytes, sizeof(bytes));

    return 0;
}

/* The fewest bytes that a record of this schema can have: what a list's header must be worth. */
static size_t record_bytes_min(const struct proto_schema *schema)
{
    size_t bytes_min = 1;

    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct proto_field *field = &schema->fields[i];

        if (field->type == PROTO_FIXED) {
            bytes_min += 2 + (size_t)field->limit;
        } else if (field->type == PROTO_BYTES || (field->type == PROTO_TEXT && !field->optional)) {
            bytes_min += 2;
        } else {
            bytes_min += 1;
        }
    }

    return bytes_min;
}

static int decode_list(struct decoder *decoder, const struct proto_field *field, void *record,
                       struct bl_error *err)
{
    uint32_t count;
    void *items;
    int r;

    r = proto_reader_array(&decoder->reader, &count, err);
    if (r < 0)
        return r;
    if (count > field->limit)
        return bl_fail(err, -EBADMSG, "has %u items, allowed are %u", count, field->limit);
    if (count * record_bytes_min(field->item) > decoder->reader.left_bytes) {
        return bl_fail(err, -EBADMSG, "ends early: %zu bytes left for %u items",
                       decoder->reader.left_bytes, count);
    }

    r = proto_arena_take(decoder->arena, count * field->item->struct_bytes, &items, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < count; i++) {
        r = decode_record(decoder, field->item,
                          place_in(items, (size_t)i * field->item->struct_bytes), err);
        if (r < 0)
            return bl_wrap(err, "[%u]", i);
    }
    memcpy(place_in(record, field->offset), &items, sizeof(items));
    memcpy(place_in(record, field->count_offset), &count, sizeof(count));

    return 0;
}

static int decode_number(struct decoder *decoder, const struct proto_field *field, void *place,
                         struct bl_error *err)
{
    uint64_t number;
    uint32_t word;
    int r;

    r = proto_reader_u64(&decoder->reader, &number, err);
    if (r < 0)
        return r;
    if (field->type == PROTO_ENUM) {
        r = check_enum(field, number, -EBADMSG, err);
        if (r < 0)
            return r;
        word = (uint32_t)number;
        memcpy(place, &word, sizeof(word));
        return 0;
    }

    r = check_u64(field, number, -EBADMSG, err);
    if (r < 0)
        return r;
    memcpy(place, &number, sizeof(number));

    return 0;
}

static int decode_field(struct decoder *decoder, const struct proto_field *field, void *record,
                        struct bl_error *err)
{
    void *place = place_in(record, field->offset);

    switch (field->type) {
    case PROTO_U64:
    case PROTO_ENUM:
        return decode_number(decoder, field, place, err);
    case PROTO_I64:
        return proto_reader_i64(&decoder->reader, place, err);
    case PROTO_BOOL:
        return proto_reader_bool(&decoder->reader, place, err);
    case PROTO_TEXT:
        return decode_text(decoder, field, place, err);
    case PROTO_BYTES:
    case PROTO_FIXED:
        return decode_bytes(decoder, field, place, err);
    case PROTO_LIST:
        return decode_list(decoder, field, record, err);
    }
    BL_ASSERT(field->type == PROTO_LIST); /* a table of ours is wrong */

    return 0;
}

static int decode_record(struct decoder *decoder, const struct proto_schema *schema, void *record,
                         struct bl_error *err)
{
    uint32_t count;
    int r;

    r = proto_reader_array(&decoder->reader, &count, err);
    if (r < 0)
        return r;
    if (count != schema->field_count)
        return bl_fail(err, -EBADMSG, "%u fields instead of %u", count, schema->field_count);
    for (uint32_t i = 0; i < count; i++) {
        r = decode_field(decoder, &schema->fields[i], record, err);
        if (r < 0)
            return bl_wrap(err, "%s", schema->fields[i].name);
    }

    return 0;
}

int proto_decode(const struct proto_schema *schema, const void *data, size_t size_bytes,
                 struct proto_arena *arena, void *ret_record, struct bl_error *err)
{
    struct decoder decoder = {.reader = {.data = data, .left_bytes = size_bytes}, .arena = arena};
    void *record;
    int r;

    proto_arena_allow(arena, size_bytes);
    r = proto_arena_take(arena, schema->struct_bytes, &record, err);
    if (r < 0)
        return bl_wrap(err, "%s", schema->name);
    r = decode_record(&decoder, schema, record, err);
    if (r < 0)
        return bl_wrap(err, "%s", schema->name);
    if (decoder.reader.left_bytes != 0) {
        return bl_fail(err, -EBADMSG, "%s: %zu bytes too many", schema->name,
                       decoder.reader.left_bytes);
    }

    memcpy(ret_record, record, schema->struct_bytes);

    return 0;
}
