/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_FLEET_H
#define CTL_DAEMON_FLEET_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/hex.h"
#include "controller/daemon/host_clock.h"
#include "controller/daemon/host_figures.h"
#include "controller/daemon/link.h"
#include "controller/daemon/store.h"
#include "controller/select/select.h"
#include "proto/message.h"

/*
 * The live table of hosts: who may speak, where each is connected now. Kept in memory, since it is
 * asked for every message; the store has what must outlive the process.
 */
enum {
    CTL_FLEET_NAME_BYTES = 256,
    CTL_FLEET_CANDIDATES_MAX = 8,
    CTL_FLEET_PREFIX_MIN = 4, /* digits of an id that may stand for it */
};

struct ctl_ask;

/*
 * The newest job on a host when it is of no rollout that this store has it in: begun after the backup
 * that was restored, or under another controller. As the host said it; kept in memory only.
 */
struct ctl_foreign_job {
    bool is_there;
    uint32_t state; /* enum proto_job_state; valid with `is_there`, as the id is */
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
};

struct ctl_fleet_host {
    uint8_t id[PROTO_HOST_ID_BYTES];
    char id_text[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];
    uint32_t standing; /* enum ctl_standing */
    char name[CTL_FLEET_NAME_BYTES];
    json_t *labels; /* texts */
    json_t *facts;  /* texts: agent_version, os_id, ... */
    struct bl_wall first_seen, last_seen;
    bool clock_offset_known;
    int64_t clock_offset_ms;
    struct ctl_host_clock clock;
    struct ctl_host_figures figures;
    uint32_t life;     /* host_life.h */
    uint32_t life_due; /* looks by the clock until it went back to `said_seq`; 0 = no doubt */
    uint64_t said_seq; /* last_seq of the HELLO in doubt */
    bool unsaved;      /* differs from its row in the store */

    struct ctl_link_peer current; /* the connection that said HELLO last */
    struct ctl_link_peer former;  /* one before it that has not ended; it may be dead already */
    uint64_t former_nonce;        /* what `former` was asked for; its answer proves a clone */
    bool held;                    /* two live connections with this key: no orders, no reports */
    bool slow;                    /* an order did not fit into its queue: to be repeated */
    uint64_t next_seq;            /* of the report that is to come next on this connection */
    bool has_gap;                 /* a later one came: all are to be sent again */
    uint64_t dropped_seq;         /* the last that came behind the gap: until it came again */
    uint64_t ack_seq;             /* of the reports of this turn, to be acknowledged; 0 = none */
    struct ctl_ask *asks;         /* PING and QUERY without an answer yet */
    struct ctl_foreign_job foreign_job;
    json_t *way_backs; /* as way_backs.h has it; NULL: none that is known not to be whole */
    uint64_t
        trust_version; /* of the trust file that it judges by; 0: it has not said since HELLO */
    uint8_t trust_hash[PROTO_HASH_BYTES];
    bool trust_sent;           /* the next one is on its way; the clock sends it again */
    bool audit_known;          /* it told the head of its audit on this connection; audit_heads.h */
    bool audit_due;            /* it was asked to compare, and has not answered */
    uint64_t audit_kept_rows;  /* of our audit, as it has kept it */
    struct bl_mono audit_told; /* when it was told our head */
    bool trust_apart;          /* the next one is of another chain: it is not sent again */
    bool trust_stuck;          /* no file from here follows its own, and that was logged */
    struct bl_mono trust_asked; /* when it came: until it has the newest one, it gets no orders */
};

struct ctl_fleet {
    struct ctl_fleet_host **hosts; /* sorted by id; the hosts themselves never move */
    uint32_t count, capacity;
    uint32_t pending_count;
    struct ctl_fleet_host **by_fd; /* whose connection a descriptor is */
    size_t by_fd_count;
};

void ctl_fleet_release(struct ctl_fleet *fleet);

int ctl_fleet_load(struct ctl_fleet *fleet, struct ctl_store *store, struct bl_error *err)
    BL_CHECKED;

struct ctl_fleet_host *ctl_fleet_find(const struct ctl_fleet *fleet,
                                      const uint8_t id[PROTO_HOST_ID_BYTES]);
/* A new host without name or labels; the id must be unknown. NULL when memory is out. */
struct ctl_fleet_host *ctl_fleet_add(struct ctl_fleet *fleet,
                                     const uint8_t id[PROTO_HOST_ID_BYTES]);

/* Keeps the count of those that wait. */
void ctl_fleet_set_standing(struct ctl_fleet *fleet, struct ctl_fleet_host *host,
                            enum ctl_standing standing);

int ctl_fleet_save(struct ctl_store *store, struct ctl_fleet_host *host, struct bl_error *err)
    BL_CHECKED;

bool ctl_fleet_is_connected(const struct ctl_fleet_host *host);

/* Remembers that `host` speaks over descriptor `fd`. */
int ctl_fleet_set_fd(struct ctl_fleet *fleet, int fd, struct ctl_fleet_host *host,
                     struct bl_error *err) BL_CHECKED;
void ctl_fleet_clear_fd(struct ctl_fleet *fleet, int fd);
struct ctl_fleet_host *ctl_fleet_of_fd(const struct ctl_fleet *fleet, int fd);

/* Packages are never known here: CTL_SELECT_UNASKED where it hangs on them. NULL means every host. */
enum ctl_select_answer ctl_fleet_ask(const struct ctl_fleet_host *host,
                                     const struct ctl_select *select);
/* What `select` asks for is so; NULL means every host. */
bool ctl_fleet_matches(const struct ctl_fleet_host *host, const struct ctl_select *select);

struct ctl_fleet_found {
    uint32_t count; /* 1: `hosts[0]` is meant */
    struct ctl_fleet_host *hosts[CTL_FLEET_CANDIDATES_MAX];
};

/*
 * By id, name, or unique prefix of either; what is exact wins, and an enrolled host wins over all
 * others. Revoked ones only by their id.
 */
void ctl_fleet_resolve(const struct ctl_fleet *fleet, const char *text,
                       struct ctl_fleet_found *ret_found);

#endif
