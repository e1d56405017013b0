/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/hex.h"
#include "proto/trust.h"
#include "tests/lib/proto_walk.h"
#include "tests/lib/unit.h"

/* RFC 8032, 7.1, TEST 1 to 3. */
static const struct {
    const char *seed, *key, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "\xaf\x82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void the_vectors_of_the_rfc_hold(void **state)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t seed[crypto_sign_SEEDBYTES];
        uint8_t key[PROTO_KEY_BYTES];
        uint8_t secret[64];
        uint8_t made[PROTO_SIGNATURE_BYTES];
        struct proto_signature signature;
        struct bl_error err = {0};
        size_t size_bytes = strlen(vectors[i].message);

        assert_int_equal(proto_init(&err), 0);
        assert_int_equal(bl_hex_decode(vectors[i].seed, seed, sizeof(seed), &err), 0);
        assert_int_equal(bl_hex_decode(vectors[i].key, signature.key, PROTO_KEY_BYTES, &err), 0);
        assert_int_equal(
            bl_hex_decode(vectors[i].signature, signature.signature, PROTO_SIGNATURE_BYTES, &err),
            0);
        assert_int_equal(crypto_sign_seed_keypair(key, secret, seed), 0);
        assert_memory_equal(key, signature.key, PROTO_KEY_BYTES);
        assert_int_equal(proto_sign("", vectors[i].message, size_bytes, secret, made, &err), 0);
        assert_memory_equal(made, signature.signature, PROTO_SIGNATURE_BYTES);
        assert_int_equal(proto_verify("", vectors[i].message, size_bytes, &signature, &err), 0);
        /* The domain is what comes first. */
        if (size_bytes == 2)
            assert_int_equal(proto_verify("\xaf", "\x82", 1, &signature, &err), 0);
        signature.signature[0] ^= 1;
        assert_int_equal(proto_verify("", vectors[i].message, size_bytes, &signature, &err),
                         -EKEYREJECTED);
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
