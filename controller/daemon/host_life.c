/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/host_life.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/daemon/log.h"

enum {
    LOOKS_IN_DOUBT = 2, /* at least a minute: a second machine would have answered by then */
};

/* The rollouts that reports name which the host no longer knows of. */
struct undone {
    uint8_t (*ids)[PROTO_ROLLOUT_ID_BYTES];
    uint32_t count;
};

static void release(struct undone *undone)
{
    free(undone->ids);
}

/* Copied first: taking them back writes, and the list is still being read here. */
static int take_id(void *userdata, const uint8_t id[PROTO_ROLLOUT_ID_BYTES], struct bl_error *err)
{
    struct undone *undone = userdata;
    uint8_t(*ids)[PROTO_ROLLOUT_ID_BYTES] =
        reallocarray(undone->ids, undone->count + 1, sizeof(*ids));

    if (ids == NULL)
        return bl_fail(err, -ENOMEM, "rollouts of a host: no memory");
    memcpy(ids[undone->count++], id, PROTO_ROLLOUT_ID_BYTES);
    undone->ids = ids;

    return 0;
}

static int take_back(struct ctl_engine *engine, const struct ctl_fleet_host *host,
                     const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], struct bl_error *err)
{
    struct ctl_rollout_event event = {.type = CTL_ROLLOUT_HOST_WENT_BACK, .nonce = host->life};
    struct ctl_run *run;
    int r;

    r = ctl_engine_run(engine, rollout_id, &run, err);
    if (r <= 0)
        return r;
    event.host = ctl_run_index_of(run, host->id);
    if (event.host == CTL_ROLLOUT_ALL)
        return 0;
    ctl_run_note_went_back(run, event.host, host->life);

    return ctl_engine_step(engine, run, event, err);
}

/* What was reported up to and with `last_seq` the host still knows. */
static int begin_life(struct ctl_engine *engine, struct ctl_fleet_host *host, uint64_t last_seq,
                      struct bl_error *err)
{
    BL_CLEANUP(release) struct undone undone = {0};
    int r;

    ctl_log(CTL_LOG_WARNING,
            "host '%s': came back as it was before its last reports (was a snapshot restored, or "
            "its disk lost?); what they said is taken back",
            host->name);
    r = ctl_store_each_rollout_told(engine->store, host->id, host->life, last_seq, take_id, &undone,
                                    err);
    if (r < 0)
        return r;
    host->life++;
    host->life_due = 0;
    r = ctl_fleet_save(engine->store, host, err);
    if (r >= 0)
        r = ctl_engine_audit(engine, -1, "went_back", host->name,
                             "its journal is older than its reports", err);
    for (uint32_t i = 0; i < undone.count && r >= 0; i++)
        r = take_back(engine, host, undone.ids[i], err);

    return r < 0 ? r : 0;
}

int ctl_host_life_hello(struct ctl_engine *engine, struct ctl_fleet_host *host, uint64_t last_seq,
                        struct bl_error *err)
{
    uint64_t known_seq;
    int r = ctl_store_last_seq(engine->store, host->id, host->life, &known_seq, err);

    host->life_due = 0;
    if (r < 0 || known_seq <= last_seq)
        return r;
    if (!host->held && host->former.routing_id_bytes == 0)
        return begin_life(engine, host, last_seq, err);
    host->said_seq = last_seq;
    host->life_due = LOOKS_IN_DOUBT;

    return 0;
}

int ctl_host_life_look(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
{
    if (host->life_due == 0 || host->held || --host->life_due > 0)
        return 0;

    return begin_life(engine, host, host->said_seq, err);
}

int ctl_host_life_report(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         struct ctl_store_report *stored, struct bl_error *err)
{
    int r;

    stored->life = host->life;
    r = ctl_store_add_report(engine->store, stored, err);
    if (r != CTL_STORED_CONTRADICTS)
        return r;
    r = begin_life(engine, host, stored->report.seq - 1, err);
    if (r < 0)
        return r;
    stored->life = host->life;

    return ctl_store_add_report(engine->store, stored, err);
}
