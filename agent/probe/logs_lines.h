/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_LOGS_LINES_H
#define AGENT_PROBE_LOGS_LINES_H

#include "agent/probe/logs.h"
#include "common/pattern.h"

/* One check of a log, while its lines come in. Of a long line only the beginning counts. */
struct agent_logs_lines {
    struct bl_pattern bad, good; /* not ready: none was asked for */
    char line[BL_PATTERN_LINE_BYTES_MAX];
    size_t line_bytes;
    uint64_t bad_count;
    char bad_line[AGENT_LOGS_LINE_BYTES_MAX + 1];
    bool good_seen;
};

/* Start with zeros; release in any case. */
int agent_logs_lines_init(struct agent_logs_lines *lines, const struct proto_log_check *check,
                          struct bl_error *err) BL_CHECKED;
void agent_logs_lines_release(struct agent_logs_lines *lines);

/* One whole line, without its newline. */
void agent_logs_lines_take(struct agent_logs_lines *lines, const char *line, size_t line_bytes);

/* Bytes of a file, which may end within a line; agent_logs_lines_end() when no more will come. */
void agent_logs_lines_feed(struct agent_logs_lines *lines, const char *data, size_t bytes);
void agent_logs_lines_end(struct agent_logs_lines *lines);

/* ---- files below /var/log ---- */

/* A regular file below `dir_fd`, whose path has no link in it: its descriptor, else negative. */
int agent_logs_open(int dir_fd, const char *path, struct bl_error *err) BL_CHECKED;

struct agent_logs_file {
    int fd; /* -1: not opened yet */
    struct agent_logs_mark at;
    bool is_found; /* ever */
};

/*
 * Feeds what was appended behind the mark: also when the file was rotated away to PATH.1 meanwhile,
 * or was cut. `at` moves on, so that the next call goes on there. That there is no such file is no
 * failure.
 */
int agent_logs_read_file(int dir_fd, const char *path, struct agent_logs_file *file,
                         struct agent_logs_lines *lines, struct bl_error *err) BL_CHECKED;
void agent_logs_file_release(struct agent_logs_file *file);

/* Where it ends; all zeros when there is none. */
int agent_logs_mark_file(int dir_fd, const char *path, struct agent_logs_mark *ret_mark,
                         struct bl_error *err) BL_CHECKED;

#endif
