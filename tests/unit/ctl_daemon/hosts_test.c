/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment, presence, clones and revocation, and the manners of the control socket. */
#include <sodium.h>

#include "common/file.h"
#include "common/hex.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/world.h"

static struct world world;

static int open_world(void **state)
{
    world_open(&world);
    return 0;
}

static int close_world(void **state)
{
    world_close(&world);
    return 0;
}

static json_t *one_of(const json_t *answer)
{
    return json_array_get(json_object_get(answer, "hosts"), 0);
}

static void assert_code(json_t *answer, const char *code)
{
    assert_true(json_is_false(json_object_get(answer, "ok")));
    assert_string_equal(json_word(answer, "code"), code);
    json_decref(answer);
}

/* ---- enrolment ---- */

static uint32_t enroll(struct fake_host *host, const uint8_t *token, size_t *ret_trust_bytes)
{
    uint32_t outcome = 0;

    if (host->socket == NULL)
        fake_host_connect(host, world.config.enroll_listen, world.engine->public_key);
    fake_host_send_enroll(host, token);
    while ((outcome = fake_host_take_enroll_reply(host, ret_trust_bytes)) == 0)
        world_turn(&world);
    return outcome;
}

static void make_token(uint8_t token[PROTO_TOKEN_BYTES], int uses)
{
    struct bl_error err = {0};
    json_t *answer = world_ask(&world, json_pack("{s:s, s:{s:s}, s:i}", "verb", "enroll.token",
                                                 "labels", "role", "web", "uses", uses));

    assert_int_equal(bl_hex_decode(json_word(answer, "secret"), token, PROTO_TOKEN_BYTES, &err), 0);
    json_decref(answer);
}

static void test_a_token_enrols_once_and_gives_its_labels(void **state)
{
    struct fake_host *first = &world.hosts[0], *second = &world.hosts[1];
    uint8_t token[PROTO_TOKEN_BYTES];
    size_t trust_bytes = 0;
    json_t *answer;

    assert_code(world_ask_verb(&world, "enroll.token"), "no_trust");
    world_set_trust(&world, 1);
    make_token(token, 1);
    fake_host_init(first, world.peers, "web1");
    fake_host_init(second, world.peers, "web2");
    assert_int_equal(enroll(first, token, &trust_bytes), PROTO_ENROLL_ACCEPTED);
    assert_true(trust_bytes > 0);
    assert_int_equal(enroll(second, token, &trust_bytes), PROTO_ENROLL_REFUSED);
    assert_int_equal(trust_bytes, 0);
    /* The answer got lost and the host asks again: it is enrolled, and no use is counted. */
    assert_int_equal(enroll(first, token, &trust_bytes), PROTO_ENROLL_ACCEPTED);
    answer = world_ask(&world,
                       json_pack("{s:s, s:{s:s}}", "verb", "hosts.list", "match", "role", "web"));
    assert_int_equal(json_array_size(json_object_get(answer, "hosts")), 1);
    assert_string_equal(json_word(one_of(answer), "name"), "web1");
    assert_string_equal(json_word(one_of(answer), "state"), "enrolled");
    json_decref(answer);
    world.host_count = 2;
}

static void test_without_a_token_a_host_waits_for_approval(void **state)
{
    struct fake_host *host = &world.hosts[0];
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];
    size_t trust_bytes;
    json_t *answer;

    world_set_trust(&world, 1);
    fake_host_init(host, world.peers, "web1");
    assert_int_equal(enroll(host, NULL, &trust_bytes), PROTO_ENROLL_PENDING);
    assert_int_equal(enroll(host, NULL, &trust_bytes), PROTO_ENROLL_PENDING);
    bl_hex_encode(host->public_key, sizeof(host->public_key), id);
    assert_code(world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.approve", "host", "web1")),
                "bad_request"); /* a name proves nothing */
    id[12] = '\0';
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.approve", "host", id));
    assert_string_equal(json_word(json_object_get(answer, "host"), "state"), "enrolled");
    json_decref(answer);
    assert_int_equal(enroll(host, NULL, &trust_bytes), PROTO_ENROLL_ACCEPTED);
    fake_host_disconnect(host);
}

static void test_one_that_waits_gets_no_question_and_says_why(void **state)
{
    struct fake_host *host = &world.hosts[0];
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)], next[64];
    size_t trust_bytes;
    json_t *answer;

    world_set_trust(&world, 1);
    fake_host_init(host, world.peers, "db1");
    assert_int_equal(enroll(host, NULL, &trust_bytes), PROTO_ENROLL_PENDING);
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "why", "subject", "db1"));
    assert_string_equal(json_word(answer, "state"), "pending");
    bl_hex_encode(host->public_key, sizeof(host->public_key), id);
    (void)snprintf(next, sizeof(next), "belay hosts approve %.16s", id);
    assert_string_equal(json_word(answer, "next"), next);
    json_decref(answer);
    answer = world_ask(&world, json_pack("{s:s, s:[s], s:[{s:s}]}", "verb", "query", "hosts", "db1",
                                         "packages", "name", "demo"));
    assert_string_equal(json_word(json_object_get(answer, "host"), "code"), "not_enrolled");
    json_decref(answer);
    json_decref(world_receive(&world));
    fake_host_disconnect(host);
}

static void test_a_revoked_host_is_out_and_stays_out(void **state)
{
    struct fake_host *host;
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];
    uint8_t token[PROTO_TOKEN_BYTES];
    size_t trust_bytes;
    uint64_t dropped;
    json_t *answer;

    world_set_trust(&world, 1);
    host = world_add_host(&world, "web1");
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.revoke", "host", "web1"));
    assert_false(json_is_true(json_object_get(json_object_get(answer, "host"), "connected")));
    json_decref(answer);
    bl_hex_encode(host->public_key, sizeof(host->public_key), id);
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "why", "subject", id));
    assert_string_equal(json_word(answer, "state"), "revoked");
    json_decref(answer);
    dropped = ctl_link_dropped_count(world.engine->link);
    fake_host_hello(host); /* over the connection that it still has */
    while (ctl_link_dropped_count(world.engine->link) == dropped)
        world_turn(&world);
    assert_false(ctl_fleet_is_connected(ctl_fleet_find(&world.engine->fleet, host->public_key)));
    make_token(token, 1);
    fake_host_disconnect(host);
    world.host_count = 0;
    assert_int_equal(enroll(host, token, &trust_bytes), PROTO_ENROLL_REFUSED);
    fake_host_disconnect(host);
}

/* ---- presence ---- */

static void test_ping_names_the_absent_at_once(void **state)
{
    int64_t offset_ms;
    json_t *frame;
    double rtt_ms;

    world_set_trust(&world, 1);
    (void)world_add_host(&world, "web1");
    (void)world_add_host(&world, "web2");
    world.hosts[0].clock_offset_ms = -5000;
    fake_host_disconnect(&world.hosts[1]);
    while (ctl_fleet_is_connected(ctl_fleet_find(&world.engine->fleet, world.hosts[1].public_key)))
        world_turn(&world);
    frame = world_ask_verb(&world, "ping");
    assert_string_equal(json_word(json_object_get(frame, "host"), "name"), "web2");
    assert_string_equal(json_word(json_object_get(frame, "host"), "code"), "absent");
    json_decref(frame);
    frame = world_receive(&world);
    assert_true(json_is_true(json_object_get(json_object_get(frame, "host"), "answered")));
    rtt_ms = json_real_value(json_object_get(json_object_get(frame, "host"), "rtt_ms"));
    assert_true(rtt_ms > 0);
    /* Nobody can tell better than by half of the way there and back. */
    offset_ms = json_number(json_object_get(frame, "host"), "clock_offset_ms");
    assert_true(llabs(offset_ms + 5000) <= (int64_t)(rtt_ms / 2) + 2);
    json_decref(frame);
    frame = world_receive(&world);
    assert_true(json_is_true(json_object_get(frame, "end")));
    assert_int_equal(json_number(frame, "hosts_count"), 2);
    assert_int_equal(json_number(frame, "answered_count"), 1);
    json_decref(frame);
}

static void test_a_host_that_keeps_silent_ends_the_ping_in_time(void **state)
{
    json_t *frame;

    world_set_trust(&world, 1);
    world_add_host(&world, "web1")->answers_nothing = true;
    frame = world_ask(&world, json_pack("{s:s, s:i}", "verb", "ping", "timeout_ms", 50));
    assert_string_equal(json_word(json_object_get(frame, "host"), "code"), "no_answer");
    json_decref(frame);
    frame = world_receive(&world);
    assert_true(json_is_true(json_object_get(frame, "end")));
    json_decref(frame);
}

static void test_a_client_that_leaves_ends_its_question(void **state)
{
    static const char request[] = "{\"verb\":\"ping\"}";
    const uint8_t head[4] = {sizeof(request) - 1};
    struct ctl_fleet_host *known;

    world_set_trust(&world, 1);
    world_add_host(&world, "web1")->answers_nothing = true;
    known = ctl_fleet_find(&world.engine->fleet, world.hosts[0].public_key);
    world_send_raw(&world, head, sizeof(head));
    world_send_raw(&world, request, sizeof(request) - 1);
    while (known->asks == NULL)
        world_turn(&world);
    bl_close_fd(&world.client_fd);
    while (known->asks != NULL)
        world_turn(&world);
}

static void test_query_brings_each_hosts_transaction(void **state)
{
    json_t *frame;
    const json_t *change;

    world_set_trust(&world, 1);
    (void)world_add_host(&world, "web1");
    frame = world_ask(&world, json_pack("{s:s, s:[s], s:[{s:s}]}", "verb", "query", "hosts", "web1",
                                        "packages", "name", "nginx"));
    change = json_array_get(json_object_get(json_object_get(frame, "host"), "changes"), 0);
    assert_string_equal(json_word(change, "name"), "nginx");
    assert_string_equal(json_word(change, "from"), "1");
    assert_string_equal(json_word(change, "to"), "2");
    assert_string_equal(json_word(change, "action"), "upgrade");
    json_decref(frame);
    json_decref(world_receive(&world));
    assert_code(world_ask(&world, json_pack("{s:s, s:[{s:s}]}", "verb", "query", "packages", "name",
                                            "nginx; rm")),
                "bad_request");
    assert_code(world_ask(&world, json_pack("{s:s, s:s, s:[{s:s}]}", "verb", "query", "package_set",
                                            "all", "packages", "name", "nginx")),
                "bad_request");
    assert_code(world_ask(&world, json_pack("{s:s, s:s}", "verb", "query", "package_set", "some")),
                "bad_request");
    assert_code(world_ask(&world, json_pack("{s:s, s:s, s:[s]}", "verb", "query", "package_set",
                                            "all", "excludes", "-y")),
                "bad_request");
    frame = world_ask(&world, json_pack("{s:s, s:s, s:[s], s:[s]}", "verb", "query", "package_set",
                                        "security", "excludes", "linux-*", "hosts", "web1"));
    assert_non_null(json_object_get(frame, "host"));
    json_decref(frame);
    json_decref(world_receive(&world));
}

/* ---- clones ---- */

static bool is_held(const struct fake_host *host)
{
    return ctl_fleet_find(&world.engine->fleet, host->public_key)->held;
}

static void test_two_machines_with_one_key_are_held(void **state)
{
    struct fake_host *original, *clone = &world.hosts[1];
    json_t *answer;

    world_set_trust(&world, 1);
    original = world_add_host(&world, "web1");
    *clone = *original;
    clone->socket = NULL;
    clone->report_count = clone->welcomes = 0;
    fake_host_connect(clone, world.config.listen, world.engine->public_key);
    fake_host_hello(clone);
    world.host_count = 2;
    while (!is_held(original))
        world_turn(&world);
    answer = world_ask_verb(&world, "hosts.list");
    assert_string_equal(json_word(one_of(answer), "held"), "clone");
    json_decref(answer);
    answer = world_ask_verb(&world, "ping");
    assert_string_equal(json_word(json_object_get(answer, "host"), "code"), "clone");
    json_decref(answer);
    json_decref(world_receive(&world));
    /* Nothing that either of them reports is believed meanwhile. */
    fake_host_report(original, &(struct proto_report){.moment = PROTO_MOMENT_STATE,
                                                      .state = PROTO_JOB_ACCEPTED});
    fake_host_disconnect(clone);
    while (is_held(original))
        world_turn(&world);
    while (original->acknowledged == 0) /* what was dropped comes again to the new WELCOME */
        world_turn(&world);
}

static void test_a_new_connection_of_the_same_host_is_no_clone(void **state)
{
    struct fake_host *host;

    world_set_trust(&world, 1);
    host = world_add_host(&world, "web1");
    for (unsigned i = 0; i < 20; i++) { /* as RECONNECT does: the old one is closed, none waits */
        unsigned welcomes = host->welcomes;

        fake_host_disconnect(host);
        fake_host_connect(host, world.config.listen, world.engine->public_key);
        fake_host_hello(host);
        while (host->welcomes == welcomes)
            world_turn(&world);
        assert_false(is_held(host));
    }
}

/* ---- names and manners ---- */

static void test_names_prefixes_and_labels(void **state)
{
    json_t *answer;

    world_set_trust(&world, 1);
    (void)world_add_host(&world, "web1");
    (void)world_add_host(&world, "web10");
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.show", "host", "web1"));
    assert_string_equal(json_word(json_object_get(answer, "host"), "name"), "web1");
    json_decref(answer);
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.show", "host", "web"));
    assert_int_equal(json_array_size(json_object_get(answer, "candidates")), 2);
    assert_code(answer, "ambiguous");
    assert_code(world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.show", "host", "x")),
                "not_found");
    answer = world_ask(&world, json_pack("{s:s, s:s, s:{s:s}}", "verb", "hosts.label", "host",
                                         "web10", "set", "zone", "a"));
    assert_string_equal(
        json_word(json_object_get(json_object_get(answer, "host"), "labels"), "zone"), "a");
    json_decref(answer);
    assert_code(world_ask(&world, json_pack("{s:s, s:s, s:{s:s}}", "verb", "hosts.label", "host",
                                            "web10", "set", "bad key", "a")),
                "bad_request");
    assert_code(
        world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.list", "state", "enroled")),
        "bad_request");
    world_restart(&world);
    answer =
        world_ask(&world, json_pack("{s:s, s:{s:s}}", "verb", "hosts.list", "match", "zone", "a"));
    assert_string_equal(json_word(one_of(answer), "name"), "web10");
    json_decref(answer);
    /* The same and more as an expression; what a host said of itself when it joined is a fact. */
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.list", "match",
                                         "zone in (a, c), os=debian, name~web*"));
    assert_string_equal(json_word(one_of(answer), "name"), "web10");
    json_decref(answer);
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.list", "match",
                                         "zone=a, os!=debian or zone!=a, zone"));
    assert_int_equal(json_array_size(json_object_get(answer, "hosts")), 0);
    json_decref(answer);
    assert_code(
        world_ask(&world, json_pack("{s:s, s:s}", "verb", "ping", "match", "zone=a zone=b")),
        "bad_request");
}

/* Nobody is listed, asked or left out in silence by what only a host itself can tell. */
static void test_hosts_tell_their_packages_when_they_are_asked(void **state)
{
    static const char *const verbs[] = {"hosts.list", "ping", "leases"};
    json_t *answer;
    const json_t *package;

    world_set_trust(&world, 1);
    (void)world_add_host(&world, "web1");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        assert_code(world_ask(&world, json_pack("{s:s, s:s}", "verb", verbs[i], "match",
                                                "os=debian, package:nginx<2")),
                    "packages_not_told");
    answer = world_ask(&world, json_pack("{s:s, s:s, s:b}", "verb", "hosts.list", "match",
                                         "name=web1, package:nginx<2", "undecided", true));
    assert_int_equal(json_array_size(json_object_get(answer, "hosts")), 0);
    assert_string_equal(json_word(json_array_get(json_object_get(answer, "undecided"), 0), "name"),
                        "web1");
    json_decref(answer);
    answer = world_ask(&world,
                       json_pack("{s:s, s:s, s:[s], s:b}", "verb", "hosts.list", "match",
                                 "name=web2, package:nginx<2", "hosts", "web1", "undecided", true));
    assert_int_equal(json_array_size(json_object_get(answer, "undecided")), 0);
    json_decref(answer);
    answer =
        world_ask(&world, json_pack("{s:s, s:[s], s:[{s:s}], s:b}", "verb", "query", "hosts",
                                    "web1", "packages", "name", "nginx", "only_installed", true));
    package = json_array_get(json_object_get(json_object_get(answer, "host"), "installed"), 0);
    assert_string_equal(json_word(package, "name"), "nginx");
    assert_string_equal(json_word(package, "version"), "1");
    json_decref(answer);
    json_decref(world_receive(&world));
}

/* Anybody may ask to be enrolled under any name; that takes no host's name from it. */
static void test_a_stranger_takes_no_name(void **state)
{
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];
    struct fake_host *stranger = &world.hosts[2], *liar = &world.hosts[3];
    size_t trust_bytes;
    json_t *answer;

    world_set_trust(&world, 1);
    (void)world_add_host(&world, "web1");
    (void)world_add_host(&world, "latest1");
    fake_host_init(stranger, world.peers, "web");
    assert_int_equal(enroll(stranger, NULL, &trust_bytes), PROTO_ENROLL_PENDING);
    bl_hex_encode(stranger->public_key, sizeof(stranger->public_key), id);
    id[12] = '\0';
    fake_host_init(liar, world.peers, id); /* called as the other's id begins */
    assert_int_equal(enroll(liar, NULL, &trust_bytes), PROTO_ENROLL_PENDING);

    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.show", "host", "web"));
    assert_string_equal(json_word(json_object_get(answer, "host"), "name"), "web1");
    json_decref(answer);
    assert_code(world_ask(&world, json_pack("{s:s, s:s}", "verb", "why", "subject", "latest")),
                "not_found"); /* the newest rollout is meant, and no host whose name begins so */
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.approve", "host", id));
    assert_string_equal(json_word(json_object_get(answer, "host"), "name"), "web");
    json_decref(answer);
    fake_host_disconnect(stranger);
    fake_host_disconnect(liar);
}

static void test_an_ambiguous_host_is_no_missing_rollout(void **state)
{
    json_t *answer;

    world_set_trust(&world, 1);
    (void)world_add_host(&world, "web1");
    (void)world_add_host(&world, "web2");
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "why", "subject", "web"));
    assert_int_equal(json_array_size(json_object_get(answer, "candidates")), 2);
    assert_code(answer, "ambiguous");
}

static void test_odd_requests_are_answered_and_do_no_harm(void **state)
{
    static const char *const odd[] = {
        "[]", "{", "{\"verb\":\"info\",\"verb\":\"audit\"}", "{\"verb\":7}", "\"info\"", "{}"};
    json_t *answer;

    assert_code(world_ask_verb(&world, "unlock"), "unknown_verb");
    assert_code(world_ask(&world, json_pack("{s:s, s:i}", "verb", "info", "x", 1)), "bad_request");
    assert_code(world_ask(&world, json_pack("{s:s, s:i}", "verb", "audit", "limit", -1)),
                "bad_request");
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        const uint8_t head[4] = {(uint8_t)strlen(odd[i])};

        world_send_raw(&world, head, sizeof(head));
        world_send_raw(&world, odd[i], strlen(odd[i]));
        assert_code(world_receive(&world), "bad_request");
        world_restart(&world); /* that connection was closed */
    }
    world_send_raw(&world, "\xff\xff\xff\xff", 4);
    assert_code(world_receive(&world), "too_large");
    world_restart(&world);
    answer = world_ask_verb(&world, "info");
    assert_true(json_is_true(json_object_get(answer, "ok")));
    json_decref(answer);
}

static void test_requests_sent_at_once_are_answered_in_order(void **state)
{
    static const char first[] = "{\"verb\":\"nope\"}", second[] = "{\"verb\":\"info\"}";
    char both[2 * (4 + sizeof(first))];
    size_t first_bytes = sizeof(first) - 1, second_bytes = sizeof(second) - 1;
    json_t *answer;

    memset(both, 0, sizeof(both));
    both[0] = (char)first_bytes;
    memcpy(both + 4, first, first_bytes);
    both[4 + first_bytes] = (char)second_bytes;
    memcpy(both + 8 + first_bytes, second, second_bytes);
    world_send_raw(&world, both, 8 + first_bytes + 3); /* the second in two parts */
    assert_code(world_receive(&world), "unknown_verb");
    world_send_raw(&world, both + 8 + first_bytes + 3, second_bytes - 3);
    answer = world_receive(&world);
    assert_true(json_is_true(json_object_get(answer, "ok")));
    json_decref(answer);
}

static void test_a_trust_file_follows_only_its_own_roots(void **state)
{
    struct person root_before;
    json_t *answer;

    world_set_trust(&world, 1);
    world_set_trust(&world, 2);
    answer = world_ask_verb(&world, "trust.get");
    assert_int_equal(json_number(answer, "version"), 2);
    assert_int_equal(json_array_size(json_object_get(answer, "people")), 2);
    assert_code(world_ask(&world, json_pack("{s:s, s:O}", "verb", "trust.set", "trust",
                                            json_object_get(answer, "trust"))),
                "stale_trust");
    json_decref(answer);
    root_before = world.root;
    assert_int_equal(crypto_sign_keypair(world.root.key, world.root.secret), 0);
    assert_code(world_offer_trust(&world, 3), "foreign_trust");
    world.root = root_before;
    assert_code(world_ask(&world, json_pack("{s:s, s:s}", "verb", "trust.set", "trust", "AAAA")),
                "bad_trust");
}

#define HOSTS_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOSTS_TEST(test_a_token_enrols_once_and_gives_its_labels),
        HOSTS_TEST(test_without_a_token_a_host_waits_for_approval),
        HOSTS_TEST(test_one_that_waits_gets_no_question_and_says_why),
        HOSTS_TEST(test_a_revoked_host_is_out_and_stays_out),
        HOSTS_TEST(test_ping_names_the_absent_at_once),
        HOSTS_TEST(test_a_host_that_keeps_silent_ends_the_ping_in_time),
        HOSTS_TEST(test_a_client_that_leaves_ends_its_question),
        HOSTS_TEST(test_query_brings_each_hosts_transaction),
        HOSTS_TEST(test_hosts_tell_their_packages_when_they_are_asked),
        HOSTS_TEST(test_two_machines_with_one_key_are_held),
        HOSTS_TEST(test_a_new_connection_of_the_same_host_is_no_clone),
        HOSTS_TEST(test_names_prefixes_and_labels),
        HOSTS_TEST(test_a_stranger_takes_no_name),
        HOSTS_TEST(test_an_ambiguous_host_is_no_missing_rollout),
        HOSTS_TEST(test_odd_requests_are_answered_and_do_no_harm),
        HOSTS_TEST(test_requests_sent_at_once_are_answered_in_order),
        HOSTS_TEST(test_a_trust_file_follows_only_its_own_roots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
