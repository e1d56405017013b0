/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_TRUST_H
#define CTL_DAEMON_TRUST_H

#include "proto/trust.h"

/*
 * The trust file as new hosts get it, and what belayd refuses early with. Hosts that are enrolled
 * believe their own copy, and get each later one (trust_spread.h).
 */
struct ctl_trust {
    bool is_set;
    uint8_t *data;
    size_t size_bytes;
    struct proto_arena arena;
    struct proto_trust trust; /* valid while is_set */
    uint8_t anchor[PROTO_HASH_BYTES];
};

void ctl_trust_release(struct ctl_trust *trust);

/* That there is none yet is no failure. */
int ctl_trust_load(struct ctl_trust *trust, const char *state_dir, struct bl_error *err) BL_CHECKED;

/*
 * Takes a new one and keeps it in `state_dir`. -EKEYREJECTED: not sound, or not signed by enough of
 * the present roots; -ESTALE: the version is not above the present one; -EXDEV: nor the next one.
 * `anew`: the present roots are lost and not asked. Hosts judge for themselves, so those that are
 * enrolled take no such file; new ones do, when their token has its anchor.
 */
int ctl_trust_set(struct ctl_trust *trust, const char *state_dir, const void *data,
                  size_t size_bytes, bool anew, struct bl_error *err) BL_CHECKED;

/* NULL when the key is nobody's, or revoked. */
const struct proto_person *ctl_trust_person(const struct ctl_trust *trust,
                                            const uint8_t key[PROTO_KEY_BYTES]);

/* The name of whoever has the key, or "?". */
const char *ctl_trust_name_of(const struct ctl_trust *trust, const uint8_t key[PROTO_KEY_BYTES]);

#endif
