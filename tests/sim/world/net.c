/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/net.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/sim/world/conn.h"
#include "tests/sim/world/controller.h"
#include "tests/sim/world/host.h"

enum {
    /* As agent/courier/link.c. */
    CONNECT_MS_MAX = 10 * 1000,
    RESTART_MS = 100,
    BACKOFF_MS_FIRST = 500,
    BACKOFF_MS_MAX = 30 * 1000,
    /* Until CURVE is through: TCP's and its own turns. */
    HANDSHAKE_TRIPS = 6,
    LATENCY_US_MIN = 200,
    LATENCY_US_MAX = 2 * 1000 * 1000,
    CUT_MS_MIN = 100,
    LOOK_MS = 10 * 1000, /* whoever breaks something for a time looks for the calm that often */
};
#define CUT_MS_MAX (INT64_C(30) * 24 * 3600 * 1000)

struct path { /* of a host's network */
    int64_t cut_until_ms[SIM_WAYS];
    int64_t alone_until_ms; /* it is the host's whole network that is cut */
};

static struct {
    struct path *paths;
    struct sim_dialer *dialers; /* two a host: its own, and its clone's */
    uint32_t host_count;
    bool is_listening;
    int64_t listens_since_ms;
} net;

void sim_net_open(void)
{
    net.host_count = sim_host_count();
    net.paths = calloc(net.host_count, sizeof(*net.paths));
    net.dialers = calloc(2 * (size_t)net.host_count, sizeof(*net.dialers));
    net.is_listening = false;
    if (net.paths == NULL || net.dialers == NULL)
        sim_broken("no memory for the network");
    for (uint32_t i = 0; i < 2 * net.host_count; i++) {
        net.dialers[i].host = i / 2;
        net.dialers[i].is_clone = i % 2 != 0;
    }
    sim_conns_open();
}

void sim_net_close(void)
{
    sim_conns_close();
    for (uint32_t i = 0; i < 2 * net.host_count; i++)
        sim_cancel(&net.dialers[i].ticket);
    free(net.paths);
    free(net.dialers);
}

static struct sim_dialer *dialer_of(uint32_t host, bool is_clone)
{
    return &net.dialers[2 * (size_t)host + (is_clone ? 1 : 0)];
}

/* ---- ways ---- */

static bool is_cut(int64_t until_ms)
{
    return until_ms > sim_now_ms() && !sim_is_calm();
}

bool sim_net_passes(const struct sim_dialer *dialer, enum sim_way way)
{
    if (dialer->is_clone)
        return true; /* it stands elsewhere */

    return !is_cut(net.paths[dialer->host].cut_until_ms[way]) &&
           !sim_host_truth(dialer->host)->is_cut_off;
}

static bool is_open(const struct sim_dialer *dialer)
{
    return sim_net_passes(dialer, SIM_UP) && sim_net_passes(dialer, SIM_DOWN);
}

int64_t sim_net_latency_ms(uint32_t host)
{
    return sim_draw_log(SIM_DRAW_NET, host, LATENCY_US_MIN, LATENCY_US_MAX) / 1000;
}

bool sim_net_controller_answers(uint32_t host)
{
    return net.is_listening && is_open(dialer_of(host, false));
}

bool sim_net_others_answer(uint32_t host)
{
    return !sim_host_truth(host)->is_cut_off && !is_cut(net.paths[host].alone_until_ms);
}

int64_t sim_net_open_since_ms(uint32_t host)
{
    const int64_t *until_ms = net.paths[host].cut_until_ms;
    int64_t since_ms = net.listens_since_ms;

    for (uint32_t way = 0; way < SIM_WAYS; way++) {
        if (until_ms[way] > sim_now_ms())
            return SIM_NEVER; /* also in the calm, which healed it */
        since_ms = until_ms[way] > since_ms ? until_ms[way] : since_ms;
    }

    return sim_net_controller_answers(host) ? since_ms : SIM_NEVER;
}

/* ---- dialling ---- */

static void on_try(void *userdata, uint64_t argument);

static int64_t draw_backoff_ms(const struct sim_dialer *dialer)
{
    int64_t most_ms = BACKOFF_MS_FIRST;

    for (uint32_t i = 1; i < dialer->attempts && most_ms < BACKOFF_MS_MAX; i++)
        most_ms *= 2;
    if (most_ms > BACKOFF_MS_MAX)
        most_ms = BACKOFF_MS_MAX;

    return sim_draw_between(SIM_DRAW_NET, dialer->host, most_ms / 2, most_ms);
}

static void try_after(struct sim_dialer *dialer, int64_t after_ms)
{
    sim_cancel(&dialer->ticket);
    dialer->ticket = sim_after(after_ms, on_try, dialer, dialer->host);
}

static void fail_after(struct sim_dialer *dialer, int64_t after_ms)
{
    dialer->attempts++;
    try_after(dialer, after_ms + draw_backoff_ms(dialer));
}

static int64_t draw_handshake_ms(uint32_t host)
{
    int64_t sum_ms = 0;

    for (uint32_t i = 0; i < HANDSHAKE_TRIPS; i++)
        sum_ms += sim_net_latency_ms(host);

    return sum_ms;
}

static void on_handshake(void *userdata, uint64_t argument)
{
    struct sim_dialer *dialer = userdata;
    struct sim_conn *conn;

    dialer->ticket = 0;
    if (!net.is_listening || !is_open(dialer) ||
        !sim_controller_admits(sim_host_id(dialer->host))) {
        fail_after(dialer, sim_net_latency_ms(dialer->host));
        return;
    }
    dialer->attempts = 0;
    conn = sim_conn_new(dialer);
    if (dialer->is_clone)
        sim_clone_up(conn);
    else
        sim_host_link_up(dialer->host, dialer->generation);
}

static void on_try(void *userdata, uint64_t argument)
{
    struct sim_dialer *dialer = userdata;

    dialer->ticket = 0;
    if (!is_open(dialer) || !sim_machine(SIM_CONTROLLER)->is_up) {
        fail_after(dialer, CONNECT_MS_MAX);
    } else if (!net.is_listening) {
        fail_after(dialer, 2 * sim_net_latency_ms(dialer->host));
    } else {
        dialer->ticket =
            sim_after(draw_handshake_ms(dialer->host), on_handshake, dialer, dialer->host);
    }
}

/* True when a connection was there. */
static bool drop(struct sim_dialer *dialer, bool is_silent)
{
    struct sim_conn *conn = sim_conn_find(dialer->conn);

    sim_cancel(&dialer->ticket);
    dialer->conn = 0;
    if (conn == NULL)
        return false;
    sim_conn_end(conn, SIM_UP, is_silent);

    return true;
}

static void dial(struct sim_dialer *dialer, uint64_t generation)
{
    const bool had_one = drop(dialer, false);

    dialer->is_wanted = true;
    dialer->generation = generation;
    if (had_one)
        dialer->attempts = 0;
    if (dialer->attempts > 0)
        try_after(dialer, draw_backoff_ms(dialer));
    else
        try_after(dialer, had_one ? RESTART_MS : 0);
}

void sim_net_dial(uint32_t host, uint64_t generation)
{
    dial(dialer_of(host, false), generation);
}

static void hang_up(struct sim_dialer *dialer, bool is_silent)
{
    (void)drop(dialer, is_silent);
    dialer->is_wanted = false;
    dialer->attempts = 0;
}

void sim_net_hang_up(uint32_t host, bool is_silent)
{
    hang_up(dialer_of(host, false), is_silent);
}

void sim_net_lost(struct sim_dialer *dialer, uint64_t generation)
{
    dialer->attempts = 1;
    if (dialer->is_clone)
        dial(dialer, dialer->generation + 1);
    else
        sim_host_link_lost(dialer->host, generation);
}

int sim_net_send_up(uint32_t host, const void *data, size_t size_bytes)
{
    struct sim_conn *conn = sim_conn_find(dialer_of(host, false)->conn);

    return conn == NULL ? -ENOTCONN : sim_conn_send(conn, SIM_UP, data, size_bytes);
}

/* ---- the controller's end ---- */

void sim_net_listen(void)
{
    net.is_listening = true;
    net.listens_since_ms = sim_now_ms();
}

static void end_at_controller(struct sim_conn *conn, uint64_t is_silent)
{
    sim_conn_end(conn, SIM_DOWN, is_silent != 0);
}

void sim_net_deafen(bool is_silent)
{
    if (!net.is_listening)
        return;
    net.is_listening = false;
    sim_conns_each(end_at_controller, is_silent ? 1 : 0);
}

int sim_net_send_down(uint64_t connection, const void *data, size_t size_bytes)
{
    struct sim_conn *conn = sim_conn_find(connection);

    return conn == NULL ? -EHOSTUNREACH : sim_conn_send(conn, SIM_DOWN, data, size_bytes);
}

int64_t sim_net_host_of(uint64_t connection)
{
    const struct sim_conn *conn = sim_conn_find(connection);

    return conn == NULL ? -1 : (int64_t)conn->dialer->host;
}

bool sim_net_forge(uint32_t host, const void *data, size_t size_bytes)
{
    struct sim_conn *conn = sim_conn_find(dialer_of(host, false)->conn);

    return conn != NULL && conn->is_up[SIM_DOWN] &&
           sim_conn_send(conn, SIM_DOWN, data, size_bytes) == 0;
}

/* ---- faults ---- */

static void on_clone_look(void *userdata, uint64_t end_ms)
{
    struct sim_dialer *dialer = userdata;
    int64_t left_ms = (int64_t)end_ms - sim_now_ms();

    if (left_ms > 0 && !sim_is_calm()) {
        (void)sim_after(left_ms < LOOK_MS ? left_ms : LOOK_MS, on_clone_look, dialer, end_ms);
        return;
    }
    sim_tell(dialer->host, "its clone is switched off");
    hang_up(dialer, sim_draw_percent(SIM_DRAW_FAULT, dialer->host, 50));
}

void sim_net_clone(uint32_t host, int64_t for_ms)
{
    struct sim_dialer *dialer = dialer_of(host, true);

    if (dialer->is_wanted)
        return;
    sim_tell(host, "a clone of it comes up");
    dial(dialer, 1);
    on_clone_look(dialer, (uint64_t)(sim_now_ms() + for_ms));
}

static void reset(uint32_t host)
{
    struct sim_conn *conn = sim_conn_find(dialer_of(host, false)->conn);

    if (conn == NULL)
        return;
    sim_tell(host, "its connection is reset");
    /* Whose end goes first; the other one hears of it, or has to find out. */
    if (sim_draw_percent(SIM_DRAW_FAULT, host, 50)) {
        const uint64_t generation = conn->generation;

        sim_conn_end(conn, SIM_UP, sim_draw_percent(SIM_DRAW_FAULT, host, 30));
        sim_net_lost(dialer_of(host, false), generation);
    } else if (conn->is_up[SIM_DOWN]) {
        sim_controller_gone(conn->fd);
        sim_conn_end(conn, SIM_DOWN, sim_draw_percent(SIM_DRAW_FAULT, host, 30));
    }
}

static void extend(int64_t *until_ms, int64_t to_ms)
{
    if (*until_ms < to_ms)
        *until_ms = to_ms;
}

void sim_net_break(uint32_t host, enum sim_fault fault)
{
    struct path *path = &net.paths[host];
    struct sim_conn *conn = sim_conn_find(dialer_of(host, false)->conn);
    int64_t for_ms, until_ms;

    if (fault == SIM_FAULT_LINK_RESET) {
        reset(host);
        return;
    }
    for_ms = sim_draw_log(SIM_DRAW_FAULT, host, CUT_MS_MIN, CUT_MS_MAX);
    until_ms = sim_now_ms() + for_ms;
    if (fault != SIM_FAULT_PARTITION_DOWN)
        extend(&path->cut_until_ms[SIM_UP], until_ms);
    if (fault != SIM_FAULT_PARTITION_UP)
        extend(&path->cut_until_ms[SIM_DOWN], until_ms);
    if (sim_draw_percent(SIM_DRAW_FAULT, host, 50))
        extend(&path->alone_until_ms, until_ms);
    sim_tell(host, "%s for %lld ms", sim_fault_name(fault), (long long)for_ms);
    if (conn != NULL)
        sim_conn_doubt(conn);
}
