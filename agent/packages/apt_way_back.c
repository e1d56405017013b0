/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/packages/apt.h"

struct collection {
    struct agent_packages_job *job;
    const struct agent_txn_task *task;
    struct agent_packages_way_back way_back;
    struct agent_packages_state *states; /* before the change; one for each of way_back.former */
    const char *holds, *autos;           /* all such marks of the host */
};

static int describe(struct collection *c, const struct proto_change *change,
                    const struct agent_packages_state *state, struct agent_packages_former *former,
                    struct bl_error *err)
{
    bool there = change->from[0] != '\0';

    if (there && (agent_packages_apt_status(state) != AGENT_TXN_STATUS_OK ||
                  strcmp(state->version, change->from) != 0)) {
        return agent_packages_fail(c->job, err, "package_database_broken",
                                   "`dpkg --configure -a`, `apt-get -f install`, then stage again",
                                   -EUCLEAN, "%s is %s %s, not installed %s", change->name,
                                   state->status, state->version, change->from);
    }

    *former = (struct agent_packages_former){
        .name = change->name,
        .arch = change->arch,
        .from = change->from,
        .to = change->to,
        .from_arch = there ? state->arch : "",
        .new_file = "",
        .former_file = "",
        .requested = agent_packages_is_requested(c->task, change->name),
        .held = agent_packages_apt_is_marked(c->holds, change->name, change->arch),
        .automatic = agent_packages_apt_is_marked(c->autos, change->name, change->arch),
        .residual = strcmp(state->status, "config-files") == 0,
    };

    return 0;
}

static int describe_all(struct collection *c, const struct agent_packages_changes *changes,
                        struct bl_error *err)
{
    struct agent_packages_job *job = c->job;
    struct agent_packages_stanza_key *keys;
    void *place;
    int r;

    r = agent_packages_memory_take(job->memory, (changes->count + 1) * sizeof(*keys), &place, err);
    if (r < 0)
        return r;
    keys = place;
    r = agent_packages_memory_take(job->memory, (changes->count + 1) * sizeof(*c->states), &place,
                                   err);
    if (r < 0)
        return r;
    c->states = place;
    r = agent_packages_memory_take(job->memory, (changes->count + 1) * sizeof(*c->way_back.former),
                                   &place, err);
    if (r < 0)
        return r;
    c->way_back.former = place;
    for (uint32_t i = 0; i < changes->count; i++)
        keys[i] = (struct agent_packages_stanza_key){changes->list[i].name, changes->list[i].arch};

    if ((r = agent_packages_apt_states(job, keys, changes->count, c->states, err)) < 0 ||
        (r = agent_packages_apt_marks(job, "showhold", &c->holds, err)) < 0 ||
        (r = agent_packages_apt_marks(job, "showauto", &c->autos, err)) < 0)
        return r;
    for (uint32_t i = 0; i < changes->count; i++) {
        r = describe(c, &changes->list[i], &c->states[i], &c->way_back.former[i], err);
        if (r < 0)
            return r;
        if (changes->list[i].from[0] != '\0')
            job->result->installed_bytes -= (int64_t)c->states[i].installed_kib * 1024;
    }
    c->way_back.former_count = changes->count;

    return 0;
}

int agent_packages_apt_collect(struct agent_packages_job *job, const struct agent_txn_task *task,
                               const struct agent_packages_changes *changes,
                               struct agent_packages_way_back *ret_way_back, struct bl_error *err)
{
    struct collection c = {.job = job, .task = task, .way_back.by_snapshot = task->by_snapshot};
    int r;

    if ((r = describe_all(&c, changes, err)) < 0 ||
        (r = agent_packages_collect(job, &agent_packages_apt_tools, &c.way_back, err)) < 0)
        return r;
    *ret_way_back = c.way_back;

    return 0;
}
