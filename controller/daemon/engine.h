/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_ENGINE_H
#define CTL_DAEMON_ENGINE_H

#include <systemd/sd-event.h>

#include "controller/daemon/config.h"
#include "controller/daemon/fleet.h"
#include "controller/daemon/link.h"
#include "controller/daemon/refusal.h"
#include "controller/daemon/run.h"
#include "controller/daemon/store.h"
#include "controller/daemon/trust.h"
#include "controller/outside/hook.h"

/*
 * The shell around the rollout machine. All that one turn of the loop brings is one transaction:
 * reports and events are stored, committed, and only then are orders and acknowledgements sent. A
 * store that fails ends the process; the next one reads what is really on disk.
 */
struct ctl_order { /* what is sent when the turn is committed */
    uint32_t kind; /* enum proto_kind_of_message */
    struct ctl_fleet_host *host;
    struct ctl_run *run; /* NULL for REPORT_ACK */
    uint32_t index;      /* of the host in `run` */
    uint32_t attempt;    /* REVERT */
    uint64_t nonce;      /* COMMIT */
};

struct ctl_engine_watcher {
    void *userdata;
    /* After the commit of a turn that changed `run`; run->changed is reset afterwards. */
    void (*changed)(void *userdata, struct ctl_run *run);
};

struct ctl_engine {
    sd_event *event;
    struct ctl_config config;
    const char *gate_program; /* belay-gate; tests have another */
    const struct ctl_hook_places *hook_places;
    int64_t hook_limits_ms[CTL_HOOK_COUNT]; /* of programs that a severe failure calls */
    sd_event_source *hooks_due; /* they are started behind the commit that ordered them */
    uint8_t public_key[PROTO_HOST_ID_BYTES];
    struct bl_wall started;
    struct ctl_store *store;
    struct ctl_fleet fleet;
    struct ctl_trust trust;
    struct ctl_link *link;
    struct ctl_link_handler handler; /* of `link` */
    struct ctl_engine_watcher watcher;
    struct ctl_run **runs; /* loaded ones: all that are open or owe a host, and some that ended */
    uint32_t run_count, run_capacity;
    struct ctl_order *orders;
    uint32_t order_count, order_capacity;
    sd_event_source *tick;
    uint64_t ticks;
    uint64_t turns;
    struct ctl_refusals refusals; /* what was told of them */
    struct ctl_store_freeze freeze;
    const uint8_t *asking_desk; /* whose request this turn serves; NULL: nobody's or a local one */
    int64_t
        clocks_apart_ms; /* wall from monotonic, at the last tick: it moves when the clock is set */
    uint64_t boot;       /* of this machine */
    bool failed;         /* the store failed, the loop is ending: nothing is taken in any more */
};

/* Opens store, key and link, and goes on with all open rollouts. */
int ctl_engine_open(const struct ctl_config *config, sd_event *event,
                    struct ctl_engine **ret_engine, struct bl_error *err) BL_CHECKED;
struct ctl_engine *ctl_engine_close(struct ctl_engine *engine);

/* Around everything that may write. `end` commits, then sends; false: the daemon is ending. */
bool ctl_engine_begin(struct ctl_engine *engine);
bool ctl_engine_end(struct ctl_engine *engine);
/* Gives up what the turn wrote, for a request that was refused half way; nothing is sent. */
void ctl_engine_abandon(struct ctl_engine *engine);
/* Logs, and ends the loop with exit code 1. */
void ctl_engine_fail(struct ctl_engine *engine, const struct bl_error *err);

/* ---- within a turn ---- */

/* The loaded rollout, read from the store when need be. 1, or 0 when there is none. */
int ctl_engine_run(struct ctl_engine *engine, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                   struct ctl_run **ret_run, struct bl_error *err) BL_CHECKED;

/* Steps the machine, stores the event if it changed something, and queues the orders. */
int ctl_engine_step(struct ctl_engine *engine, struct ctl_run *run, struct ctl_rollout_event event,
                    struct bl_error *err) BL_CHECKED;

/* `host` is there: every open rollout repeats what it owes it. */
int ctl_engine_host_seen(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         struct bl_error *err) BL_CHECKED;

int ctl_engine_audit(struct ctl_engine *engine, int64_t uid, const char *verb, const char *subject,
                     const char *detail, struct bl_error *err) BL_CHECKED;

int ctl_engine_queue(struct ctl_engine *engine, const struct ctl_order *order, struct bl_error *err)
    BL_CHECKED;

/* Sends at once what needs no commit: WELCOME, PING, QUERY. As ctl_link_send. */
int ctl_engine_send(struct ctl_engine *engine, const struct ctl_link_peer *peer,
                    const struct proto_message *message);

#endif
