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
    const char *retry_of;

    *ret_wish = (struct ctl_origin_wish){0};
    if (!read_targets(call, &ret_wish->targets) || !ctl_call_text(call, "retry_of", "", &retry_of))
        return false;
    if (retry_of[0] == '\0')
        return true;
    if (!ctl_call_find_run(call, retry_of, &ret_wish->retried))
        return false;
    if (ctl_rollout_is_final(&ret_wish->retried->rollout))
        return true;
    ctl_refuse(call, "not_final", "belay watch", "the rollout is %s: only an ended one is retried",
               ctl_rollout_state_name(ret_wish->retried->rollout.state));

    return false;
}

int ctl_origin_add(struct ctl_call *call, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                   const struct ctl_origin_wish *wish, struct bl_error *err)
{
    struct ctl_run *retried = wish->retried;
    int r;

    r = ctl_store_add_origin(call->engine->store, id, wish->targets,
                             retried != NULL ? retried->id : NULL, err);
    if (r < 0 || retried == NULL)
        return r;
    retried->origin.has_retried_by = true;
    memcpy(retried->origin.retried_by, id, PROTO_ROLLOUT_ID_BYTES);

    return 0;
}

void ctl_origin_view(const struct ctl_run *run, json_t *view)
{
    const struct ctl_store_origin *origin = &run->origin;

    (void)json_object_set_new(view, "retry_of",
                              origin->has_retry_of
                                  ? ctl_view_hex(origin->retry_of, sizeof(origin->retry_of))
                                  : json_null());
    (void)json_object_set_new(view, "retried_by",
                              origin->has_retried_by
                                  ? ctl_view_hex(origin->retried_by, sizeof(origin->retried_by))
                                  : json_null());
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
