/* SPDX-License-Identifier: Apache-2.0 */
/* The link against real ZeroMQ peers on the loopback, honest and not. */
#include "controller/daemon/link.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <zmq.h>

#include "controller/daemon/zap.h"
#include "tests/lib/unit.h"

enum {
    WAIT_MS = 60 * 1000,
    REFUSED_WAIT_MS = 400,
    TURN_US = 20 * 1000,
};

struct keys {
    uint8_t public_key[PROTO_HOST_ID_BYTES], secret_key[PROTO_HOST_ID_BYTES];
};

struct world {
    sd_event *event;
    struct ctl_link *link;
    struct ctl_link_config config;
    struct ctl_link_handler handler;
    void *peers; /* the hosts' ZeroMQ */
    struct keys server, host;
    bool host_is_admitted;
    unsigned messages, enrolls, gone, turns_open;
    unsigned refused, refused_live; /* at a handshake; within a connection */
    int gone_fd;
    struct ctl_link_peer peer; /* of the last message */
    uint8_t sender[PROTO_HOST_ID_BYTES];
    char text[64];
};

static struct world world;

static bool admits(void *userdata, const uint8_t key[PROTO_HOST_ID_BYTES])
{
    return world.host_is_admitted && memcmp(key, world.host.public_key, PROTO_HOST_ID_BYTES) == 0;
}

static void on_refused(void *userdata, const uint8_t key[PROTO_HOST_ID_BYTES], const char *address)
{
    memcpy(world.sender, key, sizeof(world.sender));
    if (address[0] == '\0') {
        world.refused_live++;
    } else {
        assert_string_equal(address, "127.0.0.1");
        world.refused++;
    }
}

static void take(const uint8_t sender[PROTO_HOST_ID_BYTES], const struct ctl_link_peer *peer,
                 const void *data, size_t size_bytes)
{
    assert_int_equal(world.turns_open, 1);
    assert_true(size_bytes < sizeof(world.text));
    memcpy(world.text, data, size_bytes);
    world.text[size_bytes] = '\0';
    memcpy(world.sender, sender, sizeof(world.sender));
    world.peer = *peer;
}

static void on_message(void *userdata, const uint8_t sender[PROTO_HOST_ID_BYTES],
                       const struct ctl_link_peer *peer, const void *data, size_t size_bytes)
{
    world.messages++;
    take(sender, peer, data, size_bytes);
}

static void on_enroll(void *userdata, const uint8_t sender[PROTO_HOST_ID_BYTES],
                      const struct ctl_link_peer *peer, const void *data, size_t size_bytes)
{
    world.enrolls++;
    take(sender, peer, data, size_bytes);
}

static void on_gone(void *userdata, int fd)
{
    world.gone++;
    world.gone_fd = fd;
}

static void on_turn_begin(void *userdata)
{
    world.turns_open++;
}

static void on_turn_end(void *userdata)
{
    world.turns_open--;
}

static void make_keys(struct keys *keys)
{
    assert_int_equal(crypto_box_keypair(keys->public_key, keys->secret_key), 0);
}

static int open_world(void **state)
{
    struct bl_error err = {0};

    world = (struct world){
        .handler = {.admits = admits,
                    .refused = on_refused,
                    .message = on_message,
                    .enroll = on_enroll,
                    .gone = on_gone,
                    .turn_begin = on_turn_begin,
                    .turn_end = on_turn_end},
        .config = {.listen = "tcp://127.0.0.1:0", .enroll_listen = "tcp://127.0.0.1:0"},
        .host_is_admitted = true,
    };
    make_keys(&world.server);
    make_keys(&world.host);
    memcpy(world.config.secret_key, world.server.secret_key, PROTO_HOST_ID_BYTES);
    memcpy(world.config.public_key, world.server.public_key, PROTO_HOST_ID_BYTES);
    world.peers = zmq_ctx_new();
    assert_int_equal(sd_event_new(&world.event), 0);
    assert_int_equal(ctl_link_open(&world.config, &world.handler, world.event, &world.link, &err),
                     0);
    return 0;
}

static int close_world(void **state)
{
    (void)ctl_link_close(world.link);
    (void)sd_event_unref(world.event);
    (void)zmq_ctx_term(world.peers);
    return 0;
}

static void *connect_peer(const struct keys *keys, const char *endpoint, const char *routing_id)
{
    void *socket = zmq_socket(world.peers, ZMQ_DEALER);
    const int none = 0, retry_ms = 50;

    assert_non_null(socket);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof(none)), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &retry_ms, sizeof(retry_ms)), 0);
    assert_int_equal(
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, world.server.public_key, PROTO_HOST_ID_BYTES),
        0);
    assert_int_equal(
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key, PROTO_HOST_ID_BYTES), 0);
    assert_int_equal(
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, PROTO_HOST_ID_BYTES), 0);
    if (routing_id != NULL)
        assert_int_equal(zmq_setsockopt(socket, ZMQ_ROUTING_ID, routing_id, strlen(routing_id)), 0);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    return socket;
}

static void *connect_fleet(const struct keys *keys, const char *routing_id)
{
    return connect_peer(keys, ctl_link_endpoint(world.link, CTL_LINK_FLEET), routing_id);
}

static void say(void *socket, const char *text)
{
    assert_true(zmq_send(socket, text, strlen(text), 0) >= 0);
}

static uint64_t now_us(void)
{
    uint64_t us = 0;

    (void)sd_event_now(world.event, CLOCK_MONOTONIC, &us);
    return us;
}

/* Runs the loop until `*counter` reaches `wanted` or the time is over. */
static bool run_until(const unsigned *counter, unsigned wanted, unsigned wait_ms)
{
    uint64_t end_us;

    (void)sd_event_run(world.event, 0);
    end_us = now_us() + wait_ms * UINT64_C(1000);
    while (*counter < wanted && now_us() < end_us)
        assert_true(sd_event_run(world.event, TURN_US) >= 0);
    return *counter >= wanted;
}

static bool hears(void *socket, const char *wanted)
{
    char text[64] = "";
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};

    if (zmq_poll(&item, 1, WAIT_MS) != 1)
        return false;
    (void)zmq_recv(socket, text, sizeof(text) - 1, 0);
    return strcmp(text, wanted) == 0;
}

static void test_a_known_host_is_heard_and_answered(void **state)
{
    void *socket = connect_fleet(&world.host, NULL);

    say(socket, "hello");
    assert_true(run_until(&world.messages, 1, WAIT_MS));
    assert_string_equal(world.text, "hello");
    assert_memory_equal(world.sender, world.host.public_key, PROTO_HOST_ID_BYTES);
    assert_int_equal(ctl_link_send(world.link, CTL_LINK_FLEET, &world.peer, "welcome", 7), 0);
    assert_true(hears(socket, "welcome"));
    (void)zmq_close(socket);
}

static void test_many_messages_of_one_wakeup_all_arrive(void **state)
{
    void *socket = connect_fleet(&world.host, NULL);

    for (unsigned i = 0; i < 200; i++)
        say(socket, "report");
    assert_true(run_until(&world.messages, 200, WAIT_MS));
    assert_int_equal(world.turns_open, 0);
    (void)zmq_close(socket);
}

static void test_an_unknown_key_is_refused(void **state)
{
    struct keys stranger;
    void *socket;

    make_keys(&stranger);
    socket = connect_fleet(&stranger, NULL);
    say(socket, "hello");
    assert_false(run_until(&world.messages, 1, REFUSED_WAIT_MS));
    assert_true(world.refused > 0);
    assert_memory_equal(world.sender, stranger.public_key, sizeof(world.sender));
    assert_int_equal(world.refused_live, 0);
    (void)zmq_close(socket);
}

static void test_a_revoked_host_is_refused_within_its_connection(void **state)
{
    void *socket = connect_fleet(&world.host, NULL);
    uint64_t dropped = ctl_link_dropped_count(world.link);

    say(socket, "one");
    assert_true(run_until(&world.messages, 1, WAIT_MS));
    world.host_is_admitted = false;
    say(socket, "two");
    assert_false(run_until(&world.messages, 2, REFUSED_WAIT_MS));
    assert_true(ctl_link_dropped_count(world.link) > dropped);
    assert_int_equal(world.refused_live, 1);
    assert_memory_equal(world.sender, world.host.public_key, sizeof(world.sender));
    (void)zmq_close(socket);
}

static void test_a_stolen_routing_id_takes_nobodys_place(void **state)
{
    struct ctl_link_peer honest;
    struct keys thief_keys = world.host; /* same key: the worst case, it is admitted */
    void *owner = connect_fleet(&world.host, "host-a"), *thief;

    say(owner, "owner");
    assert_true(run_until(&world.messages, 1, WAIT_MS));
    honest = world.peer;
    thief = connect_fleet(&thief_keys, "host-a");
    say(thief, "thief");
    assert_false(run_until(&world.messages, 2, REFUSED_WAIT_MS));
    assert_int_equal(ctl_link_send(world.link, CTL_LINK_FLEET, &honest, "order", 5), 0);
    assert_true(hears(owner, "order"));
    (void)zmq_close(thief);
    (void)zmq_close(owner);
}

static void test_messages_of_a_wrong_shape_are_dropped(void **state)
{
    void *socket = connect_fleet(&world.host, NULL);

    assert_true(zmq_send(socket, "a", 1, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(socket, "b", 1, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(socket, "c", 1, 0) >= 0);
    say(socket, "sound");
    assert_true(run_until(&world.messages, 1, WAIT_MS));
    assert_string_equal(world.text, "sound");
    assert_int_equal(ctl_link_dropped_count(world.link), 1);
    (void)zmq_close(socket);
}

static void test_the_end_of_a_connection_is_told(void **state)
{
    void *socket = connect_fleet(&world.host, NULL);
    int fd, r = 0;

    say(socket, "hello");
    assert_true(run_until(&world.messages, 1, WAIT_MS));
    fd = world.peer.fd;
    assert_true(fd >= 0);
    (void)zmq_close(socket);
    assert_true(run_until(&world.gone, 1, WAIT_MS));
    assert_int_equal(world.gone_fd, fd);
    /* libzmq takes the connection's pipe down a moment after it told of the end. */
    for (unsigned i = 0; i < 200 && r == 0; i++) {
        r = ctl_link_send(world.link, CTL_LINK_FLEET, &world.peer, "order", 5);
        assert_true(sd_event_run(world.event, TURN_US) >= 0);
    }
    assert_int_equal(r, -EHOSTUNREACH);
}

static void test_a_host_that_does_not_read_is_slow_not_lost(void **state)
{
    static uint8_t order[16 * 1024];
    void *socket = connect_fleet(&world.host, NULL);
    int r = 0;

    say(socket, "hello");
    assert_true(run_until(&world.messages, 1, WAIT_MS));
    for (unsigned i = 0; i < 100000 && r == 0; i++)
        r = ctl_link_send(world.link, CTL_LINK_FLEET, &world.peer, order, sizeof(order));
    assert_int_equal(r, -EAGAIN);
    (void)zmq_close(socket);
}

static void test_anybody_may_ask_to_be_enrolled_and_nothing_else(void **state)
{
    struct keys stranger;
    void *socket;

    make_keys(&stranger);
    socket = connect_peer(&stranger, ctl_link_endpoint(world.link, CTL_LINK_ENROLL), NULL);
    say(socket, "enroll");
    assert_true(run_until(&world.enrolls, 1, WAIT_MS));
    assert_int_equal(world.messages, 0);
    assert_memory_equal(world.sender, stranger.public_key, PROTO_HOST_ID_BYTES);
    assert_int_equal(ctl_link_send(world.link, CTL_LINK_ENROLL, &world.peer, "pending", 7), 0);
    assert_true(hears(socket, "pending"));
    (void)zmq_close(socket);
}

static void decode_published(struct keys *keys)
{
    assert_non_null(zmq_z85_decode(keys->public_key, "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"));
    assert_non_null(zmq_z85_decode(keys->secret_key, "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"));
}

static void test_the_keys_of_the_manual_are_refused(void **state)
{
    struct bl_error err = {0};
    struct ctl_link *link = NULL;
    void *socket;

    decode_published(&world.host); /* even though the table would admit it */
    socket = connect_fleet(&world.host, NULL);
    say(socket, "hello");
    assert_false(run_until(&world.messages, 1, REFUSED_WAIT_MS));
    (void)zmq_close(socket);
    memcpy(world.config.public_key, world.host.public_key, PROTO_HOST_ID_BYTES);
    assert_int_equal(ctl_link_open(&world.config, &world.handler, world.event, &link, &err),
                     -EKEYREJECTED);
}

/* A ROUTER as the link makes it, in a context where the handler is missing at first. */
static void test_without_a_handler_nobody_gets_in(void **state)
{
    const struct ctl_zap_handler zap_handler = {.domain = CTL_ZAP_DOMAIN_FLEET, .admits = admits};
    void *context = zmq_ctx_new(), *router = zmq_socket(context, ZMQ_ROUTER), *socket;
    struct ctl_zap *zap = NULL;
    char endpoint[128];
    size_t endpoint_bytes = sizeof(endpoint);
    zmq_pollitem_t items[2] = {{.socket = router, .events = ZMQ_POLLIN}};
    struct bl_error err = {0};
    bool is_heard = false;

    assert_int_equal(ctl_link_configure(router, &world.config, CTL_LINK_FLEET, &err), 0);
    assert_int_equal(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &endpoint_bytes), 0);
    socket = connect_peer(&world.host, endpoint, NULL);
    say(socket, "hello");
    assert_int_equal(zmq_poll(items, 1, REFUSED_WAIT_MS), 0);

    assert_int_equal(ctl_zap_open(context, &zap_handler, &zap, &err), 0);
    items[1] = (zmq_pollitem_t){.socket = ctl_zap_socket(zap), .events = ZMQ_POLLIN};
    for (unsigned i = 0; i < 100 && !is_heard; i++) {
        assert_true(zmq_poll(items, 2, WAIT_MS) >= 0);
        (void)ctl_zap_pump(zap);
        is_heard = (items[0].revents & ZMQ_POLLIN) != 0;
    }
    assert_true(is_heard);
    (void)zmq_close(socket);
    (void)ctl_zap_close(zap);
    (void)zmq_close(router);
    (void)zmq_ctx_term(context);
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(test_a_known_host_is_heard_and_answered),
        LINK_TEST(test_many_messages_of_one_wakeup_all_arrive),
        LINK_TEST(test_an_unknown_key_is_refused),
        LINK_TEST(test_a_revoked_host_is_refused_within_its_connection),
        LINK_TEST(test_a_stolen_routing_id_takes_nobodys_place),
        LINK_TEST(test_messages_of_a_wrong_shape_are_dropped),
        LINK_TEST(test_the_end_of_a_connection_is_told),
        LINK_TEST(test_a_host_that_does_not_read_is_slow_not_lost),
        LINK_TEST(test_anybody_may_ask_to_be_enrolled_and_nothing_else),
        LINK_TEST(test_the_keys_of_the_manual_are_refused),
        LINK_TEST(test_without_a_handler_nobody_gets_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
