/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/packages/apt.h"

static bool is_as_before(const struct agent_packages_former *former,
                         const struct agent_packages_state *state)
{
    enum agent_txn_status status = agent_packages_apt_status(state);

    if (former->from[0] == '\0')
        return status == AGENT_TXN_STATUS_ABSENT;

    return status == AGENT_TXN_STATUS_OK && strcmp(state->version, former->from) == 0 &&
           strcmp(state->arch, former->from_arch) == 0;
}

static bool is_as_after(const struct agent_packages_former *former,
                        const struct agent_packages_state *state)
{
    enum agent_txn_status status = agent_packages_apt_status(state);

    if (former->to[0] == '\0')
        return status == AGENT_TXN_STATUS_ABSENT;

    return status == AGENT_TXN_STATUS_OK && strcmp(state->version, former->to) == 0 &&
           strcmp(state->arch, former->arch) == 0;
}

int agent_packages_apt_stand(struct agent_packages_job *job,
                             const struct agent_packages_way_back *way_back,
                             struct agent_packages_standing *ret_standings, struct bl_error *err)
{
    struct agent_packages_stanza_key *keys;
    struct agent_packages_state *states;
    uint32_t count = way_back->former_count;
    void *place;
    int r;

    if ((r = agent_packages_memory_take(job->memory, (count + 1) * sizeof(*keys), &place, err)) < 0)
        return r;
    keys = place;
    if ((r = agent_packages_memory_take(job->memory, (count + 1) * sizeof(*states), &place, err)) <
        0)
        return r;
    states = place;
    for (uint32_t i = 0; i < count; i++) {
        keys[i] =
            (struct agent_packages_stanza_key){way_back->former[i].name, way_back->former[i].arch};
    }
    r = agent_packages_apt_states(job, keys, count, states, err);
    if (r < 0)
        return r;

    for (uint32_t i = 0; i < count; i++) {
        struct agent_packages_standing *standing = &ret_standings[i];
        const struct agent_packages_state *state = &states[i];

        standing->is_before = is_as_before(&way_back->former[i], state);
        standing->is_after = is_as_after(&way_back->former[i], state);
        r = agent_packages_memory_format(job->memory, &standing->words, err, "%s%s%s",
                                         state->status, state->version[0] != '\0' ? " " : "",
                                         state->version);
        if (r < 0)
            return r;
    }

    return 0;
}

/* One `apt-mark VERB NAMES`; no names, no command. */
static int mark(struct agent_packages_job *job, const char *verb,
                const struct agent_packages_way_back *way_back, const bool *chosen,
                struct bl_error *err)
{
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output = {0};
    uint32_t count = 0;
    int r;

    if ((r = agent_packages_apt_begin_mark(job, verb, &command.args, err)) < 0)
        return r;
    for (uint32_t i = 0; r >= 0 && i < way_back->former_count; i++) {
        if (!chosen[i])
            continue;
        r = agent_packages_apt_add_package(job, &command.args, way_back->former[i].name,
                                           way_back->former[i].arch, "", err);
        count++;
    }
    if (r < 0 || count == 0)
        return r;
    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;

    return output.status == 0 ? 0 : agent_packages_apt_blame(job, "apt-mark", &output, err);
}

int agent_packages_apt_set_marks(struct agent_packages_job *job,
                                 const struct agent_packages_way_back *way_back,
                                 enum agent_packages_side side, struct bl_error *err)
{
    bool *to_auto, *to_manual, *to_hold;
    const char *holds, *autos;
    uint32_t count = way_back->former_count;
    void *place;
    int r;

    r = agent_packages_memory_take(job->memory, 3 * ((size_t)count + 1) * sizeof(bool), &place,
                                   err);
    if (r < 0)
        return r;
    to_auto = place;
    to_manual = to_auto + count + 1;
    to_hold = to_manual + count + 1;
    if ((r = agent_packages_apt_marks(job, "showhold", &holds, err)) < 0 ||
        (r = agent_packages_apt_marks(job, "showauto", &autos, err)) < 0)
        return r;
    for (uint32_t i = 0; i < count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        bool there = agent_packages_is_there(former, side);
        bool is_auto = agent_packages_apt_is_marked(autos, former->name, former->arch);

        to_auto[i] = there && agent_packages_wants_automatic(former) && !is_auto;
        to_manual[i] = there && !agent_packages_wants_automatic(former) && is_auto;
        to_hold[i] = there && former->held &&
                     !agent_packages_apt_is_marked(holds, former->name, former->arch);
    }
    if ((r = mark(job, "auto", way_back, to_auto, err)) < 0 ||
        (r = mark(job, "manual", way_back, to_manual, err)) < 0)
        return r;

    return mark(job, "hold", way_back, to_hold, err);
}

int agent_packages_apt_change(struct agent_packages_job *job,
                              const struct agent_packages_way_back *way_back, int status_fd,
                              struct agent_packages_output *ret_output, struct bl_error *err)
{
    static const char *const install[] = {"--allow-downgrades", "-oAPT::Status-Fd=3", "install",
                                          "--", NULL};
    struct agent_packages_command command = {.to_log = true,
                                             .progress_fd = status_fd,
                                             .patience = AGENT_PACKAGES_STOP_SCRIPTS,
                                             .is_watched = true};
    int r;

    r = agent_packages_progress_of_change(job, way_back, agent_packages_apt_parse_progress,
                                          status_fd, err);
    if (r < 0)
        return r;

    if ((r = agent_packages_apt_begin(job, AGENT_PACKAGES_APT_FILES, &command.args, err)) < 0 ||
        (r = agent_packages_args_add_all(job, &command.args, install, err)) < 0 ||
        (r = agent_packages_apt_add_forward(job, &command.args, way_back, err)) < 0)
        return r;

    return agent_packages_run(job, &command, ret_output, err);
}
