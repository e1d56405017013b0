/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"

enum {
    TIMER_ACCURACY_US = 1000,
};

struct ctl_ask {
    struct ctl_ask *next;      /* of the same host */
    struct ctl_asking *asking; /* NULL: for the clock */
    struct ctl_fleet_host *host;
    uint64_t nonce;
    int64_t sent_us;
};

struct ctl_asking {
    struct ctl_engine *engine;
    struct ctl_ask_handler handler;
    sd_event_source *timer;
    uint32_t hosts_count, open_count, answered_count;
    int64_t started_us;
};

static struct ctl_ask *take_out(struct ctl_ask **link)
{
    struct ctl_ask *ask = *link;

    *link = ask->next;
    ask->next = NULL;

    return ask;
}

static void finish_if_done(struct ctl_asking *asking)
{
    double elapsed_ms = (double)(bl_mono_now_us() - asking->started_us) / 1000.0;

    if (asking->open_count == 0)
        asking->handler.done(asking->handler.userdata, asking->hosts_count, asking->answered_count,
                             elapsed_ms);
}

static void tell(struct ctl_asking *asking, const struct ctl_ask_answer *answer)
{
    asking->handler.answer(asking->handler.userdata, answer);
    asking->open_count--;
    if (answer->answered)
        asking->answered_count++;
}

static void tell_missing(struct ctl_asking *asking, const struct ctl_fleet_host *host,
                         const char *code, const char *reason)
{
    const struct ctl_ask_answer answer = {.host = host, .code = code, .reason = reason};

    tell(asking, &answer);
}

/* ---- sending ---- */

static int send_question(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         const struct proto_query *query, struct ctl_asking *asking)
{
    struct proto_message message = {.kind = query != NULL ? PROTO_QUERY : PROTO_PING};
    struct ctl_ask *ask = calloc(1, sizeof(*ask));
    struct bl_error err = {0};
    int r;

    if (ask == NULL)
        return -ENOMEM;
    r = bl_random_u64(&ask->nonce, &err);
    if (r >= 0) {
        if (query != NULL) {
            message.query = *query;
            message.query.query_id = ask->nonce;
        } else {
            message.ping.nonce = ask->nonce;
        }
        ask->sent_us = bl_mono_now_us();
        r = ctl_engine_send(engine, &host->current, &message);
    }
    if (r < 0) {
        free(ask);
        return r;
    }
    ask->asking = asking;
    ask->host = host;
    ask->next = host->asks;
    host->asks = ask;

    return 0;
}

static void ask_host(struct ctl_asking *asking, struct ctl_fleet_host *host,
                     const struct proto_query *query)
{
    int r = -EHOSTUNREACH;

    if (host->standing != CTL_STANDING_ENROLLED) {
        tell_missing(asking, host, "not_enrolled",
                     host->standing == CTL_STANDING_PENDING
                         ? "the host waits for approval: 'belay hosts approve'"
                         : "the host's key was revoked");
        return;
    }
    if (host->held) {
        tell_missing(asking, host, "clone", "two machines are connected with this host's key");
        return;
    }
    if (ctl_fleet_is_connected(host))
        r = send_question(asking->engine, host, query, asking);
    if (r == -EHOSTUNREACH)
        tell_missing(asking, host, "absent", "the host is not connected");
    else if (r < 0)
        tell_missing(asking, host, "slow", "the host does not take in what is sent to it");
}

void ctl_ask_clock(struct ctl_engine *engine, struct ctl_fleet_host *host)
{
    struct ctl_ask **link = &host->asks;

    while (*link != NULL) {
        if ((*link)->asking == NULL)
            free(take_out(link)); /* it was never answered */
        else
            link = &(*link)->next;
    }
    /* That it can't be sent is found by whoever has something important to send. */
    (void)send_question(engine, host, NULL, NULL);
}

/* ---- ends ---- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct ctl_asking *asking = userdata;
    const struct ctl_fleet *fleet = &asking->engine->fleet;

    for (uint32_t i = 0; i < fleet->count && asking->open_count > 0; i++) {
        struct ctl_ask **link = &fleet->hosts[i]->asks;

        while (*link != NULL) {
            if ((*link)->asking != asking) {
                link = &(*link)->next;
                continue;
            }
            free(take_out(link));
            tell_missing(asking, fleet->hosts[i], "no_answer",
                         "the host is connected but did not answer in time");
        }
    }
    finish_if_done(asking);

    return 0;
}

int ctl_ask_start(struct ctl_engine *engine, struct ctl_fleet_host *const *hosts,
                  uint32_t hosts_count, const struct proto_query *query, int64_t timeout_ms,
                  const struct ctl_ask_handler *handler, struct ctl_asking **ret_asking,
                  struct bl_error *err)
{
    struct ctl_asking *asking = calloc(1, sizeof(*asking));
    int r;

    if (asking == NULL)
        return bl_fail(err, -ENOMEM, "no memory");
    asking->engine = engine;
    asking->handler = *handler;
    asking->hosts_count = asking->open_count = hosts_count;
    asking->started_us = bl_mono_now_us();
    r = sd_event_add_time_relative(engine->event, &asking->timer, CLOCK_BOOTTIME,
                                   (uint64_t)timeout_ms * 1000, TIMER_ACCURACY_US, on_deadline,
                                   asking);
    if (r < 0) {
        free(asking);
        return bl_fail(err, r, "timer: %s", strerror(-r));
    }
    for (uint32_t i = 0; i < hosts_count; i++)
        ask_host(asking, hosts[i], query);
    /* When nobody is left to answer, the end still comes from the loop, as in every other case. */
    if (asking->open_count == 0)
        (void)sd_event_source_set_time(asking->timer, 0);
    *ret_asking = asking;

    return 0;
}

struct ctl_asking *ctl_asking_free(struct ctl_asking *asking)
{
    const struct ctl_fleet *fleet;

    if (asking == NULL)
        return NULL;
    fleet = &asking->engine->fleet;
    for (uint32_t i = 0; i < fleet->count && asking->open_count > 0; i++) {
        struct ctl_ask **link = &fleet->hosts[i]->asks;

        while (*link != NULL) {
            if ((*link)->asking == asking)
                free(take_out(link));
            else
                link = &(*link)->next;
        }
    }
    (void)sd_event_source_disable_unref(asking->timer);
    free(asking);

    return NULL;
}

static struct ctl_ask *take_answered(struct ctl_fleet_host *host, uint64_t nonce)
{
    for (struct ctl_ask **link = &host->asks; *link != NULL; link = &(*link)->next) {
        if ((*link)->nonce == nonce)
            return take_out(link);
    }

    return NULL;
}

void ctl_ask_take_pong(struct ctl_fleet_host *host, const struct proto_pong *pong)
{
    struct ctl_ask *ask = take_answered(host, pong->nonce);
    struct ctl_ask_answer answer = {.host = host, .answered = true, .code = "", .reason = ""};
    struct ctl_asking *asking;
    int64_t rtt_us;

    if (ask == NULL)
        return;
    rtt_us = bl_mono_now_us() - ask->sent_us;
    /* The host read its clock about half way. */
    host->clock_offset_ms = pong->host_wall_ms - (bl_wall_now().ms - rtt_us / 2000);
    host->clock_offset_known = true;
    host->unsaved = true;
    asking = ask->asking;
    free(ask);
    if (asking == NULL)
        return;
    answer.rtt_ms = (double)rtt_us / 1000.0;
    tell(asking, &answer);
    finish_if_done(asking);
}

void ctl_ask_take_result(struct ctl_fleet_host *host, const struct proto_query_result *result)
{
    struct ctl_ask *ask = take_answered(host, result->query_id);
    const struct ctl_ask_answer answer = {
        .host = host, .answered = true, .code = "", .reason = "", .result = result};
    struct ctl_asking *asking;

    if (ask == NULL)
        return;
    asking = ask->asking;
    free(ask);
    if (asking == NULL)
        return;
    tell(asking, &answer);
    finish_if_done(asking);
}

void ctl_ask_host_lost(struct ctl_fleet_host *host)
{
    while (host->asks != NULL) {
        struct ctl_ask *ask = take_out(&host->asks);
        struct ctl_asking *asking = ask->asking;

        free(ask);
        if (asking == NULL)
            continue;
        tell_missing(asking, host, "absent", "the connection ended before the host answered");
        finish_if_done(asking);
    }
}

void ctl_ask_forget_host(struct ctl_fleet_host *host)
{
    while (host->asks != NULL)
        free(take_out(&host->asks));
}
