/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/index_age.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/packages/line.h"
#include "common/file.h"
#include "common/text.h"

enum {
    INDEX_BYTES_MAX = 16 * 1024 * 1024,
    DATE_BYTES_MAX = 64,
};

const struct agent_packages_index_place agent_packages_apt_indexes = {"apt/lists", NULL, "Release",
                                                                      agent_packages_parse_release};
const struct agent_packages_index_place agent_packages_dnf_indexes = {
    "dnf/cache", "repodata/repomd.xml", "", agent_packages_parse_repomd};

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

/* "Sat, 21 Nov 2026 06:40:12 UTC" */
static struct bl_wall parse_date(const struct agent_packages_line *line, size_t from)
{
    char text[DATE_BYTES_MAX];
    struct tm tm = {0};
    const char *end;
    time_t seconds;

    if (bl_text_format(text, sizeof(text), "%.*s", (int)(line->length - from), line->text + from) <
        0)
        return (struct bl_wall){0};
    end = strptime(text, " %a, %d %b %Y %H:%M:%S", &tm);
    if (end == NULL || (strcmp(end, " UTC") != 0 && strcmp(end, " GMT") != 0 &&
                        strcmp(end, " +0000") != 0 && strcmp(end, " Z") != 0))
        return (struct bl_wall){0};
    seconds = timegm(&tm);

    return (struct bl_wall){(int64_t)seconds * 1000};
}

void agent_packages_parse_release(const char *text, struct agent_packages_index *ret_index)
{
    static const char date[] = "Date:", until[] = "Valid-Until:";
    struct agent_packages_line line;

    while (agent_packages_next_line(&text, &line)) {
        if (agent_packages_line_starts(&line, date) && ret_index->date.ms == 0)
            ret_index->date = parse_date(&line, strlen(date));
        ret_index->expires = ret_index->expires || agent_packages_line_starts(&line, until);
    }
}

void agent_packages_parse_repomd(const char *text, struct agent_packages_index *ret_index)
{
    static const char opening[] = "<revision>";
    const char *at = strstr(text, opening);
    char digits[24];
    struct bl_error unused = {0};
    uint64_t seconds;
    size_t length;

    if (at == NULL)
        return;
    at += strlen(opening);
    length = strspn(at, "0123456789");
    if (bl_text_format(digits, sizeof(digits), "%.*s", (int)(length < 20 ? length : 0), at) < 0 ||
        bl_text_to_u64(digits, UINT32_MAX, &seconds, &unused) < 0 || at[length] != '<')
        return;
    /* Some count their revisions: 1, 2, 3, ... */
    if (seconds > 1000000000)
        ret_index->date = (struct bl_wall){(int64_t)seconds * 1000};
}

const struct agent_packages_index *
agent_packages_find_old_index(const struct agent_packages_index *indexes, uint32_t count,
                              struct bl_wall now, int64_t max_age_ms)
{
    const struct agent_packages_index *youngest = NULL;

    for (uint32_t i = 0; i < count; i++) {
        if (indexes[i].expires && now.ms - indexes[i].date.ms > max_age_ms)
            return &indexes[i];
        if (youngest == NULL || indexes[i].date.ms > youngest->date.ms)
            youngest = &indexes[i];
    }

    return youngest != NULL && now.ms - youngest->date.ms > max_age_ms ? youngest : NULL;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), least = strlen(ending);

    return length >= least && strcmp(text + length - least, ending) == 0;
}

static int read_one(struct agent_packages_job *job, const struct agent_packages_index_place *place,
                    const char *path, const char *name, struct agent_packages_index **list,
                    uint32_t *count, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    struct agent_packages_index *index;
    size_t size_bytes;
    void *space;
    int r;

    r = bl_file_read(AT_FDCWD, path, INDEX_BYTES_MAX, &text, &size_bytes, err);
    if (r == -ENOENT || r == -ENOTDIR) {
        *err = (struct bl_error){0};
        return 0; /* a place of dnf's that is no repository */
    }
    if (r < 0)
        return r;
    r = agent_packages_memory_append(job->memory, list, *count, sizeof(**list), &space, err);
    if (r < 0)
        return r;
    index = space;
    place->parse(text, index);
    (*count)++;

    return agent_packages_memory_escape(job->memory, name, PROTO_NAME_BYTES_MAX, &index->name, err);
}

static int read_all(struct agent_packages_job *job, const struct agent_packages_index_place *place,
                    struct agent_packages_index **list, uint32_t *count, struct bl_error *err)
{
    char folder[AGENT_TXN_PATH_BYTES_MAX], path[2 * AGENT_TXN_PATH_BYTES_MAX];
    BL_CLEANUP(close_directory) DIR *directory = NULL;
    const struct dirent *entry;
    int r = bl_text_format(folder, sizeof(folder), "%s/%s", job->cache_dir, place->directory);

    if (r < 0)
        return bl_fail(err, r, "'%s': path too long", job->cache_dir);
    directory = opendir(folder);
    r = 0;
    while (r >= 0 && directory != NULL && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.' || !ends_with(entry->d_name, place->ending) ||
            bl_text_format(path, sizeof(path), "%s/%s%s%s", folder, entry->d_name,
                           place->below != NULL ? "/" : "",
                           place->below != NULL ? place->below : "") < 0)
            continue;
        r = read_one(job, place, path, entry->d_name, list, count, err);
    }

    return r;
}

int agent_packages_check_age(struct agent_packages_job *job,
                             const struct agent_packages_index_place *place, struct bl_error *err)
{
    static const char remedy[] = "use a mirror that is kept up to date, or raise "
                                 "change.metadata_max_age in the plan";
    struct agent_packages_index *list = NULL;
    const struct agent_packages_index *old;
    struct bl_wall now = bl_wall_now();
    uint32_t count = 0;
    int r;

    if (job->metadata_max_age_ms == 0)
        return 0;
    r = read_all(job, place, &list, &count, err);
    if (r < 0)
        return r;
    old = agent_packages_find_old_index(list, count, now, job->metadata_max_age_ms);
    if (old == NULL)
        return 0;
    if (old->date.ms == 0) {
        return agent_packages_fail(job, err, "metadata_too_old", remedy, -EPROTO,
                                   "'%s' does not say how old it is", old->name);
    }

    return agent_packages_fail(job, err, "metadata_too_old", remedy, -EPROTO,
                               "'%s' is %lld hours old", old->name,
                               (long long)((now.ms - old->date.ms) / (3600 * 1000)));
}
