/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/place.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/hex.h"

void proto_place_order(const uint8_t host_id[PROTO_HOST_ID_BYTES],
                       const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       uint8_t ret_order[PROTO_HASH_BYTES])
{
    uint8_t both[PROTO_HOST_ID_BYTES + PROTO_ROLLOUT_ID_BYTES];

    memcpy(both, host_id, PROTO_HOST_ID_BYTES);
    memcpy(both + PROTO_HOST_ID_BYTES, rollout_id, PROTO_ROLLOUT_ID_BYTES);
    (void)crypto_generichash(ret_order, PROTO_HASH_BYTES, both, sizeof(both), NULL, 0);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(((const struct proto_place *)a)->host_id,
                  ((const struct proto_place *)b)->host_id, PROTO_HOST_ID_BYTES);
}

static int compare_orders(const void *a, const void *b)
{
    const struct proto_place *left = a, *right = b;

    return memcmp(left->order, right->order, sizeof(left->order));
}

static int compare_places(const void *a, const void *b)
{
    const struct proto_place *left = a, *right = b;
    const uint64_t left_part = (uint64_t)left->rank * right->rank_of;
    const uint64_t right_part = (uint64_t)right->rank * left->rank_of;

    if (left_part != right_part)
        return left_part < right_part ? -1 : 1;

    return compare_orders(a, b);
}

void proto_places_sort(struct proto_place *places, uint32_t count,
                       const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    uint32_t counts[PROTO_POLICY_VALUES_MAX + 1] = {0};

    for (uint32_t i = 0; i < count; i++)
        proto_place_order(places[i].host_id, rollout_id, places[i].order);
    qsort(places, count, sizeof(*places), compare_orders);
    for (uint32_t i = 0; i < count; i++) {
        BL_ASSERT(places[i].value <= PROTO_POLICY_VALUES_MAX);
        places[i].rank = counts[places[i].value]++;
    }
    for (uint32_t i = 0; i < count; i++)
        places[i].rank_of = counts[places[i].value];
    qsort(places, count, sizeof(*places), compare_places);
}

/* The policy was decoded: a value for each host of its waves. */
static void take_values(struct proto_place *places, uint32_t count,
                        const struct proto_policy *policy)
{
    const uint8_t *values = policy->spread_count > 0 ? policy->spread->hosts.data : NULL;

    qsort(places, count, sizeof(*places), compare_ids);
    for (uint32_t i = 0; i < count; i++)
        places[i].value = values == NULL ? 0 : values[i];
}

int proto_places_check_spread(const struct proto_place *places, uint32_t count,
                              const struct proto_policy *policy, struct bl_error *err)
{
    const struct proto_policy_spread *spread = policy->spread;
    uint32_t without = 0; /* hosts without the label take turns like those of a value */

    for (uint32_t i = 0; i < count; i++)
        without = places[i].value == 0 ? 1 : without;
    for (uint32_t i = 0; policy->spread_count > 0 && i < spread->values_count; i++) {
        const uint64_t all = spread->values[i].hosts_count;
        uint64_t in_wave[PROTO_POLICY_WAVES_MAX] = {0};

        for (uint32_t j = 0; j < count; j++)
            in_wave[places[j].wave] += places[j].value == i + 1 ? 1 : 0;
        for (uint32_t wave = 0; wave < policy->waves_count; wave++) {
            if (all < 2 || in_wave[wave] < all || (policy->budget > 0 && policy->budget < all))
                continue;
            return bl_fail(err, -ERANGE,
                           "wave %" PRIu32 " would take all %" PRIu64 " hosts of %s=%s at once: "
                           "make an earlier wave at least %" PRIu32
                           " hosts, one of each, or set 'budget' below %" PRIu64,
                           wave + 1, all, spread->label, spread->values[i].value,
                           spread->values_count + without, all);
        }
    }

    return 0;
}

static int check_counts(const struct proto_place *places, uint32_t count,
                        const struct proto_policy *policy, struct bl_error *err)
{
    uint64_t in_wave[PROTO_POLICY_WAVES_MAX] = {0};

    for (uint32_t i = 0; i < count; i++) {
        if (places[i].wave >= policy->waves_count)
            return bl_fail(err, -EUCLEAN, "there is no wave %" PRIu32, places[i].wave + 1);
        in_wave[places[i].wave]++;
    }
    for (uint32_t wave = 0; wave < policy->waves_count; wave++) {
        if (in_wave[wave] != policy->waves[wave].hosts_count)
            return bl_fail(err, -EUCLEAN,
                           "wave %" PRIu32 " has %" PRIu64 " hosts, signed are %" PRIu64, wave + 1,
                           in_wave[wave], policy->waves[wave].hosts_count);
    }

    return 0;
}

int proto_places_check(struct proto_place *places, uint32_t count,
                       const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       const struct proto_policy *policy, struct bl_error *err)
{
    uint32_t next = 0;
    int r;

    r = check_counts(places, count, policy, err);
    if (r < 0)
        return r;
    take_values(places, count, policy);
    proto_places_sort(places, count, rollout_id);
    for (uint32_t wave = 0; wave < policy->waves_count; wave++) {
        for (uint64_t i = 0; i < policy->waves[wave].hosts_count; i++, next++) {
            char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];

            if (places[next].wave == wave)
                continue;
            bl_hex_encode(places[next].host_id, PROTO_HOST_ID_BYTES, id);
            return bl_fail(err, -EUCLEAN,
                           "host %.16s is in wave %" PRIu32 ", signed is wave %" PRIu32, id,
                           places[next].wave + 1, wave + 1);
        }
    }

    return proto_places_check_spread(places, count, policy, err);
}
