/* SPDX-License-Identifier: Apache-2.0 */
/* Gates of what hosts say of themselves: figures of heartbeats, and findings after the change. */
#include <string.h>

#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/world.h"

enum {
    EVERY_MS = 100, /* hosts tell their figures */
    QUIET = 100,    /* thousandths */
    BUSY = 950,
    SILENT = -1,
};

static struct world world;
static int cpu[WORLD_HOSTS_MAX]; /* of each host, before the change */
static int cpu_after[WORLD_HOSTS_MAX];

static int open_world(void **state)
{
    world_open(&world);
    world_set_trust(&world, 1);
    world_add_hosts(&world, 4);
    for (unsigned i = 0; i < WORLD_HOSTS_MAX; i++)
        cpu[i] = cpu_after[i] = QUIET;
    return 0;
}

static int close_world(void **state)
{
    world_close(&world);
    return 0;
}

/* Two hosts, then two: and the last two have not begun while the first are judged. */
static struct submission_wish wish_of(const char *query, const char *bad)
{
    struct submission_wish wish = world_two_waves(&world);

    wish.hosts_per_wave[0] = wish.hosts_per_wave[1] = 2;
    wish.gate = (struct proto_policy_gate){
        .name = "hosts",
        .kind = PROTO_GATE_HOSTS,
        .query = query,
        .at = "",
        .good = "",
        .bad = bad,
        .control = "",
        .minimum_of = "",
        .contains = "",
        .minimum = 1,
        .needed = 1,
        .samples = 1,
        .every_ms = 1000,
        .delay_ms = 300,
        .within_ms = 1,
    };

    return wish;
}

static void tell_figures(void)
{
    for (unsigned i = 0; i < world.host_count; i++) {
        struct fake_host *host = &world.hosts[i];
        const bool is_after = host->starts > 0;
        struct proto_figure_value value = {PROTO_FIGURE_CPU,
                                           (uint64_t)(is_after ? cpu_after[i] : cpu[i])};
        const struct proto_figures said = {
            .wall_ms = 1, .span_ms = 1, .values = &value, .values_count = 1};

        if ((is_after ? cpu_after[i] : cpu[i]) != SILENT)
            fake_host_figures(host, &said);
    }
    for (unsigned i = 0; i < 10; i++)
        world_turn(&world);
}

/* Until `key` of the status is that; the gate of it is in "gates". */
static json_t *wait_for(const char *key, const char *value)
{
    const int64_t end_ms = bl_mono_now().ms + WORLD_WAIT_MS;
    int64_t told_ms = 0;

    for (;;) {
        json_t *status = world_ask_verb(&world, "status");
        const json_t *hold = json_array_get(json_object_get(status, "holds"), 0);

        if (strcmp(json_word(status, key), value) == 0 ||
            (strcmp(key, "hold") == 0 && strcmp(json_word(hold, "code"), value) == 0))
            return status;
        if (bl_mono_now().ms > end_ms)
            fail_msg("'%s' is never '%s': %s", key, value, json_dumps(status, 0));
        json_decref(status);
        world_turn(&world);
        if (bl_mono_now().ms - told_ms >= EVERY_MS) {
            told_ms = bl_mono_now().ms;
            tell_figures();
        }
    }
}

static const char *note_of(const json_t *status)
{
    return json_word(json_array_get(json_object_get(status, "gates"), 0), "note");
}

static void assert_said(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' lacks '%s'", text, part);
}

static void submit(const struct submission_wish *wish)
{
    char id[17];

    tell_figures();
    world_submit(&world, wish, id);
}

static void restart(void)
{
    world_restart(&world);
    for (unsigned i = 0; i < world.host_count; i++)
        fake_host_hello(&world.hosts[i]);
}

static void test_quiet_hosts_let_a_rollout_go_to_its_end(void **state)
{
    struct submission_wish wish = wish_of("cpu", "> 80%");
    json_t *status;

    submit(&wish);
    status = wait_for("state", "complete");
    assert_string_equal(note_of(status),
                        "cpu > 80%: 0 of 4 upgraded hosts, allowed are 0; in this wave 0 of 2, "
                        "allowed are 0");
    json_decref(status);
}

static void test_an_upgraded_host_that_is_busy_stops_the_next_wave(void **state)
{
    struct submission_wish wish = wish_of("cpu", "> 80%");
    json_t *status;

    cpu_after[0] = BUSY;
    submit(&wish);
    status = wait_for("state", "halted");
    assert_string_equal(json_word(status, "code"), "gate_bad");
    assert_said(json_word(status, "reason"), "cpu > 80%: 1 of 2 upgraded hosts, allowed are 0");
    assert_said(json_word(status, "reason"), "not changed yet 0 of 2; web1 95.0%");
    assert_int_equal(world.hosts[2].starts + world.hosts[3].starts, 0);
    json_decref(status);
}

static void test_a_share_of_them_may_be_busy(void **state)
{
    struct submission_wish wish = wish_of("cpu", "> 80%");
    json_t *status;

    cpu_after[0] = BUSY;
    wish.gate.share = 5000;
    wish.gate.share_is_percent = true;
    submit(&wish);
    status = wait_for("state", "complete");
    assert_said(note_of(status), "1 of 4 upgraded hosts, allowed are 2; in this wave 0 of 2");
    json_decref(status);
}

static void test_what_unchanged_hosts_have_too_holds_and_stops_nothing(void **state)
{
    struct submission_wish wish = wish_of("cpu", "> 80%");
    json_t *status;

    for (unsigned i = 0; i < 4; i++)
        cpu[i] = cpu_after[i] = BUSY;
    submit(&wish);
    status = wait_for("hold", "gate_not_this_change");
    assert_string_equal(json_word(status, "state"), "soaking");
    assert_said(note_of(status), "not changed yet 2 of 2");
    json_decref(status);
}

static void test_a_host_that_tells_nothing_is_never_good(void **state)
{
    struct submission_wish wish = wish_of("cpu", "> 80%");
    json_t *status;

    cpu_after[1] = SILENT;
    submit(&wish);
    status = wait_for("hold", "gate_inconclusive");
    assert_said(note_of(status), "0 of 2 upgraded hosts (unknown of 1)");
    assert_said(note_of(status), "web2 unknown");
    assert_int_equal(world.hosts[2].starts + world.hosts[3].starts, 0);
    json_decref(status);
}

static void test_too_few_hosts_tell_nothing(void **state)
{
    struct submission_wish wish = wish_of("cpu", "> 80%");
    json_t *status;

    cpu_after[0] = BUSY;
    wish.gate.minimum = 3;
    submit(&wish);
    status = wait_for("hold", "gate_inconclusive");
    assert_said(note_of(status), "at least 3 must tell");
    json_decref(status);
}

/* 60% is bad for who had 10%, and what web2 always has. What hosts had outlives belayd. */
static void test_a_host_is_compared_with_what_it_had_itself(void **state)
{
    struct submission_wish wish = wish_of("cpu", "> 2x");
    json_t *status;

    cpu[1] = cpu_after[1] = 600;
    submit(&wish);
    restart();
    json_decref(wait_for("state", "complete"));

    cpu_after[0] = 600;
    for (unsigned i = 0; i < 4; i++)
        world.hosts[i].starts = 0;
    wish.number = 2;
    submit(&wish);
    restart();
    status = wait_for("state", "halted");
    assert_said(json_word(status, "reason"), "cpu > 2x: 1 of 2 upgraded hosts");
    assert_said(json_word(status, "reason"), "web1 60.0%");
    json_decref(status);
}

static void test_who_is_bad_for_a_time_takes_everything_back(void **state)
{
    struct submission_wish wish = wish_of("cpu", "> 80%");
    json_t *status;

    cpu_after[0] = BUSY;
    wish.gate.is_rollback = true;
    wish.gate.for_ms = 1500;
    wish.soak_ms = 20000;
    wish.gate.samples = 5;
    submit(&wish);
    status = wait_for("state", "rolled_back");
    assert_said(note_of(status), "web1 95.0%");
    assert_int_equal(world.hosts[0].reverts, 1);
    json_decref(status);
}

static void test_findings_of_too_many_hosts_stop(void **state)
{
    struct submission_wish wish = wish_of(PROTO_GATE_MINOR, "");
    json_t *status;

    world.hosts[1].finds = "restart_needed";
    submit(&wish);
    status = wait_for("state", "halted");
    assert_string_equal(json_word(status, "code"), "gate_bad");
    assert_said(json_word(status, "reason"), "minor: 1 of 2 upgraded hosts, allowed are 0");
    assert_said(json_word(status, "reason"), "web2");
    json_decref(status);
}

static void test_only_the_finding_that_is_named_counts(void **state)
{
    struct submission_wish wish = wish_of("unit_crashed", "");

    world.hosts[1].finds = "restart_needed";
    submit(&wish);
    json_decref(wait_for("state", "complete"));
    for (unsigned i = 0; i < 4; i++)
        world.hosts[i].finds = i == 3 ? "unit_crashed" : NULL;
    wish.number = 2;
    submit(&wish);
    json_decref(wait_for("state", "halted"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define GATE(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
        GATE(test_quiet_hosts_let_a_rollout_go_to_its_end),
        GATE(test_an_upgraded_host_that_is_busy_stops_the_next_wave),
        GATE(test_a_share_of_them_may_be_busy),
        GATE(test_what_unchanged_hosts_have_too_holds_and_stops_nothing),
        GATE(test_a_host_that_tells_nothing_is_never_good),
        GATE(test_too_few_hosts_tell_nothing),
        GATE(test_a_host_is_compared_with_what_it_had_itself),
        GATE(test_who_is_bad_for_a_time_takes_everything_back),
        GATE(test_findings_of_too_many_hosts_stop),
        GATE(test_only_the_finding_that_is_named_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
