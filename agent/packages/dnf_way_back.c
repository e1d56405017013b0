/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/packages/dnf.h"
#include "agent/packages/transfer.h"
#include "common/file.h"
#include "common/text.h"

/* A copy of dnf's history: SQLite would write to the host's own even when it only reads. */
static int copy_history(struct agent_packages_job *job, struct bl_error *err)
{
    static const char *const names[] = {AGENT_PACKAGES_DNF_HISTORY,
                                        AGENT_PACKAGES_DNF_HISTORY "-wal"};
    BL_AUTO_FD int state_fd = -1;
    char path[AGENT_TXN_PATH_BYTES_MAX];

    if (bl_text_format(path, sizeof(path), "%s/dnf/state", job->cache_dir) < 0)
        return bl_fail(err, -EMSGSIZE, "'%s': path too long", job->cache_dir);
    state_fd = bl_dir_open(AT_FDCWD, path, err);
    if (state_fd < 0)
        return state_fd;
    if (bl_file_remove(state_fd, AGENT_PACKAGES_DNF_HISTORY "-shm", err) < 0)
        return err->code;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int r;

        if (bl_file_remove(state_fd, names[i], err) < 0)
            return err->code;
        if (bl_text_format(path, sizeof(path), "%s/%s", AGENT_PACKAGES_DNF_STATE, names[i]) < 0 ||
            access(path, F_OK) < 0)
            continue;
        r = agent_packages_transfer(path, state_fd, names[i], 0600, err);
        if (r < 0)
            return bl_wrap(err, "copy dnf's history");
    }

    return 0;
}

int agent_packages_dnf_reasons(struct agent_packages_job *job, const char **ret_text,
                               struct bl_error *err)
{
    static const char *const query[] = {
        "-q", "repoquery", "--installed", "--qf", AGENT_PACKAGES_DNF_REASON_FORMAT, NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    int r;

    if ((r = copy_history(job, err)) < 0 ||
        (r = agent_packages_dnf_begin(job, AGENT_PACKAGES_DNF_REHEARSAL, &command.args, err)) < 0 ||
        (r = agent_packages_args_add_all(job, &command.args, query, err)) < 0 ||
        (r = agent_packages_run(job, &command, &output, err)) < 0)
        return r;
    if (output.status != 0)
        return agent_packages_dnf_blame(job, "dnf repoquery", &output, err);
    *ret_text = output.text;

    return 0;
}

/* What is installed and how it is marked, for describing one change after the other. */
struct look {
    struct agent_packages_rpms rpms;
    const char *reasons, *locks;
};

static int describe(struct agent_packages_job *job, const struct agent_txn_task *task,
                    const struct look *look, const struct proto_change *change,
                    struct agent_packages_former *former, struct bl_error *err)
{
    const struct agent_packages_rpm *rpm = NULL;

    for (uint32_t i = 0; change->from[0] != '\0' && i < look->rpms.count; i++) {
        const struct agent_packages_rpm *one = &look->rpms.list[i];

        if (strcmp(one->name, change->name) == 0 && strcmp(one->version, change->from) == 0 &&
            (rpm == NULL || strcmp(one->arch, change->arch) == 0))
            rpm = one;
    }
    if (change->from[0] != '\0' && rpm == NULL) {
        return agent_packages_fail(job, err, "package_database_broken", "stage again", -EUCLEAN,
                                   "%s %s is not installed any more", change->name, change->from);
    }

    *former = (struct agent_packages_former){
        .name = change->name,
        .arch = change->arch,
        .from = change->from,
        .to = change->to,
        .from_arch = rpm != NULL ? rpm->arch : "",
        .new_file = "",
        .former_file = "",
        .requested = agent_packages_is_requested(task, change->name),
        .held = agent_packages_dnf_is_locked(look->locks, change->name),
        .automatic =
            rpm != NULL && agent_packages_dnf_is_automatic(look->reasons, rpm->name, rpm->arch),
    };
    if (rpm != NULL)
        job->result->installed_bytes -= (int64_t)rpm->size_bytes;

    return 0;
}

int agent_packages_dnf_collect(struct agent_packages_job *job, const struct agent_txn_task *task,
                               const struct agent_packages_changes *changes,
                               struct agent_packages_way_back *ret_way_back, struct bl_error *err)
{
    struct agent_packages_way_back way_back = {.former_count = changes->count,
                                               .by_snapshot = task->by_snapshot};
    struct look look;
    const char **names;
    void *place;
    int r;

    r = agent_packages_memory_take(
        job->memory, ((size_t)changes->count + 1) * sizeof(*way_back.former), &place, err);
    if (r < 0)
        return r;
    way_back.former = place;
    if ((r = agent_packages_dnf_change_names(job, changes, &names, err)) < 0 ||
        (r = agent_packages_dnf_installed(job, names, changes->count, &look.rpms, err)) < 0 ||
        (r = agent_packages_dnf_reasons(job, &look.reasons, err)) < 0 ||
        (r = agent_packages_dnf_locks(job, &look.locks, err)) < 0)
        return r;
    for (uint32_t i = 0; i < changes->count; i++) {
        r = describe(job, task, &look, &changes->list[i], &way_back.former[i], err);
        if (r < 0)
            return r;
    }
    r = agent_packages_collect(job, &agent_packages_dnf_tools, &way_back, err);
    if (r < 0)
        return r;
    *ret_way_back = way_back;

    return 0;
}
