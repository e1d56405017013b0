/* SPDX-License-Identifier: Apache-2.0 */
/*
 * N agents in one process, to measure a controller with: they enrol with a token, connect, answer
 * PING and QUERY and play through jobs. Ends when its standard input is closed.
 *
 *   fake_fleet ENROLL_ENDPOINT ENDPOINT CONTROLLER_KEY TOKEN_SECRET COUNT [FATE=HOSTS]...
 *
 * TOKEN_SECRET is what the verb enroll.token gives, with at least COUNT uses. The first hosts meet
 * the fates that are named, in their order; all others do what they are told:
 *
 *   blocks, reverts, silent, stuck  end so: see enum fake_end
 *   cut      the connection is lost in mid-job, with the reports under way, and made anew
 *   doubles  each report arrives twice
 */
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/hex.h"
#include "common/text.h"
#include "tests/unit/ctl_daemon/fake_host.h"

enum {
    COUNT_MAX = 9000, /* two descriptors a ZeroMQ socket */
    WAIT_MS = 100,
    QUIET_MS = 3000, /* then a host says hello again: belayd may be another one */
    ENROLL_WAIT_MS_MAX = 60 * 1000,
};

struct fate {
    const char *name;
    enum fake_end end;
    bool is_cut, doubles;
};

static const struct fate fates[] = {
    {.name = "blocks", .end = FAKE_BLOCKS},
    {.name = "reverts", .end = FAKE_REVERTS},
    {.name = "silent", .end = FAKE_SILENT},
    {.name = "stuck", .end = FAKE_STUCK},
    {.name = "cut", .end = FAKE_COMMITS, .is_cut = true},
    {.name = "doubles", .end = FAKE_COMMITS, .doubles = true},
};

struct fleet {
    struct fake_host *hosts;
    const struct fate **fates; /* by host; NULL = none */
    int64_t *heard_ms;         /* by host */
    zmq_pollitem_t *items;     /* those of the hosts, then standard input */
    unsigned count;
    const char *enroll_endpoint, *endpoint;
    uint8_t server_key[PROTO_KEY_BYTES], token[PROTO_TOKEN_BYTES];
};

static const struct fate *find_fate(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
        if (strlen(fates[i].name) == length && strncmp(fates[i].name, name, length) == 0)
            return &fates[i];
    }

    return NULL;
}

/* FATE=HOSTS for the next hosts from *next on. */
static int read_fate(const char *argument, struct fleet *fleet, unsigned *next)
{
    const char *equals = strchr(argument, '=');
    const struct fate *fate =
        equals == NULL ? NULL : find_fate(argument, (size_t)(equals - argument));
    struct bl_error err = {0};
    uint64_t count;

    if (fate == NULL || bl_text_to_u64(equals + 1, fleet->count - *next, &count, &err) < 0) {
        (void)fprintf(stderr, "fake_fleet: '%s' is no fate of so many hosts\n", argument);
        return -1;
    }
    while (count-- > 0)
        fleet->fates[(*next)++] = fate;

    return 0;
}

static int read_arguments(char **argv, struct fleet *fleet)
{
    unsigned next = 0;
    struct bl_error err = {0};
    uint64_t count;

    fleet->enroll_endpoint = argv[1];
    fleet->endpoint = argv[2];
    if (bl_hex_decode(argv[3], fleet->server_key, sizeof(fleet->server_key), &err) < 0 ||
        bl_hex_decode(argv[4], fleet->token, sizeof(fleet->token), &err) < 0 ||
        bl_text_to_u64(argv[5], COUNT_MAX, &count, &err) < 0) {
        (void)fprintf(stderr, "fake_fleet: %s\n", err.text);
        return -1;
    }
    fleet->count = (unsigned)count;
    fleet->hosts = calloc(fleet->count, sizeof(*fleet->hosts));
    fleet->items = calloc(fleet->count + 1, sizeof(*fleet->items));
    fleet->fates = calloc(fleet->count, sizeof(*fleet->fates));
    fleet->heard_ms = calloc(fleet->count, sizeof(*fleet->heard_ms));
    if (fleet->hosts == NULL || fleet->items == NULL || fleet->fates == NULL ||
        fleet->heard_ms == NULL)
        return -1;
    for (char **argument = argv + 6; *argument != NULL; argument++) {
        if (read_fate(*argument, fleet, &next) < 0)
            return -1;
    }

    return 0;
}

/* One after the other: what is measured is what comes after. */
static int enroll_all(struct fleet *fleet, void *context)
{
    for (unsigned i = 0; i < fleet->count; i++) {
        struct fake_host *host = &fleet->hosts[i];
        zmq_pollitem_t item = {.events = ZMQ_POLLIN};
        char name[32];
        size_t trust_bytes;

        (void)snprintf(name, sizeof(name), "fake%05u", i);
        fake_host_init(host, context, name);
        fake_host_connect(host, fleet->enroll_endpoint, fleet->server_key);
        fake_host_send_enroll(host, fleet->token);
        item.socket = host->socket;
        if (zmq_poll(&item, 1, ENROLL_WAIT_MS_MAX) != 1 ||
            fake_host_take_enroll_reply(host, &trust_bytes) != PROTO_ENROLL_ACCEPTED) {
            (void)fprintf(stderr, "fake_fleet: '%s' was not enrolled\n", name);
            return -1;
        }
        fake_host_disconnect(host);
    }

    return 0;
}

static void meet_fate(struct fake_host *host, const struct fate *fate)
{
    if (fate == NULL)
        return;
    host->end = fate->end;
    host->doubles_reports = fate->doubles;
    host->loses_reports = fate->is_cut;
}

static void connect_all(struct fleet *fleet)
{
    for (unsigned i = 0; i < fleet->count; i++) {
        fake_host_connect(&fleet->hosts[i], fleet->endpoint, fleet->server_key);
        meet_fate(&fleet->hosts[i], fleet->fates[i]);
        fake_host_hello(&fleet->hosts[i]);
        fleet->items[i] = (zmq_pollitem_t){.socket = fleet->hosts[i].socket, .events = ZMQ_POLLIN};
    }
    fleet->items[fleet->count] = (zmq_pollitem_t){.fd = STDIN_FILENO, .events = ZMQ_POLLIN};
}

/* What it reports since it is ready is lost with the connection; it has it still. */
static void cut(struct fleet *fleet, unsigned index)
{
    struct fake_host *host = &fleet->hosts[index];

    host->loses_reports = false;
    fake_host_disconnect(host);
    fake_host_connect(host, fleet->endpoint, fleet->server_key);
    fake_host_hello(host);
    fleet->items[index].socket = host->socket;
}

static void serve_host(struct fleet *fleet, unsigned index)
{
    struct fake_host *host = &fleet->hosts[index];

    (void)fake_host_poll(host);
    fleet->heard_ms[index] = bl_mono_now().ms;
    if (host->loses_reports && host->report_count > 0)
        cut(fleet, index);
}

static void greet_the_quiet(struct fleet *fleet)
{
    const int64_t now_ms = bl_mono_now().ms;

    for (unsigned i = 0; i < fleet->count; i++) {
        if (now_ms - fleet->heard_ms[i] < QUIET_MS)
            continue;
        fake_host_hello(&fleet->hosts[i]);
        fleet->heard_ms[i] = now_ms;
    }
}

static void serve(struct fleet *fleet)
{
    const int64_t start_ms = bl_mono_now().ms;
    unsigned welcomed = 0;

    while ((fleet->items[fleet->count].revents & (ZMQ_POLLIN | ZMQ_POLLERR)) == 0) {
        if (zmq_poll(fleet->items, (int)fleet->count + 1, WAIT_MS) < 0)
            return;
        for (unsigned i = 0; i < fleet->count; i++) {
            if ((fleet->items[i].revents & ZMQ_POLLIN) == 0)
                continue;
            welcomed += fleet->hosts[i].welcomes == 0 ? 1 : 0;
            serve_host(fleet, i);
            if (welcomed == fleet->count) {
                (void)printf("%u connected in %lld ms\n", welcomed,
                             (long long)(bl_mono_now().ms - start_ms));
                (void)fflush(stdout);
                welcomed++;
            }
        }
        greet_the_quiet(fleet);
    }
}

int main(int argc, char **argv)
{
    struct fleet fleet = {0};
    void *context = zmq_ctx_new();

    if (argc < 6 || context == NULL || sodium_init() < 0) {
        (void)fputs("Usage: fake_fleet ENROLL_ENDPOINT ENDPOINT KEY TOKEN_SECRET COUNT "
                    "[FATE=HOSTS]...\n",
                    stderr);
        return 2;
    }
    (void)zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 2 * COUNT_MAX);
    if (read_arguments(argv, &fleet) < 0 || enroll_all(&fleet, context) < 0)
        return 1;
    connect_all(&fleet);
    serve(&fleet);
    for (unsigned i = 0; i < fleet.count; i++)
        fake_host_disconnect(&fleet.hosts[i]);
    (void)zmq_ctx_term(context);
    free(fleet.hosts);
    free(fleet.items);
    free(fleet.fates);
    free(fleet.heard_ms);

    return 0;
}
