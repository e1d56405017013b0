/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_DESK_TABLE_H
#define CTL_DAEMON_DESK_TABLE_H

#include "common/clock.h"
#include "controller/daemon/store.h"

/*
 * Which desks may come in over the admin endpoint, in memory: asked at each handshake and for each
 * message. What it says is what the store says; who is not in it is refused.
 */
enum {
    CTL_DESKS_MAX = 256,             /* revoked ones included: a revoked key never comes back */
    CTL_DESK_REQUEST_EVERY_MS = 100, /* in the long run */
    CTL_DESK_REQUESTS_AT_ONCE = 40,  /* before that holds */
    CTL_DESK_CONVERSATIONS_MAX = 4,  /* of one desk at a time */
};

struct ctl_desk {
    struct ctl_store_desk row;
    uint32_t conversations;
    struct bl_wall last_seen; /* ms 0 = not since belayd started */
    int64_t paid_until_ms;    /* monotonic: each request moves it on by what one costs */
};

struct ctl_desks {
    struct ctl_desk list[CTL_DESKS_MAX];
    uint32_t count;
};

int ctl_desks_load(struct ctl_desks *desks, struct ctl_store *store, struct bl_error *err)
    BL_CHECKED;

/* Admitted, revoked or NULL. */
struct ctl_desk *ctl_desks_find(struct ctl_desks *desks, const uint8_t id[CTL_DESK_ID_BYTES]);
/* By name (of those that may come in), id, or unique beginning of the id; NULL when none is meant. */
struct ctl_desk *ctl_desks_named(struct ctl_desks *desks, const char *text);
bool ctl_desk_is_admitted(const struct ctl_desk *desk);

/* Adds an admitted desk to table and store. NULL and `err`: -ENOSPC, or the store failed. */
struct ctl_desk *ctl_desks_admit(struct ctl_desks *desks, struct ctl_store *store,
                                 const struct ctl_store_desk *row, struct bl_error *err);

/* Counts one request; false: it asks more often than it may. */
bool ctl_desk_may_ask(struct ctl_desk *desk, struct bl_mono now);
/* What it asked for held up the loop for so long, and with it the hosts. */
void ctl_desk_pay(struct ctl_desk *desk, struct bl_mono now, int64_t took_ms);

#endif
