/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_SAMPLE_H
#define PROTO_SAMPLE_H

#include "proto/manifest.h"
#include "proto/place.h"

/*
 * The hosts of a rollout that are looked at more closely: the first few of each wave, in the order in
 * which hosts go (proto/place.h). It is that of a hash over host and rollout, so nobody chose them,
 * and anybody can draw once more. The manifest names them by the first 8 bytes of that hash: so a
 * host finds out by itself, and the controller draws again from what was signed.
 */
#define PROTO_SAMPLE_SHARE_ALL 10000 /* hundredths of a percent */

/* How many of so many: rounded up. */
uint64_t proto_sample_count(uint64_t share, uint64_t hosts_count);

/* `places`: in order and checked; room for all hosts. Returns how many bytes it wrote: 8 a host. */
size_t proto_sample_draw(const struct proto_place *places, const struct proto_policy *policy,
                         uint8_t *ret_hosts);

/* -EUCLEAN: the hosts of the manifest are not those that the policy's share gives. */
int proto_sample_check(const struct proto_place *places, const struct proto_manifest *manifest,
                       const struct proto_policy *policy, struct bl_error *err) BL_CHECKED;

bool proto_sample_has(const struct proto_manifest *manifest,
                      const uint8_t host_id[PROTO_HOST_ID_BYTES]);

/* For a host of the sample: what is looked at more closely is verified like all else. */
int proto_sample_apply(struct proto_manifest *manifest, const uint8_t host_id[PROTO_HOST_ID_BYTES],
                       struct proto_arena *arena, struct bl_error *err) BL_CHECKED;

#endif
