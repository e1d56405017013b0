/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/engine.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "controller/daemon/ask.h"
#include "controller/daemon/audit_heads.h"
#include "controller/daemon/deny.h"
#include "controller/daemon/freeze.h"
#include "controller/daemon/gates.h"
#include "controller/daemon/host_life.h"
#include "controller/daemon/inbound.h"
#include "controller/daemon/log.h"
#include "controller/daemon/outbound.h"
#include "controller/daemon/run_people.h"
#include "controller/daemon/setup.h"
#include "controller/daemon/severe_hooks.h"
#include "controller/daemon/standby.h"
#include "controller/daemon/trust_spread.h"

enum {
    TICK_US = 1000 * 1000,
    CLOCK_SET_MS = 2000, /* less is the clock being kept right */
    TICKS_PER_PING = 60, /* each host is asked for its clock that often, spread over the ticks */
    TIMER_ACCURACY_US = 10 * 1000,
    ENDED_RUNS_MAX = 8, /* kept loaded: late reports of a job's last steps come in */
};

void ctl_engine_fail(struct ctl_engine *engine, const struct bl_error *err)
{
    if (engine->failed)
        return;
    engine->failed = true;
    ctl_log(CTL_LOG_ERROR, "giving up: %s (%s)", err->text, err->where);
    (void)sd_event_exit(engine->event, 1);
}

bool ctl_engine_begin(struct ctl_engine *engine)
{
    if (!engine->failed)
        ctl_store_begin(engine->store);

    return !engine->failed;
}

/* The copy in the list of rollouts follows the machine in the same transaction. */
static int mark_changed_runs(struct ctl_engine *engine, struct bl_error *err)
{
    for (uint32_t i = 0; i < engine->run_count; i++) {
        const struct ctl_run *run = engine->runs[i];
        struct ctl_store_rollout row = {
            .state = run->rollout.state,
            .ended = run->ended,
            .exit_code = ctl_rollout_exit_code(&run->rollout),
            .holds = run->rollout.holds,
            .owes = run->owes,
        };
        int r;

        if (!run->changed)
            continue;
        memcpy(row.id, run->id, sizeof(row.id));
        r = ctl_store_mark_rollout(engine->store, &row, err);
        if (r < 0)
            return r;
    }

    return 0;
}

static void tell_watcher(struct ctl_engine *engine)
{
    for (uint32_t i = 0; i < engine->run_count; i++) {
        struct ctl_run *run = engine->runs[i];

        if (!run->changed)
            continue;
        run->changed = false;
        if (engine->watcher.changed != NULL)
            engine->watcher.changed(engine->watcher.userdata, run);
    }
}

/* Ended rollouts make room, the longest unused first. False: none has to. */
static bool unload_one(struct ctl_engine *engine)
{
    uint32_t ended = 0, oldest = UINT32_MAX;

    for (uint32_t i = 0; i < engine->run_count; i++) {
        if (!ctl_rollout_is_final(&engine->runs[i]->rollout) || engine->runs[i]->owes)
            continue;
        ended++;
        if (oldest == UINT32_MAX || engine->runs[i]->last_used < engine->runs[oldest]->last_used)
            oldest = i;
    }
    if (ended <= ENDED_RUNS_MAX)
        return false;
    (void)ctl_run_free(engine->runs[oldest]);
    engine->runs[oldest] = engine->runs[--engine->run_count];

    return true;
}

bool ctl_engine_end(struct ctl_engine *engine)
{
    struct bl_error err = {0};

    if (engine->failed)
        return false;
    if (mark_changed_runs(engine, &err) < 0 || ctl_store_commit(engine->store, &err) < 0) {
        ctl_engine_fail(engine, &err);
        return false;
    }
    engine->turns++;
    ctl_outbound_flush(engine);
    tell_watcher(engine);
    while (unload_one(engine))
        continue;

    return true;
}

void ctl_engine_abandon(struct ctl_engine *engine)
{
    ctl_store_rollback(engine->store);
    engine->order_count = 0;
}

int ctl_engine_queue(struct ctl_engine *engine, const struct ctl_order *order, struct bl_error *err)
{
    if (engine->order_count == engine->order_capacity) {
        uint32_t capacity = engine->order_capacity == 0 ? 256 : 2 * engine->order_capacity;
        struct ctl_order *orders = reallocarray(engine->orders, capacity, sizeof(*orders));

        if (orders == NULL)
            return bl_fail(err, -ENOMEM, "orders: no memory");
        engine->orders = orders;
        engine->order_capacity = capacity;
    }
    engine->orders[engine->order_count++] = *order;

    return 0;
}

int ctl_engine_audit(struct ctl_engine *engine, int64_t uid, const char *verb, const char *subject,
                     const char *detail, struct bl_error *err)
{
    char desk[BL_HEX_BYTES(CTL_DESK_ID_BYTES)] = "";
    const struct ctl_store_audit row = {.at = bl_wall_now(),
                                        .uid = uid,
                                        .verb = verb,
                                        .subject = subject,
                                        .detail = detail,
                                        .desk = desk};

    if (uid == CTL_UID_DESK && engine->asking_desk != NULL)
        bl_hex_encode(engine->asking_desk, CTL_DESK_ID_BYTES, desk);

    return ctl_store_add_audit(engine->store, &row, err);
}

/* ---- rollouts ---- */

static int on_run_time(sd_event_source *source, uint64_t usec, void *userdata);

static int add_run(struct ctl_engine *engine, struct ctl_run *run, struct bl_error *err)
{
    if (engine->run_count == engine->run_capacity) {
        uint32_t capacity = engine->run_capacity == 0 ? 16 : 2 * engine->run_capacity;
        struct ctl_run **runs = reallocarray(engine->runs, capacity, sizeof(struct ctl_run *));

        if (runs == NULL)
            return bl_fail(err, -ENOMEM, "rollouts: no memory");
        engine->runs = runs;
        engine->run_capacity = capacity;
    }
    engine->runs[engine->run_count++] = run;

    return 0;
}

/* The timer's userdata is the engine; which run it is for is told by the source itself. */
static int set_wake(struct ctl_engine *engine, struct ctl_run *run, struct bl_error *err)
{
    const uint64_t at_us = (uint64_t)run->wake_at.ms * 1000;
    int r;

    if (run->timer == NULL)
        r = sd_event_add_time(engine->event, &run->timer, CLOCK_BOOTTIME, at_us, TIMER_ACCURACY_US,
                              on_run_time, engine);
    else
        r = sd_event_source_set_time(run->timer, at_us);
    if (r >= 0)
        r = sd_event_source_set_enabled(run->timer, SD_EVENT_ONESHOT);
    if (r < 0)
        return bl_fail(err, r, "timer of a rollout: %s", strerror(-r));

    return 0;
}

int ctl_engine_run(struct ctl_engine *engine, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                   struct ctl_run **ret_run, struct bl_error *err)
{
    struct ctl_run *run = NULL;
    int r;

    for (uint32_t i = 0; i < engine->run_count; i++) {
        if (memcmp(engine->runs[i]->id, id, PROTO_ROLLOUT_ID_BYTES) == 0) {
            *ret_run = engine->runs[i];
            (*ret_run)->last_used = engine->turns;
            return 1;
        }
    }
    r = ctl_run_load(engine->store, &engine->fleet, id, &run, err);
    if (r <= 0)
        return r;
    r = ctl_gates_load(engine, run, err);
    if (r >= 0)
        r = ctl_standby_load(engine, run, err);
    if (r >= 0)
        r = add_run(engine, run, err);
    if (r < 0) {
        (void)ctl_run_free(run);
        return r;
    }
    run->last_used = engine->turns;
    run->boot = engine->boot;
    *ret_run = run;
    /* It may be over, but the machine asks for another instant only when that is an earlier one. */
    if (run->wake_at.ms != 0)
        r = set_wake(engine, run, err);

    return r < 0 ? r : 1;
}

static int queue_effects(struct ctl_engine *engine, struct ctl_run *run, struct bl_error *err)
{
    static const uint32_t kinds[] = {
        [CTL_ROLLOUT_SEND_OFFER] = PROTO_OFFER,   [CTL_ROLLOUT_SEND_START] = PROTO_START,
        [CTL_ROLLOUT_SEND_COMMIT] = PROTO_COMMIT, [CTL_ROLLOUT_SEND_CANCEL] = PROTO_CANCEL,
        [CTL_ROLLOUT_SEND_REVERT] = PROTO_REVERT,
    };

    for (uint32_t i = 0; i < run->effects.count; i++) {
        const struct ctl_rollout_effect *effect = &run->effects.list[i];
        struct ctl_order order;
        int r;

        if (effect->type == CTL_ROLLOUT_CHANGED)
            continue;
        if (effect->type == CTL_ROLLOUT_CALL_HOOK) {
            r = ctl_severe_hooks_order(engine, run, effect, err);
            if (r < 0)
                return r;
            continue;
        }
        if (effect->type == CTL_ROLLOUT_WAKE) {
            r = set_wake(engine, run, err);
            if (r < 0)
                return r;
            continue;
        }
        order = (struct ctl_order){
            .kind = kinds[effect->type],
            .host = run->members[effect->host].host,
            .run = run,
            .index = effect->host,
            .attempt = effect->attempt,
            .nonce = effect->nonce,
        };
        r = ctl_engine_queue(engine, &order, err);
        if (r < 0)
            return r;
    }

    return 0;
}

int ctl_engine_step(struct ctl_engine *engine, struct ctl_run *run, struct ctl_rollout_event event,
                    struct bl_error *err)
{
    const struct bl_wall at = bl_wall_now();
    int r;

    event.now = bl_mono_now();
    event.wall = at;
    event.boot = engine->boot;
    run->last_used = engine->turns;
    ctl_run_step(run, &event, at);
    if (run->effects.changed) {
        r = ctl_store_add_event(engine->store, run->id, &event, at, err);
        if (r >= 0)
            r = ctl_deny_note(engine, run, &event, err);
        if (r < 0)
            return r;
    }

    return queue_effects(engine, run, err);
}

int ctl_engine_host_seen(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         struct bl_error *err)
{
    for (uint32_t i = 0; i < engine->run_count; i++) {
        struct ctl_run *run = engine->runs[i];
        const struct ctl_rollout_event event = {
            .type = CTL_ROLLOUT_HOST_SEEN,
            .host = ctl_run_index_of(run, host->id),
        };
        int r;

        if (event.host == CTL_ROLLOUT_ALL)
            continue;
        r = ctl_engine_step(engine, run, event, err);
        if (r < 0)
            return r;
    }

    return 0;
}

static int on_run_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct ctl_engine *engine = userdata;
    struct bl_error err = {0};

    if (!ctl_engine_begin(engine))
        return 0;
    for (uint32_t i = 0; i < engine->run_count; i++) {
        if (engine->runs[i]->timer == source &&
            ctl_engine_step(engine, engine->runs[i],
                            (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME}, &err) < 0) {
            ctl_engine_fail(engine, &err);
            return 0;
        }
    }
    (void)ctl_engine_end(engine);

    return 0;
}

/* ---- what happens by the clock ---- */

static int tick_host(struct ctl_engine *engine, struct ctl_fleet_host *host, bool is_look,
                     struct bl_error *err)
{
    int r = 0;

    if (host->slow) {
        host->slow = false;
        r = ctl_engine_host_seen(engine, host, err);
    }
    if (is_look && host->has_gap)
        (void)ctl_inbound_welcome(engine, host);
    if (r >= 0 && is_look)
        r = ctl_host_life_look(engine, host, err);
    if (r >= 0 && is_look) {
        host->trust_sent = false;
        r = ctl_trust_spread(engine, host, err);
    }
    if (r >= 0 && is_look)
        r = ctl_audit_heads_look(engine, host, err);
    if (r >= 0 && host->unsaved)
        r = ctl_fleet_save(engine->store, host, err);

    return r;
}

/* Windows and freezes are of the wall clock: when that was set, all are judged anew. */
static int look_at_clock(struct ctl_engine *engine, struct bl_error *err)
{
    const int64_t apart_ms = bl_wall_now().ms - bl_mono_now().ms;
    const int64_t moved_ms = apart_ms - engine->clocks_apart_ms;
    int r = 0;

    engine->clocks_apart_ms = apart_ms;
    if (moved_ms > -CLOCK_SET_MS && moved_ms < CLOCK_SET_MS)
        return 0;
    for (uint32_t i = 0; i < engine->run_count && r >= 0; i++)
        r = ctl_engine_step(engine, engine->runs[i],
                            (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME}, err);

    return r;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct ctl_engine *engine = userdata;
    struct bl_error err = {0};
    bool all = engine->ticks % TICKS_PER_PING == 0;

    (void)sd_event_source_set_time(source, usec + TICK_US);
    engine->ticks++;
    if (!ctl_engine_begin(engine))
        return 0;
    for (uint32_t i = 0; i < engine->run_count; i++)
        (void)ctl_run_watch_promises(engine->runs[i]);
    for (uint32_t i = 0; i < engine->fleet.count; i++) {
        struct ctl_fleet_host *host = engine->fleet.hosts[i];

        if (ctl_fleet_is_connected(host) && i % TICKS_PER_PING == engine->ticks % TICKS_PER_PING)
            ctl_ask_clock(engine, host);
        if ((all || host->slow) && tick_host(engine, host, all, &err) < 0) {
            ctl_engine_fail(engine, &err);
            return 0;
        }
    }
    if (look_at_clock(engine, &err) < 0) {
        ctl_engine_fail(engine, &err);
        return 0;
    }
    (void)ctl_engine_end(engine);
    if (!engine->failed) {
        ctl_gates_tick(engine);
        ctl_standby_tick(engine);
        ctl_severe_hooks_tick(engine);
    }

    return 0;
}

/* ---- opening ---- */

static int reopen(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    struct ctl_engine *engine = userdata;
    struct ctl_run *run;
    int r;

    if (row->ended.ms != 0 && !row->owes)
        return 0;
    r = ctl_engine_run(engine, row->id, &run, err);

    return r < 0 ? bl_wrap(err, "rollout '%s'", row->plan_name) : 0;
}

/* Only when all are loaded: stepping writes, and the list is still being read before. */
static int restart_runs(struct ctl_engine *engine, struct bl_error *err)
{
    int r;

    ctl_store_begin(engine->store);
    r = ctl_store_each_rollout(engine->store, UINT32_MAX, reopen, engine, err);
    for (uint32_t i = 0; i < engine->run_count && r >= 0; i++)
        r = ctl_engine_step(engine, engine->runs[i],
                            (struct ctl_rollout_event){.type = CTL_ROLLOUT_RESTART}, err);
    if (r < 0)
        return r;
    if (engine->run_count > 0)
        ctl_log(CTL_LOG_NOTICE, "goes on with %u open rollouts", engine->run_count);

    return ctl_engine_end(engine) ? 0 : bl_fail(err, -EIO, "open rollouts: the store failed");
}

static int open_link(struct ctl_engine *engine, struct bl_error *err)
{
    struct ctl_link_config config = {
        .listen = engine->config.listen,
        .enroll_listen = engine->config.enroll_listen,
    };
    int r;

    r = ctl_setup_load_key(engine->config.state_dir, config.secret_key, config.public_key, err);
    if (r >= 0) {
        memcpy(engine->public_key, config.public_key, sizeof(engine->public_key));
        ctl_inbound_handler(engine, &engine->handler);
        r = ctl_link_open(&config, &engine->handler, engine->event, &engine->link, err);
    }
    explicit_bzero(config.secret_key, sizeof(config.secret_key));

    return r;
}

/*
 * belayd's unit shows it nothing of /proc but processes, and hands the id of the boot on instead. The
 * manager writes it without the kernel's hyphens.
 */
static int read_boot(struct ctl_engine *engine, struct bl_error *err)
{
    const char *told = getenv("BELAY_BOOT_ID");
    uint8_t hash[crypto_generichash_BYTES];
    char id[BL_BOOT_ID_BYTES] = "", digits[BL_BOOT_ID_BYTES] = "";
    size_t count = 0;

    if (told != NULL) {
        bl_text_copy(id, sizeof(id), told);
    } else {
        int r = bl_boot_id_read(id, err);

        if (r < 0)
            return r;
    }
    for (const char *at = id; *at != '\0'; at++) {
        if (*at != '-')
            digits[count++] = *at;
    }
    (void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)digits, count, NULL, 0);
    memcpy(&engine->boot, hash, sizeof(engine->boot));

    return 0;
}

static int open_all(struct ctl_engine *engine, struct bl_error *err)
{
    int r;

    r = read_boot(engine, err);
    if (r >= 0)
        r = ctl_store_open(engine->config.state_dir, &engine->store, err);
    if (r >= 0)
        r = ctl_trust_load(&engine->trust, engine->config.state_dir, err);
    if (r >= 0)
        r = ctl_trust_keep(engine, err);
    if (r >= 0)
        r = ctl_fleet_load(&engine->fleet, engine->store, err);
    if (r >= 0)
        r = ctl_freeze_load(engine, err);
    if (r >= 0)
        r = open_link(engine, err);
    if (r >= 0)
        r = restart_runs(engine, err);
    if (r < 0)
        return r;
    r = sd_event_add_time_relative(engine->event, &engine->tick, CLOCK_BOOTTIME, TICK_US,
                                   TIMER_ACCURACY_US, on_tick, engine);
    if (r >= 0)
        r = sd_event_source_set_enabled(engine->tick, SD_EVENT_ON);
    if (r < 0)
        return bl_fail(err, r, "timer: %s", strerror(-r));

    return 0;
}

int ctl_engine_open(const struct ctl_config *config, sd_event *event,
                    struct ctl_engine **ret_engine, struct bl_error *err)
{
    struct ctl_engine *engine = calloc(1, sizeof(*engine));
    int r;

    if (engine == NULL)
        return bl_fail(err, -ENOMEM, "no memory");
    engine->config = *config;
    engine->event = event;
    engine->started = bl_wall_now();
    engine->gate_program = BELAY_GATE_PROGRAM;
    engine->hook_places = ctl_hook_places_default();
    ctl_severe_hooks_limits(engine->hook_limits_ms);
    r = open_all(engine, err);
    if (r < 0) {
        (void)ctl_engine_close(engine);
        return r;
    }
    *ret_engine = engine;

    return 0;
}

struct ctl_engine *ctl_engine_close(struct ctl_engine *engine)
{
    if (engine == NULL)
        return NULL;
    engine->tick = sd_event_source_disable_unref(engine->tick);
    engine->hooks_due = sd_event_source_disable_unref(engine->hooks_due);
    engine->link = ctl_link_close(engine->link);
    for (uint32_t i = 0; i < engine->run_count; i++)
        (void)ctl_run_free(engine->runs[i]);
    free(engine->runs);
    free(engine->orders);
    for (uint32_t i = 0; i < engine->fleet.count; i++)
        ctl_ask_forget_host(engine->fleet.hosts[i]);
    ctl_fleet_release(&engine->fleet);
    ctl_trust_release(&engine->trust);
    engine->store = ctl_store_close(engine->store);
    free(engine);

    return NULL;
}
