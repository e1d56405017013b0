/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/desk_table.h"
#include "controller/daemon/log.h"
#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"

enum {
    LIST_DEFAULT = 50,
    LIST_MAX = 10000,
    DETAIL_BYTES = 128,
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

static json_t *add_already(json_t *status, bool was_so)
{
    (void)json_object_set_new(status, "already", json_boolean(was_so));

    return status;
}

/* False: it was not done, and the answer says why. */
static bool order(struct ctl_call *call, struct ctl_run *run, const char *verb,
                  const struct ctl_rollout_event *event, const char *detail)
{
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    struct bl_error err = {0};

    bl_hex_encode(run->id, sizeof(run->id), id);
    if (ctl_engine_step(call->engine, run, *event, &err) < 0) {
        ctl_reply_failure(call, &err);
        return false;
    }
    if (!ctl_call_audit(call, verb, id, detail))
        return false;
    if (call->desk != NULL)
        ctl_log(CTL_LOG_NOTICE, "rollout %s: %s %s from desk '%s'", id, verb, detail,
                call->desk->row.name);
    else
        ctl_log(CTL_LOG_NOTICE, "rollout %s: %s %s by uid %lld", id, verb, detail,
                (long long)call->uid);

    return true;
}

/* Who repeats an order made no mistake, and wants to know that it is so. */
static bool is_so_already(const struct ctl_rollout *rollout, enum ctl_rollout_event_type type)
{
    if (type == CTL_ROLLOUT_PAUSE)
        return (rollout->holds & CTL_HOLD_PERSON) != 0;
    if (type == CTL_ROLLOUT_RESUME)
        return (rollout->holds & (CTL_HOLD_PERSON | CTL_HOLD_GATE)) == 0;

    return rollout->state == CTL_ROLLOUT_ABORTED ||
           (rollout->state == CTL_ROLLOUT_STOPPING && rollout->aborted);
}

static void simple_order(struct ctl_call *call, const char *verb, enum ctl_rollout_event_type type)
{
    const struct ctl_rollout_event event = {.type = type};
    char detail[CTL_GATE_TEXT_BYTES_MAX + 64] = "";
    struct ctl_run *run;
    bool was_so;

    if (!ctl_call_run(call, &run))
        return;
    was_so = is_so_already(&run->rollout, type);
    if (was_so && run->rollout.state == CTL_ROLLOUT_ABORTED) {
        ctl_reply(call, add_already(ctl_view_status(call->engine, run), true));
        return;
    }
    if (ctl_rollout_is_final(&run->rollout)) {
        ctl_refuse(call, "final", "belay report", "the rollout has ended: %s",
                   ctl_rollout_state_name(run->rollout.state));
        return;
    }
    if (type != CTL_ROLLOUT_ABORT && !ctl_rollout_is_going(&run->rollout)) {
        ctl_refuse(call, "not_going", "belay watch",
                   "the rollout is %s: no host would start in it any more",
                   ctl_rollout_state_name(run->rollout.state));
        return;
    }
    /* Who goes on over a gate is on record with what it said. */
    if (type == CTL_ROLLOUT_RESUME && (run->rollout.holds & CTL_HOLD_GATE) != 0)
        (void)snprintf(detail, sizeof(detail), "over %s: %s", ctl_rollout_gate_code(&run->rollout),
                       ctl_rollout_gate_reason(&run->rollout));
    if (order(call, run, verb, &event, detail))
        ctl_reply(call, add_already(ctl_view_status(call->engine, run), was_so));
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
    char detail[DETAIL_BYTES] = "all that it changed";
    struct ctl_run *run;
    int64_t wave = 0;

    if (!ctl_call_run(call, &run))
        return;
    /* What is under way is stopped by it; what has ended is not for a key that lies on a disk. */
    if (call->desk != NULL && ctl_rollout_is_final(&run->rollout)) {
        ctl_refuse(call, "not_from_desk", "on the controller itself, without --desk",
                   "the rollout has ended: from another desk only what is under way is taken back");
        return;
    }
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
    if (order(call, run, "rollback", &event, detail))
        ctl_reply(call, ctl_view_status(call->engine, run));
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
