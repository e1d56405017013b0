/* SPDX-License-Identifier: Apache-2.0 */
/* How the hosts of rollout_sim.c behave: each is a job machine as seen from far away. */
#include <string.h>

#include "tests/sim/rollout_world.h"

bool world_is_final(uint32_t state)
{
    return state == PROTO_JOB_REFUSED || state == PROTO_JOB_BLOCKED ||
           state == PROTO_JOB_CANCELLED || state == PROTO_JOB_COMMITTED ||
           state == PROTO_JOB_REVERTED || state == PROTO_JOB_REVERT_FAILED;
}

int64_t world_soon_ms(struct world *w)
{
    return w->now_ms + 1 + sim_below(&w->chance, 3000);
}

static void host_move(struct world *w, struct host *host, uint32_t to)
{
    SIM_CHECK(&w->chance, host->outbox_count < OUTBOX_MAX);

    host->truth = to;
    host->outbox[host->outbox_count++] = (struct report){
        .job_state = to,
        .grade =
            (to == PROTO_JOB_REVERTING && !host->is_cancelled) || host->is_found ? host->grade : 0,
        .nonce = to == PROTO_JOB_PROBATION ? host->nonce : 0,
    };
    if (host->deliver_ms == SIM_NEVER)
        host->deliver_ms = world_soon_ms(w);
    host->next_ms = world_is_final(to) || to == PROTO_JOB_READY ? SIM_NEVER : world_soon_ms(w);
}

void world_host_act(struct world *w, uint32_t index)
{
    struct host *host = &w->hosts[index];

    switch ((enum proto_job_state)host->truth) {
    case PROTO_JOB_ACCEPTED:
        host_move(w, host, PROTO_JOB_STAGING);
        break;
    case PROTO_JOB_STAGING:
        host_move(w, host, host->blocks ? PROTO_JOB_BLOCKED : PROTO_JOB_READY);
        break;
    case PROTO_JOB_ISOLATING:
        host_move(w, host, PROTO_JOB_CHANGING);
        break;
    case PROTO_JOB_CHANGING:
        host_move(w, host, PROTO_JOB_VERIFYING);
        break;
    case PROTO_JOB_VERIFYING:
        if (host->fails && host->is_held && !host->is_found) {
            host->is_found = true;
            host_move(w, host, PROTO_JOB_VERIFYING);
            host->next_ms = w->now_ms + HELD_MS;
        } else {
            host_move(w, host, host->fails ? PROTO_JOB_REVERTING : PROTO_JOB_PROBATION);
        }
        break;
    case PROTO_JOB_PROBATION:
        if (host->nonce == 0) { /* the link has come up anew */
            host->nonce = 1 + sim_below(&w->chance, 1000000);
            host_move(w, host, PROTO_JOB_PROBATION);
            host->next_ms = w->now_ms + GIVE_UP_MS;
        } else {
            host->is_found = host->commit_got && host->commits_bad;
            host->grade = host->is_found ? PROTO_GRADE_FUNCTIONAL : host->grade;
            host_move(w, host, host->commit_got ? PROTO_JOB_COMMITTED : PROTO_JOB_REVERTING);
        }
        break;
    case PROTO_JOB_REVERTING:
        if (host->is_cancelled)
            host_move(w, host, PROTO_JOB_CANCELLED);
        else
            host_move(w, host, host->cannot_go_back ? PROTO_JOB_REVERT_FAILED : PROTO_JOB_REVERTED);
        break;
    case PROTO_JOB_OFFERED:
    case PROTO_JOB_REFUSED:
    case PROTO_JOB_BLOCKED:
    case PROTO_JOB_READY:
    case PROTO_JOB_CANCELLED:
    case PROTO_JOB_REBOOTING:
    case PROTO_JOB_COMMITTED:
    case PROTO_JOB_REVERTED:
    case PROTO_JOB_REVERT_FAILED:
        host->next_ms = SIM_NEVER;
        break;
    }
}

static bool is_before_start(uint32_t truth)
{
    return truth == PROTO_JOB_ACCEPTED || truth == PROTO_JOB_STAGING || truth == PROTO_JOB_READY;
}

void world_host_cut(struct host *host)
{
    host->inbox_count = 0;
    host->hear_ms = SIM_NEVER;
}

static void put_on_wire(struct world *w, struct host *host, const struct ctl_rollout_effect *order)
{
    SIM_CHECK(&w->chance, host->inbox_count < INBOX_MAX);

    host->inbox[host->inbox_count++] = *order;
    if (host->hear_ms == SIM_NEVER)
        host->hear_ms = w->now_ms + sim_below(&w->chance, 2000);
}

void world_host_send(struct world *w, const struct ctl_rollout_effect *order)
{
    struct host *host = &w->hosts[order->host];

    if (order->type != CTL_ROLLOUT_WAKE && order->type != CTL_ROLLOUT_CHANGED &&
        order->type != CTL_ROLLOUT_CALL_HOOK && host->is_online && !host->dies)
        put_on_wire(w, host, order);
}

static void take(struct world *w, const struct ctl_rollout_effect *order)
{
    struct host *host = &w->hosts[order->host];
    bool is_under_way = host->truth >= PROTO_JOB_ISOLATING && host->truth <= PROTO_JOB_COMMITTED;

    switch (order->type) {
    case CTL_ROLLOUT_SEND_OFFER:
        if (host->truth == 0)
            host_move(w, host, host->refuses ? PROTO_JOB_REFUSED : PROTO_JOB_ACCEPTED);
        break;
    case CTL_ROLLOUT_SEND_START:
        if (host->truth == PROTO_JOB_READY)
            host_move(w, host, PROTO_JOB_ISOLATING);
        break;
    case CTL_ROLLOUT_SEND_COMMIT:
        if (host->truth == PROTO_JOB_PROBATION && order->nonce == host->nonce) {
            host->commit_got = true;
            host->next_ms = world_soon_ms(w);
        }
        break;
    case CTL_ROLLOUT_SEND_CANCEL:
        host->is_cancelled = host->is_cancelled || host->truth == PROTO_JOB_ISOLATING;
        if (host->truth == PROTO_JOB_ISOLATING)
            host_move(w, host, PROTO_JOB_REVERTING);
        else if (is_before_start(host->truth))
            host_move(w, host, PROTO_JOB_CANCELLED);
        break;
    case CTL_ROLLOUT_SEND_REVERT:
        if (is_before_start(host->truth)) {
            host_move(w, host, PROTO_JOB_CANCELLED);
        } else if (is_under_way ||
                   (host->truth == PROTO_JOB_REVERT_FAILED && order->attempt > host->attempt)) {
            host->attempt = order->attempt;
            host->cannot_go_back = host->cannot_go_back && sim_percent(&w->chance, 70);
            host_move(w, host, PROTO_JOB_REVERTING);
        }
        break;
    case CTL_ROLLOUT_WAKE:
    case CTL_ROLLOUT_CHANGED:
    case CTL_ROLLOUT_CALL_HOOK:
        break;
    }
}

void world_host_hear(struct world *w, uint32_t index)
{
    struct host *host = &w->hosts[index];
    struct ctl_rollout_effect order = host->inbox[0];

    host->hear_ms = SIM_NEVER;
    host->inbox_count--;
    memmove(host->inbox, host->inbox + 1, host->inbox_count * sizeof(host->inbox[0]));
    if (host->inbox_count > 0)
        host->hear_ms = w->now_ms + sim_below(&w->chance, 2000);
    take(w, &order);
    if (!w->is_calm && sim_percent(&w->chance, 3))
        put_on_wire(w, host, &order);
}
