/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/silence.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "agent/lease/manager.h"
#include "agent/lease/release.h"
#include "agent/lease/store.h"
#include "common/text.h"

#define RECORD "silence"
/* The same record, from when the way back is begun for want of an agent until the agent disarms. */
#define GOING_BACK "going_back"
#define TIMER      "belay-silence.timer"

enum {
    AGENT_START_MS_MAX = 3 * 60 * 1000,
    UNIT_BYTES = 64, /* "belay-txn@" + 32 + "-restore.service" */
};

static int set_timer(const struct agent_lease_places *places, int64_t after_ms,
                     struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    int r = agent_manager_open(places, &bus, err);

    if (r < 0)
        return r;

    return after_ms < 0 ? agent_manager_disarm(bus, TIMER, err)
                        : agent_manager_arm(bus, TIMER, after_ms, err);
}

int agent_silence_arm(const struct agent_lease_places *places, const char *job, int64_t after_ms,
                      struct bl_error *err)
{
    struct agent_lease_record record;
    char boot_id[BL_BOOT_ID_BYTES];
    int r;

    r = agent_lease_fill(&record, job, after_ms, boot_id, err);
    if (r >= 0)
        r = agent_lease_save(places, RECORD, &record, err);
    if (r >= 0)
        r = set_timer(places, after_ms, err);
    if (r < 0)
        return bl_wrap(err, "arm the way back");

    return 0;
}

/* Without the record the timer's service does nothing, and takes the timer away itself. */
static int stop_looking(const struct agent_lease_places *places, struct bl_error *err)
{
    struct bl_error ignored = {0};
    int r = agent_lease_remove(places, RECORD, err);

    if (r < 0)
        return r;
    (void)!set_timer(places, -1, &ignored);

    return 0;
}

int agent_silence_disarm(const struct agent_lease_places *places, struct bl_error *err)
{
    int r = stop_looking(places, err);

    return r < 0 ? r : agent_lease_remove(places, GOING_BACK, err);
}

static bool is_of(const struct agent_lease_places *places, const char *name, const char *job)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record record;
    struct bl_error ignored = {0};

    return agent_lease_load(places, name, &arena, &record, &ignored) > 0 &&
           strcmp(record.job, job) == 0;
}

bool agent_silence_is_of(const struct agent_lease_places *places, const char *job)
{
    return is_of(places, RECORD, job);
}

bool agent_silence_goes_back(const struct agent_lease_places *places, const char *job)
{
    return is_of(places, GOING_BACK, job);
}

int agent_silence_rearm(const struct agent_lease_places *places, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record record;
    char boot_id[BL_BOOT_ID_BYTES];
    int r;

    r = agent_lease_load(places, RECORD, &arena, &record, err);
    if (r < 0) {
        struct bl_error ignored = {0};

        /* Something was armed, and nobody knows for when: the agent is to be looked for now. */
        (void)!set_timer(places, 0, &ignored);
        return r;
    }
    if (r == 0)
        return 0;
    r = bl_boot_id_read(boot_id, err);
    if (r < 0)
        return r;

    return set_timer(places, agent_lease_left_ms(&record, boot_id), err);
}

/* 1: it runs now. 0: it can't be brought up. */
static int raise_agent(sd_bus *bus, struct bl_error *err)
{
    static const char agent[] = "belay-agent.service";
    int r;

    /* An agent that crashed too often is not started any more: this try does not count on that. */
    r = agent_manager_reset(bus, agent, err);
    if (r < 0)
        return r;
    /* Type=notify: the job of a start ends well only when the agent has said that it is ready. */
    r = agent_manager_run(bus, "StartUnit", agent, AGENT_START_MS_MAX, err);
    if (r >= 0)
        return 1;
    (void)fprintf(stderr, SD_WARNING "%s\n", err->text);

    return 0;
}

/*
 * Nobody else is left to do it. An agent that comes up after all, be it days later, must not go on
 * with the change: it is told before anything begins, and the mark stays until that agent disarms.
 * That it cannot be written is no reason to leave the host as it is.
 */
static int go_back(const struct agent_lease_places *places, sd_bus *bus,
                   const struct agent_lease_record *record, struct bl_error *err)
{
    char unit[UNIT_BYTES];
    struct bl_error own = {0};
    int r, released;

    r = bl_text_format(unit, sizeof(unit), "belay-txn@%s-restore.service", record->job);
    if (r < 0)
        return bl_fail(err, r, "job '%s'", record->job);
    if (agent_lease_save(places, GOING_BACK, record, &own) < 0)
        (void)fprintf(stderr, SD_WARNING "%s\n", own.text);
    (void)fprintf(stderr, SD_CRIT "the agent is dead: starting %s\n", unit);
    r = agent_manager_run(bus, "StartUnit", unit, /* timeout_ms= */ -1, err);
    if (r < 0)
        (void)fprintf(stderr, SD_CRIT "%s\n", err->text);
    /* SSH and cron come back in either case: a locked, broken host helps nobody. */
    released = agent_release_all(places, &own);
    if (r < 0)
        return r;
    if (released < 0) {
        *err = own;
        return released;
    }

    return stop_looking(places, err);
}

int agent_silence_end(const struct agent_lease_places *places, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    struct agent_lease_record record;
    struct bl_error damage = {0}, own = {0};
    int r, loaded;

    loaded = agent_lease_load(places, RECORD, &arena, &record, &damage);
    if (loaded == 0)
        return stop_looking(places, err);
    r = agent_manager_open(places, &bus, err);
    if (r >= 0)
        r = raise_agent(bus, err);
    if (r != 0)
        return r < 0 ? r : 0;
    if (loaded > 0)
        return go_back(places, bus, &record, err);

    /* Nobody knows of which job, but what is switched off can be given back. */
    (void)!agent_release_all(places, &own); /* it has told its failures */
    *err = damage;
    return loaded;
}
