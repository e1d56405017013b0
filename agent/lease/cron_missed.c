/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/cron_missed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/lease/cron_table.h"
#include "common/file.h"

enum {
    TABLE_BYTES_MAX = 256 * 1024,
    LINES_MAX = 2000, /* of all tables: people write theirs as they like, and each takes time */
    TOLD_MAX = 5,
    PATH_BYTES = 512,
};

struct missed {
    int64_t from_ms, to_ms;
    uint32_t runs, lines, unknown;
    struct bl_text told, unknown_told;
    char told_words[400], unknown_words[200];
    uint32_t told_count, unknown_count;
};

static void tell_place(struct bl_text *text, uint32_t *count, const char *path, uint32_t line)
{
    char clean[PATH_BYTES];

    if (++*count > TOLD_MAX)
        return;
    bl_text_escape(clean, sizeof(clean), path, strlen(path));
    bl_text_add(text, *count > 1 ? ", " : "");
    bl_text_add(text, clean);
    if (line > 0) {
        bl_text_add(text, ":");
        bl_text_add_number(text, line);
    }
}

static void add_unknown(struct missed *missed, const char *path, uint32_t line)
{
    missed->unknown++;
    tell_place(&missed->unknown_told, &missed->unknown_count, path, line);
}

static void to_clock(void *userdata, int64_t second, struct agent_cron_clock *ret_clock)
{
    time_t instant = (time_t)second;
    struct tm tm = {0};

    (void)localtime_r(&instant, &tm);
    *ret_clock = (struct agent_cron_clock){.minute = tm.tm_min,
                                           .hour = tm.tm_hour,
                                           .day = tm.tm_mday,
                                           .month = tm.tm_mon + 1,
                                           .weekday = tm.tm_wday};
}

/* localtime_r's only way to another zone is the environment; this process has one thread. */
static uint32_t count_in_zone(const struct missed *missed,
                              const struct agent_cron_schedule *schedule, const char *zone)
{
    const char *own = getenv("TZ");
    char former[AGENT_CRON_ZONE_BYTES] = "";
    uint32_t runs;

    if (zone[0] == '\0')
        return agent_cron_count(schedule, missed->from_ms, missed->to_ms, to_clock, NULL);
    if (own != NULL)
        bl_text_copy(former, sizeof(former), own);
    (void)setenv("TZ", zone, /* overwrite= */ 1);
    tzset();
    runs = agent_cron_count(schedule, missed->from_ms, missed->to_ms, to_clock, NULL);
    if (own != NULL) {
        (void)setenv("TZ", former, /* overwrite= */ 1);
    } else {
        (void)unsetenv("TZ");
    }
    tzset();

    return runs;
}

static void count_line(struct missed *missed, const struct agent_cron_line *line, const char *zone,
                       const char *path, uint32_t number)
{
    uint32_t runs;

    if (++missed->lines > LINES_MAX) {
        add_unknown(missed, path, number);
        return;
    }
    runs = count_in_zone(missed, &line->schedule, zone);
    if (runs == 0)
        return;
    missed->runs += runs;
    tell_place(&missed->told, &missed->told_count, path, number);
    if (runs > 1 && missed->told_count <= TOLD_MAX) {
        bl_text_add(&missed->told, " ");
        bl_text_add_number(&missed->told, runs);
        bl_text_add(&missed->told, " times");
    }
}

static void read_table(struct missed *missed, const char *root, const char *path, bool has_user)
{
    BL_AUTO_FREE char *data = NULL;
    char whole[PATH_BYTES], zone[AGENT_CRON_ZONE_BYTES] = "";
    struct bl_error unused = {0};
    struct agent_cron_line line;
    uint32_t number = 0;
    size_t size_bytes;
    const char *at;
    int r;

    if (bl_text_format(whole, sizeof(whole), "%s%s", root, path) < 0)
        return;
    r = bl_file_read(AT_FDCWD, whole, TABLE_BYTES_MAX, &data, &size_bytes, &unused);
    if (r == -ENOENT)
        return;
    if (r < 0) {
        add_unknown(missed, path, 0);
        return;
    }
    at = data;
    while (*at != '\0') {
        size_t length = strcspn(at, "\n");

        number++;
        agent_cron_parse_line(at, length, has_user, &line);
        if (line.kind == AGENT_CRON_LINE_ZONE)
            memcpy(zone, line.zone, sizeof(zone));
        if (line.kind == AGENT_CRON_LINE_UNKNOWN)
            add_unknown(missed, path, number);
        if (line.kind == AGENT_CRON_LINE_RUNS)
            count_line(missed, &line, zone, path, number);
        at += length;
        at += *at == '\n' ? 1 : 0;
    }
}

/* What package managers and editors leave there is no table to any cron. */
static int is_table(const struct dirent *entry)
{
    static const char *const suffixes[] = {"~",         ".rpmsave",   ".rpmorig",  ".rpmnew",
                                           ".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-tmp"};
    const char *name = entry->d_name;

    if (name[0] == '.' || name[0] == '#' || entry->d_type == DT_DIR)
        return 0;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t length = strlen(name), end = strlen(suffixes[i]);

        if (length >= end && strcmp(name + length - end, suffixes[i]) == 0)
            return 0;
    }

    return 1;
}

static void read_folder(struct missed *missed, const char *root, const char *folder, bool has_user)
{
    struct dirent **entries = NULL;
    char path[PATH_BYTES];
    int count;

    if (bl_text_format(path, sizeof(path), "%s%s", root, folder) < 0)
        return;
    count = scandir(path, &entries, is_table, alphasort);
    if (count < 0 && errno != ENOENT)
        add_unknown(missed, folder, 0);
    for (int i = 0; i < count; i++) {
        if (bl_text_format(path, sizeof(path), "%s/%s", folder, entries[i]->d_name) >= 0)
            read_table(missed, root, path, has_user);
        free(entries[i]);
    }
    free(entries);
}

static void tell(struct bl_text *text, const char *title, uint32_t number, const char *places,
                 uint32_t places_count)
{
    if (number == 0)
        return;
    bl_text_add(text, title);
    bl_text_add_number(text, number);
    bl_text_add(text, " (");
    bl_text_add(text, places);
    bl_text_add(text, places_count > TOLD_MAX ? ", ...)" : ")");
}

void agent_cron_tell_missed(const char *root, int64_t from_ms, int64_t to_ms, struct bl_text *text)
{
    struct missed missed = {.from_ms = from_ms, .to_ms = to_ms};

    if (to_ms <= from_ms || to_ms - from_ms > AGENT_CRON_SPAN_MS_MAX) {
        bl_text_add(text, "; what cron missed is not known: the pause was longer than two days, or "
                          "the clock was set");
        return;
    }
    bl_text_init(&missed.told, missed.told_words, sizeof(missed.told_words));
    bl_text_init(&missed.unknown_told, missed.unknown_words, sizeof(missed.unknown_words));
    read_table(&missed, root, "/etc/crontab", true);
    read_folder(&missed, root, "/etc/cron.d", true);
    read_folder(&missed, root, "/var/spool/cron/crontabs", false);
    read_folder(&missed, root, "/var/spool/cron", false);
    tell(text, "; runs of cron that were missed: ", missed.runs, missed.told_words,
         missed.told_count);
    tell(text, "; lines or files of cron that are not understood: ", missed.unknown,
         missed.unknown_words, missed.unknown_count);
}
