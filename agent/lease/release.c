/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/release.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "agent/lease/manager.h"
#include "agent/lease/quiesce.h"
#include "agent/lease/silence.h"
#include "agent/lease/ssh_lock.h"
#include "agent/lease/store.h"

static const char *const names[AGENT_LEASE_KINDS] = {AGENT_LEASE_QUIESCE, AGENT_LEASE_SSH_LOCK};

/* Where the end of an operation on the loop is kept. */
struct waiting {
    sd_event *event;
    int result;
    struct agent_lease_outcome *outcome;
};

static void on_done(void *userdata, int result, const struct agent_lease_outcome *outcome)
{
    struct waiting *waiting = userdata;

    waiting->result = result;
    *waiting->outcome = *outcome;
    (void)sd_event_exit(waiting->event, 0);
}

static int release_quiesce(const struct agent_lease_places *places,
                           struct agent_lease_outcome *ret_outcome, struct bl_error *err)
{
    struct waiting waiting = {.outcome = ret_outcome};
    struct agent_quiesce_caller caller = {.userdata = &waiting, .done = on_done};
    struct agent_quiesce *op = NULL;
    int r;

    r = sd_event_new(&waiting.event);
    if (r < 0)
        return bl_fail(err, r, "event loop: %s", strerror(-r));
    caller.event = waiting.event;
    r = agent_quiesce_release(places, &caller, &op, err);
    if (r >= 0) {
        r = sd_event_loop(waiting.event);
        if (r < 0)
            r = bl_fail(err, r, "event loop: %s", strerror(-r));
        else if (waiting.result < 0)
            r = bl_fail(err, waiting.result, "%s: %.160s", ret_outcome->code, ret_outcome->reason);
    }
    agent_quiesce_free(op);
    (void)sd_event_unref(waiting.event);

    return r;
}

int agent_release_lease(const struct agent_lease_places *places, const char *name,
                        struct agent_lease_outcome *ret_outcome, struct bl_error *err)
{
    *ret_outcome = (struct agent_lease_outcome){0};
    if (strcmp(name, AGENT_LEASE_SSH_LOCK) == 0)
        return agent_ssh_lock_release(places, ret_outcome, err);
    if (strcmp(name, AGENT_LEASE_QUIESCE) == 0)
        return release_quiesce(places, ret_outcome, err);

    return bl_fail(err, -EINVAL, "there is no lease of that name");
}

static int release_and_tell(const struct agent_lease_places *places, const char *name,
                            struct bl_error *err)
{
    struct agent_lease_outcome outcome;
    int r = agent_release_lease(places, name, &outcome, err);

    if (r < 0)
        (void)fprintf(stderr, SD_ERR "lease '%s': %s\n", name, err->text);
    else
        (void)fprintf(stderr, SD_NOTICE "lease '%s': %s\n", name, outcome.reason);

    return r;
}

int agent_release_all(const struct agent_lease_places *places, struct bl_error *err)
{
    int first_failure = 0;

    for (size_t i = 0; i < AGENT_LEASE_KINDS; i++) {
        struct bl_error own = {0};
        int r = release_and_tell(places, names[i], &own);

        if (r < 0 && first_failure == 0) {
            first_failure = r;
            *err = own;
        }
    }

    return first_failure;
}

static int arm_again(const struct agent_lease_places *places, const char *name, int64_t left_ms,
                     struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    char timer[64];
    int r;

    (void)snprintf(timer, sizeof(timer), "belay-lease@%s.timer", name);
    r = agent_manager_open(places, &bus, err);

    return r < 0 ? r : agent_manager_arm(bus, timer, left_ms, err);
}

/*
 * Cron must not run into a change that a reboot has not ended: while the way back of the very job
 * is armed, the job goes on, with its agent or without. Otherwise the job is gone.
 */
static bool keep(const struct agent_lease_places *places, struct agent_lease_record *record,
                 const char *boot_id)
{
    struct bl_error err = {0};
    int r = 0;

    if (agent_lease_left_ms(record, boot_id) == 0 || !agent_silence_is_of(places, record->job))
        return false;
    r = agent_quiesce_keep(places, record, boot_id, &err);
    if (r < 0)
        (void)fprintf(stderr, SD_ERR "units stay paused no longer: %s\n", err.text);
    else
        (void)fprintf(stderr, SD_NOTICE "units stay paused: job %s goes on\n", record->job);

    return r >= 0;
}

/*
 * A lease of this boot keeps its timer, one that is over gets it at once: what is given back may be
 * ordered after this very unit, and would wait for it while it waits.
 */
static int see_to(const struct agent_lease_places *places, const char *name, const char *boot_id,
                  struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record record;
    int r = agent_lease_load(places, name, &arena, &record, err);

    if (r < 0 && r != -EUCLEAN)
        return r;
    if (r == 0)
        return 0;
    if (r > 0 && strcmp(record.boot_id, boot_id) == 0)
        return arm_again(places, name, agent_lease_left_ms(&record, boot_id), err);
    if (r > 0 && strcmp(name, AGENT_LEASE_QUIESCE) == 0 && keep(places, &record, boot_id))
        return 0;

    r = release_and_tell(places, name, err);
    if (r < 0) {
        struct bl_error ignored = {0};

        /* Its timer went with the boot that is over: without one nobody would try again. */
        (void)!arm_again(places, name, AGENT_LEASE_RETRY_MS, &ignored);
    }

    return r;
}

int agent_release_at_boot(const struct agent_lease_places *places, struct bl_error *err)
{
    char boot_id[BL_BOOT_ID_BYTES];
    int r, first_failure = 0;

    r = bl_boot_id_read(boot_id, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < AGENT_LEASE_KINDS + 1; i++) {
        struct bl_error own = {0};

        r = i < AGENT_LEASE_KINDS ? see_to(places, names[i], boot_id, &own)
                                  : agent_silence_rearm(places, &own);
        if (r < 0 && first_failure == 0) {
            first_failure = r;
            *err = own;
        }
    }

    return first_failure;
}
