/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that a plan keeps as they are: who they are, and what people sign of them. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "controller/cli/policy_build.h"
#include "controller/cli/preview.h"
#include "proto/memory.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_cli/fleet_of_five.h"

static const char plan_text[] = "plan: openssl\nrisk: low\nhosts: { list: [ a, b, c, d, e ] }\n"
                                "change: { packages: [ openssl ] }\nwaves: [ 1, rest ]\n";

static const struct ctl_issue issue = {
    .now = {.ms = 1000000}, .counter = 1, .requester = {7, 8, 9}, .plan_text = plan_text};

static int set_up(void **state)
{
    struct ctl_plan_problems *problems = calloc(1, sizeof(*problems));
    struct ctl_plan *plan = calloc(1, sizeof(*plan));
    struct bl_error err = {0};

    assert_true(plan != NULL && problems != NULL);
    assert_true(sodium_init() >= 0);
    assert_int_equal(ctl_plan_read("p", plan_text, strlen(plan_text), plan, problems, &err), 0);
    free(problems);
    *state = plan;

    return 0;
}

static int tear_down(void **state)
{
    ctl_plan_release(*state);
    free(*state);

    return 0;
}

static int make_standby(const struct ctl_plan *plan, uint8_t number, struct ctl_preview *preview,
                        struct bl_error *err)
{
    memset(preview->rollout_id, number, sizeof(preview->rollout_id));

    return ctl_preview_make(plan, fleet(), preview, err);
}

static const char *kept_of(const struct ctl_preview *preview)
{
    for (uint32_t i = 0; i < preview->host_count; i++) {
        if (preview->hosts[i].standing == CTL_PREVIEW_STANDBY)
            return preview->hosts[i].name;
    }

    return "";
}

static void a_standby_host_is_drawn_by_what_is_signed(void **state)
{
    struct ctl_plan plan = *(const struct ctl_plan *)*state;
    bool drawn[3] = {false};

    plan.hosts.standby_share = (struct ctl_plan_share){.value = 1};
    for (uint8_t number = 1; number <= 40; number++) {
        struct ctl_preview one = {0}, again = {0};
        struct bl_error err = {0};

        assert_int_equal(make_standby(&plan, number, &one, &err), 0);
        assert_int_equal(make_standby(&plan, number, &again, &err), 0);
        assert_int_equal(one.standby_count, 1);
        assert_int_equal(one.target_count, 2);
        assert_int_equal(one.current_count + one.blocker_count, 2);
        assert_string_equal(kept_of(&one), kept_of(&again));
        drawn[kept_of(&one)[0] - 'a'] = true;
        for (uint32_t i = 0; i < one.target_count; i++)
            assert_int_equal(one.hosts[i].place, i);
        ctl_preview_release(&one);
        ctl_preview_release(&again);
    }
    assert_true(drawn[0] && drawn[1] && drawn[2]); /* and nobody is spared or favoured */
}

static void standby_hosts_are_signed_with_what_they_have(void **state)
{
    struct ctl_plan plan = *(const struct ctl_plan *)*state;
    const char *names[] = {"c", "b"};
    const struct proto_policy_standby *kind;
    CTL_AUTO_JSON *shown = NULL;
    struct ctl_preview preview = {0};
    PROTO_AUTO_BUFFER bytes = {0};
    PROTO_AUTO_ARENA arena = {0};
    struct proto_policy policy;
    struct bl_error err = {0};

    plan.hosts.standby = (struct ctl_plan_texts){.items = names, .count = 2};
    assert_int_equal(make_standby(&plan, 1, &preview, &err), 0);
    assert_int_equal(ctl_policy_build(&plan, &preview, &issue, &bytes, &err), 0);
    assert_int_equal(proto_policy_decode(bytes.data, bytes.size_bytes, &arena, &policy, &err), 0);
    assert_int_equal(policy.standby_count, 2); /* they have different versions */
    assert_int_equal(proto_policy_standby_hosts(&policy), 2);
    assert_int_equal(policy.waves_count, 1);
    assert_int_equal(policy.waves[0].hosts_count, 1);
    for (uint32_t i = 0; i < preview.host_count; i++) {
        kind = proto_policy_standby_of(&policy, preview.hosts[i].host_id);
        assert_int_equal(kind != NULL, preview.hosts[i].standing == CTL_PREVIEW_STANDBY);
        if (kind == NULL)
            continue;
        assert_int_equal(kind->packages_count, 2);
        assert_string_equal(kind->packages[0].name, "libssl3");
        assert_string_equal(kind->packages[0].version,
                            preview.hosts[i].name[0] == 'c' ? "" : "3.0-1");
        assert_string_equal(kind->packages[1].version,
                            preview.hosts[i].name[0] == 'c' ? "3.0-1" : "2.0-1");
    }
    shown = ctl_preview_to_json(&plan, &preview);
    assert_int_equal(json_array_size(json_object_get(shown, "standby")), 2);
    assert_int_equal(json_integer_value(json_object_get(shown, "targets_count")), 1);
    ctl_preview_release(&preview);
}

static void a_standby_that_keeps_none_or_all_is_refused(void **state)
{
    const struct ctl_plan *plan = *state;
    const char *current[] = {"d"}, *all[] = {"a", "b", "c"};
    const struct {
        struct ctl_plan_texts names;
        uint32_t share;
        const char *says;
    } cases[] = {
        {{.items = current, .count = 1}, 0, "true of no host that would change"},
        {{.items = all, .count = 3}, 0, "leaves are as the plan wants them already"},
        {{0}, 9, "leaves are as the plan wants them already"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ctl_plan changed = *plan;
        struct ctl_preview preview = {0};
        struct bl_error err = {0};

        changed.hosts.standby = cases[i].names;
        changed.hosts.standby_share.value = cases[i].share;
        assert_int_equal(make_standby(&changed, 1, &preview, &err), -ENODATA);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].says, err.text);
        ctl_preview_release(&preview);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_standby_host_is_drawn_by_what_is_signed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(standby_hosts_are_signed_with_what_they_have, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_standby_that_keeps_none_or_all_is_refused, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
