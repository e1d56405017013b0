/* SPDX-License-Identifier: Apache-2.0 */
/* What people were asked, what they said, and what was promised to them. */
#include "controller/daemon/view_people.h"

#include <string.h>

#include "controller/daemon/view.h"
#include "proto/risk.h"

static const char *otherwise_name(uint32_t otherwise)
{
    return otherwise == PROTO_OTHERWISE_ROLLBACK ? "rollback" : "stop";
}

static const char *answer_name(uint32_t answer)
{
    static const char *const names[] = {
        [CTL_ANSWER_ROLLBACK] = "rollback",
        [CTL_ANSWER_NO_ROLLBACK] = "no_rollback",
        [CTL_ANSWER_OTHERWISE_ROLLBACK] = "otherwise_rollback",
        [CTL_ANSWER_OTHERWISE_STOP] = "otherwise_stop",
        [CTL_ANSWER_CONDITION] = "condition",
    };

    return answer >= CTL_ANSWER_ROLLBACK && answer <= CTL_ANSWER_CONDITION ? names[answer] : NULL;
}

json_t *ctl_view_alarm(const struct ctl_run *run)
{
    const struct ctl_alarm *alarm = &run->rollout.alarm;
    const char *host = NULL;

    if (alarm->number == 0)
        return json_null();
    if (alarm->host < run->rollout.host_count)
        host = run->members[alarm->host].host->name;

    return json_pack("{s:i, s:s?, s:b, s:o, s:o, s:s, s:s?}", "number", alarm->number, "host", host,
                     "open", alarm->is_open, "since", ctl_view_wall(alarm->since), "deadline",
                     ctl_view_wall(alarm->until), "otherwise",
                     otherwise_name(run->policy.otherwise), "answer", answer_name(alarm->answer));
}

json_t *ctl_view_weaker(const struct ctl_run *run)
{
    struct proto_weaker found[PROTO_WEAKER_MAX];
    const uint32_t count = proto_risk_weaker(&run->manifest, &run->policy, found);
    json_t *list = json_array();

    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:s, s:s}", "field", found[i].field, "value",
                                              found[i].value, "grade", found[i].grade));

    return list;
}

json_t *ctl_view_condition(const struct ctl_run *run)
{
    const struct ctl_rollout_gates *gates = &run->rollout.gates;
    const uint32_t gate = gates->took_back - 1;

    if (gates->took_back == 0 || gates->took_back > run->policy.gates_count)
        return json_null();

    return json_pack("{s:s, s:s}", "gate", run->policy.gates[gate].name, "text",
                     gates->texts[gate]);
}

json_t *ctl_view_approvals(const struct ctl_run *run)
{
    json_t *given = json_array();

    for (uint32_t i = 0; i < run->approvals_count; i++) {
        const struct ctl_run_approval *approval = &run->approvals[i];

        (void)json_array_append_new(
            given, json_pack("{s:s, s:i, s:s, s:o, s:o, s:o}", "about",
                             proto_approval_about_name(approval->about), "number", approval->number,
                             "person", approval->person, "given", ctl_view_wall(approval->given),
                             "not_after", ctl_view_wall(approval->not_after), "received",
                             ctl_view_wall(approval->received)));
    }

    return json_pack("{s:I, s:s, s:I, s:o}", "needed", (json_int_t)run->policy.approvals, "by",
                     proto_role_name(run->policy.approvals_by), "expires_ms",
                     (json_int_t)run->policy.approval_ms, "given", given);
}

json_t *ctl_view_promises(const struct ctl_run *run)
{
    const struct ctl_moment now = ctl_run_now(run);
    json_t *list = json_array();

    for (uint32_t i = 0; i < CTL_PROMISE_COUNT; i++) {
        enum ctl_promise promise = (enum ctl_promise)i;
        const struct ctl_promise_clock *clock = &run->promises.clocks[i];
        const int64_t used_ms = ctl_promise_used_ms(&run->promises, &run->rollout, promise, &now);
        bool runs = promise == CTL_PROMISE_DOWNTIME ? run->promises.down_count > 0 : clock->runs;

        if (clock->allowed_ms == 0)
            continue;
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:I, s:I, s:o}", "name", ctl_promise_name(promise), "state",
                            ctl_promise_state_name(
                                ctl_promise_state(&run->promises, &run->rollout, promise, &now)),
                            "allowed_ms", (json_int_t)clock->allowed_ms, "used_ms",
                            (json_int_t)used_ms, "deadline",
                            runs ? ctl_view_wall(
                                       (struct bl_wall){now.wall.ms + clock->allowed_ms - used_ms})
                                 : json_null()));
    }

    return list;
}
