/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_TRUST_H
#define PROTO_TRUST_H

#include "proto/manifest.h"

/*
 * The trust file: whose signatures a host believes. Hosts hold it at /etc/belay/trust. It is
 * signed (PROTO_TRUST_DOMAIN) by a threshold of its own roots at first, later by a threshold of
 * the roots of the version before it.
 */
#define PROTO_TRUST_DOMAIN "belay trust v1\n"

enum {
    PROTO_TRUST_FORMAT = 1,
    PROTO_TRUST_BYTES_MAX = 32 * 1024,
    PROTO_ROOTS_MAX = 8,
    PROTO_TRUST_SIGNATURES_MAX = 2 * PROTO_ROOTS_MAX, /* all former roots, and all new ones */
    PROTO_PEOPLE_MAX = 128,
};

enum proto_role {
    PROTO_ROLE_OPERATOR = 1,
    PROTO_ROLE_COMMANDER
};

struct proto_person {
    const char *name;
    uint8_t key[PROTO_KEY_BYTES];
    uint32_t role; /* enum proto_role */
    bool revoked;
};

struct proto_root {
    const char *name; /* for people to say whose signature is missing; the key is what counts */
    uint8_t key[PROTO_KEY_BYTES];
};

/* How many different people must sign; a commander may stand for an operator. */
struct proto_quorum {
    uint64_t operators;
    uint64_t commanders;
};

struct proto_trust {
    uint64_t format;
    uint64_t version; /* rises by one with each trust file */
    struct proto_root *roots;
    uint32_t roots_count;
    uint64_t roots_needed; /* 1..roots_count */
    struct proto_person *people;
    uint32_t people_count;
    struct proto_quorum *quorums; /* exactly 3: low, medium, high */
    uint32_t quorums_count;

    /* Not part of the file: BLAKE2b-256 of the signed body, as proto_trust_open saw it. A version
     * alone tells no file: a desk that was restored writes another one of the same number. */
    uint8_t hash[PROTO_HASH_BYTES];
};

struct proto_trust_file {    /* what lies on disk and travels */
    struct proto_bytes body; /* an encoded struct proto_trust, kept as signed */
    struct proto_signature *signatures;
    uint32_t signatures_count;
};

extern const struct proto_schema proto_trust_schema;
extern const struct proto_schema proto_trust_file_schema;

const char *proto_role_name(uint32_t role); /* "operator", "commander", "?" */

/*
 * What must hold besides the schema: no key twice (among roots, among people), no two roots
 * of one name, no two keys of one person that are not revoked, thresholds that can be met, quorums of at least one person. -EPROTO.
 * To be called before signing; proto_trust_open does it after reading.
 */
int proto_trust_check(const struct proto_trust *trust, struct bl_error *err) BL_CHECKED;

/* Who signed a trust file, as counted against what it and the one before it ask for. */
struct proto_trust_tally {
    uint64_t own_signed;    /* roots of itself; roots_needed must have */
    uint64_t former_signed; /* roots of the one before; its roots_needed must have */
    uint64_t
        new_unsigned; /* roots that the one before lacks and that have not signed: none may be */
};

/*
 * Decodes a trust file that need not be signed by enough yet, and checks all that it holds:
 * signatures that are there must be good, and none of one key twice. `before` NULL: nothing is
 * counted against it. *ret_file lies in `data`. -EBADMSG, -EPROTO, -EKEYREJECTED.
 */
int proto_trust_look(const struct proto_trust *before, const void *data, size_t size_bytes,
                     struct proto_arena *arena, struct proto_trust *ret_trust,
                     struct proto_trust_file *ret_file, struct proto_trust_tally *ret_tally,
                     struct bl_error *err) BL_CHECKED;

/* Is this one of its roots? */
bool proto_trust_is_root(const struct proto_trust *trust, const uint8_t key[PROTO_KEY_BYTES]);
/* Is there a signature of this key? Whether it is good was seen by proto_trust_look. */
bool proto_trust_has_signed(const struct proto_trust_file *file,
                            const uint8_t key[PROTO_KEY_BYTES]);

/*
 * Decodes a trust file, checks it, and that enough different roots *of itself* signed it. All its
 * signatures must be good; those of others than roots do not count. -EBADMSG, -EPROTO, -EKEYREJECTED.
 */
int proto_trust_open(const void *data, size_t size_bytes, struct proto_arena *arena,
                     struct proto_trust *ret_trust, struct bl_error *err) BL_CHECKED;

/*
 * Opens the trust file that is to follow `before`, and judges whether it may: its version is the
 * next one exactly, enough of the roots of `before` signed it as well, and so did each root that is
 * new, which shows that somebody has its secret. Whoever has an older one takes all versions in
 * between, one after the other. -ESTALE: this version or an older one;
 * -EXDEV: versions in between are missing; -EKEYREJECTED and the rest as proto_trust_open.
 */
int proto_trust_follow(const struct proto_trust *before, const void *data, size_t size_bytes,
                       struct proto_arena *arena, struct proto_trust *ret_next,
                       struct bl_error *err) BL_CHECKED;

/* BLAKE2b-256 over the sorted root keys: what an enrolment token carries to anchor a new host. */
void proto_trust_anchor(const struct proto_trust *trust, uint8_t ret_anchor[PROTO_HASH_BYTES]);

#endif
