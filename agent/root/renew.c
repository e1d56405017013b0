/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/renew.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/txn/ballast.h"

enum {
    LOOK_EVERY_MS = 5000,
    AFTER_MS = 60 * 1000, /* people at the rescue socket must come in between */
};

static int look_later(sd_event_source *source)
{
    int r = sd_event_source_set_time_relative(source, (uint64_t)LOOK_EVERY_MS * 1000);

    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
    const struct agent_host *host = userdata;
    struct bl_error err = {0};

    if (agent_ballast_find_room(host->state_dir, &err) < 0)
        return look_later(source);
    sd_journal_print(LOG_NOTICE, "There is room on disk again: restarting to go on.");

    return sd_event_exit(host->loop, 0);
}

static int on_minute(sd_event_source *source, uint64_t usec, void *userdata)
{
    const struct agent_host *host = userdata;

    sd_journal_print(LOG_NOTICE, "Restarting, to see whether the journal can be written again.");

    return sd_event_exit(host->loop, 1);
}

int agent_renew_await(struct agent_host *host, int code, sd_event_source **ret_source,
                      struct bl_error *err)
{
    bool waits_for_room = code == -ENOSPC;
    uint64_t after_us = (uint64_t)(waits_for_room ? LOOK_EVERY_MS : AFTER_MS) * 1000;
    int r = sd_event_add_time_relative(host->loop, ret_source, CLOCK_BOOTTIME, after_us, 0,
                                       waits_for_room ? on_look : on_minute, host);

    if (r < 0)
        return bl_fail(err, r, "wait to restart: %s", strerror(-r));

    return 0;
}
