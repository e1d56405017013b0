/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/courier/courier.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/file.h"
#include "tests/lib/unit.h"

/* A controller (ROUTER with CURVE) and an agent (SEQPACKET) around a real courier, in one thread. */
enum {
    WAIT_MS_MAX = 60 * 1000,
};

struct world {
    char directory[64], socket_path[128], endpoint[64];
    char server_public[41], server_secret[41];
    struct agent_link_config config;
    void *zmq, *router;
    int listen_fd, agent_fd;
    sd_event *event;
    struct agent_courier *courier;
    uint8_t peer[256]; /* routing id of whom the router heard last */
    size_t peer_bytes;
};

static void open_router(struct world *world, const char *endpoint)
{
    const int server = 1, none = 0, mandatory = 1;
    size_t endpoint_bytes = sizeof(world->endpoint);

    world->router = zmq_socket(world->zmq, ZMQ_ROUTER);
    assert_non_null(world->router);
    assert_int_equal(zmq_setsockopt(world->router, ZMQ_LINGER, &none, sizeof(none)), 0);
    assert_int_equal(
        zmq_setsockopt(world->router, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof(mandatory)), 0);
    assert_int_equal(zmq_setsockopt(world->router, ZMQ_CURVE_SERVER, &server, sizeof(server)), 0);
    assert_int_equal(zmq_setsockopt(world->router, ZMQ_CURVE_SECRETKEY, world->server_secret, 41),
                     0);
    assert_int_equal(zmq_bind(world->router, endpoint), 0);
    assert_int_equal(
        zmq_getsockopt(world->router, ZMQ_LAST_ENDPOINT, world->endpoint, &endpoint_bytes), 0);
}

static void make_world(struct world *world)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char public_text[41], secret_text[41];
    struct bl_error err = {0};

    *world = (struct world){.listen_fd = -1, .agent_fd = -1};
    (void)snprintf(world->directory, sizeof(world->directory), "/tmp/belay-courier.XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    (void)snprintf(world->socket_path, sizeof(world->socket_path), "%s/sock", world->directory);
    memcpy(address.sun_path, world->socket_path, strlen(world->socket_path) + 1);
    world->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(world->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(world->listen_fd, 4), 0);

    world->zmq = zmq_ctx_new();
    assert_int_equal(zmq_curve_keypair(world->server_public, world->server_secret), 0);
    open_router(world, "tcp://127.0.0.1:*");
    assert_int_equal(zmq_curve_keypair(public_text, secret_text), 0);
    assert_non_null(zmq_z85_decode(world->config.server_key, world->server_public));
    assert_non_null(zmq_z85_decode(world->config.secret_key, secret_text));
    world->config.endpoint = world->endpoint;
    world->config.message_bytes_max = PROTO_MESSAGE_BYTES_MAX;
    assert_int_equal(sd_event_new(&world->event), 0);
    assert_int_equal(
        agent_courier_new(&world->config, world->socket_path, world->event, &world->courier, &err),
        0);
}

static void end_world(struct world *world)
{
    agent_courier_free(world->courier);
    sd_event_unref(world->event);
    bl_close_fd(&world->agent_fd);
    bl_close_fd(&world->listen_fd);
    if (world->router != NULL)
        (void)zmq_close(world->router);
    (void)zmq_ctx_term(world->zmq);
    (void)unlink(world->socket_path);
    (void)rmdir(world->directory);
}

static void turn(struct world *world)
{
    assert_true(sd_event_run(world->event, 5 * 1000) >= 0);
}

static void accept_courier(struct world *world)
{
    struct bl_mono deadline = bl_mono_after(bl_mono_now(), WAIT_MS_MAX);

    bl_close_fd(&world->agent_fd);
    while (world->agent_fd < 0) {
        assert_false(bl_mono_reached(bl_mono_now(), deadline));
        turn(world);
        world->agent_fd = accept4(world->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    agent_frame_make_room(world->agent_fd);
}

/* The next frame at the agent's end; 0 bytes: the courier hung up. */
static size_t next_frame(struct world *world, uint8_t *frame, size_t frame_bytes_max)
{
    struct bl_mono deadline = bl_mono_after(bl_mono_now(), WAIT_MS_MAX);

    for (;;) {
        ssize_t n = recv(world->agent_fd, frame, frame_bytes_max, 0);

        if (n >= 0)
            return (size_t)n;
        assert_int_equal(errno, EAGAIN);
        assert_false(bl_mono_reached(bl_mono_now(), deadline));
        turn(world);
    }
}

static uint64_t expect_up(struct world *world)
{
    uint8_t frame[64];

    assert_int_equal(next_frame(world, frame, sizeof(frame)), AGENT_FRAME_UP_BYTES);
    assert_int_equal(frame[0], AGENT_FRAME_UP);

    return agent_frame_decode_up(frame);
}

static void expect_lost(struct world *world)
{
    uint8_t frame[64];

    assert_int_equal(next_frame(world, frame, sizeof(frame)), 1);
    assert_int_equal(frame[0], AGENT_FRAME_LOST);
}

static void agent_says(struct world *world, const void *frame, size_t frame_bytes)
{
    assert_int_equal(send(world->agent_fd, frame, frame_bytes, MSG_NOSIGNAL), frame_bytes);
}

static size_t controller_hears(struct world *world, uint8_t *message, size_t bytes_max)
{
    struct bl_mono deadline = bl_mono_after(bl_mono_now(), WAIT_MS_MAX);

    for (;;) {
        int n = zmq_recv(world->router, world->peer, sizeof(world->peer), ZMQ_DONTWAIT);

        if (n > 0) {
            world->peer_bytes = (size_t)n;
            n = zmq_recv(world->router, message, bytes_max, 0);
            assert_true(n >= 0);
            return (size_t)n;
        }
        assert_false(bl_mono_reached(bl_mono_now(), deadline));
        turn(world);
    }
}

static void controller_says(struct world *world, const void *message, size_t message_bytes)
{
    assert_true(zmq_send(world->router, world->peer, world->peer_bytes, ZMQ_SNDMORE) > 0);
    assert_true(zmq_send(world->router, message, message_bytes, 0) >= 0);
}

static void test_frames_pass_unopened_both_ways(void **state)
{
    struct world world;
    uint8_t frame[64];

    make_world(&world);
    accept_courier(&world);
    (void)expect_up(&world);
    agent_says(&world, "Dhello", 6);
    assert_int_equal(controller_hears(&world, frame, sizeof(frame)), 5);
    assert_memory_equal(frame, "hello", 5);
    controller_says(&world, "\x00\xff", 2);
    assert_int_equal(next_frame(&world, frame, sizeof(frame)), 3);
    assert_memory_equal(frame, "D\x00\xff", 3);
    end_world(&world);
}

static void test_the_largest_message_passes(void **state)
{
    static uint8_t frame[AGENT_FRAME_BYTES_MAX], heard[AGENT_FRAME_BYTES_MAX];
    struct world world;

    make_world(&world);
    accept_courier(&world);
    (void)expect_up(&world);
    memset(frame, 0x5a, sizeof(frame));
    frame[0] = AGENT_FRAME_DATA;
    agent_says(&world, frame, sizeof(frame));
    assert_int_equal(controller_hears(&world, heard, sizeof(heard)), PROTO_MESSAGE_BYTES_MAX);
    assert_memory_equal(heard, frame + 1, PROTO_MESSAGE_BYTES_MAX);
    controller_says(&world, frame + 1, PROTO_MESSAGE_BYTES_MAX);
    assert_int_equal(next_frame(&world, heard, sizeof(heard)), AGENT_FRAME_BYTES_MAX);
    assert_memory_equal(heard, frame, AGENT_FRAME_BYTES_MAX);
    end_world(&world);
}

static void test_a_burst_arrives_whole_and_in_order(void **state)
{
    enum {
        BURST = 3000, /* far above every queue on the way */
    };
    struct world world;
    uint8_t heard[64];
    unsigned sent = 0, got = 0;

    make_world(&world);
    accept_courier(&world);
    (void)expect_up(&world);
    while (got < BURST) {
        uint8_t frame[3] = {AGENT_FRAME_DATA, (uint8_t)(sent >> 8), (uint8_t)sent};

        if (sent < BURST && send(world.agent_fd, frame, sizeof(frame), MSG_NOSIGNAL) == 3)
            sent++;
        else
            turn(&world);
        /* The controller is slower than the agent, so that the jam reaches back to it. */
        if (sent == BURST || sent % 4 == 0) {
            if (zmq_recv(world.router, world.peer, sizeof(world.peer), ZMQ_DONTWAIT) <= 0)
                continue;
            assert_int_equal(zmq_recv(world.router, heard, sizeof(heard), 0), 2);
            assert_int_equal(heard[0] << 8 | heard[1], got);
            got++;
        }
    }
    end_world(&world);
}

static void test_a_slow_agent_jams_the_controller_and_loses_nothing(void **state)
{
    enum {
        BURST = 2000,
        BODY_BYTES = 1000,
    };
    static uint8_t body[BODY_BYTES], frame[BODY_BYTES + 1];
    struct world world;

    make_world(&world);
    accept_courier(&world);
    (void)expect_up(&world);
    agent_says(&world, "Dx", 2);
    (void)controller_hears(&world, frame, sizeof(frame));
    for (unsigned sent = 0, got = 0; got < BURST;) {
        memcpy(body, &sent, sizeof(sent));
        if (sent < BURST &&
            zmq_send(world.router, world.peer, world.peer_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) > 0) {
            assert_int_equal(zmq_send(world.router, body, sizeof(body), 0), BODY_BYTES);
            sent++;
            continue; /* says all it can before the agent reads the first */
        }
        assert_int_equal(next_frame(&world, frame, sizeof(frame)), BODY_BYTES + 1);
        assert_memory_equal(frame + 1, &got, sizeof(got));
        got++;
    }
    end_world(&world);
}

static void test_reconnect_gives_a_new_connection_and_a_higher_generation(void **state)
{
    struct world world;
    uint64_t first, second;
    uint8_t message[16], old_peer[256];
    size_t old_bytes;

    make_world(&world);
    accept_courier(&world);
    first = expect_up(&world);
    assert_true(first > 1700000000000); /* milliseconds since the epoch: above any former life's */
    agent_says(&world, "D1", 2);
    (void)controller_hears(&world, message, sizeof(message));
    old_bytes = world.peer_bytes;
    memcpy(old_peer, world.peer, old_bytes);
    agent_says(&world, "R", 1);
    expect_lost(&world);
    second = expect_up(&world);
    assert_true(second > first);
    agent_says(&world, "D2", 2);
    assert_int_equal(controller_hears(&world, message, sizeof(message)), 1);
    assert_int_equal(message[0], '2');
    /* ZeroMQ names each connection anew: it is another one. */
    assert_true(old_bytes != world.peer_bytes || memcmp(old_peer, world.peer, old_bytes) != 0);
    end_world(&world);
}

static void test_a_lost_controller_is_told_and_found_again(void **state)
{
    struct world world;
    uint64_t first;
    char endpoint[64];
    uint8_t message[16];

    make_world(&world);
    accept_courier(&world);
    first = expect_up(&world);
    (void)snprintf(endpoint, sizeof(endpoint), "%s", world.endpoint);
    (void)zmq_close(world.router);
    expect_lost(&world);
    agent_says(&world, "Dlost", 5); /* nobody there: dropped, and not sent to the next one */
    turn(&world);
    open_router(&world, endpoint);
    assert_true(expect_up(&world) > first);
    agent_says(&world, "Dnew", 4);
    assert_int_equal(controller_hears(&world, message, sizeof(message)), 3);
    assert_memory_equal(message, "new", 3);
    end_world(&world);
}

static void test_without_an_agent_there_is_no_connection(void **state)
{
    struct world world;
    uint64_t first;
    uint8_t message[16];
    struct bl_mono deadline;
    int r;

    make_world(&world);
    accept_courier(&world);
    first = expect_up(&world);
    agent_says(&world, "D1", 2);
    (void)controller_hears(&world, message, sizeof(message));
    bl_close_fd(&world.agent_fd);
    deadline = bl_mono_after(bl_mono_now(), WAIT_MS_MAX);
    do { /* MANDATORY: EHOSTUNREACH tells that the connection is gone */
        assert_false(bl_mono_reached(bl_mono_now(), deadline));
        turn(&world);
        r = zmq_send(world.router, world.peer, world.peer_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        if (r > 0)
            assert_int_equal(zmq_send(world.router, "x", 1, 0), 1);
    } while (r > 0);
    assert_int_equal(errno, EHOSTUNREACH);
    accept_courier(&world);
    assert_true(expect_up(&world) > first);
    end_world(&world);
}

static void expect_hang_up(const void *frame, size_t frame_bytes)
{
    struct world world;
    uint8_t answer[16];

    make_world(&world);
    accept_courier(&world);
    (void)expect_up(&world);
    agent_says(&world, frame, frame_bytes);
    assert_int_equal(next_frame(&world, answer, sizeof(answer)), 0);
    end_world(&world);
}

static void test_frames_of_no_kind_end_the_connection(void **state)
{
    static const uint8_t large[AGENT_FRAME_BYTES_MAX + 1] = {AGENT_FRAME_DATA};

    expect_hang_up("X", 1);
    expect_hang_up("D", 1);
    expect_hang_up("Rr", 2);
    expect_hang_up("U12345678", 9);
    expect_hang_up(large, sizeof(large));
}

static void test_another_server_key_gives_no_connection(void **state)
{
    struct world world;
    struct bl_mono deadline;
    uint8_t frame[16];

    make_world(&world);
    world.config.server_key[0] ^= 1; /* before the first try: nothing has run yet */
    accept_courier(&world);
    deadline = bl_mono_after(bl_mono_now(), 1500);
    while (!bl_mono_reached(bl_mono_now(), deadline)) {
        turn(&world);
        assert_int_equal(recv(world.agent_fd, frame, sizeof(frame), 0), -1);
    }
    end_world(&world);
}

static void test_backoff_grows_to_half_a_minute_and_spreads(void **state)
{
    assert_int_equal(agent_link_backoff_ms(1, 0), 250);
    assert_int_equal(agent_link_backoff_ms(1, 250), 500);
    assert_int_equal(agent_link_backoff_ms(2, 0), 500);
    assert_int_equal(agent_link_backoff_ms(7, 0), 15000);
    assert_int_equal(agent_link_backoff_ms(UINT32_MAX, 15000), 30000);
    for (unsigned attempt = 1; attempt < 20; attempt++)
        for (uint32_t chance = 0; chance < 100000; chance += 997)
            assert_in_range(agent_link_backoff_ms(attempt, chance), 250, 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_pass_unopened_both_ways),
        cmocka_unit_test(test_the_largest_message_passes),
        cmocka_unit_test(test_a_burst_arrives_whole_and_in_order),
        cmocka_unit_test(test_a_slow_agent_jams_the_controller_and_loses_nothing),
        cmocka_unit_test(test_reconnect_gives_a_new_connection_and_a_higher_generation),
        cmocka_unit_test(test_a_lost_controller_is_told_and_found_again),
        cmocka_unit_test(test_without_an_agent_there_is_no_connection),
        cmocka_unit_test(test_frames_of_no_kind_end_the_connection),
        cmocka_unit_test(test_another_server_key_gives_no_connection),
        cmocka_unit_test(test_backoff_grows_to_half_a_minute_and_spreads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
