/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/trust.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "tests/lib/unit.h"

enum {
    ROOTS = 3
};

/* A trust file in the making: three roots, of which `signers` sign; tests bend it. */
struct forge {
    struct proto_root roots[ROOTS];
    uint8_t secrets[ROOTS][64];
    struct proto_person people[3];
    struct proto_quorum quorums[3];
    struct proto_trust trust;
    unsigned signers[PROTO_ROOTS_MAX];
    unsigned signer_count;
    const char *domain;
};

static void forge_init(struct forge *forge)
{
    struct bl_error err = {0};

    *forge = (struct forge){
        .people = {{.name = "anna", .key = {1}, .role = PROTO_ROLE_OPERATOR},
                   {.name = "bert", .key = {2}, .role = PROTO_ROLE_COMMANDER},
                   {.name = "cleo", .key = {3}, .role = PROTO_ROLE_OPERATOR}},
        .quorums = {{1, 0}, {1, 0}, {1, 1}},
        .signers = {0, 1, 2},
        .signer_count = 2,
        .domain = PROTO_TRUST_DOMAIN,
    };
    assert_int_equal(proto_init(&err), 0);
    for (unsigned i = 0; i < ROOTS; i++) {
        static const char *const names[ROOTS] = {"safe", "desk", "card"};
        uint8_t seed[crypto_sign_SEEDBYTES] = {(uint8_t)(0x40 + i)};

        assert_int_equal(crypto_sign_seed_keypair(forge->roots[i].key, forge->secrets[i], seed), 0);
        forge->roots[i].name = names[i];
    }
    forge->trust = (struct proto_trust){
        .format = PROTO_TRUST_FORMAT,
        .version = 1,
        .roots = forge->roots,
        .roots_count = ROOTS,
        .roots_needed = 2,
        .people = forge->people,
        .people_count = 3,
        .quorums = forge->quorums,
        .quorums_count = 3,
    };
}

static void forge_seal(const struct forge *forge, struct proto_buffer *buffer)
{
    PROTO_AUTO_BUFFER body = {0};
    struct proto_signature signatures[PROTO_TRUST_SIGNATURES_MAX];
    struct proto_trust_file file = {.signatures = signatures,
                                    .signatures_count = forge->signer_count};
    struct bl_error err = {0};

    assert_int_equal(proto_encode(&proto_trust_schema, &forge->trust, &body, &err), 0);
    for (unsigned i = 0; i < forge->signer_count; i++) {
        unsigned signer = forge->signers[i];

        memcpy(signatures[i].key, forge->secrets[signer] + 32, PROTO_KEY_BYTES);
        assert_int_equal(proto_sign(forge->domain, body.data, body.size_bytes,
                                    forge->secrets[signer], signatures[i].signature, &err),
                         0);
    }
    file.body = (struct proto_bytes){.data = body.data, .size_bytes = body.size_bytes};
    assert_int_equal(proto_encode(&proto_trust_file_schema, &file, buffer, &err), 0);
}

static int open_forge(const struct forge *forge, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_trust trust = {.version = 77};
    int r;

    forge_seal(forge, &buffer);
    r = proto_trust_open(buffer.data, buffer.size_bytes, &arena, &trust, err);
    if (r < 0)
        assert_int_equal(trust.version, 77);

    return r;
}

#define REFUSED(code, wanted, ...)                                \
    do {                                                          \
        struct bl_error err_ = {0};                               \
        struct forge f;                                           \
                                                                  \
        forge_init(&f);                                           \
        __VA_ARGS__;                                              \
        assert_int_equal(open_forge(&f, &err_), (code));          \
        if (strstr(err_.text, (wanted)) == NULL)                  \
            fail_msg("'%s' is not in '%s'", (wanted), err_.text); \
    } while (0)

static void a_good_one_opens(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_trust trust;
    struct bl_error err = {0};
    struct forge forge;

    forge_init(&forge);
    forge_seal(&forge, &buffer);
    if (proto_trust_open(buffer.data, buffer.size_bytes, &arena, &trust, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(trust.people_count, 3);
    assert_string_equal(trust.people[1].name, "bert");
    assert_int_equal(trust.people[1].role, PROTO_ROLE_COMMANDER);
    assert_int_equal(trust.quorums[2].commanders, 1);
    assert_string_equal(proto_role_name(trust.people[1].role), "commander");
    assert_string_equal(proto_role_name(3), "?");
}

static void every_bit_of_the_file_counts(void **state)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct forge forge;

    forge_init(&forge);
    forge_seal(&forge, &buffer);
    for (size_t bit = 0; bit < buffer.size_bytes * 8; bit++) {
        PROTO_AUTO_ARENA arena = {0};
        struct proto_trust trust;
        struct bl_error err = {0};

        buffer.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_true(proto_trust_open(buffer.data, buffer.size_bytes, &arena, &trust, &err) < 0);
        buffer.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t size = 0; size < buffer.size_bytes; size++) {
        PROTO_AUTO_ARENA arena = {0};
        struct proto_trust trust;
        struct bl_error err = {0};

        assert_int_equal(proto_trust_open(buffer.data, size, &arena, &trust, &err), -EBADMSG);
    }
}

static void enough_different_roots_must_sign(void **state)
{
    REFUSED(-EKEYREJECTED, "0 root keys signed, needed are 2", f.signer_count = 0);
    REFUSED(-EKEYREJECTED, "1 root keys signed, needed are 2", f.signer_count = 1);
    REFUSED(-EKEYREJECTED, "signed twice", f.signers[1] = 0);
    REFUSED(-EKEYREJECTED, "signed twice", f.signer_count = 3; f.signers[2] = 1);
    REFUSED(-EKEYREJECTED, "needed are 3", f.trust.roots_needed = 3);
    REFUSED(-EKEYREJECTED, "is not good", f.domain = PROTO_MANIFEST_DOMAIN);
    /* The second signer is no root of this file any more. */
    REFUSED(-EKEYREJECTED, "1 root keys signed", f.roots[1].key[0] ^= 1);
}

static void thresholds_can_be_met(void **state)
{
    REFUSED(-EPROTO, "can't be", f.trust.roots_needed = 0);
    REFUSED(-EPROTO, "can't be", f.trust.roots_needed = 4);
    REFUSED(-EPROTO, "0 root keys", f.trust.roots_count = 0; f.trust.roots_needed = 0);
    REFUSED(-EPROTO, "root key 1 is also root key 0", f.roots[1] = f.roots[0]);
    REFUSED(-EPROTO, "root key 1 is also root key 0", f.roots[1] = f.roots[0];
            f.roots[1].name = "other");
    REFUSED(-EPROTO, "two root keys are named 'safe'", f.roots[1].name = "safe");
    REFUSED(-EPROTO, "2 quorums", f.trust.quorums_count = 2);
    REFUSED(-EPROTO, "risk 'medium'", f.quorums[1] = (struct proto_quorum){0});
    REFUSED(-EPROTO, "format", f.trust.format = 2);
    REFUSED(-EPROTO, "version 0", f.trust.version = 0);
}

static void people_are_different_people(void **state)
{
    struct bl_error err = {0};
    struct forge forge;

    REFUSED(-EPROTO, "same key", memcpy(f.people[2].key, f.people[0].key, PROTO_KEY_BYTES));
    REFUSED(-EPROTO, "same key", memcpy(f.people[2].key, f.people[0].key, PROTO_KEY_BYTES);
            f.people[0].revoked = true);
    REFUSED(-EPROTO, "two keys", f.people[2].name = "anna");

    /* A key that was replaced stays in the file, revoked. */
    forge_init(&forge);
    forge.people[2].name = "anna";
    forge.people[0].revoked = true;
    assert_int_equal(open_forge(&forge, &err), 0);
}

static void too_large_is_refused(void **state)
{
    static const uint8_t large[PROTO_TRUST_BYTES_MAX + 1];
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust trust;
    struct bl_error err = {0};

    assert_int_equal(proto_trust_open(large, sizeof(large), &arena, &trust, &err), -EMSGSIZE);
}

static void the_anchor_is_that_of_the_set_of_roots(void **state)
{
    uint8_t anchor[PROTO_HASH_BYTES];
    uint8_t turned[PROTO_HASH_BYTES];
    uint8_t wanted[PROTO_HASH_BYTES];
    struct forge forge;
    struct proto_root kept;

    forge_init(&forge);
    forge.trust.roots_count = 1;
    proto_trust_anchor(&forge.trust, anchor);
    assert_int_equal(crypto_generichash(wanted, sizeof(wanted), forge.roots[0].key, 32, NULL, 0),
                     0);
    assert_memory_equal(anchor, wanted, sizeof(wanted));

    forge.trust.roots_count = ROOTS;
    proto_trust_anchor(&forge.trust, anchor);
    kept = forge.roots[0];
    forge.roots[0] = forge.roots[2];
    forge.roots[2] = kept;
    proto_trust_anchor(&forge.trust, turned);
    assert_memory_equal(anchor, turned, sizeof(anchor));
    forge.roots[2].key[9] ^= 4;
    proto_trust_anchor(&forge.trust, turned);
    assert_memory_not_equal(anchor, turned, sizeof(anchor));
}

/* What follows `before` when `f` is offered; the forge's roots are those of `before` as well. */
static int follow(const struct forge *before, const struct forge *f, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_trust next = {.version = 77};
    int r;

    forge_seal(f, &buffer);
    r = proto_trust_follow(&before->trust, buffer.data, buffer.size_bytes, &arena, &next, err);
    assert_int_equal(next.version, r < 0 ? 77 : before->trust.version + 1);

    return r;
}

#define FOLLOWS(code, wanted, ...)                                \
    do {                                                          \
        struct bl_error err_ = {0};                               \
        struct forge before, f;                                   \
                                                                  \
        forge_init(&before);                                      \
        before.trust.version = 5;                                 \
        forge_init(&f);                                           \
        f.trust.version = 6;                                      \
        __VA_ARGS__;                                              \
        assert_int_equal(follow(&before, &f, &err_), (code));     \
        if (strstr(err_.text, (wanted)) == NULL)                  \
            fail_msg("'%s' is not in '%s'", (wanted), err_.text); \
    } while (0)

static void one_follows_another_by_its_roots(void **state)
{
    FOLLOWS(0, "", (void)0);
    FOLLOWS(0, "", f.people[0].revoked = true);
    FOLLOWS(-ESTALE, "6 is not above the present one, 6", before.trust.version = 6);
    FOLLOWS(-ESTALE, "5 is not above the present one, 6", before.trust.version = 6;
            f.trust.version = 5);
    FOLLOWS(-EXDEV, "is 7, the next one after the present is 6", f.trust.version = 7);
    FOLLOWS(-EXDEV, "is 18446744073709551615", f.trust.version = UINT64_MAX);
    FOLLOWS(-ESTALE, "", before.trust.version = UINT64_MAX);
    /* Good by itself, and none of the former roots was asked. */
    FOLLOWS(-EKEYREJECTED, "signed by 1 of the present roots, 2 are needed",
            before.roots[1].key[3] ^= 1);
    FOLLOWS(-EKEYREJECTED, "signed by 2 of the present roots, 3 are needed",
            before.trust.roots_needed = 3);
    /* Roots change: the former ones sign, and enough of its own. */
    FOLLOWS(-EKEYREJECTED, "1 root keys signed, needed are 2", f.trust.roots = f.roots + 1;
            f.trust.roots_count = 2);
    FOLLOWS(0, "", f.trust.roots = f.roots + 1; f.trust.roots_count = 2; f.signer_count = 3);
    /* A former root that is none any more counts for the former ones alone. */
    FOLLOWS(0, "", f.trust.roots = f.roots + 2; f.trust.roots_count = 1; f.trust.roots_needed = 1;
            f.signer_count = 3);
    FOLLOWS(-EKEYREJECTED, "signed twice", f.signers[1] = 0);
}

/* The one before knows the first two roots, of which `needed` sign; all three are in the next one. */
static void knows_two(struct forge *before, uint64_t needed)
{
    before->trust.roots_count = 2;
    before->trust.roots_needed = needed;
}

static void roots_change_by_the_former_ones_alone(void **state)
{
    /* A root that is new signs, too: nobody can make one of a key that nobody has. */
    FOLLOWS(-EKEYREJECTED, "1 of its roots are new and did not sign", knows_two(&before, 2));
    FOLLOWS(0, "", knows_two(&before, 2); f.signer_count = 3);
    /* That it signed does not make it a former one. */
    FOLLOWS(-EKEYREJECTED, "signed by 1 of the present roots, 2 are needed", knows_two(&before, 2);
            f.signers[1] = 2);
    /* Fewer than the former threshold can't lower it, whatever the next one says of itself. */
    FOLLOWS(-EKEYREJECTED, "signed by 1 of the present roots, 2 are needed", f.signer_count = 1;
            f.trust.roots_needed = 1);
    FOLLOWS(-EKEYREJECTED, "signed by 1 of the present roots, 2 are needed", f.signer_count = 1;
            f.trust.roots_needed = 1; f.trust.roots_count = 1);
    FOLLOWS(0, "", f.trust.roots_needed = 1);
    /* All change at once: the former ones sign what they are no longer in. */
    FOLLOWS(0, "", before.trust.roots_count = 1; before.trust.roots_needed = 1;
            f.trust.roots = f.roots + 1; f.trust.roots_count = 2; f.signer_count = 3);
    FOLLOWS(-EKEYREJECTED, "signed by 0 of the present roots", before.trust.roots_count = 1;
            before.trust.roots_needed = 1; f.trust.roots = f.roots + 1; f.trust.roots_count = 2;
            f.signers[0] = 1; f.signers[1] = 2);
    /* The same person under another name is no second root. */
    FOLLOWS(-EPROTO, "root key 1 is also root key 0",
            memcpy(f.roots[1].key, f.roots[0].key, PROTO_KEY_BYTES));
}

/* Who looks at one that is half signed learns what is missing, and that all that is there is good. */
static void a_half_signed_one_is_counted(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_trust_tally tally;
    struct proto_trust_file file;
    struct proto_trust trust;
    struct bl_error err = {0};
    struct forge before, forge;

    forge_init(&before);
    knows_two(&before, 2);
    forge_init(&forge);
    forge.trust.version = 2;
    forge.signer_count = 1;
    forge_seal(&forge, &buffer);
    assert_int_equal(proto_trust_look(&before.trust, buffer.data, buffer.size_bytes, &arena, &trust,
                                      &file, &tally, &err),
                     0);
    assert_int_equal(tally.own_signed, 1);
    assert_int_equal(tally.former_signed, 1);
    assert_int_equal(tally.new_unsigned, 1);
    assert_true(proto_trust_has_signed(&file, forge.roots[0].key));
    assert_false(proto_trust_has_signed(&file, forge.roots[2].key));
    assert_true(proto_trust_is_root(&trust, forge.roots[2].key));
    assert_false(proto_trust_is_root(&before.trust, forge.roots[2].key));
    buffer.data[buffer.size_bytes - 1] ^= 1; /* of the signature */
    assert_int_equal(proto_trust_look(&before.trust, buffer.data, buffer.size_bytes, &arena, &trust,
                                      &file, &tally, &err),
                     -EKEYREJECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_opens),
        cmocka_unit_test(every_bit_of_the_file_counts),
        cmocka_unit_test(enough_different_roots_must_sign),
        cmocka_unit_test(thresholds_can_be_met),
        cmocka_unit_test(people_are_different_people),
        cmocka_unit_test(too_large_is_refused),
        cmocka_unit_test(one_follows_another_by_its_roots),
        cmocka_unit_test(roots_change_by_the_former_ones_alone),
        cmocka_unit_test(a_half_signed_one_is_counted),
        cmocka_unit_test(the_anchor_is_that_of_the_set_of_roots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
