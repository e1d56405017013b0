/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/ssh.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/probe/ssh_hello.h"
#include "tests/lib/unit.h"

enum {
    HELLO_BYTES = 1024,
    COOKIE = 16,
};

/* A hello as sshd sends it; each list of algorithms is "x,yy". */
struct hello {
    uint8_t data[HELLO_BYTES];
    size_t bytes, packet_at, payload_at, lists_at;
};

static void put(struct hello *hello, const void *data, size_t bytes)
{
    assert_true(hello->bytes + bytes <= HELLO_BYTES);
    memcpy(hello->data + hello->bytes, data, bytes);
    hello->bytes += bytes;
}

static void put_u32(struct hello *hello, uint32_t value)
{
    const uint32_t big = htonl(value);

    put(hello, &big, sizeof(big));
}

static struct hello make(const char *before_packet, const char *list)
{
    static const uint8_t zeros[64];
    struct hello hello = {.bytes = 0};
    size_t payload_bytes = 1 + COOKIE + 10 * (4 + strlen(list)) + 1 + 4;
    size_t padding = 8 - (5 + payload_bytes) % 8;
    uint8_t head[2] = {0, 20};

    padding += padding < 4 ? 8 : 0;
    put(&hello, before_packet, strlen(before_packet));
    hello.packet_at = hello.bytes;
    put_u32(&hello, (uint32_t)(1 + payload_bytes + padding));
    head[0] = (uint8_t)padding;
    put(&hello, head, sizeof(head));
    hello.payload_at = hello.bytes - 1;
    put(&hello, zeros, COOKIE);
    hello.lists_at = hello.bytes;
    for (int i = 0; i < 10; i++) {
        put_u32(&hello, (uint32_t)strlen(list));
        put(&hello, list, strlen(list));
    }
    put(&hello, zeros, 1 + 4 + padding);

    return hello;
}

static enum agent_ssh_hello read_hello(const struct hello *hello, struct agent_ssh_told *told)
{
    return agent_ssh_hello_read(hello->data, hello->bytes, told);
}

#define BANNER "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"

static void test_a_whole_hello_is_whole_and_none_of_its_beginnings(void **state)
{
    const struct hello hello = make(BANNER, "x,yy");
    struct agent_ssh_told told;

    for (size_t bytes = 0; bytes < hello.bytes; bytes++)
        assert_int_equal(agent_ssh_hello_read(hello.data, bytes, &told), AGENT_SSH_HELLO_MORE);
    assert_int_equal(read_hello(&hello, &told), AGENT_SSH_HELLO_WHOLE);
    assert_string_equal(told.version, "SSH-2.0-OpenSSH_9.2p1 Debian-2");
}

static void test_which_lines_are_right(void **state)
{
    static const struct {
        const char *line;
        enum agent_ssh_hello wanted;
    } cases[] = {
        {BANNER, AGENT_SSH_HELLO_WHOLE},
        {"SSH-2.0-x\n", AGENT_SSH_HELLO_WHOLE}, /* older servers lack the \r */
        {"SSH-1.99-x\r\n", AGENT_SSH_HELLO_WHOLE},
        {"Welcome\r\nto this host\r\n" BANNER, AGENT_SSH_HELLO_WHOLE},
        {"SSH-1.5-x\r\n", AGENT_SSH_HELLO_WRONG},
        {"SSH-2.0-a\033[2Jb\r\n", AGENT_SSH_HELLO_WRONG},
        {"HTTP/1.0 400 Bad Request\r\n", AGENT_SSH_HELLO_MORE}, /* as yet */
        {"no newline", AGENT_SSH_HELLO_MORE},
        {"", AGENT_SSH_HELLO_MORE},
    };
    struct agent_ssh_told told;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hello hello = make(cases[i].line, "x");

        if (cases[i].wanted == AGENT_SSH_HELLO_MORE)
            hello.bytes = hello.packet_at;
        assert_int_equal(read_hello(&hello, &told), cases[i].wanted);
    }
}

static void test_who_never_comes_to_the_point_is_wrong(void **state)
{
    static uint8_t data[AGENT_SSH_HELLO_BYTES_MAX];
    struct agent_ssh_told told;

    memset(data, 'x', sizeof(data));
    assert_int_equal(agent_ssh_hello_read(data, sizeof(data), &told), AGENT_SSH_HELLO_WRONG);
    memset(data, '\n', sizeof(data));
    assert_int_equal(agent_ssh_hello_read(data, 200, &told), AGENT_SSH_HELLO_WRONG);
    memset(data, 'x', sizeof(data));
    memcpy(data, "SSH-2.0-", 8);
    data[300] = '\n';
    assert_int_equal(agent_ssh_hello_read(data, 301, &told), AGENT_SSH_HELLO_WRONG);
}

static void test_damaged_packets_are_wrong(void **state)
{
    const struct hello good = make(BANNER, "x,yy");
    const struct {
        size_t at;
        uint8_t value;
    } damages[] = {
        {good.packet_at, 0xff},  /* 4 GiB */
        {good.packet_at + 3, 0}, /* shorter than its padding, or no multiple of 8 */
        {good.packet_at + 3, 13},
        {good.packet_at + 4, 3},             /* padding below 4 */
        {good.packet_at + 4, 0xff},          /* more padding than packet */
        {good.payload_at, 1},                /* no KEXINIT */
        {good.lists_at, 0x80},               /* a list of 2 GiB */
        {good.lists_at + 3, 5},              /* one that takes its neighbour's bytes */
        {good.lists_at + 4, ','},            /* an empty name */
        {good.lists_at + 5 + 2, ','},        /* one at the end */
        {good.lists_at + 4, 0x07},           /* no text */
        {good.lists_at + 10 * 8 + 1 + 3, 1}, /* reserved */
    };
    struct agent_ssh_told told;

    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct hello hello = good;

        hello.data[damages[i].at] = damages[i].value;
        assert_int_equal(read_hello(&hello, &told), AGENT_SSH_HELLO_WRONG);
        assert_true(told.wrong[0] != '\0');
    }
}

/* Without a host key that it can read a server has nothing to offer. */
static void test_each_needed_kind_has_an_algorithm(void **state)
{
    for (size_t empty = 0; empty < 10; empty++) {
        struct hello hello = make(BANNER, "x");
        struct agent_ssh_told told;
        size_t at = hello.lists_at + 5 * empty;

        /* The list loses its name, the next byte begins the following list, and padding grows. */
        hello.data[at + 3] = 0;
        memmove(hello.data + at + 4, hello.data + at + 5, hello.bytes - at - 5);
        hello.data[hello.packet_at + 4]++;
        assert_int_equal(read_hello(&hello, &told),
                         empty < 8 ? AGENT_SSH_HELLO_WRONG : AGENT_SSH_HELLO_WHOLE);
    }
}

static uint32_t next(uint32_t *chance)
{
    *chance ^= *chance << 13;
    *chance ^= *chance >> 17;
    *chance ^= *chance << 5;

    return *chance;
}

/* Any bytes, at the very end of a page that nobody may read behind: the sanitizers look on. */
static void test_random_damage_is_read_within_bounds(void **state)
{
    const struct hello good = make("hello\n" BANNER, "x,yy");
    struct agent_ssh_told told;
    uint32_t chance = 20261121;

    for (unsigned round = 0; round < 20000; round++) {
        uint8_t *exact;
        size_t bytes = next(&chance) % (good.bytes + 1);

        exact = malloc(bytes + 1);
        assert_non_null(exact);
        memcpy(exact, good.data, bytes);
        for (size_t i = 0; i < 3 && bytes > 0; i++)
            exact[next(&chance) % bytes] = (uint8_t)next(&chance);
        (void)agent_ssh_hello_read(exact, bytes, &told);
        assert_true(memchr(told.version, '\0', sizeof(told.version)) != NULL);
        free(exact);
    }
}

static void test_the_goodbye_is_a_packet(void **state)
{
    uint8_t packet[128];
    size_t bytes = agent_ssh_hello_goodbye(packet, sizeof(packet));

    assert_int_equal(bytes % 8, 0);
    assert_int_equal(packet[3], bytes - 4);
    assert_true(packet[4] >= 4);
    assert_int_equal(packet[5], 1);
    assert_int_equal(packet[9], 11);
}

/* ---- with real connections ---- */

struct server {
    char endpoint[32];
    pid_t pid;
};

/* Answers each connection with `bytes` of `data`, and then waits for the other to go, or hangs up. */
static struct server serve(const void *data, size_t bytes, bool hangs_up)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct server server = {.pid = -1};

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &address_bytes), 0);
    (void)snprintf(server.endpoint, sizeof(server.endpoint), "127.0.0.1:%u",
                   (unsigned)ntohs(address.sin_port));
    server.pid = fork();
    assert_true(server.pid >= 0);
    if (server.pid == 0)
        assert_int_equal(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
    for (int peer; server.pid == 0 && (peer = accept(listener, NULL, NULL)) >= 0;) {
        char said[256];

        (void)!write(peer, data, bytes);
        while (!hangs_up && read(peer, said, sizeof(said)) > 0) {
        }
        (void)close(peer);
    }
    (void)close(listener);

    return server;
}

static void stop(const struct server *server)
{
    assert_int_equal(kill(server->pid, SIGKILL), 0);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
}

static void test_who_speaks_and_who_does_not(void **state)
{
    static struct agent_ssh_asks asks;
    const struct hello hello = make(BANNER, "x,yy");
    const struct server servers[] = {
        serve(hello.data, hello.bytes, false),    serve(NULL, 0, true),
        serve(hello.data, hello.packet_at, true), serve(NULL, 0, false),
        serve("HTTP/1.0 400\r\n", 14, true),
    };
    static const char *const lines[] = {
        "SSH-2.0-OpenSSH_9.2p1 Debian-2",  "hangs up without a word",
        "hangs up after its version line", "takes the connection and says nothing",
        "hangs up without a word",         "Connection refused",
    };
    struct proto_text endpoints[6] = {{NULL}, {NULL}, {NULL}, {NULL}, {NULL}, {"127.0.0.1:1"}};
    struct bl_error err = {0};

    for (size_t i = 0; i < 5; i++)
        endpoints[i].text = servers[i].endpoint;
    assert_int_equal(agent_ssh_ask(endpoints, 6, 1, 500, &asks, &err), 0);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(asks.answers[i].line, lines[i]);
        assert_int_equal(asks.answers[i].speaks, i == 0);
    }
    for (size_t i = 0; i < 5; i++)
        stop(&servers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_hello_is_whole_and_none_of_its_beginnings),
        cmocka_unit_test(test_which_lines_are_right),
        cmocka_unit_test(test_who_never_comes_to_the_point_is_wrong),
        cmocka_unit_test(test_damaged_packets_are_wrong),
        cmocka_unit_test(test_each_needed_kind_has_an_algorithm),
        cmocka_unit_test(test_random_damage_is_read_within_bounds),
        cmocka_unit_test(test_the_goodbye_is_a_packet),
        cmocka_unit_test(test_who_speaks_and_who_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
