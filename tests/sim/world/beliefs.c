/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belayd holds to be true, told to the laws and to people as soon as it is committed and before
 * anything of it is sent: ctl_run_step says what changed, ctl_store_commit makes it so.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/belayd.h"
#include "tests/sim/world/laws.h"

int __real_ctl_store_commit(struct ctl_store *store, struct bl_error *err);
int __wrap_ctl_store_commit(struct ctl_store *store, struct bl_error *err);
void __real_ctl_store_rollback(struct ctl_store *store);
void __wrap_ctl_store_rollback(struct ctl_store *store);
void __real_ctl_run_step(struct ctl_run *run, const struct ctl_rollout_event *event,
                         struct bl_wall at);
void __wrap_ctl_run_step(struct ctl_run *run, const struct ctl_rollout_event *event,
                         struct bl_wall at);
int __real_ctl_run_load(struct ctl_store *store, const struct ctl_fleet *fleet,
                        const uint8_t id[PROTO_ROLLOUT_ID_BYTES], struct ctl_run **ret_run,
                        struct bl_error *err);
int __wrap_ctl_run_load(struct ctl_store *store, const struct ctl_fleet *fleet,
                        const uint8_t id[PROTO_ROLLOUT_ID_BYTES], struct ctl_run **ret_run,
                        struct bl_error *err);

struct change {
    struct ctl_run *run;
    uint32_t host; /* CTL_ROLLOUT_ALL: the rollout itself */
};

static struct {
    struct change *list; /* of the turn that is open */
    size_t count, capacity;
} changes;

static void note(struct ctl_run *run, uint32_t host)
{
    if (changes.count == changes.capacity) {
        changes.capacity = 2 * changes.capacity + 64;
        changes.list = reallocarray(changes.list, changes.capacity, sizeof(*changes.list));
        if (changes.list == NULL)
            sim_broken("no memory for beliefs");
    }
    changes.list[changes.count++] = (struct change){run, host};
}

void sim_beliefs_forget(void)
{
    free(changes.list);
    memset(&changes, 0, sizeof(changes));
}

bool sim_beliefs_are_open(void)
{
    return changes.count > 0;
}

static void tell(const struct change *change)
{
    const struct ctl_run *run = change->run;

    if (change->host != CTL_ROLLOUT_ALL) {
        sim_law_believed(run->id, sim_machine_of(run->members[change->host].host->id),
                         &run->hosts[change->host]);
        return;
    }
    sim_tell(SIM_CONTROLLER, "plan %u is %s%s, wave %u of %u (%s)", run->id[0],
             ctl_rollout_state_name(run->rollout.state),
             run->rollout.holds != 0 ? " and paused" : "", run->rollout.wave + 1,
             run->rollout.wave_count, run->rollout.code);
    sim_law_rollout_state(run->id, &run->rollout);
    sim_people_note(run->id, &run->rollout);
}

/* Hosts first: what a rollout comes to follows from all that is known of them at the end of the turn. */
static void tell_all(void)
{
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < changes.count; i++) {
            if ((changes.list[i].host == CTL_ROLLOUT_ALL) == (pass == 1))
                tell(&changes.list[i]);
        }
    }
}

int __wrap_ctl_store_commit(struct ctl_store *store, struct bl_error *err)
{
    int r = __real_ctl_store_commit(store, err);

    /* Whether that of one that died in it came to be is told by the next one. */
    if (r >= 0 && !sim_current->is_dead)
        tell_all();
    changes.count = 0;

    return r;
}

void __wrap_ctl_store_rollback(struct ctl_store *store)
{
    changes.count = 0;
    __real_ctl_store_rollback(store);
}

void __wrap_ctl_run_step(struct ctl_run *run, const struct ctl_rollout_event *event,
                         struct bl_wall at)
{
    __real_ctl_run_step(run, event, at);
    for (uint32_t i = 0; i < run->effects.count; i++) {
        const struct ctl_rollout_effect *effect = &run->effects.list[i];

        if (effect->type == CTL_ROLLOUT_CHANGED && effect->host != CTL_ROLLOUT_ALL)
            note(run, effect->host);
    }
    if (!run->effects.changed)
        return;
    /* That a host counts as failed shows in it without a change of its state. */
    for (uint32_t i = 0; event->type == CTL_ROLLOUT_ROLLBACK && i < run->rollout.host_count; i++)
        note(run, i);
    /* Nor that its START waits until it may be sent once more. */
    if (event->type == CTL_ROLLOUT_HOST_SEEN)
        note(run, event->host);
    note(run, CTL_ROLLOUT_ALL);
}

int __wrap_ctl_run_load(struct ctl_store *store, const struct ctl_fleet *fleet,
                        const uint8_t id[PROTO_ROLLOUT_ID_BYTES], struct ctl_run **ret_run,
                        struct bl_error *err)
{
    int r = __real_ctl_run_load(store, fleet, id, ret_run, err);

    if (r <= 0)
        return r;
    for (uint32_t i = 0; i < (*ret_run)->rollout.host_count; i++)
        note(*ret_run, i);
    note(*ret_run, CTL_ROLLOUT_ALL);

    return r;
}

void sim_beliefs_tell_ended(struct ctl_engine *engine)
{
    const uint8_t *id;

    for (uint32_t next = 0; (id = sim_law_next_open(&next)) != NULL;) {
        struct ctl_run *run = NULL;
        struct bl_error err = {0};
        bool is_loaded = false;

        for (uint32_t i = 0; i < engine->run_count && !is_loaded; i++)
            is_loaded = memcmp(engine->runs[i]->id, id, PROTO_ROLLOUT_ID_BYTES) == 0;
        if (is_loaded || __real_ctl_run_load(engine->store, &engine->fleet, id, &run, &err) <= 0)
            continue;
        for (uint32_t i = 0; i < run->rollout.host_count; i++)
            tell(&(const struct change){run, i});
        tell(&(const struct change){run, CTL_ROLLOUT_ALL});
        (void)ctl_run_free(run);
    }
}
