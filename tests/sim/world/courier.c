/* SPDX-License-Identifier: Apache-2.0 */
/*
 * belay-courier of a simulated host, and the agent's end of courier.sock (agent/root/wire.c of the
 * simulator). The courier is a process of its own: it dies and comes back alone, tells the agent of
 * each connection in the order of what came over it, and without an agent it hangs up.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/root/wire.h"
#include "proto/message.h"
#include "tests/sim/world/hosts.h"
#include "tests/sim/world/net.h"

enum {
    RESTART_MS = 1000, /* RestartSec of its unit, and the time to begin */
    LOCAL_RETRY_MS_MAX = 2000,
    REDIAL_MS = 100, /* as RESTART_MS in agent/courier/link.c */
    FRAME_MS_MAX = 20,
    FULL_MS_MAX = 60 * 1000,
};

enum frame_kind {
    FRAME_DATA = 'D',
    FRAME_UP = 'U',
    FRAME_LOST = 'L',
};

struct sim_frame {
    struct sim_frame *next;
    enum frame_kind kind;
    uint64_t generation;
    size_t size_bytes;
    uint8_t data[];
};

struct agent_wire {
    const struct agent_wire_handler *handler;
    struct sim_host *host;
    uint64_t generation;
    bool is_up;
    bool is_reconnect_wanted; /* asked for while no courier was there */
    bool wants_room;
};

static void deliver_later(struct sim_host *h);

/* ---- frames to the agent ---- */

static void drop_frames(struct sim_host *h)
{
    while (h->courier.frames != NULL) {
        struct sim_frame *frame = h->courier.frames;

        h->courier.frames = frame->next;
        free(frame);
    }
    sim_cancel(&h->courier.delivery);
}

/* 0 when it is of another kind. */
static uint32_t read_kind(const void *data, size_t size_bytes, struct proto_arena *arena,
                          struct proto_message *ret_message)
{
    struct bl_error err = {0};

    return proto_message_decode(data, size_bytes, arena, ret_message, &err) < 0 ? 0
                                                                                : ret_message->kind;
}

/* What an agent hears that belayd has not greeted, or that has given up, counts for nothing. */
static void tell_law(const struct sim_host *h, const struct sim_frame *frame)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message message;

    if (h->agent.talk != NULL && agent_talk_is_up(h->agent.talk) &&
        !agent_jobs_is_halted(h->agent.jobs) &&
        read_kind(frame->data, frame->size_bytes, &arena, &message) == PROTO_REVERT)
        sim_law_revert_heard(h->index, message.order.rollout_id);
}

/* Inside of the agent's process. */
static void take_frame(struct agent_wire *wire, const struct sim_frame *frame)
{
    const struct agent_wire_handler *handler = wire->handler;

    switch (frame->kind) {
    case FRAME_DATA:
        tell_law(wire->host, frame);
        handler->message(handler->userdata, frame->data, frame->size_bytes);
        break;
    case FRAME_UP:
        wire->generation = frame->generation;
        wire->is_up = true;
        wire->host->agent.sent_seq = 0;
        handler->up(handler->userdata, wire->generation);
        break;
    case FRAME_LOST:
        if (wire->is_up) {
            wire->is_up = false;
            handler->lost(handler->userdata);
        }
        break;
    }
}

static void deliver(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;
    struct sim_frame *frame = h->courier.frames;

    h->courier.delivery = 0;
    h->courier.frames = frame->next;
    deliver_later(h);
    if (h->agent.wire != NULL) {
        sim_process_enter(&h->agent.process);
        take_frame(h->agent.wire, frame);
        sim_process_leave(&h->agent.process);
    }
    free(frame);
}

static void deliver_later(struct sim_host *h)
{
    int64_t ms = sim_draw_below(SIM_DRAW_SYSTEM, h->index, 8) == 0
                     ? sim_draw_between(SIM_DRAW_SYSTEM, h->index, 1, FRAME_MS_MAX)
                     : 0;

    if (h->courier.frames != NULL && h->courier.delivery == 0)
        h->courier.delivery = sim_after(ms, deliver, h, h->index);
}

static void send_to_agent(struct sim_host *h, enum frame_kind kind, const void *data,
                          size_t size_bytes)
{
    struct sim_frame **last = &h->courier.frames;
    struct sim_frame *frame;

    if (!h->courier.has_agent)
        return;
    frame = malloc(sizeof(*frame) + size_bytes);
    SIM_LAW(frame != NULL, "no memory for a frame");
    *frame = (struct sim_frame){
        .kind = kind, .generation = h->courier.generation, .size_bytes = size_bytes};
    if (size_bytes > 0)
        memcpy(frame->data, data, size_bytes);
    while (*last != NULL)
        last = &(*last)->next;
    *last = frame;
    deliver_later(h);
}

/* ---- the link, as agent/courier/link.c has it ---- */

static void begin_link(struct sim_host *h)
{
    h->courier.is_link_begun = true;
    sim_net_dial(h->index, h->courier.generation + 1);
}

static void on_redial(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->courier.redial = 0;
    begin_link(h);
}

static void stop_link(struct sim_host *h, bool is_silent)
{
    sim_cancel(&h->courier.redial);
    if (h->courier.is_link_begun)
        sim_net_hang_up(h->index, is_silent);
    h->courier.is_link_begun = h->courier.is_link_up = false;
}

/* A new connection is wanted; the old one is told of as lost. */
static void restart_link(struct sim_host *h)
{
    bool was_up = h->courier.is_link_up;

    if (!h->courier.is_link_begun && h->courier.redial == 0)
        return;
    stop_link(h, /* is_silent= */ false);
    if (was_up)
        send_to_agent(h, FRAME_LOST, NULL, 0);
    h->courier.redial = sim_after(REDIAL_MS, on_redial, h, h->index);
}

void sim_host_link_up(uint32_t host, uint64_t generation)
{
    struct sim_host *h = sim_host(host);

    if (!h->courier.is_link_begun || generation != h->courier.generation + 1)
        return;
    h->courier.generation = generation;
    h->courier.is_link_up = true;
    h->courier.up_ms = sim_now_ms();
    send_to_agent(h, FRAME_UP, NULL, 0);
}

/* The back-off of what follows is the network's. */
void sim_host_link_lost(uint32_t host, uint64_t generation)
{
    struct sim_host *h = sim_host(host);

    if (!h->courier.is_link_up || generation != h->courier.generation)
        return;
    h->courier.is_link_up = false;
    send_to_agent(h, FRAME_LOST, NULL, 0);
    begin_link(h);
}

void sim_host_receive(uint32_t host, uint64_t generation, const void *data, size_t size_bytes)
{
    struct sim_host *h = sim_host(host);

    if (h->courier.is_link_up && generation == h->courier.generation && size_bytes > 0)
        send_to_agent(h, FRAME_DATA, data, size_bytes);
}

void sim_host_link_writable(uint32_t host, uint64_t generation)
{
    struct sim_host *h = sim_host(host);
    struct agent_wire *wire = h->agent.wire;

    if (wire == NULL || !h->courier.has_agent || generation != h->courier.generation ||
        !wire->wants_room)
        return;
    wire->wants_room = false;
    sim_process_enter(&h->agent.process);
    wire->handler->writable(wire->handler->userdata);
    sim_process_leave(&h->agent.process);
}

/* ---- courier.sock ---- */

static void on_local_connected(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->courier.ticket = 0;
    if (!h->courier.is_running || h->courier.has_agent || h->agent.wire == NULL)
        return;
    h->courier.has_agent = true;
    begin_link(h);
    if (h->agent.wire->is_reconnect_wanted) {
        h->agent.wire->is_reconnect_wanted = false;
        restart_link(h);
    }
}

void sim_courier_agent_ready(struct sim_host *h)
{
    if (!h->courier.is_running || h->courier.has_agent)
        return;
    sim_cancel(&h->courier.ticket);
    h->courier.ticket =
        sim_after(sim_draw_between(SIM_DRAW_SYSTEM, h->index, 1, LOCAL_RETRY_MS_MAX),
                  on_local_connected, h, h->index);
}

void sim_courier_agent_gone(struct sim_host *h)
{
    drop_frames(h);
    if (!h->courier.has_agent)
        return;
    h->courier.has_agent = false;
    stop_link(h, /* is_silent= */ false);
}

static void on_start(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->courier.ticket = 0;
    h->courier.is_running = true;
    /* Rises within a life by one a connection, and from life to life by the clock. */
    h->courier.generation = (uint64_t)sim_machine_wall_ms(h->machine);
    if (h->agent.wire != NULL)
        sim_courier_agent_ready(h);
}

void sim_courier_start_after(struct sim_host *h, int64_t after_ms)
{
    sim_cancel(&h->courier.ticket);
    if (!h->courier.is_running)
        h->courier.ticket = sim_after(after_ms, on_start, h, h->index);
}

void sim_courier_stop(struct sim_host *h, bool is_silent)
{
    struct agent_wire *wire = h->agent.wire;
    bool had_agent = h->courier.has_agent;

    sim_cancel(&h->courier.ticket);
    sim_cancel(&h->courier.room);
    drop_frames(h);
    stop_link(h, is_silent);
    h->courier.is_running = h->courier.has_agent = false;
    if (wire == NULL || !had_agent)
        return;
    wire->wants_room = false;
    if (!wire->is_up)
        return;
    wire->is_up = false;
    sim_process_enter(&h->agent.process);
    wire->handler->lost(wire->handler->userdata);
    sim_process_leave(&h->agent.process);
}

void sim_host_kill_courier(uint32_t host)
{
    struct sim_host *h = sim_host(host);

    if (!h->courier.is_running)
        return;
    sim_tell(host, "the courier is killed");
    sim_courier_stop(h, /* is_silent= */ false);
    sim_courier_start_after(h, RESTART_MS + sim_draw_below(SIM_DRAW_SYSTEM, host, 500));
}

/* ---- the agent's end ---- */

int agent_wire_new(const struct agent_wire_config *config, const struct agent_wire_handler *handler,
                   sd_event *loop, struct agent_wire **ret_wire, struct bl_error *err)
{
    struct agent_wire *wire = calloc(1, sizeof(*wire));

    SIM_LAW(wire != NULL, "no memory for a wire");
    wire->handler = handler;
    wire->host = sim_here();
    wire->host->agent.wire = wire;
    sim_courier_agent_ready(wire->host);

    *ret_wire = wire;
    return 0;
}

struct agent_wire *agent_wire_free(struct agent_wire *wire)
{
    if (wire == NULL)
        return NULL;
    wire->host->agent.wire = NULL;
    free(wire);

    return NULL;
}

bool agent_wire_is_up(const struct agent_wire *wire)
{
    return wire->is_up;
}

uint64_t agent_wire_generation(const struct agent_wire *wire)
{
    return wire->generation;
}

/* ---- a courier that does not keep up ---- */

static void on_room(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->courier.room = 0;
    if (h->courier.is_link_up)
        sim_host_link_writable(h->index, h->courier.generation);
}

/* Who holds the controller says that it has got what was never sent. */
static void on_forged_ack(void *userdata, uint64_t seq)
{
    struct sim_host *h = userdata;
    const struct proto_message ack = {.kind = PROTO_REPORT_ACK, .report_ack.seq = seq};
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};

    if (proto_message_encode(&ack, &buffer, &err) < 0)
        sim_broken("forged: %s", err.text);
    if (sim_net_forge(h->index, buffer.data, buffer.size_bytes))
        sim_tell(h->index, "forged: report %" PRIu64 " is acknowledged", seq);
}

/* True when it takes no report now, for a while. */
static bool is_full(struct sim_host *h, uint64_t seq)
{
    int64_t ms;

    if (h->courier.room != 0)
        return true;
    if (!sim_fault(SIM_FAULT_COURIER_FULL, h->index))
        return false;
    ms = sim_draw_log(SIM_DRAW_LATER, h->index, FRAME_MS_MAX, FULL_MS_MAX);
    h->courier.room = sim_after(ms, on_room, h, h->index);
    if (sim_fault(SIM_FAULT_FORGED_ACK, h->index))
        (void)sim_after(sim_draw_log(SIM_DRAW_LATER, h->index, 1, ms), on_forged_ack, h, seq);

    return true;
}

/* What finds no connection behind the courier is dropped by it: the agent hears of that later. */
int agent_wire_send(struct agent_wire *wire, const void *data, size_t size_bytes)
{
    struct sim_host *h = wire->host;
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message message;

    if (!h->courier.has_agent)
        return -ENOTCONN;
    if (!sim_current->is_dead && read_kind(data, size_bytes, &arena, &message) == PROTO_REPORT) {
        if (is_full(h, message.report.seq)) {
            wire->wants_room = true;
            return -EAGAIN;
        }
        if (message.report.seq > h->agent.sent_seq)
            h->agent.sent_seq = message.report.seq;
    }
    if (!sim_process_may_act() || !h->courier.is_link_up)
        return 0;
    if (sim_net_send_up(h->index, data, size_bytes) != -EAGAIN)
        return 0;
    wire->wants_room = true;

    return -EAGAIN;
}

void agent_wire_reconnect(struct agent_wire *wire)
{
    struct sim_host *h = wire->host;

    if (!h->courier.has_agent) {
        wire->is_reconnect_wanted = true;
        return;
    }
    if (sim_process_may_act())
        restart_link(h);
}
