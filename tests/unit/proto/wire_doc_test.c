/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/wire.md describes every record, field by field and in order, as the tables have it. The
 * page's path is the only argument; without one the tables are printed as the page needs them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "tests/lib/proto_walk.h"
#include "tests/lib/unit.h"

enum {
    PAGE_BYTES_MAX = 256 * 1024
};

static const char *page_path;

/* "| `name` | text, 1 to 128 bytes |": how a row of the page begins. */
static void describe(const struct proto_field *field, char *ret_row, size_t row_bytes)
{
    unsigned limit = field->limit;
    char type[96];
    int r = -1;

    switch (field->type) {
    case PROTO_U64:
        r = limit != 0 ? bl_text_format(type, sizeof(type), "whole number up to %u", limit)
                       : bl_text_format(type, sizeof(type), "whole number");
        break;
    case PROTO_I64:
        r = bl_text_format(type, sizeof(type), "signed number");
        break;
    case PROTO_BOOL:
        r = bl_text_format(type, sizeof(type), "true or false");
        break;
    case PROTO_ENUM:
        r = bl_text_format(type, sizeof(type), "word %u to %u", field->optional ? 0U : 1U, limit);
        break;
    case PROTO_TEXT:
        r = bl_text_format(type, sizeof(type), "text, %u to %u bytes", field->optional ? 0U : 1U,
                           limit);
        break;
    case PROTO_BYTES:
        r = bl_text_format(type, sizeof(type), "bytes, up to %u", limit);
        break;
    case PROTO_FIXED:
        r = bl_text_format(type, sizeof(type), "bytes, exactly %u", limit);
        break;
    case PROTO_LIST:
        r = bl_text_format(type, sizeof(type), "list of %s, up to %u", field->item->name, limit);
        break;
    }
    assert_true(r > 0);
    assert_true(bl_text_format(ret_row, row_bytes, "| `%s` | %s |", field->name, type) > 0);
}

static void check_schema(const char *page, const struct proto_schema *schema)
{
    char row[256];
    const char *at;

    assert_true(bl_text_format(row, sizeof(row), "\n### %s\n", schema->name) > 0);
    at = strstr(page, row);
    if (at == NULL)
        fail_msg("docs/wire.md has no section '%s'", schema->name);
    at = strstr(at, "|---|");
    assert_non_null(at);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
        describe(&schema->fields[i], row, sizeof(row));
        if (strncmp(at, row, strlen(row)) != 0)
            fail_msg("docs/wire.md, %s: '%s...' is expected, found '%.60s'", schema->name, row, at);
    }
    at = strchr(at, '\n');
    assert_non_null(at);
    assert_int_not_equal(at[1], '|'); /* no row more than the table has */
}

static void the_page_is_as_the_tables(void **state)
{
    const struct proto_schema *schemas[WALK_SCHEMAS_MAX];
    unsigned count = walk_schemas(schemas);
    BL_AUTO_FREE char *page = NULL;
    size_t page_bytes;
    struct bl_error err = {0};

    if (bl_file_read(AT_FDCWD, page_path, PAGE_BYTES_MAX, &page, &page_bytes, &err) < 0)
        fail_msg("%s", err.text);
    for (unsigned i = 0; i < count; i++)
        check_schema(page, schemas[i]);
}

static void each_kind_is_listed_by_number(void **state)
{
    BL_AUTO_FREE char *page = NULL;
    size_t page_bytes;
    struct bl_error err = {0};

    assert_int_equal(bl_file_read(AT_FDCWD, page_path, PAGE_BYTES_MAX, &page, &page_bytes, &err),
                     0);
    for (uint32_t kind = 0; kind < 128; kind++) {
        char row[96];

        if (proto_message_schema(kind) == NULL)
            continue;
        assert_true(bl_text_format(row, sizeof(row), "\n| %u | `%s` |", kind,
                                   proto_message_name(kind)) > 0);
        if (strstr(page, row) == NULL)
            fail_msg("docs/wire.md lists no '%s'", row + 1);
    }
}

static void assert_word(const char *page, const char *list, uint32_t number, const char *name)
{
    const char *at = strstr(page, list);
    char wanted[64];

    assert_non_null(at);
    assert_true(bl_text_format(wanted, sizeof(wanted), "%u %s", number, name) > 0);
    at = strstr(at, wanted);
    if (at == NULL || (at[strlen(wanted)] != ',' && at[strlen(wanted)] != '.'))
        fail_msg("docs/wire.md: '%s' lacks '%s'", list, wanted);
}

static void states_and_steps_are_listed(void **state)
{
    BL_AUTO_FREE char *page = NULL;
    size_t page_bytes;
    struct bl_error err = {0};

    assert_int_equal(bl_file_read(AT_FDCWD, page_path, PAGE_BYTES_MAX, &page, &page_bytes, &err),
                     0);
    for (uint32_t i = 1; i <= PROTO_JOB_STATE_LAST; i++)
        assert_word(page, "\nJob states: ", i, proto_job_state_name(i));
    for (uint32_t i = 1; i <= PROTO_STEP_LAST; i++)
        assert_word(page, "\nSteps: ", i, proto_step_name(i));
}

static void print_tables(void)
{
    const struct proto_schema *schemas[WALK_SCHEMAS_MAX];
    unsigned count = walk_schemas(schemas);

    for (unsigned i = 0; i < count; i++) {
        printf("\n### %s\n\n| field | form | meaning |\n|---|---|---|\n", schemas[i]->name);
        for (uint32_t field = 0; field < schemas[i]->field_count; field++) {
            char row[256];

            describe(&schemas[i]->fields[field], row, sizeof(row));
            printf("%s  |\n", row);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_as_the_tables),
        cmocka_unit_test(each_kind_is_listed_by_number),
        cmocka_unit_test(states_and_steps_are_listed),
    };

    if (argc < 2) {
        print_tables();
        return 0;
    }
    page_path = argv[1];

    return cmocka_run_group_tests(tests, NULL, NULL);
}
