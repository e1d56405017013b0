/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/talk.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/courier/frame.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_root/old_job.h"
#include "tests/unit/agent_root/trust_file.h"

/*
 * The agent's side of the wire against a courier that this test plays: what is said when, and what
 * is heard at all. The loop is turned by hand, so that nothing depends on time.
 */
struct world {
    char directory[40], socket[64], journal[64];
    struct agent_host host;
    struct agent_talk *talk;
    struct agent_jobs *jobs;
    struct agent_jobs_handler handler;
    unsigned reconnects;
    int courier;
    struct proto_arena arena;
};

/* The loop's own function with a clock that this test may let run out. */
static bool is_time_over;

int sd_event_source_set_time(sd_event_source *s, uint64_t usec)
{
    int (*real)(sd_event_source *, uint64_t);
    void *symbol = dlsym(RTLD_NEXT, "sd_event_source_set_time");

    assert_non_null(symbol);
    memcpy(&real, &symbol, sizeof(real));
    return real(s, is_time_over ? 0 : usec);
}

static void on_nothing(void *userdata)
{
}

static void on_reconnect(void *userdata)
{
    struct world *world = userdata;

    world->reconnects++;
}

static void turn(struct world *world)
{
    while (sd_event_run(world->host.loop, 0) > 0)
        continue;
}

static void connect_courier(struct world *world)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (world->courier >= 0)
        (void)close(world->courier);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", world->socket);
    world->courier = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(world->courier >= 0);
    assert_int_equal(connect(world->courier, (const struct sockaddr *)&address, sizeof(address)),
                     0);
    turn(world);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct agent_wire_config config = {.courier_uid = 0, .courier_gid = (gid_t)-1};
    struct bl_error err = {0};

    assert_non_null(world);
    world->courier = -1;
    (void)snprintf(world->directory, sizeof(world->directory), "/tmp/belay-talk-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    (void)snprintf(world->socket, sizeof(world->socket), "%s/courier.sock", world->directory);
    (void)snprintf(world->journal, sizeof(world->journal), "%s/journal.db", world->directory);
    config.path = world->socket;
    world->host.state_dir = world->host.run_dir = world->host.config_dir = world->directory;
    (void)snprintf(world->host.boot_id, sizeof(world->host.boot_id), "boot-1");
    assert_true(sd_event_new(&world->host.loop) >= 0);
    assert_int_equal(agent_journal_open(world->journal, &world->host.journal, &err), 0);
    assert_int_equal(agent_talk_new(&world->host, &config, &world->talk, &err), 0);
    world->handler = (struct agent_jobs_handler){world, on_nothing, on_reconnect, on_nothing};
    assert_int_equal(agent_jobs_new(&world->host, &world->handler, &world->jobs, &err), 0);
    agent_talk_set_jobs(world->talk, world->jobs);
    connect_courier(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"courier.sock", "journal.db", "journal.db-wal",
                                        "journal.db-shm"};
    struct world *world = *state;
    char path[80];

    (void)close(world->courier);
    world->jobs = agent_jobs_free(world->jobs);
    world->talk = agent_talk_free(world->talk);
    world->host.journal = agent_journal_free(world->host.journal);
    sd_event_unref(world->host.loop);
    proto_arena_release(&world->arena);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", world->directory, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(world->directory), 0);
    free(world);
    return 0;
}

static void send_bytes(struct world *world, const void *data, size_t size_bytes)
{
    assert_int_equal(send(world->courier, data, size_bytes, MSG_NOSIGNAL), size_bytes);
    turn(world);
}

/* Removes the trust file in it, and then the directory when it is empty. */
static int rmdir_with_trust(const char *directory)
{
    char path[112];

    (void)snprintf(path, sizeof(path), "%s/trust", directory);
    (void)unlink(path);
    return rmdir(directory);
}

static void send_up(struct world *world, uint64_t generation)
{
    uint8_t frame[AGENT_FRAME_UP_BYTES];

    agent_frame_encode_up(generation, frame);
    send_bytes(world, frame, sizeof(frame));
}

static void tell(struct world *world, const struct proto_message *message)
{
    uint8_t frame[AGENT_FRAME_BYTES_MAX];
    PROTO_AUTO_BUFFER bytes = {0};
    struct bl_error err = {0};

    assert_int_equal(proto_message_encode(message, &bytes, &err), 0);
    frame[0] = AGENT_FRAME_DATA;
    memcpy(frame + 1, bytes.data, bytes.size_bytes);
    send_bytes(world, frame, 1 + bytes.size_bytes);
}

/* The kind of the next frame, 0 for none, -1 when the agent hung up; a message is decoded. */
static int hear(struct world *world, struct proto_message *ret_message)
{
    uint8_t frame[AGENT_FRAME_BYTES_MAX];
    struct bl_error err = {0};
    ssize_t n = recv(world->courier, frame, sizeof(frame), MSG_DONTWAIT);

    if (n == 0)
        return -1;
    if (n < 0)
        return 0;
    if (frame[0] == AGENT_FRAME_DATA)
        assert_int_equal(
            proto_message_decode(frame + 1, (size_t)n - 1, &world->arena, ret_message, &err), 0);
    return frame[0];
}

static void expect(struct world *world, uint32_t kind, struct proto_message *ret_message)
{
    assert_int_equal(hear(world, ret_message), AGENT_FRAME_DATA);
    assert_string_equal(proto_message_name(ret_message->kind), proto_message_name(kind));
}

/* The answer to HELLO, after which the agent tells the head of its audit first. */
static void welcome(struct world *world)
{
    struct proto_message audit;
    const struct proto_message message = {.kind = PROTO_WELCOME,
                                          .welcome = {.controller_version = "1", .wall_ms = 1}};

    tell(world, &message);
    if (agent_talk_is_up(world->talk))
        expect(world, PROTO_AUDIT_STATE, &audit);
}

static void write_report(struct world *world, const char *reason)
{
    struct proto_report report = {.moment = PROTO_MOMENT_STATE,
                                  .state = PROTO_JOB_STAGING,
                                  .code = "",
                                  .reason = reason,
                                  .boot_id = "boot-1"};
    const struct agent_journal_write write = {
        .reports = &report, .reports_count = 1, .what = "job"};
    struct bl_error err = {0};

    assert_int_equal(agent_journal_write(world->host.journal, &write, &err), 0);
    agent_talk_flush(world->talk);
}

static void test_hello_on_every_connection(void **state)
{
    struct world *world = *state;
    struct proto_message message;

    assert_int_equal(hear(world, &message), 0);
    send_up(world, 7);
    expect(world, PROTO_HELLO, &message);
    assert_int_equal(message.hello.link_generation, 7);
    assert_string_equal(message.hello.boot_id, "boot-1");
    assert_false(agent_talk_is_up(world->talk));
    welcome(world);
    assert_true(agent_talk_is_up(world->talk));
    assert_true(world->host.clock_known);

    send_bytes(world, "L", 1);
    assert_false(agent_talk_is_up(world->talk));
    send_up(world, 8);
    expect(world, PROTO_HELLO, &message);
    assert_int_equal(message.hello.link_generation, 8);
}

static void test_a_hello_without_answer_is_said_over_a_new_connection(void **state)
{
    struct world *world = *state;
    struct proto_message message;

    is_time_over = true;
    send_up(world, 1);
    is_time_over = false;
    expect(world, PROTO_HELLO, &message);
    assert_int_equal(hear(world, &message), AGENT_FRAME_RECONNECT);

    send_bytes(world, "L", 1);
    send_up(world, 2);
    expect(world, PROTO_HELLO, &message);
    assert_int_equal(hear(world, &message), 0);
    welcome(world);
    assert_true(agent_talk_is_up(world->talk));
}

static void test_ping_is_answered_at_once(void **state)
{
    struct world *world = *state;
    const struct proto_message ping = {.kind = PROTO_PING, .ping = {.nonce = 99}};
    struct proto_message message;

    send_up(world, 1);
    expect(world, PROTO_HELLO, &message);
    tell(world, &ping);
    expect(world, PROTO_PONG, &message);
    assert_int_equal(message.pong.nonce, 99);
}

static void test_trust_files_are_taken_one_by_one(void **state)
{
    struct world *world = *state;
    struct proto_message message, update = {.kind = PROTO_TRUST};
    static const struct {
        uint64_t version, then;
    } steps[] = {{2, 2}, {2, 2}, {4, 2}, {3, 3}, {1, 3}};
    PROTO_AUTO_BUFFER joined = {0};
    struct bl_error err = {0};
    char path[96];

    trust_file_seal(1, 1, false, &joined);
    trust_file_write(world->directory, &joined);
    (void)snprintf(path, sizeof(path), "%s/agent", world->directory);
    assert_int_equal(bl_dir_make(AT_FDCWD, path, 0700, &err), 0);
    send_up(world, 1);
    expect(world, PROTO_HELLO, &message);
    welcome(world);
    expect(world, PROTO_TRUST_STATE, &message);
    assert_int_equal(message.trust_state.version, 1);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        PROTO_AUTO_BUFFER file = {0};

        trust_file_seal(steps[i].version, 1, true, &file);
        update.trust.file = (struct proto_bytes){file.data, file.size_bytes};
        tell(world, &update);
        expect(world, PROTO_TRUST_STATE, &message);
        assert_int_equal(message.trust_state.version, steps[i].then);
    }
    assert_int_equal(agent_journal_last_row(world->host.journal), 5); /* each is in the audit */
    assert_int_equal(rmdir_with_trust(path), 0);
    assert_int_equal(rmdir_with_trust(world->directory), -1); /* only its trust file goes here */
}

static void test_reports_are_sent_again_until_acknowledged(void **state)
{
    struct world *world = *state;
    struct proto_message message, ack = {.kind = PROTO_REPORT_ACK};

    write_report(world, "one");
    send_up(world, 1);
    expect(world, PROTO_HELLO, &message);
    assert_int_equal(hear(world, &message), 0); /* not before the controller has answered */
    welcome(world);
    expect(world, PROTO_REPORT, &message);
    assert_int_equal(message.report.seq, 1);
    write_report(world, "two");
    expect(world, PROTO_REPORT, &message);
    assert_int_equal(message.report.seq, 2);
    assert_int_equal(hear(world, &message), 0);

    /* The first is acknowledged, the connection breaks, the second comes again. */
    ack.report_ack.seq = 1;
    tell(world, &ack);
    connect_courier(world);
    send_up(world, 2);
    expect(world, PROTO_HELLO, &message);
    welcome(world);
    expect(world, PROTO_REPORT, &message);
    assert_int_equal(message.report.seq, 2);

    /* What was never sent is not acknowledged, whatever anybody says. */
    ack.report_ack.seq = 1000;
    tell(world, &ack);
    connect_courier(world);
    send_up(world, 3);
    expect(world, PROTO_HELLO, &message);
    welcome(world);
    expect(world, PROTO_REPORT, &message);
    assert_int_equal(message.report.seq, 2);
}

/* The disk takes nothing more: an acknowledgement is the only thing that is written, and fails. */
static void test_a_journal_that_fails_at_an_acknowledgement_halts(void **state)
{
    struct world *world = *state;
    struct proto_message message, ack = {.kind = PROTO_REPORT_ACK};
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    struct rlimit before, tiny;

    write_report(world, "one");
    send_up(world, 1);
    expect(world, PROTO_HELLO, &message);
    welcome(world);
    expect(world, PROTO_REPORT, &message);
    assert_false(agent_jobs_is_halted(world->jobs));

    ack.report_ack.seq = 1;
    assert_int_equal(sigaction(SIGXFSZ, &ignored, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tiny = (struct rlimit){.rlim_cur = 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    tell(world, &ack);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(agent_journal_is_whole(world->host.journal));
    assert_true(agent_jobs_is_halted(world->jobs));
}

static void test_orders_need_a_welcome(void **state)
{
    struct world *world = *state;
    static const uint8_t forged[] = {0xdc, 0x00, 0x2a, 0x01, 0xc4, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    const struct proto_message offer = {.kind = PROTO_OFFER,
                                        .offer = {.manifest = {forged, sizeof(forged)}}};
    static const uint8_t label[PROTO_ROLLOUT_ID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct proto_message message;

    send_up(world, 1);
    expect(world, PROTO_HELLO, &message);
    /* What is not heard is asked for again, once. */
    tell(world, &offer);
    expect(world, PROTO_HELLO, &message);
    tell(world, &offer);
    assert_int_equal(agent_journal_last_row(world->host.journal), 0);
    welcome(world);
    tell(world, &offer);
    expect(world, PROTO_REPORT, &message);
    assert_int_equal(message.report.state, PROTO_JOB_REFUSED);
    assert_string_equal(message.report.code, "no_trust");
    assert_memory_equal(message.report.rollout_id, label, sizeof(label));
    assert_int_equal(agent_journal_last_row(world->host.journal), 1);
    assert_null(agent_jobs_work(world->jobs));

    /* A flood of them fills neither disk nor outbox; each that is told takes one of twenty. */
    for (int i = 0; i < 200; i++)
        tell(world, &offer);
    assert_true(agent_journal_last_row(world->host.journal) >= 20);
    assert_true(agent_journal_last_row(world->host.journal) <= 21);
}

static void test_a_former_job_offered_again_is_told_by_its_end(void **state)
{
    struct world *world = *state;
    static const uint8_t bytes[] = {1, 2, 3}, others[] = {4, 5, 6};
    const struct proto_message offer = {.kind = PROTO_OFFER,
                                        .offer = {.manifest = {bytes, sizeof(bytes)}}};
    const struct proto_message revert = {.kind = PROTO_REVERT, .revert.rollout_id = {1}};
    struct proto_message message;
    uint64_t rows;

    old_job_write(world->host.journal, (struct proto_bytes){bytes, sizeof(bytes)}, 1);
    old_job_write(world->host.journal, (struct proto_bytes){others, sizeof(others)}, 2);
    send_up(world, 1);
    expect(world, PROTO_HELLO, &message);
    welcome(world);
    expect(world, PROTO_REPORT, &message);
    expect(world, PROTO_REPORT, &message);
    rows = agent_journal_last_row(world->host.journal);
    /* A stranger may ask as often as he may be refused. */
    for (int i = 0; i < 200; i++)
        tell(world, &offer);
    agent_talk_flush(world->talk);
    assert_in_range(agent_journal_last_row(world->host.journal) - rows, 20, 21);
    for (int i = 0; i < 20; i++) {
        expect(world, PROTO_REPORT, &message);
        assert_int_equal(message.report.rollout_id[0], 1);
        assert_int_equal(message.report.state, PROTO_JOB_BLOCKED);
        assert_string_equal(message.report.code, "no_space");
    }
    /* Neither do orders to take it back fill the disk. */
    rows = agent_journal_last_row(world->host.journal);
    for (int i = 0; i < 200; i++)
        tell(world, &revert);
    assert_in_range(agent_journal_last_row(world->host.journal) - rows, 20, 21);
}

static void test_orders_of_unknown_jobs_are_nothing(void **state)
{
    static const uint32_t kinds[] = {PROTO_START, PROTO_CANCEL, PROTO_REVERT};
    struct world *world = *state;
    struct proto_message message, commit = {.kind = PROTO_COMMIT, .commit = {.nonce = 1}};

    send_up(world, 1);
    expect(world, PROTO_HELLO, &message);
    welcome(world);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct proto_message order = {.kind = kinds[i]};

        tell(world, &order);
    }
    tell(world, &commit);
    assert_int_equal(hear(world, &message), 0);
    assert_int_equal(agent_journal_last_row(world->host.journal), 0);
}

static void test_messages_for_controllers_are_dropped(void **state)
{
    struct world *world = *state;
    const struct proto_message pong = {.kind = PROTO_PONG};
    struct proto_message message;

    send_up(world, 1);
    expect(world, PROTO_HELLO, &message);
    tell(world, &pong);
    send_bytes(world, "D\x93\x01\x63\x90", 5); /* an unknown kind */
    send_bytes(world, "D\xc1", 2);             /* no message at all */
    assert_int_equal(hear(world, &message), 0);
    /* The connection lives: a bad message is the controller's, not the courier's. */
    welcome(world);
    assert_true(agent_talk_is_up(world->talk));
}

static void test_what_is_no_frame_ends_the_connection(void **state)
{
    static const struct {
        const char *bytes;
        size_t size_bytes;
    } bad[] = {{"X", 1}, {"D", 1}, {"U1234567", 8}, {"U123456789", 10}, {"LL", 2}, {"R", 1}};
    struct world *world = *state;
    struct proto_message message;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        connect_courier(world);
        send_bytes(world, bad[i].bytes, bad[i].size_bytes);
        assert_int_equal(hear(world, &message), -1);
    }
}

static void test_a_new_courier_replaces_the_old(void **state)
{
    struct world *world = *state;
    struct proto_message message;
    int old = world->courier;
    char byte;

    send_up(world, 1);
    expect(world, PROTO_HELLO, &message);
    welcome(world);
    world->courier = -1;
    connect_courier(world);
    assert_int_equal(recv(old, &byte, 1, MSG_DONTWAIT), 0);
    (void)close(old);
    assert_false(agent_talk_is_up(world->talk));
}

static void test_reconnect_counts_only_what_stands_after_it(void **state)
{
    struct world *world = *state;
    struct proto_message message;

    send_up(world, 1);
    expect(world, PROTO_HELLO, &message);
    welcome(world);
    agent_talk_reconnect(world->talk);
    assert_int_equal(hear(world, &message), AGENT_FRAME_RECONNECT);
    assert_false(agent_talk_is_up(world->talk));
    welcome(world); /* a late answer of the old connection */
    assert_false(agent_talk_is_up(world->talk));
    send_up(world, 2);
    expect(world, PROTO_HELLO, &message);
    welcome(world);
    assert_true(agent_talk_is_up(world->talk));

    /* Without a courier the wish is kept for the next one. */
    (void)close(world->courier);
    world->courier = -1;
    turn(world);
    agent_talk_reconnect(world->talk);
    connect_courier(world);
    assert_int_equal(hear(world, &message), AGENT_FRAME_RECONNECT);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_hello_on_every_connection),
        CASE(test_a_hello_without_answer_is_said_over_a_new_connection),
        CASE(test_ping_is_answered_at_once),
        CASE(test_trust_files_are_taken_one_by_one),
        CASE(test_reports_are_sent_again_until_acknowledged),
        CASE(test_a_journal_that_fails_at_an_acknowledgement_halts),
        CASE(test_orders_need_a_welcome),
        CASE(test_a_former_job_offered_again_is_told_by_its_end),
        CASE(test_orders_of_unknown_jobs_are_nothing),
        CASE(test_messages_for_controllers_are_dropped),
        CASE(test_what_is_no_frame_ends_the_connection),
        CASE(test_a_new_courier_replaces_the_old),
        CASE(test_reconnect_counts_only_what_stands_after_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
