/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/origin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "controller/daemon/view.h"

static bool read_targets(struct ctl_call *call, const char **ret_targets)
{
    BL_AUTO_FREE struct ctl_select *select = malloc(sizeof(*select));
    struct bl_error err = {0};

    if (!ctl_call_text(call, "targets", "", ret_targets))
        return false;
    if ((*ret_targets)[0] == '\0')
        return true;
    if (select != NULL && ctl_select_parse(*ret_targets, select, &err) >= 0)
        return true;
    ctl_refuse(call, "bad_request", "", "'targets': %s", err.text);

    return false;
}

bool ctl_origin_read(struct ctl_call *call, struct ctl_origin_wish *ret_wish)
{
    const char *retry_of, *standby_of;
    uint32_t state;

    *ret_wish = (struct ctl_origin_wish){0};
    if (!read_targets(call, &ret_wish->targets) ||
        !ctl_call_text(call, "retry_of", "", &retry_of) ||
        !ctl_call_text(call, "standby_of", "", &standby_of))
        return false;
    if (retry_of[0] == '\0' && standby_of[0] == '\0')
        return true;
    ret_wish->is_standby = standby_of[0] != '\0';
    if (!ctl_call_find_run(call, ret_wish->is_standby ? standby_of : retry_of, &ret_wish->of))
        return false;
    state = ret_wish->of->rollout.state;
    if (ret_wish->is_standby ? state == CTL_ROLLOUT_COMPLETE
                             : ctl_rollout_is_final(&ret_wish->of->rollout))
        return true;
    if (ret_wish->is_standby)
        ctl_refuse(call, "not_complete", "belay watch",
                   "the rollout is %s: its standby hosts are upgraded when it is complete",
                   ctl_rollout_state_name(state));
    else
        ctl_refuse(call, "not_final", "belay watch",
                   "the rollout is %s: only an ended one is retried",
                   ctl_rollout_state_name(state));

    return false;
}

int ctl_origin_add(struct ctl_call *call, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                   const struct ctl_origin_wish *wish, struct bl_error *err)
{
    struct ctl_run *of = wish->of;
    int r;

    r = ctl_store_add_origin(call->engine->store, id, wish->targets, of != NULL ? of->id : NULL,
                             wish->is_standby, err);
    if (r < 0 || of == NULL)
        return r;
    *(wish->is_standby ? &of->origin.has_standby_by : &of->origin.has_retried_by) = true;
    memcpy(wish->is_standby ? of->origin.standby_by : of->origin.retried_by, id,
           PROTO_ROLLOUT_ID_BYTES);

    return 0;
}

static void add_rollout(json_t *view, const char *name, bool is_there,
                        const uint8_t id[PROTO_ROLLOUT_ID_BYTES])
{
    (void)json_object_set_new(view, name,
                              is_there ? ctl_view_hex(id, PROTO_ROLLOUT_ID_BYTES) : json_null());
}

void ctl_origin_view(const struct ctl_run *run, json_t *view)
{
    const struct ctl_store_origin *origin = &run->origin;

    add_rollout(view, "retry_of", origin->has_retry_of, origin->of);
    add_rollout(view, "retried_by", origin->has_retried_by, origin->retried_by);
    add_rollout(view, "standby_of", origin->has_standby_of, origin->of);
    add_rollout(view, "standby_by", origin->has_standby_by, origin->standby_by);
}

uint32_t ctl_origin_count_joined(const struct ctl_engine *engine, const struct ctl_run *run)
{
    BL_AUTO_FREE struct ctl_select *select = NULL;
    struct bl_error ignored = {0};
    uint32_t count = 0;

    if (run->origin.targets == NULL || run->origin.targets[0] == '\0')
        return 0;
    select = malloc(sizeof(*select));
    if (select == NULL || ctl_select_parse(run->origin.targets, select, &ignored) < 0)
        return 0;
    for (uint32_t i = 0; i < engine->fleet.count; i++) {
        const struct ctl_fleet_host *host = engine->fleet.hosts[i];

        count += host->standing == CTL_STANDING_ENROLLED && host->first_seen.ms > run->created.ms &&
                 ctl_fleet_matches(host, select);
    }

    return count;
}

static int take_plan(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    json_t **answer = userdata;

    *answer = json_pack("{s:o, s:s, s:s}", "rollout", ctl_view_hex(row->id, sizeof(row->id)),
                        "plan", row->plan_name, "plan_text", row->plan_text);

    return *answer != NULL ? 0 : bl_fail(err, -ENOMEM, "plan: no memory");
}

void ctl_verb_plan(struct ctl_call *call)
{
    struct bl_error err = {0};
    json_t *answer = NULL;
    struct ctl_run *run;

    if (!ctl_call_run(call, &run))
        return;
    if (ctl_store_load_rollout(call->engine->store, run->id, take_plan, &answer, &err) < 0)
        ctl_reply_failure(call, &err);
    else
        ctl_reply(call, answer);
}
