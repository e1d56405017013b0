/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/freeze.h"

#include "common/text.h"
#include "controller/daemon/engine.h"
#include "controller/daemon/view.h"

static bool is_on(const struct ctl_store_freeze *freeze)
{
    return freeze->is_set && (freeze->until.ms == 0 || bl_wall_now().ms < freeze->until.ms);
}

int ctl_freeze_load(struct ctl_engine *engine, struct bl_error *err)
{
    return ctl_store_load_freeze(engine->store, &engine->freeze, err);
}

int ctl_freeze_tell(struct ctl_engine *engine, struct ctl_run *run, struct bl_error *err)
{
    const struct ctl_rollout_event event = {
        .type = CTL_ROLLOUT_FREEZE,
        .yes = is_on(&engine->freeze),
        .until = is_on(&engine->freeze) ? engine->freeze.until : (struct bl_wall){0},
    };

    return ctl_rollout_is_final(&run->rollout) ? 0 : ctl_engine_step(engine, run, event, err);
}

int ctl_freeze_set(struct ctl_engine *engine, const struct ctl_store_freeze *wanted,
                   struct bl_error *err)
{
    int r = ctl_store_save_freeze(engine->store, wanted, err);

    if (r < 0)
        return r;
    engine->freeze = *wanted;
    for (uint32_t i = 0; i < engine->run_count && r >= 0; i++)
        r = ctl_freeze_tell(engine, engine->runs[i], err);

    return r;
}

json_t *ctl_freeze_view(const struct ctl_engine *engine)
{
    const struct ctl_store_freeze *freeze = &engine->freeze;

    if (!is_on(freeze))
        return json_null();

    return json_pack("{s:o, s:o, s:s, s:I}", "since", ctl_view_wall(freeze->since), "until",
                     ctl_view_wall(freeze->until), "reason", freeze->reason, "uid",
                     (json_int_t)freeze->uid);
}
