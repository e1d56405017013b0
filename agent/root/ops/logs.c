/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/logs.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/root/ask.h"
#include "agent/txn/task.h"

#define FILE_NAME "logs.marks"

struct agent_logs {
    const struct agent_work *work;
    struct agent_logs_caller caller;
    struct agent_ask *ask;
    struct agent_findings findings;
};

void agent_logs_judge(const struct proto_manifest *manifest,
                      const struct agent_logs_answer *answers, struct agent_findings *findings)
{
    for (uint32_t i = 0; i < manifest->verify_logs_count; i++) {
        const struct proto_log_check *check = &manifest->verify_logs[i];
        const struct agent_logs_answer *answer = &answers[i];
        const char *name = check->unit[0] != '\0' ? check->unit : check->file;

        if (answer->bad_count > 0) {
            agent_findings_found(findings, "log_bad", "%s logged %llu line(s) with '%s': %s", name,
                                 (unsigned long long)answer->bad_count, check->bad,
                                 answer->bad_line);
        }
        if (answer->trouble[0] != '\0') {
            agent_findings_found(findings, "log_unreadable", "%s: %s", name, answer->trouble);
        } else if (check->good[0] != '\0' && !answer->good_seen) {
            agent_findings_found(findings, "log_good_missing",
                                 "%s logged no line with '%s' within %llu s", name, check->good,
                                 (unsigned long long)check->within_ms / 1000);
        } else if (check->good[0] != '\0') {
            agent_findings_answer(findings, "log_good_missing", "%s logged a line with '%s'", name,
                                  check->good);
        }
    }
}

static void end(struct agent_logs *logs, const char *why)
{
    logs->caller.done(logs->caller.userdata, &logs->findings, why);
}

static int save_marks(struct agent_logs *logs, const void *data, size_t data_bytes,
                      struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_logs_marks marks;
    int r = proto_decode(&agent_logs_marks_schema, data, data_bytes, &arena, &marks, err);

    if (r < 0)
        return r;
    if (marks.format != AGENT_LOGS_FORMAT ||
        marks.marks_count != logs->work->manifest.verify_logs_count)
        return bl_fail(err, -EPROTO, "belay-logs gave an answer to another question");

    return agent_txn_record_save(logs->work->dir_fd, FILE_NAME, &agent_logs_marks_schema, &marks,
                                 err);
}

static void on_marked(void *userdata, const void *data, size_t data_bytes, const char *why)
{
    struct agent_logs *logs = userdata;
    struct bl_error err = {0};

    if (data == NULL)
        end(logs, why);
    else
        end(logs, save_marks(logs, data, data_bytes, &err) < 0 ? err.text : "");
}

static void on_read(void *userdata, const void *data, size_t data_bytes, const char *why)
{
    struct agent_logs *logs = userdata;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_logs_result result;
    struct bl_error err = {0};

    if (data == NULL) {
        end(logs, why);
    } else if (proto_decode(&agent_logs_result_schema, data, data_bytes, &arena, &result, &err) <
               0) {
        end(logs, err.text);
    } else if (result.format != AGENT_LOGS_FORMAT ||
               result.answers_count != logs->work->manifest.verify_logs_count) {
        end(logs, "belay-logs gave an answer to another question");
    } else {
        agent_logs_judge(&logs->work->manifest, result.answers, &logs->findings);
        end(logs, "");
    }
}

static int load_marks(const struct agent_work *work, struct proto_arena *arena,
                      struct agent_logs_task *task, struct bl_error *err)
{
    struct agent_logs_marks marks;
    int r = agent_txn_record_load(work->dir_fd, FILE_NAME, &agent_logs_marks_schema, arena, &marks,
                                  err);

    if (r < 0)
        return bl_wrap(err, "where the logs ended before the change");
    task->wall_ms = marks.wall_ms;
    task->cursor = marks.cursor;
    task->marks = marks.marks;
    task->marks_count = marks.marks_count;

    return 0;
}

int agent_logs_start(struct agent_host *host, const struct agent_work *work, uint32_t what,
                     const struct agent_logs_caller *caller, struct agent_logs **ret_logs,
                     struct bl_error *err)
{
    struct agent_logs_task task = {.format = AGENT_LOGS_FORMAT,
                                   .what = what,
                                   .checks = work->manifest.verify_logs,
                                   .checks_count = work->manifest.verify_logs_count,
                                   .cursor = ""};
    const struct agent_ask_task question = {.folder = "logs",
                                            .schema = &agent_logs_task_schema,
                                            .record = &task,
                                            .answer_bytes_max = AGENT_LOGS_RESULT_BYTES_MAX};
    struct agent_logs *logs = calloc(1, sizeof(*logs));
    const struct agent_ask_caller asker = {logs, what == AGENT_LOGS_MARK ? on_marked : on_read};
    PROTO_AUTO_ARENA arena = {0};
    int r = 0;

    if (logs == NULL)
        return bl_fail(err, -ENOMEM, "no memory for logs");
    logs->work = work;
    logs->caller = *caller;
    logs->findings.manifest = &work->manifest;
    if (what == AGENT_LOGS_READ)
        r = load_marks(work, &arena, &task, err);
    if (r >= 0)
        r = agent_ask_start(host, &question, &asker, &logs->ask, err);
    if (r < 0) {
        free(logs);
        return r;
    }

    *ret_logs = logs;
    return 0;
}

struct agent_logs *agent_logs_free(struct agent_logs *logs)
{
    if (logs == NULL)
        return NULL;
    (void)agent_ask_free(logs->ask);
    free(logs);

    return NULL;
}
