/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_PROTO_WALK_H
#define TESTS_LIB_PROTO_WALK_H

#include "proto/approval.h"
#include "proto/message.h"
#include "proto/policy.h"

/*
 * Fills and compares records by their own tables, so that a new field is tested without a line of
 * test code. Memory comes from `arena`.
 */

enum {
    WALK_ITEMS = 3, /* in each list */
    WALK_SCHEMAS_MAX = 64,
};

/* Wide enough for any record, aligned for all. */
union walk_any {
    struct proto_approval approval;
    struct proto_approval_file approval_file;
    struct proto_message message;
    struct proto_manifest manifest;
    struct proto_policy policy;
    struct proto_trust trust;
    struct proto_trust_file trust_file;
};

/* Every schema of messages, manifest, policy and trust file, and all that lie within their lists. */
unsigned walk_schemas(const struct proto_schema *ret_schemas[WALK_SCHEMAS_MAX]);

/* Gives every field a value that no field before it had (where its type has enough of them). */
void walk_fill(const struct proto_schema *schema, void *record, struct proto_arena *arena,
               uint64_t *seed);

/* Fails the test, naming the field, where two records differ. */
void walk_assert_equal(const struct proto_schema *schema, const void *a, const void *b);

/* A manifest that passes all checks: one package, two kinds, something in each list. */
void walk_sample_manifest(struct proto_manifest *ret_manifest);

#endif
