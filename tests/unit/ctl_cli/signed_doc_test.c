/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever signs sees it: each field of the tables changes what is shown. */
#include "controller/cli/signed_doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gate.h"
#include "tests/lib/proto_walk.h"
#include "tests/lib/unit.h"

enum {
    NAME_BYTES = 160,
    VALUE_BYTES = 16, /* of the largest field that is no list and of no fixed length */
};

/* Shown by the digest or by who signed, or bound to what is shown by a check of its own. */
static const char *const elsewhere[] = {
    "manifest.format", "manifest.counter", "manifest.targets_root", "manifest.policy_hash",
    "policy.format",   "policy.requester", "policy.plan_hash",      "policy.spread.hosts",
    "manifest.risk", /* by its name, and what is weaker by a table of its own */
};

struct look {
    struct proto_arena arena;
    struct ctl_signed_doc doc;
    char *unchanged; /* what is shown */
    unsigned fields;
};

static char *show(const struct ctl_signed_doc *doc)
{
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *to = open_memstream(&text, &size_bytes);

    assert_non_null(to);
    ctl_signed_doc_print(doc, to);
    assert_int_equal(fclose(to), 0);

    return text;
}

static void change(const struct proto_field *field, void *at)
{
    static const char *const other_text = "something-else";
    static const uint8_t other_bytes[PROTO_SAMPLE_HASH_BYTES * 5] = {0xff};

    switch (field->type) {
    case PROTO_U64:
        *(uint64_t *)at += strstr(field->name, "_ms") != NULL ? 60000 : 1;
        break;
    case PROTO_I64:
        *(int64_t *)at += INT64_C(86400000);
        break;
    case PROTO_BOOL:
        *(bool *)at = !*(bool *)at;
        break;
    case PROTO_ENUM:
        *(uint32_t *)at = *(uint32_t *)at % field->limit + 1;
        break;
    case PROTO_TEXT:
        *(const char **)at = other_text;
        break;
    case PROTO_BYTES:
        *(struct proto_bytes *)at =
            (struct proto_bytes){.data = other_bytes, .size_bytes = sizeof(other_bytes)};
        break;
    case PROTO_FIXED:
        *(uint8_t *)at ^= 1;
        break;
    case PROTO_LIST:
        break;
    }
}

static bool is_elsewhere(const char *path)
{
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        if (strcmp(path, elsewhere[i]) == 0)
            return true;
    }

    return false;
}

/* Of each list the first item stands for all. */
static void look_at(struct look *look, const struct proto_schema *schema, void *record,
                    const char *path)
{
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct proto_field *field = &schema->fields[i];
        unsigned char *at = (unsigned char *)record + field->offset;
        unsigned char before[VALUE_BYTES];
        char name[NAME_BYTES], *shown;

        (void)snprintf(name, sizeof(name), "%s.%s", path, field->name);
        if (is_elsewhere(name))
            continue;
        if (field->type == PROTO_LIST) {
            look_at(look, field->item, *(void **)(void *)at, name);
            continue;
        }
        memcpy(before, at, sizeof(before));
        change(field, at);
        shown = show(&look->doc);
        if (strcmp(shown, look->unchanged) == 0)
            fail_msg("%s is signed and not shown", name);
        free(shown);
        memcpy(at, before, sizeof(before));
        look->fields++;
    }
}

/* So that nothing is left out for being of no use. */
static void make_all_of_use(struct ctl_signed_doc *doc)
{
    doc->manifest.ssh_lock = true;
    doc->manifest.sample_all = false;
    for (uint32_t i = 0; i < doc->policy.gates_count; i++)
        doc->policy.gates[i].kind = PROTO_GATE_HOSTS;
}

static void all_that_is_signed_is_shown(void **state)
{
    struct look look = {0};
    uint64_t seed = 0;

    (void)state;
    walk_fill(&proto_manifest_schema, &look.doc.manifest, &look.arena, &seed);
    walk_fill(&proto_policy_schema, &look.doc.policy, &look.arena, &seed);
    make_all_of_use(&look.doc);
    look.unchanged = show(&look.doc);
    look_at(&look, &proto_manifest_schema, &look.doc.manifest, "manifest");
    look_at(&look, &proto_policy_schema, &look.doc.policy, "policy");
    assert_true(look.fields > 100);
    free(look.unchanged);
    proto_arena_release(&look.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_that_is_signed_is_shown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
