/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_TRUST_BUILD_H
#define CTL_CLI_TRUST_BUILD_H

#include "controller/cli/keyring.h"
#include "proto/trust.h"

/* The trust file of this desk: whose signatures hosts believe. Signed with root.key. */

struct ctl_trust_wish { /* what is to differ from the trust file before */
    const struct ctl_key_list *keys;
    const char *const *revoke; /* names */
    uint32_t revoke_count;
    const char *quorums[3]; /* low, medium, high: "OPERATORS+COMMANDERS"; NULL = as before */
};

/*
 * Makes the next trust file from the one before (`before_bytes` 0: none). Everybody in the former
 * one stays, revoked people too. Returns 1 and the new body, or 0 when nothing would change.
 */
int ctl_trust_next(const void *before, size_t before_bytes, const struct ctl_key *root,
                   const struct ctl_trust_wish *wish, struct proto_buffer *ret_body,
                   struct bl_error *err) BL_CHECKED;

/* Signs `body`, and opens the result again as a host would, so that none leaves here that hosts refuse. */
int ctl_trust_sign(const struct proto_buffer *body, const struct ctl_key *root,
                   const struct ctl_secret *secret, struct proto_buffer *ret_file,
                   struct bl_error *err) BL_CHECKED;

#endif
