/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/hex.h"
#include "proto/trust.h"
#include "tests/lib/proto_walk.h"
#include "tests/lib/unit.h"
#include "tests/unit/proto/rfc8032.h"

static void the_vectors_of_the_rfc_hold(void **state)
{
    for (size_t i = 0; i < RFC8032_COUNT; i++) {
        uint8_t seed[crypto_sign_SEEDBYTES], key[PROTO_KEY_BYTES], secret[64];
        uint8_t made[PROTO_SIGNATURE_BYTES], message[RFC8032_MESSAGE_BYTES_MAX];
        struct proto_signature signature;
        struct bl_error err = {0};
        size_t size_bytes = strlen(rfc8032[i].message) / 2;

        assert_int_equal(proto_init(&err), 0);
        assert_int_equal(bl_hex_decode(rfc8032[i].seed, seed, sizeof(seed), &err), 0);
        assert_int_equal(bl_hex_decode(rfc8032[i].message, message, size_bytes, &err), 0);
        assert_int_equal(bl_hex_decode(rfc8032[i].key, signature.key, PROTO_KEY_BYTES, &err), 0);
        assert_int_equal(
            bl_hex_decode(rfc8032[i].signature, signature.signature, PROTO_SIGNATURE_BYTES, &err),
            0);
        assert_int_equal(crypto_sign_seed_keypair(key, secret, seed), 0);
        assert_memory_equal(key, signature.key, PROTO_KEY_BYTES);
        assert_int_equal(proto_sign("", message, size_bytes, secret, made, &err), 0);
        assert_memory_equal(made, signature.signature, PROTO_SIGNATURE_BYTES);
        assert_int_equal(proto_verify("", message, size_bytes, &signature, &err), 0);
        /* The domain is what comes first. */
        if (size_bytes == 2)
            assert_int_equal(proto_verify("\xaf", "\x82", 1, &signature, &err), 0);
        signature.signature[0] ^= 1;
        assert_int_equal(proto_verify("", message, size_bytes, &signature, &err), -EKEYREJECTED);
    }
}

static void sign_sample(struct proto_buffer *buffer, struct proto_signature *ret_signature)
{
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {7};
    struct proto_manifest manifest;
    struct bl_error err = {0};
    uint8_t secret[64];

    walk_sample_manifest(&manifest);
    assert_int_equal(proto_init(&err), 0);
    assert_int_equal(proto_manifest_encode(&manifest, buffer, &err), 0);
    assert_int_equal(crypto_sign_seed_keypair(ret_signature->key, secret, seed), 0);
    assert_int_equal(proto_sign(PROTO_MANIFEST_DOMAIN, buffer->data, buffer->size_bytes, secret,
                                ret_signature->signature, &err),
                     0);
}

static void every_bit_counts(void **state)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_signature signature;
    struct bl_error err = {0};

    sign_sample(&buffer, &signature);
    assert_int_equal(
        proto_verify(PROTO_MANIFEST_DOMAIN, buffer.data, buffer.size_bytes, &signature, &err), 0);
    for (size_t bit = 0; bit < buffer.size_bytes * 8; bit++) {
        buffer.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(
            proto_verify(PROTO_MANIFEST_DOMAIN, buffer.data, buffer.size_bytes, &signature, &err),
            -EKEYREJECTED);
        buffer.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t bit = 0; bit < sizeof(signature) * 8; bit++) {
        struct proto_signature changed = signature;
        uint8_t *bytes = (uint8_t *)&changed;

        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(
            proto_verify(PROTO_MANIFEST_DOMAIN, buffer.data, buffer.size_bytes, &changed, &err),
            -EKEYREJECTED);
    }
}

static void length_and_domain_count(void **state)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_signature signature;
    struct bl_error err = {0};

    sign_sample(&buffer, &signature);
    assert_int_equal(
        proto_verify(PROTO_TRUST_DOMAIN, buffer.data, buffer.size_bytes, &signature, &err),
        -EKEYREJECTED);
    assert_int_equal(proto_verify("", buffer.data, buffer.size_bytes, &signature, &err),
                     -EKEYREJECTED);
    assert_int_equal(
        proto_verify(PROTO_MANIFEST_DOMAIN, buffer.data, buffer.size_bytes - 1, &signature, &err),
        -EKEYREJECTED);
    assert_non_null(strstr(err.text, "is not good"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_hold),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(length_and_domain_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
