/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"

enum {
    NEXT_BYTES = 96,
    EXIT_WAITS = 4, /* of ctl_rollout_exit_code: for a person */
};

static json_t *view_row(const struct ctl_run *run)
{
    const struct ctl_rollout *rollout = &run->rollout;
    uint32_t counts[CTL_HOST_STATE_LAST + 1], under_way;
    char next[NEXT_BYTES];

    ctl_view_next(run, next, sizeof(next));
    ctl_rollout_count(rollout, counts);
    under_way = counts[CTL_HOST_RUNNING] + counts[CTL_HOST_PROBATION] + counts[CTL_HOST_REVERTING];

    return json_pack(
        "{s:o, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "rollout",
        ctl_view_hex(run->id, sizeof(run->id)), "plan", run->plan_name, "risk",
        proto_risk_name(run->manifest.risk), "state", ctl_rollout_state_name(rollout->state),
        "waits", ctl_rollout_exit_code(rollout) == EXIT_WAITS, "code", rollout->code, "reason",
        rollout->holds != 0 ? ctl_hold_reason((enum ctl_hold)(rollout->holds & -rollout->holds))
                            : rollout->reason,
        "next", next, "created", ctl_view_wall(run->created), "wave", (json_int_t)rollout->wave + 1,
        "waves_count", (json_int_t)rollout->wave_count, "hosts_count",
        (json_int_t)rollout->host_count, "committed_count", (json_int_t)counts[CTL_HOST_COMMITTED],
        "failed_count", (json_int_t)rollout->failed_count, "under_way_count",
        (json_int_t)under_way);
}

/* What waits for a person first, then the newest. */
static int more_urgent_first(const void *a, const void *b)
{
    const struct ctl_run *one = *(const struct ctl_run *const *)a;
    const struct ctl_run *other = *(const struct ctl_run *const *)b;
    bool one_waits = ctl_rollout_exit_code(&one->rollout) == EXIT_WAITS;
    bool other_waits = ctl_rollout_exit_code(&other->rollout) == EXIT_WAITS;

    if (one_waits != other_waits)
        return one_waits ? -1 : 1;

    return one->created.ms > other->created.ms ? -1 : one->created.ms < other->created.ms;
}

/* All rollouts that are open; they are always loaded. */
void ctl_verb_overview(struct ctl_call *call)
{
    const struct ctl_engine *engine = call->engine;
    struct ctl_run **open = calloc(engine->run_count + 1, sizeof(*open));
    json_t *rows = json_array();
    uint32_t count = 0;

    for (uint32_t i = 0; open != NULL && i < engine->run_count; i++) {
        if (!ctl_rollout_is_final(&engine->runs[i]->rollout))
            open[count++] = engine->runs[i];
    }
    if (count > 1)
        qsort(open, count, sizeof(*open), more_urgent_first);
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(rows, view_row(open[i]));
    free(open);
    ctl_reply(call, json_pack("{s:o}", "rollouts", rows));
}
