/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's ROUTER as the engine sees it. What came in waits for the next turn of the loop; there
 * ends are read before messages, as in controller/daemon/link.c, so that a message may come after
 * the end of its connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/daemon/link.h"
#include "proto/message.h"
#include "tests/sim/world/belayd.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/laws.h"
#include "tests/sim/world/net.h"

enum {
    TURN_MS_MAX = 3, /* until the loop comes round */
    TURN_MESSAGES_MAX = 1024,
    SAME_TICK_MS_MAX = 60 * 1000,
    ROUTING_BYTES = 1 + sizeof(uint64_t), /* as libzmq makes them: a zero and a number */
};

struct item {
    struct item *next;
    struct ctl_link_peer peer;
    uint32_t host;
    size_t size_bytes;
    uint8_t data[];
};

struct ctl_link {
    const struct ctl_link_handler *handler;
    struct item *head, **tail;
    int *gone;
    size_t gone_count, gone_capacity;
    sim_ticket pump;
    uint64_t dropped_count;
};

static struct ctl_link *the_link;

static struct item *take(struct ctl_link *link)
{
    struct item *item = link->head;

    link->head = item->next;
    if (link->head == NULL)
        link->tail = &link->head;

    return item;
}

static void pump_gone(struct ctl_link *link)
{
    const size_t count = link->gone_count;

    link->gone_count = 0;
    for (size_t i = 0; i < count; i++)
        link->handler->gone(link->handler->userdata, link->gone[i]);
}

static void pump_messages(struct ctl_link *link)
{
    const struct ctl_link_handler *handler = link->handler;
    uint32_t budget = TURN_MESSAGES_MAX;

    if (link->head == NULL)
        return;
    handler->turn_begin(handler->userdata);
    while (link->head != NULL && budget-- > 0 && !sim_belayd_process()->is_dead) {
        struct item *item = take(link);
        const uint8_t *sender = sim_host_id(item->host);

        if (handler->admits(handler->userdata, sender))
            handler->message(handler->userdata, sender, &item->peer, item->data, item->size_bytes);
        else
            link->dropped_count++;
        free(item);
    }
    handler->turn_end(handler->userdata);
}

static void on_pump(void *userdata, uint64_t argument);

static void want_pump(struct ctl_link *link, int64_t at_ms)
{
    if (link->pump == 0)
        link->pump = sim_at(at_ms, on_pump, link, SIM_CONTROLLER);
}

static void on_pump(void *userdata, uint64_t argument)
{
    struct ctl_link *link = userdata;

    link->pump = 0;
    sim_process_enter(sim_belayd_process());
    pump_gone(link);
    pump_messages(link);
    if (link->head != NULL)
        want_pump(link, sim_now_ms());
    sim_process_leave(sim_belayd_process());
}

static int64_t draw_turn_ms(void)
{
    return sim_now_ms() + sim_draw_between(SIM_DRAW_NET, SIM_CONTROLLER, 0, TURN_MS_MAX);
}

void sim_controller_receive(uint64_t connection, int fd, uint32_t host, const void *data,
                            size_t size_bytes)
{
    struct ctl_link *link = the_link;
    int64_t at_ms = draw_turn_ms();
    struct item *item;

    if (link == NULL)
        return;
    item = malloc(sizeof(*item) + size_bytes);
    if (item == NULL)
        sim_broken("no memory for a message");
    *item = (struct item){.host = host, .size_bytes = size_bytes};
    item->peer.routing_id_bytes = ROUTING_BYTES;
    memcpy(item->peer.routing_id + 1, &connection, sizeof(connection));
    item->peer.fd = fd;
    memcpy(item->data, data, size_bytes);
    *link->tail = item;
    link->tail = &item->next;
    if (sim_belayd_deadline_ms() - sim_now_ms() < SAME_TICK_MS_MAX &&
        sim_fault(SIM_FAULT_SAME_TICK, host))
        at_ms = sim_belayd_deadline_ms();
    want_pump(link, at_ms);
}

void sim_controller_gone(int fd)
{
    struct ctl_link *link = the_link;

    if (link == NULL)
        return;
    if (link->gone_count == link->gone_capacity) {
        link->gone_capacity = 2 * link->gone_capacity + 16;
        link->gone = reallocarray(link->gone, link->gone_capacity, sizeof(*link->gone));
        if (link->gone == NULL)
            sim_broken("no memory for the ends of connections");
    }
    link->gone[link->gone_count++] = fd;
    want_pump(link, draw_turn_ms());
}

bool sim_controller_admits(const uint8_t host_id[32])
{
    const struct ctl_link *link = the_link;

    return link != NULL && link->handler->admits(link->handler->userdata, host_id);
}

/* ---- what the engine calls ---- */

int ctl_link_open(const struct ctl_link_config *config, const struct ctl_link_handler *handler,
                  sd_event *event, struct ctl_link **ret_link, struct bl_error *err)
{
    struct ctl_link *link = calloc(1, sizeof(*link));

    if (link == NULL)
        sim_broken("no memory for the link");
    link->handler = handler;
    link->tail = &link->head;
    the_link = link;
    if (sim_process_may_act())
        sim_net_listen();
    *ret_link = link;

    return 0;
}

/* The network is told by whoever ends the process: how depends on that. */
struct ctl_link *ctl_link_close(struct ctl_link *link)
{
    if (link == NULL)
        return NULL;
    sim_cancel(&link->pump);
    while (link->head != NULL)
        free(take(link));
    free(link->gone);
    free(link);
    the_link = NULL;

    return NULL;
}

/* An offer whose papers are another host's is refused like any other, and nobody would ask why. */
static void judge_papers(uint32_t host, const struct proto_offer *offer,
                         const struct proto_manifest *manifest)
{
    struct proto_target target = {.kind = (uint32_t)offer->kind};
    struct bl_error err = {0};

    memcpy(target.host_id, sim_host_id(host), sizeof(target.host_id));
    SIM_LAW(proto_merkle_verify(manifest->targets_root, manifest->targets_count, &target,
                                offer->index, offer->proof, offer->proof_count, &err) >= 0,
            "host %u: was offered a manifest with the papers of another: %s", host, err.text);
}

static void tell_law(uint32_t host, const void *data, size_t size_bytes)
{
    static const enum ctl_rollout_effect_type orders[] = {
        [PROTO_OFFER] = CTL_ROLLOUT_SEND_OFFER,   [PROTO_START] = CTL_ROLLOUT_SEND_START,
        [PROTO_COMMIT] = CTL_ROLLOUT_SEND_COMMIT, [PROTO_CANCEL] = CTL_ROLLOUT_SEND_CANCEL,
        [PROTO_REVERT] = CTL_ROLLOUT_SEND_REVERT,
    };
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message message;
    struct proto_manifest manifest;
    struct bl_error err = {0};
    const uint8_t *id = message.order.rollout_id;

    if (proto_message_decode(data, size_bytes, &arena, &message, &err) < 0)
        sim_broken("belayd sends what does not decode: %s", err.text);
    SIM_LAW(message.kind != PROTO_REPORT_ACK || !sim_beliefs_are_open(),
            "host %u: its report was acknowledged before it was stored", host);
    if (message.kind < PROTO_OFFER || message.kind > PROTO_REVERT)
        return;
    if (message.kind == PROTO_COMMIT)
        id = message.commit.rollout_id;
    if (message.kind == PROTO_OFFER) {
        if (proto_manifest_decode(message.offer.manifest.data, message.offer.manifest.size_bytes,
                                  &arena, &manifest, &err) < 0)
            sim_broken("belayd offers what does not decode: %s", err.text);
        judge_papers(host, &message.offer, &manifest);
        id = manifest.rollout_id;
    }
    sim_tell(SIM_CONTROLLER, "%s to host %u", proto_message_name(message.kind), host);
    if (message.kind == PROTO_REVERT)
        sim_law_attempt_sent(id, host, (uint32_t)message.revert.attempt);
    sim_law_order_sent(id, host, orders[message.kind]);
}

int ctl_link_send(struct ctl_link *link, enum ctl_link_door door, const struct ctl_link_peer *peer,
                  const void *data, size_t size_bytes)
{
    uint64_t connection;
    int64_t host;
    int r;

    if (peer->routing_id_bytes != ROUTING_BYTES)
        return -EHOSTUNREACH;
    if (!sim_process_may_act())
        return 0;
    memcpy(&connection, peer->routing_id + 1, sizeof(connection));
    host = sim_net_host_of(connection);
    r = sim_net_send_down(connection, data, size_bytes);
    if (r == 0)
        tell_law((uint32_t)host, data, size_bytes);

    return r;
}

const char *ctl_link_endpoint(const struct ctl_link *link, enum ctl_link_door door)
{
    return door == CTL_LINK_FLEET ? "tcp://10.0.0.1:7311" : "tcp://10.0.0.1:7312";
}

uint64_t ctl_link_dropped_count(const struct ctl_link *link)
{
    return link->dropped_count;
}
