/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/order.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"

/*
 * One good offer, and for each refusal the one change that must cause it. The table must name every
 * refusal of the list, so that a new one cannot come without its test.
 */
enum {
    OPERATOR = 0,
    OPERATOR_2,
    COMMANDER,
    REVOKED,
    STRANGER,
    PEOPLE_COUNT,
};

#define NOW_MS INT64_C(1800000000000)

struct world {
    uint8_t secret[PEOPLE_COUNT][crypto_sign_SECRETKEYBYTES];
    struct proto_person people[PEOPLE_COUNT - 1];
    struct proto_quorum quorums[3];
    struct proto_trust trust;
    char directory[32], path[64];
    struct agent_journal *journal;

    /* What a test may bend before the offer is made. */
    struct proto_manifest manifest;
    struct proto_kind kind;
    struct proto_pin pin;
    struct proto_package package;
    uint8_t host_id[PROTO_HOST_ID_BYTES];
    int signers[PROTO_SIGNATURES_MAX];
    uint32_t signers_count;
    uint64_t offered_kind;
    struct agent_order_context context;

    struct proto_buffer bytes;
    struct proto_signature signatures[PROTO_SIGNATURES_MAX];
    struct proto_offer offer;
};

static void make_people(struct world *world)
{
    static const char *const names[] = {"ann", "bob", "cleo", "dan"};
    uint8_t key[PROTO_KEY_BYTES];

    for (int i = 0; i < PEOPLE_COUNT; i++) {
        assert_int_equal(crypto_sign_keypair(key, world->secret[i]), 0);
        if (i == STRANGER)
            continue;
        world->people[i] = (struct proto_person){
            .name = names[i],
            .role = i == COMMANDER ? PROTO_ROLE_COMMANDER : PROTO_ROLE_OPERATOR,
            .revoked = i == REVOKED,
        };
        memcpy(world->people[i].key, key, sizeof(key));
    }
    world->quorums[0] = world->quorums[1] = (struct proto_quorum){.operators = 1};
    world->quorums[2] = (struct proto_quorum){.operators = 1, .commanders = 1};
    world->trust = (struct proto_trust){.people = world->people,
                                        .people_count = PEOPLE_COUNT - 1,
                                        .quorums = world->quorums,
                                        .quorums_count = 3};
}

static void make_manifest(struct world *world)
{
    world->package = (struct proto_package){.name = "nginx", .version = ""};
    world->pin = (struct proto_pin){
        .name = "nginx", .arch = "amd64", .version = "1.24.0-2", .action = PROTO_ACTION_UPGRADE};
    world->kind = (struct proto_kind){.members = {(const uint8_t *)"\x01", 1}};
    world->manifest = (struct proto_manifest){
        .format = PROTO_MANIFEST_FORMAT,
        .rollout_id = {1, 2, 3},
        .plan = "nginx",
        .risk = PROTO_RISK_LOW,
        .not_before_ms = NOW_MS - 1000,
        .not_after_ms = NOW_MS + 3600 * 1000,
        .counter = (uint64_t)NOW_MS,
        .package_set = PROTO_SET_NAMED,
        .packages = &world->package,
        .packages_count = 1,
        .pins = &world->pin,
        .pins_count = 1,
        .kinds = &world->kind,
        .kinds_count = 1,
        .conffiles = PROTO_CONFFILES_KEEP,
        .revert_class = PROTO_REVERT_PACKAGES,
        .ssh_sessions = PROTO_SESSIONS_KEEP,
        .lease_ms = 3600 * 1000,
        .stage_ms = 600 * 1000,
        .change_ms = 600 * 1000,
        .confirm_within_ms = 600 * 1000,
        .verify_settle_ms = 1000,
        .watch_ms = 1000,
        .keep_way_back_ms = 1000,
        .quiesce_wait_ms = 1000,
    };
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct bl_error err = {0};

    assert_non_null(world);
    assert_int_equal(proto_init(&err), 0);
    make_people(world);
    make_manifest(world);
    memset(world->host_id, 7, sizeof(world->host_id));
    world->signers[0] = OPERATOR;
    world->signers_count = 1;
    (void)snprintf(world->directory, sizeof(world->directory), "/tmp/belay-order-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    (void)snprintf(world->path, sizeof(world->path), "%s/journal.db", world->directory);
    assert_int_equal(agent_journal_open(world->path, &world->journal, &err), 0);
    world->context = (struct agent_order_context){.journal = world->journal,
                                                  .trust = &world->trust,
                                                  .host_id = world->host_id,
                                                  .now = {NOW_MS}};
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char path[80];

    world->journal = agent_journal_free(world->journal);
    proto_buffer_release(&world->bytes);
    (void)unlink(world->path);
    (void)snprintf(path, sizeof(path), "%s-wal", world->path);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s-shm", world->path);
    (void)unlink(path);
    assert_int_equal(rmdir(world->directory), 0);
    free(world);
    return 0;
}

/* Encodes, signs and proves what the world holds now: one host, so the proof is empty. */
static void make_offer(struct world *world)
{
    struct proto_target target = {.kind = 0};
    struct bl_error err = {0};

    memset(target.host_id, 7, sizeof(target.host_id));
    assert_int_equal(proto_merkle_root(&target, 1, world->manifest.targets_root, &err), 0);
    world->manifest.targets_count = 1;
    proto_buffer_release(&world->bytes);
    if (proto_manifest_encode(&world->manifest, &world->bytes, &err) < 0)
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < world->signers_count; i++) {
        const uint8_t *secret = world->secret[world->signers[i]];

        memcpy(world->signatures[i].key, secret + 32, PROTO_KEY_BYTES);
        assert_int_equal(proto_sign(PROTO_MANIFEST_DOMAIN, world->bytes.data,
                                    world->bytes.size_bytes, secret, world->signatures[i].signature,
                                    &err),
                         0);
    }
    world->offer = (struct proto_offer){
        .manifest = {world->bytes.data, world->bytes.size_bytes},
        .signatures = world->signatures,
        .signatures_count = world->signers_count,
        .kind = world->offered_kind,
    };
}

/* The journal as it is after this offer was taken. */
static void take(struct world *world)
{
    struct agent_job_limits limits = {
        .stage_ms = 1, .confirm_within_ms = 1, .watch_ms = 1, .keep_way_back_ms = 1};
    struct agent_journal_job accept = {.manifest = world->offer.manifest,
                                       .signatures = world->signatures,
                                       .signatures_count = world->offer.signatures_count,
                                       .counter = world->manifest.counter};
    struct agent_job job;
    struct agent_journal_write write = {
        .accept = &accept, .job = &job, .boot_id = "boot", .what = "job"};
    struct bl_error err = {0};

    agent_job_init(&job, &limits);
    agent_order_job_id(world->offer.manifest, accept.id);
    memcpy(accept.rollout_id, world->manifest.rollout_id, sizeof(accept.rollout_id));
    if (agent_journal_write(world->journal, &write, &err) < 0)
        fail_msg("%s", err.text);
}

static enum agent_refusal verify(struct world *world)
{
    PROTO_AUTO_ARENA arena = {0};
    struct bl_error err = {0};
    struct agent_order order;

    if (agent_order_verify(&world->context, &world->offer, &arena, &order, &err) < 0)
        fail_msg("%s", err.text);
    if (order.refusal != AGENT_REFUSAL_NONE)
        assert_int_not_equal(order.reason[0], '\0');
    /* The label on the report must be there, also for what was refused unread. */
    if (order.refusal != AGENT_REFUSAL_BAD_MANIFEST)
        assert_memory_equal(order.rollout_id, world->manifest.rollout_id, PROTO_ROLLOUT_ID_BYTES);
    return order.refusal;
}

static void bend_no_trust(struct world *world)
{
    world->context.trust = NULL;
}

static void bend_no_signature(struct world *world)
{
    world->signers_count = 0;
}

static void bend_signed_twice(struct world *world)
{
    world->signers[1] = OPERATOR;
    world->signers_count = 2;
}

static void bend_unknown_key(struct world *world)
{
    world->signers[1] = STRANGER;
    world->signers_count = 2;
}

static void bend_revoked_key(struct world *world)
{
    world->signers[0] = REVOKED;
}

static void bend_too_few_people(struct world *world)
{
    world->pin.action = PROTO_ACTION_REMOVE;
    world->pin.version = "";
    world->manifest.allow_remove = true;
    world->signers[1] = OPERATOR_2; /* two people, but high risk needs a commander */
    world->signers_count = 2;
}

static void bend_not_yet_valid(struct world *world)
{
    world->manifest.not_before_ms = NOW_MS + AGENT_ORDER_CLOCK_SLACK_MS + 1;
}

static void bend_expired(struct world *world)
{
    world->manifest.not_before_ms = NOW_MS - 2000;
    world->manifest.not_after_ms = NOW_MS - 1;
}

static void bend_counter_used(struct world *world)
{
    make_offer(world);
    take(world);
    world->manifest.rollout_id[0]++;
}

static void bend_counter_ahead(struct world *world)
{
    world->manifest.counter = (uint64_t)NOW_MS + AGENT_ORDER_COUNTER_AHEAD_MS + 1;
}

static void bend_unknown_kind(struct world *world)
{
    world->offered_kind = 1;
}

static void bend_not_a_target(struct world *world)
{
    world->host_id[0]++;
}

static void bend_rollout_seen(struct world *world)
{
    make_offer(world);
    take(world);
    world->manifest.counter++;
}

static void spoil_bytes(struct world *world)
{
    world->bytes.data[world->bytes.size_bytes - 1] ^= 1;
}

/* Well signed, but with one byte behind the last. */
static void spoil_encoding(struct world *world)
{
    struct bl_error err = {0};

    world->bytes.data = realloc(world->bytes.data, world->bytes.size_bytes + 1);
    assert_non_null(world->bytes.data);
    world->bytes.data[world->bytes.size_bytes++] = 0xc0;
    world->offer.manifest = (struct proto_bytes){world->bytes.data, world->bytes.size_bytes};
    assert_int_equal(proto_sign(PROTO_MANIFEST_DOMAIN, world->bytes.data, world->bytes.size_bytes,
                                world->secret[OPERATOR], world->signatures[0].signature, &err),
                     0);
}

struct bend {
    void (*before)(struct world *world); /* the offer is made */
    void (*after)(struct world *world);
};

static const struct bend bends[AGENT_REFUSAL_LAST + 1] = {
    [AGENT_REFUSAL_NO_TRUST] = {.before = bend_no_trust},
    [AGENT_REFUSAL_NO_SIGNATURE] = {.before = bend_no_signature},
    [AGENT_REFUSAL_SIGNED_TWICE] = {.before = bend_signed_twice},
    [AGENT_REFUSAL_UNKNOWN_KEY] = {.before = bend_unknown_key},
    [AGENT_REFUSAL_REVOKED_KEY] = {.before = bend_revoked_key},
    [AGENT_REFUSAL_BAD_SIGNATURE] = {.after = spoil_bytes},
    [AGENT_REFUSAL_BAD_MANIFEST] = {.after = spoil_encoding},
    [AGENT_REFUSAL_TOO_FEW_PEOPLE] = {.before = bend_too_few_people},
    [AGENT_REFUSAL_NOT_YET_VALID] = {.before = bend_not_yet_valid},
    [AGENT_REFUSAL_EXPIRED] = {.before = bend_expired},
    [AGENT_REFUSAL_COUNTER_USED] = {.before = bend_counter_used},
    [AGENT_REFUSAL_COUNTER_AHEAD] = {.before = bend_counter_ahead},
    [AGENT_REFUSAL_UNKNOWN_KIND] = {.before = bend_unknown_kind},
    [AGENT_REFUSAL_NOT_A_TARGET] = {.before = bend_not_a_target},
    [AGENT_REFUSAL_ROLLOUT_SEEN] = {.before = bend_rollout_seen},
};

static void test_good_offer_is_taken(void **state)
{
    struct world *world = *state;

    make_offer(world);
    assert_int_equal(verify(world), AGENT_REFUSAL_NONE);
}

static void test_every_refusal(void **state)
{
    for (int refusal = 1; refusal <= AGENT_REFUSAL_LAST; refusal++) {
        struct world *world;
        void *fresh = NULL;

        /* Whether another job is open is not the order's matter: tests/lab has that one. */
        if (refusal == AGENT_REFUSAL_BUSY)
            continue;
        assert_true(bends[refusal].before != NULL || bends[refusal].after != NULL);
        assert_int_equal(set_up(&fresh), 0);
        world = fresh;
        if (bends[refusal].before != NULL)
            bends[refusal].before(world);
        make_offer(world);
        if (bends[refusal].after != NULL)
            bends[refusal].after(world);
        assert_string_equal(agent_refusal_name(verify(world)),
                            agent_refusal_name((enum agent_refusal)refusal));
        assert_int_equal(tear_down(&fresh), 0);
    }
}

static void test_refusal_names_are_distinct(void **state)
{
    for (int a = 0; a <= AGENT_REFUSAL_LAST; a++) {
        assert_string_not_equal(agent_refusal_name((enum agent_refusal)a), "?");
        for (int b = a + 1; b <= AGENT_REFUSAL_LAST; b++)
            assert_string_not_equal(agent_refusal_name((enum agent_refusal)a),
                                    agent_refusal_name((enum agent_refusal)b));
    }
    assert_string_equal(agent_refusal_name((enum agent_refusal)(AGENT_REFUSAL_LAST + 1)), "?");
}

static void test_claimed_risk_is_only_a_floor(void **state)
{
    struct world *world = *state;

    assert_int_equal(agent_order_risk(&world->manifest), PROTO_RISK_LOW);
    world->manifest.risk = PROTO_RISK_MEDIUM;
    assert_int_equal(agent_order_risk(&world->manifest), PROTO_RISK_MEDIUM);
    world->pin.name = "linux-image-6.1.0-13-amd64";
    assert_int_equal(agent_order_risk(&world->manifest), PROTO_RISK_HIGH);
    world->pin.name = "nginx";
    world->pin.action = PROTO_ACTION_DOWNGRADE;
    assert_int_equal(agent_order_risk(&world->manifest), PROTO_RISK_HIGH);
}

static void test_commander_signs_high_risk(void **state)
{
    struct world *world = *state;

    bend_too_few_people(world);
    world->signers[1] = COMMANDER;
    make_offer(world);
    assert_int_equal(verify(world), AGENT_REFUSAL_NONE);
}

static void test_one_person_with_two_keys_is_one_person(void **state)
{
    struct world *world = *state;

    bend_too_few_people(world);
    world->signers[1] = COMMANDER;
    world->people[COMMANDER].name = world->people[OPERATOR].name;
    make_offer(world);
    assert_int_equal(verify(world), AGENT_REFUSAL_TOO_FEW_PEOPLE);
}

static void test_commander_stands_for_an_operator(void **state)
{
    struct world *world = *state;

    world->signers[0] = COMMANDER;
    make_offer(world);
    assert_int_equal(verify(world), AGENT_REFUSAL_NONE);
}

static void test_slow_clock_is_borne(void **state)
{
    struct world *world = *state;

    world->manifest.not_before_ms = NOW_MS + AGENT_ORDER_CLOCK_SLACK_MS;
    make_offer(world);
    assert_int_equal(verify(world), AGENT_REFUSAL_NONE);
}

static void test_every_flipped_bit_is_refused(void **state)
{
    struct world *world = *state;

    make_offer(world);
    for (size_t i = 0; i < world->bytes.size_bytes; i++) {
        PROTO_AUTO_ARENA arena = {0};
        struct bl_error err = {0};
        struct agent_order order;

        world->bytes.data[i] ^= 0x10;
        assert_int_equal(agent_order_verify(&world->context, &world->offer, &arena, &order, &err),
                         0);
        assert_int_equal(order.refusal, AGENT_REFUSAL_BAD_SIGNATURE);
        world->bytes.data[i] ^= 0x10;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good_offer_is_taken, set_up, tear_down),
        cmocka_unit_test(test_every_refusal),
        cmocka_unit_test(test_refusal_names_are_distinct),
        cmocka_unit_test_setup_teardown(test_claimed_risk_is_only_a_floor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commander_signs_high_risk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_person_with_two_keys_is_one_person, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_commander_stands_for_an_operator, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slow_clock_is_borne, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_flipped_bit_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
