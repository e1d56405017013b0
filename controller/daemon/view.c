/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/view.h"

#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/foreign_job.h"
#include "controller/daemon/freeze.h"
#include "controller/daemon/gates.h"
#include "controller/daemon/origin.h"
#include "controller/daemon/severe_hooks.h"
#include "controller/daemon/standby.h"
#include "controller/daemon/view_next.h"
#include "controller/daemon/view_people.h"
#include "controller/daemon/way_backs.h"

enum {
    NEXT_BYTES = 80,
    ID_TEXT_BYTES = BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES),
};

json_t *ctl_view_wall(struct bl_wall wall)
{
    char text[BL_WALL_TEXT_BYTES];

    if (wall.ms == 0)
        return json_null();
    bl_wall_to_text(wall, text);

    return json_string(text);
}

json_t *ctl_view_mono(struct bl_mono mono)
{
    if (mono.ms == 0)
        return json_null();

    return ctl_view_wall((struct bl_wall){bl_wall_now().ms + mono.ms - bl_mono_now().ms});
}

json_t *ctl_view_hex(const uint8_t *data, size_t size_bytes)
{
    char text[BL_HEX_BYTES(PROTO_SIGNATURE_BYTES)];

    BL_ASSERT(size_bytes <= PROTO_SIGNATURE_BYTES);
    bl_hex_encode(data, size_bytes, text);

    return json_string(text);
}

static const char *standing_name(uint32_t standing)
{
    static const char *const names[] = {
        [CTL_STANDING_PENDING] = "pending",
        [CTL_STANDING_ENROLLED] = "enrolled",
        [CTL_STANDING_REVOKED] = "revoked",
    };

    return standing >= 1 && standing <= CTL_STANDING_REVOKED ? names[standing] : "?";
}

json_t *ctl_view_host(const struct ctl_fleet_host *host)
{
    static const char *const facts[] = {"agent_version", "os_id",   "os_version",     "kernel",
                                        "arch",          "boot_id", "package_manager"};
    json_t *view = json_pack(
        "{s:o, s:s, s:s, s:O, s:b, s:s?, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
        ctl_view_hex(host->id, sizeof(host->id)), "name", host->name, "state",
        standing_name(host->standing), "labels", host->labels, "connected",
        ctl_fleet_is_connected(host), "held", host->held ? "clone" : NULL, "first_seen",
        ctl_view_wall(host->first_seen), "last_seen", ctl_view_wall(host->last_seen),
        "clock_offset_ms",
        host->clock_offset_known ? json_integer(host->clock_offset_ms) : json_null(), "foreign_job",
        ctl_foreign_job_view(host), "way_backs", ctl_way_backs_view(host), "trust_version",
        host->trust_version > 0 ? json_integer((json_int_t)host->trust_version) : json_null());

    for (size_t i = 0; view != NULL && i < sizeof(facts) / sizeof(facts[0]); i++) {
        const char *value = json_string_value(json_object_get(host->facts, facts[i]));

        (void)json_object_set_new(view, facts[i], json_string(value != NULL ? value : ""));
    }

    return view;
}

/* In the units that people read: percent, processes, milliseconds. */
static double readable(uint32_t figure, uint64_t value)
{
    return figure == PROTO_FIGURE_LOAD || figure == PROTO_FIGURE_AWAIT ? (double)value / 1000
                                                                       : (double)value / 10;
}

json_t *ctl_view_figures(const struct ctl_fleet_host *host)
{
    const struct ctl_host_figures *figures = &host->figures;
    struct bl_mono now = bl_mono_now();
    bool is_fresh = ctl_host_figures_are_fresh(figures, now);
    json_t *view =
        json_pack("{s:o, s:b, s:o}", "at", ctl_view_mono(figures->heard), "fresh", is_fresh,
                  "span_ms", is_fresh ? json_integer((json_int_t)figures->span_ms) : json_null());

    for (uint32_t figure = 1; view != NULL && figure <= PROTO_FIGURE_LAST; figure++) {
        uint64_t value;
        bool is_known = ctl_host_figures_get(figures, (enum proto_figure)figure, now, &value);

        (void)json_object_set_new(view, proto_figure_name(figure),
                                  is_known ? json_real(readable(figure, value)) : json_null());
    }

    return view;
}

void ctl_view_next(const struct ctl_run *run, char *ret_text, size_t size_bytes)
{
    static const char *const commands[] = {
        [CTL_ROLLOUT_STAGING] = "belay watch",
        [CTL_ROLLOUT_RUNNING] = "belay watch",
        [CTL_ROLLOUT_SOAKING] = "belay watch",
        [CTL_ROLLOUT_STOPPING] = "belay watch",
        [CTL_ROLLOUT_ROLLING_BACK] = "belay watch",
        [CTL_ROLLOUT_COMPLETE] = "belay report",
        [CTL_ROLLOUT_HALTED] = "belay report",
        [CTL_ROLLOUT_ABORTED] = "belay report",
        [CTL_ROLLOUT_ROLLED_BACK] = "belay report",
        [CTL_ROLLOUT_ROLLBACK_INCOMPLETE] = "belay rollback",
    };
    char id[ID_TEXT_BYTES];
    const uint32_t holds = run->rollout.holds;
    const char *command = commands[run->rollout.state];

    if (holds != 0) /* the lowest: what a person did comes before what waits for one */
        command = ctl_hold_command((enum ctl_hold)(holds & -holds));
    bl_hex_encode(run->id, sizeof(run->id), id);
    if (bl_text_format(ret_text, size_bytes, "%s %s", command, id) < 0)
        ret_text[0] = '\0';
}

/* `rollout`: NULL when only the bits are known. */
static json_t *view_holds(uint32_t holds, const struct ctl_rollout *rollout)
{
    json_t *view = json_array();

    for (uint32_t i = 0; i < CTL_HOLD_COUNT; i++) {
        const enum ctl_hold hold = (enum ctl_hold)(1U << i);

        const bool is_gate = hold == CTL_HOLD_GATE && rollout != NULL;

        if ((holds & hold) != 0)
            (void)json_array_append_new(
                view,
                json_pack("{s:s, s:s}", "code",
                          is_gate ? ctl_rollout_gate_code(rollout) : ctl_hold_code(hold), "reason",
                          is_gate ? ctl_rollout_gate_reason(rollout) : ctl_hold_reason(hold)));
    }

    return view;
}

/* Why, as whoever ordered the freeze said it, and until when. */
static void add_freeze(const struct ctl_engine *engine, json_t *hold, struct bl_wall *ret_until)
{
    *ret_until = engine->freeze.until;
    if (engine->freeze.reason[0] != '\0')
        (void)json_object_set_new(
            hold, "reason",
            json_sprintf("%s: %s", ctl_hold_reason(CTL_HOLD_FREEZE), engine->freeze.reason));
}

/* With the instants at which those by the clock end by themselves. */
static json_t *view_run_holds(const struct ctl_engine *engine, const struct ctl_rollout *rollout)
{
    const struct bl_wall now = bl_wall_now();
    json_t *view = view_holds(rollout->holds, rollout), *hold;
    size_t i;

    json_array_foreach (view, i, hold) {
        const char *code = json_string_value(json_object_get(hold, "code"));
        struct bl_wall until = {0};

        if (strcmp(code, ctl_hold_code(CTL_HOLD_FREEZE)) == 0)
            add_freeze(engine, hold, &until);
        if (strcmp(code, ctl_hold_code(CTL_HOLD_WINDOW)) == 0)
            until.ms = now.ms + ctl_rollout_window_wait_ms(rollout, now);
        (void)json_object_set_new(hold, "until", ctl_view_wall(until));
    }

    return view;
}

static json_t *view_counts(const struct ctl_rollout *rollout)
{
    uint32_t counts[CTL_HOST_STATE_LAST + 1];
    json_t *view = json_object();

    ctl_rollout_count(rollout, counts);
    for (uint32_t state = 1; state <= CTL_HOST_STATE_LAST; state++)
        (void)json_object_set_new(view, ctl_host_state_name(state), json_integer(counts[state]));

    return view;
}

static const char *wave_state(const struct ctl_rollout *rollout, uint32_t index)
{
    const struct ctl_rollout_wave *wave = &rollout->waves[index];

    if (wave->failed_count > wave->failures_allowed)
        return "failed";
    if (index > rollout->wave)
        return "waiting";
    if (index < rollout->wave)
        return "done";
    if (rollout->state == CTL_ROLLOUT_STAGING)
        return "waiting";
    if (rollout->state == CTL_ROLLOUT_SOAKING)
        return "soaking";

    return ctl_rollout_is_final(rollout) ? "done" : "running";
}

static json_t *view_waves(const struct ctl_rollout *rollout)
{
    json_t *waves = json_array();

    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        const struct ctl_rollout_wave *wave = &rollout->waves[i];

        (void)json_array_append_new(
            waves, json_pack("{s:i, s:i, s:i, s:i, s:s}", "wave", i + 1, "hosts_count",
                             wave->host_count, "failures_allowed", wave->failures_allowed,
                             "failed_count", wave->failed_count, "state", wave_state(rollout, i)));
    }

    return waves;
}

/* When it was revoked is not asked: it may have been silent before. Both are true. */
const char *ctl_view_lost_reason(const struct ctl_rollout_host *state,
                                 const struct ctl_run_host *member, const char **ret_code)
{
    if (state->went_back) {
        *ret_code = "went_back";
        return "came back as it was before its last reports: a snapshot was restored, or its disk "
               "was lost";
    }
    *ret_code = "lost";

    return member->host->standing == CTL_STANDING_REVOKED
               ? "its end was not heard of until its deadline; its key was revoked"
               : "its end was not heard of until its deadline";
}

static const char *host_reason(const struct ctl_rollout_host *state,
                               const struct ctl_run_host *member, const char **ret_code)
{
    if (state->state == CTL_HOST_LOST)
        return ctl_view_lost_reason(state, member, ret_code);
    if (member->host->standing == CTL_STANDING_REVOKED && !ctl_host_state_is_final(state->state)) {
        *ret_code = "revoked";
        return "its key was revoked: nothing it says is taken in; at its deadline it is lost";
    }
    if (member->host->held && !ctl_host_state_is_final(state->state)) {
        *ret_code = "clone";
        return "two machines are connected with its key: neither gets work nor is believed";
    }
    if (state->start_owed) {
        *ret_code = "start_held";
        return "nothing may start now: it is told once more when the rollout goes on";
    }
    if (state->cancel_wanted && state->state == CTL_HOST_RUNNING &&
        state->job_state <= PROTO_JOB_READY) {
        *ret_code = "called_back";
        return "was told to start and has not said that it began; the rollout starts nothing any "
               "more, so it is told to cancel";
    }
    *ret_code = member->code != NULL ? member->code : "";

    return member->reason != NULL ? member->reason : "";
}

json_t *ctl_view_progress(const struct ctl_run_host *member)
{
    const struct proto_progress *last = &member->progress.last;
    char text[PROTO_PROGRESS_TEXT_BYTES];

    if (!member->progress.is_known)
        return json_null();
    proto_progress_describe(last, text);

    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:I}", "text", text, "packages_done",
                     (json_int_t)last->packages_done, "packages_total",
                     (json_int_t)last->packages_total, "bytes_done", (json_int_t)last->bytes_done,
                     "bytes_total", (json_int_t)last->bytes_total, "what", last->what, "script",
                     last->script, "script_ms", (json_int_t)last->script_ms);
}

static json_t *view_run_host(const struct ctl_run *run, uint32_t index)
{
    const struct ctl_rollout_host *state = &run->hosts[index];
    const struct ctl_run_host *member = &run->members[index];
    const char *code, *reason = host_reason(state, member, &code);

    return json_pack(
        "{s:o, s:s, s:i, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:b, s:o}", "id",
        ctl_view_hex(member->host->id, PROTO_HOST_ID_BYTES), "name", member->host->name, "wave",
        state->wave + 1, "state", ctl_host_state_name(state->state), "job_state",
        state->job_state != 0 ? proto_job_state_name(state->job_state) : "", "step",
        member->step != 0 ? proto_step_name(member->step) : "", "progress",
        ctl_view_progress(member), "grade", state->grade != 0 ? proto_grade_name(state->grade) : "",
        "code", code, "reason", reason, "failed", state->failed, "connected",
        ctl_fleet_is_connected(member->host), "deadline", ctl_view_mono(state->deadline),
        "changed_at", ctl_view_wall(member->changed_at), "sampled", member->is_sampled, "way_back",
        ctl_way_back_view(member->host, run->id));
}

static json_t *view_signers(const struct ctl_engine *engine, const struct ctl_run *run)
{
    json_t *signers = json_array();

    for (uint32_t i = 0; i < run->signatures_count; i++)
        (void)json_array_append_new(
            signers, json_string(ctl_trust_name_of(&engine->trust, run->signatures[i].key)));

    return signers;
}

json_t *ctl_view_status(const struct ctl_engine *engine, const struct ctl_run *run)
{
    const struct ctl_rollout *rollout = &run->rollout;
    const struct ctl_rollout_limits *limits = &rollout->limits;
    const int exit_code = ctl_rollout_exit_code(rollout);
    char next[NEXT_BYTES];
    json_t *hosts = json_array(), *view;

    ctl_view_next(run, next, sizeof(next));
    for (uint32_t i = 0; i < rollout->host_count; i++)
        (void)json_array_append_new(hosts, view_run_host(run, i));
    view = json_pack(
        "{s:b, s:o, s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:o}", "ok", 1,
        "rollout", ctl_view_hex(run->id, sizeof(run->id)), "plan", run->plan_name, "risk",
        proto_risk_name(run->manifest.risk), "state", ctl_rollout_state_name(rollout->state),
        "final", ctl_rollout_is_final(rollout), "paused", (rollout->holds & CTL_HOLD_PERSON) != 0,
        "code", rollout->code, "reason", rollout->reason, "next", next, "exit_code",
        exit_code < 0 ? json_null() : json_integer(exit_code), "created",
        ctl_view_wall(run->created), "ended", ctl_view_wall(run->ended), "submitted_by_uid",
        (json_int_t)run->submitted_by_uid, "signers", view_signers(engine, run));
    if (view == NULL) {
        json_decref(hosts);
        return NULL;
    }
    if (json_object_set_new(view, "freeze", ctl_freeze_view(engine)) < 0 ||
        json_object_set_new(view, "holds", view_run_holds(engine, rollout)) < 0 ||
        json_object_set_new(view, "wave", json_integer(rollout->wave + 1)) < 0 ||
        json_object_set_new(view, "soak_end", ctl_view_mono(rollout->soak_end)) < 0 ||
        json_object_set_new(view, "counts", view_counts(rollout)) < 0 ||
        json_object_set_new(view, "hosts_count", json_integer(rollout->host_count)) < 0 ||
        json_object_set_new(view, "failed_count", json_integer(rollout->failed_count)) < 0 ||
        json_object_set_new(view, "failures_allowed", json_integer(limits->failures_allowed)) < 0 ||
        json_object_set_new(view, "budget",
                            limits->budget != 0 ? json_integer(limits->budget) : json_null()) < 0 ||
        json_object_set_new(view, "budget_used", json_integer(rollout->used_count)) < 0 ||
        json_object_set_new(view, "first",
                            json_string(limits->first_alone ? "alone" : "together")) < 0 ||
        json_object_set_new(view, "blast", ctl_view_blast(engine, run)) < 0 ||
        json_object_set_new(view, "leases", ctl_view_lease_counts(run)) < 0 ||
        json_object_set_new(view, "weaker", ctl_view_weaker(run)) < 0 ||
        json_object_set_new(view, "alarm", ctl_view_alarm(run)) < 0 ||
        json_object_set_new(view, "hooks", ctl_severe_hooks_view(run)) < 0 ||
        json_object_set_new(view, "standby", ctl_standby_view(run)) < 0 ||
        json_object_set_new(view, "rollback_condition", ctl_view_condition(run)) < 0 ||
        json_object_set_new(view, "approvals", ctl_view_approvals(run)) < 0 ||
        json_object_set_new(view, "promises", ctl_view_promises(run)) < 0 ||
        json_object_set_new(view, "gates", ctl_gates_view(run)) < 0 ||
        json_object_set_new(view, "waves", view_waves(rollout)) < 0) {
        json_decref(hosts);
        json_decref(view);
        return NULL;
    }
    (void)json_object_set_new(view, "hosts", hosts);
    (void)json_object_set_new(view, "joined_count",
                              json_integer(ctl_origin_count_joined(engine, run)));
    ctl_origin_view(run, view);

    return view;
}

json_t *ctl_view_rollout_row(const struct ctl_store_rollout *row)
{
    return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:i, s:b, s:o}", "rollout",
                     ctl_view_hex(row->id, sizeof(row->id)), "plan", row->plan_name, "state",
                     ctl_rollout_state_name(row->state), "created", ctl_view_wall(row->created),
                     "ended", ctl_view_wall(row->ended), "exit_code",
                     row->ended.ms != 0 ? json_integer(row->exit_code) : json_null(), "hosts_count",
                     row->host_count, "paused", (row->holds & CTL_HOLD_PERSON) != 0, "holds",
                     view_holds(row->holds, NULL));
}
