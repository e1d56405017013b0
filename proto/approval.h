/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_APPROVAL_H
#define PROTO_APPROVAL_H

#include "proto/manifest.h"

/*
 * An approval is what one person says about one rollout, signed on their own machine: this wave may
 * start, or what a severe failure is answered with. It names what it speaks of so closely that it is
 * good for nothing else: another rollout, another manifest, another wave or a later failure.
 */
#define PROTO_APPROVAL_DOMAIN "belay approval v1\n"

enum {
    PROTO_APPROVAL_FORMAT = 1,
    PROTO_APPROVAL_BYTES_MAX = 512,
};

enum proto_approval_about {
    PROTO_APPROVAL_WAVE = 1,    /* wave `number`, from 1, may start */
    PROTO_APPROVAL_ROLLBACK,    /* failure `number`, from 1: everything goes back */
    PROTO_APPROVAL_NO_ROLLBACK, /* failure `number`: what was changed stays */
    PROTO_APPROVAL_ABOUT_LAST = PROTO_APPROVAL_NO_ROLLBACK,
};

struct proto_approval { /* the body: what is signed */
    uint64_t format;    /* PROTO_APPROVAL_FORMAT */
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint8_t manifest_hash[PROTO_HASH_BYTES]; /* BLAKE2b-256 of its encoded bytes */
    uint32_t about;                          /* enum proto_approval_about */
    uint64_t number;                         /* of the wave or of the severe failure */
    int64_t given_ms, not_after_ms;          /* wall clock, since the epoch */
};

struct proto_approval_file { /* what travels and is stored */
    struct proto_bytes body; /* an encoded struct proto_approval, kept as signed */
    uint8_t key[PROTO_KEY_BYTES];
    uint8_t signature[PROTO_SIGNATURE_BYTES];
};

extern const struct proto_schema proto_approval_schema;
extern const struct proto_schema proto_approval_file_schema;

/* "wave", "rollback", "no_rollback"; "?" when out of range. */
const char *proto_approval_about_name(uint32_t about);

/* BLAKE2b-256 over an encoded manifest: what an approval and reports name it by. */
void proto_manifest_hash(const void *data, size_t size_bytes, uint8_t ret_hash[PROTO_HASH_BYTES]);

/*
 * Checks what the schema cannot say (-EINVAL): format, a number from 1, an end after the beginning,
 * at most 366 days later. Then signs; `ret_file` gets the encoded file.
 */
int proto_approval_seal(const struct proto_approval *approval, const uint8_t key[PROTO_KEY_BYTES],
                        const uint8_t secret[64], struct proto_buffer *ret_file,
                        struct bl_error *err) BL_CHECKED;

/* The same, for a secret that may be out of reach. */
int proto_approval_seal_by(const struct proto_approval *approval, const struct proto_signer *signer,
                           struct proto_buffer *ret_file, struct bl_error *err) BL_CHECKED;

/*
 * The signature is checked over the bytes as they came, before the body is decoded. Whose key it is
 * and whether it is too old is not looked at. -EBADMSG, -EMSGSIZE, -EKEYREJECTED, -EPROTO.
 */
int proto_approval_open(const void *data, size_t size_bytes, struct proto_approval *ret_approval,
                        uint8_t ret_key[PROTO_KEY_BYTES], struct bl_error *err) BL_CHECKED;

#endif
