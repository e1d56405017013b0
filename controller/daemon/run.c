/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "controller/daemon/gates.h"
#include "controller/daemon/pace.h"
#include "controller/daemon/run_people.h"
#include "controller/daemon/severe_hooks.h"
#include "controller/daemon/standby.h"
#include "proto/finding.h"
#include "proto/sample.h"

enum {
    EFFECTS_BESIDE_HOSTS = 8, /* see struct ctl_rollout_effects */
    EFFECTS_PER_HOST = 4,
};

struct loading {
    struct ctl_run *run;
    const struct ctl_fleet *fleet;
};

struct ctl_run *ctl_run_free(struct ctl_run *run)
{
    if (run == NULL)
        return NULL;
    (void)sd_event_source_disable_unref(run->timer);
    run->gates = ctl_gates_free(run->gates);
    run->severe_hooks = ctl_severe_hooks_free(run->severe_hooks);
    run->standby = ctl_standby_free(run->standby);
    for (uint32_t i = 0; run->members != NULL && i < run->rollout.host_count; i++) {
        free(run->members[i].code);
        free(run->members[i].reason);
    }
    proto_merkle_tree_release(&run->tree);
    proto_arena_release(&run->arena);
    free(run->plan_name);
    free(run->origin.targets);
    free(run->manifest_data);
    free(run->hosts);
    free(run->members);
    free(run->targets);
    free(run->effects.list);
    ctl_run_free_approvals(run);
    free(run);

    return NULL;
}

uint32_t ctl_run_index_of(const struct ctl_run *run, const uint8_t host_id[PROTO_HOST_ID_BYTES])
{
    uint32_t low = 0, high = run->rollout.host_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(run->targets[middle].host_id, host_id, PROTO_HOST_ID_BYTES);

        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }

    return CTL_ROLLOUT_ALL;
}

void ctl_run_step(struct ctl_run *run, const struct ctl_rollout_event *event, struct bl_wall at)
{
    const struct ctl_rollout_effects *effects = &run->effects;

    ctl_rollout_step(&run->rollout, event, &run->effects);
    if (effects->changed)
        ctl_promises_note(&run->promises, &run->rollout, event, effects);
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct ctl_rollout_effect *effect = &effects->list[i];

        if (effect->type == CTL_ROLLOUT_WAKE)
            run->wake_at = effect->wake_at;
        if (effect->type == CTL_ROLLOUT_CHANGED && effect->host != CTL_ROLLOUT_ALL)
            run->members[effect->host].changed_at = at;
    }
    if (!ctl_rollout_is_final(&run->rollout))
        run->ended = (struct bl_wall){0};
    else if (run->ended.ms == 0)
        run->ended = at;
    if (effects->changed)
        run->owes = ctl_rollout_is_final(&run->rollout) && ctl_rollout_owes(&run->rollout);
    run->changed = run->changed || effects->changed;
}

static int replace_text(char **text, const char *with, struct bl_error *err)
{
    char *copy = strdup(with);

    if (copy == NULL)
        return bl_fail(err, -ENOMEM, "no memory");
    free(*text);
    *text = copy;

    return 0;
}

/* What was true of the state before is no cause of the next: a host names it anew, or there is none. */
static void forget_cause(struct ctl_run_host *member)
{
    free(member->code);
    free(member->reason);
    member->code = member->reason = NULL;
}

void ctl_run_note_went_back(struct ctl_run *run, uint32_t index, uint32_t life)
{
    struct ctl_run_host *member = &run->members[index];

    member->life = life;
    member->step = member->said_state = 0;
    member->progress = (struct ctl_run_progress){0};
    member->holds_ssh_lock = member->holds_quiesce = false;
    member->found = 0;
    member->found_minor = false;
    member->upgraded = member->verified = false; /* as after a restart, which skips that life */
    forget_cause(member);
    run->changed = true;
}

/* From the begin of a step on: never shown better than it is. */
static void note_lease(struct ctl_run_host *member, const struct proto_report *report)
{
    bool is_done = report->moment == PROTO_MOMENT_END && report->result == PROTO_RESULT_OK;

    if (report->moment == PROTO_MOMENT_BEGIN && report->step == PROTO_STEP_SSH_LOCK)
        member->holds_ssh_lock = true;
    if (report->moment == PROTO_MOMENT_BEGIN && report->step == PROTO_STEP_QUIESCE)
        member->holds_quiesce = true;
    if (is_done && report->step == PROTO_STEP_SSH_UNLOCK)
        member->holds_ssh_lock = false;
    if (is_done && report->step == PROTO_STEP_RESUME)
        member->holds_quiesce = false;
}

uint64_t ctl_run_finding_bit(const char *code)
{
    for (uint32_t row = 0; proto_finding_at(row) != NULL; row++) {
        BL_ASSERT(row < 64);
        if (strcmp(proto_finding_at(row)->code, code) == 0)
            return UINT64_C(1) << row;
    }

    return 0;
}

/* What stands in the way before the change is no verdict on it. */
static void note_finding(struct ctl_run_host *member, const struct proto_report *report)
{
    if (report->moment != PROTO_MOMENT_NOTE ||
        (report->state != PROTO_JOB_VERIFYING && report->state != PROTO_JOB_PROBATION) ||
        report->grade == 0)
        return;
    member->found |= ctl_run_finding_bit(report->code);
    member->found_minor = member->found_minor || report->grade == PROTO_GRADE_MINOR;
}

int ctl_run_note_report(struct ctl_run *run, uint32_t index, const struct proto_report *report,
                        struct bl_wall received, struct bl_error *err)
{
    struct ctl_run_host *member = &run->members[index];
    int r = 0;

    if (received.ms > member->changed_at.ms)
        member->changed_at = received;
    member->reports_count++;
    member->upgraded = member->upgraded || report->step == PROTO_STEP_UPGRADE ||
                       report->state == PROTO_JOB_VERIFYING ||
                       report->state == PROTO_JOB_PROBATION || report->state == PROTO_JOB_COMMITTED;
    member->verified = member->verified || report->state == PROTO_JOB_VERIFYING ||
                       report->state == PROTO_JOB_PROBATION || report->state == PROTO_JOB_COMMITTED;
    run->changed = true;
    note_lease(member, report);
    note_finding(member, report);
    if (report->moment == PROTO_MOMENT_NOTE)
        return 0; /* a part of what the step's end says as a whole */
    member->step = report->moment == PROTO_MOMENT_BEGIN ? report->step : 0;
    member->progress = (struct ctl_run_progress){0};
    if (report->moment == PROTO_MOMENT_STATE && report->state != member->said_state) {
        member->said_state = report->state;
        forget_cause(member);
    }
    if (report->code[0] == '\0')
        return 0;
    /* A step that ended badly may be all there is to say until the state changes. */
    if (report->moment == PROTO_MOMENT_END && report->result == PROTO_RESULT_OK)
        return 0;
    r = replace_text(&member->code, report->code, err);
    if (r >= 0)
        r = replace_text(&member->reason, report->reason, err);

    return r;
}

bool ctl_run_note_progress(struct ctl_run *run, uint32_t index,
                           const struct proto_progress *progress)
{
    struct ctl_run_progress *kept = &run->members[index].progress;

    if (progress->step != run->members[index].step)
        return false;
    kept->is_known = true;
    kept->last = *progress;
    bl_text_copy(kept->what, sizeof(kept->what), progress->what);
    bl_text_copy(kept->script, sizeof(kept->script), progress->script);
    kept->last.what = kept->what;
    kept->last.script = kept->script;

    return true;
}

/* ---- loading ---- */

int ctl_run_damaged(const char *what, struct bl_error *err)
{
    (void)bl_wrap(err, "store: %s is damaged", what);
    if (err->code != -ENOMEM)
        err->code = -EUCLEAN;

    return err->code;
}

static int take_manifest(struct ctl_run *run, const struct ctl_store_rollout *row,
                         struct bl_error *err)
{
    int r;

    run->manifest_data = malloc(row->manifest.size_bytes + 1);
    if (run->manifest_data == NULL)
        return bl_fail(err, -ENOMEM, "no memory");
    memcpy(run->manifest_data, row->manifest.data, row->manifest.size_bytes);
    run->manifest_bytes = row->manifest.size_bytes;

    r = proto_manifest_decode(run->manifest_data, run->manifest_bytes, &run->arena, &run->manifest,
                              err);

    return r < 0 ? ctl_run_damaged("the manifest of a rollout", err) : 0;
}

/* As the machine's, until it begins: then it takes them over. */
static int take_policy(struct ctl_run *run, const struct ctl_store_rollout *row,
                       struct bl_error *err)
{
    struct ctl_pace pace;
    int r;

    r = proto_policy_decode(row->policy.data, row->policy.size_bytes, &run->arena, &run->policy,
                            err);
    if (r < 0)
        return ctl_run_damaged("the policy of a rollout", err);
    ctl_pace_of(&run->policy, &pace);
    memcpy(run->rollout.waves, pace.waves, sizeof(pace.waves));
    run->rollout.wave_count = pace.wave_count;
    run->rollout.limits = pace.limits;

    return 0;
}

static int take_row(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    struct ctl_run *run = ((struct loading *)userdata)->run;
    const uint32_t count = row->host_count;
    int r;

    if (count == 0 || count > CTL_ROLLOUT_HOSTS_MAX)
        return bl_fail(err, -EUCLEAN, "store: a rollout of %u hosts", count);
    memcpy(run->id, row->id, sizeof(run->id));
    run->created = row->created;
    run->submitted_by_uid = row->submitted_by_uid;
    run->signatures_count = row->signatures_count;
    memcpy(run->signatures, row->signatures, row->signatures_count * sizeof(run->signatures[0]));
    run->rollout.host_count = count;
    run->plan_name = strdup(row->plan_name);
    run->hosts = calloc(count, sizeof(*run->hosts));
    run->members = calloc(count, sizeof(*run->members));
    run->targets = calloc(count, sizeof(*run->targets));
    run->effects.capacity = EFFECTS_BESIDE_HOSTS + EFFECTS_PER_HOST * count;
    run->effects.list = calloc(run->effects.capacity, sizeof(*run->effects.list));
    if (run->plan_name == NULL || run->hosts == NULL || run->members == NULL ||
        run->targets == NULL || run->effects.list == NULL)
        return bl_fail(err, -ENOMEM, "a rollout of %u hosts: no memory", count);

    r = take_manifest(run, row, err);
    if (r < 0)
        return r;

    return take_policy(run, row, err);
}

static int take_host(void *userdata, uint32_t index, const struct ctl_store_rollout_host *row,
                     struct bl_error *err)
{
    const struct loading *loading = userdata;
    struct ctl_run *run = loading->run;
    struct ctl_fleet_host *host = ctl_fleet_find(loading->fleet, row->id);

    if (host == NULL || index >= run->rollout.host_count || row->wave >= run->rollout.wave_count)
        return bl_fail(err, -EUCLEAN, "store: host %u of a rollout does not fit", index);
    run->hosts[index].wave = row->wave;
    run->members[index].host = host;
    run->members[index].kind = row->kind;
    run->members[index].is_sampled = proto_sample_has(&run->manifest, row->id);
    memcpy(run->targets[index].host_id, row->id, PROTO_HOST_ID_BYTES);
    run->targets[index].kind = row->kind;

    return 0;
}

/* What the machine would stop the process for is told as damage of the store instead. */
static int check_rows(const struct ctl_run *run, struct bl_error *err)
{
    uint32_t in_wave[CTL_ROLLOUT_WAVES_MAX] = {0};

    for (uint32_t i = 0; i < run->rollout.host_count; i++) {
        if (run->members[i].host == NULL)
            return bl_fail(err, -EUCLEAN, "store: host %u of a rollout is missing", i);
        in_wave[run->hosts[i].wave]++;
    }
    for (uint32_t i = 0; i < run->rollout.wave_count; i++) {
        if (in_wave[i] == 0 || in_wave[i] != run->rollout.waves[i].host_count)
            return bl_fail(err, -EUCLEAN, "store: wave %u of a rollout does not add up", i + 1);
    }

    return 0;
}

static int replay(void *userdata, const struct ctl_rollout_event *event, struct bl_wall at,
                  struct bl_error *err)
{
    struct ctl_run *run = ((struct loading *)userdata)->run;
    bool names_host = event->type == CTL_ROLLOUT_HOST_REPORT ||
                      event->type == CTL_ROLLOUT_HOST_SEEN ||
                      event->type == CTL_ROLLOUT_HOST_WENT_BACK;

    if (event->type < CTL_ROLLOUT_SUBMIT || event->type > CTL_ROLLOUT_EVENT_LAST ||
        (names_host && event->host >= run->rollout.host_count) ||
        (event->type == CTL_ROLLOUT_HOST_REPORT &&
         (event->job_state == 0 || event->job_state > PROTO_JOB_STATE_LAST)) ||
        (event->type == CTL_ROLLOUT_GATE &&
         (event->number >= CTL_GATES_MAX || event->verdict == 0 ||
          event->verdict > CTL_GATE_VERDICT_LAST)) ||
        (event->type == CTL_ROLLOUT_HOOK_ENDED &&
         (event->number >= CTL_HOOK_COUNT || event->verdict == 0 ||
          event->verdict > CTL_HOOK_OUTCOME_LAST)))
        return bl_fail(err, -EUCLEAN, "store: an event of a rollout is damaged");
    ctl_run_step(run, event, at);

    if (event->type == CTL_ROLLOUT_HOST_WENT_BACK)
        ctl_run_note_went_back(run, event->host, (uint32_t)event->nonce);

    return 0;
}

static int take_report(void *userdata, const struct ctl_store_report *stored, struct bl_error *err)
{
    struct ctl_run *run = ((struct loading *)userdata)->run;
    uint32_t index = ctl_run_index_of(run, stored->host_id);

    if (index == CTL_ROLLOUT_ALL)
        return 0; /* kept, but no part of this rollout */
    if (stored->life < run->members[index].life)
        return 0; /* the host no longer knows of it */

    return ctl_run_note_report(run, index, &stored->report, stored->received, err);
}

static int load(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                struct loading *loading, struct bl_error *err)
{
    struct ctl_run *run = loading->run;
    int r;

    r = ctl_store_load_rollout(store, id, take_row, loading, err);
    if (r <= 0)
        return r;
    r = ctl_store_load_origin(store, id, &run->origin, err);
    if (r >= 0)
        r = ctl_store_each_rollout_host(store, id, take_host, loading, err);
    if (r >= 0)
        r = check_rows(run, err);
    if (r >= 0)
        r = proto_merkle_tree_build(run->targets, run->rollout.host_count, &run->tree, err);
    if (r < 0)
        return r;
    {
        const struct ctl_rollout rows = run->rollout;

        ctl_rollout_init(&run->rollout, &rows.limits, rows.waves, rows.wave_count, run->hosts,
                         rows.host_count);
    }
    r = ctl_run_begin_promises(run, err);
    if (r >= 0)
        r = ctl_run_load_approvals(run, store, err);
    if (r >= 0)
        r = ctl_store_each_event(store, id, replay, loading, err);
    if (r >= 0)
        r = ctl_store_each_report(store, id, take_report, loading, err);
    if (r < 0)
        return r;
    ctl_rollout_check(&run->rollout);
    run->changed = false;

    return 1;
}

int ctl_run_load(struct ctl_store *store, const struct ctl_fleet *fleet,
                 const uint8_t id[PROTO_ROLLOUT_ID_BYTES], struct ctl_run **ret_run,
                 struct bl_error *err)
{
    struct ctl_run *run = calloc(1, sizeof(*run));
    struct loading loading = {.run = run, .fleet = fleet};
    int r;

    if (run == NULL)
        return bl_fail(err, -ENOMEM, "rollout: no memory");
    r = load(store, id, &loading, err);
    if (r <= 0) {
        (void)ctl_run_free(run);
        return r;
    }
    *ret_run = run;

    return 1;
}
