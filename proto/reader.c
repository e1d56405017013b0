/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/reader.h"

#include <errno.h>

/* First bytes of the msgpack forms that are understood; everything else is refused. */
enum {
    FIX_POSITIVE_LAST = 0x7f,
    FIX_ARRAY = 0x90,
    FIX_TEXT = 0xa0,
    FALSE_TAG = 0xc2,
    TRUE_TAG = 0xc3,
    BYTES_8 = 0xc4,
    UNSIGNED_8 = 0xcc,
    SIGNED_8 = 0xd0,
    TEXT_8 = 0xd9,
    ARRAY_16 = 0xdc,
    FIX_NEGATIVE = 0xe0,
};

static int take(struct proto_reader *reader, size_t size_bytes, const uint8_t **ret_data,
                struct bl_error *err)
{
    if (reader->left_bytes < size_bytes) {
        return bl_fail(err, -EBADMSG, "ends early: %zu bytes left of %zu", reader->left_bytes,
                       size_bytes);
    }

    *ret_data = reader->data;
    reader->data += size_bytes;
    reader->left_bytes -= size_bytes;

    return 0;
}

static int take_tag(struct proto_reader *reader, uint8_t *ret_tag, struct bl_error *err)
{
    const uint8_t *data;
    int r;

    r = take(reader, 1, &data, err);
    if (r < 0)
        return r;
    *ret_tag = data[0];

    return 0;
}

/* A big-endian number of 1 << width_log2 bytes that no shorter form could have held. */
static int take_number(struct proto_reader *reader, unsigned width_log2, uint64_t value_min,
                       uint64_t *ret_value, struct bl_error *err)
{
    size_t width_bytes = (size_t)1 << width_log2;
    uint64_t value = 0;
    const uint8_t *data;
    int r;

    r = take(reader, width_bytes, &data, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < width_bytes; i++)
        value = value << 8 | data[i];
    if (value < value_min)
        return bl_fail(err, -EBADMSG, "number not in its shortest form");
    *ret_value = value;

    return 0;
}

/* The least value that needs 1 << width_log2 bytes; `first` is the least that needs one byte. */
static uint64_t least_for(unsigned width_log2, uint64_t first)
{
    return width_log2 == 0 ? first : UINT64_C(1) << (8 << (width_log2 - 1));
}

static int unsigned_after(struct proto_reader *reader, uint8_t tag, uint64_t *ret_value,
                          struct bl_error *err)
{
    if (tag <= FIX_POSITIVE_LAST) {
        *ret_value = tag;
        return 0;
    }
    if (tag >= UNSIGNED_8 && tag < UNSIGNED_8 + 4) {
        unsigned width_log2 = (unsigned)tag - UNSIGNED_8;

        return take_number(reader, width_log2, least_for(width_log2, FIX_POSITIVE_LAST + 1),
                           ret_value, err);
    }

    return bl_fail(err, -EBADMSG, "byte 0x%02x where a number belongs", (unsigned)tag);
}

int proto_reader_u64(struct proto_reader *reader, uint64_t *ret_value, struct bl_error *err)
{
    uint8_t tag;
    int r;

    r = take_tag(reader, &tag, err);
    if (r < 0)
        return r;

    return unsigned_after(reader, tag, ret_value, err);
}

static int negative_after(struct proto_reader *reader, unsigned width_log2, int64_t *ret_value,
                          struct bl_error *err)
{
    static const int64_t above[] = {-32, INT8_MIN, INT16_MIN, INT32_MIN};
    unsigned unused_bits = 64 - (8U << width_log2);
    uint64_t value;
    int64_t extended;
    int r;

    r = take_number(reader, width_log2, 0, &value, err);
    if (r < 0)
        return r;
    /* gcc and clang define the conversion as modular and the right shift as arithmetic. */
    extended = (int64_t)(value << unused_bits) >> unused_bits;
    if (extended >= above[width_log2])
        return bl_fail(err, -EBADMSG, "number not in its shortest form");
    *ret_value = extended;

    return 0;
}

int proto_reader_i64(struct proto_reader *reader, int64_t *ret_value, struct bl_error *err)
{
    uint64_t value;
    uint8_t tag;
    int r;

    r = take_tag(reader, &tag, err);
    if (r < 0)
        return r;
    if (tag >= FIX_NEGATIVE) {
        *ret_value = (int64_t)tag - 256;
        return 0;
    }
    if (tag >= SIGNED_8 && tag < SIGNED_8 + 4)
        return negative_after(reader, (unsigned)tag - SIGNED_8, ret_value, err);

    r = unsigned_after(reader, tag, &value, err);
    if (r < 0)
        return r;
    if (value > INT64_MAX)
        return bl_fail(err, -EBADMSG, "number too large");
    *ret_value = (int64_t)value;

    return 0;
}

int proto_reader_bool(struct proto_reader *reader, bool *ret_value, struct bl_error *err)
{
    uint8_t tag;
    int r;

    r = take_tag(reader, &tag, err);
    if (r < 0)
        return r;
    if (tag != FALSE_TAG && tag != TRUE_TAG)
        return bl_fail(err, -EBADMSG, "byte 0x%02x where true or false belongs", (unsigned)tag);
    *ret_value = tag == TRUE_TAG;

    return 0;
}

int proto_reader_array(struct proto_reader *reader, uint32_t *ret_count, struct bl_error *err)
{
    uint64_t count;
    uint8_t tag;
    int r;

    r = take_tag(reader, &tag, err);
    if (r < 0)
        return r;
    if (tag >= FIX_ARRAY && tag < FIX_ARRAY + 16) {
        *ret_count = (uint32_t)tag - FIX_ARRAY;
        return 0;
    }
    if (tag != ARRAY_16 && tag != ARRAY_16 + 1)
        return bl_fail(err, -EBADMSG, "byte 0x%02x where a list belongs", (unsigned)tag);

    r = take_number(reader, 1 + (unsigned)tag - ARRAY_16, tag == ARRAY_16 ? 16 : 1 << 16, &count,
                    err);
    if (r < 0)
        return r;
    *ret_count = (uint32_t)count;

    return 0;
}

/* A length of 1, 2 or 4 bytes by `tag - first_tag`, and what it announces. */
static int counted_after(struct proto_reader *reader, unsigned width_log2, uint64_t least,
                         const uint8_t **ret_data, uint32_t *ret_bytes, struct bl_error *err)
{
    uint64_t size_bytes;
    int r;

    r = take_number(reader, width_log2, least_for(width_log2, least), &size_bytes, err);
    if (r < 0)
        return r;
    r = take(reader, (size_t)size_bytes, ret_data, err);
    if (r < 0)
        return r;
    *ret_bytes = (uint32_t)size_bytes;

    return 0;
}

int proto_reader_text(struct proto_reader *reader, const uint8_t **ret_data, uint32_t *ret_bytes,
                      struct bl_error *err)
{
    uint8_t tag;
    int r;

    r = take_tag(reader, &tag, err);
    if (r < 0)
        return r;
    if (tag >= FIX_TEXT && tag < FIX_TEXT + 32) {
        r = take(reader, (size_t)tag - FIX_TEXT, ret_data, err);
        if (r < 0)
            return r;
        *ret_bytes = (uint32_t)tag - FIX_TEXT;
        return 0;
    }
    if (tag < TEXT_8 || tag >= TEXT_8 + 3)
        return bl_fail(err, -EBADMSG, "byte 0x%02x where a text belongs", (unsigned)tag);

    return counted_after(reader, (unsigned)tag - TEXT_8, 32, ret_data, ret_bytes, err);
}

int proto_reader_bytes(struct proto_reader *reader, const uint8_t **ret_data, uint32_t *ret_bytes,
                       struct bl_error *err)
{
    uint8_t tag;
    int r;

    r = take_tag(reader, &tag, err);
    if (r < 0)
        return r;
    if (tag < BYTES_8 || tag >= BYTES_8 + 3)
        return bl_fail(err, -EBADMSG, "byte 0x%02x where bytes belong", (unsigned)tag);

    return counted_after(reader, (unsigned)tag - BYTES_8, 0, ret_data, ret_bytes, err);
}
