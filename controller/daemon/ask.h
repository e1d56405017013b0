/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_ASK_H
#define CTL_DAEMON_ASK_H

#include "controller/daemon/engine.h"

/*
 * Questions to many hosts at once, PING and QUERY: those who are not there are named at once, the
 * others as they answer, the silent ones when the time is over.
 */
struct ctl_ask_answer {
    const struct ctl_fleet_host *host;
    bool answered;
    const char *code, *reason; /* why not; "" when it did */
    double rtt_ms;
    const struct proto_query_result *result; /* QUERY that was answered; else NULL */
};

struct ctl_ask_handler {
    void *userdata;
    void (*answer)(void *userdata, const struct ctl_ask_answer *answer);
    /* After the last answer; never during ctl_ask_start. The asking may be freed in here. */
    void (*done)(void *userdata, uint32_t hosts_count, uint32_t answered_count, double elapsed_ms);
};

struct ctl_asking;

/* `query` NULL asks for a PONG. `hosts` and `query` are borrowed for the call, `handler` copied. */
int ctl_ask_start(struct ctl_engine *engine, struct ctl_fleet_host *const *hosts,
                  uint32_t hosts_count, const struct proto_query *query, int64_t timeout_ms,
                  const struct ctl_ask_handler *handler, struct ctl_asking **ret_asking,
                  struct bl_error *err) BL_CHECKED;
/* Ends it without another call to its handler. */
struct ctl_asking *ctl_asking_free(struct ctl_asking *asking);

/* A PING of our own, for the offset of the host's clock. */
void ctl_ask_clock(struct ctl_engine *engine, struct ctl_fleet_host *host);

/* What came in from a host. An answer to a question that nobody asked is ignored. */
void ctl_ask_take_pong(struct ctl_fleet_host *host, const struct proto_pong *pong);
void ctl_ask_take_result(struct ctl_fleet_host *host, const struct proto_query_result *result);

/* The connection that the questions went to has ended. */
void ctl_ask_host_lost(struct ctl_fleet_host *host);
/* Frees the questions without telling anybody; for the end of the process. */
void ctl_ask_forget_host(struct ctl_fleet_host *host);

#endif
