/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codec, through every schema there is: what goes in comes out, and nothing else is let in.
 */
#include "proto/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/proto_walk.h"
#include "tests/lib/unit.h"

static void fill_and_encode(const struct proto_schema *schema, union walk_any *record,
                            uint64_t seed, struct proto_arena *arena, struct proto_buffer *buffer)
{
    struct bl_error err = {0};

    memset(record, 0, sizeof(*record));
    assert_true(schema->struct_bytes <= sizeof(*record));
    walk_fill(schema, record, arena, &seed);
    if (proto_encode(schema, record, buffer, &err) < 0)
        fail_msg("%s", err.text);
}

static void every_field_comes_back(void **state)
{
    const struct proto_schema *schemas[WALK_SCHEMAS_MAX];
    unsigned count = walk_schemas(schemas);

    for (unsigned i = 0; i < count; i++) {
        for (uint64_t seed = 0; seed < 100; seed++) {
            PROTO_AUTO_ARENA arena = {0};
            PROTO_AUTO_ARENA decoded = {0};
            PROTO_AUTO_BUFFER buffer = {0};
            struct bl_error err = {0};
            union walk_any in;
            union walk_any out;

            fill_and_encode(schemas[i], &in, seed, &arena, &buffer);
            if (proto_decode(schemas[i], buffer.data, buffer.size_bytes, &decoded, &out, &err) < 0)
                fail_msg("%s", err.text);
            walk_assert_equal(schemas[i], &in, &out);
            assert_true(decoded.used_bytes <= 1024 * 1024 + 4 * buffer.size_bytes);
        }
    }
}

static void no_prefix_is_a_record(void **state)
{
    const struct proto_schema *schemas[WALK_SCHEMAS_MAX];
    unsigned count = walk_schemas(schemas);

    for (unsigned i = 0; i < count; i++) {
        PROTO_AUTO_ARENA arena = {0};
        PROTO_AUTO_BUFFER buffer = {0};
        union walk_any record;

        fill_and_encode(schemas[i], &record, 1, &arena, &buffer);
        for (size_t size = 0; size < buffer.size_bytes; size++) {
            PROTO_AUTO_ARENA decoded = {0};
            struct bl_error err = {0};
            union walk_any out;
            union walk_any before;

            memset(&out, 0x5a, sizeof(out));
            before = out;
            assert_int_equal(proto_decode(schemas[i], buffer.data, size, &decoded, &out, &err),
                             -EBADMSG);
            assert_memory_equal(&out, &before, sizeof(out));
            /* Seen where it ends; not by what it took for more of it. */
            assert_non_null(strstr(err.text, "ends early"));
        }
    }
}

static void trailing_bytes_are_refused(void **state)
{
    const struct proto_schema *schemas[WALK_SCHEMAS_MAX];
    unsigned count = walk_schemas(schemas);

    for (unsigned i = 0; i < count; i++) {
        PROTO_AUTO_ARENA arena = {0};
        PROTO_AUTO_BUFFER buffer = {0};
        struct bl_error err = {0};
        union walk_any record;

        fill_and_encode(schemas[i], &record, 1, &arena, &buffer);
        assert_true(buffer.size_bytes < buffer.capacity_bytes);
        buffer.data[buffer.size_bytes] = 0xc0;
        assert_int_equal(
            proto_decode(schemas[i], buffer.data, buffer.size_bytes + 1, &arena, &record, &err),
            -EBADMSG);
        assert_non_null(strstr(err.text, "1 bytes too many"));
    }
}

/* Either refused, or the one encoding of what was read. */
static void assert_canonical(const struct proto_schema *schema, const uint8_t *data, size_t bytes)
{
    PROTO_AUTO_ARENA decoded = {0};
    PROTO_AUTO_BUFFER again = {0};
    struct bl_error err = {0};
    union walk_any out = {0};

    if (proto_decode(schema, data, bytes, &decoded, &out, &err) < 0) {
        assert_int_equal(err.code, -EBADMSG);
        return;
    }
    assert_true(decoded.used_bytes <= 1024 * 1024 + 4 * bytes);
    if (proto_encode(schema, &out, &again, &err) < 0)
        fail_msg("decodes, but: %s", err.text);
    assert_int_equal(again.size_bytes, bytes);
    assert_memory_equal(again.data, data, bytes);
}

static void each_value_has_one_encoding(void **state)
{
    const struct proto_schema *schemas[WALK_SCHEMAS_MAX];
    unsigned count = walk_schemas(schemas);

    for (unsigned i = 0; i < count; i++) {
        PROTO_AUTO_ARENA arena = {0};
        PROTO_AUTO_BUFFER buffer = {0};
        union walk_any record;

        fill_and_encode(schemas[i], &record, 1, &arena, &buffer);
        for (size_t at = 0; at < buffer.size_bytes; at++) {
            uint8_t former = buffer.data[at];

            /* All values where they matter most, the single bits and the tags everywhere. */
            for (unsigned value = 0; value < 256; value++) {
                unsigned changed = value ^ former;
                bool is_bit = changed != 0 && (changed & (changed - 1)) == 0;

                if (at >= 48 && !is_bit && (value < 0xc2 || value > 0xdf))
                    continue;
                buffer.data[at] = (uint8_t)value;
                assert_canonical(schemas[i], buffer.data, buffer.size_bytes);
            }
            buffer.data[at] = former;
        }
    }
}

/* ---- single forms, on a record of one field ---- */

struct one {
    uint64_t number;
    int64_t whole;
    const char *text;
    struct proto_bytes bytes;
    struct proto_text *list;
    uint32_t list_count;
    uint32_t word;
    bool flag;
};

static const struct proto_field number_fields[] = {PROTO_FIELD_U64(struct one, number)};
static const struct proto_field whole_fields[] = {PROTO_FIELD_I64(struct one, whole)};
static const struct proto_field text_fields[] = {PROTO_FIELD_TEXT_OPT(struct one, text, 300)};
static const struct proto_field bytes_fields[] = {PROTO_FIELD_BYTES(struct one, bytes, 70000)};
static const struct proto_field list_fields[] = {
    PROTO_FIELD_LIST(struct one, list, 70000, &proto_text_schema)};
static const struct proto_field word_fields[] = {PROTO_FIELD_ENUM(struct one, word, 3)};
static const struct proto_field flag_fields[] = {PROTO_FIELD_BOOL(struct one, flag)};

#define ONE(rows)                            \
    {                                        \
        "one", (rows), 1, sizeof(struct one) \
    }
static const struct proto_schema number_schema = ONE(number_fields);
static const struct proto_schema whole_schema = ONE(whole_fields);
static const struct proto_schema text_schema = ONE(text_fields);
static const struct proto_schema bytes_schema = ONE(bytes_fields);
static const struct proto_schema list_schema = ONE(list_fields);
static const struct proto_schema word_schema = ONE(word_fields);
static const struct proto_schema flag_schema = ONE(flag_fields);

static int decode_one(const struct proto_schema *schema, const void *value, size_t value_bytes)
{
    PROTO_AUTO_ARENA arena = {0};
    struct bl_error err = {0};
    struct one one;
    uint8_t data[512] = {0x91};
    int r;

    assert_true(value_bytes < sizeof(data));
    memcpy(data + 1, value, value_bytes);
    r = proto_decode(schema, data, value_bytes + 1, &arena, &one, &err);
    assert_true(arena.used_bytes <= 1024 * 1024 + 4 * (value_bytes + 1));

    return r;
}
#define DECODE(schema, literal) decode_one(&(schema), (literal), sizeof(literal) - 1)

static void only_shortest_numbers(void **state)
{
    assert_int_equal(DECODE(number_schema, "\x7f"), 0);
    assert_int_equal(DECODE(number_schema, "\xcc\x80"), 0);
    assert_int_equal(DECODE(number_schema, "\xcc\x7f"), -EBADMSG);
    assert_int_equal(DECODE(number_schema, "\xcd\x01\x00"), 0);
    assert_int_equal(DECODE(number_schema, "\xcd\x00\xff"), -EBADMSG);
    assert_int_equal(DECODE(number_schema, "\xce\x00\x01\x00\x00"), 0);
    assert_int_equal(DECODE(number_schema, "\xce\x00\x00\xff\xff"), -EBADMSG);
    assert_int_equal(DECODE(number_schema, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00"), 0);
    assert_int_equal(DECODE(number_schema, "\xcf\x00\x00\x00\x00\xff\xff\xff\xff"), -EBADMSG);
    assert_int_equal(DECODE(number_schema, "\xff"), -EBADMSG);     /* -1 */
    assert_int_equal(DECODE(number_schema, "\xd0\x80"), -EBADMSG); /* -128 */
    assert_int_equal(DECODE(number_schema, "\xca\x3f\x80\x00\x00"), -EBADMSG);
}

static void only_shortest_negative_numbers(void **state)
{
    assert_int_equal(DECODE(whole_schema, "\xe0"), 0);
    assert_int_equal(DECODE(whole_schema, "\xd0\xdf"), 0);
    assert_int_equal(DECODE(whole_schema, "\xd0\xe0"), -EBADMSG);
    assert_int_equal(DECODE(whole_schema, "\xd0\x05"), -EBADMSG);
    assert_int_equal(DECODE(whole_schema, "\xd1\xff\x7f"), 0);
    assert_int_equal(DECODE(whole_schema, "\xd1\xff\x80"), -EBADMSG);
    assert_int_equal(DECODE(whole_schema, "\xd2\xff\xff\x7f\xff"), 0);
    assert_int_equal(DECODE(whole_schema, "\xd2\xff\xff\x80\x00"), -EBADMSG);
    assert_int_equal(DECODE(whole_schema, "\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), 0);
    assert_int_equal(DECODE(whole_schema, "\xd3\xff\xff\xff\xff\x80\x00\x00\x00"), -EBADMSG);
    assert_int_equal(DECODE(whole_schema, "\xcf\x80\x00\x00\x00\x00\x00\x00\x00"), -EBADMSG);
}

static void extreme_numbers_come_back(void **state)
{
    static const int64_t wholes[] = {INT64_MIN, INT64_MIN + 1, INT32_MIN, -32769,    -32768,
                                     -129,      -128,          -33,       -32,       -1,
                                     0,         127,           128,       INT32_MAX, INT64_MAX};

    for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
        PROTO_AUTO_ARENA arena = {0};
        PROTO_AUTO_BUFFER buffer = {0};
        struct one in = {.whole = wholes[i]};
        struct one out = {0};
        struct bl_error err = {0};

        assert_int_equal(proto_encode(&whole_schema, &in, &buffer, &err), 0);
        assert_int_equal(
            proto_decode(&whole_schema, buffer.data, buffer.size_bytes, &arena, &out, &err), 0);
        assert_true(out.whole == wholes[i]);
    }
}

static void only_clean_texts(void **state)
{
    assert_int_equal(DECODE(text_schema, "\xa0"), 0);
    assert_int_equal(DECODE(text_schema, "\xa3"
                                         "a\n\t"),
                     0);
    assert_int_equal(DECODE(text_schema, "\xa2\xc3\xa4"), 0);
    assert_int_equal(DECODE(text_schema, "\xa1\x00"), -EBADMSG);
    assert_int_equal(DECODE(text_schema, "\xa1\x1b"), -EBADMSG);
    assert_int_equal(DECODE(text_schema, "\xa1\x7f"), -EBADMSG);
    assert_int_equal(DECODE(text_schema, "\xa2\xc2\x85"), -EBADMSG);         /* C1 control */
    assert_int_equal(DECODE(text_schema, "\xa2\xc0\x80"), -EBADMSG);         /* long NUL */
    assert_int_equal(DECODE(text_schema, "\xa3\xed\xa0\x80"), -EBADMSG);     /* surrogate */
    assert_int_equal(DECODE(text_schema, "\xa4\xf4\x90\x80\x80"), -EBADMSG); /* above U+10FFFF */
    assert_int_equal(DECODE(text_schema, "\xa1\xc3"), -EBADMSG);             /* cut short */
    assert_int_equal(DECODE(text_schema, "\xd9\x01"
                                         "a"),
                     -EBADMSG);
    assert_int_equal(DECODE(text_schema, "\xc4\x01"
                                         "a"),
                     -EBADMSG);                              /* bytes */
    assert_int_equal(DECODE(text_schema, "\xc0"), -EBADMSG); /* nil */
}

static void only_known_words_and_flags(void **state)
{
    assert_int_equal(DECODE(word_schema, "\x01"), 0);
    assert_int_equal(DECODE(word_schema, "\x03"), 0);
    assert_int_equal(DECODE(word_schema, "\x00"), -EBADMSG);
    assert_int_equal(DECODE(word_schema, "\x04"), -EBADMSG);
    assert_int_equal(DECODE(word_schema, "\xcf\x00\x00\x00\x01\x00\x00\x00\x01"), -EBADMSG);
    assert_int_equal(DECODE(flag_schema, "\xc2"), 0);
    assert_int_equal(DECODE(flag_schema, "\xc3"), 0);
    assert_int_equal(DECODE(flag_schema, "\x01"), -EBADMSG);
}

static void headers_take_no_memory(void **state)
{
    static const char *const bombs[] = {
        "\xdd\x10\x00\x00\x00", /* a list of 2^28 */
        "\xdd\xff\xff\xff\xff",
        "\xdd\x00\x01\x00\x00",
        "\xdc\xff\xff",
    };

    for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
        PROTO_AUTO_ARENA arena = {0};
        struct bl_error err = {0};
        struct one one;
        uint8_t data[6] = {0x91};

        memcpy(data + 1, bombs[i], i == 3 ? 3 : 5);
        assert_int_equal(proto_decode(&list_schema, data, i == 3 ? 4 : 6, &arena, &one, &err),
                         -EBADMSG);
        assert_true(arena.used_bytes < 8192);
    }
    assert_int_equal(DECODE(text_schema, "\xdb\xff\xff\xff\xff"
                                         "a"),
                     -EBADMSG);
    assert_int_equal(DECODE(bytes_schema, "\xc6\xff\xff\xff\xff"
                                          "a"),
                     -EBADMSG);
    assert_int_equal(DECODE(bytes_schema, "\xc6\x00\x01\x00\x00"
                                          "a"),
                     -EBADMSG);
}

/* Memory stays below 1 MiB + 4 x input even where the smallest items become large structs. */
static void full_lists_stay_bounded(void **state)
{
    static const struct proto_field fat_fields[] = {
        PROTO_FIELD_LIST(struct one, list, 70000, &text_schema)};
    static const struct proto_schema fat_schema = ONE(fat_fields);
    PROTO_AUTO_ARENA arena = {0};
    static uint8_t data[6 + 2 * 70000] = {0x91, 0xdd, 0x00, 0x01, 0x11, 0x70}; /* 0x11170 */
    size_t size_bytes = 6;
    struct one one;
    struct bl_error err = {0};

    while (size_bytes < sizeof(data)) {
        data[size_bytes++] = 0x91;
        data[size_bytes++] = 0xa0;
    }
    assert_int_equal(proto_decode(&fat_schema, data, size_bytes, &arena, &one, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "bytes of memory"));
    assert_true(arena.used_bytes <= 1024 * 1024 + 4 * size_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(no_prefix_is_a_record),
        cmocka_unit_test(trailing_bytes_are_refused),
        cmocka_unit_test(each_value_has_one_encoding),
        cmocka_unit_test(only_shortest_numbers),
        cmocka_unit_test(only_shortest_negative_numbers),
        cmocka_unit_test(extreme_numbers_come_back),
        cmocka_unit_test(only_clean_texts),
        cmocka_unit_test(only_known_words_and_flags),
        cmocka_unit_test(headers_take_no_memory),
        cmocka_unit_test(full_lists_stay_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
