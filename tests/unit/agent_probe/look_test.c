/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/look.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/lib/unit.h"

/* A socket on the loopback; with a backlog of -1 it is bound only, so that its port refuses. */
static int open_port(int backlog, char ret_endpoint[32], uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &address_bytes), 0);
    *ret_port = ntohs(address.sin_port);
    (void)snprintf(ret_endpoint, 32, "127.0.0.1:%u", (unsigned)*ret_port);

    return fd;
}

static void look(const struct agent_probe_task *task, struct proto_arena *arena,
                 struct agent_probe_result *ret_result)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};

    assert_int_equal(agent_look(task, &buffer, &err), 0);
    assert_int_equal(proto_decode(&agent_probe_result_schema, buffer.data, buffer.size_bytes, arena,
                                  ret_result, &err),
                     0);
}

static uint32_t answer_of(const struct agent_probe_result *result, const char *endpoint)
{
    for (uint32_t i = 0; i < result->replies_count; i++)
        if (strcmp(result->replies[i].endpoint, endpoint) == 0)
            return result->replies[i].answer;

    return 0;
}

static void test_a_listening_port_is_seen(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    const struct agent_probe_task task = {.format = 1, .what = AGENT_PROBE_NETWORK};
    struct agent_probe_result result;
    char endpoint[32];
    uint16_t port;
    unsigned seen = 0;
    int fd = open_port(1, endpoint, &port);

    look(&task, &arena, &result);
    for (uint32_t i = 0; i < result.listeners_count; i++)
        seen += result.listeners[i].port == port && result.listeners[i].transport == PROTO_TCP &&
                strcmp(result.listeners[i].address, "127.0.0.1") == 0;
    assert_int_equal(seen, 1);
    assert_int_equal(result.replies_count, 0);
    (void)close(fd);
}

static void test_who_answers_who_refuses_and_who_is_silent(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_probe_endpoint endpoints[5] = {{NULL, AGENT_PROBE_CONTROLLER},
                                                {NULL, AGENT_PROBE_WITNESS},
                                                {NULL, AGENT_PROBE_WITNESS},
                                                {"no.such.host.invalid:1", AGENT_PROBE_WITNESS},
                                                {"nonsense", AGENT_PROBE_WITNESS}};
    const struct agent_probe_task task = {.format = 1,
                                          .what = AGENT_PROBE_WITNESSES,
                                          .endpoints = endpoints,
                                          .endpoints_count = 5,
                                          .timeout_ms = 1000};
    struct agent_probe_result result;
    struct bl_mono start;
    char open_endpoint[32], closed_endpoint[32], full_endpoint[32];
    uint16_t port;
    int fds[3], fillers[3];

    fds[0] = open_port(8, open_endpoint, &port);
    fds[1] = open_port(-1, closed_endpoint, &port);
    /* A queue that is full drops whoever knocks: silence, without a firewall. */
    fds[2] = open_port(0, full_endpoint, &port);
    for (unsigned i = 0; i < 3; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
    endpoints[0].endpoint = open_endpoint;
    endpoints[1].endpoint = closed_endpoint;
    endpoints[2].endpoint = full_endpoint;
    start = bl_mono_now();
    look(&task, &arena, &result);
    assert_int_equal(answer_of(&result, open_endpoint), AGENT_PROBE_ANSWERED);
    assert_int_equal(answer_of(&result, closed_endpoint), AGENT_PROBE_REFUSED);
    assert_int_equal(answer_of(&result, full_endpoint), AGENT_PROBE_SILENT);
    assert_int_equal(answer_of(&result, "no.such.host.invalid:1"), AGENT_PROBE_SILENT);
    assert_int_equal(answer_of(&result, "nonsense"), AGENT_PROBE_SILENT);
    assert_true(bl_mono_now().ms - start.ms >= 1000);
    assert_int_equal(result.listeners_count, 0);
    for (unsigned i = 0; i < 3; i++) {
        (void)close(fillers[i]);
        (void)close(fds[i]);
    }
}

static void test_another_format_is_refused(void **state)
{
    PROTO_AUTO_BUFFER buffer = {0};
    const struct agent_probe_task task = {.format = 2, .what = AGENT_PROBE_NETWORK};
    struct bl_error err = {0};

    assert_true(agent_look(&task, &buffer, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_listening_port_is_seen),
        cmocka_unit_test(test_who_answers_who_refuses_and_who_is_silent),
        cmocka_unit_test(test_another_format_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
