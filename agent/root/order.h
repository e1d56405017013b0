/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_ORDER_H
#define AGENT_ROOT_ORDER_H

#include "agent/root/journal.h"
#include "agent/root/refusal.h"
#include "common/clock.h"
#include "proto/manifest.h"
#include "proto/message.h"
#include "proto/trust.h"

/*
 * The one door through which work comes in. A host takes an order for what people signed, never
 * for what brought it: signatures are checked over the bytes as received, and only then are these
 * bytes decoded. How many people must sign follows from what the manifest does and from this
 * host's trust file, not from the grade that the manifest claims for itself.
 */
enum {
    /* Longest that a host's clock may be behind the desk's before it calls an order too early. */
    AGENT_ORDER_CLOCK_SLACK_MS = 5 * 60 * 1000,
    /* A counter further ahead than this would lock its signer out for as long. */
    AGENT_ORDER_COUNTER_AHEAD_MS = 24 * 60 * 60 * 1000,
};

/* What the host knows. All borrowed. */
struct agent_order_context {
    struct agent_journal *journal;
    const struct proto_trust *trust; /* NULL: there is none that can be used */
    const uint8_t *host_id;          /* PROTO_HOST_ID_BYTES */
    struct bl_wall now;
};

struct agent_order {
    uint8_t job_id[AGENT_JOB_ID_BYTES]; /* always set, also for what is refused */
    uint8_t
        rollout_id[PROTO_ROLLOUT_ID_BYTES]; /* refused early: as the bytes claim, for the report */
    uint32_t kind;
    struct proto_manifest manifest; /* valid when taken; memory of the arena */
    enum proto_risk risk;           /* what decided on the signatures; valid when taken */
    enum agent_refusal refusal;
    char reason[PROTO_REASON_BYTES_MAX + 1]; /* of a refusal: a sentence */
};

/*
 * Fills *ret_order; its `refusal` tells the verdict. Below 0 the host could not decide (journal or
 * memory), and nothing may be done. Changes nothing: an order is taken by agent_journal_write().
 */
int agent_order_verify(const struct agent_order_context *context, const struct proto_offer *offer,
                       struct proto_arena *arena, struct agent_order *ret_order,
                       struct bl_error *err) BL_CHECKED;

/* The job's name on this host: first bytes of BLAKE2b-256 of the manifest. */
void agent_order_job_id(struct proto_bytes manifest, uint8_t ret_job_id[AGENT_JOB_ID_BYTES]);

/* What it allows a job that is taken now. */
struct agent_job_limits agent_order_limits(const struct proto_manifest *manifest,
                                           struct bl_wall now);

/* What the manifest does, at least what it claims: removal, downgrade and kernel are high. */
enum proto_risk agent_order_risk(const struct proto_manifest *manifest);

#endif
