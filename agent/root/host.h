/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_HOST_H
#define AGENT_ROOT_HOST_H

#include <systemd/sd-event.h>

#include "agent/lease/lease.h"
#include "agent/root/figures_history.h"
#include "agent/root/journal.h"
#include "agent/root/units.h"
#include "common/clock.h"

enum {
    AGENT_HOST_ENDPOINT_BYTES = 256,
};

/*
 * What every part of the root process needs to know of the host and of the process itself. Made by
 * main.c, borrowed by all others, which never close anything in here.
 */
struct agent_host {
    sd_event *loop;
    struct agent_journal *journal;
    struct agent_units *units;
    const struct agent_lease_places *places;
    const char *state_dir;  /* /var/lib/belay */
    const char *run_dir;    /* /run/belay */
    const char *config_dir; /* /etc/belay */
    char boot_id[BL_BOOT_ID_BYTES];
    uint8_t id[PROTO_HOST_ID_BYTES];
    char controller[AGENT_HOST_ENDPOINT_BYTES];  /* "ADDRESS:PORT": one of the witnesses */
    const struct agent_figures_history *figures; /* NULL: not known */
    /* What the controller's clock was ahead of ours at its last WELCOME. */
    bool clock_known;
    int64_t clock_offset_ms;
};

#endif
