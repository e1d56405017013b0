/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "controller/core/gate_hosts.h"
#include "tests/lib/unit.h"

/*
 * One letter is one measurement, ten seconds apart: g good, b bad, u neither, n no data, e could not
 * be asked, B bad for the hosts that are not changed too, l bad of too few requests.
 */
static struct ctl_gate_measurement measure(char letter)
{
    static const struct ctl_gate_answer low = {CTL_GATE_NUMBER, 1}, high = {CTL_GATE_NUMBER, 9},
                                        between = {CTL_GATE_NUMBER, 4}, none = {CTL_GATE_NO_DATA},
                                        error = {CTL_GATE_ERROR};
    struct ctl_gate_measurement is = {.answer = high};

    if (letter == 'g')
        is.answer = low;
    if (letter == 'u')
        is.answer = between;
    if (letter == 'n')
        is.answer = none;
    if (letter == 'e')
        is.answer = error;
    if (letter == 'B')
        is.control = high;
    if (letter == 'l')
        is.minimum = (struct ctl_gate_answer){CTL_GATE_NUMBER, 99};
    return is;
}

enum {
    STEP_MS = 10 * 1000,
};

static struct ctl_gate_rule rule_of(const char *good, const char *bad, uint32_t needed,
                                    uint32_t samples, int64_t for_ms)
{
    struct ctl_gate_rule rule = {.name = "errors",
                                 .minimum = 100,
                                 .needed = needed,
                                 .samples = samples,
                                 .every_ms = STEP_MS,
                                 .for_ms = for_ms,
                                 .is_rollback = for_ms > 0};
    struct bl_error err = {0};

    assert_int_equal(bl_condition_parse(good, &rule.good, &err), 0);
    assert_int_equal(bl_condition_parse(bad, &rule.bad, &err), 0);
    return rule;
}

static void feed(struct ctl_gate *gate, const char *letters)
{
    for (; *letters != '\0'; letters++) {
        const struct ctl_gate_measurement is = measure(*letters);

        assert_true(ctl_gate_take(gate, &is, gate->due, gate->due));
    }
}

static enum ctl_gate_verdict verdict_of(struct ctl_gate_rule rule, const char *letters)
{
    struct ctl_gate gate;

    ctl_gate_init(&gate, &rule, (struct bl_mono){1000});
    ctl_gate_watch(&gate, (struct bl_mono){1000});
    feed(&gate, letters);
    return gate.verdict;
}

static void test_every_window_has_one_verdict(void **state)
{
    static const struct {
        const char *letters;
        uint32_t needed, samples;
        enum ctl_gate_verdict verdict;
    } rows[] = {
        {"", 1, 1, CTL_GATE_UNDECIDED},
        {"g", 1, 1, CTL_GATE_GOOD},
        {"b", 1, 1, CTL_GATE_BAD},
        {"u", 1, 1, CTL_GATE_INCONCLUSIVE},
        {"n", 1, 1, CTL_GATE_INCONCLUSIVE},
        {"e", 1, 1, CTL_GATE_PROBE_ERROR},
        {"B", 1, 1, CTL_GATE_NOT_THIS},
        {"l", 1, 1, CTL_GATE_INCONCLUSIVE},
        /* Four of five: three are not enough, and what can't become four is told at once. */
        {"ggg", 4, 5, CTL_GATE_UNDECIDED},
        {"gggg", 4, 5, CTL_GATE_GOOD},
        {"bgggg", 4, 5, CTL_GATE_GOOD},
        {"bb", 4, 5, CTL_GATE_BAD},
        {"gggbb", 4, 5, CTL_GATE_BAD},
        {"b", 4, 5, CTL_GATE_UNDECIDED},
        {"bbgggg", 4, 5, CTL_GATE_GOOD}, /* the oldest is forgotten */
        {"bggbg", 4, 5, CTL_GATE_BAD},
        {"nnnnn", 4, 5, CTL_GATE_INCONCLUSIVE},
        {"nnnn", 4, 5, CTL_GATE_UNDECIDED},
        {"ngnggn", 4, 5, CTL_GATE_INCONCLUSIVE},
        {"gggne", 4, 5, CTL_GATE_INCONCLUSIVE},
        {"ee", 4, 5, CTL_GATE_PROBE_ERROR},
        {"eegggg", 4, 5, CTL_GATE_GOOD},
        {"BB", 4, 5, CTL_GATE_NOT_THIS},
        {"bBbB", 4, 5, CTL_GATE_BAD}, /* a cause goes before an excuse */
        {"lllll", 4, 5, CTL_GATE_INCONCLUSIVE},
        {"ggggb", 4, 5, CTL_GATE_GOOD},
        {"ggggbb", 4, 5, CTL_GATE_BAD},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const enum ctl_gate_verdict is =
            verdict_of(rule_of("< 3", "> 5", rows[i].needed, rows[i].samples, 0), rows[i].letters);

        if (is != rows[i].verdict)
            fail_msg("%s, %u of %u: %s", rows[i].letters, rows[i].needed, rows[i].samples,
                     ctl_gate_verdict_name(is));
    }
}

static void test_one_condition_alone_leaves_nothing_between(void **state)
{
    assert_int_equal(verdict_of(rule_of("< 3", "", 1, 1, 0), "u"), CTL_GATE_BAD);
    assert_int_equal(verdict_of(rule_of("", "> 5", 1, 1, 0), "u"), CTL_GATE_GOOD);
    assert_int_equal(verdict_of(rule_of("< 3", "", 1, 1, 0), "n"), CTL_GATE_INCONCLUSIVE);
    assert_int_equal(verdict_of(rule_of("", "> 5", 1, 1, 0), "n"), CTL_GATE_INCONCLUSIVE);
    assert_int_equal(verdict_of(rule_of("", "> 5", 1, 1, 0), "e"), CTL_GATE_PROBE_ERROR);
}

static void test_bad_for_a_time_needs_it_whole_and_no_good_one_between(void **state)
{
    static const struct {
        const char *letters;
        enum ctl_gate_verdict verdict;
    } rows[] = {
        {"bbb", CTL_GATE_UNDECIDED},     {"bbbb", CTL_GATE_BAD},
        {"bbbg", CTL_GATE_GOOD},         {"bbbgb", CTL_GATE_UNDECIDED},
        {"bbbgbbbb", CTL_GATE_BAD},      {"bnnb", CTL_GATE_BAD},
        {"bnnn", CTL_GATE_UNDECIDED},    {"neee", CTL_GATE_UNDECIDED},
        {"eeeee", CTL_GATE_PROBE_ERROR}, {"nnnnnnnn", CTL_GATE_INCONCLUSIVE},
        {"bbbB", CTL_GATE_NOT_THIS},     {"BBBb", CTL_GATE_BAD},
        {"bbbu", CTL_GATE_GOOD},         {"beeb", CTL_GATE_BAD},
        {"bbbl", CTL_GATE_UNDECIDED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const enum ctl_gate_verdict is =
            verdict_of(rule_of("", "> 5", 1, 5, 3 * STEP_MS), rows[i].letters);

        if (is != rows[i].verdict)
            fail_msg("%s: %s", rows[i].letters, ctl_gate_verdict_name(is));
    }
}

static void test_the_baseline_is_the_median_and_is_needed(void **state)
{
    const struct ctl_gate_rule rule = rule_of("", "> 2x", 1, 1, 0);
    const double before[] = {9, 2, 4, 3, 100};
    struct ctl_gate gate;

    assert_int_equal(verdict_of(rule, "b"), CTL_GATE_INCONCLUSIVE);
    assert_int_equal(verdict_of(rule, "g"), CTL_GATE_INCONCLUSIVE);
    ctl_gate_init(&gate, &rule, (struct bl_mono){1000});
    for (size_t i = 0; i < 5; i++) {
        const struct ctl_gate_measurement is = {.answer = {CTL_GATE_NUMBER, before[i]}};

        assert_true(ctl_gate_take(&gate, &is, gate.due, gate.due));
        assert_int_equal(gate.verdict, CTL_GATE_UNDECIDED);
    }
    feed(&gate, "ne"); /* are no numbers */
    assert_int_equal(gate.baseline_count, 5);
    assert_true(gate.baseline > 3.99 && gate.baseline < 4.01);
    ctl_gate_watch(&gate, gate.due);
    feed(&gate, "b"); /* 9 > 2 * 4 */
    assert_int_equal(gate.verdict, CTL_GATE_BAD);
    feed(&gate, "u");
    assert_int_equal(gate.verdict, CTL_GATE_GOOD);
    assert_int_equal(gate.baseline_count, 5);
}

static void test_of_many_baselines_the_newest_tell(void **state)
{
    const struct ctl_gate_rule rule = rule_of("", "> 2x", 1, 1, 0);
    struct ctl_gate gate;

    ctl_gate_init(&gate, &rule, (struct bl_mono){1000});
    for (uint32_t i = 0; i < CTL_GATE_BASELINES_MAX; i++)
        ctl_gate_take_baseline(&gate, 1000);
    for (uint32_t i = 0; i < CTL_GATE_BASELINES_MAX; i++)
        ctl_gate_take_baseline(&gate, 10);
    assert_int_equal(gate.baseline_count, CTL_GATE_BASELINES_MAX);
    assert_true(gate.baseline < 11);
}

static void test_a_wave_that_ended_is_judged_by_what_comes_after(void **state)
{
    struct ctl_gate_rule rule = rule_of("< 3", "> 5", 2, 2, 0);
    struct ctl_gate gate;
    struct bl_mono ended;

    rule.delay_ms = 30 * 1000;
    ctl_gate_init(&gate, &rule, (struct bl_mono){1000});
    ctl_gate_watch(&gate, (struct bl_mono){1000});
    feed(&gate, "gg");
    assert_int_equal(gate.verdict, CTL_GATE_GOOD);
    ended = gate.due;
    ctl_gate_begin_wave(&gate, ended);
    assert_int_equal(gate.verdict, CTL_GATE_UNDECIDED);
    assert_int_equal(gate.due.ms, ended.ms + rule.delay_ms);
    feed(&gate, "gg");
    assert_int_equal(gate.verdict, CTL_GATE_GOOD);
}

static void test_what_was_asked_before_a_wave_ended_is_asked_again(void **state)
{
    static const int64_t delays_ms[] = {0, 30 * 1000};
    const struct ctl_gate_measurement good = measure('g');

    for (size_t i = 0; i < 2; i++) {
        struct ctl_gate_rule rule = rule_of("", "< 3x", 1, 1, 0);
        const struct bl_mono asked = {5000}, ended = {5010};
        struct ctl_gate gate;

        rule.delay_ms = delays_ms[i];
        ctl_gate_init(&gate, &rule, (struct bl_mono){1000});
        ctl_gate_take_baseline(&gate, 9);
        ctl_gate_watch(&gate, (struct bl_mono){1000});
        ctl_gate_begin_wave(&gate, ended);
        /* The answer comes when the time to watch has begun, but tells of what was before. */
        assert_false(ctl_gate_take(&gate, &good, asked, bl_mono_after(gate.from, 100)));
        assert_int_equal(gate.verdict, CTL_GATE_UNDECIDED);
        assert_int_equal(gate.sample_count, 0);
        assert_int_equal(gate.baseline_count, 1);
        assert_int_equal(gate.due.ms, ended.ms + delays_ms[i]);
        assert_true(ctl_gate_take(&gate, &good, gate.due, bl_mono_after(gate.due, 100)));
        assert_int_equal(gate.sample_count, 1);
        assert_int_equal(gate.baseline_count, 1);
    }
}

static void test_a_wave_that_ends_forgets_no_bad_time(void **state)
{
    const struct ctl_gate_rule rule = rule_of("", "> 5", 1, 5, 3 * STEP_MS);
    struct ctl_gate gate;

    ctl_gate_init(&gate, &rule, (struct bl_mono){1000});
    ctl_gate_watch(&gate, (struct bl_mono){1000});
    feed(&gate, "bb");
    ctl_gate_begin_wave(&gate, gate.due);
    feed(&gate, "bb");
    assert_int_equal(gate.verdict, CTL_GATE_BAD);
}

static void test_only_a_control_that_is_bad_excuses(void **state)
{
    static const struct {
        struct ctl_gate_answer control;
        enum ctl_gate_verdict verdict;
    } rows[] = {
        {{CTL_GATE_NOT_ASKED}, CTL_GATE_BAD},     {{CTL_GATE_NUMBER, 1}, CTL_GATE_BAD},
        {{CTL_GATE_NUMBER, 4}, CTL_GATE_BAD},     {{CTL_GATE_NUMBER, 9}, CTL_GATE_NOT_THIS},
        {{CTL_GATE_NO_DATA}, CTL_GATE_BAD},       {{CTL_GATE_ERROR}, CTL_GATE_BAD},
        {{CTL_GATE_SAID_BAD}, CTL_GATE_NOT_THIS},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct ctl_gate_rule rule = rule_of("< 3", "> 5", 1, 1, 0);
        struct ctl_gate_measurement is = measure('b');
        struct ctl_gate gate;

        is.control = rows[i].control;
        ctl_gate_init(&gate, &rule, (struct bl_mono){1000});
        ctl_gate_watch(&gate, (struct bl_mono){1000});
        assert_true(ctl_gate_take(&gate, &is, gate.due, gate.due));
        assert_int_equal(gate.verdict, rows[i].verdict);
        is.answer = (struct ctl_gate_answer){CTL_GATE_NUMBER, 1};
        assert_true(ctl_gate_take(&gate, &is, gate.due, gate.due));
        assert_int_equal(gate.verdict, CTL_GATE_GOOD); /* whatever the control says */
    }
}

static void test_too_little_to_judge_by_is_no_verdict(void **state)
{
    static const struct {
        struct ctl_gate_answer minimum;
        enum ctl_gate_verdict verdict;
    } rows[] = {
        {{CTL_GATE_NUMBER, 99}, CTL_GATE_INCONCLUSIVE}, {{CTL_GATE_NUMBER, 100}, CTL_GATE_GOOD},
        {{CTL_GATE_NO_DATA}, CTL_GATE_INCONCLUSIVE},    {{CTL_GATE_ERROR}, CTL_GATE_PROBE_ERROR},
        {{CTL_GATE_NOT_ASKED}, CTL_GATE_GOOD},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct ctl_gate_rule rule = rule_of("< 3", "> 5", 1, 1, 0);
        struct ctl_gate_measurement is = measure('g');
        struct ctl_gate gate;

        is.minimum = rows[i].minimum;
        ctl_gate_init(&gate, &rule, (struct bl_mono){1000});
        ctl_gate_watch(&gate, (struct bl_mono){1000});
        assert_true(ctl_gate_take(&gate, &is, gate.due, gate.due));
        assert_int_equal(gate.verdict, rows[i].verdict);
    }
}

static void test_the_sentence_has_all_numbers_that_were_compared(void **state)
{
    struct ctl_gate_rule rule = rule_of("", "> 2x", 4, 5, 0);
    char text[CTL_GATE_TEXT_BYTES_MAX + 1];
    struct ctl_gate gate;

    ctl_gate_init(&gate, &rule, (struct bl_mono){1000});
    ctl_gate_describe(&gate, text, sizeof(text));
    assert_string_equal(text, "errors: not measured yet");
    ctl_gate_take_baseline(&gate, 2.5);
    ctl_gate_watch(&gate, (struct bl_mono){1000});
    feed(&gate, "gBb");
    ctl_gate_describe(&gate, text, sizeof(text));
    assert_string_equal(text, "errors: 9, bad > 2x; before the change 2.5; last 3 of 5: 1 good, "
                              "1 bad, 1 not_this_change, 4 good needed");
    rule = rule_of("", "> 5", 1, 5, 3 * STEP_MS);
    ctl_gate_init(&gate, &rule, (struct bl_mono){1000});
    ctl_gate_watch(&gate, (struct bl_mono){1000});
    feed(&gate, "bbl");
    ctl_gate_describe(&gate, text, sizeof(text));
    assert_string_equal(text,
                        "errors: 9, bad > 5; too little to judge by: 99 of 100; bad for 20 s; "
                        "takes all back after 30 s");
}

/* A share of 10% in all rows: {hosts, bad, unknown} of all, the wave, the unchanged. */
static void test_hosts_are_judged_by_share_whatever_the_silent_ones_are(void **state)
{
    static const struct {
        struct ctl_gate_count all, wave, unchanged;
        enum ctl_gate_outcome outcome, control;
    } rows[] = {
        {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, CTL_GATE_NO_DATA, CTL_GATE_NOT_ASKED},
        {{10, 0, 0}, {10, 0, 0}, {9, 0, 0}, CTL_GATE_SAID_GOOD, CTL_GATE_SAID_GOOD},
        {{10, 1, 0}, {10, 1, 0}, {0, 0, 0}, CTL_GATE_SAID_GOOD, CTL_GATE_NOT_ASKED},
        {{10, 2, 0}, {10, 2, 0}, {0, 0, 0}, CTL_GATE_SAID_BAD, CTL_GATE_NOT_ASKED},
        {{10, 1, 1}, {10, 1, 1}, {0, 0, 0}, CTL_GATE_NO_DATA, CTL_GATE_NOT_ASKED},
        {{10, 0, 1}, {10, 0, 1}, {0, 0, 0}, CTL_GATE_SAID_GOOD, CTL_GATE_NOT_ASKED},
        {{10, 2, 8}, {10, 2, 8}, {0, 0, 0}, CTL_GATE_SAID_BAD, CTL_GATE_NOT_ASKED},
        {{10, 0, 10}, {10, 0, 10}, {0, 0, 0}, CTL_GATE_NO_DATA, CTL_GATE_NOT_ASKED},
        /* A wave is not hidden behind those before it, and a silent one is not either. */
        {{100, 2, 0}, {10, 2, 0}, {0, 0, 0}, CTL_GATE_SAID_BAD, CTL_GATE_NOT_ASKED},
        {{100, 2, 2}, {10, 0, 2}, {0, 0, 0}, CTL_GATE_NO_DATA, CTL_GATE_NOT_ASKED},
        /* Nobody of the wave is upgraded yet: the others tell. */
        {{10, 2, 0}, {0, 0, 0}, {0, 0, 0}, CTL_GATE_SAID_BAD, CTL_GATE_NOT_ASKED},
        {{10, 1, 0}, {0, 0, 0}, {0, 0, 0}, CTL_GATE_SAID_GOOD, CTL_GATE_NOT_ASKED},
        /* The others are as bad, or half; less is no excuse, and neither is what is allowed. */
        {{10, 8, 0}, {10, 8, 0}, {100, 80, 0}, CTL_GATE_SAID_BAD, CTL_GATE_SAID_BAD},
        {{10, 8, 0}, {10, 8, 0}, {100, 40, 0}, CTL_GATE_SAID_BAD, CTL_GATE_SAID_BAD},
        {{10, 8, 0}, {10, 8, 0}, {100, 39, 0}, CTL_GATE_SAID_BAD, CTL_GATE_SAID_GOOD},
        {{10, 2, 0}, {10, 2, 0}, {100, 10, 0}, CTL_GATE_SAID_BAD, CTL_GATE_SAID_GOOD},
        {{10, 2, 0}, {10, 2, 0}, {100, 10, 90}, CTL_GATE_SAID_BAD, CTL_GATE_SAID_GOOD},
        {{10, 2, 0}, {10, 2, 0}, {100, 11, 89}, CTL_GATE_SAID_BAD, CTL_GATE_SAID_BAD},
        {{10, 2, 0}, {10, 2, 0}, {100, 0, 100}, CTL_GATE_SAID_BAD, CTL_GATE_SAID_GOOD},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct ctl_gate_hosts is = {.upgraded = rows[i].all,
                                          .wave = rows[i].wave,
                                          .unchanged = rows[i].unchanged,
                                          .share = 1000,
                                          .share_is_percent = true};
        struct ctl_gate_measurement measured;

        ctl_gate_judge_hosts(&is, &measured);
        if (measured.answer.outcome != rows[i].outcome ||
            measured.control.outcome != rows[i].control)
            fail_msg("row %zu: %u, %u", i, measured.answer.outcome, measured.control.outcome);
        assert_int_equal(measured.minimum.outcome, CTL_GATE_NOT_ASKED);
    }
}

/* 10% of a wave of 40, of which few are through: the order in which hosts end is no verdict. */
static void test_a_share_is_one_of_the_whole_wave(void **state)
{
    static const struct {
        uint32_t through, bad;
        enum ctl_gate_outcome outcome;
    } rows[] = {
        {1, 1, CTL_GATE_NO_DATA},    {5, 4, CTL_GATE_NO_DATA},   {5, 5, CTL_GATE_SAID_BAD},
        {40, 4, CTL_GATE_SAID_GOOD}, {40, 5, CTL_GATE_SAID_BAD}, {20, 2, CTL_GATE_SAID_GOOD},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct ctl_gate_count count = {rows[i].through, rows[i].bad, 0};
        struct ctl_gate_hosts is = {.upgraded = count,
                                    .wave = count,
                                    .coming = 40 - rows[i].through,
                                    .share = 1000,
                                    .share_is_percent = true};
        struct ctl_gate_measurement measured;

        ctl_gate_judge_hosts(&is, &measured);
        if (measured.answer.outcome != rows[i].outcome)
            fail_msg("row %zu: %u", i, measured.answer.outcome);
        is.share_is_percent = false; /* a number is one of hosts, whoever is to come */
        is.share = 0;
        ctl_gate_judge_hosts(&is, &measured);
        assert_int_equal(measured.answer.outcome, CTL_GATE_SAID_BAD);
    }
}

static void test_fewer_hosts_than_the_minimum_tell_nothing(void **state)
{
    struct ctl_gate_hosts is = {.upgraded = {5, 5, 0}, .wave = {5, 5, 0}, .share = 2, .minimum = 6};
    struct ctl_gate_measurement measured;

    assert_int_equal(ctl_gate_share_of(&is, 5), 2);
    ctl_gate_judge_hosts(&is, &measured);
    assert_int_equal(measured.answer.outcome, CTL_GATE_NO_DATA);
    is.minimum = 5;
    ctl_gate_judge_hosts(&is, &measured);
    assert_int_equal(measured.answer.outcome, CTL_GATE_SAID_BAD);
    is.upgraded = is.wave = (struct ctl_gate_count){6, 0, 2}; /* only four told */
    ctl_gate_judge_hosts(&is, &measured);
    assert_int_equal(measured.answer.outcome, CTL_GATE_NO_DATA);
    is.minimum = 4;
    ctl_gate_judge_hosts(&is, &measured);
    assert_int_equal(measured.answer.outcome, CTL_GATE_SAID_GOOD);
    is.share_is_percent = true;
    is.share = 3333; /* rounded down: 1 of 5 */
    assert_int_equal(ctl_gate_share_of(&is, 5), 1);
    assert_int_equal(ctl_gate_share_of(&is, 20000), 6666);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_window_has_one_verdict),
        cmocka_unit_test(test_one_condition_alone_leaves_nothing_between),
        cmocka_unit_test(test_bad_for_a_time_needs_it_whole_and_no_good_one_between),
        cmocka_unit_test(test_the_baseline_is_the_median_and_is_needed),
        cmocka_unit_test(test_of_many_baselines_the_newest_tell),
        cmocka_unit_test(test_a_wave_that_ended_is_judged_by_what_comes_after),
        cmocka_unit_test(test_what_was_asked_before_a_wave_ended_is_asked_again),
        cmocka_unit_test(test_a_wave_that_ends_forgets_no_bad_time),
        cmocka_unit_test(test_only_a_control_that_is_bad_excuses),
        cmocka_unit_test(test_too_little_to_judge_by_is_no_verdict),
        cmocka_unit_test(test_the_sentence_has_all_numbers_that_were_compared),
        cmocka_unit_test(test_hosts_are_judged_by_share_whatever_the_silent_ones_are),
        cmocka_unit_test(test_a_share_is_one_of_the_whole_wave),
        cmocka_unit_test(test_fewer_hosts_than_the_minimum_tell_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
