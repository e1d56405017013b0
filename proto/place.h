/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_PLACE_H
#define PROTO_PLACE_H

#include "proto/policy.h"

/*
 * Which host goes in which wave. It need not be written down to be signed: manifest and policy sign
 * the hosts, the rollout's id, the size of each wave and the value that each host is spread by, and
 * hosts go in an order that follows.
 */
struct proto_place {
    uint8_t host_id[PROTO_HOST_ID_BYTES];
    uint32_t wave;  /* from 0 */
    uint32_t value; /* that waves are spread over; 0 when there is none */
    uint32_t index; /* the caller's: goes along when places are sorted */
    uint8_t order[PROTO_HASH_BYTES];
    uint32_t rank, rank_of; /* among the hosts of its value */
};

/* BLAKE2b-256 over host and rollout. */
void proto_place_order(const uint8_t host_id[PROTO_HOST_ID_BYTES],
                       const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       uint8_t ret_order[PROTO_HASH_BYTES]);

/*
 * Sorts hosts as they go. Those of one value go by BLAKE2b-256 over host and rollout, the smallest
 * first; number k of n hosts (from 0) stands at k/n of the whole, so that each value is as far as
 * every other at any time, and one of each goes before a second of any. Equal ones go by the hash.
 */
void proto_places_sort(struct proto_place *places, uint32_t count,
                       const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);

/*
 * That no wave takes all hosts of a value (and its last ones with it), unless it has one only, or the
 * budget keeps them from being down together. Places need value and wave. -ERANGE names wave and value.
 */
int proto_places_check_spread(const struct proto_place *places, uint32_t count,
                              const struct proto_policy *policy, struct bl_error *err) BL_CHECKED;

/*
 * That the hosts fill the policy's waves in that order, and are spread as it says. Sorts `places`.
 * -EUCLEAN: some host is in another wave, or a wave has more or fewer hosts; -ERANGE as above.
 */
int proto_places_check(struct proto_place *places, uint32_t count,
                       const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       const struct proto_policy *policy, struct bl_error *err) BL_CHECKED;

#endif
