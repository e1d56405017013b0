/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/log.h"
#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"

enum {
    LIST_DEFAULT = 50,
    LIST_MAX = 10000,
    NEXT_BYTES = 96,
    FACT_BYTES = PROTO_PROGRESS_TEXT_BYTES,
};

static int take_row(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    if (json_array_append_new(userdata, ctl_view_rollout_row(row)) < 0)
        return bl_fail(err, -ENOMEM, "rollouts: no memory");

    return 0;
}

void ctl_verb_rollouts_list(struct ctl_call *call)
{
    struct bl_error err = {0};
    int64_t limit;
    json_t *list;

    if (!ctl_call_int(call, "limit", LIST_DEFAULT, LIST_MAX, &limit))
        return;
    list = json_array();
    if (ctl_store_each_rollout(call->engine->store, (uint32_t)limit, take_row, list, &err) < 0) {
        json_decref(list);
        ctl_reply_failure(call, &err);
        return;
    }
    ctl_reply(call, json_pack("{s:o}", "rollouts", list));
}

/* Only for who asks once: a watched status is sent ten times a second. */
static json_t *add_figures(json_t *status, const struct ctl_run *run)
{
    json_t *hosts = json_object_get(status, "hosts"), *view;
    size_t i;

    json_array_foreach (hosts, i, view)
        (void)json_object_set_new(view, "figures", ctl_view_figures(run->members[i].host));

    return status;
}

void ctl_verb_status(struct ctl_call *call)
{
    struct ctl_run *run;

    if (ctl_call_run(call, &run))
        ctl_reply(call, add_figures(ctl_view_status(call->engine, run), run));
}

void ctl_verb_watch(struct ctl_call *call)
{
    struct ctl_run *run;

    if (ctl_call_run(call, &run))
        ctl_stream_watch(call, run);
}

void ctl_verb_report(struct ctl_call *call)
{
    struct bl_error err = {0};
    struct ctl_run *run;
    json_t *report;

    if (!ctl_call_run(call, &run))
        return;
    if (ctl_view_report(call->engine, run, &report, &err) < 0)
        ctl_reply_failure(call, &err);
    else
        ctl_reply(call, report);
}

/* ---- people's orders ---- */

static void order(struct ctl_call *call, struct ctl_run *run, const char *verb,
                  const struct ctl_rollout_event *event, const char *detail)
{
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    struct bl_error err = {0};

    bl_hex_encode(run->id, sizeof(run->id), id);
    if (ctl_engine_step(call->engine, run, *event, &err) < 0) {
        ctl_reply_failure(call, &err);
        return;
    }
    if (!ctl_call_audit(call, verb, id, detail))
        return;
    ctl_log(CTL_LOG_NOTICE, "rollout %s: %s %s by uid %lld", id, verb, detail,
            (long long)call->uid);
    ctl_reply(call, ctl_view_status(call->engine, run));
}

/* Hosts may still start: there is something to hold up, or to let go. */
static bool is_going(const struct ctl_rollout *rollout)
{
    return rollout->state == CTL_ROLLOUT_STAGING || rollout->state == CTL_ROLLOUT_RUNNING ||
           rollout->state == CTL_ROLLOUT_SOAKING;
}

static void simple_order(struct ctl_call *call, const char *verb, enum ctl_rollout_event_type type)
{
    const struct ctl_rollout_event event = {.type = type};
    struct ctl_run *run;

    if (!ctl_call_run(call, &run))
        return;
    if (ctl_rollout_is_final(&run->rollout)) {
        ctl_refuse(call, "final", "belay report", "the rollout has ended: %s",
                   ctl_rollout_state_name(run->rollout.state));
        return;
    }
    if (type != CTL_ROLLOUT_ABORT && !is_going(&run->rollout)) {
        ctl_refuse(call, "not_going", "belay watch",
                   "the rollout is %s: no host would start in it any more",
                   ctl_rollout_state_name(run->rollout.state));
        return;
    }
    order(call, run, verb, &event, "");
}

void ctl_verb_pause(struct ctl_call *call)
{
    simple_order(call, "pause", CTL_ROLLOUT_PAUSE);
}

void ctl_verb_resume(struct ctl_call *call)
{
    simple_order(call, "resume", CTL_ROLLOUT_RESUME);
}

void ctl_verb_abort(struct ctl_call *call)
{
    simple_order(call, "abort", CTL_ROLLOUT_ABORT);
}

void ctl_verb_rollback(struct ctl_call *call)
{
    struct ctl_rollout_event event = {
        .type = CTL_ROLLOUT_ROLLBACK, .host = CTL_ROLLOUT_ALL, .wave = CTL_ROLLOUT_ALL};
    bool has_host = json_object_get(call->request, "host") != NULL;
    bool has_wave = json_object_get(call->request, "wave") != NULL;
    struct ctl_fleet_host *host = NULL;
    char detail[FACT_BYTES] = "all that it changed";
    struct ctl_run *run;
    int64_t wave = 0;

    if (!ctl_call_run(call, &run))
        return;
    if (has_host && has_wave) {
        ctl_refuse(call, "bad_request", "", "either a host or a wave");
        return;
    }
    if ((has_host && !ctl_call_host(call, "host", &host)) ||
        (has_wave && !ctl_call_int(call, "wave", 0, run->rollout.wave_count, &wave)))
        return;
    if (has_wave) {
        event.wave = (uint32_t)wave - 1;
        (void)snprintf(detail, sizeof(detail), "wave %lld", (long long)wave);
    }
    if (has_host) {
        event.host = ctl_run_index_of(run, host->id);
        (void)snprintf(detail, sizeof(detail), "host %.64s", host->name);
        if (event.host == CTL_ROLLOUT_ALL) {
            ctl_refuse(call, "not_found", "belay status", "host '%s' is not in this rollout",
                       host->name);
            return;
        }
    }
    order(call, run, "rollback", &event, detail);
}

/* ---- why ---- */

static void add_fact(json_t *facts, const char *name, const char *fmt, ...) BL_PRINTF(3, 4);
static void add_fact(json_t *facts, const char *name, const char *fmt, ...)
{
    char text[FACT_BYTES];
    va_list arguments;

    va_start(arguments, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, arguments);
    va_end(arguments);
    (void)json_array_append_new(facts, json_pack("[s, s]", name, text));
}

static void why_rollout(struct ctl_call *call, const struct ctl_run *run)
{
    const struct ctl_rollout *rollout = &run->rollout;
    const struct ctl_rollout_wave *wave = &rollout->waves[rollout->wave];
    char next[NEXT_BYTES];
    json_t *facts = json_array();

    ctl_view_next(run, next, sizeof(next));
    add_fact(facts, "wave", "%u of %u", rollout->wave + 1, rollout->wave_count);
    add_fact(facts, "failed in this wave", "%u of %u, %u allowed", wave->failed_count,
             wave->host_count, wave->failures_allowed);
    add_fact(facts, "failed in all", "%u of %u, %u allowed", rollout->failed_count,
             rollout->host_count, rollout->limits.failures_allowed);
    add_fact(facts, "not ready in this wave", "%u", wave->unready_count);
    add_fact(facts, "under way in this wave", "%u", wave->open_count);
    ctl_reply(call, json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:o}", "kind", "rollout", "name",
                              run->plan_name, "id", ctl_view_hex(run->id, sizeof(run->id)), "state",
                              ctl_rollout_state_name(rollout->state), "code", rollout->code,
                              "reason", rollout->reason, "next", next, "facts", facts));
}

static int take_newest(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    memcpy(userdata, row->id, sizeof(row->id));

    return 0;
}

/* What a host without a rollout is: there, away, waiting, held. */
static void why_idle_host(struct ctl_call *call, const struct ctl_fleet_host *host)
{
    const char *code = "idle", *reason = "connected, and in no rollout";
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)], next[NEXT_BYTES] = "";

    bl_hex_encode(host->id, sizeof(host->id), id);
    if (host->standing == CTL_STANDING_PENDING) {
        code = "pending";
        reason = "waits for a person to approve its key";
        (void)snprintf(next, sizeof(next), "belay hosts approve %.16s", id);
    } else if (host->standing == CTL_STANDING_REVOKED) {
        code = "revoked";
        reason = "its key was revoked: nothing it says is taken in; with 'belay-agent join --force "
                 "--new-key' and a token it comes back as another host";
        (void)snprintf(next, sizeof(next), "belay enroll token");
    } else if (host->held) {
        code = "clone";
        reason = "two machines are connected with its key: stop the copy, or give it a key of its "
                 "own with 'belay-agent join --force --new-key' and a token";
        (void)snprintf(next, sizeof(next), "belay enroll token");
    } else if (!ctl_fleet_is_connected(host)) {
        code = "absent";
        reason = "it is not connected: is it up, and is belay-courier running there?";
        (void)snprintf(next, sizeof(next), "systemctl status belay-courier");
    }
    ctl_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[]}", "kind", "host", "name",
                              host->name, "id", id, "state", code, "code", code, "reason", reason,
                              "next", next, "facts"));
}

static void why_host(struct ctl_call *call, const struct ctl_fleet_host *host)
{
    uint8_t id[PROTO_ROLLOUT_ID_BYTES] = {0};
    struct bl_error err = {0};
    struct ctl_run *run;
    json_t *status, *view, *facts, *findings;
    char next[NEXT_BYTES];
    uint32_t index;
    bool is_out; /* of any work, whatever it did before */
    int r;

    r = ctl_store_each_rollout_of_host(call->engine->store, host->id, 1, take_newest, id, &err);
    if (r >= 0)
        r = ctl_engine_run(call->engine, id, &run, &err);
    if (r < 0) {
        ctl_reply_failure(call, &err);
        return;
    }
    is_out = host->held || host->standing != CTL_STANDING_ENROLLED;
    if (r == 0 || (is_out && ctl_rollout_is_final(&run->rollout))) {
        why_idle_host(call, host);
        return;
    }
    if (ctl_view_last_findings(call->engine, run, host->id, &findings, &err) < 0) {
        ctl_reply_failure(call, &err);
        return;
    }
    index = ctl_run_index_of(run, host->id);
    status = ctl_view_status(call->engine, run);
    view = json_array_get(json_object_get(status, "hosts"), index);
    ctl_view_next(run, next, sizeof(next));
    facts = json_array();
    add_fact(facts, "plan", "%.80s", run->plan_name);
    add_fact(facts, "wave", "%u of %u", run->hosts[index].wave + 1, run->rollout.wave_count);
    add_fact(facts, "connected", "%s", ctl_fleet_is_connected(host) ? "yes" : "no");
    if (run->members[index].progress.is_known) {
        char text[PROTO_PROGRESS_TEXT_BYTES];

        proto_progress_describe(&run->members[index].progress.last, text);
        add_fact(facts, "progress", "%s", text);
    }
    add_fact(facts, "counts as failed", "%s", run->hosts[index].failed ? "yes" : "no");
    ctl_reply(call, json_pack("{s:s, s:s, s:O, s:O, s:O, s:O, s:s, s:o, s:o}", "kind", "host",
                              "name", host->name, "id", json_object_get(view, "id"), "state",
                              json_object_get(view, "state"), "code", json_object_get(view, "code"),
                              "reason", json_object_get(view, "reason"), "next", next, "facts",
                              facts, "findings", findings));
    json_decref(status);
}

void ctl_verb_why(struct ctl_call *call)
{
    struct ctl_fleet_found found = {0};
    struct ctl_run *run;
    const char *subject;

    if (!ctl_call_text(call, "subject", "latest", &subject))
        return;
    /* A host can't take the place of this word by its name. */
    if (strcmp(subject, "latest") != 0)
        ctl_fleet_resolve(&call->engine->fleet, subject, &found);
    if (found.count == 1)
        why_host(call, found.hosts[0]);
    else if (found.count > 1)
        ctl_refuse_ambiguous(call, subject, ctl_call_candidates(&found));
    else if (ctl_call_find_run(call, subject, &run))
        why_rollout(call, run);
}

/* ---- leases ---- */

static bool is_selected(void *userdata, const struct ctl_fleet_host *host)
{
    const struct ctl_call_hosts *hosts = userdata;

    for (uint32_t i = 0; i < hosts->count; i++) {
        if (hosts->list[i] == host)
            return true;
    }

    return false;
}

static int take_lease_ms(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_manifest manifest;
    int r;

    r = proto_manifest_decode(row->manifest.data, row->manifest.size_bytes, &arena, &manifest, err);
    if (r >= 0)
        *(int64_t *)userdata = (int64_t)manifest.lease_ms;

    return r;
}

/* A host that got lost, or could not go back, may still hold what it took when its rollout ended. */
static bool may_hold(struct bl_wall ended, int64_t lease_ms)
{
    return ended.ms == 0 || ended.ms + lease_ms > bl_wall_now().ms;
}

/* Those that are open are loaded already. */
static int load_recent(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    struct ctl_engine *engine = userdata;
    int64_t lease_ms = 0;
    struct ctl_run *run;
    int r;

    if (row->ended.ms == 0 || !may_hold(row->ended, PROTO_DURATION_MS_MAX))
        return 0;
    r = ctl_store_load_rollout(engine->store, row->id, take_lease_ms, &lease_ms, err);
    if (r > 0 && may_hold(row->ended, lease_ms))
        r = ctl_engine_run(engine, row->id, &run, err);

    return r < 0 ? r : 0;
}

static int view_all_leases(struct ctl_engine *engine, struct ctl_call_hosts *hosts, json_t *leases,
                           struct bl_error *err)
{
    int r = ctl_store_each_rollout(engine->store, UINT32_MAX, load_recent, engine, err);

    for (uint32_t i = 0; i < engine->run_count && r >= 0; i++) {
        const struct ctl_run *run = engine->runs[i];

        if (may_hold(run->ended, (int64_t)run->manifest.lease_ms))
            r = ctl_view_leases(engine, run, is_selected, hosts, leases, err);
    }

    return r;
}

void ctl_verb_leases(struct ctl_call *call)
{
    struct ctl_engine *engine = call->engine;
    CTL_CALL_AUTO_HOSTS hosts = {0};
    struct bl_error err = {0};
    json_t *leases;

    if (!ctl_call_select(call, &hosts))
        return;
    leases = json_array();
    if (view_all_leases(engine, &hosts, leases, &err) < 0) {
        json_decref(leases);
        ctl_reply_failure(call, &err);
        return;
    }
    ctl_reply(call, json_pack("{s:o}", "leases", leases));
}
