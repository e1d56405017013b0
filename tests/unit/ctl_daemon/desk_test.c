/* SPDX-License-Identifier: Apache-2.0 */
/* The admin endpoint, with desks that are real peers: who comes in, what they may ask, how much. */
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/daemon/desk_table.h"
#include "controller/desk/connect.h"
#include "controller/desk/wire.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/loopback.h"
#include "tests/unit/ctl_daemon/world.h"

struct desk {
    struct ctl_desk_address to;
    char id[BL_HEX_BYTES(CTL_DESK_KEY_BYTES)];
    struct ctl_desk_line *line;
    int fd;
    int result;
    struct bl_error err;
    atomic_bool is_done;
};

static struct world world;
static struct desk anna, other;
static int64_t later_ms; /* what this process's clock is ahead */

struct bl_mono __real_bl_mono_now(void);
struct bl_mono __wrap_bl_mono_now(void);
struct bl_mono __wrap_bl_mono_now(void)
{
    return bl_mono_after(__real_bl_mono_now(), later_ms);
}

static void make_desk(struct desk *desk)
{
    *desk = (struct desk){.fd = -1, .to.address = world.config.admin_listen};
    randombytes_buf(desk->to.secret_key, CTL_DESK_KEY_BYTES);
    assert_int_equal(crypto_scalarmult_base(desk->to.public_key, desk->to.secret_key), 0);
    memcpy(desk->to.controller_key, world.engine->public_key, CTL_DESK_KEY_BYTES);
    bl_hex_encode(desk->to.public_key, CTL_DESK_KEY_BYTES, desk->id);
}

static int open_world(void **state)
{
    later_ms = 0;
    world_open(&world);
    loopback_endpoint(world.config.admin_listen, LOOPBACK_ADMIN_PORT);
    world_restart(&world);
    make_desk(&anna);
    make_desk(&other);

    return 0;
}

static void leave(struct desk *desk)
{
    bl_close_fd(&desk->fd);
    desk->line = ctl_desk_line_release(desk->line);
}

static int close_world(void **state)
{
    leave(&anna);
    leave(&other);
    world_close(&world);

    return 0;
}

static void *connect_there(void *userdata)
{
    struct desk *desk = userdata;

    desk->result = ctl_desk_connect(&desk->to, &desk->line, &desk->fd, &desk->err);
    desk->is_done = true;

    return NULL;
}

/* The result of a connection; the world turns meanwhile. */
static int come_in(struct desk *desk)
{
    pthread_t thread;

    leave(desk);
    desk->is_done = false;
    assert_int_equal(pthread_create(&thread, NULL, connect_there, desk), 0);
    while (!desk->is_done)
        world_turn(&world);
    assert_int_equal(pthread_join(thread, NULL), 0);

    return desk->result;
}

static json_t *admission(const struct desk *desk, const char *name)
{
    return json_pack("{s:s, s:s, s:s}", "verb", "desk.admit", "name", name, "key", desk->id);
}

/* Asserts that the answer has this code; "" = it is no refusal. */
static void expect(json_t *answer, const char *code)
{
    const bool is_ok = json_is_true(json_object_get(answer, "ok"));

    if (is_ok ? code[0] != '\0' : strcmp(json_word(answer, "code"), code) != 0)
        fail_msg("'%s' (%s) instead of '%s'", json_word(answer, "code"), json_word(answer, "error"),
                 code);
    json_decref(answer);
}

static void admit(const struct desk *desk, const char *name)
{
    expect(world_ask(&world, admission(desk, name)), "");
}

static void shut_out(const char *name)
{
    expect(world_ask(&world, json_pack("{s:s, s:s}", "verb", "desk.revoke", "desk", name)), "");
}

/* As world_ask, but from this desk. */
static json_t *ask(struct desk *desk, json_t *request)
{
    const int local_fd = world.client_fd;
    json_t *answer;

    world.client_fd = desk->fd;
    answer = world_ask(&world, request);
    world.client_fd = local_fd;

    return answer;
}

static json_t *ask_verb(struct desk *desk, const char *verb)
{
    return ask(desk, json_pack("{s:s}", "verb", verb));
}

/* Turns the world until this desk's line is at its end. */
static void expect_end(struct desk *desk, char ret_text[CTL_DESK_END_TEXT_BYTES])
{
    uint8_t byte;

    while (recv(desk->fd, &byte, sizeof(byte), MSG_DONTWAIT) != 0)
        world_turn(&world);
    ctl_desk_line_end(desk->line, ret_text);
}

/* A rollout that stays open however long desks take to come: it soaks for a day. */
static void start_and_soak(char ret_id[17])
{
    struct submission_wish wish;

    world_set_trust(&world, 1);
    world_add_hosts(&world, 2);
    wish = world_two_waves(&world);
    wish.soak_ms = 24 * 60 * 60 * 1000;
    world_submit(&world, &wish, ret_id);
    json_decref(world_wait_state(&world, "soaking"));
}

static void test_only_admitted_desks_come_in(void **state)
{
    json_t *answer;

    assert_int_equal(come_in(&anna), -EACCES);
    admit(&anna, "anna");
    assert_int_equal(come_in(&anna), 0);
    answer = ask_verb(&anna, "info");
    assert_string_equal(json_word(answer, "admin_listen"), world.config.admin_listen);
    json_decref(answer);
    assert_int_equal(come_in(&other), -EACCES);

    /* Admitted is who was admitted, also after a restart of the daemon. */
    world_restart(&world);
    assert_int_equal(come_in(&anna), 0);
    expect(ask_verb(&anna, "info"), "");
    assert_int_equal(come_in(&other), -EACCES);
}

static void test_a_desk_believes_no_other_key(void **state)
{
    admit(&anna, "anna");
    anna.to.controller_key[0] ^= 1;
    assert_int_equal(come_in(&anna), -EKEYREJECTED);
}

static void test_nobody_there_is_told_apart(void **state)
{
    admit(&anna, "anna");
    world.config.admin_listen[0] = '\0';
    world_restart(&world);
    loopback_endpoint(world.config.admin_listen, LOOPBACK_ADMIN_PORT);
    assert_int_equal(come_in(&anna), -ENOTCONN);
    expect(world_ask_verb(&world, "desk.list"), "");
}

static void test_a_revoked_desk_is_cut_off_and_never_comes_back(void **state)
{
    char why[CTL_DESK_END_TEXT_BYTES];

    admit(&anna, "anna");
    admit(&other, "other");
    assert_int_equal(come_in(&anna), 0);
    assert_int_equal(come_in(&other), 0);
    expect(ask_verb(&anna, "info"), "");
    shut_out("anna");
    expect_end(&anna, why);
    assert_int_equal(come_in(&anna), -EACCES);
    expect(world_ask(&world, admission(&anna, "anna")), "exists");
    world_restart(&world);
    assert_int_equal(come_in(&anna), -EACCES);
    /* The other one is as it was. */
    assert_int_equal(come_in(&other), 0);
    expect(ask_verb(&other, "info"), "");
}

static void test_a_message_after_the_revocation_does_nothing(void **state)
{
    char id[17], text[64];
    bool is_revoked = false;
    uint8_t head[4] = {0};
    json_t *answer;

    start_and_soak(id);
    admit(&anna, "anna");
    assert_int_equal(come_in(&anna), 0);
    expect(ask_verb(&anna, "info"), "");
    head[0] = (uint8_t)snprintf(text, sizeof(text), "{\"verb\":\"pause\",\"rollout\":\"%s\"}", id);
    /* It is on its way when the desk is revoked. */
    assert_int_equal(send(anna.fd, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
    assert_int_equal(send(anna.fd, text, head[0], MSG_NOSIGNAL), head[0]);
    shut_out("anna");
    for (unsigned i = 0; i < 50; i++)
        world_turn(&world);
    answer = world_ask_verb(&world, "audit");
    for (size_t i = 0; i < json_array_size(json_object_get(answer, "rows")); i++) {
        const json_t *row = json_array_get(json_object_get(answer, "rows"), i);

        assert_true(!is_revoked || json_is_null(json_object_get(row, "desk")));
        is_revoked = is_revoked || strcmp(json_word(row, "verb"), "desk.revoke") == 0;
    }
    assert_true(is_revoked);
    json_decref(answer);
}

static void test_the_list_of_verbs_is_closed(void **state)
{
    static const char *const never[] = {
        "audit.accept", "desk.admit",    "desk.revoke",  "desk.list", "trust.set",
        "hosts.label",  "hosts.approve", "resume",       "unfreeze",  "hosts.revoke",
        "deny.add",     "deny.lift",     "enroll.token",
    };

    admit(&anna, "anna");
    assert_int_equal(come_in(&anna), 0);
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        expect(ask_verb(&anna, never[i]), "not_from_desk");
    for (size_t i = 0; i < ctl_verb_count; i++) {
        if (ctl_verbs[i].is_for_desks)
            continue;
        later_ms += 10 * CTL_DESK_REQUEST_EVERY_MS; /* so that it is not refused for its haste */
        expect(ask_verb(&anna, ctl_verbs[i].name), "not_from_desk");
    }
}

static void test_what_a_desk_changes_is_in_the_audit(void **state)
{
    json_t *answer, *row = NULL;
    const json_t *rows;
    char id[17];

    start_and_soak(id);
    admit(&anna, "anna");
    assert_int_equal(come_in(&anna), 0);
    answer = ask(&anna, json_pack("{s:s, s:s}", "verb", "pause", "rollout", id));
    assert_true(json_is_true(json_object_get(answer, "paused")));
    json_decref(answer);
    answer = world_ask_verb(&world, "audit");
    assert_true(json_is_true(json_object_get(answer, "verified")));
    rows = json_object_get(answer, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (strcmp(json_word(json_array_get(rows, i), "verb"), "pause") == 0)
            row = json_array_get(rows, i);
        else
            assert_true(json_is_null(json_object_get(json_array_get(rows, i), "desk")));
    }
    assert_non_null(row);
    assert_string_equal(json_word(json_object_get(row, "desk"), "key"), anna.id);
    assert_string_equal(json_word(json_object_get(row, "desk"), "name"), "anna");
    assert_int_equal(json_number(row, "uid"), CTL_UID_DESK);
    json_decref(answer);
}

/* While the world turns: the daemon takes no more than a window until then. */
static void *send_approval(void *userdata)
{
    static const char start[] = "{\"verb\":\"approve\",\"approval\":\"";
    const size_t text_bytes = strlen(userdata), size_bytes = sizeof(start) - 1 + text_bytes + 2;
    uint8_t head[4];

    for (unsigned i = 0; i < sizeof(head); i++)
        head[i] = (uint8_t)(size_bytes >> (8 * i));
    (void)send(anna.fd, head, sizeof(head), MSG_NOSIGNAL);
    (void)send(anna.fd, start, sizeof(start) - 1, MSG_NOSIGNAL);
    (void)send(anna.fd, userdata, text_bytes, MSG_NOSIGNAL);
    (void)send(anna.fd, "\"}", 2, MSG_NOSIGNAL);

    return NULL;
}

/* Requests and answers of more than a window go through piece by piece. */
static void test_large_requests_and_answers(void **state)
{
    static char text[2 * CTL_DESK_WINDOW_BYTES + 1];
    const int local_fd = world.client_fd;
    struct bl_error err = {0};
    json_t *answer, *row;
    pthread_t thread;

    memset(text, 'a', sizeof(text) - 1);
    assert_true(ctl_engine_begin(world.engine));
    for (unsigned i = 0; i < 3; i++) {
        text[i] = 'b';
        assert_int_equal(ctl_engine_audit(world.engine, -1, "test", "", text, &err), 0);
    }
    assert_true(ctl_engine_end(world.engine));
    admit(&anna, "anna");
    assert_int_equal(come_in(&anna), 0);
    for (unsigned i = 0; i < 2; i++) {
        answer = ask_verb(&anna, "audit");
        row = json_array_get(json_object_get(answer, "rows"), 2);
        assert_string_equal(json_word(row, "detail"), text);
        json_decref(answer);
        assert_int_equal(pthread_create(&thread, NULL, send_approval, text), 0);
        world.client_fd = anna.fd;
        expect(world_receive(&world), "bad_request");
        world.client_fd = local_fd;
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

static void test_a_desk_that_asks_too_often_is_held_back(void **state)
{
    unsigned asked_count = 0;
    json_t *answer;

    world_set_trust(&world, 1);
    world_add_hosts(&world, 1);
    admit(&anna, "anna");
    assert_int_equal(come_in(&anna), 0);
    for (;;) {
        answer = ask_verb(&anna, "info");
        if (strcmp(json_word(answer, "code"), "too_many_requests") == 0)
            break;
        assert_true(asked_count++ < 2 * CTL_DESK_REQUESTS_AT_ONCE);
        json_decref(answer);
    }
    json_decref(answer);
    assert_true(asked_count >= CTL_DESK_REQUESTS_AT_ONCE / 2);
    later_ms -= 5 * 1000; /* a handshake takes as long as it takes: nothing is paid meanwhile */
    assert_int_equal(come_in(&anna), -EBUSY);
    /* Local people and hosts notice nothing of it. */
    answer = world_ask_verb(&world, "info");
    assert_int_equal(json_number(answer, "connected_count"), 1);
    json_decref(answer);
    later_ms += 60 * 1000;
    assert_int_equal(come_in(&anna), 0);
    expect(ask_verb(&anna, "info"), "");
}

static void test_a_desk_has_so_many_conversations(void **state)
{
    static struct desk more[CTL_DESK_CONVERSATIONS_MAX + 1];

    admit(&anna, "anna");
    for (unsigned i = 0; i <= CTL_DESK_CONVERSATIONS_MAX; i++) {
        more[i] = anna;
        assert_int_equal(come_in(&more[i]), i < CTL_DESK_CONVERSATIONS_MAX ? 0 : -EBUSY);
    }
    for (unsigned i = 0; i <= CTL_DESK_CONVERSATIONS_MAX; i++)
        leave(&more[i]);
    /* Those that ended make room. */
    while (come_in(&anna) == -EBUSY)
        world_turn(&world);
    assert_int_equal(anna.result, 0);
}

static void test_an_idle_conversation_is_ended_but_no_stream(void **state)
{
    char why[CTL_DESK_END_TEXT_BYTES], id[17];
    uint8_t byte;

    start_and_soak(id);
    admit(&anna, "anna");
    admit(&other, "other");
    assert_int_equal(come_in(&anna), 0);
    assert_int_equal(come_in(&other), 0);
    expect(ask_verb(&anna, "info"), "");
    expect(ask(&other, json_pack("{s:s, s:s}", "verb", "watch", "rollout", id)), "");
    later_ms += CTL_DESK_IDLE_MS_MAX + 1000;
    expect_end(&anna, why);
    assert_string_equal(why, "nothing was asked for a minute");
    assert_int_not_equal(recv(other.fd, &byte, sizeof(byte), MSG_DONTWAIT), 0);
}

static void test_keys_that_are_no_desks_own(void **state)
{
    struct desk wrong = anna;

    world_set_trust(&world, 1);
    world_add_hosts(&world, 1);
    bl_hex_encode(world.engine->fleet.hosts[0]->id, PROTO_HOST_ID_BYTES, wrong.id);
    expect(world_ask(&world, admission(&wrong, "web1")), "exists");
    bl_hex_encode(world.engine->public_key, PROTO_HOST_ID_BYTES, wrong.id);
    expect(world_ask(&world, admission(&wrong, "me")), "bad_request");
    expect(world_ask(&world, admission(&anna, "no name")), "bad_request");
    admit(&anna, "anna");
    admit(&anna, "anna"); /* again: nothing changes */
    expect(world_ask(&world, admission(&other, "anna")), "exists");
    expect(world_ask(&world, admission(&anna, "berta")), "exists");
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(test_only_admitted_desks_come_in),
        DESK_TEST(test_a_desk_believes_no_other_key),
        DESK_TEST(test_nobody_there_is_told_apart),
        DESK_TEST(test_a_revoked_desk_is_cut_off_and_never_comes_back),
        DESK_TEST(test_a_message_after_the_revocation_does_nothing),
        DESK_TEST(test_the_list_of_verbs_is_closed),
        DESK_TEST(test_what_a_desk_changes_is_in_the_audit),
        DESK_TEST(test_large_requests_and_answers),
        DESK_TEST(test_a_desk_that_asks_too_often_is_held_back),
        DESK_TEST(test_a_desk_has_so_many_conversations),
        DESK_TEST(test_an_idle_conversation_is_ended_but_no_stream),
        DESK_TEST(test_keys_that_are_no_desks_own),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
