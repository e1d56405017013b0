/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit of every table, in both directions: what is one above it is neither written nor read.
 */
#include <errno.h>
#include <string.h>

#include "tests/lib/proto_walk.h"
#include "tests/lib/unit.h"

enum {
    LONG_BYTES = 256 * 1024,
    ITEMS_MAX = 1024,
    FIELDS_MAX = 96,
};

static char long_text[LONG_BYTES + 2];

/* The same table with one field that may be one larger. */
static struct proto_schema widened(const struct proto_schema *schema, uint32_t index,
                                   struct proto_field copies[FIELDS_MAX])
{
    struct proto_schema wide = *schema;

    assert_true(schema->field_count <= FIELDS_MAX);
    memcpy(copies, schema->fields, schema->field_count * sizeof(copies[0]));
    copies[index].limit++;
    wide.fields = copies;

    return wide;
}

/* Puts the largest value that `field` allows into the record; false when it has no limit. */
static bool set_to_limit(const struct proto_field *field, uint8_t *record,
                         struct proto_arena *arena)
{
    static union walk_any items[ITEMS_MAX];
    struct proto_bytes bytes = {.data = (uint8_t *)long_text, .size_bytes = field->limit};
    const char *text = long_text + LONG_BYTES - field->limit;
    const void *items_at = items;
    uint64_t number = field->limit;
    uint64_t seed = 0;

    switch (field->type) {
    case PROTO_TEXT:
        memcpy(record + field->offset, &text, sizeof(text));
        return true;
    case PROTO_BYTES:
        memcpy(record + field->offset, &bytes, sizeof(bytes));
        return true;
    case PROTO_ENUM:
        memcpy(record + field->offset, &field->limit, sizeof(field->limit));
        return true;
    case PROTO_U64:
        memcpy(record + field->offset, &number, sizeof(number));
        return field->limit != 0;
    case PROTO_LIST:
        assert_true(field->limit * field->item->struct_bytes <= sizeof(items));
        for (uint32_t i = 0; i < field->limit; i++)
            walk_fill(field->item, (uint8_t *)items + i * field->item->struct_bytes, arena, &seed);
        memcpy(record + field->offset, &items_at, sizeof(items_at));
        memcpy(record + field->count_offset, &field->limit, sizeof(field->limit));
        return true;
    case PROTO_I64:
    case PROTO_BOOL:
    case PROTO_FIXED:
        break;
    }

    return false;
}

static void check_limit(const struct proto_schema *schema, uint32_t index, unsigned *checked)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_field copies[FIELDS_MAX];
    struct proto_schema wide = widened(schema, index, copies);
    const struct proto_field *field = &schema->fields[index];
    union walk_any record = {0};
    union walk_any out;
    struct bl_error err = {0};
    uint64_t seed = 0;

    walk_fill(schema, &record, &arena, &seed);
    if (!set_to_limit(field, (uint8_t *)&record, &arena))
        return;
    if (proto_encode(schema, &record, &buffer, &err) < 0)
        fail_msg("at its limit: %s", err.text);
    if (proto_decode(schema, buffer.data, buffer.size_bytes, &arena, &out, &err) < 0)
        fail_msg("at its limit: %s", err.text);
    walk_assert_equal(schema, &record, &out);

    buffer.size_bytes = 5;
    assert_true(set_to_limit(&copies[index], (uint8_t *)&record, &arena));
    assert_int_equal(proto_encode(schema, &record, &buffer, &err), -EINVAL);
    assert_non_null(strstr(err.text, field->name));
    assert_int_equal(buffer.size_bytes, 5);

    buffer.size_bytes = 0;
    assert_int_equal(proto_encode(&wide, &record, &buffer, &err), 0);
    assert_int_equal(proto_decode(schema, buffer.data, buffer.size_bytes, &arena, &out, &err),
                     -EBADMSG);
    assert_non_null(strstr(err.text, field->name));
    (*checked)++;
}

static void nothing_passes_above_its_limit(void **state)
{
    const struct proto_schema *schemas[WALK_SCHEMAS_MAX];
    unsigned count = walk_schemas(schemas);
    unsigned checked = 0;

    memset(long_text, 'x', LONG_BYTES);
    for (unsigned i = 0; i < count; i++) {
        for (uint32_t field = 0; field < schemas[i]->field_count; field++)
            check_limit(schemas[i], field, &checked);
    }
    assert_true(checked > 60);
}

static void empty_texts_and_words_only_where_allowed(void **state)
{
    const struct proto_schema *schemas[WALK_SCHEMAS_MAX];
    unsigned count = walk_schemas(schemas);
    unsigned checked = 0;

    for (unsigned i = 0; i < count; i++) {
        for (uint32_t index = 0; index < schemas[i]->field_count; index++) {
            PROTO_AUTO_ARENA arena = {0};
            PROTO_AUTO_BUFFER buffer = {0};
            const struct proto_field *field = &schemas[i]->fields[index];
            struct bl_error err = {0};
            union walk_any record = {0};
            uint64_t seed = 0;
            int wanted = field->optional ? 0 : -EINVAL;

            if (field->type != PROTO_TEXT && field->type != PROTO_ENUM)
                continue;
            walk_fill(schemas[i], &record, &arena, &seed);
            memset((uint8_t *)&record + field->offset, 0,
                   field->type == PROTO_TEXT ? sizeof(char *) : sizeof(uint32_t));
            assert_int_equal(proto_encode(schemas[i], &record, &buffer, &err), wanted);
            checked++;
        }
    }
    assert_true(checked > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_passes_above_its_limit),
        cmocka_unit_test(empty_texts_and_words_only_where_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
