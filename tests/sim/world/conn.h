/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_CONN_H
#define TESTS_SIM_WORLD_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/world/world.h"

/*
 * One TCP connection with its two ends, which know of each other's end only by what arrives, and a
 * pipe each way. For net.c, conn.c and clone.c alone.
 */
enum sim_way {
    SIM_UP, /* host to controller */
    SIM_DOWN,
    SIM_WAYS,
};

enum {
    SIM_QUEUE_UP_MAX = 64, /* messages under way: as the product sets its high water marks */
    SIM_QUEUE_DOWN_MAX = 256,
};

struct sim_packet;

struct sim_pipe {
    struct sim_packet *head, *tail;
    uint32_t count;
    int64_t last_due_ms;
    sim_ticket ticket;
    bool is_sender_waiting; /* it was told that this is full */
};

/* Who connects: a host's courier, or the clone of that host. */
struct sim_dialer {
    uint32_t host;
    bool is_clone;
    bool is_wanted;
    uint64_t generation;
    uint32_t attempts; /* since a connection stood */
    sim_ticket ticket; /* of the next try, or of its result */
    uint64_t conn;     /* stands at this end; 0 = none */
};

struct sim_conn {
    uint64_t id;
    struct sim_dialer *dialer;
    uint64_t generation;
    int fd; /* at the controller's end */
    bool is_up
        [SIM_WAYS]; /* the end that sends this way: SIM_UP the host's, SIM_DOWN the controller's */
    bool is_doubted[SIM_WAYS];
    sim_ticket doubt[SIM_WAYS]; /* that end finds out that nothing comes any more */
    struct sim_pipe pipes[SIM_WAYS];
    sim_ticket lossy; /* a message was lost: it ends some day */
    int64_t lossy_until_ms;
};

/* ---- conn.c ---- */

void sim_conns_open(void);
void sim_conns_close(void);

/* Both ends stand. */
struct sim_conn *sim_conn_new(struct sim_dialer *dialer);
/* NULL when there is none of that number any more. */
struct sim_conn *sim_conn_find(uint64_t id);

/* 0, -EAGAIN when the pipe is full, -EHOSTUNREACH when the sender's end is gone. Faults strike here. */
int sim_conn_send(struct sim_conn *conn, enum sim_way way, const void *data, size_t size_bytes);

/*
 * The end that sends `way` closes. The other one learns of it in order, when `is_silent` not at all
 * or only by its own means. The connection may be freed.
 */
void sim_conn_end(struct sim_conn *conn, enum sim_way way, bool is_silent);

/* Nothing passes there now, or may not: each end will find that out in its time. */
void sim_conn_doubt(struct sim_conn *conn);

/* Calls for each connection there is; it may be ended within. */
void sim_conns_each(void (*each)(struct sim_conn *conn, uint64_t argument), uint64_t argument);

/* ---- net.c, for conn.c ---- */

bool sim_net_passes(const struct sim_dialer *dialer, enum sim_way way);
int64_t sim_net_latency_ms(uint32_t host);
/* The other end of the dialer's connection ended; it is off already. */
void sim_net_lost(struct sim_dialer *dialer, uint64_t generation);

/* ---- clone.c ---- */

void sim_clone_up(struct sim_conn *conn);
void sim_clone_receive(struct sim_conn *conn, const void *data, size_t size_bytes);

#endif
