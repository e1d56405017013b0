/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_TRUST_BUILD_H
#define CTL_CLI_TRUST_BUILD_H

#include "controller/cli/keyring.h"
#include "proto/trust.h"

/* The next trust file: whose signatures hosts believe. Signed with root keys, one after the other. */

struct ctl_trust_wish {              /* what is to differ from the trust file before */
    const struct ctl_key_list *keys; /* people to trust; NULL: nobody else */
    const char *const *revoke;       /* names */
    uint32_t revoke_count;
    const char *quorums[3]; /* low, medium, high: "OPERATORS+COMMANDERS"; NULL = as before */
    const struct ctl_key *const *add_roots;
    uint32_t add_roots_count;
    const char *const *remove_roots; /* names */
    uint32_t remove_roots_count;
    uint64_t roots_needed; /* 0 = as before */
    bool anew;             /* the former roots are lost: `root` alone takes their place */
};

/*
 * Makes the next trust file from the one before (`before_bytes` 0: none), signed by nobody yet.
 * Everybody in the former one stays, revoked people too. `root` is used when there is none before,
 * or anew. Returns 1 and the new file, or 0 when nothing would change.
 */
int ctl_trust_next(const void *before, size_t before_bytes, const struct ctl_key *root,
                   const struct ctl_trust_wish *wish, struct proto_buffer *ret_file,
                   struct bl_error *err) BL_CHECKED;

/* Adds a root's signature to the file. -EEXIST when that key has signed. */
int ctl_trust_sign(struct proto_buffer *file, const struct ctl_key *root,
                   const struct ctl_secret *secret, struct bl_error *err) BL_CHECKED;

#endif
