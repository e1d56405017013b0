/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/trust_spread.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "controller/daemon/log.h"

enum {
    AWAITED_MS = 30 * 1000, /* many times what a host needs for each version that it lacks */
};

static bool is_behind(const struct ctl_engine *engine, const struct ctl_fleet_host *host)
{
    return engine->trust.is_set && host->trust_version < engine->trust.trust.version;
}

static bool has_ours(const struct ctl_engine *engine, const struct ctl_fleet_host *host)
{
    const struct proto_trust *ours = &engine->trust.trust;

    return engine->trust.is_set && host->trust_version == ours->version &&
           memcmp(host->trust_hash, ours->hash, sizeof(host->trust_hash)) == 0;
}

/* Once a connection: it does not change by itself. */
static void tell_stuck(struct ctl_fleet_host *host, const char *why)
{
    if (!host->trust_stuck) {
        ctl_log(CTL_LOG_WARNING, "host '%s' judges by trust file version %llu, %s", host->name,
                (unsigned long long)host->trust_version, why);
    }
    host->trust_stuck = true;
}

int ctl_trust_keep(struct ctl_engine *engine, struct bl_error *err)
{
    const struct ctl_trust *trust = &engine->trust;
    PROTO_AUTO_BUFFER kept = {0};
    int r;

    if (!trust->is_set)
        return 0;
    r = ctl_store_load_trust(engine->store, trust->trust.version, &kept, err);
    if (r < 0)
        return r;
    /* A start writes nothing, so that it needs no room. */
    if (r > 0 && kept.size_bytes == trust->size_bytes &&
        memcmp(kept.data, trust->data, kept.size_bytes) == 0)
        return 0;

    return ctl_store_save_trust(engine->store, trust->trust.version, trust->data, trust->size_bytes,
                                err);
}

/* 1: what it has and what follows that here are of two chains, so it would refuse for ever. */
static int is_apart(struct ctl_engine *engine, const struct ctl_fleet_host *host,
                    struct bl_error *err)
{
    PROTO_AUTO_BUFFER present = {0}, file = {0};
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust before, next;
    struct bl_error ignored = {0};
    int r = ctl_store_load_trust(engine->store, host->trust_version, &present, err);

    if (r > 0)
        r = ctl_store_load_trust(engine->store, host->trust_version + 1, &file, err);
    if (r <= 0)
        return r;
    if (proto_trust_open(present.data, present.size_bytes, &arena, &before, &ignored) < 0 ||
        memcmp(before.hash, host->trust_hash, sizeof(before.hash)) != 0)
        return 0;

    return proto_trust_follow(&before, file.data, file.size_bytes, &arena, &next, &ignored) ==
           -EKEYREJECTED;
}

int ctl_trust_spread(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
{
    struct proto_message message = {.kind = PROTO_TRUST};
    PROTO_AUTO_BUFFER file = {0};
    int r;

    if (host->trust_version == 0 || host->trust_sent || host->trust_apart || host->held ||
        !ctl_fleet_is_connected(host) || !is_behind(engine, host))
        return 0;
    r = ctl_store_load_trust(engine->store, host->trust_version + 1, &file, err);
    if (r < 0)
        return r;
    if (r == 0) {
        tell_stuck(host, "and the next one never came here: let it join anew");
        return 0;
    }
    message.trust.file = (struct proto_bytes){file.data, file.size_bytes};
    /* Else at the next look. */
    host->trust_sent = ctl_engine_send(engine, &host->current, &message) >= 0;

    return 0;
}

int ctl_trust_take_state(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         const struct proto_trust_state *state, struct bl_error *err)
{
    const bool has_moved = state->version != host->trust_version;
    const bool has_refused = !has_moved && host->trust_sent;
    int r;

    host->trust_version = state->version;
    memcpy(host->trust_hash, state->hash, sizeof(host->trust_hash));
    host->trust_sent = host->trust_sent && !has_moved;
    host->trust_apart = host->trust_apart && !has_moved;
    if (has_refused && !host->trust_apart) {
        r = is_apart(engine, host, err);
        if (r < 0)
            return r;
        host->trust_apart = r > 0;
        if (host->trust_apart)
            tell_stuck(host, "and the next one is of other roots: let it join anew");
    }
    if (engine->trust.is_set && !is_behind(engine, host) && !has_ours(engine, host))
        tell_stuck(host, "which is not the one here: at the desk that wrote the newest, "
                         "'belay keys trust' until its version is above that");
    /* One that refused says the same version again: it is asked again by the clock, not at once. */
    return has_moved ? ctl_trust_spread(engine, host, err) : 0;
}

int ctl_trust_spread_all(struct ctl_engine *engine, struct bl_error *err)
{
    int r = 0;

    for (uint32_t i = 0; i < engine->fleet.count && r >= 0; i++)
        r = ctl_trust_spread(engine, engine->fleet.hosts[i], err);

    return r;
}

bool ctl_trust_is_awaited(const struct ctl_engine *engine, const struct ctl_fleet_host *host)
{
    /* None can be behind the first one. */
    return engine->trust.is_set && engine->trust.trust.version > 1 && !has_ours(engine, host) &&
           !host->trust_stuck && bl_mono_now().ms - host->trust_asked.ms < AWAITED_MS;
}

uint32_t ctl_trust_behind_count(const struct ctl_engine *engine)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < engine->fleet.count; i++) {
        const struct ctl_fleet_host *host = engine->fleet.hosts[i];

        count += host->standing == CTL_STANDING_ENROLLED && engine->trust.is_set &&
                 !has_ours(engine, host);
    }

    return count;
}
