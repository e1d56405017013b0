/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/root/watch_figures.h"
#include "agent/txn/task.h"
#include "common/file.h"

#define FILE_NAME "figures"

#define T         struct agent_figure_watch
static const struct proto_field watch_rows[] = {
    PROTO_FIELD_I64(T, seen.ms),
    PROTO_FIELD_I64(T, bad_ms),
    PROTO_FIELD_U64(T, worst),
    PROTO_FIELD_BOOL(T, was_bad),
};
static const struct proto_schema watch_schema = PROTO_SCHEMA(T, watch_rows);
#undef T

#define T struct agent_watch_figures_record
static const struct proto_field record_rows[] = {
    PROTO_FIELD_TEXT(T, job, AGENT_JOB_ID_TEXT_BYTES),
    PROTO_FIELD_LIST(T, watches, PROTO_FIGURE_RULES_MAX, &watch_schema),
};
static const struct proto_schema record_schema = PROTO_SCHEMA(T, record_rows);
#undef T

static int open_dir(const char *run_dir)
{
    return open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* What can't be kept begins anew after a restart; /run is memory, so this waits for no disk. */
void agent_watch_figures_save(const char *run_dir, const struct agent_watch_figures_record *record)
{
    BL_AUTO_FD int dir_fd = open_dir(run_dir);
    struct bl_error err = {0};

    if (dir_fd >= 0 && agent_txn_record_save(dir_fd, FILE_NAME, &record_schema, record, &err) < 0)
        sd_journal_print(LOG_WARNING, "What was counted of figures is not kept: %s", err.text);
}

bool agent_watch_figures_load(const char *run_dir, const char *job, struct bl_mono now,
                              struct agent_figure_watch *watches, uint32_t count)
{
    BL_AUTO_FD int dir_fd = open_dir(run_dir);
    PROTO_AUTO_ARENA arena = {0};
    struct agent_watch_figures_record record;
    struct bl_error ignored = {0};

    if (dir_fd < 0 ||
        agent_txn_record_load(dir_fd, FILE_NAME, &record_schema, &arena, &record, &ignored) < 0)
        return false;
    if (strcmp(record.job, job) != 0 || record.watches_count != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct agent_figure_watch *watch = &record.watches[i];

        if (watch->seen.ms < 0 || watch->seen.ms > now.ms || watch->bad_ms < 0 ||
            watch->bad_ms > now.ms)
            return false;
    }
    memcpy(watches, record.watches, count * sizeof(*watches));

    return true;
}
