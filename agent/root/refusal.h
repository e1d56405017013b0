/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_REFUSAL_H
#define AGENT_ROOT_REFUSAL_H

#include <stdbool.h>

#include "common/clock.h"

/*
 * Why this host does not take an order: the closed list. The names go into reports, audit rows and
 * docs/states.md, so they are never renamed. A host that cannot decide at all (its journal fails)
 * does not refuse; it stops.
 */
enum agent_refusal {
    AGENT_REFUSAL_NONE = 0,
    AGENT_REFUSAL_NO_TRUST,       /* no usable trust file on this host */
    AGENT_REFUSAL_NO_SIGNATURE,   /* nobody signed */
    AGENT_REFUSAL_SIGNED_TWICE,   /* one key signed twice */
    AGENT_REFUSAL_UNKNOWN_KEY,    /* a signature by a key that the trust file does not name */
    AGENT_REFUSAL_REVOKED_KEY,    /* a signature by a key that the trust file revokes */
    AGENT_REFUSAL_BAD_SIGNATURE,  /* a signature that is not over these bytes */
    AGENT_REFUSAL_BAD_MANIFEST,   /* signed, and not exactly a manifest */
    AGENT_REFUSAL_TOO_FEW_PEOPLE, /* fewer different people than what the manifest does needs */
    AGENT_REFUSAL_NOT_YET_VALID,
    AGENT_REFUSAL_EXPIRED,
    AGENT_REFUSAL_COUNTER_USED,  /* not above the last counter of a signer: a replay */
    AGENT_REFUSAL_COUNTER_AHEAD, /* so far ahead that it would lock its signer out */
    AGENT_REFUSAL_UNKNOWN_KIND,  /* the manifest has no transaction of this number */
    AGENT_REFUSAL_NOT_A_TARGET,  /* the proof does not lead from this host to the signed root */
    AGENT_REFUSAL_ROLLOUT_SEEN,  /* another manifest with this rollout id was taken before */
    AGENT_REFUSAL_BUSY,          /* another job of this host is open */
    AGENT_REFUSAL_LAST = AGENT_REFUSAL_BUSY,
};

/* Stable lower-case name, for example "unknown_key"; "?" when out of range. */
const char *agent_refusal_name(enum agent_refusal refusal);

/* So many refusals are told at once, and then one a minute: who asks may ask as often as it likes. */
struct agent_refusal_bucket {
    unsigned left;
    struct bl_mono from; /* when `left` was last true */
};

struct agent_refusal_bucket agent_refusal_bucket_full(struct bl_mono now);
/* Takes one out; false when it is empty. */
bool agent_refusal_may_tell(struct agent_refusal_bucket *bucket, struct bl_mono now);

#endif
