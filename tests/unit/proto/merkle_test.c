/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/manifest.h"
#include "tests/lib/unit.h"

enum {
    LEAVES_MAX = 40
};

/* RFC 6962, 2.1, word for word; the product computes the same without recursion. */
static void reference_root(const struct proto_target *targets, size_t count, uint8_t ret_root[32])
{
    uint8_t bytes[65];
    size_t left = 1;

    if (count == 1) {
        bytes[0] = 0;
        memcpy(bytes + 1, targets->host_id, 32);
        bytes[33] = (uint8_t)targets->kind;
        bytes[34] = (uint8_t)(targets->kind >> 8);
        bytes[35] = (uint8_t)(targets->kind >> 16);
        bytes[36] = (uint8_t)(targets->kind >> 24);
        assert_int_equal(crypto_generichash(ret_root, 32, bytes, 37, NULL, 0), 0);
        return;
    }
    while (left * 2 < count)
        left *= 2;
    bytes[0] = 1;
    reference_root(targets, left, bytes + 1);
    reference_root(targets + left, count - left, bytes + 33);
    assert_int_equal(crypto_generichash(ret_root, 32, bytes, 65, NULL, 0), 0);
}

/* In an order that is not the sorted one. */
static void make_targets(struct proto_target *targets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memset(&targets[i], 0, sizeof(targets[i]));
        targets[i].host_id[0] = (uint8_t)((i * 29 + 11) % 41);
        targets[i].host_id[31] = 0x77;
        targets[i].kind = (uint32_t)(i % 3 == 0 ? 0x01020304 : i);
    }
}

static void the_shape_is_that_of_rfc_6962(void **state)
{
    for (size_t count = 1; count <= LEAVES_MAX; count++) {
        struct proto_target targets[LEAVES_MAX];
        uint8_t wanted[32];
        uint8_t root[32];
        struct bl_error err = {0};

        make_targets(targets, count);
        assert_int_equal(proto_merkle_root(targets, count, root, &err), 0);
        for (size_t i = 1; i < count; i++)
            assert_true(memcmp(targets[i - 1].host_id, targets[i].host_id, 32) < 0);
        reference_root(targets, count, wanted);
        assert_memory_equal(root, wanted, 32);
    }
}

/* All that may be claimed falsely about one leaf. */
/* The whole tree gives the same proof as the one that is made alone. */
static void check_tree(const struct proto_target *targets, size_t count, size_t index,
                       const struct proto_hash *proof, uint32_t length)
{
    struct proto_hash same[PROTO_PROOF_MAX];
    struct proto_merkle_tree tree = {0};
    struct bl_error err = {0};

    assert_int_equal(proto_merkle_tree_build(targets, count, &tree, &err), 0);
    assert_int_equal(proto_merkle_tree_prove(&tree, index, same), length);
    assert_memory_equal(same, proof, length * sizeof(same[0]));
    proto_merkle_tree_release(&tree);
}

static void assert_only_truth(const struct proto_target *targets, size_t count, size_t index,
                              const uint8_t root[32])
{
    struct proto_hash proof[PROTO_PROOF_MAX + 1] = {0};
    struct proto_target other = targets[index];
    struct bl_error err = {0};
    uint32_t length;

    assert_int_equal(proto_merkle_prove(targets, count, index, proof, &length, &err), 0);
    assert_true(length <= 6);
    check_tree(targets, count, index, proof, length);
    assert_int_equal(proto_merkle_verify(root, count, &targets[index], index, proof, length, &err),
                     0);

    for (size_t wrong = 0; wrong <= count + 1; wrong++) {
        if (wrong != index)
            assert_int_equal(
                proto_merkle_verify(root, count, &targets[index], wrong, proof, length, &err),
                -EKEYREJECTED);
        if (wrong < count && wrong != index)
            assert_int_equal(
                proto_merkle_verify(root, count, &targets[wrong], index, proof, length, &err),
                -EKEYREJECTED);
        if (wrong < count && wrong != index) /* a neighbour's proof */
            assert_int_equal(
                proto_merkle_verify(root, count, &targets[wrong], wrong, proof, length, &err),
                -EKEYREJECTED);
    }
    other.kind ^= 1;
    assert_int_equal(proto_merkle_verify(root, count, &other, index, proof, length, &err),
                     -EKEYREJECTED);
    other = targets[index];
    other.host_id[5] ^= 0x10;
    assert_int_equal(proto_merkle_verify(root, count, &other, index, proof, length, &err),
                     -EKEYREJECTED);
    assert_int_equal(
        proto_merkle_verify(root, count, &targets[index], index, proof, length + 1, &err),
        -EKEYREJECTED);
    for (uint32_t i = 0; i < length; i++) {
        assert_int_equal(proto_merkle_verify(root, count, &targets[index], index, proof, i, &err),
                         -EKEYREJECTED);
        proof[i].hash[31] ^= 0x80;
        assert_int_equal(
            proto_merkle_verify(root, count, &targets[index], index, proof, length, &err),
            -EKEYREJECTED);
        proof[i].hash[31] ^= 0x80;
    }
}

static void each_proof_holds_for_its_leaf_only(void **state)
{
    for (size_t count = 1; count <= LEAVES_MAX; count++) {
        struct proto_target targets[LEAVES_MAX];
        uint8_t root[32];
        struct bl_error err = {0};

        make_targets(targets, count);
        assert_int_equal(proto_merkle_root(targets, count, root, &err), 0);
        for (size_t i = 0; i < count; i++)
            assert_only_truth(targets, count, i, root);
    }
}

/* The inner node's input must not pass as a host: leaf and node hash differently. */
static void a_node_is_no_leaf(void **state)
{
    struct proto_target targets[2];
    struct proto_target forged = {0};
    uint8_t root[32];
    struct bl_error err = {0};

    make_targets(targets, 2);
    assert_int_equal(proto_merkle_root(targets, 2, root, &err), 0);
    memcpy(forged.host_id, root, 32);
    assert_int_equal(proto_merkle_verify(root, 1, &forged, 0, NULL, 0, &err), -EKEYREJECTED);
}

static void doubles_and_nothing_are_refused(void **state)
{
    struct proto_target targets[3];
    uint8_t root[32];
    struct bl_error err = {0};

    make_targets(targets, 3);
    targets[2] = targets[0];
    targets[2].kind = 9; /* as another kind it is a double all the same */
    assert_int_equal(proto_merkle_root(targets, 3, root, &err), -EEXIST);
    assert_non_null(strstr(err.text, "0b00000000000000"));
    assert_int_equal(proto_merkle_root(targets, 0, root, &err), -EINVAL);
}

static void absurd_numbers_are_refused(void **state)
{
    struct proto_hash proof[PROTO_PROOF_MAX] = {0};
    struct proto_target target = {0};
    uint8_t root[32] = {0};
    struct bl_error err = {0};

    assert_int_equal(proto_merkle_verify(root, UINT64_MAX, &target, UINT64_MAX - 1, proof,
                                         PROTO_PROOF_MAX, &err),
                     -EKEYREJECTED);
    assert_int_equal(proto_merkle_verify(root, 0, &target, 0, proof, 0, &err), -EKEYREJECTED);
    assert_int_equal(proto_merkle_verify(root, 5, &target, 0, proof, UINT32_MAX, &err),
                     -EKEYREJECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shape_is_that_of_rfc_6962),
        cmocka_unit_test(each_proof_holds_for_its_leaf_only),
        cmocka_unit_test(a_node_is_no_leaf),
        cmocka_unit_test(doubles_and_nothing_are_refused),
        cmocka_unit_test(absurd_numbers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
