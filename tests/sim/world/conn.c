/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/controller.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/net.h"

enum {
    SLOT_BITS = 20, /* of a number; above it counts the uses of the slot */
    /* As agent/courier/link.c: a heartbeat each 10 s, no answer for 30 s. It announces these 30 s. */
    HEARTBEAT_MS = 10 * 1000,
    SILENT_MS_MAX = 30 * 1000,
    RESEND_MS_MAX = 30 * 1000, /* TCP tries again, ever less often */
    LATE_MS_MAX = 2 * 3600 * 1000,
    DELAY_MS_MAX = 10 * 60 * 1000,
    LOSSY_MS_MAX = 3600 * 1000,
    LOOK_MS = 10 * 1000,
};

struct sim_packet {
    struct sim_packet *next;
    int64_t due_ms;
    bool is_end; /* the sender closed */
    size_t size_bytes;
    uint8_t data[];
};

/* A message that an untrusted courier keeps for a while, beside the order of the others. */
struct stray {
    uint64_t conn;
    enum sim_way way;
    struct sim_packet *packet;
    sim_ticket ticket;
    struct stray *next;
};

static struct {
    struct sim_conn **slots;
    uint32_t *free_slots; /* a stack */
    uint32_t slot_count, free_count;
    uint64_t uses;
    bool *fds;
    uint32_t fd_count, fd_low; /* below fd_low all are taken */
    struct stray *strays;
} conns;

void sim_conns_open(void)
{
    memset(&conns, 0, sizeof(conns));
}

static void *grow(void *list, size_t count, size_t size)
{
    void *next = reallocarray(list, count, size);

    if (next == NULL)
        sim_broken("no memory for connections");

    return next;
}

/* ---- numbers ---- */

/* The smallest that is free, as the kernel gives them: numbers come again soon. */
static int take_fd(void)
{
    while (conns.fd_low < conns.fd_count && conns.fds[conns.fd_low])
        conns.fd_low++;
    if (conns.fd_low == conns.fd_count) {
        uint32_t count = 2 * conns.fd_count + 64;

        conns.fds = grow(conns.fds, count, sizeof(*conns.fds));
        memset(conns.fds + conns.fd_count, 0, (count - conns.fd_count) * sizeof(*conns.fds));
        conns.fd_count = count;
    }
    conns.fds[conns.fd_low] = true;

    return (int)conns.fd_low;
}

static void give_fd(int fd)
{
    conns.fds[fd] = false;
    if ((uint32_t)fd < conns.fd_low)
        conns.fd_low = (uint32_t)fd;
}

static uint32_t take_slot(void)
{
    if (conns.free_count == 0) {
        uint32_t count = 2 * conns.slot_count + 64;

        conns.slots = grow(conns.slots, count, sizeof(struct sim_conn *));
        conns.free_slots = grow(conns.free_slots, count, sizeof(*conns.free_slots));
        for (uint32_t i = count; i > conns.slot_count; i--) {
            conns.slots[i - 1] = NULL;
            conns.free_slots[conns.free_count++] = i - 1;
        }
        conns.slot_count = count;
    }

    return conns.free_slots[--conns.free_count];
}

struct sim_conn *sim_conn_find(uint64_t id)
{
    uint64_t slot = id & ((1U << SLOT_BITS) - 1);
    struct sim_conn *conn = slot < conns.slot_count ? conns.slots[slot] : NULL;

    return conn != NULL && conn->id == id ? conn : NULL;
}

struct sim_conn *sim_conn_new(struct sim_dialer *dialer)
{
    struct sim_conn *conn = calloc(1, sizeof(*conn));
    uint32_t slot = take_slot();

    if (conn == NULL)
        sim_broken("no memory for a connection");
    conn->id = ++conns.uses << SLOT_BITS | slot;
    conn->dialer = dialer;
    conn->generation = dialer->generation;
    conn->fd = take_fd();
    conn->is_up[SIM_UP] = conn->is_up[SIM_DOWN] = true;
    conns.slots[slot] = conn;
    dialer->conn = conn->id;

    return conn;
}

static void clear_pipe(struct sim_pipe *pipe)
{
    while (pipe->head != NULL) {
        struct sim_packet *packet = pipe->head;

        pipe->head = packet->next;
        free(packet);
    }
    sim_cancel(&pipe->ticket);
    pipe->tail = NULL;
    pipe->count = 0;
}

static void free_conn(struct sim_conn *conn)
{
    uint32_t slot = (uint32_t)(conn->id & ((1U << SLOT_BITS) - 1));

    for (uint32_t way = 0; way < SIM_WAYS; way++) {
        clear_pipe(&conn->pipes[way]);
        sim_cancel(&conn->doubt[way]);
    }
    sim_cancel(&conn->lossy);
    conns.slots[slot] = NULL;
    conns.free_slots[conns.free_count++] = slot;
    free(conn);
}

static void free_if_over(struct sim_conn *conn)
{
    if (!conn->is_up[SIM_UP] && !conn->is_up[SIM_DOWN])
        free_conn(conn);
}

void sim_conns_each(void (*each)(struct sim_conn *conn, uint64_t argument), uint64_t argument)
{
    for (uint32_t i = 0; i < conns.slot_count; i++) {
        if (conns.slots[i] != NULL)
            each(conns.slots[i], argument);
    }
}

void sim_conns_close(void)
{
    while (conns.strays != NULL) {
        struct stray *stray = conns.strays;

        conns.strays = stray->next;
        sim_cancel(&stray->ticket);
        free(stray->packet);
        free(stray);
    }
    for (uint32_t i = 0; i < conns.slot_count; i++) {
        if (conns.slots[i] != NULL)
            free_conn(conns.slots[i]);
    }
    free(conns.slots);
    free(conns.free_slots);
    free(conns.fds);
}

/* ---- ends ---- */

/* This end is off: what was on its way to it comes to nobody. */
static void switch_off(struct sim_conn *conn, enum sim_way way)
{
    conn->is_up[way] = false;
    sim_cancel(&conn->doubt[way]);
    if (way == SIM_DOWN)
        give_fd(conn->fd);
    else if (conn->dialer->conn == conn->id)
        conn->dialer->conn = 0;
}

/* The end that sends `way` finds out by itself that the other one is gone. */
static void notice_end(struct sim_conn *conn, enum sim_way way)
{
    struct sim_dialer *dialer = conn->dialer;
    uint64_t generation = conn->generation;
    int fd = conn->fd;

    if (!conn->is_up[way])
        return;
    switch_off(conn, way);
    /* What it had written but not sent is lost with it. */
    clear_pipe(&conn->pipes[way]);
    free_if_over(conn);
    if (way == SIM_DOWN)
        sim_controller_gone(fd);
    else
        sim_net_lost(dialer, generation);
}

/* ---- doubts ---- */

static void on_doubt(void *userdata, uint64_t argument)
{
    struct sim_conn *conn = sim_conn_find(argument >> 1);
    enum sim_way way = argument & 1;

    if (conn == NULL)
        return;
    conn->doubt[way] = 0;
    conn->is_doubted[way] = false;
    if (conn->is_up[way] && conn->is_up[!way] && sim_net_passes(conn->dialer, SIM_UP) &&
        sim_net_passes(conn->dialer, SIM_DOWN))
        return;
    sim_tell(conn->dialer->host, "%s gives its end of the connection up",
             way == SIM_UP ? "the host" : "the controller");
    notice_end(conn, way);
}

/* Heartbeats are the host's; the controller has its word on how long to wait, or only TCP. */
static int64_t draw_doubt_ms(const struct sim_conn *conn, enum sim_way way)
{
    const uint32_t host = conn->dialer->host;
    int64_t usual_ms =
        sim_draw_between(SIM_DRAW_NET, host, SILENT_MS_MAX, SILENT_MS_MAX + HEARTBEAT_MS);
    uint32_t kind = sim_draw_below(SIM_DRAW_NET, host, 10);

    if (way == SIM_UP || kind < 7)
        return usual_ms;

    return kind < 9 ? sim_draw_log(SIM_DRAW_NET, host, usual_ms, LATE_MS_MAX) : SIM_NEVER;
}

void sim_conn_doubt(struct sim_conn *conn)
{
    for (uint32_t way = 0; way < SIM_WAYS; way++) {
        int64_t after_ms;

        if (!conn->is_up[way] || conn->is_doubted[way])
            continue;
        conn->is_doubted[way] = true;
        after_ms = draw_doubt_ms(conn, (enum sim_way)way);
        if (after_ms != SIM_NEVER)
            conn->doubt[way] = sim_after(after_ms, on_doubt, NULL, conn->id << 1 | way);
    }
}

/* ---- pipes ---- */

static void on_due(void *userdata, uint64_t argument);

static void schedule(struct sim_conn *conn, enum sim_way way, int64_t at_ms)
{
    struct sim_pipe *pipe = &conn->pipes[way];

    if (pipe->ticket == 0)
        pipe->ticket = sim_at(at_ms, on_due, NULL, conn->id << 1 | (uint64_t)way);
}

static void append(struct sim_conn *conn, enum sim_way way, struct sim_packet *packet)
{
    struct sim_pipe *pipe = &conn->pipes[way];

    packet->due_ms = sim_now_ms() + sim_net_latency_ms(conn->dialer->host);
    if (packet->due_ms < pipe->last_due_ms)
        packet->due_ms = pipe->last_due_ms;
    pipe->last_due_ms = packet->due_ms;
    if (pipe->tail != NULL)
        pipe->tail->next = packet;
    else
        pipe->head = packet;
    pipe->tail = packet;
    pipe->count++;
    schedule(conn, way, pipe->head->due_ms);
}

static struct sim_packet *new_packet(const void *data, size_t size_bytes)
{
    struct sim_packet *packet = malloc(sizeof(*packet) + size_bytes);

    if (packet == NULL)
        sim_broken("no memory for a message");
    *packet = (struct sim_packet){.size_bytes = size_bytes};
    if (size_bytes > 0)
        memcpy(packet->data, data, size_bytes);

    return packet;
}

static void hand_over(struct sim_conn *conn, enum sim_way way, const struct sim_packet *packet)
{
    if (way == SIM_UP)
        sim_controller_receive(conn->id, conn->fd, conn->dialer->host, packet->data,
                               packet->size_bytes);
    else if (conn->dialer->is_clone)
        sim_clone_receive(conn, packet->data, packet->size_bytes);
    else
        sim_host_receive(conn->dialer->host, conn->generation, packet->data, packet->size_bytes);
}

/* A kernel answers what comes for a connection that it does not know: the sender learns the end. */
static void answer_with_reset(struct sim_conn *conn, enum sim_way way)
{
    if (way == SIM_UP || sim_machine(conn->dialer->host)->is_up)
        notice_end(conn, way);
}

static void arrive(struct sim_conn *conn, enum sim_way way, const struct sim_packet *packet)
{
    enum sim_way receiver = way == SIM_UP ? SIM_DOWN : SIM_UP;

    if (!conn->is_up[receiver])
        answer_with_reset(conn, way);
    else if (packet->is_end)
        notice_end(conn, receiver);
    else
        hand_over(conn, way, packet);
}

/* What is due arrives, unless the way is cut: then all waits, and both ends begin to wonder. */
static void on_due(void *userdata, uint64_t argument)
{
    const uint64_t id = argument >> 1;
    const enum sim_way way = argument & 1;
    struct sim_conn *conn = sim_conn_find(id);

    if (conn != NULL)
        conn->pipes[way].ticket = 0;
    while (conn != NULL && conn->pipes[way].head != NULL) {
        struct sim_pipe *pipe = &conn->pipes[way];
        struct sim_packet *packet = pipe->head;

        if (packet->due_ms > sim_now_ms()) {
            schedule(conn, way, packet->due_ms);
            return;
        }
        if (!sim_net_passes(conn->dialer, way)) {
            sim_conn_doubt(conn);
            schedule(conn, way,
                     sim_now_ms() +
                         sim_draw_log(SIM_DRAW_NET, conn->dialer->host, 200, RESEND_MS_MAX));
            return;
        }
        pipe->head = packet->next;
        if (pipe->head == NULL)
            pipe->tail = NULL;
        pipe->count--;
        arrive(conn, way, packet);
        free(packet);
        conn = sim_conn_find(id);
        if (conn != NULL && way == SIM_UP && conn->pipes[way].is_sender_waiting &&
            conn->pipes[way].count <= SIM_QUEUE_UP_MAX / 2 && conn->is_up[SIM_UP]) {
            conn->pipes[way].is_sender_waiting = false;
            if (!conn->dialer->is_clone)
                sim_host_link_writable(conn->dialer->host, conn->generation);
            conn = sim_conn_find(id);
        }
    }
}

/* ---- sending ---- */

static void on_stray(void *userdata, uint64_t argument)
{
    struct stray *stray = userdata;
    struct sim_conn *conn = sim_conn_find(stray->conn);
    enum sim_way receiver = stray->way == SIM_UP ? SIM_DOWN : SIM_UP;
    struct stray **at = &conns.strays;

    while (*at != stray)
        at = &(*at)->next;
    *at = stray->next;
    if (conn != NULL && conn->is_up[receiver] && sim_net_passes(conn->dialer, stray->way))
        hand_over(conn, stray->way, stray->packet);
    free(stray->packet);
    free(stray);
}

static void keep_for_later(struct sim_conn *conn, enum sim_way way, struct sim_packet *packet)
{
    struct stray *stray = calloc(1, sizeof(*stray));

    if (stray == NULL)
        sim_broken("no memory for a message");
    *stray = (struct stray){.conn = conn->id, .way = way, .packet = packet, .next = conns.strays};
    conns.strays = stray;
    stray->ticket = sim_after(sim_draw_log(SIM_DRAW_FAULT, conn->dialer->host, 100, DELAY_MS_MAX),
                              on_stray, stray, conn->dialer->host);
}

/* The bodies of the two last in the pipe change places. */
static void swap_last(struct sim_pipe *pipe)
{
    struct sim_packet *before = pipe->head, *first, *second;
    struct sim_packet **at = &pipe->head;
    int64_t due_ms;

    if (before == NULL || before == pipe->tail)
        return;
    while ((*at)->next != pipe->tail)
        at = &(*at)->next;
    first = *at;
    second = pipe->tail;
    due_ms = first->due_ms;
    first->due_ms = second->due_ms;
    second->due_ms = due_ms;
    first->next = NULL;
    second->next = first;
    *at = second;
    pipe->tail = first;
}

/* A courier that drops what it was given is restarted some day: nothing else makes it good. */
static void on_lossy(void *userdata, uint64_t id)
{
    struct sim_conn *conn = sim_conn_find(id);

    if (conn == NULL)
        return;
    conn->lossy = 0;
    if (sim_now_ms() < conn->lossy_until_ms && !sim_is_calm()) {
        conn->lossy = sim_after(LOOK_MS, on_lossy, NULL, id);
        return;
    }
    notice_end(conn, SIM_DOWN);
    conn = sim_conn_find(id);
    if (conn != NULL)
        notice_end(conn, SIM_UP);
}

static void lose(struct sim_conn *conn)
{
    if (conn->lossy != 0)
        return;
    conn->lossy_until_ms =
        sim_now_ms() + sim_draw_log(SIM_DRAW_FAULT, conn->dialer->host, LOOK_MS, LOSSY_MS_MAX);
    conn->lossy = sim_after(LOOK_MS, on_lossy, NULL, conn->id);
}

int sim_conn_send(struct sim_conn *conn, enum sim_way way, const void *data, size_t size_bytes)
{
    struct sim_pipe *pipe = &conn->pipes[way];
    const uint32_t host = conn->dialer->host;

    if (!conn->is_up[way])
        return -EHOSTUNREACH;
    if (pipe->count >= (way == SIM_UP ? SIM_QUEUE_UP_MAX : SIM_QUEUE_DOWN_MAX)) {
        pipe->is_sender_waiting = true;
        return -EAGAIN;
    }
    if (sim_fault(SIM_FAULT_MESSAGE_LOST, host)) {
        lose(conn);
        return 0;
    }
    if (sim_fault(SIM_FAULT_MESSAGE_DOUBLED, host))
        append(conn, way, new_packet(data, size_bytes));
    if (sim_fault(SIM_FAULT_MESSAGE_DELAYED, host)) {
        keep_for_later(conn, way, new_packet(data, size_bytes));
        return 0;
    }
    append(conn, way, new_packet(data, size_bytes));
    if (pipe->count > 1 && sim_fault(SIM_FAULT_MESSAGE_SWAPPED, host))
        swap_last(pipe);

    return 0;
}

void sim_conn_end(struct sim_conn *conn, enum sim_way way, bool is_silent)
{
    struct sim_packet *end;

    if (!conn->is_up[way])
        return;
    switch_off(conn, way);
    /* Nobody lingers: what is still in the queue may be gone, what TCP has may arrive. */
    if (is_silent || sim_draw_percent(SIM_DRAW_NET, conn->dialer->host, 50))
        clear_pipe(&conn->pipes[way]);
    if (!conn->is_up[!way]) {
        free_conn(conn);
        return;
    }
    if (!is_silent) {
        end = new_packet(NULL, 0);
        end->is_end = true;
        append(conn, way, end);
    }
    sim_conn_doubt(conn);
}
