/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/probe/logs_lines.h"
#include "agent/serve/serve.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"

/*
 * belay-logs: reads what units and files have logged since the marks. What is good may come late,
 * so it is waited for as long as the plan says; what is bad is looked for as long as that takes.
 */
enum {
    PAUSE_MS = 500,
    UNIT_LINES_MAX = 200 * 1000,
};

#define LOG_DIR "/var/log"

struct source {
    const struct proto_log_check *check;
    struct agent_logs_lines lines;
    struct agent_logs_file file;
    sd_journal *journal;
    uint32_t unit_lines;
    struct bl_mono deadline; /* of what is good */
    char trouble[AGENT_LOGS_LINE_BYTES_MAX + 1];
};

static struct source sources[PROTO_LOGS_MAX];

static void give_up(struct source *source, const char *why)
{
    bl_text_escape(source->trouble, sizeof(source->trouble), why, strlen(why));
}

/* ---- units --------------------------------------------------------------------------------- */

static int add_match(sd_journal *journal, const char *name, const char *value)
{
    char match[64 + PROTO_TEXT_BYTES_MAX];
    int r = snprintf(match, sizeof(match), "%s=%s", name, value);

    return r < 0 || (size_t)r >= sizeof(match) ? -EMSGSIZE
                                               : sd_journal_add_match(journal, match, 0);
}

/* What the unit itself said, and what PID 1 said of it. */
static int open_journal(struct source *source, const struct agent_logs_task *task)
{
    int r = sd_journal_open(&source->journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);

    if (r >= 0)
        r = add_match(source->journal, "_SYSTEMD_UNIT", source->check->unit);
    if (r >= 0)
        r = sd_journal_add_disjunction(source->journal);
    if (r >= 0)
        r = add_match(source->journal, "_PID", "1");
    if (r >= 0)
        r = add_match(source->journal, "UNIT", source->check->unit);
    if (r >= 0 && task->cursor[0] != '\0')
        r = sd_journal_seek_cursor(source->journal, task->cursor);
    else if (r >= 0)
        r = sd_journal_seek_realtime_usec(source->journal, (uint64_t)task->wall_ms * 1000);

    return r;
}

static void read_unit(struct source *source, const struct agent_logs_task *task)
{
    static const char field[] = "MESSAGE=";
    int r = sd_journal_process(source->journal);

    while (r >= 0 && source->unit_lines < UNIT_LINES_MAX &&
           (r = sd_journal_next(source->journal)) > 0) {
        const void *data;
        size_t bytes;

        source->unit_lines++;
        if (task->cursor[0] != '\0' && sd_journal_test_cursor(source->journal, task->cursor) > 0)
            continue;
        if (sd_journal_get_data(source->journal, "MESSAGE", &data, &bytes) < 0 ||
            bytes < sizeof(field) - 1)
            continue;
        agent_logs_lines_take(&source->lines, (const char *)data + sizeof(field) - 1,
                              bytes - (sizeof(field) - 1));
    }
    if (r < 0)
        give_up(source, strerror(-r));
    else if (source->unit_lines == UNIT_LINES_MAX)
        give_up(source, "it logged too many lines to be read");
}

/* ---- all ----------------------------------------------------------------------------------- */

static const char *below_log_dir(const char *path)
{
    return path + strlen(LOG_DIR "/");
}

static void open_source(struct source *source, const struct agent_logs_task *task, uint32_t index)
{
    struct bl_error err = {0};
    int r;

    source->check = &task->checks[index];
    source->file = (struct agent_logs_file){.fd = -1, .at = task->marks[index]};
    source->deadline = bl_mono_after(bl_mono_now(), (int64_t)source->check->within_ms);
    if (agent_logs_lines_init(&source->lines, source->check, &err) < 0) {
        give_up(source, err.text);
        return;
    }
    r = source->check->unit[0] != '\0' ? open_journal(source, task) : 0;
    if (r < 0)
        give_up(source, strerror(-r));
}

static void read_source(struct source *source, const struct agent_logs_task *task, int dir_fd)
{
    struct bl_error err = {0};

    if (source->trouble[0] != '\0')
        return;
    if (source->check->unit[0] != '\0')
        read_unit(source, task);
    else if (agent_logs_read_file(dir_fd, below_log_dir(source->check->file), &source->file,
                                  &source->lines, &err) < 0)
        give_up(source, err.text);
}

static bool is_waited_for(const struct source *source)
{
    return source->trouble[0] == '\0' && source->lines.good.is_ready && !source->lines.good_seen &&
           !bl_mono_reached(bl_mono_now(), source->deadline);
}

static void end_source(struct source *source)
{
    if (source->check->file[0] != '\0') {
        agent_logs_lines_end(&source->lines);
        if (source->trouble[0] == '\0' && !source->file.is_found)
            give_up(source, "there is no such file");
    }
    agent_logs_file_release(&source->file);
    agent_logs_lines_release(&source->lines);
    sd_journal_close(source->journal);
}

static int read_all(const struct agent_logs_task *task, int dir_fd, struct proto_buffer *buffer,
                    struct bl_error *err)
{
    struct agent_logs_answer answers[PROTO_LOGS_MAX];
    const struct agent_logs_result result = {
        .format = AGENT_LOGS_FORMAT, .answers = answers, .answers_count = task->checks_count};
    bool more = true;

    if (task->marks_count != task->checks_count)
        return bl_fail(err, -EPROTO, "not one mark for each check");
    for (uint32_t i = 0; i < task->checks_count; i++)
        open_source(&sources[i], task, i);
    while (more) {
        more = false;
        for (uint32_t i = 0; i < task->checks_count; i++) {
            read_source(&sources[i], task, dir_fd);
            more = more || is_waited_for(&sources[i]);
        }
        if (more)
            (void)poll(NULL, 0, PAUSE_MS);
    }
    for (uint32_t i = 0; i < task->checks_count; i++) {
        struct source *source = &sources[i];

        end_source(source);
        answers[i] = (struct agent_logs_answer){.bad_count = source->lines.bad_count,
                                                .bad_line = source->lines.bad_line,
                                                .good_seen = source->lines.good_seen,
                                                .trouble = source->trouble};
    }

    return proto_encode(&agent_logs_result_schema, &result, buffer, err);
}

static int find_cursor(char **ret_cursor, struct bl_error *err)
{
    sd_journal *journal = NULL;
    int r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);

    if (r >= 0)
        r = sd_journal_seek_tail(journal);
    if (r >= 0)
        r = sd_journal_previous(journal);
    if (r > 0)
        r = sd_journal_get_cursor(journal, ret_cursor);
    sd_journal_close(journal);

    return r < 0 ? bl_fail(err, r, "read the system's log: %s", strerror(-r)) : 0;
}

static int mark_all(const struct agent_logs_task *task, int dir_fd, struct proto_buffer *buffer,
                    struct bl_error *err)
{
    struct agent_logs_mark marks[PROTO_LOGS_MAX] = {{0}};
    struct agent_logs_marks result = {.format = AGENT_LOGS_FORMAT,
                                      .wall_ms = bl_wall_now().ms,
                                      .marks = marks,
                                      .marks_count = task->checks_count};
    BL_AUTO_FREE char *cursor = NULL;
    int r = find_cursor(&cursor, err);

    for (uint32_t i = 0; r >= 0 && i < task->checks_count; i++) {
        if (task->checks[i].file[0] != '\0')
            r = agent_logs_mark_file(dir_fd, below_log_dir(task->checks[i].file), &marks[i], err);
    }
    if (r < 0)
        return r;
    result.cursor = cursor != NULL ? cursor : "";

    return proto_encode(&agent_logs_marks_schema, &result, buffer, err);
}

/* The agent checked the plan; this program may still be asked by a broken one. */
static bool is_right(const struct agent_logs_task *task)
{
    for (uint32_t i = 0; i < task->checks_count; i++) {
        const char *file = task->checks[i].file;

        if (file[0] != '\0' && strncmp(file, LOG_DIR "/", strlen(LOG_DIR "/")) != 0)
            return false;
    }

    return task->format == AGENT_LOGS_FORMAT;
}

static int answer(const void *data, struct proto_buffer *buffer, struct bl_error *err)
{
    const struct agent_logs_task *task = data;
    BL_AUTO_FD int dir_fd = -1;

    if (!is_right(task))
        return bl_fail(err, -EPROTO, "a task of another format");
    dir_fd = bl_dir_open(AT_FDCWD, LOG_DIR, err);
    if (dir_fd < 0)
        return dir_fd;

    return task->what == AGENT_LOGS_MARK ? mark_all(task, dir_fd, buffer, err)
                                         : read_all(task, dir_fd, buffer, err);
}

int main(void)
{
    struct agent_logs_task task;

    return agent_serve(&(struct agent_service){.name = "belay-logs",
                                               .schema = &agent_logs_task_schema,
                                               .task = &task,
                                               .task_bytes_max = AGENT_LOGS_TASK_BYTES_MAX,
                                               .answer = answer});
}
