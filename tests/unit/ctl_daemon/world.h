/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CTL_DAEMON_WORLD_H
#define TESTS_UNIT_CTL_DAEMON_WORLD_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "controller/daemon/control.h"
#include "controller/daemon/engine.h"
#include "tests/unit/ctl_daemon/fake_host.h"
#include "tests/unit/ctl_daemon/temp.h"

/*
 * A whole belayd in this process, with hosts and people around it: real sockets, a real store in a
 * directory of its own, and one loop that all of them share.
 */
enum {
    WORLD_HOSTS_MAX = 8,
    WORLD_WAIT_MS = 60 * 1000,
};

struct person {
    uint8_t key[PROTO_KEY_BYTES], secret[64];
};

struct world {
    char dir[TEMP_BYTES];
    sd_event *event;
    struct ctl_config config;
    struct ctl_engine *engine;
    struct ctl_control *control;
    void *peers; /* the hosts' ZeroMQ */
    struct fake_host hosts[WORLD_HOSTS_MAX];
    unsigned host_count;
    struct person root, anna, carla; /* anna: operator; carla: commander */
    int client_fd;
};

void world_open(struct world *world);
void world_close(struct world *world);
/* As kill -9 and a new start would be: nothing is said to anybody. The hosts' sockets live on. */
void world_restart(struct world *world);

/* One turn of the loop and of every host. */
void world_turn(struct world *world);

/* Makes a host that is enrolled and connected. */
struct fake_host *world_add_host(struct world *world, const char *name);
/* The first so many of web1, web2, web3 and db1. */
void world_add_hosts(struct world *world, unsigned count);
/* Reports, and turns the world until that is acknowledged. */
void world_report(struct world *world, struct fake_host *host, const struct proto_report *report);

/* Sends a request (a reference is taken over) and returns the next answer (a new reference). */
json_t *world_ask(struct world *world, json_t *request);
/* The same, of a verb without arguments. */
json_t *world_ask_verb(struct world *world, const char *verb);
/* The next frame of a stream. */
json_t *world_receive(struct world *world);
/* Raw bytes to the control socket. */
void world_send_raw(struct world *world, const void *data, size_t size_bytes);

/* A trust file of world->root; `offer` returns the answer, `set` asserts that it was taken. */
json_t *world_offer_trust(struct world *world, uint64_t version);
void world_set_trust(struct world *world, uint64_t version);
/* The same for a new chain: world->root becomes another one. Returns the answer. */
json_t *world_begin_trust_anew(struct world *world, uint64_t version);

/* What world_submission starts from; a test changes what it wants to see refused. */
struct submission_wish {
    uint32_t risk;
    const struct person *signers[2];
    unsigned hosts_per_wave[4]; /* up to the first 0 */
    unsigned first_host;        /* of the world; the others follow it */
    uint32_t failures_allowed;
    int64_t not_after_ms; /* 0: in an hour */
    uint8_t number;       /* of the rollout id */
    uint32_t approvals;
    int64_t answer_ms;
    bool rolls_back;                     /* when nobody answers */
    uint64_t soak_ms;                    /* 0: hardly any */
    struct proto_policy_gate gate;       /* of kind 0: none */
    const char *page, *traffic, *vendor; /* of severe.hooks; NULL: none */
    uint64_t traffic_ms;
    const char *standby; /* name of a host that is kept as it is, with nginx 1; NULL: none */
};

/* Of low risk, web1 before web2, each of which must be good. */
struct submission_wish world_two_waves(const struct world *world);
/* The request "submit" for the first hosts of the world; a new reference. */
json_t *world_submission(const struct world *world, const struct submission_wish *wish);
/* Submits, asserts that it was taken, and copies its id. */
void world_submit(struct world *world, const struct submission_wish *wish, char ret_id[17]);

/* The status document; turns the world until its "state" is this. */
json_t *world_wait_state(struct world *world, const char *state);

/* How many rows of the audit are of this verb. */
uint64_t world_count_audit(struct world *world, const char *verb);

/* An integer or text of a document by keys, for assertions: 0 and "" when missing. */
int64_t json_number(const json_t *document, const char *key);
const char *json_word(const json_t *document, const char *key);

/* The entry of that name in the document's "hosts"; asserts that it is there. */
const json_t *json_host(const json_t *document, const char *name);

#endif
