/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "proto/memory.h"

uint64_t proto_sample_count(uint64_t share, uint64_t hosts_count)
{
    return (share * hosts_count + PROTO_SAMPLE_SHARE_ALL - 1) / PROTO_SAMPLE_SHARE_ALL;
}

size_t proto_sample_draw(const struct proto_place *places, const struct proto_policy *policy,
                         uint8_t *ret_hosts)
{
    uint64_t first = 0;
    size_t used_bytes = 0;

    if (policy->sample_share == 0 || policy->sample_share == PROTO_SAMPLE_SHARE_ALL)
        return 0;
    for (uint32_t wave = 0; wave < policy->waves_count; wave++) {
        const uint64_t hosts_count = policy->waves[wave].hosts_count;

        for (uint64_t i = 0; i < proto_sample_count(policy->sample_share, hosts_count); i++) {
            memcpy(ret_hosts + used_bytes, places[first + i].order, PROTO_SAMPLE_HASH_BYTES);
            used_bytes += PROTO_SAMPLE_HASH_BYTES;
        }
        first += hosts_count;
    }

    return used_bytes;
}

int proto_sample_check(const struct proto_place *places, const struct proto_manifest *manifest,
                       const struct proto_policy *policy, struct bl_error *err)
{
    BL_AUTO_FREE uint8_t *hosts = malloc(PROTO_SAMPLE_BYTES_MAX);
    size_t size_bytes;

    if (hosts == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the sample");
    size_bytes = proto_sample_draw(places, policy, hosts);
    if (manifest->sample_all == (policy->sample_share == PROTO_SAMPLE_SHARE_ALL) &&
        manifest->sample_hosts.size_bytes == size_bytes &&
        (size_bytes == 0 || memcmp(manifest->sample_hosts.data, hosts, size_bytes) == 0))
        return 0;

    return bl_fail(err, -EUCLEAN, "the sample is not the one that its share draws");
}

bool proto_sample_has(const struct proto_manifest *manifest,
                      const uint8_t host_id[PROTO_HOST_ID_BYTES])
{
    const struct proto_bytes *hosts = &manifest->sample_hosts;
    uint8_t order[PROTO_HASH_BYTES];

    if (hosts->size_bytes == 0)
        return manifest->sample_all;
    proto_place_order(host_id, manifest->rollout_id, order);
    for (size_t at = 0; at < hosts->size_bytes; at += PROTO_SAMPLE_HASH_BYTES) {
        if (memcmp(hosts->data + at, order, PROTO_SAMPLE_HASH_BYTES) == 0)
            return true;
    }

    return false;
}

/* *list becomes a new one of both. */
static int join(struct proto_arena *arena, void *list, uint32_t *count, const void *more,
                uint32_t more_count, size_t item_bytes, struct bl_error *err)
{
    void *both, *former;
    int r;

    if (more_count == 0)
        return 0;
    r = proto_arena_take(arena, (*count + (size_t)more_count) * item_bytes, &both, err);
    if (r < 0)
        return r;
    memcpy(&former, list, sizeof(former)); /* of whatever type: pointers to records are alike */
    if (*count > 0)
        memcpy(both, former, *count * item_bytes);
    memcpy((char *)both + *count * item_bytes, more, more_count * item_bytes);
    memcpy(list, &both, sizeof(both));
    *count += more_count;

    return 0;
}

int proto_sample_apply(struct proto_manifest *m, const uint8_t host_id[PROTO_HOST_ID_BYTES],
                       struct proto_arena *arena, struct bl_error *err)
{
    const struct {
        void *list;
        uint32_t *count;
        const void *more;
        uint32_t more_count;
        size_t item_bytes;
    } lists[] = {
        {&m->verify_units, &m->verify_units_count, m->sample_units, m->sample_units_count,
         sizeof(m->sample_units[0])},
        {&m->verify_http, &m->verify_http_count, m->sample_http, m->sample_http_count,
         sizeof(m->sample_http[0])},
        {&m->verify_tcp, &m->verify_tcp_count, m->sample_tcp, m->sample_tcp_count,
         sizeof(m->sample_tcp[0])},
        {&m->verify_hooks, &m->verify_hooks_count, m->sample_hooks, m->sample_hooks_count,
         sizeof(m->sample_hooks[0])},
        {&m->verify_logs, &m->verify_logs_count, m->sample_logs, m->sample_logs_count,
         sizeof(m->sample_logs[0])},
    };

    if (!proto_sample_has(m, host_id))
        return 0;
    proto_arena_allow(arena, 0);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        int r = join(arena, lists[i].list, lists[i].count, lists[i].more, lists[i].more_count,
                     lists[i].item_bytes, err);

        if (r < 0)
            return r;
    }
    /* Once only: a second look at the same record finds nothing more to join. */
    m->sample_units_count = m->sample_http_count = m->sample_tcp_count = 0;
    m->sample_hooks_count = m->sample_logs_count = 0;

    return 0;
}
