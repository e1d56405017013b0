/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/proto_walk.h"

#include <stdio.h>
#include <string.h>

#include "proto/memory.h"
#include "tests/lib/unit.h"

static unsigned add_schema(const struct proto_schema *schema, const struct proto_schema **schemas,
                           unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (schemas[i] == schema)
            return count;
    }
    assert_true(count < WALK_SCHEMAS_MAX);
    assert_true(schema->struct_bytes <= sizeof(union walk_any));
    schemas[count++] = schema;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].type == PROTO_LIST)
            count = add_schema(schema->fields[i].item, schemas, count);
    }

    return count;
}

unsigned walk_schemas(const struct proto_schema *ret_schemas[WALK_SCHEMAS_MAX])
{
    unsigned count = 0;

    for (uint32_t kind = 0; kind < 256; kind++) {
        if (proto_message_schema(kind) != NULL)
            count = add_schema(proto_message_schema(kind), ret_schemas, count);
    }
    assert_true(count >= 15);
    count = add_schema(&proto_approval_schema, ret_schemas, count);
    count = add_schema(&proto_approval_file_schema, ret_schemas, count);
    count = add_schema(&proto_manifest_schema, ret_schemas, count);
    count = add_schema(&proto_policy_schema, ret_schemas, count);
    count = add_schema(&proto_trust_schema, ret_schemas, count);

    return add_schema(&proto_trust_file_schema, ret_schemas, count);
}

static void *take(struct proto_arena *arena, size_t size_bytes)
{
    struct bl_error err = {0};
    void *memory = NULL;

    proto_arena_allow(arena, 16 * 1024 * 1024);
    if (proto_arena_take(arena, size_bytes, &memory, &err) < 0)
        fail_msg("%s", err.text);

    return memory;
}

static void fill_text(const struct proto_field *field, void *place, struct proto_arena *arena,
                      uint64_t value)
{
    char *text = take(arena, (size_t)field->limit + 1);

    /* Of different lengths, so that short and long forms are met. */
    (void)snprintf(text, (size_t)field->limit + 1, "%llu-\xc3\xa4%.*s", (unsigned long long)value,
                   (int)(value % 41), "a.long.text.of.forty.characters.in.ASCII");
    memcpy(place, &text, sizeof(text));
}

static void fill_list(const struct proto_field *field, uint8_t *record, struct proto_arena *arena,
                      uint64_t *seed)
{
    uint32_t count = field->limit < WALK_ITEMS ? field->limit : WALK_ITEMS;
    uint8_t *items = take(arena, count * field->item->struct_bytes);

    for (uint32_t i = 0; i < count; i++)
        walk_fill(field->item, items + i * field->item->struct_bytes, arena, seed);
    memcpy(record + field->offset, &items, sizeof(items));
    memcpy(record + field->count_offset, &count, sizeof(count));
}

static void fill_field(const struct proto_field *field, uint8_t *record, struct proto_arena *arena,
                       uint64_t *seed)
{
    uint64_t value = ++*seed;
    uint64_t wide = value << (value * 7 % 56);
    uint8_t *place = record + field->offset;
    int64_t whole = (value & 1) != 0 ? -(int64_t)wide : (int64_t)wide;
    bool flag = (value & 1) != 0;
    uint32_t word;

    switch (field->type) {
    case PROTO_U64:
        if (field->limit != 0)
            wide = value % ((uint64_t)field->limit + 1);
        memcpy(place, &wide, sizeof(wide));
        break;
    case PROTO_I64:
        memcpy(place, &whole, sizeof(whole));
        break;
    case PROTO_BOOL:
        memcpy(place, &flag, sizeof(flag));
        break;
    case PROTO_ENUM:
        word = (uint32_t)(1 + value % field->limit);
        memcpy(place, &word, sizeof(word));
        break;
    case PROTO_TEXT:
        fill_text(field, place, arena, value);
        break;
    case PROTO_BYTES: {
        struct proto_bytes bytes = {.size_bytes = 1 + value % (field->limit < 300 ? 2 : 300)};
        uint8_t *data = take(arena, bytes.size_bytes);

        memset(data, (int)(value & 0xff), bytes.size_bytes);
        bytes.data = data;
        memcpy(place, &bytes, sizeof(bytes));
        break;
    }
    case PROTO_FIXED:
        memset(place, (int)(value & 0xff), field->limit);
        break;
    case PROTO_LIST:
        fill_list(field, record, arena, seed);
        break;
    }
}

void walk_fill(const struct proto_schema *schema, void *record, struct proto_arena *arena,
               uint64_t *seed)
{
    for (uint32_t i = 0; i < schema->field_count; i++)
        fill_field(&schema->fields[i], record, arena, seed);
}

static void assert_list(const char *schema_name, const struct proto_field *field, const uint8_t *a,
                        const uint8_t *b)
{
    const uint8_t *items_a;
    const uint8_t *items_b;
    uint32_t count_a;
    uint32_t count_b;

    memcpy(&items_a, a + field->offset, sizeof(items_a));
    memcpy(&items_b, b + field->offset, sizeof(items_b));
    memcpy(&count_a, a + field->count_offset, sizeof(count_a));
    memcpy(&count_b, b + field->count_offset, sizeof(count_b));
    if (count_a != count_b)
        fail_msg("%s.%s: %u and %u items", schema_name, field->name, count_a, count_b);
    for (uint32_t i = 0; i < count_a; i++)
        walk_assert_equal(field->item, items_a + i * field->item->struct_bytes,
                          items_b + i * field->item->struct_bytes);
}

static bool texts_are_equal(const uint8_t *place_a, const uint8_t *place_b)
{
    const char *text_a;
    const char *text_b;

    memcpy(&text_a, place_a, sizeof(text_a));
    memcpy(&text_b, place_b, sizeof(text_b));

    return strcmp(text_a, text_b) == 0;
}

static bool bytes_are_equal(const uint8_t *place_a, const uint8_t *place_b)
{
    struct proto_bytes bytes_a;
    struct proto_bytes bytes_b;

    memcpy(&bytes_a, place_a, sizeof(bytes_a));
    memcpy(&bytes_b, place_b, sizeof(bytes_b));

    return bytes_a.size_bytes == bytes_b.size_bytes &&
           (bytes_a.size_bytes == 0 || memcmp(bytes_a.data, bytes_b.data, bytes_a.size_bytes) == 0);
}

static void assert_field(const char *schema_name, const struct proto_field *field, const uint8_t *a,
                         const uint8_t *b)
{
    const uint8_t *place_a = a + field->offset;
    const uint8_t *place_b = b + field->offset;
    bool equal = false;

    switch (field->type) {
    case PROTO_U64:
    case PROTO_I64:
        equal = memcmp(place_a, place_b, sizeof(uint64_t)) == 0;
        break;
    case PROTO_BOOL:
        equal = memcmp(place_a, place_b, sizeof(bool)) == 0;
        break;
    case PROTO_ENUM:
        equal = memcmp(place_a, place_b, sizeof(uint32_t)) == 0;
        break;
    case PROTO_TEXT:
        equal = texts_are_equal(place_a, place_b);
        break;
    case PROTO_BYTES:
        equal = bytes_are_equal(place_a, place_b);
        break;
    case PROTO_FIXED:
        equal = memcmp(place_a, place_b, field->limit) == 0;
        break;
    case PROTO_LIST:
        assert_list(schema_name, field, a, b);
        return;
    }
    if (!equal)
        fail_msg("%s.%s: values differ", schema_name, field->name);
}

void walk_assert_equal(const struct proto_schema *schema, const void *a, const void *b)
{
    for (uint32_t i = 0; i < schema->field_count; i++)
        assert_field(schema->name, &schema->fields[i], a, b);
}

void walk_sample_manifest(struct proto_manifest *ret_manifest)
{
    static struct proto_package packages[] = {{"openssh-server", ""}, {"libc6:i386", "2.36-9"}};
    static struct proto_pin pins[] = {
        {"openssh-client", "amd64", "1:9.2p1-2+deb12u3", PROTO_ACTION_UPGRADE},
        {"openssh-server", "amd64", "1:9.2p1-2+deb12u3", PROTO_ACTION_UPGRADE},
        {"openssh-server", "arm64", "1:9.2p1-2+deb12u2", PROTO_ACTION_DOWNGRADE},
        {"telnetd", "all", "", PROTO_ACTION_REMOVE},
    };
    static struct proto_kind kinds[] = {{{(const uint8_t *)"\x03", 1}},
                                        {{(const uint8_t *)"\x0c", 1}}};
    static struct proto_text excludes[] = {{"postgresql-*"}, {"nginx"}};
    static struct proto_text units[] = {{"cron.service"}, {"backup-*"}};
    static struct proto_text paths[] = {{"/usr/local/bin"}, {"/srv/shop/etc/shop.conf"}};
    static struct proto_text services[] = {{"nginx.service"}};
    static struct proto_text groups[] = {{"sre"}};
    static struct proto_text from[] = {{"192.0.2.0/24"}, {"2001:db8::1"}};
    static struct proto_text witnesses[] = {{"192.0.2.1:443"}, {"[2001:db8::1]:53"}};
    static struct proto_port ports[] = {{PROTO_TCP, 22}};
    static struct proto_text names[] = {{"db.example.org"}};
    static struct proto_figure_rule figures[] = {
        {PROTO_FIGURE_DISK, PROTO_BAD_ROOM, 2048, 60000, PROTO_MOUNT_VAR}};
    static struct proto_http_check http[] = {{"http://127.0.0.1/", 200, "ok", 10000, true}};
    static struct proto_text tcp[] = {{"192.0.2.9:5432"}};
    static struct proto_grade_rule grades[] = {{"unit_idle", PROTO_GRADE_IGNORE}};

    *ret_manifest = (struct proto_manifest){
        .format = PROTO_MANIFEST_FORMAT,
        .rollout_id = {1, 2, 3, 4, 5, 6, 7, 8},
        .plan = "openssh",
        .risk = PROTO_RISK_HIGH,
        .not_before_ms = INT64_C(1795000000000),
        .not_after_ms = INT64_C(1795086400000),
        .counter = 1795000000000,
        .targets_root = {0xaa},
        .targets_count = 3,
        .policy_hash = {0xbb},
        .package_set = PROTO_SET_NAMED,
        .packages = packages,
        .packages_count = 2,
        .pins = pins,
        .pins_count = 4,
        .kinds = kinds,
        .kinds_count = 2,
        .allow_remove = true,
        .allow_downgrade = true,
        .allow_new = true,
        .repair = true,
        .conffiles = PROTO_CONFFILES_KEEP,
        .metadata_max_age_ms = 604800000,
        .excludes = excludes,
        .excludes_count = 2,
        .revert_class = PROTO_REVERT_PACKAGES,
        .revert_accepted = true,
        .revert_paths = paths,
        .revert_paths_count = 2,
        .quiesce_units = units,
        .quiesce_units_count = 2,
        .quiesce_timers = units,
        .quiesce_timers_count = 2,
        .backup_units = units,
        .backup_units_count = 2,
        .quiesce_wait_ms = 600000,
        .ssh_lock = true,
        .ssh_keep_groups = groups,
        .ssh_keep_groups_count = 1,
        .ssh_keep_from = from,
        .ssh_keep_from_count = 2,
        .ssh_sessions = PROTO_SESSIONS_WARN,
        .lease_ms = 3600000,
        .precheck_units = services,
        .precheck_units_count = 1,
        .precheck_containers = groups,
        .precheck_containers_count = 1,
        .precheck_hooks = groups,
        .precheck_hooks_count = 1,
        .precheck_block_modules = true,
        .verify_units = units,
        .verify_units_count = 2,
        .verify_ports = ports,
        .verify_ports_count = 1,
        .verify_names = names,
        .verify_names_count = 1,
        .verify_http = http,
        .verify_http_count = 1,
        .verify_tcp = tcp,
        .verify_tcp_count = 1,
        .verify_figures = figures,
        .verify_figures_count = 1,
        .verify_grades = grades,
        .verify_grades_count = 1,
        .stage_ms = 1800000,
        .change_ms = 1800000,
        .verify_settle_ms = 10000,
        .confirm_within_ms = 600000,
        .watch_ms = 300000,
        .keep_way_back_ms = 604800000,
        .witnesses = witnesses,
        .witnesses_count = 2,
    };
}
