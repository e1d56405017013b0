/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/packages/apt.h"
#include "common/file.h"

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

static int say_state(struct agent_packages_job *job, const struct agent_packages_former *former,
                     const struct agent_packages_state *state, const char *should,
                     const char **ret_words, struct bl_error *err)
{
    return agent_packages_memory_format(job->memory, ret_words, err, "%s is %s%s%s instead of %s",
                                        former->name, state->status,
                                        state->version[0] != '\0' ? " " : "", state->version,
                                        should[0] != '\0' ? should : "absent");
}

int agent_packages_apt_compare(struct agent_packages_job *job,
                               const struct agent_packages_way_back *way_back,
                               enum agent_packages_side side, bool *ret_off, const char **ret_words,
                               struct bl_error *err)
{
    struct agent_packages_stanza_key *keys;
    struct agent_packages_state *states;
    uint32_t count = way_back->former_count;
    void *place;
    int off_count = 0, r;

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

    *ret_words = "";
    for (uint32_t i = 0; i < count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        bool before = side == AGENT_PACKAGES_BEFORE;

        ret_off[i] = !(before ? is_as_before(former, &states[i]) : is_as_after(former, &states[i]));
        if (ret_off[i] && off_count++ == 0) {
            r = say_state(job, former, &states[i], before ? former->from : former->to, ret_words,
                          err);
        }
        if (r < 0)
            return r;
    }

    return off_count;
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

static bool is_there(const struct agent_packages_former *former, enum agent_packages_side side)
{
    return (side == AGENT_PACKAGES_BEFORE ? former->from : former->to)[0] != '\0';
}

/* What comes along is automatic; what the plan names is not; the rest keeps its mark. */
static bool wants_automatic(const struct agent_packages_former *former)
{
    return former->from[0] != '\0' ? former->automatic : !former->requested;
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
        bool there = is_there(former, side);
        bool is_auto = agent_packages_apt_is_marked(autos, former->name, former->arch);

        to_auto[i] = there && wants_automatic(former) && !is_auto;
        to_manual[i] = there && !wants_automatic(former) && is_auto;
        to_hold[i] = there && former->held &&
                     !agent_packages_apt_is_marked(holds, former->name, former->arch);
    }
    if ((r = mark(job, "auto", way_back, to_auto, err)) < 0 ||
        (r = mark(job, "manual", way_back, to_manual, err)) < 0)
        return r;

    return mark(job, "hold", way_back, to_hold, err);
}

static int run_change(struct agent_packages_job *job,
                      const struct agent_packages_way_back *way_back,
                      struct agent_packages_output *ret_output, struct bl_error *err)
{
    static const char *const install[] = {"--allow-downgrades", "-oAPT::Status-Fd=3", "install",
                                          "--", NULL};
    BL_AUTO_FD int progress_fd = -1;
    struct agent_packages_command command = {.to_log = true,
                                             .patience = AGENT_PACKAGES_STOP_SCRIPTS};
    char name[AGENT_TXN_NAME_BYTES];
    int r;

    agent_txn_file_name(AGENT_TXN_UPGRADE, AGENT_TXN_FILE_PROGRESS, name);
    progress_fd =
        openat(job->job_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (progress_fd < 0)
        return bl_fail(err, -errno, "open '%s': %s", name, strerror(errno));
    command.progress_fd = progress_fd;
    if ((r = agent_packages_apt_begin(job, AGENT_PACKAGES_APT_FILES, &command.args, err)) < 0 ||
        (r = agent_packages_args_add_all(job, &command.args, install, err)) < 0 ||
        (r = agent_packages_apt_add_forward(job, &command.args, way_back, err)) < 0)
        return r;

    return agent_packages_run(job, &command, ret_output, err);
}

static int check_after(struct agent_packages_job *job,
                       const struct agent_packages_way_back *way_back, bool *off,
                       const struct agent_packages_output *output, struct bl_error *err)
{
    const char *words;
    bool clean;
    int r;

    r = agent_packages_apt_compare(job, way_back, AGENT_PACKAGES_AFTER, off, &words, err);
    if (r < 0)
        return r;
    job->result->packages_done = way_back->former_count - (uint32_t)r;
    if (output->status != 0 || output->late)
        return agent_packages_apt_blame(job, "apt-get install", output, err);
    if (r > 0) {
        return agent_packages_fail(job, err, "change_incomplete", "see the log of the phase",
                                   -EPROTO, "apt-get saw no failure, but %s", words);
    }
    r = agent_packages_apt_audit(job, &clean, err);
    if (r < 0)
        return r;
    if (!clean) {
        return agent_packages_fail(job, err, "change_incomplete", "see `dpkg --audit`", -EPROTO,
                                   "the package database has half done packages");
    }

    return 0;
}

int agent_packages_apt_apply(struct agent_packages_job *job,
                             const struct agent_packages_way_back *way_back, struct bl_error *err)
{
    struct agent_packages_output output = {0};
    const char *words;
    void *off;
    int r;

    r = agent_packages_memory_take(job->memory, (way_back->former_count + 1) * sizeof(bool), &off,
                                   err);
    if (r < 0)
        return r;
    r = agent_packages_apt_compare(job, way_back, AGENT_PACKAGES_BEFORE, off, &words, err);
    if (r < 0)
        return r;
    if (r > 0) {
        return agent_packages_fail(job, err, "pinned_set_differs", "stage again", -ESTALE,
                                   "since staging somebody changed the host: %s", words);
    }
    /* Other packages may have changed as well; with files alone this costs a tenth of a second. */
    r = agent_packages_apt_rehearse_forward(job, way_back, err);
    if (r < 0)
        return r;

    r = run_change(job, way_back, &output, err);
    if (r < 0)
        return r;
    r = check_after(job, way_back, off, &output, err);
    if (r < 0)
        return r;

    return agent_packages_apt_set_marks(job, way_back, AGENT_PACKAGES_AFTER, err);
}
