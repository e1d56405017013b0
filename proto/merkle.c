/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "proto/manifest.h"

/* The tree of RFC 6962: the left side of n leaves holds the largest power of two below n. */

static const struct proto_field hash_fields[] = {
    PROTO_FIELD_FIXED(struct proto_hash, hash),
};
const struct proto_schema proto_hash_schema = PROTO_SCHEMA(struct proto_hash, hash_fields);

/* The first byte keeps a leaf from ever being taken for a node. */
enum {
    LEAF = 0x00,
    NODE = 0x01
};

static void hash_leaf(const struct proto_target *target, struct proto_hash *ret_hash)
{
    uint8_t bytes[1 + PROTO_HOST_ID_BYTES + 4] = {LEAF};

    memcpy(bytes + 1, target->host_id, PROTO_HOST_ID_BYTES);
    for (unsigned i = 0; i < 4; i++)
        bytes[1 + PROTO_HOST_ID_BYTES + i] = (uint8_t)(target->kind >> (8 * i));
    /* Fails only for lengths that BLAKE2b lacks. */
    (void)crypto_generichash(ret_hash->hash, PROTO_HASH_BYTES, bytes, sizeof(bytes), NULL, 0);
}

static void hash_node(const struct proto_hash *left, const struct proto_hash *right,
                      struct proto_hash *ret_hash)
{
    uint8_t bytes[1 + 2 * PROTO_HASH_BYTES] = {NODE};

    memcpy(bytes + 1, left->hash, PROTO_HASH_BYTES);
    memcpy(bytes + 1 + PROTO_HASH_BYTES, right->hash, PROTO_HASH_BYTES);
    (void)crypto_generichash(ret_hash->hash, PROTO_HASH_BYTES, bytes, sizeof(bytes), NULL, 0);
}

/*
 * The root over `count` leaves, in one pass: the stack holds the roots of full subtrees, largest
 * first, as the bits of the number of leaves seen so far; what remains is joined from the right.
 */
static void hash_range(const struct proto_target *targets, size_t count,
                       struct proto_hash *ret_hash)
{
    struct proto_hash stack[PROTO_PROOF_MAX + 1];
    unsigned depth = 0;

    for (size_t i = 0; i < count; i++) {
        hash_leaf(&targets[i], &stack[depth++]);
        for (size_t seen = i + 1; (seen & 1) == 0; seen >>= 1) {
            depth--;
            hash_node(&stack[depth - 1], &stack[depth], &stack[depth - 1]);
        }
    }
    while (depth > 1) {
        depth--;
        hash_node(&stack[depth - 1], &stack[depth], &stack[depth - 1]);
    }
    *ret_hash = stack[0];
}

static int compare_targets(const void *a, const void *b)
{
    const struct proto_target *first = a;
    const struct proto_target *second = b;

    return memcmp(first->host_id, second->host_id, PROTO_HOST_ID_BYTES);
}

int proto_merkle_root(struct proto_target *targets, size_t target_count,
                      uint8_t ret_root[PROTO_HASH_BYTES], struct bl_error *err)
{
    struct proto_hash root;
    int r;

    r = proto_init(err);
    if (r < 0)
        return r;
    if (target_count == 0)
        return bl_fail(err, -EINVAL, "no hosts");
    if (target_count > PROTO_TARGETS_MAX) {
        return bl_fail(err, -EMSGSIZE, "%zu hosts, allowed are %d", target_count,
                       PROTO_TARGETS_MAX);
    }

    qsort(targets, target_count, sizeof(targets[0]), compare_targets);
    for (size_t i = 1; i < target_count; i++) {
        char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];

        if (compare_targets(&targets[i - 1], &targets[i]) != 0)
            continue;
        bl_hex_encode(targets[i].host_id, PROTO_HOST_ID_BYTES, id);
        return bl_fail(err, -EEXIST, "host %s is listed twice", id);
    }
    hash_range(targets, target_count, &root);
    memcpy(ret_root, root.hash, PROTO_HASH_BYTES);

    return 0;
}

/* The largest power of two below `count`, which is at least 2. */
static size_t left_side(size_t count)
{
    size_t half = 1;

    while (half * 2 < count)
        half *= 2;

    return half;
}

int proto_merkle_prove(const struct proto_target *targets, size_t target_count, size_t index,
                       struct proto_hash *ret_proof, uint32_t *ret_proof_count,
                       struct bl_error *err)
{
    struct proto_hash from_top[PROTO_PROOF_MAX];
    uint32_t depth = 0;
    int r;

    BL_ASSERT(target_count <= PROTO_TARGETS_MAX);
    BL_ASSERT(index < target_count);

    r = proto_init(err);
    if (r < 0)
        return r;
    while (target_count > 1) {
        size_t left = left_side(target_count);

        BL_ASSERT(depth < PROTO_PROOF_MAX);
        if (index < left) {
            hash_range(targets + left, target_count - left, &from_top[depth++]);
            target_count = left;
        } else {
            hash_range(targets, left, &from_top[depth++]);
            targets += left;
            target_count -= left;
            index -= left;
        }
    }
    for (uint32_t i = 0; i < depth; i++)
        ret_proof[i] = from_top[depth - 1 - i];
    *ret_proof_count = depth;

    return 0;
}

/* A level above `count` nodes joins them two by two; an odd last one goes up as it is. */
static size_t level_above(size_t count)
{
    return (count + 1) / 2;
}

int proto_merkle_tree_build(const struct proto_target *targets, size_t target_count,
                            struct proto_merkle_tree *ret_tree, struct bl_error *err)
{
    size_t hash_count = 0;
    struct proto_hash *level;
    int r;

    BL_ASSERT(target_count > 0 && target_count <= PROTO_TARGETS_MAX);

    r = proto_init(err);
    if (r < 0)
        return r;
    for (size_t count = target_count; count > 1; count = level_above(count))
        hash_count += count;
    ret_tree->hashes = calloc(hash_count + 1, sizeof(*ret_tree->hashes));
    if (ret_tree->hashes == NULL)
        return bl_fail(err, -ENOMEM, "tree of %zu hosts: no memory", target_count);
    ret_tree->target_count = target_count;

    level = ret_tree->hashes;
    for (size_t i = 0; i < target_count; i++)
        hash_leaf(&targets[i], &level[i]);
    for (size_t count = target_count; count > 1; count = level_above(count)) {
        struct proto_hash *above = level + count;

        for (size_t i = 0; i + 1 < count; i += 2)
            hash_node(&level[i], &level[i + 1], &above[i / 2]);
        if ((count & 1) != 0)
            above[count / 2] = level[count - 1];
        level = above;
    }

    return 0;
}

void proto_merkle_tree_release(struct proto_merkle_tree *tree)
{
    free(tree->hashes);
    *tree = (struct proto_merkle_tree){0};
}

uint32_t proto_merkle_tree_prove(const struct proto_merkle_tree *tree, size_t index,
                                 struct proto_hash ret_proof[PROTO_PROOF_MAX])
{
    const struct proto_hash *level = tree->hashes;
    uint32_t proof_count = 0;

    BL_ASSERT(index < tree->target_count);

    for (size_t count = tree->target_count; count > 1; count = level_above(count)) {
        size_t sibling = index ^ 1;

        if (sibling < count) {
            BL_ASSERT(proof_count < PROTO_PROOF_MAX);
            ret_proof[proof_count++] = level[sibling];
        }
        level += count;
        index /= 2;
    }

    return proof_count;
}

/* RFC 9162, 2.1.3.2: climbs from the leaf; `last` tells where the tree's right edge is. */
static bool climb(struct proto_hash *hash, uint64_t index, uint64_t last,
                  const struct proto_hash *proof, uint32_t proof_count)
{
    for (uint32_t i = 0; i < proof_count; i++) {
        if (last == 0)
            return false; /* more hashes than levels */
        if ((index & 1) != 0 || index == last) {
            hash_node(&proof[i], hash, hash);
            while ((index & 1) == 0 && index != 0) {
                index >>= 1;
                last >>= 1;
            }
        } else {
            hash_node(hash, &proof[i], hash);
        }
        index >>= 1;
        last >>= 1;
    }

    return last == 0;
}

int proto_merkle_verify(const uint8_t root[PROTO_HASH_BYTES], uint64_t target_count,
                        const struct proto_target *target, uint64_t index,
                        const struct proto_hash *proof, uint32_t proof_count, struct bl_error *err)
{
    struct proto_hash hash;
    int r;

    r = proto_init(err);
    if (r < 0)
        return r;
    if (index >= target_count || target_count > PROTO_TARGETS_MAX ||
        proof_count > PROTO_PROOF_MAX) {
        return bl_fail(err, -EKEYREJECTED, "no leaf %llu among %llu targets",
                       (unsigned long long)index, (unsigned long long)target_count);
    }

    hash_leaf(target, &hash);
    if (!climb(&hash, index, target_count - 1, proof, proof_count) ||
        sodium_memcmp(hash.hash, root, PROTO_HASH_BYTES) != 0)
        return bl_fail(err, -EKEYREJECTED, "this host is not among the targets");

    return 0;
}
