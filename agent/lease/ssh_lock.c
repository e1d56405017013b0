/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/lease/manager.h"
#include "agent/lease/sessions.h"
#include "agent/lease/ssh_config.h"
#include "agent/lease/ssh_text.h"
#include "agent/lease/sshd.h"
#include "agent/lease/store.h"
#include "common/text.h"

#define TIMER "belay-lease@" AGENT_LEASE_SSH_LOCK ".timer"

/* The units that serve SSH, for who gives back: they may be stopped by then. */
static int note_units(const struct agent_lease_places *places, struct agent_sshd_units *sshd,
                      struct agent_lease_unit *units, struct agent_lease_record *record,
                      struct bl_error *err)
{
    int r = agent_sshd_find(places, sshd, err);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < sshd->count; i++)
        units[i] = (struct agent_lease_unit){.name = sshd->names[i], .was_active = true};
    record->units = units;
    record->units_count = sshd->count;

    return 0;
}

/* The record and its timer: from here on the host gives SSH back without us. 1: held already. */
static int hold(const struct agent_lease_places *places, const char *job, int64_t lease_ms,
                struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    struct agent_sshd_units sshd;
    struct agent_lease_unit units[sizeof(sshd.names) / sizeof(sshd.names[0])];
    struct agent_lease_record record;
    char boot_id[BL_BOOT_ID_BYTES];
    bool joined;
    int r;

    r = agent_lease_load(places, AGENT_LEASE_SSH_LOCK, &arena, &record, err);
    if (r < 0 && r != -EUCLEAN)
        return r;
    joined = r > 0;
    if (joined && strcmp(record.job, job) != 0)
        return bl_fail(err, -EEXIST, "job %s holds the SSH lock", record.job);
    if (joined)
        r = bl_boot_id_read(boot_id, err);
    else
        r = agent_lease_fill(&record, job, lease_ms, boot_id, err);
    if (r >= 0 && !joined)
        r = note_units(places, &sshd, units, &record, err);
    if (r >= 0 && !joined)
        r = agent_lease_save(places, AGENT_LEASE_SSH_LOCK, &record, err);
    if (r >= 0)
        r = agent_manager_open(places, &bus, err);
    if (r >= 0)
        r = agent_manager_arm(bus, TIMER, agent_lease_left_ms(&record, boot_id), err);

    return r < 0 ? r : joined;
}

/* Writes, and asks sshd what it makes of it. */
static const char *write_and_prove(const struct agent_lease_places *places,
                                   const struct proto_manifest *manifest, const char *text,
                                   enum agent_ssh_place place, bool *ret_denies,
                                   struct bl_error *err)
{
    if (agent_ssh_config_lock(places, place, text, err) < 0)
        return "ssh_lock_failed";
    if (agent_sshd_check(places, err) < 0)
        return "ssh_lock_config";
    if (agent_sshd_denies(places, manifest, ret_denies, err) < 0)
        return "ssh_lock_config";

    return NULL;
}

static const char *activate(const struct agent_lease_places *places,
                            const struct proto_manifest *manifest, const char *text,
                            struct bl_error *err)
{
    enum agent_ssh_place place;
    const char *code;
    bool denies;

    if (agent_ssh_config_find_place(places, &place, err) < 0)
        return "ssh_lock_failed";
    code = write_and_prove(places, manifest, text, place, &denies, err);
    if (code == NULL && !denies && place == AGENT_SSH_DROP_IN) {
        /* It is included in a way that was not understood. */
        if (agent_ssh_config_unlock(places, err) < 0)
            return "ssh_lock_failed";
        code = write_and_prove(places, manifest, text, AGENT_SSH_MAIN_FILE, &denies, err);
    }
    if (code != NULL)
        return code;
    if (!denies) {
        (void)bl_fail(err, -EPROTO, "sshd would still let a stranger in");
        return "ssh_lock_no_effect";
    }
    if (agent_sshd_refresh(places, /* former= */ NULL, err) < 0)
        return "ssh_lock_refresh";

    return NULL;
}

static void note_sessions(const struct proto_manifest *manifest,
                          struct agent_lease_outcome *outcome)
{
    const char *done = manifest->ssh_sessions == PROTO_SESSIONS_END ? "ended" : "warned";
    struct bl_error err = {0};
    unsigned count = 0;
    int r, n;

    r = agent_sessions_treat(manifest, &count, &err);
    /* The lock stands and is what was asked for; that a session lives on is for the report. */
    if (manifest->ssh_sessions == PROTO_SESSIONS_KEEP)
        n = bl_text_format(outcome->reason, sizeof(outcome->reason),
                           "new SSH logins are closed; open sessions stay");
    else
        n = bl_text_format(outcome->reason, sizeof(outcome->reason),
                           "new SSH logins are closed; open sessions %s: %u%s%s", done, count,
                           r < 0 ? "; " : "", r < 0 ? err.text : "");
    if (n < 0)
        outcome->reason[0] = '\0';
}

static int end_with(struct agent_lease_outcome *outcome, const char *reason)
{
    bl_text_copy(outcome->reason, sizeof(outcome->reason), reason);

    return 0;
}

static int end_check(struct agent_lease_outcome *outcome, const char *code, const char *remedy,
                     int result, const struct bl_error *err)
{
    struct bl_error told = {0};

    return agent_lease_end(outcome, code, bl_fail(&told, result, "%.300s -> %s", err->text, remedy),
                           &told);
}

int agent_ssh_lock_check(const struct agent_lease_places *places,
                         const struct proto_manifest *manifest,
                         struct agent_lease_outcome *ret_outcome, struct bl_error *err)
{
    char text[AGENT_SSH_TEXT_BYTES_MAX];
    int r;

    *ret_outcome = (struct agent_lease_outcome){0};
    r = agent_sshd_find_other(places, err);
    if (r > 0)
        return end_check(ret_outcome, "ssh_lock_other_server",
                         "stop it for the change, or plan `ssh_lock: no` for this host", -EPROTO,
                         err);
    if (r >= 0)
        r = agent_sshd_is_there(places, err);
    if (r == 0)
        return end_with(ret_outcome, "there is no SSH server on this host to be locked");
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_failed", r, err);
    r = agent_ssh_text_lock(manifest, text, sizeof(text), err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_bad_keep", r, err);
    r = agent_sshd_has_strangers(manifest, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_keeps_all", r, err);
    /* What sshd refuses already is not ours to blame, and could not be undone. */
    r = agent_sshd_check(places, err);
    if (r < 0)
        return end_check(ret_outcome, "ssh_lock_config",
                         "repair sshd's configuration (`sshd -t` tells where), or plan "
                         "`ssh_lock: no`",
                         r, err);

    return 1;
}

int agent_ssh_lock_take(const struct agent_lease_places *places, const char *job,
                        const struct proto_manifest *manifest,
                        struct agent_lease_outcome *ret_outcome, struct bl_error *err)
{
    char text[AGENT_SSH_TEXT_BYTES_MAX];
    struct agent_lease_outcome undone;
    struct bl_error ignored = {0};
    const char *code;
    int r;

    r = agent_ssh_lock_check(places, manifest, ret_outcome, err);
    if (r <= 0)
        return r;
    r = agent_ssh_text_lock(manifest, text, sizeof(text), err);
    if (r >= 0)
        r = hold(places, job, (int64_t)manifest->lease_ms, err);
    if (r == -EEXIST)
        return agent_lease_end(ret_outcome, "ssh_lock_taken", r, err);
    code = r < 0 ? "ssh_lock_failed" : activate(places, manifest, text, err);
    if (code != NULL) {
        /* What can't be undone right now stays recorded, and its timer tries again. */
        (void)!agent_ssh_lock_release(places, &undone, &ignored);
        return agent_lease_end(ret_outcome, code, err->code, err);
    }
    note_sessions(manifest, ret_outcome);

    return 0;
}

/* 1 when the lock of this very job is held, and for a while yet. */
static int is_held(const struct agent_lease_places *places, const char *job, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record record;
    char boot_id[BL_BOOT_ID_BYTES];
    int r = agent_lease_load(places, AGENT_LEASE_SSH_LOCK, &arena, &record, err);

    if (r <= 0)
        return r;
    r = bl_boot_id_read(boot_id, err);
    if (r < 0)
        return r;

    return strcmp(record.job, job) == 0 && agent_lease_left_ms(&record, boot_id) > 0;
}

int agent_ssh_lock_keep(const struct agent_lease_places *places, const char *job,
                        const struct proto_manifest *manifest, struct bl_error *err)
{
    char text[AGENT_SSH_TEXT_BYTES_MAX];
    bool denies = false;
    const char *code;
    int r;

    r = is_held(places, job, err);
    if (r <= 0)
        return r;
    r = agent_sshd_check(places, err);
    if (r >= 0)
        r = agent_ssh_config_is_locked(places, err);
    if (r > 0)
        r = agent_sshd_denies(places, manifest, &denies, err);
    if (r < 0 || denies)
        return r < 0 ? r : 0;
    r = agent_ssh_text_lock(manifest, text, sizeof(text), err);
    if (r < 0)
        return r;
    code = activate(places, manifest, text, err);
    if (code == NULL)
        return 1;
    r = bl_wrap(err, "%s", code);
    (void)!agent_ssh_config_unlock(places, &(struct bl_error){0});

    return r;
}

static int disarm(const struct agent_lease_places *places, struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    int r = agent_manager_open(places, &bus, err);

    return r < 0 ? r : agent_manager_disarm(bus, TIMER, err);
}

/*
 * Says in the record that the lease is over, so that no other process puts the lock back while this
 * one takes it away. A disk that is full must not keep SSH closed: then it stays unsaid.
 */
static void end_lease(const struct agent_lease_places *places, struct agent_lease_record *record)
{
    struct bl_error ignored = {0};

    record->until_ms = record->taken_ms;
    record->until_mono_ms = 0;
    (void)!agent_lease_save(places, AGENT_LEASE_SSH_LOCK, record, &ignored);
}

/* In the boot of the lock only: a later one starts, or does not start, its sshd by itself. */
static bool find_former(const struct agent_lease_record *record, int held,
                        struct agent_sshd_units *ret_former)
{
    size_t count_max = sizeof(ret_former->names) / sizeof(ret_former->names[0]);
    char boot_id[BL_BOOT_ID_BYTES];
    struct bl_error ignored = {0};

    ret_former->count = 0;
    if (held <= 0 || bl_boot_id_read(boot_id, &ignored) < 0 ||
        strcmp(record->boot_id, boot_id) != 0)
        return false;
    for (uint32_t i = 0; i < record->units_count && i < count_max; i++)
        bl_text_copy(ret_former->names[ret_former->count++], sizeof(ret_former->names[0]),
                     record->units[i].name);

    return ret_former->count > 0;
}

int agent_ssh_lock_release(const struct agent_lease_places *places,
                           struct agent_lease_outcome *ret_outcome, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record record;
    struct agent_sshd_units former;
    struct bl_error ignored = {0};
    int r, held;

    *ret_outcome = (struct agent_lease_outcome){0};
    held = agent_lease_load(places, AGENT_LEASE_SSH_LOCK, &arena, &record, err);
    if (held < 0 && held != -EUCLEAN)
        return agent_lease_end(ret_outcome, "ssh_lock_failed", held, err);
    if (held > 0)
        end_lease(places, &record);
    r = agent_ssh_config_unlock(places, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_failed", r, err);
    if (r > 0 && held == 0) {
        /* A timer that an earlier end left behind would come back each minute. */
        (void)!disarm(places, &ignored);
        return end_with(ret_outcome, "SSH was not locked");
    }
    r = agent_sshd_refresh(places, find_former(&record, held, &former) ? &former : NULL, err);
    if (r < 0 && agent_sshd_check(places, &ignored) < 0)
        return end_check(ret_outcome, "ssh_lock_config",
                         "repair it (`sshd -t` tells where); SSH opens then", r, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_refresh", r, err);
    r = agent_lease_remove(places, AGENT_LEASE_SSH_LOCK, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_failed", r, err);
    /* A timer that stays finds nothing to give back, and is disarmed then. */
    (void)!disarm(places, &ignored);

    return end_with(ret_outcome, "SSH is open again");
}
