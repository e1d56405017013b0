/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/txn/repair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/packages/half.h"
#include "common/text.h"

#define REPAIR_RECORD "repair.record"

enum {
    DESCRIBED_BYTES = 160, /* of all packages together: what an error's text has room for */
    VERIFY_ATTEMPTS = 3,   /* somebody may take the lock in between */
};

/* What was half done before anything was tried. Survives an interruption. */
struct record {
    struct proto_text *found;
    uint32_t found_count;
};

static const struct proto_field record_fields[] = {
    PROTO_FIELD_LIST(struct record, found, AGENT_TXN_NOTES_MAX, &proto_text_schema),
};
static const struct proto_schema record_schema = PROTO_SCHEMA(struct record, record_fields);

/*
 * An interrupted repair has brought some packages further: their state now is not what was found. What
 * does not fit is not told by name.
 */
static int record_found(struct agent_packages_job *job, const struct agent_packages_halves *halves,
                        struct proto_arena *arena, struct record *ret_record, struct bl_error *err)
{
    struct record record = {0};
    void *place;
    int r =
        agent_txn_record_load(job->job_fd, REPAIR_RECORD, &record_schema, arena, ret_record, err);

    if (r != -ENOENT)
        return r;
    for (uint32_t i = 0; i < halves->count && record.found_count < AGENT_TXN_NOTES_MAX; i++) {
        r = agent_packages_memory_append(job->memory, &record.found, record.found_count,
                                         sizeof(*record.found), &place, err);
        if (r < 0)
            return r;
        r = agent_packages_memory_escape(job->memory, halves->list[i].words, PROTO_TEXT_BYTES_MAX,
                                         &((struct proto_text *)place)->text, err);
        if (r < 0)
            return r;
        record.found_count++;
    }
    *ret_record = record;

    return agent_txn_record_save(job->job_fd, REPAIR_RECORD, &record_schema, &record, err);
}

int agent_txn_verify(const struct agent_packages_backend *backend, struct agent_packages_job *job,
                     struct bl_error *err)
{
    for (int i = 0; i < VERIFY_ATTEMPTS; i++) {
        int r = backend->await_lock(job, /* end_own= */ false, err);

        if (r < 0 || backend->verify == NULL)
            return r;
        r = backend->verify(job, err);
        if (r != 0)
            return r < 0 ? r : 0;
    }

    return agent_packages_fail(job, err, "lock_held", "stop the program that works on it", -EAGAIN,
                               "another program took the package database's lock each of the %d "
                               "times that it was to be verified",
                               VERIFY_ATTEMPTS);
}

/* Damage that the package manager itself can't read through is for a person. */
static int check_readable(const struct agent_packages_backend *backend,
                          struct agent_packages_job *job, struct bl_error *err)
{
    int r = agent_txn_verify(backend, job, err);

    if (r < 0)
        return r;
    r = backend->audit(job, &job->result->audit_clean, err);
    if (r < 0 || job->result->findings_count == 0)
        return r;

    return agent_packages_fail(job, err, "package_database_broken", backend->audit_remedy, -EUCLEAN,
                               "the package database is damaged, and was left alone");
}

static int try_repair(const struct agent_packages_backend *backend, struct agent_packages_job *job,
                      const struct agent_packages_halves *halves, struct bl_error *err)
{
    struct bl_error own = {0};
    bool needs_files = false;

    for (uint32_t i = 0; i < halves->count; i++)
        needs_files = needs_files || halves->list[i].needs_archive;
    /* Without repositories the caches may have what is needed. */
    if (needs_files && backend->refresh(job, &own) < 0)
        agent_packages_job_note(job, "the repositories could not be asked: %s", own.text);

    return backend->repair(job, halves, err);
}

static int judge(const struct agent_packages_backend *backend, struct agent_packages_job *job,
                 struct bl_error *err)
{
    struct agent_packages_halves left;
    char words[DESCRIBED_BYTES];
    int r;

    /* What was complained of on the way no longer matters; what is now does. */
    job->code = NULL;
    if ((r = backend->audit(job, &job->result->audit_clean, err)) < 0 || job->result->audit_clean)
        return r;
    if ((r = backend->half_done(job, &left, err)) < 0)
        return r;
    agent_packages_halves_describe(&left, words, sizeof(words));
    agent_packages_job_note(job, "tried: %s", backend->repair_words);

    return agent_packages_fail(job, err, "package_database_broken", backend->audit_remedy, -EUCLEAN,
                               "still half done after a repair: %s",
                               words[0] != '\0' ? words : "an interrupted run left notes");
}

int agent_txn_repair(const struct agent_packages_backend *backend, struct agent_packages_job *job,
                     struct proto_arena *arena, struct bl_error *err)
{
    struct agent_packages_halves halves;
    struct bl_error own = {0};
    struct record record;
    bool is_clean;
    int r;

    if ((r = backend->await_lock(job, /* end_own= */ true, err)) < 0 ||
        (r = check_readable(backend, job, err)) < 0 ||
        (r = backend->half_done(job, &halves, err)) < 0)
        return r;
    is_clean = job->result->audit_clean;
    /* A record says that something was tried already, whatever the database says now. */
    if (is_clean)
        halves.count = 0;
    if ((r = record_found(job, &halves, arena, &record, err)) < 0)
        return r;
    if (!is_clean && try_repair(backend, job, &halves, &own) < 0)
        agent_packages_job_note(job, "the repair was not done whole: %s", own.text);
    if ((r = judge(backend, job, err)) < 0)
        return r;
    for (uint32_t i = 0; i < record.found_count; i++)
        agent_packages_job_find(job, "package_database_repaired", record.found[i].text, "");
    if (!is_clean && record.found_count == 0)
        agent_packages_job_find(job, "package_database_repaired", "notes of an interrupted run",
                                "");
    job->result->packages_done = record.found_count;

    return 0;
}

int agent_txn_note_half_done(const struct agent_packages_backend *backend,
                             struct agent_packages_job *job, struct bl_error *err)
{
    struct agent_packages_halves halves;
    char words[DESCRIBED_BYTES];
    int r = backend->half_done(job, &halves, err);

    if (r < 0)
        return r;
    agent_packages_halves_describe(&halves, words, sizeof(words));
    agent_packages_job_note(job,
                            "the package database is half done: %s; change.repair: yes brings "
                            "that to its end first, without it the host will be blocked",
                            words[0] != '\0' ? words : "an interrupted run left notes");

    return 0;
}
