/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl_test [COUNT]: our check of signatures against OpenSSL's, on so many triples of key, text and
 * signature that were made from good ones. Two implementations that share no line: what only one of
 * them takes would be a signature that nobody made.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "proto/trust.h"
#include "tests/lib/unit.h"
#include "tests/sim/sim.h"
#include "tests/unit/proto/rfc8032.h"

enum {
    PEOPLE = 16,
    TEXTS = 64, /* of each of them */
    TEXT_BYTES_MAX = 200,
    COUNT_MAX = 100 * 1000 * 1000,
};

struct triple {
    struct proto_signature signature;
    uint8_t text[RFC8032_MESSAGE_BYTES_MAX];
    size_t size_bytes;
};

static uint64_t count = 2000;
static struct triple good[PEOPLE][TEXTS];

/* y of the points of small order, and other ways to write them: keys under which much may be good. */
static const char *const weak_keys[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};
enum {
    WEAK_KEYS = sizeof(weak_keys) / sizeof(weak_keys[0])
};

/* The order of the group: adding it to S must not make a second signature. */
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

static bool is_good_to_openssl(const struct triple *triple)
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, triple->signature.key, PROTO_KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_good;

    assert_non_null(context);
    is_good = key != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(context, triple->signature.signature, PROTO_SIGNATURE_BYTES,
                               triple->text, triple->size_bytes) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);

    return is_good;
}

static bool is_good_to_us(const struct triple *triple)
{
    struct bl_error err = {0};
    int r = proto_verify("", triple->text, triple->size_bytes, &triple->signature, &err);

    assert_true(r == 0 || r == -EKEYREJECTED);

    return r == 0;
}

/* Whichever sign, and as a key or as the first half of a signature. */
static bool is_weak(const uint8_t point[32])
{
    struct bl_error err = {0};
    uint8_t weak[32], unsigned_point[32];

    memcpy(unsigned_point, point, sizeof(unsigned_point));
    unsigned_point[31] &= 0x7f;
    for (size_t i = 0; i < WEAK_KEYS; i++) {
        assert_int_equal(bl_hex_decode(weak_keys[i], weak, sizeof(weak), &err), 0);
        if (memcmp(unsigned_point, weak, sizeof(weak)) == 0)
            return true;
    }

    return false;
}

static void sign_all(struct sim_chance *chance)
{
    struct bl_error err = {0};

    for (uint8_t person = 0; person < PEOPLE; person++) {
        const uint8_t seed[crypto_sign_SEEDBYTES] = {person, 1};
        uint8_t key[PROTO_KEY_BYTES], secret[64];

        assert_int_equal(crypto_sign_seed_keypair(key, secret, seed), 0);
        for (size_t i = 0; i < TEXTS; i++) {
            struct triple *triple = &good[person][i];

            triple->size_bytes = sim_below(chance, TEXT_BYTES_MAX + 1);
            for (size_t at = 0; at < triple->size_bytes; at++)
                triple->text[at] = (uint8_t)sim_below(chance, 256);
            memcpy(triple->signature.key, key, sizeof(key));
            assert_int_equal(proto_sign("", triple->text, triple->size_bytes, secret,
                                        triple->signature.signature, &err),
                             0);
        }
    }
}

static const struct triple *any(struct sim_chance *chance)
{
    return &good[sim_below(chance, PEOPLE)][sim_below(chance, TEXTS)];
}

static void turn_bit(struct sim_chance *chance, uint8_t *data, size_t size_bytes)
{
    if (size_bytes > 0)
        data[sim_below(chance, (uint32_t)size_bytes)] ^= (uint8_t)(1U << sim_below(chance, 8));
}

static void add_order(uint8_t s[32])
{
    unsigned carry = 0;

    for (size_t i = 0; i < sizeof(order); i++) {
        carry += (unsigned)s[i] + order[i];
        s[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static void weaken(struct sim_chance *chance, uint8_t point[32])
{
    struct bl_error err = {0};

    assert_int_equal(
        bl_hex_decode(weak_keys[sim_below(chance, WEAK_KEYS)], point, PROTO_KEY_BYTES, &err), 0);
    if (sim_percent(chance, 50))
        point[31] |= 0x80;
}

/* One change of a good one, or none; sometimes two. */
static void mutate(struct sim_chance *chance, struct triple *triple)
{
    switch (sim_below(chance, 10)) {
    case 0:
        break;
    case 1:
        turn_bit(chance, triple->text, triple->size_bytes);
        break;
    case 2:
        turn_bit(chance, triple->signature.key, PROTO_KEY_BYTES);
        break;
    case 3:
        turn_bit(chance, triple->signature.signature, PROTO_SIGNATURE_BYTES);
        break;
    case 4:
        memcpy(triple->signature.key, any(chance)->signature.key, PROTO_KEY_BYTES);
        break;
    case 5: /* one half of another signature */
        memcpy(triple->signature.signature + (sim_percent(chance, 50) ? 0 : 32),
               any(chance)->signature.signature, 32);
        break;
    case 6:
        add_order(triple->signature.signature + 32);
        break;
    case 7:
        weaken(chance, triple->signature.key);
        if (sim_percent(chance, 50))
            memset(triple->signature.signature + 32, 0, 32);
        break;
    case 8:
        weaken(chance, triple->signature.signature);
        if (sim_percent(chance, 50)) /* R = A = a weak one and S = 0: good to who does not look */
            memcpy(triple->signature.key, triple->signature.signature, PROTO_KEY_BYTES);
        memset(triple->signature.signature + 32, 0, 32);
        break;
    default:
        triple->size_bytes = sim_below(chance, TEXT_BYTES_MAX + 1);
        break;
    }
    if (sim_percent(chance, 5))
        mutate(chance, triple);
}

static void both_say_the_same_of_every_triple(void **state)
{
    struct sim_chance chance = sim_chance_from(count);
    uint64_t taken = 0, weak = 0;

    sign_all(&chance);
    for (uint64_t i = 0; i < count; i++) {
        struct triple triple = *any(&chance);
        bool ours, theirs;

        mutate(&chance, &triple);
        ours = is_good_to_us(&triple);
        theirs = is_good_to_openssl(&triple);
        taken += ours ? 1 : 0;
        if (ours == theirs)
            continue;
        /* We are the stricter ones, and only of what no key of a person is. */
        if (ours || (!is_weak(triple.signature.key) && !is_weak(triple.signature.signature)))
            fail_msg("triple %llu: good to us: %d, to OpenSSL: %d", (unsigned long long)i, ours,
                     theirs);
        weak++;
    }
    print_message("%llu triples, good to both %llu, weak ones that only OpenSSL takes %llu\n",
                  (unsigned long long)count, (unsigned long long)taken, (unsigned long long)weak);
    assert_in_range(taken, count / 20, count / 2);
    assert_true(weak > 0);
}

static void both_take_the_vectors_of_the_rfc(void **state)
{
    for (size_t i = 0; i < RFC8032_COUNT; i++) {
        struct triple triple = {.size_bytes = strlen(rfc8032[i].message) / 2};
        struct bl_error err = {0};

        assert_int_equal(bl_hex_decode(rfc8032[i].key, triple.signature.key, 32, &err), 0);
        assert_int_equal(bl_hex_decode(rfc8032[i].signature, triple.signature.signature, 64, &err),
                         0);
        assert_int_equal(bl_hex_decode(rfc8032[i].message, triple.text, triple.size_bytes, &err),
                         0);
        assert_true(is_good_to_us(&triple) && is_good_to_openssl(&triple));
        add_order(triple.signature.signature + 32);
        assert_false(is_good_to_us(&triple) || is_good_to_openssl(&triple));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_say_the_same_of_every_triple),
        cmocka_unit_test(both_take_the_vectors_of_the_rfc),
    };
    struct bl_error err = {0};

    if (proto_init(&err) < 0 ||
        (argc > 1 && bl_text_to_u64(argv[1], COUNT_MAX, &count, &err) < 0)) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 2;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
