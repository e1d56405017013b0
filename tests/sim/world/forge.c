/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who holds the controller, with its key but without anybody's signature: nothing of what
 * he sends may ever change a host.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/message.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/net.h"
#include "tests/sim/world/people.h"

enum forgery {
    FORGE_SIGNATURE, /* a stranger signs a manifest of his own */
    FORGE_BYTES,     /* signed bytes are changed, with another rollout id */
    FORGE_PLACE,     /* a signed manifest, with the proof of another host */
    REPLAY,          /* a signed manifest, as it was offered once */
    FORGE_ORDER,     /* an order of a rollout that nobody ever offered */
    FORGE_COMMIT,    /* of a rollout that is known, with a number that no host made */
    FORGERIES,
};

static bool may_take_any(uint32_t host)
{
    return true;
}

static uint32_t draw_below(uint32_t bound)
{
    return sim_draw_below(SIM_DRAW_FAULT, SIM_CONTROLLER, bound);
}

static void send(uint32_t host, const struct proto_buffer *buffer, const char *what)
{
    if (sim_net_forge(host, buffer->data, buffer->size_bytes))
        sim_tell(host, "forged: %s", what);
}

/* A whole plan of his own, for the hosts he likes. */
static void forge_plan(bool is_signature_torn)
{
    struct sim_plan plan;

    if (!sim_plan_draw(&plan, SIM_DRAW_FAULT, 0x80 + draw_below(0x40), may_take_any))
        return;
    for (uint32_t i = 0; i < plan.signatures_count; i++) {
        if (is_signature_torn)
            plan.signatures[i].signature[draw_below(PROTO_SIGNATURE_BYTES)] ^= 1;
        else
            sim_keys_sign(SIM_PEOPLE, &plan.manifest, &plan.signatures[i]);
    }
    plan.signatures_count = 1;
    plan.rollout.is_valid = false;
    sim_law_submitted(&plan.rollout);
    for (uint32_t i = 0; i < plan.rollout.hosts_count && i < 4; i++) {
        PROTO_AUTO_BUFFER message = {0};

        sim_plan_offer(&plan, i, &message);
        sim_law_order_forged(plan.rollout.id, plan.rollout.hosts[i], CTL_ROLLOUT_SEND_OFFER);
        send(plan.rollout.hosts[i], &message, "an offer that nobody signed");
    }
    sim_plan_release(&plan);
}

static void forge_order(uint32_t host, const uint8_t *id, uint32_t kind,
                        enum ctl_rollout_effect_type order)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_message message = {.kind = kind};
    struct bl_error err = {0};

    if (kind == PROTO_COMMIT) {
        memcpy(message.commit.rollout_id, id, PROTO_ROLLOUT_ID_BYTES);
        message.commit.nonce = sim_draw(SIM_DRAW_FAULT, SIM_CONTROLLER);
    } else {
        memcpy(message.order.rollout_id, id, PROTO_ROLLOUT_ID_BYTES);
    }
    if (kind == PROTO_REVERT) {
        message.revert.attempt = 1;
        sim_law_attempt_sent(id, host, 1);
    }
    if (proto_message_encode(&message, &buffer, &err) < 0)
        sim_broken("forged: %s", err.text);
    sim_law_order_forged(id, host, order);
    send(host, &buffer, proto_message_name(kind));
}

static void forge_unknown(uint32_t host)
{
    static const struct {
        uint32_t kind;
        enum ctl_rollout_effect_type order;
    } orders[] = {{PROTO_START, CTL_ROLLOUT_SEND_START},
                  {PROTO_CANCEL, CTL_ROLLOUT_SEND_CANCEL},
                  {PROTO_REVERT, CTL_ROLLOUT_SEND_REVERT},
                  {PROTO_COMMIT, CTL_ROLLOUT_SEND_COMMIT}};
    const uint32_t which = draw_below(sizeof(orders) / sizeof(orders[0]));
    uint64_t id = sim_draw(SIM_DRAW_FAULT, SIM_CONTROLLER);
    uint8_t bytes[PROTO_ROLLOUT_ID_BYTES];
    const struct sim_law_rollout rollout = {.is_valid = false};
    struct sim_law_rollout forged = rollout;

    memcpy(bytes, &id, sizeof(bytes));
    bytes[0] = 0xff;
    memcpy(forged.id, bytes, sizeof(forged.id));
    sim_law_submitted(&forged);
    forge_order(host, bytes, orders[which].kind, orders[which].order);
}

/* What people signed, to the host at one place with the papers of another; the same one: a replay. */
static void offer_again(const struct sim_plan *plan, bool is_same)
{
    const uint32_t place = draw_below(plan->rollout.hosts_count);
    uint32_t host = plan->rollout.hosts[place];
    PROTO_AUTO_BUFFER message = {0};

    if (!is_same)
        host = draw_below(sim_host_count());
    sim_plan_offer(plan, place, &message);
    sim_law_order_forged(plan->rollout.id, host, CTL_ROLLOUT_SEND_OFFER);
    send(host, &message, is_same ? "an old offer again" : "another host's offer");
}

/* ---- what nearly fits ---- */

static uint32_t draw_aim(uint32_t bound)
{
    return sim_draw_below(SIM_DRAW_LATER, SIM_CONTROLLER, bound);
}

/* START or CANCEL of another rollout than that of the job which the host is at. */
static void forge_of_another(uint32_t host)
{
    const struct sim_host_truth *truth = sim_host_truth(host);
    const struct sim_plan *plan = sim_people_plan(draw_aim(SIM_PLANS_MAX));

    if (plan == NULL || !sim_host_has_job(host) ||
        memcmp(plan->rollout.id, truth->rollout_id, PROTO_ROLLOUT_ID_BYTES) == 0)
        return;
    if (draw_aim(2) == 0)
        forge_order(host, plan->rollout.id, PROTO_START, CTL_ROLLOUT_SEND_START);
    else
        forge_order(host, plan->rollout.id, PROTO_CANCEL, CTL_ROLLOUT_SEND_CANCEL);
}

static bool is_named(const struct sim_plan *plan, uint32_t host)
{
    for (uint32_t i = 0; i < plan->rollout.hosts_count; i++) {
        if (plan->rollout.hosts[i] == host)
            return true;
    }

    return false;
}

/* The papers of one who is named, to those who are not. */
static void offer_to_strangers(const struct sim_plan *plan)
{
    PROTO_AUTO_BUFFER message = {0};

    sim_plan_offer(plan, draw_aim(plan->rollout.hosts_count), &message);
    for (uint32_t host = 0; host < sim_host_count(); host++) {
        if (!is_named(plan, host))
            send(host, &message, "the offer of a host that is named");
    }
}

static uint32_t thief; /* whose revoked key he has */

static bool is_revoked_there(uint32_t host)
{
    const struct proto_trust *trust = sim_host_trust(host);

    return trust != NULL && trust->people[thief].revoked;
}

/* A plan of his own, well signed, for those hosts that know that this key is revoked. */
static void forge_by_thief(void)
{
    struct sim_plan plan;

    thief = draw_aim(SIM_CARLA);
    if (!sim_keys_is_revoked(thief)) {
        sim_people_press(SIM_FAULT_KEY_REVOKED);
        return;
    }
    if (!sim_plan_draw(&plan, SIM_DRAW_LATER, 0x80 + draw_aim(0x40), is_revoked_there))
        return;
    sim_keys_sign(thief, &plan.manifest, &plan.signatures[0]);
    plan.rollout.is_valid = false;
    sim_law_submitted(&plan.rollout);
    for (uint32_t i = 0; i < plan.rollout.hosts_count; i++) {
        PROTO_AUTO_BUFFER message = {0};

        sim_plan_offer(&plan, i, &message);
        sim_law_order_forged(plan.rollout.id, plan.rollout.hosts[i], CTL_ROLLOUT_SEND_OFFER);
        send(plan.rollout.hosts[i], &message, "an offer signed with a revoked key");
    }
    sim_plan_release(&plan);
}

void sim_forge_aimed(void)
{
    const struct sim_plan *plan = sim_people_plan(draw_aim(SIM_PLANS_MAX));
    const uint32_t kind = draw_aim(3);

    if (kind == 0)
        forge_by_thief();
    else if (kind == 1 && plan != NULL)
        offer_to_strangers(plan);
    else
        forge_of_another(draw_aim(sim_host_count()));
}

void sim_forge(void)
{
    const struct sim_plan *plan = sim_people_any_plan();
    const enum forgery forgery = draw_below(FORGERIES);
    const uint32_t host = draw_below(sim_host_count());

    if (forgery == FORGE_SIGNATURE || forgery == FORGE_BYTES)
        forge_plan(forgery == FORGE_BYTES);
    else if (forgery == FORGE_ORDER || plan == NULL)
        forge_unknown(host);
    else if (forgery == FORGE_COMMIT)
        forge_order(host, plan->rollout.id, PROTO_COMMIT, CTL_ROLLOUT_SEND_COMMIT);
    else
        offer_again(plan, forgery == REPLAY);
}
