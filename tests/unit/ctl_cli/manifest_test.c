/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/manifest_build.h"
#include "controller/cli/policy_build.h"
#include "controller/cli/preview.h"
#include "proto/trust.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_cli/fleet_of_five.h"

/*
 * From a plan and what hosts answered to signed bytes, and back as a host would read them: decode,
 * verify, prove membership.
 */

static const char plan_text[] =
    "plan: openssl\nrisk: low\nhosts: { list: [ a, b, c, d, e ] }\n"
    "change: { packages: [ openssl, nginx=1.2-3 ], allow: { remove: yes },\n"
    "  phased: ignore, exclude: [ lib*-dev ], revert_paths: [ /usr/local/bin ] }\n"
    "waves: [ 1, rest ]\nsoak: 1m\nfailures_allowed: 1\n"
    "quiesce: { units: [ cron.service ], timers: [ '*backup*' ], backups: [ 'pg*' ], wait: 2m }\n"
    "ssh_lock: { keep: { groups: [ ops ], from: [ 10.0.9.5 ] }, sessions: end, lease: 3h }\n"
    "verify: { units: [ nginx.service ], ports: [ tcp/443 ], settle: 4s,\n"
    "  grades: { unit_idle: ignore } }\n"
    "stage_within: 5m\nchange_within: 6m\nconfirm_within: 7m\nwatch: 8m\nkeep_way_back: 9d\n"
    "witnesses: [ '10.0.0.1:53' ]\n";

static const struct ctl_issue issue = {
    .now = {.ms = 1000000}, .counter = 1, .requester = {7, 8, 9}, .plan_text = plan_text};

struct fixture {
    struct ctl_plan plan;
    struct ctl_plan_problems problems;
    struct ctl_preview preview;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct bl_error err = {0};

    assert_non_null(fixture);
    assert_true(sodium_init() >= 0);
    assert_int_equal(
        ctl_plan_read("p", plan_text, strlen(plan_text), &fixture->plan, &fixture->problems, &err),
        0);
    assert_int_equal(ctl_preview_make(&fixture->plan, fleet(), &fixture->preview, &err), 0);
    *state = fixture;

    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    ctl_preview_release(&fixture->preview);
    ctl_plan_release(&fixture->plan);
    free(fixture);

    return 0;
}

static void sorts_hosts_by_what_they_would_do(void **state)
{
    const struct fixture *fixture = *state;
    const struct ctl_preview *preview = &fixture->preview;

    assert_int_equal(preview->target_count, 3);
    assert_int_equal(preview->current_count, 1);
    assert_int_equal(preview->blocker_count, 1);
    assert_string_equal(preview->hosts[3].name, "d");
    assert_string_equal(preview->hosts[4].name, "e");
    /* Three groups, since former versions differ; two kinds, since a and b end up alike. */
    assert_int_equal(preview->group_count, 3);
    assert_int_equal(preview->kind_count, 2);
    assert_int_equal(preview->wave_count, 2);
    assert_int_equal(preview->hosts[0].wave, 0);
    assert_int_equal(preview->hosts[1].wave, 1);
    assert_int_equal(preview->hosts[2].wave, 1);
    for (uint32_t i = 0; i < preview->target_count; i++)
        assert_int_equal(preview->hosts[i].place, i);
}

/* F28: nobody signs by accident what cannot be taken back with the distribution's support. */
static void what_only_goes_one_way_must_be_accepted(void **state)
{
    const struct fixture *fixture = *state;
    struct ctl_plan plan = fixture->plan;

    for (int accepted = 0; accepted < 2; accepted++) {
        json_t *answers = fleet();
        struct ctl_preview preview = {0};
        struct bl_error err = {0};

        (void)json_object_set_new(
            json_array_get(json_object_get(json_array_get(answers, 0), "changes"), 0), "name",
            json_string("libc6"));
        plan.revert_accepted = accepted == 1;
        assert_int_equal(ctl_preview_make(&plan, answers, &preview, &err), 0);
        assert_int_equal(preview.target_count, accepted == 1 ? 3 : 2);
        assert_int_equal(preview.blocker_count, accepted == 1 ? 1 : 2);
        if (accepted == 0) {
            const struct ctl_preview_host *blocker = &preview.hosts[preview.host_count - 2];

            assert_string_equal(blocker->code, "way_back_unsupported");
            assert_non_null(strstr(blocker->reason, "libc6"));
            assert_non_null(strstr(blocker->reason, "`change: { revert: filesystem }`"));
        }
        ctl_preview_release(&preview);
    }
}

/* a and c are in one zone, b in another; d is current, and in a's. */
static json_t *zones(void)
{
    json_t *hosts = json_array();

    for (const char *letter = "abcd"; *letter != '\0'; letter++) {
        json_t *host = answer(*letter, "", "");

        (void)json_object_set_new(host, "labels",
                                  json_pack("{s:s}", "zone", *letter == 'b' ? "east" : "west"));
        (void)json_array_append_new(hosts, host);
    }

    return hosts;
}

static int make_spread(const struct fixture *fixture, const char *label, json_t *fleet_hosts,
                       uint32_t budget, struct ctl_preview *ret_preview, struct bl_error *err)
{
    struct ctl_plan plan = fixture->plan;

    plan.spread = label;
    plan.budget.value = budget;
    ret_preview->fleet = fleet_hosts;

    return ctl_preview_make(&plan, fleet(), ret_preview, err);
}

static void waves_are_spread_over_a_label(void **state)
{
    struct ctl_plan plan = ((const struct fixture *)*state)->plan;

    for (int i = 0; i < 20; i++) { /* whatever the rollout's id is */
        PROTO_AUTO_BUFFER bytes = {0};
        PROTO_AUTO_ARENA arena = {0};
        struct ctl_preview preview = {0};
        struct proto_policy policy;
        struct bl_error err = {0};
        CTL_AUTO_JSON *first = NULL, *second = NULL;

        plan.spread = "zone";
        assert_int_equal(make_spread(*state, "zone", zones(), 0, &preview, &err), 0);
        first = ctl_preview_spread_of(&preview, 0);
        second = ctl_preview_spread_of(&preview, 1);
        assert_int_equal(preview.value_count, 2);
        assert_int_equal(preview.values[1].host_count, 3); /* the current one, too */
        assert_int_equal(json_integer_value(json_object_get(first, "east")) +
                             json_integer_value(json_object_get(first, "west")),
                         1);
        assert_int_equal(json_integer_value(json_object_get(second, "west")) +
                             json_integer_value(json_object_get(first, "west")),
                         2);
        assert_int_equal(ctl_policy_build(&plan, &preview, &issue, &bytes, &err), 0);
        assert_int_equal(proto_policy_decode(bytes.data, bytes.size_bytes, &arena, &policy, &err),
                         0);
        assert_int_equal(policy.spread_count, 1);
        assert_string_equal(policy.spread->label, "zone");
        /* Sorted by id: a, b, c. */
        assert_memory_equal(policy.spread->hosts.data, "\2\1\2", 3);
        ctl_preview_release(&preview);
    }
}

static void a_wave_that_takes_a_whole_zone_is_refused(void **state)
{
    json_t *two_in_west = zones();
    struct bl_error err = {0};
    unsigned refused = 0;

    (void)json_array_remove(two_in_west, 3); /* d has no label now */
    for (int i = 0; i < 64; i++) {
        struct ctl_preview preview = {0};

        /* One host, then two: which are those of west when b goes first. */
        if (make_spread(*state, "zone", json_incref(two_in_west), 0, &preview, &err) < 0) {
            assert_non_null(strstr(err.text, "wave 2 would take all 2 hosts of zone=west at once"));
            refused++;
        }
        ctl_preview_release(&preview);
    }
    assert_true(refused > 0 && refused < 64);
    for (int i = 0; i < 64; i++) {
        struct ctl_preview preview = {0};

        assert_int_equal(make_spread(*state, "zone", json_incref(two_in_west), 1, &preview, &err),
                         0);
        ctl_preview_release(&preview);
    }
    json_decref(two_in_west);
}

/* A retry is of a and c, both in west, one after the other or not: others that the plan means serve. */
static void a_retry_counts_whom_the_plan_means(void **state)
{
    static const struct {
        const char *meant; /* letters; fleet: a, c, d are in west, b in east */
        uint64_t west;
        bool is_refused;
    } rows[] = {{"ac", 2, true}, {"abc", 2, true}, {"acd", 3, false}, {"acz", 2, true}};
    struct ctl_plan plan = ((const struct fixture *)*state)->plan;

    plan.spread = "zone";
    plan.waves_count = 1;
    plan.waves[0] = (struct ctl_plan_share){.value = 10000, .is_percent = true};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *answers = json_array();
        struct ctl_preview preview = {.fleet = zones(), .meant = json_object()};
        struct bl_error err = {0};

        (void)json_array_append_new(answers, answer('a', "1.0-1", "3.0-1"));
        (void)json_array_append_new(answers, answer('c', "1.0-1", "3.0-1"));
        for (const char *letter = rows[i].meant; *letter != '\0'; letter++) {
            CTL_AUTO_JSON *host = answer(*letter, "", "");

            (void)json_object_set_new(preview.meant, ctl_json_text(host, "id"), json_true());
        }
        assert_int_equal(ctl_preview_make(&plan, answers, &preview, &err) < 0, rows[i].is_refused);
        assert_int_equal(preview.value_count, 1);
        assert_int_equal(preview.values[0].host_count, rows[i].west);
        if (rows[i].is_refused)
            assert_non_null(strstr(err.text, "all 2 hosts of zone=west at once"));
        ctl_preview_release(&preview);
    }
}

static void a_label_that_no_host_has_is_refused(void **state)
{
    struct ctl_preview preview = {0};
    struct bl_error err = {0};

    assert_int_equal(make_spread(*state, "rack", zones(), 0, &preview, &err), -ENODATA);
    assert_non_null(strstr(err.text, "no host of the plan has the label 'rack'"));
    ctl_preview_release(&preview);
}

static void builds_what_a_host_decodes(void **state)
{
    const struct fixture *fixture = *state;
    const struct ctl_preview *preview = &fixture->preview;
    const struct bl_wall now = {.ms = INT64_C(1800000000000)};
    const struct ctl_issue later = {.now = now, .counter = 77, .plan_text = plan_text};
    CTL_AUTO_BUNDLE bundle = {0};
    PROTO_AUTO_ARENA arena = {0};
    struct proto_transaction transaction;
    struct proto_manifest manifest;
    struct bl_error err = {0};

    assert_int_equal(ctl_manifest_build(&fixture->plan, preview, &later, &bundle, &err), 0);
    assert_int_equal(proto_manifest_decode(bundle.manifest.data, bundle.manifest.size_bytes, &arena,
                                           &manifest, &err),
                     0);
    assert_memory_equal(manifest.rollout_id, preview->rollout_id, PROTO_ROLLOUT_ID_BYTES);
    assert_string_equal(manifest.plan, "openssl");
    assert_int_equal(manifest.risk, PROTO_RISK_LOW);
    assert_int_equal(manifest.counter, 77);
    assert_true(manifest.not_before_ms < now.ms);
    assert_true(manifest.not_after_ms > now.ms + 86400000);
    assert_int_equal(manifest.targets_count, 3);
    assert_int_equal(manifest.packages_count, 2);
    assert_string_equal(manifest.packages[1].version, "1.2-3");
    assert_int_equal(manifest.kinds_count, 2);
    assert_int_equal(proto_manifest_transaction(&manifest, 0, &arena, &transaction, &err), 0);
    assert_int_equal(transaction.pins_count, 2);
    assert_string_equal(transaction.pins[0].name, "libssl3"); /* sorted */
    assert_string_equal(transaction.pins[1].version, "3.0-2");
    assert_true(manifest.allow_remove);
    assert_false(manifest.allow_downgrade);
    assert_int_equal(manifest.package_set, PROTO_SET_NAMED);
    assert_int_equal(manifest.excludes_count, 1);
    assert_string_equal(manifest.excludes[0].text, "lib*-dev");
    assert_true(manifest.allow_new);
    assert_true(manifest.ignore_phasing);
    assert_int_equal(manifest.revert_class, PROTO_REVERT_PACKAGES);
    assert_false(manifest.revert_accepted);
    assert_int_equal(manifest.revert_paths_count, 1);
    assert_string_equal(manifest.revert_paths[0].text, "/usr/local/bin");
    assert_string_equal(manifest.quiesce_units[0].text, "cron.service");
    assert_string_equal(manifest.quiesce_timers[0].text, "*backup*");
    assert_string_equal(manifest.backup_units[0].text, "pg*");
    assert_int_equal(manifest.quiesce_wait_ms, 120000);
    assert_true(manifest.ssh_lock);
    assert_string_equal(manifest.ssh_keep_groups[0].text, "ops");
    assert_string_equal(manifest.ssh_keep_from[0].text, "10.0.9.5");
    assert_int_equal(manifest.ssh_sessions, PROTO_SESSIONS_END);
    assert_int_equal(manifest.lease_ms, 10800000);
    assert_string_equal(manifest.verify_units[0].text, "nginx.service");
    assert_int_equal(manifest.verify_ports[0].port, 443);
    assert_int_equal(manifest.verify_grades_count, 1);
    assert_string_equal(manifest.verify_grades[0].code, "unit_idle");
    assert_int_equal(manifest.verify_grades[0].grade, PROTO_GRADE_IGNORE);
    assert_int_equal(manifest.stage_ms, 300000);
    assert_int_equal(manifest.change_ms, 360000);
    assert_int_equal(manifest.verify_settle_ms, 4000);
    assert_int_equal(manifest.confirm_within_ms, 420000);
    assert_int_equal(manifest.watch_ms, 480000);
    assert_int_equal(manifest.keep_way_back_ms, 9 * INT64_C(86400000));
    assert_string_equal(manifest.witnesses[0].text, "10.0.0.1:53");
}

static void proves_each_target_and_nobody_else(void **state)
{
    const struct fixture *fixture = *state;
    const struct ctl_preview *preview = &fixture->preview;
    CTL_AUTO_BUNDLE bundle = {0};
    PROTO_AUTO_ARENA arena = {0};
    struct proto_target targets[3];
    struct proto_manifest manifest;
    struct bl_error err = {0};
    uint8_t root[PROTO_HASH_BYTES];

    assert_int_equal(ctl_manifest_build(&fixture->plan, preview, &issue, &bundle, &err), 0);
    assert_int_equal(proto_manifest_decode(bundle.manifest.data, bundle.manifest.size_bytes, &arena,
                                           &manifest, &err),
                     0);
    for (uint32_t i = 0; i < 3; i++) {
        memcpy(targets[i].host_id, preview->hosts[i].host_id, PROTO_HOST_ID_BYTES);
        targets[i].kind = preview->hosts[i].kind;
    }
    assert_int_equal(proto_merkle_root(targets, 3, root, &err), 0);
    assert_memory_equal(root, manifest.targets_root, sizeof(root));
    for (uint32_t i = 0; i < 3; i++) {
        struct proto_hash proof[PROTO_PROOF_MAX];
        struct proto_target stranger = targets[i];
        uint32_t proof_count = 0;

        assert_int_equal(proto_merkle_prove(targets, 3, i, proof, &proof_count, &err), 0);
        assert_int_equal(proto_merkle_verify(manifest.targets_root, manifest.targets_count,
                                             &targets[i], i, proof, proof_count, &err),
                         0);
        stranger.kind ^= 1;
        assert_int_equal(proto_merkle_verify(manifest.targets_root, manifest.targets_count,
                                             &stranger, i, proof, proof_count, &err),
                         -EKEYREJECTED);
    }
}

static void signs_what_verifies(void **state)
{
    const struct fixture *fixture = *state;
    CTL_AUTO_SIGNER signer = {0};
    CTL_AUTO_BUNDLE bundle = {0};
    struct proto_signature signature;
    struct bl_error err = {0};

    assert_int_equal(ctl_key_make("alice", PROTO_ROLE_OPERATOR, &signer.key, &signer.secret, &err),
                     0);
    assert_int_equal(ctl_manifest_build(&fixture->plan, &fixture->preview, &issue, &bundle, &err),
                     0);
    assert_int_equal(ctl_manifest_sign(&bundle.manifest, &signer, &signature, &err), 0);
    assert_int_equal(proto_verify(PROTO_MANIFEST_DOMAIN, bundle.manifest.data,
                                  bundle.manifest.size_bytes, &signature, &err),
                     0);
    bundle.manifest.data[bundle.manifest.size_bytes / 2] ^= 1;
    assert_int_equal(proto_verify(PROTO_MANIFEST_DOMAIN, bundle.manifest.data,
                                  bundle.manifest.size_bytes, &signature, &err),
                     -EKEYREJECTED);
}

static void the_policy_is_signed_by_its_hash(void **state)
{
    const struct fixture *fixture = *state;
    CTL_AUTO_BUNDLE bundle = {0};
    PROTO_AUTO_ARENA arena = {0};
    struct proto_manifest manifest;
    struct proto_policy policy;
    struct bl_error err = {0};
    uint8_t hash[PROTO_HASH_BYTES];

    assert_int_equal(ctl_manifest_build(&fixture->plan, &fixture->preview, &issue, &bundle, &err),
                     0);
    assert_int_equal(
        proto_policy_decode(bundle.policy.data, bundle.policy.size_bytes, &arena, &policy, &err),
        0);
    assert_int_equal(policy.waves_count, 2);
    assert_int_equal(policy.waves[1].hosts_count, 2);
    assert_int_equal(policy.soak_ms, 60000);
    assert_int_equal(policy.failures_allowed, 1);
    assert_memory_equal(policy.requester, issue.requester, sizeof(policy.requester));
    proto_plan_hash(plan_text, hash);
    assert_memory_equal(policy.plan_hash, hash, sizeof(hash));
    assert_true(policy.job_ms > 120000 + 360000 + 4000 + 420000 + 480000);
    assert_int_equal(proto_manifest_decode(bundle.manifest.data, bundle.manifest.size_bytes, &arena,
                                           &manifest, &err),
                     0);
    assert_int_equal(proto_policy_hash(bundle.policy.data, bundle.policy.size_bytes, hash, &err),
                     0);
    assert_memory_equal(manifest.policy_hash, hash, sizeof(hash));
}

static void submits_hosts_and_what_was_signed(void **state)
{
    const struct fixture *fixture = *state;
    CTL_AUTO_BUNDLE bundle = {0};
    struct proto_signature signature = {0};
    CTL_AUTO_JSON *request = NULL;
    struct bl_error err = {0};
    const json_t *host;

    assert_int_equal(ctl_manifest_build(&fixture->plan, &fixture->preview, &issue, &bundle, &err),
                     0);
    request = ctl_submission("openssl", plan_text, &fixture->preview, &bundle, &signature, 1);
    assert_non_null(request);
    assert_string_equal(ctl_json_text(request, "verb"), "submit");
    assert_string_equal(ctl_json_text(request, "plan_text"), plan_text);
    assert_int_equal(json_array_size(json_object_get(request, "hosts")), 3);
    host = json_array_get(json_object_get(request, "hosts"), 2);
    assert_string_equal(ctl_json_text(host, "id"), fixture->preview.hosts[2].id);
    assert_int_equal(ctl_json_number(host, "wave"), 2); /* counted from 1 */
    assert_true(strlen(ctl_json_text(request, "policy")) >= bundle.policy.size_bytes);
    assert_true(strlen(ctl_json_text(request, "manifest")) >= bundle.manifest.size_bytes);
}

static void counts_upwards_for_ever(void **state)
{
    char directory[] = "/tmp/belay-counter-XXXXXX";
    BL_AUTO_FD int fd = -1;
    struct bl_error err = {0};
    uint64_t first = 0, second = 0, third = 0;

    assert_non_null(mkdtemp(directory));
    fd = bl_dir_open(AT_FDCWD, directory, &err);
    assert_true(fd >= 0);
    assert_int_equal(ctl_counter_next(fd, (struct bl_wall){.ms = 5000}, &first, &err), 0);
    assert_int_equal(ctl_counter_next(fd, (struct bl_wall){.ms = 4000}, &second, &err), 0);
    assert_int_equal(ctl_counter_next(fd, (struct bl_wall){.ms = 9000}, &third, &err), 0);
    assert_int_equal(first, 5000);
    assert_int_equal(second, 5001); /* the clock went back, the counter does not */
    assert_int_equal(third, 9000);
    assert_int_equal(unlinkat(fd, "counter", 0), 0);
    assert_int_equal(rmdir(directory), 0);
}

enum {
    DAY_MS = 24 * 3600 * 1000,
    WEEK_MS = 7 * DAY_MS,
};

static int64_t valid_ms(const struct ctl_plan *plan, uint32_t wave_count, uint32_t host_count)
{
    struct ctl_preview preview = {.wave_count = wave_count,
                                  .target_count = wave_count * host_count};
    struct ctl_limits limits;

    for (uint32_t i = 0; i < wave_count; i++)
        preview.waves[i].host_count = host_count;
    ctl_limits_of(plan, &preview, &limits);

    return limits.valid_ms;
}

static void a_signature_outlives_those_who_are_asked_and_not_years(void **state)
{
    const struct ctl_plan plain = {.budget = {.value = 1}};
    struct ctl_plan approved = plain, windowed = plain;

    approved.approvals.waves = 1;
    assert_int_equal(valid_ms(&approved, 3, 1), valid_ms(&plain, 3, 1) + 2 * WEEK_MS);
    assert_int_equal(valid_ms(&approved, 1, 1), valid_ms(&plain, 1, 1));
    windowed.windows_count = 1;
    assert_int_equal(valid_ms(&windowed, 1, 3), valid_ms(&plain, 1, 3) + 3 * (int64_t)WEEK_MS);
    assert_int_equal(valid_ms(&windowed, 1, 500), valid_ms(&plain, 1, 500) + 90 * (int64_t)DAY_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sorts_hosts_by_what_they_would_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_only_goes_one_way_must_be_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waves_are_spread_over_a_label, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_retry_counts_whom_the_plan_means, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wave_that_takes_a_whole_zone_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_label_that_no_host_has_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(builds_what_a_host_decodes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(proves_each_target_and_nobody_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signs_what_verifies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_policy_is_signed_by_its_hash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(submits_hosts_and_what_was_signed, set_up, tear_down),
        cmocka_unit_test(counts_upwards_for_ever),
        cmocka_unit_test(a_signature_outlives_those_who_are_asked_and_not_years),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
