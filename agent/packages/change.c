/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/packages/conffile.h"
#include "agent/packages/tools.h"
#include "common/file.h"
#include "common/text.h"

int agent_packages_job_blame_late(struct agent_packages_job *job, const char *what,
                                  const struct agent_packages_line *at, struct bl_error *err)
{
    char words[160];

    bl_text_escape(words, sizeof(words), at->text, at->length);

    return agent_packages_fail(job, err, "change_timed_out", "see the log of the phase", -ETIMEDOUT,
                               "%s was not done when its time was over%s%s", what,
                               words[0] != '\0' ? "; it was at: " : "", words);
}

int agent_packages_compare(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                           const struct agent_packages_way_back *way_back,
                           enum agent_packages_side side, bool *ret_off, const char **ret_words,
                           struct bl_error *err)
{
    struct agent_packages_standing *standings;
    void *place;
    int off_count = 0, r;

    r = agent_packages_memory_take(
        job->memory, ((size_t)way_back->former_count + 1) * sizeof(*standings), &place, err);
    if (r < 0)
        return r;
    standings = place;
    r = tools->stand(job, way_back, standings, err);
    if (r < 0)
        return r;

    *ret_words = "";
    for (uint32_t i = 0; i < way_back->former_count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        bool before = side == AGENT_PACKAGES_BEFORE;
        const char *should = before ? former->from : former->to;

        ret_off[i] = !(before ? standings[i].is_before : standings[i].is_after);
        if (!ret_off[i] || off_count++ > 0)
            continue;
        r = agent_packages_memory_format(job->memory, ret_words, err, "%s is %s instead of %s",
                                         former->name, standings[i].words,
                                         should[0] != '\0' ? should : "absent");
        if (r < 0)
            return r;
    }

    return off_count;
}

bool agent_packages_is_there(const struct agent_packages_former *former,
                             enum agent_packages_side side)
{
    return (side == AGENT_PACKAGES_BEFORE ? former->from : former->to)[0] != '\0';
}

bool agent_packages_wants_automatic(const struct agent_packages_former *former)
{
    return former->from[0] != '\0' ? former->automatic : !former->requested;
}

static int run_change(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                      const struct agent_packages_way_back *way_back,
                      struct agent_packages_output *ret_output, struct bl_error *err)
{
    BL_AUTO_FD int status_fd = -1;
    char name[AGENT_TXN_NAME_BYTES];
    int r;

    agent_txn_file_name(AGENT_TXN_UPGRADE, AGENT_TXN_FILE_STATUS, name);
    status_fd =
        openat(job->job_fd, name, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (status_fd < 0)
        return bl_fail(err, -errno, "open '%s': %s", name, strerror(errno));

    r = tools->change(job, way_back, status_fd, ret_output, err);
    agent_packages_progress_end(job);

    return r;
}

static int check_after(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                       const struct agent_packages_way_back *way_back, bool *off,
                       const struct agent_packages_output *output, struct bl_error *err)
{
    const char *words;
    bool clean;
    int r;

    r = agent_packages_compare(job, tools, way_back, AGENT_PACKAGES_AFTER, off, &words, err);
    if (r < 0)
        return r;
    job->result->packages_done = way_back->former_count - (uint32_t)r;
    if (output->status != 0 || output->late || tools->has_failed(output))
        return tools->blame(job, tools->change_words, output, err);
    if (r > 0) {
        return agent_packages_fail(job, err, "change_incomplete", "see the log of the phase",
                                   -EPROTO, "%s saw no failure, but %s", tools->change_words,
                                   words);
    }
    r = tools->audit(job, &clean, err);
    if (r < 0)
        return r;
    if (!clean) {
        return agent_packages_fail(job, err, "change_incomplete", tools->audit_remedy, -EPROTO,
                                   "the package database has half done packages");
    }

    return 0;
}

int agent_packages_apply(struct agent_packages_job *job, const struct agent_packages_tools *tools,
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
    r = agent_packages_compare(job, tools, way_back, AGENT_PACKAGES_BEFORE, off, &words, err);
    if (r < 0)
        return r;
    if (r > 0) {
        return agent_packages_fail(job, err, "pinned_set_differs", "stage again", -ESTALE,
                                   "since staging somebody changed the host: %s", words);
    }
    /* Other packages may have changed as well; with files alone this costs a tenth of a second. */
    r = tools->rehearse_forward(job, way_back, err);
    if (r < 0)
        return r;

    r = run_change(job, tools, way_back, &output, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < way_back->kept_count; i++)
        agent_packages_conffile_note_leftovers(job, &way_back->kept[i]);
    r = check_after(job, tools, way_back, off, &output, err);
    if (r < 0)
        return r;

    return tools->set_marks(job, way_back, AGENT_PACKAGES_AFTER, err);
}
