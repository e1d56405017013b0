/* SPDX-License-Identifier: Apache-2.0 */
/* What the hosts reported, put in order: a timeline for each host, by the controller's clock. */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/hex.h"
#include "controller/daemon/view.h"

struct host_story {
    json_t *states, *steps, *findings;
    json_t *open_steps[PROTO_STEP_LAST + 1]; /* borrowed from `steps`: begun, not ended */
};

struct story {
    const struct ctl_run *run;
    struct host_story *hosts; /* by index of the rollout */
};

static json_t *corrected(const struct ctl_store_report *stored)
{
    return ctl_view_wall((struct bl_wall){stored->report.wall_ms - stored->clock_offset_ms});
}

static int add_step(struct host_story *host, const struct ctl_store_report *stored,
                    struct bl_error *err)
{
    const struct proto_report *report = &stored->report;
    json_t *step;

    /* An agent that was started again joins the step that runs: it is still the same one. */
    if (host->open_steps[report->step] != NULL)
        return 0;
    step = json_pack("{s:s, s:o, s:n, s:n, s:s, s:s, s:s}", "name", proto_step_name(report->step),
                     "start", corrected(stored), "end", "result", "code", "", "reason", "", "state",
                     proto_job_state_name(report->state));
    if (step == NULL || json_array_append_new(host->steps, step) < 0)
        return bl_fail(err, -ENOMEM, "report: no memory");
    host->open_steps[report->step] = step;

    return 0;
}

static int end_step(struct host_story *host, const struct ctl_store_report *stored,
                    struct bl_error *err)
{
    const struct proto_report *report = &stored->report;
    json_t *step = host->open_steps[report->step];
    int r = 0;

    if (step == NULL) {
        r = add_step(host, stored, err); /* its begin got lost: the end alone is told */
        if (r < 0)
            return r;
        step = host->open_steps[report->step];
    }
    host->open_steps[report->step] = NULL;
    if (json_object_set_new(step, "end", corrected(stored)) < 0 ||
        json_object_set_new(step, "result", json_string(proto_result_name(report->result))) < 0 ||
        json_object_set_new(step, "code", json_string(report->code)) < 0 ||
        json_object_set_new(step, "reason", json_string(report->reason)) < 0)
        return bl_fail(err, -ENOMEM, "report: no memory");

    return 0;
}

static int add_state(struct host_story *host, const struct ctl_store_report *stored,
                     struct bl_error *err)
{
    const char *name = proto_job_state_name(stored->report.state);
    const json_t *last = json_array_get(host->states, json_array_size(host->states) - 1);
    json_t *state;

    /* A note within a state is no new one. */
    if (last != NULL && strcmp(json_string_value(json_object_get(last, "state")), name) == 0)
        return 0;
    state = json_pack("{s:s, s:o}", "state", name, "at", corrected(stored));
    if (state == NULL || json_array_append_new(host->states, state) < 0)
        return bl_fail(err, -ENOMEM, "report: no memory");

    return 0;
}

static json_t *view_finding(const struct ctl_store_report *stored)
{
    const struct proto_report *report = &stored->report;

    return json_pack("{s:s, s:o, s:s, s:s, s:s}", "step", proto_step_name(report->step), "at",
                     corrected(stored), "grade",
                     report->grade != 0 ? proto_grade_name(report->grade) : "", "code",
                     report->code, "reason", report->reason);
}

static int add_finding(struct host_story *host, const struct ctl_store_report *stored,
                       struct bl_error *err)
{
    json_t *finding = view_finding(stored);

    if (finding == NULL || json_array_append_new(host->findings, finding) < 0)
        return bl_fail(err, -ENOMEM, "report: no memory");

    return 0;
}

static int take_report(void *userdata, const struct ctl_store_report *stored, struct bl_error *err)
{
    struct story *story = userdata;
    const struct proto_report *report = &stored->report;
    uint32_t index = ctl_run_index_of(story->run, stored->host_id);
    bool has_step = report->step >= 1 && report->step <= PROTO_STEP_LAST;

    if (index == CTL_ROLLOUT_ALL)
        return 0;
    if (report->moment == PROTO_MOMENT_STATE)
        return add_state(&story->hosts[index], stored, err);
    if (!has_step)
        return 0;
    if (report->moment == PROTO_MOMENT_NOTE)
        return add_finding(&story->hosts[index], stored, err);
    if (report->moment == PROTO_MOMENT_BEGIN)
        return add_step(&story->hosts[index], stored, err);

    return end_step(&story->hosts[index], stored, err);
}

static void free_story(struct story *story)
{
    for (uint32_t i = 0; story->hosts != NULL && i < story->run->rollout.host_count; i++) {
        json_decref(story->hosts[i].states);
        json_decref(story->hosts[i].steps);
        json_decref(story->hosts[i].findings);
    }
    free(story->hosts);
}

static int read_story(struct ctl_engine *engine, struct story *story, struct bl_error *err)
{
    const uint32_t count = story->run->rollout.host_count;

    story->hosts = calloc(count, sizeof(*story->hosts));
    if (story->hosts == NULL)
        return bl_fail(err, -ENOMEM, "report: no memory");
    for (uint32_t i = 0; i < count; i++) {
        story->hosts[i].states = json_array();
        story->hosts[i].steps = json_array();
        story->hosts[i].findings = json_array();
        if (story->hosts[i].states == NULL || story->hosts[i].steps == NULL ||
            story->hosts[i].findings == NULL)
            return bl_fail(err, -ENOMEM, "report: no memory");
    }

    return ctl_store_each_report(engine->store, story->run->id, take_report, story, err);
}

static json_t *view_cause(const struct ctl_rollout_host *state, const struct ctl_run_host *member)
{
    const char *code;

    if (state->state == CTL_HOST_LOST) {
        const char *reason = ctl_view_lost_reason(state, member, &code);

        return json_pack("{s:s, s:s}", "code", code, "reason", reason);
    }
    if (!state->failed && (state->state <= CTL_HOST_PROBATION ||
                           state->state == CTL_HOST_COMMITTED || member->code == NULL))
        return json_null(); /* what a host says on its way to a good end is no cause of one */
    if (member->code == NULL)
        return json_pack("{s:s, s:s}", "code", "unknown", "reason", "the host gave no cause");

    return json_pack("{s:s, s:s}", "code", member->code, "reason",
                     member->reason != NULL ? member->reason : "");
}

static json_t *view_story(const struct ctl_run *run, uint32_t index, const struct host_story *host)
{
    const struct ctl_rollout_host *state = &run->hosts[index];
    const struct ctl_run_host *member = &run->members[index];

    return json_pack("{s:s, s:o, s:i, s:i, s:s, s:s, s:o, s:s, s:o, s:O, s:O, s:O, s:b}", "name",
                     member->host->name, "id", ctl_view_hex(member->host->id, PROTO_HOST_ID_BYTES),
                     "wave", state->wave + 1, "kind", member->kind, "state",
                     ctl_host_state_name(state->state), "job_state",
                     state->job_state != 0 ? proto_job_state_name(state->job_state) : "", "cause",
                     view_cause(state, member), "grade",
                     state->grade != 0 ? proto_grade_name(state->grade) : "", "clock_offset_ms",
                     member->host->clock_offset_known ? json_integer(member->host->clock_offset_ms)
                                                      : json_null(),
                     "states", host->states, "steps", host->steps, "findings", host->findings,
                     "sampled", member->is_sampled);
}

int ctl_view_report(struct ctl_engine *engine, const struct ctl_run *run, json_t **ret_report,
                    struct bl_error *err)
{
    BL_CLEANUP(free_story) struct story story = {.run = run};
    uint8_t hash[PROTO_HASH_BYTES];
    json_t *report, *hosts;
    int r;

    r = read_story(engine, &story, err);
    if (r < 0)
        return r;
    /* The head of a report is that of the status; only the hosts are told in another way. */
    report = ctl_view_status(engine, run);
    hosts = json_array();
    (void)crypto_generichash(hash, sizeof(hash), run->manifest_data, run->manifest_bytes, NULL, 0);
    for (uint32_t i = 0; i < run->rollout.host_count; i++)
        (void)json_array_append_new(hosts, view_story(run, i, &story.hosts[i]));
    if (report == NULL || json_object_set_new(report, "hosts", hosts) < 0 ||
        json_object_set_new(report, "manifest_hash", ctl_view_hex(hash, sizeof(hash))) < 0) {
        json_decref(report);
        return bl_fail(err, -ENOMEM, "report: no memory");
    }
    *ret_report = report;

    return 0;
}

/* ---- what a host found last ---- */

struct last_findings {
    const uint8_t *host_id;
    json_t *list;
    uint32_t step;
};

static int take_finding(void *userdata, const struct ctl_store_report *stored, struct bl_error *err)
{
    struct last_findings *last = userdata;
    const struct proto_report *report = &stored->report;
    json_t *finding;

    if (memcmp(stored->host_id, last->host_id, PROTO_HOST_ID_BYTES) != 0)
        return 0;
    /* A step that was run again has found everything anew. */
    if (report->moment == PROTO_MOMENT_BEGIN && report->step == last->step)
        (void)json_array_clear(last->list);
    if (report->moment != PROTO_MOMENT_NOTE)
        return 0;
    if (report->step != last->step)
        (void)json_array_clear(last->list);
    last->step = report->step;
    finding = view_finding(stored);
    if (finding == NULL || json_array_append_new(last->list, finding) < 0)
        return bl_fail(err, -ENOMEM, "findings: no memory");

    return 0;
}

int ctl_view_last_findings(struct ctl_engine *engine, const struct ctl_run *run,
                           const uint8_t host_id[PROTO_HOST_ID_BYTES], json_t **ret_findings,
                           struct bl_error *err)
{
    struct last_findings last = {.host_id = host_id, .list = json_array()};
    int r = ctl_store_each_report(engine->store, run->id, take_finding, &last, err);

    if (r < 0) {
        json_decref(last.list);
        return r;
    }
    *ret_findings = last.list;

    return 0;
}

/* ---- leases ---- */

struct lease {                        /* what is switched off on a host, as far as it told */
    struct bl_wall ssh_lock, quiesce; /* since; ms 0 = not taken, or given back */
};

struct leases {
    const struct ctl_run *run;
    struct lease *hosts;
};

static int take_lease(void *userdata, const struct ctl_store_report *stored, struct bl_error *err)
{
    struct leases *leases = userdata;
    const struct proto_report *report = &stored->report;
    const struct bl_wall at = {report->wall_ms - stored->clock_offset_ms};
    uint32_t index = ctl_run_index_of(leases->run, stored->host_id);
    bool is_done = report->moment == PROTO_MOMENT_END && report->result == PROTO_RESULT_OK;
    struct lease *lease;

    if (index == CTL_ROLLOUT_ALL)
        return 0;
    lease = &leases->hosts[index];
    if (report->moment == PROTO_MOMENT_BEGIN && report->step == PROTO_STEP_SSH_LOCK)
        lease->ssh_lock = at; /* from the begin on: never shown better than it is */
    if (report->moment == PROTO_MOMENT_BEGIN && report->step == PROTO_STEP_QUIESCE)
        lease->quiesce = at;
    if (is_done && report->step == PROTO_STEP_SSH_UNLOCK)
        lease->ssh_lock = (struct bl_wall){0};
    if (is_done && report->step == PROTO_STEP_RESUME)
        lease->quiesce = (struct bl_wall){0};

    return 0;
}

static int add_lease(const struct ctl_run *run, uint32_t index, const char *name,
                     struct bl_wall since, json_t *leases)
{
    const struct ctl_fleet_host *host = run->members[index].host;

    if (since.ms == 0)
        return 0;

    return json_array_append_new(
        leases,
        json_pack("{s:s, s:o, s:o, s:s, s:o, s:o}", "host", host->name, "id",
                  ctl_view_hex(host->id, sizeof(host->id)), "rollout",
                  ctl_view_hex(run->id, sizeof(run->id)), "lease", name, "since",
                  ctl_view_wall(since), "ends_at_latest",
                  ctl_view_wall((struct bl_wall){since.ms + (int64_t)run->manifest.lease_ms})));
}

int ctl_view_leases(struct ctl_engine *engine, const struct ctl_run *run,
                    bool (*wants)(void *userdata, const struct ctl_fleet_host *host),
                    void *userdata, json_t *leases, struct bl_error *err)
{
    struct leases walk = {
        .run = run,
        .hosts = calloc(run->rollout.host_count, sizeof(*walk.hosts)),
    };
    int r;

    if (walk.hosts == NULL)
        return bl_fail(err, -ENOMEM, "leases: no memory");
    r = ctl_store_each_report(engine->store, run->id, take_lease, &walk, err);
    for (uint32_t i = 0; r >= 0 && i < run->rollout.host_count; i++) {
        if (!wants(userdata, run->members[i].host))
            continue;
        if (add_lease(run, i, "ssh_lock", walk.hosts[i].ssh_lock, leases) < 0 ||
            add_lease(run, i, "quiesce", walk.hosts[i].quiesce, leases) < 0)
            r = bl_fail(err, -ENOMEM, "leases: no memory");
    }
    free(walk.hosts);

    return r < 0 ? r : 0;
}
