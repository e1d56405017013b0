/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/progress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/process.h"
#include "agent/txn/progress.h"
#include "common/text.h"

#define NOBODY UINT32_MAX

enum {
    SOFT_SHARE = 4, /* of the phase's time: a script that takes longer is worth telling */
};

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

void agent_packages_progress_begin(struct agent_packages_job *job, uint64_t deadline_ms)
{
    struct agent_packages_progress *progress = job->progress;

    *progress = (struct agent_packages_progress){.phase = job->result->phase,
                                                 .source_fd = -1,
                                                 .last = NOBODY,
                                                 .soft_ms = AGENT_PACKAGES_SCRIPT_SOFT_MS};
    progress->now.step = agent_txn_progress_step(job->result->phase);
    if (deadline_ms > 0 && deadline_ms / SOFT_SHARE < AGENT_PACKAGES_SCRIPT_SOFT_MS)
        progress->soft_ms = (int64_t)(deadline_ms / SOFT_SHARE);
    agent_txn_progress_clear(job->job_fd, job->result->phase);
}

int agent_packages_progress_of_change(struct agent_packages_job *job,
                                      const struct agent_packages_way_back *way_back,
                                      agent_packages_parse_progress parse, int source_fd,
                                      struct bl_error *err)
{
    struct agent_packages_progress *progress = job->progress;
    struct stat st;
    void *place;
    int r;

    if (progress == NULL)
        return 0;
    if (fstat(source_fd, &st) < 0)
        return bl_fail(err, -errno, "stat what the tool says: %s", strerror(errno));
    r = agent_packages_memory_take(job->memory, (way_back->former_count + 1) * sizeof(bool), &place,
                                   err);
    if (r < 0)
        return r;
    progress->done = place;
    progress->way_back = way_back;
    progress->parse = parse;
    progress->source_fd = source_fd;
    progress->source_at = st.st_size;
    progress->rest_bytes = 0;
    progress->last = NOBODY;
    progress->directory = NULL;
    progress->now.packages_done = 0;
    progress->now.packages_total = way_back->former_count;
    progress->changed = true;

    return 0;
}

void agent_packages_progress_of_download(struct agent_packages_job *job, const char *directory,
                                         uint32_t packages_total, uint64_t bytes_total,
                                         agent_packages_parse_download_size parse_size)
{
    struct agent_packages_progress *progress = job->progress;

    if (progress == NULL)
        return;
    progress->directory = directory;
    progress->parse_size = parse_size;
    progress->now.packages_total = packages_total;
    progress->now.bytes_done = 0;
    progress->now.bytes_total = bytes_total;
    progress->changed = true;
}

void agent_packages_progress_end(struct agent_packages_job *job)
{
    if (job->progress == NULL)
        return;
    job->progress->directory = NULL;
    job->progress->source_fd = -1;
    agent_txn_progress_clear(job->job_fd, job->progress->phase);
}

/* ---- lines ------------------------------------------------------------------------------- */

/* By its whole name, else by the longest name that "NAME-VERSION" begins with. */
static uint32_t find_package(const struct agent_packages_progress *progress,
                             const struct agent_packages_line *name)
{
    const struct agent_packages_way_back *way_back = progress->way_back;
    uint32_t found = NOBODY;
    size_t found_length = 0;

    for (uint32_t i = 0; i < way_back->former_count; i++) {
        size_t length = strlen(way_back->former[i].name);

        if (name->length < length || length < found_length ||
            memcmp(name->text, way_back->former[i].name, length) != 0)
            continue;
        /* Of two with one name (two architectures) the one that is not done yet. */
        if (length == found_length && (found == NOBODY || !progress->done[found]))
            continue;
        if (name->length == length || name->text[length] == '-' || name->text[length] == ':') {
            found = i;
            found_length = length;
        }
    }

    return found;
}

static void mark_done(struct agent_packages_progress *progress, uint32_t index)
{
    if (index == NOBODY || progress->done[index])
        return;
    progress->done[index] = true;
    progress->now.packages_done++;
    progress->changed = true;
}

static void set_what(struct agent_packages_progress *progress, const char *text, size_t length)
{
    char words[sizeof(progress->what)];

    bl_text_escape(words, sizeof(words), text, length);
    if (strcmp(words, progress->what) == 0)
        return;
    bl_text_copy(progress->what, sizeof(progress->what), words);
    progress->changed = true;
}

void agent_packages_progress_take(struct agent_packages_progress *progress,
                                  const struct agent_packages_line *line)
{
    struct agent_packages_told_line told = progress->parse(line);
    uint32_t index;

    if (told.what == AGENT_PACKAGES_TOLD_NOTHING)
        return;
    index = find_package(progress, &told.name);
    if (told.what == AGENT_PACKAGES_TOLD_LAST || told.what == AGENT_PACKAGES_TOLD_REST) {
        mark_done(progress, progress->last);
        progress->last = told.what == AGENT_PACKAGES_TOLD_LAST ? index : NOBODY;
    }
    if (told.what == AGENT_PACKAGES_TOLD_DONE)
        mark_done(progress, index);
    if (index != NOBODY) {
        const char *name = progress->way_back->former[index].name;

        set_what(progress, name, strlen(name));
    }
}

static void take_bytes(struct agent_packages_progress *progress, const char *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (data[i] == '\n') {
            const struct agent_packages_line line = {progress->rest, progress->rest_bytes};

            if (!progress->rest_is_cut)
                agent_packages_progress_take(progress, &line);
            progress->rest_bytes = 0;
            progress->rest_is_cut = false;
        } else if (progress->rest_bytes < sizeof(progress->rest)) {
            progress->rest[progress->rest_bytes++] = data[i];
        } else {
            progress->rest_is_cut = true;
        }
    }
}

static void read_lines(struct agent_packages_progress *progress)
{
    char piece[16 * 1024];
    ssize_t n;

    while ((n = pread(progress->source_fd, piece, sizeof(piece), progress->source_at)) > 0) {
        progress->source_at += n;
        take_bytes(progress, piece, (size_t)n);
    }
}

/* ---- downloads --------------------------------------------------------------------------- */

/* Also of what is not whole yet. */
static void sum_sizes(int dir_fd, uint64_t *sum, uint64_t *count)
{
    BL_CLEANUP(close_directory) DIR *directory = fdopendir(dir_fd);
    const struct dirent *entry;

    if (directory == NULL) {
        (void)close(dir_fd);
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        struct stat st;

        if (entry->d_name[0] == '.' ||
            fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        *sum += (uint64_t)st.st_size;
        (*count)++;
    }
}

static void look_at_files(struct agent_packages_progress *progress, const char *output,
                          size_t output_bytes)
{
    int dir_fd = open(progress->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    uint64_t sum = 0, count = 0;

    if (dir_fd >= 0)
        sum_sizes(dir_fd, &sum, &count);
    if (progress->now.bytes_total == 0 && progress->parse_size != NULL)
        progress->now.bytes_total = progress->parse_size(output, output_bytes);
    /* dnf tells the sum rounded. */
    if (progress->now.bytes_total > 0 && sum > progress->now.bytes_total)
        sum = progress->now.bytes_total;
    progress->changed = progress->changed || sum != progress->now.bytes_done;
    progress->now.bytes_done = sum;
    progress->now.packages_done = count > 0 ? count - 1 : 0; /* the last one may still be coming */
}

/* ---- scripts ----------------------------------------------------------------------------- */

static void name_script(struct agent_packages_progress *progress, const char *name)
{
    if (name[0] != '\0') {
        bl_text_escape(progress->script, sizeof(progress->script), name, strlen(name));
    } else {
        char words[sizeof(progress->script) + 32];

        (void)snprintf(words, sizeof(words), "a script of %s",
                       progress->what[0] != '\0' ? progress->what : "a package");
        bl_text_escape(progress->script, sizeof(progress->script), words, strlen(words));
    }
}

/* The soft stage: it is told which script takes long, and it goes on. */
static void look_at_scripts(struct agent_packages_job *job,
                            struct agent_packages_progress *progress, pid_t tool)
{
    struct bl_mono now = bl_mono_now();
    struct agent_packages_script script = {0};
    bool was_told = progress->script[0] != '\0';

    if (!agent_packages_process_find_script(tool, &script) || script.pid != progress->script_pid) {
        progress->script_pid = script.pid;
        progress->script_since = now;
        progress->script_told = false;
        progress->script[0] = '\0';
        progress->now.script_ms = 0;
        progress->changed = progress->changed || was_told;
    }
    if (progress->script_pid == 0 || now.ms - progress->script_since.ms < progress->soft_ms)
        return;
    progress->now.script_ms = (uint64_t)(now.ms - progress->script_since.ms);
    progress->changed = true;
    if (progress->script_told)
        return;
    progress->script_told = true;
    name_script(progress, script.name);
    agent_packages_job_note(job, "%s (process %d) has run for more than %lld s", progress->script,
                            (int)script.pid, (long long)(progress->soft_ms / 1000));
    (void)dprintf(job->log_fd, "# %s (process %d) has run for more than %lld s\n", progress->script,
                  (int)script.pid, (long long)(progress->soft_ms / 1000));
}

void agent_packages_progress_look(struct agent_packages_job *job, pid_t tool, const char *output,
                                  size_t output_bytes)
{
    struct agent_packages_progress *progress = job->progress;

    if (progress == NULL || progress->now.step == 0)
        return;
    if (progress->directory != NULL)
        look_at_files(progress, output, output_bytes);
    if (progress->source_fd >= 0) {
        read_lines(progress);
        look_at_scripts(job, progress, tool);
    }
    if (!progress->changed)
        return;
    progress->changed = false;
    progress->now.what = progress->what;
    progress->now.script = progress->script;
    agent_txn_progress_save(job->job_fd, progress->phase, &progress->now);
}
