/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_IDS_H
#define PROTO_IDS_H

#include <stdint.h>

/*
 * The identities that both sides speak of. All are plain bytes; names are only for people.
 */

enum {
    PROTO_HOST_ID_BYTES = 32,    /* a host's CURVE public key: its identity */
    PROTO_ROLLOUT_ID_BYTES = 8,  /* random, made by the desk that signs */
    PROTO_KEY_BYTES = 32,        /* a person's Ed25519 public key */
    PROTO_SIGNATURE_BYTES = 64,  /* Ed25519 */
    PROTO_HASH_BYTES = 32,       /* BLAKE2b-256 */
    PROTO_TOKEN_BYTES = 16,      /* the secret half of an enrolment token */
    PROTO_BOOT_ID_BYTES_MAX = 36 /* text form, as in /proc/sys/kernel/random/boot_id */
};

#endif
