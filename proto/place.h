/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_PLACE_H
#define PROTO_PLACE_H

#include "proto/policy.h"

/*
 * Which host goes in which wave. It need not be written down to be signed: manifest and policy sign
 * the hosts, the rollout's id and the size of each wave, and hosts go in an order that follows.
 */
struct proto_place {
    uint8_t host_id[PROTO_HOST_ID_BYTES];
    uint32_t wave; /* from 0 */
    uint8_t order[PROTO_HASH_BYTES];
};

/* BLAKE2b-256 over host and rollout: the host with the smallest goes first. */
void proto_place_order(const uint8_t host_id[PROTO_HOST_ID_BYTES],
                       const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       uint8_t ret_order[PROTO_HASH_BYTES]);

/*
 * That the hosts fill the policy's waves in that order. Sorts `places`, and fills in their `order`.
 * -EUCLEAN: some host is in another wave, or a wave has more or fewer hosts.
 */
int proto_places_check(struct proto_place *places, uint32_t count,
                       const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       const struct proto_policy *policy, struct bl_error *err) BL_CHECKED;

#endif
