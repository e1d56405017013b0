/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/room.h"

#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/txn/ballast.h"

enum {
    LOOK_EVERY_MS = 5000,
};

static int look_later(sd_event_source *source)
{
    int r = sd_event_source_set_time_relative(source, (uint64_t)LOOK_EVERY_MS * 1000);

    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    const struct agent_host *host = userdata;
    struct bl_error err = {0};

    if (agent_ballast_find_room(host->state_dir, &err) < 0)
        return look_later(source);
    sd_journal_print(LOG_NOTICE, "There is room on disk again: restarting to go on.");

    return sd_event_exit(host->loop, 0);
}

int agent_room_await(struct agent_host *host, sd_event_source **ret_source, struct bl_error *err)
{
    int r = sd_event_add_time_relative(host->loop, ret_source, CLOCK_BOOTTIME,
                                       (uint64_t)LOOK_EVERY_MS * 1000, 0, on_time, host);

    if (r < 0)
        return bl_fail(err, r, "wait for room on disk: %s", strerror(-r));

    return 0;
}
