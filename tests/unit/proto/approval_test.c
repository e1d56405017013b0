/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/approval.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/memory.h"
#include "tests/lib/unit.h"

struct desk {
    uint8_t key[PROTO_KEY_BYTES];
    uint8_t secret[64];
};

static void open_desk(struct desk *desk, uint8_t number)
{
    const uint8_t seed[crypto_sign_SEEDBYTES] = {number};
    struct bl_error err = {0};

    assert_int_equal(proto_init(&err), 0);
    assert_int_equal(crypto_sign_seed_keypair(desk->key, desk->secret, seed), 0);
}

static struct proto_approval sample(void)
{
    return (struct proto_approval){
        .format = PROTO_APPROVAL_FORMAT,
        .rollout_id = {1, 2, 3},
        .manifest_hash = {0xaa},
        .about = PROTO_APPROVAL_WAVE,
        .number = 2,
        .given_ms = 1795000000000,
        .not_after_ms = 1795086400000,
    };
}

static void what_was_sealed_opens(void **state)
{
    const struct proto_approval approval = sample();
    PROTO_AUTO_BUFFER file = {0};
    struct proto_approval opened = {0};
    uint8_t key[PROTO_KEY_BYTES];
    struct bl_error err = {0};
    struct desk desk;

    open_desk(&desk, 1);
    assert_int_equal(proto_approval_seal(&approval, desk.key, desk.secret, &file, &err), 0);
    assert_int_equal(proto_approval_open(file.data, file.size_bytes, &opened, key, &err), 0);
    assert_memory_equal(key, desk.key, sizeof(key));
    assert_memory_equal(opened.rollout_id, approval.rollout_id, sizeof(opened.rollout_id));
    assert_memory_equal(opened.manifest_hash, approval.manifest_hash, sizeof(opened.manifest_hash));
    assert_int_equal(opened.about, PROTO_APPROVAL_WAVE);
    assert_int_equal(opened.number, 2);
    assert_int_equal(opened.given_ms, approval.given_ms);
    assert_int_equal(opened.not_after_ms, approval.not_after_ms);
}

static void any_bit_that_flips_spoils_it(void **state)
{
    const struct proto_approval approval = sample();
    PROTO_AUTO_BUFFER file = {0};
    struct bl_error err = {0};
    struct desk desk;

    open_desk(&desk, 1);
    assert_int_equal(proto_approval_seal(&approval, desk.key, desk.secret, &file, &err), 0);
    for (size_t bit = 0; bit < file.size_bytes * 8; bit++) {
        struct proto_approval opened = {.number = 77};
        uint8_t key[PROTO_KEY_BYTES];

        file.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        err = (struct bl_error){0};
        if (proto_approval_open(file.data, file.size_bytes, &opened, key, &err) >= 0)
            fail_msg("bit %zu does not matter", bit);
        assert_int_equal(opened.number, 77);
        assert_true(err.text[0] != '\0');
        file.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
}

static void no_part_of_it_and_nothing_behind_it_opens(void **state)
{
    const struct proto_approval approval = sample();
    static const uint8_t big[PROTO_APPROVAL_BYTES_MAX + 1];
    PROTO_AUTO_BUFFER file = {0};
    struct proto_approval opened;
    uint8_t key[PROTO_KEY_BYTES];
    struct bl_error err = {0};
    struct desk desk;
    size_t whole_bytes;

    open_desk(&desk, 1);
    assert_int_equal(proto_approval_seal(&approval, desk.key, desk.secret, &file, &err), 0);
    whole_bytes = file.size_bytes;
    for (size_t size_bytes = 0; size_bytes < whole_bytes; size_bytes++) {
        assert_int_equal(proto_approval_open(file.data, size_bytes, &opened, key, &err), -EBADMSG);
    }
    assert_int_equal(proto_buffer_append(&file, "", 1, &err), 0);
    assert_int_equal(proto_approval_open(file.data, file.size_bytes, &opened, key, &err), -EBADMSG);
    assert_int_equal(proto_approval_open(big, sizeof(big), &opened, key, &err), -EMSGSIZE);
}

/* Signed for `domain`, with whatever the body says: what seal() itself would not make. */
static int open_forged(const struct proto_approval *approval, const char *domain,
                       struct bl_error *err)
{
    PROTO_AUTO_BUFFER body = {0}, data = {0};
    struct proto_approval_file file;
    struct proto_approval opened;
    uint8_t key[PROTO_KEY_BYTES];
    struct desk desk;

    open_desk(&desk, 1);
    assert_int_equal(proto_encode(&proto_approval_schema, approval, &body, err), 0);
    file.body = (struct proto_bytes){.data = body.data, .size_bytes = body.size_bytes};
    memcpy(file.key, desk.key, sizeof(file.key));
    assert_int_equal(
        proto_sign(domain, body.data, body.size_bytes, desk.secret, file.signature, err), 0);
    assert_int_equal(proto_encode(&proto_approval_file_schema, &file, &data, err), 0);

    return proto_approval_open(data.data, data.size_bytes, &opened, key, err);
}

static void a_signature_over_anything_else_is_none(void **state)
{
    const struct proto_approval approval = sample();
    struct bl_error err = {0};

    assert_int_equal(open_forged(&approval, PROTO_APPROVAL_DOMAIN, &err), 0);
    assert_int_equal(open_forged(&approval, PROTO_MANIFEST_DOMAIN, &err), -EKEYREJECTED);
    assert_int_equal(open_forged(&approval, "", &err), -EKEYREJECTED);
}

#define REFUSED(wanted, ...)                                                              \
    do {                                                                                  \
        struct proto_approval a = sample();                                               \
        struct bl_error err_ = {0};                                                       \
        PROTO_AUTO_BUFFER file_ = {0};                                                    \
        struct desk desk_;                                                                \
                                                                                          \
        open_desk(&desk_, 1);                                                             \
        __VA_ARGS__;                                                                      \
        assert_int_equal(open_forged(&a, PROTO_APPROVAL_DOMAIN, &err_), -EPROTO);         \
        if (strstr(err_.text, (wanted)) == NULL)                                          \
            fail_msg("'%s' is not in '%s'", (wanted), err_.text);                         \
        assert_int_equal(proto_approval_seal(&a, desk_.key, desk_.secret, &file_, &err_), \
                         -EINVAL);                                                        \
        assert_int_equal(file_.size_bytes, 0);                                            \
    } while (0)

static void what_makes_no_sense_is_neither_signed_nor_read(void **state)
{
    REFUSED("format 2", a.format = 2);
    REFUSED("no wave 0", a.number = 0);
    REFUSED("no failure 0", a.number = 0, a.about = PROTO_APPROVAL_ROLLBACK);
    REFUSED("no wave 4294967296", a.number = UINT64_C(1) << 32);
    REFUSED("ends before", a.not_after_ms = a.given_ms);
    REFUSED("ends before", a.given_ms = -1);
    REFUSED("366 days", a.not_after_ms = a.given_ms + PROTO_DURATION_MS_MAX + 1);
    REFUSED("366 days", a.given_ms = 0, a.not_after_ms = INT64_MAX);
}

static void nobody_signs_with_the_key_of_another(void **state)
{
    const struct proto_approval approval = sample();
    PROTO_AUTO_BUFFER file = {0};
    struct bl_error err = {0};
    struct desk mine, other;

    open_desk(&mine, 1);
    open_desk(&other, 2);
    assert_int_equal(proto_approval_seal(&approval, other.key, mine.secret, &file, &err),
                     -EKEYREJECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens),
        cmocka_unit_test(any_bit_that_flips_spoils_it),
        cmocka_unit_test(no_part_of_it_and_nothing_behind_it_opens),
        cmocka_unit_test(a_signature_over_anything_else_is_none),
        cmocka_unit_test(what_makes_no_sense_is_neither_signed_nor_read),
        cmocka_unit_test(nobody_signs_with_the_key_of_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
