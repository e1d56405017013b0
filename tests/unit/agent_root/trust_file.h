/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_AGENT_ROOT_TRUST_FILE_H
#define TESTS_UNIT_AGENT_ROOT_TRUST_FILE_H

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "proto/trust.h"
#include "tests/lib/unit.h"

enum {
    TRUST_FILE_PERSON = 77,
};

/* A trust file of one root and of anna, who may be revoked: keys are made of `root` and the number above. */
static inline void trust_file_seal(uint64_t version, uint8_t root, bool is_revoked,
                                   struct proto_buffer *ret_file)
{
    const uint8_t seed[crypto_sign_SEEDBYTES] = {root};
    const uint8_t person_seed[crypto_sign_SEEDBYTES] = {TRUST_FILE_PERSON};
    struct proto_person person = {
        .name = "anna", .role = PROTO_ROLE_OPERATOR, .revoked = is_revoked};
    struct proto_quorum quorums[3] = {{1, 0}, {1, 0}, {1, 1}};
    struct proto_root roots[1] = {{.name = "root"}};
    struct proto_trust trust = {.format = PROTO_TRUST_FORMAT,
                                .version = version,
                                .roots = roots,
                                .roots_count = 1,
                                .roots_needed = 1,
                                .people = &person,
                                .people_count = 1,
                                .quorums = quorums,
                                .quorums_count = 3};
    struct proto_signature signature;
    struct proto_trust_file file = {.signatures = &signature, .signatures_count = 1};
    PROTO_AUTO_BUFFER body = {0};
    struct bl_error err = {0};
    uint8_t secret[64];

    (void)crypto_sign_seed_keypair(person.key, secret, person_seed);
    (void)crypto_sign_seed_keypair(roots[0].key, secret, seed);
    memcpy(signature.key, roots[0].key, sizeof(signature.key));
    assert_int_equal(proto_encode(&proto_trust_schema, &trust, &body, &err), 0);
    assert_int_equal(proto_sign(PROTO_TRUST_DOMAIN, body.data, body.size_bytes, secret,
                                signature.signature, &err),
                     0);
    file.body = (struct proto_bytes){body.data, body.size_bytes};
    assert_int_equal(proto_encode(&proto_trust_file_schema, &file, ret_file, &err), 0);
}

/* Writes it as DIRECTORY/trust, as `join` does. */
static inline void trust_file_write(const char *directory, const struct proto_buffer *file)
{
    struct bl_error err = {0};
    int fd = bl_dir_open(AT_FDCWD, directory, &err);

    assert_true(fd >= 0);
    assert_int_equal(bl_file_replace(fd, "trust", file->data, file->size_bytes, &err), 0);
    bl_close_fd(&fd);
}

#endif
