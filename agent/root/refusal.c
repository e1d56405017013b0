/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/refusal.h"

#include <stddef.h>

static const char *const names[AGENT_REFUSAL_LAST + 1] = {
    [AGENT_REFUSAL_NONE] = "none",
    [AGENT_REFUSAL_NO_TRUST] = "no_trust",
    [AGENT_REFUSAL_NO_SIGNATURE] = "no_signature",
    [AGENT_REFUSAL_SIGNED_TWICE] = "signed_twice",
    [AGENT_REFUSAL_UNKNOWN_KEY] = "unknown_key",
    [AGENT_REFUSAL_REVOKED_KEY] = "revoked_key",
    [AGENT_REFUSAL_BAD_SIGNATURE] = "bad_signature",
    [AGENT_REFUSAL_BAD_MANIFEST] = "bad_manifest",
    [AGENT_REFUSAL_TOO_FEW_PEOPLE] = "too_few_people",
    [AGENT_REFUSAL_NOT_YET_VALID] = "not_yet_valid",
    [AGENT_REFUSAL_EXPIRED] = "expired",
    [AGENT_REFUSAL_COUNTER_USED] = "counter_used",
    [AGENT_REFUSAL_COUNTER_AHEAD] = "counter_ahead",
    [AGENT_REFUSAL_UNKNOWN_KIND] = "unknown_kind",
    [AGENT_REFUSAL_NOT_A_TARGET] = "not_a_target",
    [AGENT_REFUSAL_ROLLOUT_SEEN] = "rollout_seen",
    [AGENT_REFUSAL_BUSY] = "busy",
};

const char *agent_refusal_name(enum agent_refusal refusal)
{
    size_t index = (size_t)refusal;

    return index < sizeof(names) / sizeof(names[0]) ? names[index] : "?";
}

enum {
    /* A stranger at the controller must not fill our disk with refusals. */
    AT_ONCE_MAX = 20,
    EVERY_MS = 60 * 1000,
};

struct agent_refusal_bucket agent_refusal_bucket_full(struct bl_mono now)
{
    return (struct agent_refusal_bucket){.left = AT_ONCE_MAX, .from = now};
}

bool agent_refusal_may_tell(struct agent_refusal_bucket *bucket, struct bl_mono now)
{
    int64_t earned = (now.ms - bucket->from.ms) / EVERY_MS;

    if (earned > 0) {
        bucket->from = now;
        bucket->left =
            earned + bucket->left > AT_ONCE_MAX ? AT_ONCE_MAX : bucket->left + (unsigned)earned;
    }
    if (bucket->left == 0)
        return false;
    bucket->left--;

    return true;
}
