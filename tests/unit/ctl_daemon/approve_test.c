/* SPDX-License-Identifier: Apache-2.0 */
/* What people sign about a rollout that is under way, through the socket and over restarts. */
#include <sodium.h>
#include <string.h>

#include "common/text.h"
#include "controller/daemon/run_people.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/world.h"

enum {
    ANSWER_MS = 30 * 1000,
};

static struct world world;
static int64_t later_ms; /* that passed at once, by both clocks */

struct bl_mono __real_bl_mono_now(void);
struct bl_mono __wrap_bl_mono_now(void);
struct bl_mono __wrap_bl_mono_now(void)
{
    return bl_mono_after(__real_bl_mono_now(), later_ms);
}

struct bl_wall __real_bl_wall_now(void);
struct bl_wall __wrap_bl_wall_now(void);
struct bl_wall __wrap_bl_wall_now(void)
{
    return (struct bl_wall){.ms = __real_bl_wall_now().ms + later_ms};
}

static int open_world(void **state)
{
    later_ms = 0;
    world_open(&world);
    world_set_trust(&world, 1);
    return 0;
}

static int close_world(void **state)
{
    world_close(&world);
    return 0;
}

/* Of the only rollout, good for an hour. */
static struct proto_approval about(uint32_t what, uint32_t number)
{
    const struct ctl_run *run = world.engine->runs[0];
    struct proto_approval approval = {
        .format = PROTO_APPROVAL_FORMAT,
        .about = what,
        .number = number,
        .given_ms = bl_wall_now().ms,
        .not_after_ms = bl_wall_now().ms + 3600 * 1000,
    };

    memcpy(approval.rollout_id, run->id, sizeof(approval.rollout_id));
    proto_manifest_hash(run->manifest_data, run->manifest_bytes, approval.manifest_hash);

    return approval;
}

/* A new reference: the request, so that the same bytes can be brought twice. */
static json_t *sealed(const struct proto_approval *approval, const struct person *person)
{
    PROTO_AUTO_BUFFER file = {0};
    struct bl_error err = {0};
    char text[2 * PROTO_APPROVAL_BYTES_MAX];

    if (proto_approval_seal(approval, person->key, person->secret, &file, &err) < 0)
        fail_msg("%s", err.text);
    (void)sodium_bin2base64(text, sizeof(text), file.data, file.size_bytes,
                            sodium_base64_VARIANT_ORIGINAL);

    return json_pack("{s:s, s:s}", "verb", "approve", "approval", text);
}

/* Brings it; `wanted`: the code of the refusal, "" when it must be taken. */
static void bring(json_t *request, const char *wanted)
{
    json_t *answer = world_ask(&world, request);

    if (strcmp(json_word(answer, "code"), wanted) != 0 && wanted[0] != '\0')
        fail_msg("'%s' instead of '%s'", json_word(answer, "code"), wanted);
    if (wanted[0] == '\0' && !json_is_true(json_object_get(answer, "ok")))
        fail_msg("%s: %s", json_word(answer, "code"), json_word(answer, "error"));
    json_decref(answer);
}

static void say(uint32_t what, uint32_t number, const struct person *person, const char *wanted)
{
    const struct proto_approval approval = about(what, number);

    bring(sealed(&approval, person), wanted);
}

static void carry_with_signatures_swapped(const struct submission_wish *wish)
{
    json_t *request = world_submission(&world, wish);
    json_t *signatures = json_object_get(request, "signatures");

    (void)json_array_append(signatures, json_array_get(signatures, 0));
    (void)json_array_remove(signatures, 0);
    bring(request, "");
}

static json_t *wait_code(const char *code)
{
    const int64_t end_ms = bl_mono_now().ms + WORLD_WAIT_MS;

    for (;;) {
        json_t *status = world_ask_verb(&world, "status");

        if (strcmp(json_word(status, "code"), code) == 0)
            return status;
        if (bl_mono_now().ms > end_ms)
            fail_msg("'%s: %s' instead of '%s'", json_word(status, "code"),
                     json_word(status, "reason"), code);
        json_decref(status);
        world_turn(&world);
    }
}

static void submit(struct submission_wish wish)
{
    char id[17];

    world_submit(&world, &wish, id);
}

/* The couriers notice, and build new connections. */
static void restart_belayd(void)
{
    world_restart(&world);
    for (unsigned i = 0; i < world.host_count; i++) {
        fake_host_disconnect(&world.hosts[i]);
        fake_host_connect(&world.hosts[i], world.config.listen, world.engine->public_key);
        fake_host_hello(&world.hosts[i]);
    }
}

static void test_a_wave_waits_for_another_person(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    json_t *status, *request;
    struct proto_approval approval;
    const json_t *given;

    world_add_hosts(&world, 2);
    wish.approvals = 1;
    submit(wish);
    status = wait_code("approval_missing");
    assert_string_equal(json_word(status, "reason"), "wave 2 of 2: waits for 1 of 1 approval");
    assert_int_equal(json_number(status, "exit_code"), 4);
    assert_non_null(strstr(json_word(status, "next"), "belay approve "));
    json_decref(status);
    assert_int_equal(world.hosts[1].starts, 0);

    say(PROTO_APPROVAL_WAVE, 2, &world.anna, "own_approval");
    assert_int_equal(world.hosts[1].starts, 0);
    restart_belayd();
    approval = about(PROTO_APPROVAL_WAVE, 2);
    request = sealed(&approval, &world.carla);
    bring(json_incref(request), "");
    status = world_wait_state(&world, "complete");
    assert_int_equal(world.hosts[1].starts, 1);
    given = json_array_get(json_object_get(json_object_get(status, "approvals"), "given"), 0);
    assert_string_equal(json_word(given, "person"), "carla");
    assert_int_equal(json_number(given, "number"), 2);
    json_decref(status);
    /* The same once more: nothing happens, and nothing is written. */
    bring(request, "");
    assert_int_equal(world_count_audit(&world, "approve"), 1);
}

/* The order of the signatures is not signed: whoever carries them can change it. */
static void test_whose_rollout_it_is_does_not_follow_from_the_order_of_signatures(void **state)
{
    struct submission_wish wish = world_two_waves(&world);

    wish.signers[1] = &world.carla;
    wish.approvals = 1;
    world_add_hosts(&world, 2);
    carry_with_signatures_swapped(&wish);
    json_decref(wait_code("approval_missing"));
    say(PROTO_APPROVAL_WAVE, 2, &world.anna, "own_approval");
    say(PROTO_APPROVAL_WAVE, 2, &world.carla, "");
    json_decref(world_wait_state(&world, "complete"));
}

static void test_what_is_not_good_is_refused(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    struct person stranger;
    struct proto_approval approval;

    world_add_hosts(&world, 2);
    wish.approvals = 1;
    submit(wish);
    json_decref(wait_code("approval_missing"));

    assert_int_equal(crypto_sign_keypair(stranger.key, stranger.secret), 0);
    say(PROTO_APPROVAL_WAVE, 2, &stranger, "unknown_signer");
    approval = about(PROTO_APPROVAL_WAVE, 2);
    approval.manifest_hash[0] ^= 1;
    bring(sealed(&approval, &world.carla), "manifest_differs");
    approval = about(PROTO_APPROVAL_WAVE, 2);
    approval.rollout_id[0] ^= 1;
    bring(sealed(&approval, &world.carla), "not_found");
    approval = about(PROTO_APPROVAL_WAVE, 2);
    approval.given_ms -= 7200 * 1000;
    approval.not_after_ms = approval.given_ms + 1000;
    bring(sealed(&approval, &world.carla), "expired");
    approval = about(PROTO_APPROVAL_WAVE, 2);
    approval.given_ms += 600 * 1000;
    bring(sealed(&approval, &world.carla), "not_yet");
    approval = about(PROTO_APPROVAL_WAVE, 2);
    approval.not_after_ms = approval.given_ms + 86400000 + 1;
    bring(sealed(&approval, &world.carla), "too_long");
    say(PROTO_APPROVAL_WAVE, 1, &world.carla, "not_needed");
    say(PROTO_APPROVAL_WAVE, 3, &world.carla, "not_found");
    say(PROTO_APPROVAL_ROLLBACK, 1, &world.carla, "not_asked");
    bring(json_pack("{s:s, s:s}", "verb", "approve", "approval", "AAAA"), "bad_approval");
    assert_int_equal(world.hosts[1].starts, 0);
    assert_int_equal(world_count_audit(&world, "approve"), 0);
}

static void test_a_rollout_that_goes_back_takes_no_approval(void **state)
{
    struct submission_wish wish = world_two_waves(&world);

    world_add_hosts(&world, 2);
    wish.approvals = 1;
    submit(wish);
    json_decref(wait_code("approval_missing"));
    world.hosts[0].answers_nothing = true;
    json_decref(world_ask_verb(&world, "rollback"));
    json_decref(world_wait_state(&world, "rolling_back"));
    say(PROTO_APPROVAL_WAVE, 2, &world.carla, "not_going");
    assert_int_equal(world_count_audit(&world, "approve"), 0);
}

static struct submission_wish both_at_once(bool rolls_back, int64_t answer_ms)
{
    struct submission_wish wish = world_two_waves(&world);

    wish.hosts_per_wave[0] = 2;
    wish.hosts_per_wave[1] = 0;
    wish.answer_ms = answer_ms;
    wish.rolls_back = rolls_back;
    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_REVERTS_SEVERE;

    return wish;
}

static void test_nobody_answers_and_all_goes_back_in_time(void **state)
{
    const struct submission_wish wish = both_at_once(true, ANSWER_MS);
    const json_t *promise;
    json_t *status;
    char deadline[BL_WALL_TEXT_BYTES];
    int64_t restarted_ms;

    submit(wish);
    status = wait_code("severe_failure");
    assert_int_equal(json_number(status, "exit_code"), 4);
    assert_true(json_is_true(json_object_get(json_object_get(status, "alarm"), "open")));
    bl_text_copy(deadline, sizeof(deadline),
                 json_word(json_object_get(status, "alarm"), "deadline"));
    json_decref(status);
    later_ms += ANSWER_MS - 1000;
    restarted_ms = bl_mono_now().ms;
    restart_belayd(); /* takes no time away from, and adds none to, what was promised */
    status = world_wait_state(&world, "rolled_back");
    /* A second was left; all of it anew would be 30. */
    assert_true(bl_mono_now().ms - restarted_ms < ANSWER_MS - 5000);
    assert_string_equal(json_word(json_object_get(status, "alarm"), "deadline"), deadline);
    assert_int_equal(world.hosts[1].reverts, 1);
    assert_string_equal(json_word(json_object_get(status, "alarm"), "answer"),
                        "otherwise_rollback");
    promise = json_array_get(json_object_get(status, "promises"), 0);
    assert_string_equal(json_word(promise, "name"), "restored");
    assert_string_equal(json_word(promise, "state"), "kept");
    assert_true(json_number(promise, "used_ms") >= ANSWER_MS);
    json_decref(status);
}

/* What people said since the backup nobody knows: their time is over, and they get all of it anew. */
static void test_a_restored_store_asks_anew(void **state)
{
    struct bl_error err = {0};
    json_t *status;

    submit(both_at_once(true, ANSWER_MS));
    json_decref(wait_code("severe_failure"));
    assert_int_equal(ctl_store_mark_restored(world.engine->store, bl_wall_now(), &err), 0);
    later_ms += ANSWER_MS + 1000;
    restart_belayd();
    status = wait_code("severe_failure");
    assert_true(json_is_true(json_object_get(json_object_get(status, "alarm"), "open")));
    json_decref(status);
    say(PROTO_APPROVAL_NO_ROLLBACK, 1, &world.carla, "not_asked");
    say(PROTO_APPROVAL_NO_ROLLBACK, 2, &world.carla, "");
    status = world_wait_state(&world, "halted");
    assert_string_equal(json_word(status, "code"), "rollback_declined");
    assert_int_equal(world.hosts[1].reverts, 0);
    json_decref(status);
}

static void test_an_operator_may_say_yes_and_only_a_commander_no(void **state)
{
    const struct submission_wish wish = both_at_once(true, 60000);
    json_t *status;

    submit(wish);
    json_decref(wait_code("severe_failure"));
    say(PROTO_APPROVAL_NO_ROLLBACK, 1, &world.anna, "role");
    say(PROTO_APPROVAL_ROLLBACK, 2, &world.anna, "not_asked");
    say(PROTO_APPROVAL_NO_ROLLBACK, 1, &world.carla, "");
    status = world_wait_state(&world, "halted");
    assert_string_equal(json_word(status, "code"), "rollback_declined");
    assert_int_equal(world.hosts[1].reverts, 0);
    json_decref(status);
    say(PROTO_APPROVAL_ROLLBACK, 1, &world.carla, "not_asked");
}

static void test_a_yes_takes_back_what_nobody_would_have(void **state)
{
    const struct submission_wish wish = both_at_once(false, 60000);
    json_t *status;

    submit(wish);
    json_decref(wait_code("severe_failure"));
    say(PROTO_APPROVAL_ROLLBACK, 1, &world.anna, "");
    status = world_wait_state(&world, "rolled_back");
    assert_int_equal(world.hosts[1].reverts, 1);
    assert_string_equal(json_word(json_object_get(status, "alarm"), "answer"), "rollback");
    json_decref(status);
    status = world_ask_verb(&world, "report");
    assert_string_equal(json_word(json_object_get(status, "alarm"), "answer"), "rollback");
    json_decref(status);
}

static void test_what_was_signed_can_be_seen(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    uint8_t hash[PROTO_HASH_BYTES];
    json_t *answer;
    struct bl_error err = {0};
    uint8_t data[4096];
    size_t size_bytes = 0;
    const char *text;

    world_add_hosts(&world, 2);
    answer = world_submission(&world, &wish); /* lists would show a name that nobody signed */
    (void)json_object_set_new(answer, "plan_name", json_string("harmless"));
    bring(answer, "bad_manifest");
    submit(wish);
    answer = world_ask_verb(&world, "manifest");
    text = json_word(answer, "policy");
    assert_int_equal(sodium_base642bin(data, sizeof(data), text, strlen(text), NULL, &size_bytes,
                                       NULL, sodium_base64_VARIANT_ORIGINAL),
                     0);
    assert_int_equal(proto_policy_hash(data, size_bytes, hash, &err), 0);
    assert_memory_equal(hash, world.engine->runs[0]->manifest.policy_hash, sizeof(hash));
    assert_int_equal(json_array_size(json_object_get(answer, "signatures")), 1);
    json_decref(answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_wave_waits_for_another_person),
        TEST(test_whose_rollout_it_is_does_not_follow_from_the_order_of_signatures),
        TEST(test_what_is_not_good_is_refused),
        TEST(test_a_rollout_that_goes_back_takes_no_approval),
        TEST(test_nobody_answers_and_all_goes_back_in_time),
        TEST(test_a_restored_store_asks_anew),
        TEST(test_an_operator_may_say_yes_and_only_a_commander_no),
        TEST(test_a_yes_takes_back_what_nobody_would_have),
        TEST(test_what_was_signed_can_be_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
