/* SPDX-License-Identifier: Apache-2.0 */
/* Why a rollout or a host is where it is: the rule, the numbers compared, what moves it, until when. */
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/core/rule.h"
#include "controller/daemon/foreign_job.h"
#include "controller/daemon/severe_hooks.h"
#include "controller/daemon/standby.h"
#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"
#include "controller/daemon/way_backs.h"
#include "controller/outside/json.h"
#include "proto/sample.h"

enum {
    NEXT_BYTES = 400, /* names of hosts are long */
    FACT_BYTES = PROTO_PROGRESS_TEXT_BYTES,
};

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

/* When it moves by itself: the end of the soak, or the earliest time at which a host gets lost. */
static struct bl_mono next_moment(const struct ctl_rollout *rollout)
{
    if (rollout->state == CTL_ROLLOUT_SOAKING)
        return rollout->soak_end;

    return ctl_rollout_is_final(rollout) ? (struct bl_mono){0} : rollout->wake_at;
}

static void add_standby(const struct ctl_run *run, json_t *facts)
{
    json_t *standby = ctl_standby_view(run);
    const char *text = json_string_value(json_object_get(standby, "text"));

    if (text != NULL)
        add_fact(facts, "standby", "%s", text);
    json_decref(standby);
}

static void why_rollout(struct ctl_call *call, const struct ctl_run *run)
{
    const struct ctl_rule rule = ctl_rule_of_rollout(run->rollout.state);
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
    for (uint32_t i = 0; i < CTL_HOLD_COUNT; i++) {
        const enum ctl_hold hold = (enum ctl_hold)(1U << i);

        if ((rollout->holds & hold) != 0)
            add_fact(facts, "held", "%s", ctl_hold_reason(hold));
    }
    add_standby(run, facts);
    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
        const struct ctl_rollout_hook *hook = &rollout->called[kind];

        if (hook->calls > 0)
            add_fact(facts, "hook", "%s, %.64s: call %u %s%s", ctl_hook_name(kind),
                     ctl_severe_hook_program(&run->policy, (enum ctl_hook_kind)kind), hook->calls,
                     hook->runs ? "still runs" : "", hook->runs ? "" : hook->text);
    }
    ctl_reply(call,
              json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o}", "kind",
                        "rollout", "name", run->plan_name, "id",
                        ctl_view_hex(run->id, sizeof(run->id)), "state",
                        ctl_rollout_state_name(rollout->state), "code", rollout->code, "reason",
                        rollout->reason, "rule", rule.rule, "moves", rule.moves, "deadline",
                        ctl_view_mono(next_moment(rollout)), "next", next, "facts", facts));
}

static int take_newest(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    memcpy(userdata, row->id, sizeof(row->id));

    return 0;
}

/* What a host without a rollout is: there, away, waiting, held, at a job of elsewhere. */
static void why_idle_host(struct ctl_call *call, const struct ctl_fleet_host *host)
{
    const char *code = "idle", *reason = "connected, and in no rollout", *helps;
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)], next[NEXT_BYTES] = "", foreign[512];

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
    } else if (ctl_foreign_job_explain(host, foreign, sizeof(foreign), &helps)) {
        code = "foreign_job";
        reason = foreign;
        (void)snprintf(next, sizeof(next), "%s", helps);
    }
    ctl_reply(call,
              json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:n, s:s, s:[]}", "kind", "host",
                        "name", host->name, "id", id, "state", code, "code", code, "reason", reason,
                        "rule", "", "moves", "", "deadline", "next", next, "facts"));
}

/* A host that is left as it is on purpose. */
static void why_standby(struct ctl_call *call, const struct ctl_fleet_host *host,
                        const struct ctl_run *run)
{
    const struct proto_policy_standby *kind = proto_policy_standby_of(&run->policy, host->id);
    const bool is_over = ctl_rollout_is_final(&run->rollout);
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)], next[NEXT_BYTES], reason[FACT_BYTES] = "";
    const char *state = "unknown";
    json_t *facts = json_array();

    bl_hex_encode(run->id, sizeof(run->id), id);
    (void)ctl_standby_explain(run, host->id, &state, reason, sizeof(reason));
    (void)snprintf(next, sizeof(next), is_over ? "belay standby %s" : "belay status %s", id);
    add_fact(facts, "rollout", "%s, %s", id, ctl_rollout_state_name(run->rollout.state));
    add_fact(facts, "plan", "%.80s", run->plan_name);
    add_fact(facts, "as standby", "%s", state);
    add_fact(facts, "connected", "%s", ctl_fleet_is_connected(host) ? "yes" : "no");
    for (uint32_t i = 0; i < kind->packages_count; i++)
        add_fact(facts, "keeps", "%s%.128s %.128s",
                 kind->packages[i].version[0] == '\0' ? "no " : "", kind->packages[i].name,
                 kind->packages[i].version);
    ctl_reply(
        call,
        json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:n, s:s, s:o}", "kind", "host", "name",
                  host->name, "id", ctl_view_hex(host->id, sizeof(host->id)), "state", "standby",
                  "code", "standby", "reason", reason, "rule",
                  "hosts.standby of the plan keeps it as it is, in no wave and never started, "
                  "so that the traffic has somewhere to go",
                  "moves",
                  is_over ? "the rollout is complete: a new one upgrades it"
                          : "the end of the rollout",
                  "deadline", "next", next, "facts", facts));
}

/* What helps with this host, rather than with its rollout. */
static void next_of_host(const struct ctl_run *run, uint32_t index, char *ret_text,
                         size_t text_bytes)
{
    const char *name = run->members[index].host->name;
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];

    bl_hex_encode(run->id, sizeof(run->id), id);
    if (run->hosts[index].state == CTL_HOST_LOST)
        (void)snprintf(ret_text, text_bytes, "belay ping %s", name);
    else if (run->hosts[index].state == CTL_HOST_REVERT_FAILED)
        (void)snprintf(ret_text, text_bytes, "belay rollback %s --host %s", id, name);
    else
        ctl_view_next(run, ret_text, text_bytes);
}

static void add_way_back(json_t *facts, const struct ctl_fleet_host *host,
                         const struct ctl_run *run)
{
    json_t *way_back = ctl_way_back_view(host, run->id);

    if (json_is_object(way_back))
        add_fact(facts, "way back", "%s: %s", ctl_json_text(way_back, "state"),
                 ctl_json_text(way_back, "reason"));
    json_decref(way_back);
}

static void why_host(struct ctl_call *call, const struct ctl_fleet_host *host)
{
    uint8_t id[PROTO_ROLLOUT_ID_BYTES] = {0};
    struct bl_error err = {0};
    struct ctl_run *run, *kept_by;
    json_t *status, *view, *facts, *findings;
    char next[NEXT_BYTES];
    struct ctl_rule rule;
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
    is_out = host->held || host->standing != CTL_STANDING_ENROLLED || host->foreign_job.is_there;
    kept_by = ctl_standby_find(call->engine, host->id);
    if (kept_by != NULL && (r == 0 || run->created.ms < kept_by->created.ms)) {
        why_standby(call, host, kept_by);
        return;
    }
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
    next_of_host(run, index, next, sizeof(next));
    rule = ctl_rule_of_host(run->hosts[index].state);
    facts = json_array();
    add_fact(facts, "rollout", "%s, %s", json_string_value(json_object_get(status, "rollout")),
             ctl_rollout_state_name(run->rollout.state));
    add_fact(facts, "plan", "%.80s", run->plan_name);
    add_fact(facts, "wave", "%u of %u", run->hosts[index].wave + 1, run->rollout.wave_count);
    if (proto_sample_has(&run->manifest, host->id))
        add_fact(facts, "sample", "verified more closely than others of its wave");
    add_fact(facts, "connected", "%s", ctl_fleet_is_connected(host) ? "yes" : "no");
    if (run->members[index].progress.is_known) {
        char text[PROTO_PROGRESS_TEXT_BYTES];

        proto_progress_describe(&run->members[index].progress.last, text);
        add_fact(facts, "progress", "%s", text);
    }
    add_way_back(facts, host, run);
    add_fact(facts, "counts as failed", "%s", run->hosts[index].failed ? "yes" : "no");
    ctl_reply(call,
              json_pack("{s:s, s:s, s:O, s:O, s:O, s:O, s:s, s:s, s:O, s:s, s:o, s:o}", "kind",
                        "host", "name", host->name, "id", json_object_get(view, "id"), "state",
                        json_object_get(view, "state"), "code", json_object_get(view, "code"),
                        "reason", json_object_get(view, "reason"), "rule", rule.rule, "moves",
                        rule.moves, "deadline", json_object_get(view, "deadline"), "next", next,
                        "facts", facts, "findings", findings));
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
