/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/txn/phase.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/packages/conffile.h"
#include "agent/packages/keep.h"
#include "agent/packages/request.h"
#include "agent/snapshot/snapshot.h"
#include "agent/txn/repair.h"
#include "common/file.h"
#include "common/text.h"

struct phase {
    const struct agent_packages_backend *backend;
    struct agent_packages_job *job;
    const struct agent_txn_task *task;
};

/* The pins come from a signed manifest, but they become arguments: look again. */
static bool is_good_pin(const struct proto_pin *pin)
{
    bool remove = pin->action == PROTO_ACTION_REMOVE;

    return bl_text_is_package_name(pin->name) && strchr(pin->name, ':') == NULL &&
           bl_text_is_name(pin->arch) &&
           (remove ? pin->version[0] == '\0' : bl_text_is_version(pin->version));
}

static int pins_as_changes(struct phase *p, struct agent_packages_changes *ret_changes,
                           struct bl_error *err)
{
    struct agent_packages_changes changes = {0};
    void *place;
    int r;

    r = agent_packages_memory_take(p->job->memory,
                                   (p->task->pins_count + 1) * sizeof(*changes.list), &place, err);
    if (r < 0)
        return r;
    changes.list = place;
    for (uint32_t i = 0; i < p->task->pins_count; i++) {
        const struct proto_pin *pin = &p->task->pins[i];

        if (!is_good_pin(pin)) {
            return agent_packages_fail(p->job, err, "bad_task", NULL, -EINVAL,
                                       "pin %u is no package", i);
        }
        changes.list[changes.count++] = (struct proto_change){.name = pin->name,
                                                              .arch = pin->arch,
                                                              .from = "",
                                                              .to = pin->version,
                                                              .action = pin->action};
    }
    agent_packages_changes_sort(&changes);
    *ret_changes = changes;

    return 0;
}

/* What a plan never does with a package, whatever was asked for. */
static int enforce_exclusions(struct phase *p, const struct proto_change *change,
                              struct bl_error *err)
{
    if (agent_packages_is_excluded(p->task, change->name)) {
        return agent_packages_fail(
            p->job, err, "package_excluded", "exclude what needs it, too, or do not exclude it",
            -EPERM, "%s is excluded, and another package needs it changed", change->name);
    }
    if (agent_packages_is_kernel(change->name)) {
        return agent_packages_fail(p->job, err, "kernel_change",
                                   "exclude it in the plan: upgrades that reboot are not built yet",
                                   -EPERM, "%s is a kernel", change->name);
    }

    return 0;
}

static int enforce_permissions(struct phase *p, const struct agent_packages_changes *changes,
                               struct bl_error *err)
{
    for (uint32_t i = 0; i < changes->count; i++) {
        const struct proto_change *change = &changes->list[i];
        int r = enforce_exclusions(p, change, err);

        if (r < 0)
            return r;
        if (change->action == PROTO_ACTION_INSTALL && !p->task->allow_new) {
            return agent_packages_fail(p->job, err, "new_not_allowed",
                                       "allow new packages in the plan, if that is meant", -EPERM,
                                       "%s is not installed, and would be", change->name);
        }
        if (change->action == PROTO_ACTION_REMOVE && !p->task->allow_remove) {
            return agent_packages_fail(p->job, err, "removal_not_allowed",
                                       "allow removals in the plan, if that is meant", -EPERM,
                                       "%s would be removed", change->name);
        }
        if (change->action == PROTO_ACTION_DOWNGRADE && !p->task->allow_downgrade) {
            return agent_packages_fail(p->job, err, "downgrade_not_allowed",
                                       "allow downgrades in the plan, if that is meant", -EPERM,
                                       "%s would go from %s back to %s", change->name, change->from,
                                       change->to);
        }
    }

    return 0;
}

/* The task comes from a signed manifest or from the controller, but it becomes arguments: look again. */
static int check_request(struct phase *p, struct bl_error *err)
{
    const struct agent_txn_task *task = p->task;
    int r = proto_check_request(task->package_set, task->packages, task->packages_count,
                                task->excludes, task->excludes_count, -EINVAL, err);

    return r < 0 ? agent_packages_job_pass(p->job, "bad_task", NULL, r) : 0;
}

static int resolve(struct phase *p, struct agent_packages_changes *ret_changes,
                   struct bl_error *err)
{
    struct agent_txn_result *result = p->job->result;
    int r;

    r = check_request(p, err);
    if (r < 0)
        return r;
    if ((r = p->backend->refresh(p->job, err)) < 0)
        return agent_packages_job_pass(p->job, "refresh_failed", "see the log of the phase", r);
    if ((r = agent_packages_check_age(p->job, p->backend->indexes, err)) < 0)
        return r;
    if ((r = p->backend->resolve(p->job, p->task, ret_changes, err)) < 0)
        return agent_packages_job_pass(p->job, "resolve_failed", "see the log of the phase", r);
    if (ret_changes->count > PROTO_PINS_MAX) {
        return agent_packages_fail(p->job, err, "too_many_packages", "split the plan", -EMSGSIZE,
                                   "%u packages at once, above the limit of %d", ret_changes->count,
                                   PROTO_PINS_MAX);
    }
    result->changes = ret_changes->list;
    result->changes_count = ret_changes->count;

    return enforce_permissions(p, ret_changes, err);
}

/* Another package run is no damage, and what it has half done will not be left so. */
static bool note_holder(struct phase *p)
{
    struct agent_packages_job *job = p->job;
    int64_t wait_ms = job->lock_wait_ms;
    struct bl_error held = {0};
    int r;

    job->lock_wait_ms = 0;
    r = p->backend->await_lock(job, /* end_own= */ false, &held);
    job->lock_wait_ms = wait_ms;
    if (r < 0) {
        job->code = NULL;
        job->remedy = NULL;
    }
    if (r == -EAGAIN)
        agent_packages_job_note(job, "%s; staging waits for it", held.text);

    return r == -EAGAIN;
}

/*
 * Reads the package database as it is: whoever works on it, and whatever is half done. But a damaged
 * one answers with what it can still read, and then "not installed" would not be known.
 */
static int run_installed(struct phase *p, struct bl_error *err)
{
    int r = check_request(p, err);

    for (uint32_t i = 0; r >= 0 && i < p->task->packages_count; i++) {
        if (!bl_text_is_package_name(p->task->packages[i].name))
            r = agent_packages_fail(p->job, err, "bad_task", NULL, -EINVAL,
                                    "packages[%u]: what is installed is asked for by whole names",
                                    i);
    }
    if (r >= 0 && !note_holder(p) && p->backend->verify != NULL)
        r = p->backend->verify(p->job, err);
    if (r >= 0)
        r = p->backend->installed(p->job, p->task->packages, p->task->packages_count, err);

    return r;
}

static int run_query(struct phase *p, struct bl_error *err)
{
    struct agent_packages_changes changes;
    struct bl_error own = {0};
    bool is_worked_on = note_holder(p);
    int r = 0;

    if (!is_worked_on && p->backend->verify != NULL)
        r = p->backend->verify(p->job, err);
    if (r >= 0)
        r = p->backend->audit(p->job, &p->job->result->audit_clean, err);
    if (r >= 0 && !p->job->result->audit_clean && !is_worked_on)
        r = agent_txn_note_half_done(p->backend, p->job, err);
    if (r >= 0 && !p->job->result->audit_clean && p->backend->assume_whole != NULL)
        r = p->backend->assume_whole(p->job, err);
    if (r >= 0)
        r = resolve(p, &changes, err);
    if (r >= 0)
        r = agent_packages_note_keys(p->job, p->backend->keys, &changes, err);

    if (p->job->assumed_status != NULL)
        (void)unlink(p->job->assumed_status);
    /* Staging decides; that nobody can tell beforehand is no reason to refuse an answer. */
    if (r >= 0 && p->backend->foresee != NULL && p->backend->foresee(p->job, &changes, &own) < 0)
        agent_packages_job_note(p->job, "whether there is a way back: %s", own.text);

    return r;
}

/* A way back may only be recorded of a host that this job has not changed yet. */
static int refuse_if_changed(struct phase *p, struct bl_error *err)
{
    int r = agent_txn_started_load(p->job->job_fd, AGENT_TXN_UPGRADE, err);

    if (r <= 0)
        return r;

    return agent_packages_fail(p->job, err, "bad_task", NULL, -EPROTO,
                               "the change of this job has begun; it cannot be staged again");
}

static int begin_staging(struct phase *p, struct bl_error *err)
{
    int r = refuse_if_changed(p, err);

    if (r < 0)
        return r;

    return bl_file_remove(p->job->job_fd, AGENT_PACKAGES_WAY_BACK_FILE, err) < 0 ? err->code : 0;
}

static int check_database(struct phase *p, struct bl_error *err)
{
    int r = agent_txn_verify(p->backend, p->job, err);

    if (r < 0)
        return r;
    r = p->backend->audit(p->job, &p->job->result->audit_clean, err);
    if (r < 0)
        return r;
    if (!p->job->result->audit_clean) {
        return agent_packages_fail(p->job, err, "package_database_broken", p->backend->audit_remedy,
                                   -EUCLEAN, "the package database %s",
                                   p->job->result->findings_count > 0 ? "is damaged"
                                                                      : "has half done packages");
    }

    return 0;
}

static int compare_with_pins(struct phase *p, const struct agent_packages_changes *changes,
                             struct bl_error *err)
{
    struct agent_packages_changes pins;
    char words[200];
    int r = pins_as_changes(p, &pins, err);

    if (r < 0)
        return r;
    if (!agent_packages_changes_equal(&pins, changes, words, sizeof(words))) {
        return agent_packages_fail(p->job, err, "pinned_set_differs",
                                   "preview again and sign the new set", -ESTALE, "%s", words);
    }

    return 0;
}

/* What packages of rpm do with an edited file is written in each of them. */
static int check_conffiles(struct phase *p, struct bl_error *err)
{
    if (!p->job->replace_conffiles || p->backend->can_replace_conffiles)
        return 0;

    return agent_packages_fail(p->job, err, "conffiles_not_replaceable",
                               "leave change.conffiles out for hosts with dnf", -EOPNOTSUPP,
                               "with %s the packages decide whether edited configuration files "
                               "are replaced",
                               p->backend->name);
}

static int run_stage(struct phase *p, struct bl_error *err)
{
    struct agent_packages_changes changes;
    struct agent_packages_way_back way_back = {0};
    int r;

    if ((r = begin_staging(p, err)) < 0 || (r = check_conffiles(p, err)) < 0 ||
        (r = check_database(p, err)) < 0 || (r = resolve(p, &changes, err)) < 0 ||
        (r = compare_with_pins(p, &changes, err)) < 0)
        return r;
    if ((r = p->backend->fetch(p->job, &changes, err)) < 0)
        return agent_packages_job_pass(p->job, "fetch_failed", "see the log of the phase", r);
    if (p->task->by_snapshot && (r = agent_snapshot_stage(p->job, err)) < 0)
        return agent_packages_job_pass(p->job, "snapshot_impossible", "see the log of the phase",
                                       r);
    if ((r = p->backend->collect(p->job, p->task, &changes, &way_back, err)) < 0)
        return agent_packages_job_pass(p->job, "no_way_back", "see the log of the phase", r);
    if ((r = agent_packages_keep(p->job, p->task, err)) < 0 ||
        (r = p->backend->rehearse(p->job, &way_back, err)) < 0 ||
        (r = p->backend->inspect(p->job, &changes, /* verify_files= */ false, err)) < 0 ||
        (r = agent_packages_way_back_save(p->job->job_fd, &way_back, err)) < 0)
        return r;
    p->job->result->way_back_complete = true;

    return 0;
}

static int load_way_back(struct phase *p, struct proto_arena *arena,
                         struct agent_packages_way_back *ret_way_back,
                         struct agent_packages_changes *ret_changes, struct bl_error *err)
{
    int r = agent_packages_way_back_load(p->job->job_fd, arena, ret_way_back, err);

    if (r < 0)
        return agent_packages_job_pass(p->job, "no_way_back", "stage the job", r);

    return agent_packages_way_back_changes(p->job, ret_way_back, ret_changes, err);
}

/* The inventory after a failure is worth as much as after a success; it must not hide the failure. */
static int inspect_after(struct phase *p, const struct agent_packages_changes *changes, int outcome,
                         struct bl_error *err)
{
    struct bl_error own = {0};
    int r = p->backend->inspect(p->job, changes, /* verify_files= */ false, &own);

    if (outcome >= 0 && r < 0)
        *err = own;

    return outcome < 0 ? outcome : r;
}

/* Hosts stage long before their wave, and people go on working. */
static int keep_again(struct phase *p, struct agent_packages_way_back *way_back,
                      struct bl_error *err)
{
    int r = agent_packages_conffiles_keep_again(p->job, way_back, err);

    if (r > 0)
        r = agent_packages_way_back_save(p->job->job_fd, way_back, err);

    return r < 0 ? agent_packages_job_pass(p->job, "no_way_back", "look at that file", r)
                 : agent_packages_keep_again(p->job, err);
}

static int run_upgrade(struct phase *p, struct proto_arena *arena, struct bl_error *err)
{
    struct agent_packages_way_back way_back;
    struct agent_packages_changes staged;
    int r;

    if ((r = load_way_back(p, arena, &way_back, &staged, err)) < 0 ||
        (r = compare_with_pins(p, &staged, err)) < 0 ||
        (r = p->backend->await_lock(p->job, /* end_own= */ false, err)) < 0 ||
        (r = keep_again(p, &way_back, err)) < 0 ||
        (way_back.by_snapshot && (r = agent_snapshot_take(p->job, err)) < 0))
        return r;
    r = p->backend->apply(p->job, &way_back, err);
    agent_packages_keep_note_after(p->job);

    return inspect_after(p, &staged, r, err);
}

/* A snapshot brings the packages back without their manager, which the change may have broken. */
static int restore_packages(struct phase *p, const struct agent_packages_way_back *way_back,
                            struct bl_error *err)
{
    const struct agent_snapshot_way_back by_snapshot = {
        .packages = way_back,
        .is_apt = p->backend == &agent_packages_apt,
        .is_late = p->task->is_late,
    };

    return way_back->by_snapshot ? agent_snapshot_go_back(p->job, &by_snapshot, err)
                                 : p->backend->restore(p->job, way_back, err);
}

/* First the packages, whose scripts change settings; then settings and paths, whatever became of them. */
static int restore_all(struct phase *p, const struct agent_packages_way_back *way_back,
                       struct bl_error *err)
{
    struct bl_error own = {0};
    int begun = agent_packages_keep_begin_restore(p->job, &own);
    int r = restore_packages(p, way_back, err);
    struct bl_error *kept_err = r < 0 ? &own : err;
    int kept;

    if (r == -ESTALE && way_back->by_snapshot)
        return r; /* the host stays as it is, whole */
    if (begun < 0)
        agent_packages_job_note(p->job, "the settings before the way back: %s", own.text);
    own = (struct bl_error){0};
    kept = agent_packages_keep_put_back(p->job, kept_err);

    return r < 0 ? r : kept;
}

static int run_restore(struct phase *p, struct proto_arena *arena, struct bl_error *err)
{
    struct agent_packages_way_back way_back;
    struct agent_packages_changes staged;
    int r;

    if ((r = load_way_back(p, arena, &way_back, &staged, err)) < 0 ||
        (r = p->backend->await_lock(p->job, /* end_own= */ true, err)) < 0)
        return r;
    r = restore_all(p, &way_back, err);

    return inspect_after(p, &staged, r, err);
}

/* Before staging records what "as before" means. */
static int run_repair(struct phase *p, struct proto_arena *arena, struct bl_error *err)
{
    int r = refuse_if_changed(p, err);

    return r < 0 ? r : agent_txn_repair(p->backend, p->job, arena, err);
}

static int prove(struct phase *p, struct proto_arena *arena, struct bl_error *err)
{
    struct agent_packages_way_back way_back;
    struct agent_packages_changes staged;
    int r;

    if ((r = load_way_back(p, arena, &way_back, &staged, err)) < 0 ||
        (r = agent_packages_conffiles_prove(p->job, &way_back, err)) < 0 ||
        (way_back.by_snapshot && (r = agent_snapshot_prove(p->job, err)) < 0))
        return r;

    return agent_packages_keep_prove(p->job, err);
}

/* The host as it was verified: that it cannot be noted costs the late way back, not the change. */
static void note_changes(struct phase *p, struct proto_arena *arena)
{
    struct agent_packages_way_back way_back;
    struct bl_error own = {0};
    int r = agent_packages_way_back_load(p->job->job_fd, arena, &way_back, &own);

    if (r == -ENOENT || (r >= 0 && !way_back.by_snapshot))
        return;
    if (r < 0 || agent_snapshot_note_changes(p->job, &own) < 0)
        agent_packages_job_note(p->job, "there will be no late way back: %s", own.text);
}

static int run_inspect(struct phase *p, struct proto_arena *arena, struct bl_error *err)
{
    struct agent_packages_changes changes;
    struct bl_error own = {0};
    int r = pins_as_changes(p, &changes, err);

    if (r >= 0)
        r = p->backend->inspect(p->job, &changes, p->task->verify_files, err);

    if (r >= 0 && !p->task->prove)
        note_changes(p, arena);
    if (r >= 0 && agent_snapshot_tend(p->job, &own) < 0)
        agent_packages_job_note(p->job, "how full the snapshots are: %s", own.text);

    return r < 0 || !p->task->prove ? r : prove(p, arena, err);
}

void agent_txn_phase_fail(struct agent_packages_job *job, const struct bl_error *err)
{
    struct agent_txn_result *result = job->result;
    struct bl_error unused = {0};
    const char *code = job->code;

    if (code == NULL)
        code = err->code == -ENOSPC || err->code == -EDQUOT ? "no_space" : "internal";
    result->result = PROTO_RESULT_FAILED;
    result->code = code;
    if (err->text[0] == '\0' ||
        agent_packages_memory_escape(job->memory, err->text, PROTO_REASON_BYTES_MAX,
                                     &result->reason, &unused) < 0)
        result->reason = "no reason was given";
    for (uint32_t i = 0; i < result->findings_count; i++) {
        if (strcmp(result->findings[i].code, code) == 0)
            return;
    }
    agent_packages_job_find(job, code, result->reason, job->remedy != NULL ? job->remedy : "");
}

void agent_txn_phase_run(const struct agent_packages_backend *backend,
                         struct agent_packages_job *job, const struct agent_txn_task *task,
                         struct proto_arena *arena)
{
    struct phase p = {.backend = backend, .job = job, .task = task};
    struct bl_error err = {0};
    int r = -EINVAL;

    switch ((enum agent_txn_phase)task->phase) {
    case AGENT_TXN_QUERY:
        r = task->only_installed ? run_installed(&p, &err) : run_query(&p, &err);
        break;
    case AGENT_TXN_STAGE:
        r = run_stage(&p, &err);
        break;
    case AGENT_TXN_UPGRADE:
        r = run_upgrade(&p, arena, &err);
        break;
    case AGENT_TXN_RESTORE:
        r = run_restore(&p, arena, &err);
        break;
    case AGENT_TXN_INSPECT:
        r = run_inspect(&p, arena, &err);
        break;
    case AGENT_TXN_REPAIR:
        r = run_repair(&p, arena, &err);
        break;
    case AGENT_TXN_FORGET:
        r = agent_snapshot_forget(job, &err);
        break;
    case AGENT_TXN_TEND:
        r = agent_snapshot_tend(job, &err);
        break;
    }
    if (r < 0) {
        agent_txn_phase_fail(job, &err);
        return;
    }
    job->result->result = PROTO_RESULT_OK;
    job->result->code = "";
    job->result->reason = "";
}
