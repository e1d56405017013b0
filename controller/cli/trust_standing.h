/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_TRUST_STANDING_H
#define CTL_CLI_TRUST_STANDING_H

#include <jansson.h>
#include <stdio.h>

#include "proto/trust.h"

/* A trust file that is on its way to be signed by enough roots: what it changes, who is missing. */
struct ctl_trust_standing {
    struct proto_arena arena;
    struct proto_trust before; /* version 0: there is none, or nobody asks it */
    struct proto_trust next;
    struct proto_trust_file file;
    struct proto_trust_tally tally;
};

enum {
    CTL_TRUST_MISSING_BYTES = 1600,
};

/*
 * Checks both. `former_bytes` 0: there is none before, or a new chain begins. The memory of `file`
 * must outlive the standing.
 */
int ctl_trust_stand(const void *former, size_t former_bytes, const struct proto_buffer *file,
                    struct ctl_trust_standing *ret_standing, struct bl_error *err) BL_CHECKED;
void ctl_trust_standing_release(struct ctl_trust_standing *standing);
#define CTL_AUTO_TRUST_STANDING BL_CLEANUP(ctl_trust_standing_release) struct ctl_trust_standing

/* Enough have signed: hosts take it. */
bool ctl_trust_is_whole(const struct ctl_trust_standing *standing);

/* Would a signature of this key bring it nearer to that? */
bool ctl_trust_wants(const struct ctl_trust_standing *standing, const uint8_t key[PROTO_KEY_BYTES]);

/* A sentence: how many signed of how many, and whose signatures are missing. Not escaped. */
const char *ctl_trust_missing(const struct ctl_trust_standing *standing,
                              char ret_text[CTL_TRUST_MISSING_BYTES]);

/* The same for programs: version, counts, names that are missing. */
json_t *ctl_trust_standing_json(const struct ctl_trust_standing *standing);

/* What differs from the one before, a line each, for the person who is to sign. */
void ctl_trust_print_changes(const struct ctl_trust_standing *standing, FILE *to);

#endif
