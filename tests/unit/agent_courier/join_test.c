/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/courier/join.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "agent/courier/enroll.h"
#include "tests/lib/unit.h"

/* `belay-courier --enroll` in a child; the enrolment socket of a controller in this process. */
struct join_world {
    void *zmq, *router;
    char public_text[41], secret_text[41], endpoint[64];
    int request_fds[2], reply_fds[2];
    pid_t child;
};

static void start_child(struct join_world *world)
{
    assert_int_equal(pipe(world->request_fds), 0);
    assert_int_equal(pipe(world->reply_fds), 0);
    world->child = fork(); /* before ZeroMQ has threads */
    assert_true(world->child >= 0);
    if (world->child == 0) {
        struct bl_error err = {0};
        int r;

        (void)close(world->request_fds[1]);
        (void)close(world->reply_fds[0]);
        r = agent_join_carry(world->request_fds[0], world->reply_fds[1], &err);
        _exit(r == 0 ? 0 : r == -ETIMEDOUT ? 17 : 1);
    }
    (void)close(world->request_fds[0]);
    (void)close(world->reply_fds[1]);
}

static void open_router(struct join_world *world)
{
    const int server = 1, none = 0, wait_ms = 10 * 1000;
    size_t endpoint_bytes = sizeof(world->endpoint);

    world->zmq = zmq_ctx_new();
    world->router = zmq_socket(world->zmq, ZMQ_ROUTER);
    assert_int_equal(zmq_curve_keypair(world->public_text, world->secret_text), 0);
    assert_int_equal(zmq_setsockopt(world->router, ZMQ_LINGER, &none, sizeof(none)), 0);
    assert_int_equal(zmq_setsockopt(world->router, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms)), 0);
    assert_int_equal(zmq_setsockopt(world->router, ZMQ_CURVE_SERVER, &server, sizeof(server)), 0);
    assert_int_equal(zmq_setsockopt(world->router, ZMQ_CURVE_SECRETKEY, world->secret_text, 41), 0);
    assert_int_equal(zmq_bind(world->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(
        zmq_getsockopt(world->router, ZMQ_LAST_ENDPOINT, world->endpoint, &endpoint_bytes), 0);
}

static void hand_request(struct join_world *world, uint64_t wait_ms)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};
    char public_text[41], secret_text[41];
    struct agent_enroll_request request = {
        .endpoint = world->endpoint,
        .message = {(const uint8_t *)"question", 8},
        .wait_ms = wait_ms,
    };

    assert_int_equal(zmq_curve_keypair(public_text, secret_text), 0);
    assert_non_null(zmq_z85_decode(request.server_key, world->public_text));
    assert_non_null(zmq_z85_decode(request.secret_key, secret_text));
    assert_int_equal(proto_encode(&agent_enroll_request_schema, &request, &buffer, &err), 0);
    assert_int_equal(write(world->request_fds[1], buffer.data, buffer.size_bytes),
                     buffer.size_bytes);
    (void)close(world->request_fds[1]);
}

/* Waits for the question and answers it. */
static void answer(struct join_world *world, uint32_t outcome)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};
    struct proto_message reply = {
        .kind = PROTO_ENROLL_REPLY,
        .enroll_reply = {.outcome = outcome,
                         .reason = "because",
                         .trust = {(const uint8_t *)"trust", 5}},
    };
    uint8_t peer[256], question[64];
    int peer_bytes = zmq_recv(world->router, peer, sizeof(peer), 0);

    assert_true(peer_bytes > 0);
    assert_int_equal(zmq_recv(world->router, question, sizeof(question), 0), 8);
    assert_memory_equal(question, "question", 8);
    assert_int_equal(proto_message_encode(&reply, &buffer, &err), 0);
    assert_true(zmq_send(world->router, peer, (size_t)peer_bytes, ZMQ_SNDMORE) > 0);
    assert_true(zmq_send(world->router, buffer.data, buffer.size_bytes, 0) > 0);
}

static uint32_t read_outcome(struct join_world *world)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message reply;
    struct bl_error err = {0};
    uint8_t bytes[4096];
    ssize_t n = read(world->reply_fds[0], bytes, sizeof(bytes));

    assert_true(n > 0);
    assert_int_equal(proto_message_decode(bytes, (size_t)n, &arena, &reply, &err), 0);

    return reply.enroll_reply.outcome;
}

static int end(struct join_world *world)
{
    int status;

    assert_int_equal(waitpid(world->child, &status, 0), world->child);
    assert_true(WIFEXITED(status));
    (void)zmq_close(world->router);
    (void)zmq_ctx_term(world->zmq);
    (void)close(world->reply_fds[0]);

    return WEXITSTATUS(status);
}

static void test_passes_the_question_and_the_reply(void **state)
{
    struct join_world world;

    start_child(&world);
    open_router(&world);
    hand_request(&world, 10 * 1000);
    answer(&world, PROTO_ENROLL_ACCEPTED);
    assert_int_equal(read_outcome(&world), PROTO_ENROLL_ACCEPTED);
    assert_int_equal(end(&world), 0);
}

static void test_asks_again_while_pending(void **state)
{
    struct join_world world;

    start_child(&world);
    open_router(&world);
    hand_request(&world, 30 * 1000);
    answer(&world, PROTO_ENROLL_PENDING);
    answer(&world, PROTO_ENROLL_REFUSED);
    assert_int_equal(read_outcome(&world), PROTO_ENROLL_REFUSED);
    assert_int_equal(end(&world), 0);
}

static void test_a_pending_reply_is_handed_on_at_the_end(void **state)
{
    struct join_world world;

    start_child(&world);
    open_router(&world);
    hand_request(&world, 1000);
    answer(&world, PROTO_ENROLL_PENDING);
    assert_int_equal(read_outcome(&world), PROTO_ENROLL_PENDING);
    assert_int_equal(end(&world), 0);
}

static void test_another_key_times_out_without_a_reply(void **state)
{
    struct join_world world;
    uint8_t byte;

    start_child(&world);
    open_router(&world);
    world.public_text[0] = world.public_text[0] == 'a' ? 'b' : 'a';
    hand_request(&world, 500);
    assert_int_equal(read(world.reply_fds[0], &byte, 1), 0);
    assert_int_equal(end(&world), 17);
}

static void test_a_broken_request_is_refused(void **state)
{
    struct join_world world;

    start_child(&world);
    open_router(&world);
    assert_int_equal(write(world.request_fds[1], "\x93xyz", 4), 4);
    (void)close(world.request_fds[1]);
    assert_int_equal(end(&world), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_the_question_and_the_reply),
        cmocka_unit_test(test_asks_again_while_pending),
        cmocka_unit_test(test_a_pending_reply_is_handed_on_at_the_end),
        cmocka_unit_test(test_another_key_times_out_without_a_reply),
        cmocka_unit_test(test_a_broken_request_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
