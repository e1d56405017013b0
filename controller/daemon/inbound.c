/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/inbound.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "common/random.h"
#include "common/text.h"
#include "controller/daemon/ask.h"
#include "controller/daemon/audit_heads.h"
#include "controller/daemon/foreign_job.h"
#include "controller/daemon/host_life.h"
#include "controller/daemon/log.h"
#include "controller/daemon/trust_spread.h"
#include "controller/daemon/way_backs.h"

enum {
    TOLD_BYTES = 640,
};

static bool admits(void *userdata, const uint8_t key[PROTO_HOST_ID_BYTES])
{
    const struct ctl_engine *engine = userdata;
    const struct ctl_fleet_host *host = ctl_fleet_find(&engine->fleet, key);

    return host != NULL && host->standing == CTL_STANDING_ENROLLED;
}

/* ---- what is turned away ---- */

static void tell_refusal(struct ctl_engine *engine, enum ctl_refusal_kind kind, const char *what)
{
    char more[64] = "";
    uint64_t untold;

    if (!ctl_refusals_count(&engine->refusals, kind, bl_mono_now(), &untold))
        return;
    if (untold > 0)
        (void)snprintf(more, sizeof(more), " (%llu more like it since this was last told)",
                       (unsigned long long)untold);
    ctl_log(CTL_LOG_WARNING, "%s%s", what, more);
}

static void on_refused(void *userdata, const uint8_t key[PROTO_HOST_ID_BYTES], const char *address)
{
    struct ctl_engine *engine = userdata;
    const struct ctl_fleet_host *host = ctl_fleet_find(&engine->fleet, key);
    bool is_live = address[0] == '\0';
    char what[TOLD_BYTES], id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];

    bl_hex_encode(key, PROTO_HOST_ID_BYTES, id);
    if (host == NULL) {
        (void)snprintf(what, sizeof(what), "refused a connection from %s: unknown key %.16s",
                       address, id);
        tell_refusal(engine, CTL_REFUSAL_STRANGER, what);
        return;
    }
    (void)snprintf(what, sizeof(what), "refused a %s%s: host '%s' (%.16s) %s",
                   is_live ? "message" : "connection from ", address, host->name, id,
                   host->standing == CTL_STANDING_PENDING ? "waits for approval" : "was revoked");
    tell_refusal(engine, is_live ? CTL_REFUSAL_LIVE : CTL_REFUSAL_NOT_ENROLLED, what);
}

/* ---- which connection is whose ---- */

static bool is_same(const struct ctl_link_peer *a, const struct ctl_link_peer *b)
{
    return a->routing_id_bytes == b->routing_id_bytes &&
           memcmp(a->routing_id, b->routing_id, a->routing_id_bytes) == 0;
}

static void forget(struct ctl_engine *engine, struct ctl_link_peer *peer)
{
    ctl_fleet_clear_fd(&engine->fleet, peer->fd);
    *peer = (struct ctl_link_peer){.fd = -1};
}

int ctl_inbound_welcome(struct ctl_engine *engine, struct ctl_fleet_host *host)
{
    const struct proto_message message = {
        .kind = PROTO_WELCOME,
        .welcome = {.controller_version = BELAY_VERSION, .wall_ms = bl_wall_now().ms},
    };

    return ctl_engine_send(engine, &host->current, &message);
}

/* What was dropped while held comes again by it. */
static int welcome(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
{
    host->trust_version = 0; /* it says so anew, also after it was held */
    host->trust_asked = bl_mono_now();
    if (ctl_inbound_welcome(engine, host) < 0)
        return 0; /* gone again: its next HELLO brings it all back */
    ctl_ask_clock(engine, host);

    return ctl_engine_host_seen(engine, host, err);
}

static int end_hold(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
{
    if (!host->held)
        return 0;
    host->held = false;
    ctl_log(CTL_LOG_NOTICE, "host '%s': one of its two connections ended; it is held no more",
            host->name);
    if (!ctl_fleet_is_connected(host))
        return 0;

    return welcome(engine, host, err);
}

void ctl_inbound_lost(struct ctl_engine *engine, struct ctl_fleet_host *host)
{
    forget(engine, &host->current);
    ctl_ask_host_lost(host);
    host->last_seen = bl_wall_now();
    host->unsaved = true;
}

static void on_gone(void *userdata, int fd)
{
    struct ctl_engine *engine = userdata;
    struct ctl_fleet_host *host = ctl_fleet_of_fd(&engine->fleet, fd);
    struct bl_error err = {0};

    if (host == NULL)
        return;
    if (host->former.fd == fd) {
        forget(engine, &host->former);
    } else if (host->current.fd == fd) {
        ctl_inbound_lost(engine, host);
        if (host->held) { /* the other of the two is what is left */
            host->current = host->former;
            host->former = (struct ctl_link_peer){.fd = -1};
        }
    }
    if (!ctl_engine_begin(engine))
        return;
    if (end_hold(engine, host, &err) < 0)
        ctl_engine_fail(engine, &err);
    else
        (void)ctl_engine_end(engine);
}

/*
 * A new connection while the one before has not ended: mostly that one is dead, and nobody told us
 * yet. Only a machine that is alive can answer a fresh number, so it is asked for one.
 */
static int doubt_former(struct ctl_engine *engine, struct ctl_fleet_host *host,
                        struct bl_error *err)
{
    struct proto_message message = {.kind = PROTO_PING};
    int r;

    if (host->former.routing_id_bytes > 0)
        forget(engine, &host->former);
    host->former = host->current;
    r = bl_random_u64(&host->former_nonce, err);
    if (r < 0)
        return r;
    message.ping.nonce = host->former_nonce;
    if (ctl_engine_send(engine, &host->former, &message) == -EHOSTUNREACH)
        forget(engine, &host->former);

    return 0;
}

static int take_connection(struct ctl_engine *engine, struct ctl_fleet_host *host,
                           const struct ctl_link_peer *peer, struct bl_error *err)
{
    int r = 0;

    if (is_same(&host->current, peer))
        return 0;
    if (is_same(&host->former, peer)) { /* the two take turns in saying HELLO */
        host->former = host->current;
    } else if (ctl_fleet_is_connected(host)) {
        r = doubt_former(engine, host, err);
        if (r < 0)
            return r;
    }
    host->current = *peer;

    return ctl_fleet_set_fd(&engine->fleet, peer->fd, host, err);
}

static int hold_clone(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
{
    if (host->held)
        return 0;
    host->held = true;
    host->life_due = 0; /* whose journal was it? its reports tell */
    ctl_log(CTL_LOG_WARNING,
            "host '%s': two machines are connected with its key (a cloned machine?); both are held",
            host->name);

    return ctl_engine_audit(engine, -1, "clone", host->name, "two live connections with one key",
                            err);
}

/* ---- messages ---- */

static int set_fact(json_t *facts, const char *key, const char *value)
{
    return json_object_set_new(facts, key, json_string(value));
}

static int take_facts(struct ctl_fleet_host *host, const struct proto_hello *hello,
                      struct bl_error *err)
{
    const struct {
        const char *key, *value;
    } facts[] = {
        {"agent_version", hello->agent_version},
        {"boot_id", hello->boot_id},
        {"os_id", hello->os_id},
        {"os_version", hello->os_version},
        {"kernel", hello->kernel},
        {"arch", hello->arch},
        {"package_manager", hello->package_manager == PROTO_APT ? "apt" : "dnf"},
    };

    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (set_fact(host->facts, facts[i].key, facts[i].value) < 0)
            return bl_fail(err, -ENOMEM, "facts of '%s': no memory", host->name);
    }
    host->unsaved = true;

    return 0;
}

/* A job of a rollout that has ended here is under way there: late news matter, so load it. */
static int load_its_rollout(struct ctl_engine *engine, const struct proto_hello *hello,
                            struct bl_error *err)
{
    struct ctl_run *run;
    int r;

    if (hello->job_state == 0 || proto_job_state_is_final(hello->job_state))
        return 0;
    r = ctl_engine_run(engine, hello->rollout_id, &run, err);

    return r < 0 ? r : 0;
}

/* Off by the way of one message, until the PONG: better than nothing, or than before a jump. */
static void take_clock(struct ctl_fleet_host *host, int64_t offset_ms)
{
    int64_t differs_ms = offset_ms - host->clock_offset_ms;

    if (host->clock_offset_known && differs_ms > -CTL_HOST_CLOCK_JUMP_MS &&
        differs_ms < CTL_HOST_CLOCK_JUMP_MS)
        return;
    host->clock_offset_ms = offset_ms;
    host->clock_offset_known = true;
}

static int on_hello(struct ctl_engine *engine, struct ctl_fleet_host *host,
                    const struct ctl_link_peer *peer, const struct proto_hello *hello,
                    struct bl_error *err)
{
    const struct bl_wall now = bl_wall_now();
    int r;

    r = take_connection(engine, host, peer, err);
    if (r >= 0)
        r = take_facts(host, hello, err);
    if (r >= 0)
        r = load_its_rollout(engine, hello, err);
    if (r >= 0)
        r = ctl_foreign_job_hello(engine, host, hello, err);
    if (r >= 0)
        r = ctl_host_life_hello(engine, host, hello->last_seq, err);
    if (r < 0)
        return r;
    host->next_seq = hello->next_seq;
    host->has_gap = false;
    host->dropped_seq = 0;
    host->trust_version = 0; /* it says so anew */
    host->audit_known = host->audit_due = false;
    host->trust_sent = host->trust_stuck = host->trust_apart = false;
    host->figures = (struct ctl_host_figures){0}; /* of the time before this connection */
    take_clock(host, hello->wall_ms - now.ms);
    host->last_seen = now;
    if (host->held)
        return 0;

    return welcome(engine, host, err);
}

static int queue_ack(struct ctl_engine *engine, struct ctl_fleet_host *host, uint64_t seq,
                     struct bl_error *err)
{
    const struct ctl_order order = {.kind = PROTO_REPORT_ACK, .host = host};
    bool is_queued = host->ack_seq != 0;

    if (seq > host->ack_seq)
        host->ack_seq = seq;

    return is_queued || seq == 0 ? 0 : ctl_engine_queue(engine, &order, err);
}

/*
 * Ordered back too late, a host stays committed and says why. To the rollout that is an end of the
 * way back like any other that failed, and nothing to wait for.
 */
static uint32_t job_state_of(const struct ctl_run *run, uint32_t index,
                             const struct proto_report *report)
{
    bool cant_go_back =
        report->state == PROTO_JOB_COMMITTED && strcmp(report->code, "way_back_expired") == 0;

    return cant_go_back && run->hosts[index].revert_wanted ? PROTO_JOB_REVERT_FAILED
                                                           : report->state;
}

/* Nothing of it is kept, and it moves nothing. */
static void tell_foreign_report(struct ctl_engine *engine, const struct ctl_fleet_host *host,
                                const struct proto_report *report)
{
    char what[TOLD_BYTES], rollout[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];

    bl_hex_encode(report->rollout_id, sizeof(report->rollout_id), rollout);
    (void)snprintf(what, sizeof(what),
                   "host '%s' reports on rollout %s, which this store does not have it in: ignored",
                   host->name, rollout);
    tell_refusal(engine, CTL_REFUSAL_FOREIGN_REPORT, what);
}

static int step_by_report(struct ctl_engine *engine, struct ctl_run *run, uint32_t index,
                          const struct ctl_store_report *stored, struct bl_error *err)
{
    const struct proto_report *report = &stored->report;
    const struct ctl_rollout_event event = {
        .type = CTL_ROLLOUT_HOST_REPORT,
        .host = index,
        .job_state = job_state_of(run, index, report),
        .grade = report->grade,
        .nonce = report->nonce,
    };
    int r;

    r = ctl_run_note_report(run, index, report, stored->received, err);

    return r < 0 ? r : ctl_engine_step(engine, run, event, err);
}

/*
 * What one host says may fill no disk. Of a rollout that it is not in, or that this store does not
 * know, nothing is kept; of one that it is in, far more than any job has to say.
 */
static bool is_worth_keeping(struct ctl_run *run, uint32_t index, const struct ctl_fleet_host *host)
{
    if (index == CTL_ROLLOUT_ALL)
        return false;
    if (run->members[index].reports_count < CTL_RUN_REPORTS_MAX)
        return true;
    if (run->members[index].reports_count++ == CTL_RUN_REPORTS_MAX) {
        ctl_log(CTL_LOG_WARNING,
                "host '%s': more than %d reports of one job; no more of them are taken in",
                host->name, CTL_RUN_REPORTS_MAX);
    }

    return false;
}

/*
 * An acknowledgement covers all up to its number, so nothing behind a gap is taken: a report that got
 * lost on the way would be gone for good. A WELCOME makes the agent send again what is open.
 */
static bool is_behind_gap(struct ctl_engine *engine, struct ctl_fleet_host *host, uint64_t seq)
{
    if (seq == host->next_seq)
        host->next_seq++;
    if (seq < host->next_seq) {
        host->has_gap = host->has_gap && host->dropped_seq >= host->next_seq;
        return false;
    }
    if (!host->has_gap)
        (void)ctl_inbound_welcome(engine, host); /* if it does not arrive: the tick repeats it */
    host->has_gap = true;
    if (seq > host->dropped_seq)
        host->dropped_seq = seq;

    return true;
}

static int on_report(struct ctl_engine *engine, struct ctl_fleet_host *host,
                     const struct proto_report *report, struct bl_error *err)
{
    struct ctl_store_report stored = {.report = *report, .received = bl_wall_now()};
    uint32_t index = CTL_ROLLOUT_ALL;
    struct ctl_run *run = NULL;
    int r;

    if (is_behind_gap(engine, host, report->seq))
        return 0;
    r = ctl_engine_run(engine, report->rollout_id, &run, err);
    if (r < 0)
        return r;
    if (r > 0)
        index = ctl_run_index_of(run, host->id);
    if (index == CTL_ROLLOUT_ALL)
        tell_foreign_report(engine, host, report);
    ctl_foreign_job_report(host, report, index != CTL_ROLLOUT_ALL);
    if (!is_worth_keeping(run, index, host))
        return queue_ack(engine, host, report->seq, err);
    stored.clock_offset_ms =
        ctl_host_clock_offset_ms(&host->clock, report, host->clock_offset_ms, stored.received);
    memcpy(stored.host_id, host->id, sizeof(stored.host_id));
    r = ctl_host_life_report(engine, host, &stored, err);
    if (r > 0)
        r = step_by_report(engine, run, index, &stored, err);
    if (r < 0)
        return r;

    return queue_ack(engine, host, report->seq, err);
}

/*
 * For those who look on, and lost when there are none: neither stored nor told to the machine, and
 * no rollout is read from the store for it.
 */
static void on_progress(struct ctl_engine *engine, const struct ctl_fleet_host *host,
                        const struct proto_progress *progress)
{
    for (uint32_t i = 0; i < engine->run_count; i++) {
        struct ctl_run *run = engine->runs[i];
        uint32_t index;

        if (memcmp(run->id, progress->rollout_id, sizeof(run->id)) != 0)
            continue;
        index = ctl_run_index_of(run, host->id);
        if (index != CTL_ROLLOUT_ALL && ctl_run_note_progress(run, index, progress) &&
            engine->watcher.changed != NULL)
            engine->watcher.changed(engine->watcher.userdata, run);
        return;
    }
}

static int take_figures(struct ctl_engine *engine, struct ctl_fleet_host *host,
                        const struct proto_figures *said, struct bl_error *err)
{
    json_t *before = json_incref(host->way_backs);
    bool is_news;
    int r;

    ctl_host_figures_take(&host->figures, said, bl_mono_now());
    r = ctl_way_backs_take(host, said, err);
    is_news = before != host->way_backs && json_equal(before, host->way_backs) == 0;
    json_decref(before);
    for (uint32_t i = 0; r >= 0 && is_news && i < engine->run_count; i++) {
        if (engine->watcher.changed != NULL &&
            ctl_run_index_of(engine->runs[i], host->id) != CTL_ROLLOUT_ALL)
            engine->watcher.changed(engine->watcher.userdata, engine->runs[i]);
    }

    return r;
}

static int dispatch(struct ctl_engine *engine, struct ctl_fleet_host *host,
                    const struct ctl_link_peer *peer, const struct proto_message *message,
                    struct bl_error *err)
{
    if (message->kind == PROTO_HELLO)
        return on_hello(engine, host, peer, &message->hello, err);
    if (message->kind == PROTO_PONG && host->former_nonce != 0 &&
        message->pong.nonce == host->former_nonce) {
        host->former_nonce = 0;
        return is_same(&host->former, peer) ? hold_clone(engine, host, err) : 0;
    }
    /* Before HELLO, from a connection that another replaced, or from two at once: not believed. */
    if (host->held || !is_same(&host->current, peer))
        return 0;
    host->last_seen = bl_wall_now();
    if (message->kind == PROTO_PONG)
        ctl_ask_take_pong(host, &message->pong);
    else if (message->kind == PROTO_QUERY_RESULT)
        ctl_ask_take_result(host, &message->query_result);
    else if (message->kind == PROTO_PROGRESS)
        on_progress(engine, host, &message->progress);
    else if (message->kind == PROTO_FIGURES)
        return take_figures(engine, host, &message->figures, err);
    else if (message->kind == PROTO_AUDIT_STATE)
        return ctl_audit_heads_take(engine, host, &message->audit_state, err);
    else if (message->kind == PROTO_TRUST_STATE)
        return ctl_trust_take_state(engine, host, &message->trust_state, err);
    else if (message->kind == PROTO_REPORT)
        return on_report(engine, host, &message->report, err);

    return 0;
}

static void on_message(void *userdata, const uint8_t sender[PROTO_HOST_ID_BYTES],
                       const struct ctl_link_peer *peer, const void *data, size_t size_bytes)
{
    struct ctl_engine *engine = userdata;
    struct ctl_fleet_host *host = ctl_fleet_find(&engine->fleet, sender);
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message message;
    struct bl_error err = {0};

    if (engine->failed || host == NULL)
        return;
    if (proto_message_decode(data, size_bytes, &arena, &message, &err) < 0) {
        char what[TOLD_BYTES];

        (void)snprintf(what, sizeof(what), "host '%s': message dropped: %s", host->name, err.text);
        tell_refusal(engine, CTL_REFUSAL_DAMAGED, what);
        return;
    }
    if (dispatch(engine, host, peer, &message, &err) < 0)
        ctl_engine_fail(engine, &err);
}

static void on_enroll(void *userdata, const uint8_t sender[PROTO_HOST_ID_BYTES],
                      const struct ctl_link_peer *peer, const void *data, size_t size_bytes)
{
    struct ctl_engine *engine = userdata;
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message message;
    struct bl_error err = {0};

    if (!engine->failed && proto_message_decode(data, size_bytes, &arena, &message, &err) >= 0 &&
        message.kind == PROTO_ENROLL)
        ctl_enroll_message(engine, sender, peer, &message);
}

static void on_turn_begin(void *userdata)
{
    (void)ctl_engine_begin(userdata);
}

static void on_turn_end(void *userdata)
{
    (void)ctl_engine_end(userdata);
}

void ctl_inbound_handler(struct ctl_engine *engine, struct ctl_link_handler *ret_handler)
{
    *ret_handler = (struct ctl_link_handler){
        .userdata = engine,
        .admits = admits,
        .refused = on_refused,
        .message = on_message,
        .enroll = on_enroll,
        .gone = on_gone,
        .turn_begin = on_turn_begin,
        .turn_end = on_turn_end,
    };
}
