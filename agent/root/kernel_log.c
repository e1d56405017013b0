/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/kernel_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "common/file.h"
#include "common/pattern.h"
#include "common/text.h"

static void close_journal(sd_journal **journal)
{
    sd_journal_close(*journal);
}
#define AUTO_JOURNAL BL_CLEANUP(close_journal) sd_journal

int agent_kernel_log_end(char *ret_cursor, size_t size_bytes, struct bl_error *err)
{
    AUTO_JOURNAL *journal = NULL;
    BL_AUTO_FREE char *cursor = NULL;
    int r;

    r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
    if (r >= 0)
        r = sd_journal_seek_tail(journal);
    if (r >= 0)
        r = sd_journal_previous(journal);
    if (r > 0)
        r = sd_journal_get_cursor(journal, &cursor);
    if (r < 0)
        return bl_fail(err, r, "read the system's log: %s", strerror(-r));
    if (cursor != NULL && strlen(cursor) >= size_bytes)
        return bl_fail(err, -EMSGSIZE, "the system's log has too long a cursor");
    bl_text_copy(ret_cursor, size_bytes, cursor != NULL ? cursor : "");

    return 0;
}

enum proto_grade agent_kernel_log_grade(unsigned level, const char *message)
{
    /* The kernel's own words for "something is broken for good", whatever level they come with. */
    static const char *const broken[] = {
        "kernel BUG at",
        "Oops",
        "general protection fault",
        "Kernel panic",
        "unable to handle",
        "soft lockup",
        "hard LOCKUP",
        "rcu_sched self-detected",
        "Remounting filesystem read-only",
    };

    if (level > LOG_ERR)
        return 0;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        if (strstr(message, broken[i]) != NULL)
            return PROTO_GRADE_SEVERE;
    }

    return level < LOG_ERR ? PROTO_GRADE_FUNCTIONAL : PROTO_GRADE_MINOR;
}

/* The value behind "NAME=", with a NUL of its own; cut to the buffer. */
static void read_field(sd_journal *journal, const char *name, char *ret_text, size_t size_bytes)
{
    const void *data = NULL;
    size_t bytes = 0, name_bytes = strlen(name) + 1;

    ret_text[0] = '\0';
    if (sd_journal_get_data(journal, name, &data, &bytes) < 0 || bytes < name_bytes)
        return;
    bl_text_escape(ret_text, size_bytes, (const char *)data + name_bytes, bytes - name_bytes);
}

/*
 * Compiled for each message anew: what a matcher keeps of all lines it has seen would grow in here,
 * and messages of these levels are few.
 */
static bool is_ignored(const struct agent_kernel_log_task *task, const char *message)
{
    for (uint32_t i = 0; i < task->ignore_count; i++) {
        BL_AUTO_PATTERN pattern = {.is_ready = false};
        struct bl_error ignored = {0};

        if (bl_pattern_compile(task->ignore[i].text, &pattern, &ignored) == 0 &&
            bl_pattern_matches(&pattern, message, strlen(message)))
            return true;
    }

    return false;
}

void agent_kernel_log_count(struct agent_kernel_log *log, unsigned level, const char *message,
                            const struct agent_kernel_log_task *task)
{
    enum proto_grade grade = agent_kernel_log_grade(level, message);

    if (grade == 0)
        return;
    if (is_ignored(task, message)) {
        if (log->ignored++ == 0)
            bl_text_copy(log->first_ignored, sizeof(log->first_ignored), message);
        return;
    }
    log->lines++;
    if (grade > log->grade) {
        log->grade = grade;
        bl_text_copy(log->worst, sizeof(log->worst), message);
    }
}

static void count_row(sd_journal *journal, const struct agent_kernel_log_task *task,
                      struct agent_kernel_log *log)
{
    char level[8], message[AGENT_KERNEL_LOG_LINE_BYTES];
    struct bl_error ignored = {0};
    uint64_t number = LOG_DEBUG;

    read_field(journal, "PRIORITY", level, sizeof(level));
    read_field(journal, "MESSAGE", message, sizeof(message));
    if (bl_text_to_u64(level, LOG_DEBUG, &number, &ignored) == 0)
        agent_kernel_log_count(log, (unsigned)number, message, task);
}

int agent_kernel_log_read(const struct agent_kernel_log_task *task,
                          struct agent_kernel_log *ret_log, struct bl_error *err)
{
    const char *cursor = task->cursor;
    AUTO_JOURNAL *journal = NULL;
    int r;

    memset(ret_log, 0, sizeof(*ret_log));
    r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
    if (r >= 0)
        r = sd_journal_add_match(journal, "_TRANSPORT=kernel", 0);
    if (r >= 0) {
        r = cursor[0] != '\0'
                ? sd_journal_seek_cursor(journal, cursor)
                : sd_journal_seek_realtime_usec(journal, (uint64_t)task->wall_ms * 1000);
    }
    while (r >= 0 && ret_log->lines < AGENT_KERNEL_LOG_LINES_MAX &&
           ret_log->ignored < 2 * AGENT_KERNEL_LOG_LINES_MAX &&
           (r = sd_journal_next(journal)) > 0) {
        if (cursor[0] == '\0' || sd_journal_test_cursor(journal, cursor) <= 0)
            count_row(journal, task, ret_log);
    }
    if (r < 0)
        return bl_fail(err, r, "read the system's log: %s", strerror(-r));

    return 0;
}
