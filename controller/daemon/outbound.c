/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/outbound.h"

#include <errno.h>
#include <string.h>

#include "controller/daemon/audit_heads.h"
#include "controller/daemon/inbound.h"
#include "controller/daemon/log.h"
#include "controller/daemon/trust_spread.h"

int ctl_engine_send(struct ctl_engine *engine, const struct ctl_link_peer *peer,
                    const struct proto_message *message)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};
    int r;

    r = proto_message_encode(message, &buffer, &err);
    if (r < 0) {
        ctl_log(CTL_LOG_ERROR, "message of kind %u: %s", message->kind, err.text);
        return r;
    }

    return ctl_link_send(engine->link, CTL_LINK_FLEET, peer, buffer.data, buffer.size_bytes);
}

static struct proto_offer make_offer(const struct ctl_order *order,
                                     struct proto_hash proof[PROTO_PROOF_MAX])
{
    struct ctl_run *run = order->run;

    return (struct proto_offer){
        .manifest = {run->manifest_data, run->manifest_bytes},
        .signatures = run->signatures,
        .signatures_count = run->signatures_count,
        .kind = run->members[order->index].kind,
        .index = order->index,
        .proof = proof,
        .proof_count = proto_merkle_tree_prove(&run->tree, order->index, proof),
    };
}

static struct proto_message make_message(const struct ctl_order *order,
                                         struct proto_hash proof[PROTO_PROOF_MAX])
{
    struct proto_message message = {.kind = order->kind};

    if (order->kind == PROTO_OFFER) {
        message.offer = make_offer(order, proof);
    } else if (order->kind == PROTO_REPORT_ACK) {
        message.report_ack.seq = order->host->ack_seq;
        order->host->ack_seq = 0;
    } else if (order->kind == PROTO_COMMIT) {
        memcpy(message.commit.rollout_id, order->run->id, PROTO_ROLLOUT_ID_BYTES);
        message.commit.nonce = order->nonce;
    } else if (order->kind == PROTO_REVERT) {
        memcpy(message.revert.rollout_id, order->run->id, PROTO_ROLLOUT_ID_BYTES);
        message.revert.attempt = order->attempt;
    } else {
        memcpy(message.order.rollout_id, order->run->id, PROTO_ROLLOUT_ID_BYTES);
    }

    return message;
}

static void send_order(struct ctl_engine *engine, const struct ctl_order *order)
{
    struct proto_hash proof[PROTO_PROOF_MAX];
    struct ctl_fleet_host *host = order->host;
    const struct proto_message message = make_message(order, proof);
    int r;

    if (host->standing != CTL_STANDING_ENROLLED || host->held || !ctl_fleet_is_connected(host))
        return;
    /* To be sent again by the clock. Nothing that stops a job or takes it back waits for this. */
    if ((order->kind == PROTO_OFFER || order->kind == PROTO_START) &&
        ctl_trust_is_awaited(engine, host)) {
        host->slow = true;
        return;
    }
    r = ctl_engine_send(engine, &host->current, &message);
    if (r == -EHOSTUNREACH)
        ctl_inbound_lost(engine, host);
    else if (r < 0)
        host->slow = true;
}

static void send_head(struct ctl_engine *engine, struct ctl_fleet_host *host)
{
    struct bl_error err = {0};

    if (host->standing == CTL_STANDING_ENROLLED && !host->held && ctl_fleet_is_connected(host) &&
        ctl_audit_heads_send(engine, host, &err) < 0)
        ctl_engine_fail(engine, &err);
}

void ctl_outbound_flush(struct ctl_engine *engine)
{
    for (uint32_t i = 0; i < engine->order_count; i++) {
        if (engine->orders[i].kind == PROTO_AUDIT_HEAD) /* of no run */
            send_head(engine, engine->orders[i].host);
        else
            send_order(engine, &engine->orders[i]);
    }
    engine->order_count = 0;
}
