/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/figure_watch.h"

#include "tests/lib/unit.h"

static const struct agent_figure_limit limit = {
    .is_known = true, .limit = 900, .for_ms = 5000, .gap_ms = 2500};

static struct agent_figure_watch figure;
static int64_t now_ms;

static int begin(void **state)
{
    figure = (struct agent_figure_watch){0};
    now_ms = 1000;
    return 0;
}

static enum agent_figure_verdict see_with(const struct agent_figure_limit *with, int64_t after_ms,
                                          uint64_t value)
{
    now_ms += after_ms;
    return agent_figure_take(&figure, with, (struct bl_mono){.ms = now_ms}, &value);
}

static enum agent_figure_verdict see(int64_t after_ms, uint64_t value)
{
    return see_with(&limit, after_ms, value);
}

static enum agent_figure_verdict see_nothing(int64_t after_ms)
{
    now_ms += after_ms;
    return agent_figure_take(&figure, &limit, (struct bl_mono){.ms = now_ms}, NULL);
}

static void bad_for_its_time_is_told_once(void **state)
{
    for (int i = 0; i < 5; i++)
        assert_int_equal(see(1000, 950), AGENT_FIGURE_NOTHING);
    assert_int_equal(see(1000, 901), AGENT_FIGURE_BAD);
    assert_int_equal(figure.worst, 950);
    assert_int_equal(see(1000, 990), AGENT_FIGURE_NOTHING);
}

static void the_limit_itself_is_good(void **state)
{
    for (int i = 0; i < 20; i++)
        assert_int_equal(see(1000, 900), AGENT_FIGURE_NOTHING);
}

static void one_good_sample_begins_anew(void **state)
{
    for (int i = 0; i < 5; i++)
        (void)see(1000, 950);
    assert_int_equal(see(1000, 100), AGENT_FIGURE_NOTHING);
    for (int i = 0; i < 5; i++)
        assert_int_equal(see(1000, 910), AGENT_FIGURE_NOTHING);
    assert_int_equal(see(1000, 910), AGENT_FIGURE_BAD);
    assert_int_equal(figure.worst, 910); /* of this time */
}

static void a_gap_is_neither_good_nor_bad(void **state)
{
    for (int i = 0; i < 4; i++)
        (void)see(1000, 950); /* 3 s */
    assert_int_equal(see(60000, 950), AGENT_FIGURE_NOTHING);
    assert_int_equal(figure.bad_ms, 3000);
    assert_int_equal(see_nothing(1000), AGENT_FIGURE_NOTHING);
    assert_int_equal(see(1000, 950), AGENT_FIGURE_NOTHING); /* what is between is not known */
    assert_int_equal(figure.bad_ms, 3000);
    assert_int_equal(see(1000, 950), AGENT_FIGURE_NOTHING);
    assert_int_equal(see(1000, 950), AGENT_FIGURE_BAD);
}

static void an_agent_that_starts_anew_goes_on_with_what_was_counted(void **state)
{
    struct agent_figure_watch saved;

    for (int i = 0; i < 5; i++)
        (void)see(1000, 950);
    saved = figure;
    now_ms += 30000;
    figure = saved;
    assert_int_equal(see(1000, 950), AGENT_FIGURE_NOTHING);
    assert_int_equal(see(1000, 950), AGENT_FIGURE_BAD);
}

static void what_is_never_known_is_said_once(void **state)
{
    unsigned told = 0;

    for (int i = 0; i < 20; i++)
        told += see_nothing(1000) == AGENT_FIGURE_UNKNOWN ? 1 : 0;
    assert_int_equal(told, 1);
    assert_int_equal(see(1000, 100), AGENT_FIGURE_NOTHING);
    for (int i = 0; i < 20; i++)
        told += see_nothing(1000) == AGENT_FIGURE_UNKNOWN ? 1 : 0;
    assert_int_equal(told, 2);
}

static void without_a_baseline_nothing_is_compared(void **state)
{
    struct agent_figure_limit relative = limit;
    unsigned told = 0;

    relative.is_known = false;
    for (int i = 0; i < 20; i++) {
        enum agent_figure_verdict verdict = see_with(&relative, 1000, 999);

        assert_int_not_equal(verdict, AGENT_FIGURE_BAD);
        told += verdict == AGENT_FIGURE_UNKNOWN ? 1 : 0;
    }
    assert_int_equal(told, 1);
}

static void room_is_bad_below(void **state)
{
    struct agent_figure_limit room = limit;

    room.is_floor = true;
    for (int i = 0; i < 5; i++)
        assert_int_equal(see_with(&room, 1000, 800), AGENT_FIGURE_NOTHING);
    assert_int_equal(see_with(&room, 1000, 700), AGENT_FIGURE_BAD);
    assert_int_equal(figure.worst, 700);
}

static uint64_t chance = 88172645463325252U;

static uint64_t draw(uint64_t bound)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (chance >> 11) % bound;
}

/*
 * Any order of samples and gaps: BAD exactly when the time between neighbours that are both bad,
 * near each other, and not parted by a good sample has reached `for`.
 */
static void any_order_of_gaps(void **state)
{
    unsigned bad_runs = 0;

    for (int run = 0; run < 5000; run++) {
        int64_t counted_ms = 0, last_ms = 0;
        bool was_bad = false, is_told = false;
        uint64_t bad_pct = 20 + draw(80);

        begin(NULL);
        for (int i = 0; i < 60; i++) {
            int64_t after_ms = (int64_t)(draw(10) == 0 ? draw(20000) : 500 + draw(1500));
            enum agent_figure_verdict verdict;
            bool is_bad = draw(100) < bad_pct;

            if (draw(8) == 0) {
                verdict = see_nothing(after_ms);
                was_bad = false;
                assert_int_not_equal(verdict, AGENT_FIGURE_BAD);
                continue;
            }
            verdict = see(after_ms, is_bad ? 901 + draw(99) : draw(901));
            if (is_bad && was_bad && now_ms - last_ms <= limit.gap_ms)
                counted_ms += now_ms - last_ms;
            if (!is_bad)
                counted_ms = 0;
            was_bad = is_bad;
            last_ms = now_ms;
            assert_int_equal(verdict == AGENT_FIGURE_BAD,
                             is_bad && counted_ms >= limit.for_ms && !is_told);
            is_told = is_told || verdict == AGENT_FIGURE_BAD;
        }
        bad_runs += is_told ? 1 : 0;
    }
    assert_in_range(bad_runs, 500, 4500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(bad_for_its_time_is_told_once, begin),
        cmocka_unit_test_setup(the_limit_itself_is_good, begin),
        cmocka_unit_test_setup(one_good_sample_begins_anew, begin),
        cmocka_unit_test_setup(a_gap_is_neither_good_nor_bad, begin),
        cmocka_unit_test_setup(an_agent_that_starts_anew_goes_on_with_what_was_counted, begin),
        cmocka_unit_test_setup(what_is_never_known_is_said_once, begin),
        cmocka_unit_test_setup(without_a_baseline_nothing_is_compared, begin),
        cmocka_unit_test_setup(room_is_bad_below, begin),
        cmocka_unit_test_setup(any_order_of_gaps, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
