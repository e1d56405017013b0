/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/lease/manager.h"
#include "agent/lease/sessions.h"
#include "agent/lease/ssh_text.h"
#include "agent/lease/sshd.h"
#include "agent/lease/store.h"
#include "common/file.h"
#include "common/text.h"

/* The first of the directory, since the first value that sshd reads wins. */
#define DROP_IN "00-belay-lock.conf"
#define TIMER   "belay-lease@" AGENT_LEASE_SSH_LOCK ".timer"

enum {
    CONFIG_BYTES_MAX = 256 * 1024,
};

static int read_includes(const struct agent_lease_places *places, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    size_t text_bytes;
    int r;

    r = bl_file_read(AT_FDCWD, places->sshd_config, CONFIG_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0)
        return r;
    if (!agent_ssh_text_includes(text, places->sshd_lock_dir))
        return bl_fail(err, -EPROTO, "%s does not include %s/*.conf before its first Match",
                       places->sshd_config, places->sshd_lock_dir);

    return 0;
}

/* The record and its timer: from here on the host gives SSH back without us. 1: held already. */
static int hold(const struct agent_lease_places *places, const char *job, int64_t lease_ms,
                struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    struct agent_lease_record record;
    char boot_id[BL_BOOT_ID_BYTES], sshd[AGENT_LEASE_UNIT_BYTES_MAX + 1];
    struct agent_lease_unit unit = {.name = sshd, .was_active = true};
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
    if (r >= 0 && !joined) {
        record.units = &unit;
        r = agent_sshd_find(places, sshd, err);
        record.units_count = r > 0;
    }
    if (r >= 0 && !joined)
        r = agent_lease_save(places, AGENT_LEASE_SSH_LOCK, &record, err);
    if (r >= 0)
        r = agent_manager_open(places, &bus, err);
    if (r >= 0)
        r = agent_manager_arm(bus, TIMER, agent_lease_left_ms(&record, boot_id), err);

    return r < 0 ? r : joined;
}

static int write_drop_in(const struct agent_lease_places *places, const char *text,
                         struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = bl_dir_open(AT_FDCWD, places->sshd_lock_dir, err);

    if (dir_fd < 0)
        return dir_fd;

    return bl_file_replace_mode(dir_fd, DROP_IN, text, strlen(text), 0644, err);
}

/* Writes, proves on disk, then makes sshd take it in. */
static const char *activate(const struct agent_lease_places *places,
                            const struct proto_manifest *manifest, const char *text,
                            struct bl_error *err)
{
    bool denies;

    if (write_drop_in(places, text, err) < 0)
        return "ssh_lock_failed";
    if (agent_sshd_check(places, err) < 0)
        return "ssh_lock_config";
    if (agent_sshd_denies(places, manifest, &denies, err) < 0)
        return "ssh_lock_config";
    if (!denies) {
        (void)bl_fail(err, -EPROTO, "sshd would still let a stranger in");
        return "ssh_lock_no_effect";
    }
    if (agent_sshd_refresh(places, /* was_running= */ NULL, err) < 0)
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

int agent_ssh_lock_take(const struct agent_lease_places *places, const char *job,
                        const struct proto_manifest *manifest,
                        struct agent_lease_outcome *ret_outcome, struct bl_error *err)
{
    char text[AGENT_SSH_TEXT_BYTES_MAX];
    struct agent_lease_outcome undone;
    struct bl_error ignored = {0};
    const char *code;
    int r;

    *ret_outcome = (struct agent_lease_outcome){0};
    r = agent_sshd_is_there(places, err);
    if (r == 0)
        return end_with(ret_outcome, "there is no sshd on this host to be locked");
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_failed", r, err);
    r = agent_ssh_text_lock(manifest, text, sizeof(text), err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_bad_keep", r, err);
    r = agent_sshd_has_strangers(manifest, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_keeps_all", r, err);
    r = read_includes(places, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_no_include", r, err);
    /* What sshd refuses already is not ours to blame, and could not be undone. */
    r = agent_sshd_check(places, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_config", r, err);
    r = hold(places, job, (int64_t)manifest->lease_ms, err);
    if (r == -EEXIST)
        return agent_lease_end(ret_outcome, "ssh_lock_taken", r, err);
    code = r < 0 ? "ssh_lock_failed" : activate(places, manifest, text, err);
    if (code != NULL) {
        /* What can't be undone right now stays recorded, and its timer tries again. */
        (void)!agent_ssh_lock_release(places, &undone, &ignored);
        return agent_lease_end(ret_outcome, code, err->code, err);
    }
    if (r > 0)
        return end_with(ret_outcome, "new SSH logins were closed already");
    note_sessions(manifest, ret_outcome);

    return 0;
}

/* 0: the drop-in was removed; 1: there was none. Looks once more, which is the proof. */
static int remove_drop_in(const struct agent_lease_places *places, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = bl_dir_open(AT_FDCWD, places->sshd_lock_dir, err);
    int r, there;

    if (dir_fd == -ENOENT)
        return 1;
    if (dir_fd < 0)
        return dir_fd;
    r = bl_file_remove(dir_fd, DROP_IN, err);
    if (r < 0)
        return r;
    there = bl_file_exists(dir_fd, DROP_IN, err);
    if (there > 0)
        return bl_fail(err, -EUCLEAN, "%s/%s is still there", places->sshd_lock_dir, DROP_IN);

    return there < 0 ? there : r;
}

static int disarm(const struct agent_lease_places *places, struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    int r = agent_manager_open(places, &bus, err);

    return r < 0 ? r : agent_manager_disarm(bus, TIMER, err);
}

/* In the boot of the lock only: a later one starts, or does not start, its sshd by itself. */
static const char *was_running(const struct agent_lease_record *record, int held)
{
    char boot_id[BL_BOOT_ID_BYTES];
    struct bl_error ignored = {0};

    if (held <= 0 || record->units_count == 0 || bl_boot_id_read(boot_id, &ignored) < 0 ||
        strcmp(record->boot_id, boot_id) != 0)
        return NULL;

    return record->units[0].name;
}

int agent_ssh_lock_release(const struct agent_lease_places *places,
                           struct agent_lease_outcome *ret_outcome, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record record;
    struct bl_error ignored = {0};
    int r, held;

    *ret_outcome = (struct agent_lease_outcome){0};
    held = agent_lease_load(places, AGENT_LEASE_SSH_LOCK, &arena, &record, err);
    if (held < 0 && held != -EUCLEAN)
        return agent_lease_end(ret_outcome, "ssh_lock_failed", held, err);
    r = remove_drop_in(places, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_failed", r, err);
    if (r > 0 && held == 0) {
        /* A timer that an earlier end left behind would come back each minute. */
        (void)!disarm(places, &ignored);
        return end_with(ret_outcome, "SSH was not locked");
    }
    r = agent_sshd_refresh(places, was_running(&record, held), err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_refresh", r, err);
    r = agent_lease_remove(places, AGENT_LEASE_SSH_LOCK, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_failed", r, err);
    /* A timer that stays finds nothing to give back, and is disarmed then. */
    (void)!disarm(places, &ignored);

    return end_with(ret_outcome, "SSH is open again");
}
