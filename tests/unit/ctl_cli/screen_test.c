/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "controller/cli/status_view.h"
#include "controller/outside/out.h"
#include "tests/lib/unit.h"

/* The page of `belay watch`, for screens of all sizes and a fleet of 200, without a terminal. */

enum {
    HOSTS = 200,
    TEXT_BYTES = 4096,
};

static const struct bl_wall now = {1795249500000}; /* 2026-11-21T08:25:00Z */

static void add_host(json_t *hosts, int number, int wave, const char *state, bool failed,
                     const char *reason)
{
    char name[40];
    json_t *host;

    (void)snprintf(name, sizeof(name), "web-%03d", number);
    host = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:n}", "name", name, "wave",
                     wave, "state", state, "job_state", "", "step", "", "reason", reason, "code",
                     failed ? "postinst" : "", "failed", failed, "connected", true, "changed_at");
    if (strcmp(state, "running") == 0) {
        (void)json_object_set_new(host, "job_state", json_string("changing"));
        (void)json_object_set_new(host, "step", json_string("upgrade"));
        (void)json_object_set_new(host, "progress",
                                  json_pack("{s:s}", "text", "upgrading 34/120, nginx"));
    }
    assert_int_equal(json_array_append_new(hosts, host), 0);
}

static void add_wave(json_t *waves, int wave, int hosts_count, const char *state)
{
    assert_int_equal(
        json_array_append_new(waves, json_pack("{s:i, s:i, s:i, s:i, s:s}", "wave", wave,
                                               "hosts_count", hosts_count, "failures_allowed", 2,
                                               "failed_count", 0, "state", state)),
        0);
}

/* Wave 1 is done; of wave 2 forty failed alike, two are lost, some run; wave 3 waits. */
static json_t *make_status(void)
{
    json_t *hosts = json_array(), *waves = json_array();

    for (int i = 0; i < HOSTS; i++) {
        char reason[128];

        (void)snprintf(reason, sizeof(reason), "postinst of nginx: exit %d on web-%03d", i, i);
        if (i < 20)
            add_host(hosts, i, 1, "committed", false, "");
        else if (i < 60)
            add_host(hosts, i, 2, "reverted", true, reason);
        else if (i < 62)
            add_host(hosts, i, 2, "lost", true, "its end was not heard of until its deadline");
        else if (i < 100)
            add_host(hosts, i, 2, "running", false, "");
        else
            add_host(hosts, i, 3, "waiting", false, "");
    }
    add_wave(waves, 1, 20, "done");
    add_wave(waves, 2, 80, "running");
    add_wave(waves, 3, 100, "waiting");

    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:n, s:i, s:o, s:o}", "rollout",
                     "0123456789abcdef", "plan", "kernel-6.1.0-21", "risk", "high", "state",
                     "running", "paused", 0, "reason",
                     "wave 2 of 3: 42 of 80 hosts failed, 45 allowed; waits for the others", "next",
                     "belay watch 0123456789abcdef", "created", "2026-11-21T06:40:00.000Z",
                     "soak_end", "wave", 2, "waves", waves, "hosts", hosts);
}

static void draw(const json_t *status, uint32_t width, uint32_t rows, bool colour,
                 struct ctl_canvas *canvas)
{
    const struct ctl_view view = {
        .colour = colour, .width = width, .rows_max = rows, .now = now, .is_watched = true};

    ctl_canvas_begin(canvas, width, rows, colour);
    ctl_view_page(status, &view, canvas);
    assert_false(canvas->failed);
}

/* Without colours; a control character that is no part of one fails the test. */
static const char *plain(const char *line)
{
    static char text[TEXT_BYTES];
    size_t used = 0;

    for (; *line != '\0'; line++) {
        if (*line == '\033') {
            assert_int_equal(line[1], '[');
            line += 2;
            line += strspn(line, "0123456789;");
            assert_int_equal(*line, 'm');
            continue;
        }
        assert_true((unsigned char)*line >= 0x20);
        assert_true(used < sizeof(text) - 1);
        text[used++] = *line;
    }
    text[used] = '\0';

    return text;
}

static bool shows(const struct ctl_canvas *canvas, const char *words)
{
    for (uint32_t i = 0; i < canvas->count; i++) {
        if (strstr(plain(canvas->lines[i].text), words) != NULL)
            return true;
    }

    return false;
}

static void assert_fits(const struct ctl_canvas *canvas)
{
    assert_true(canvas->count <= canvas->rows_max);
    for (uint32_t i = 0; i < canvas->count; i++) {
        size_t columns = ctl_out_width(plain(canvas->lines[i].text));

        if (columns > canvas->width)
            fail_msg("%zu columns on a screen of %u: %s", columns, canvas->width,
                     plain(canvas->lines[i].text));
        assert_true(canvas->lines[i].columns <= canvas->width);
    }
}

static void every_screen_is_filled_and_never_left(void **state)
{
    CTL_AUTO_JSON *status = make_status();

    for (uint32_t width = 20; width <= 220; width += 7) {
        for (uint32_t rows = 1; rows <= 70; rows += 3) {
            CTL_AUTO_CANVAS canvas = {0};

            draw(status, width, rows, rows % 2 == 0, &canvas);
            assert_fits(&canvas);
            if (rows >= 24)
                assert_true(shows(&canvas, "Ctrl-C"));
        }
    }
}

static void a_host_whose_way_back_is_lost_is_not_boring(void **state)
{
    CTL_AUTO_JSON *status = make_status();
    CTL_AUTO_CANVAS canvas = {0};
    json_t *host = json_array_get(json_object_get(status, "hosts"), 7);

    (void)json_object_set_new(host, "way_back",
                              json_pack("{s:s, s:s, s:s}", "rollout", "0123456789abcdef", "state",
                                        "lost", "reason", "the snapshot of /var is lost"));
    draw(status, 100, 40, true, &canvas);
    assert_fits(&canvas);
    assert_true(shows(&canvas, "web-007     1  committed"));
    assert_true(shows(&canvas, "way back LOST: the snapshot of /var is lost"));
    assert_false(shows(&canvas, "web-008"));
}

static void eighty_columns_show_what_a_woken_person_needs(void **state)
{
    CTL_AUTO_JSON *status = make_status();
    CTL_AUTO_CANVAS canvas = {0};

    draw(status, 80, 24, true, &canvas);
    assert_fits(&canvas);
    assert_string_equal(
        plain(canvas.lines[0].text),
        "rollout 0123456789abcdef  plan kernel-6.1.0-21  risk high  running  1h 45m");
    assert_true(shows(&canvas, "why   wave 2 of 3: 42 of 80 hosts failed"));
    assert_true(shows(&canvas, "next  belay watch 0123456789abcdef"));
    assert_true(
        shows(&canvas, "  WAVE  PLAN  NOW  DONE  OK  BAD  LOST  BACK  ALLOWED  SOAK  STATE"));
    assert_true(
        shows(&canvas, "     2    80   38    42   0   40     2    40        2     -  running"));
    assert_true(shows(&canvas, "40 × postinst of nginx: exit <n> on <host>"));
    assert_true(shows(&canvas, "next: belay why web-020"));
    assert_true(shows(&canvas, "web-060     2  lost"));
    assert_true(shows(&canvas, "web-062     2  running, changing: upgrade  upgrading 34/120, n"));
    assert_false(shows(&canvas, "web-020     2")); /* its group tells of it */
    assert_false(shows(&canvas, "web-001"));       /* all went well */
    assert_false(shows(&canvas, "web-150"));       /* waits for its turn */
    assert_true(shows(&canvas, "more hosts: belay status 0123456789abcdef"));
}

static void narrow_and_wide_screens_keep_the_table(void **state)
{
    CTL_AUTO_JSON *status = make_status();
    CTL_AUTO_CANVAS narrow = {0}, wide = {0};

    draw(status, 60, 30, false, &narrow);
    assert_fits(&narrow);
    assert_true(shows(&narrow, "WAVE PLAN NOW DONE OK BAD LOST BACK MAX SOAK STATE"));
    assert_true(shows(&narrow, "   2   80  38   42  0  40    2   40   2    - running"));
    draw(status, 132, 60, false, &wide);
    assert_fits(&wide);
    assert_true(shows(&wide, "web-099     2  running, changing: upgrade  upgrading 34/120, nginx"));
    assert_false(shows(&wide, "more hosts"));
}

static void many_waves_are_shown_around_the_present_one(void **state)
{
    CTL_AUTO_JSON *status = make_status();
    json_t *waves = json_object_get(status, "waves");
    CTL_AUTO_CANVAS canvas = {0};

    for (int i = 4; i <= 40; i++)
        add_wave(waves, i, 1, "waiting");
    (void)json_object_set_new(status, "wave", json_integer(20));
    draw(status, 80, 24, false, &canvas);
    assert_fits(&canvas);
    assert_true(shows(&canvas, "    20     1"));
    assert_false(shows(&canvas, "    40     1"));
    assert_true(shows(&canvas, " waves before, "));
}

static void what_hosts_say_moves_no_cursor(void **state)
{
    static const char *const evil[] = {
        "\033[2J\033[1;1Hall is well",
        "a\nb\rc\td",
        "\xe2\x80\xae rtl \xe2\x81\xa6",
        "\xff\xfe\xc0\x80",
        "日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語",
        "e\xcc\x81\xcc\x81\xcc\x81",
    };
    CTL_AUTO_JSON *status = make_status();
    json_t *host;
    size_t i;

    json_array_foreach (json_object_get(status, "hosts"), i, host) {
        const char *text = evil[i % (sizeof(evil) / sizeof(evil[0]))];

        (void)json_object_set_new(host, "name", json_string_nocheck(text));
        (void)json_object_set_new(host, "reason", json_string_nocheck(text));
        (void)json_object_set_new(host, "step", json_string_nocheck(text));
    }
    (void)json_object_set_new(status, "plan", json_string_nocheck(evil[0]));
    (void)json_object_set_new(status, "reason", json_string_nocheck(evil[2]));
    for (uint32_t width = 8; width <= 132; width += 5) {
        CTL_AUTO_CANVAS canvas = {0};

        draw(status, width, 50, true, &canvas);
        assert_fits(&canvas); /* and plain() has found no other control than colours */
        for (uint32_t row = 0; row < canvas.count; row++)
            assert_null(strstr(canvas.lines[row].text, "\xe2\x80\xae"));
    }
}

static void colours_come_only_when_wanted_and_end_with_the_line(void **state)
{
    CTL_AUTO_JSON *status = make_status();
    CTL_AUTO_CANVAS plain_one = {0}, colourful = {0};

    draw(status, 80, 24, false, &plain_one);
    draw(status, 80, 24, true, &colourful);
    assert_int_equal(plain_one.count, colourful.count);
    for (uint32_t i = 0; i < plain_one.count; i++) {
        const char *last = strrchr(colourful.lines[i].text, '\033');

        assert_null(strchr(plain_one.lines[i].text, '\033'));
        assert_string_equal(plain(colourful.lines[i].text), plain_one.lines[i].text);
        if (last != NULL)
            assert_int_equal(strncmp(last, "\033[0m", 4), 0);
    }
    assert_true(strstr(colourful.lines[0].text, "\033[33mrunning\033[0m") != NULL);
}

static void what_holds_it_is_told(void **state)
{
    CTL_AUTO_JSON *status = make_status();
    CTL_AUTO_CANVAS canvas = {0};

    (void)json_object_set_new(
        status, "holds",
        json_pack("[{s:s, s:s}]", "code", "held_gate", "reason", "the gate is inconclusive"));
    (void)json_object_set_new(status, "soak_end", json_string("2026-11-21T08:30:05.000Z"));
    draw(status, 80, 40, false, &canvas);
    assert_true(shows(&canvas, "running  (HELD)"));
    assert_true(shows(&canvas, "  held  the gate is inconclusive"));
    assert_true(shows(&canvas, "  soak  5m 5s left"));
    assert_true(
        shows(&canvas, "     2    80   38    42   0   40     2    40        2     -  held"));
    ctl_canvas_release(&canvas);

    /* All of wave 2 were started: it is wave 3 that the hold is about. */
    (void)json_object_set_new(status, "blast", json_pack("{s:i, s:s}", "wave", 3, "text", "x"));
    (void)json_object_set_new(status, "leases",
                              json_pack("{s:i, s:i}", "ssh_lock", 0, "quiesce", 7));
    draw(status, 80, 40, false, &canvas);
    assert_true(shows(&canvas, "     -  running"));
    assert_true(
        shows(&canvas, "     3   100    0     0   0    0     0     0        2     -  held"));
    assert_true(shows(&canvas, "leases: SSH locked on 0, jobs paused on 7 · Ctrl-C"));
}

/* Only approvals that are still good are counted, each for its own wave. */
static void a_wave_tells_who_agreed_to_it(void **state)
{
    CTL_AUTO_JSON *status = make_status();
    CTL_AUTO_CANVAS canvas = {0};

    (void)json_object_set_new(
        status, "approvals",
        json_pack("{s:i, s:[{s:s, s:i, s:s}, {s:s, s:i, s:s}, {s:s, s:i, s:s}, {s:s, s:i, s:s}]}",
                  "needed", 2, "given", "about", "wave", "number", 3, "not_after",
                  "2026-11-21T09:00:00.000Z", "about", "wave", "number", 3, "not_after",
                  "2026-11-21T08:00:00.000Z", "about", "wave", "number", 2, "not_after",
                  "2026-11-21T09:00:00.000Z", "about", "rollback", "number", 3, "not_after",
                  "2026-11-21T09:00:00.000Z"));
    draw(status, 80, 24, false, &canvas);
    assert_fits(&canvas);
    assert_true(shows(&canvas, "     -  approved 1/2"));
    assert_true(shows(&canvas, "     -  running"));
}

/* With all that a header can have, 24 rows still show waves and the worst hosts. */
static void a_full_header_leaves_room_for_the_rest(void **state)
{
    CTL_AUTO_JSON *status = make_status();
    CTL_AUTO_CANVAS canvas = {0};

    (void)json_object_set_new(status, "holds",
                              json_pack("[{s:s, s:s}, {s:s, s:s}]", "code", "answer", "reason",
                                        "a person is asked", "code", "gate", "reason",
                                        "a gate is not good"));
    (void)json_object_set_new(status, "alarm",
                              json_pack("{s:b, s:s, s:s}", "open", 1, "deadline",
                                        "2026-11-21T08:27:05.000Z", "otherwise", "rollback"));
    (void)json_object_set_new(status, "promises",
                              json_pack("[{s:s, s:s, s:i, s:i, s:n}, {s:s, s:s, s:i, s:i, s:s}]",
                                        "name", "downtime", "state", "missed", "allowed_ms", 60000,
                                        "used_ms", 90000, "deadline", "name", "restored", "state",
                                        "running", "allowed_ms", 600000, "used_ms", 0, "deadline",
                                        "2026-11-21T08:32:00.000Z"));
    (void)json_object_set_new(
        status, "blast",
        json_pack("{s:s}", "text",
                  "going on touches 100 hosts, 3 zones, 50 % of role=web; at worst "
                  "2 failures allowed"));
    (void)json_object_set_new(status, "budget", json_integer(50));
    (void)json_object_set_new(status, "soak_end", json_string("2026-11-21T08:30:05.000Z"));
    draw(status, 80, 24, true, &canvas);
    assert_fits(&canvas);
    assert_true(shows(&canvas, "  held  a gate is not good"));
    assert_true(shows(&canvas, "  ask   2m 5s left to answer"));
    assert_true(shows(&canvas, "  next  belay watch"));
    assert_true(shows(&canvas, "  then  going on touches 100 hosts"));
    assert_true(
        shows(&canvas, "  clock downtime missed: 1m 30s of 1m · restored running: 3m of 10m"));
    assert_true(shows(&canvas, "     2    80   38"));
    assert_true(shows(&canvas, "40 × postinst of nginx"));
    assert_true(shows(&canvas, "more hosts"));
    assert_true(shows(&canvas, "Ctrl-C"));
}

/* Through a pipe nothing is cut, whatever its length. */
static void a_pipe_gets_whole_sentences(void **state)
{
    static char reason[400];
    CTL_AUTO_JSON *status = make_status();
    const struct ctl_view view = {.now = now};
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *memory = open_memstream(&text, &text_bytes);

    memset(reason, 'y', sizeof(reason) - 1);
    (void)json_object_set_new(json_array_get(json_object_get(status, "hosts"), 61), "reason",
                              json_string(reason));
    assert_non_null(memory);
    ctl_view_status(status, &view, memory);
    assert_int_equal(fclose(memory), 0);
    assert_non_null(strstr(text, reason));
    assert_non_null(strstr(text, "web-099"));
    assert_non_null(strstr(text, "hosts web-020, web-021, "));
    assert_non_null(strstr(text, ", web-059\n"));
    assert_null(strstr(text, "Ctrl-C"));
    assert_null(strchr(text, '\033'));
    free(text);
}

static void words_are_broken_between_lines(void **state)
{
    CTL_AUTO_CANVAS canvas = {0};

    ctl_canvas_begin(&canvas, 12, 10, false);
    ctl_canvas_put(&canvas, CTL_STYLE_PLAIN, "a: ");
    ctl_canvas_wrap(&canvas, 3, 3, CTL_STYLE_PLAIN, "one two three fourfivesixseven eight nine");
    assert_int_equal(canvas.count, 3);
    assert_string_equal(canvas.lines[0].text, "a: one two");
    assert_string_equal(canvas.lines[1].text, "   three");
    assert_string_equal(canvas.lines[2].text, "   fourfive…");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_screen_is_filled_and_never_left),
        cmocka_unit_test(a_host_whose_way_back_is_lost_is_not_boring),
        cmocka_unit_test(eighty_columns_show_what_a_woken_person_needs),
        cmocka_unit_test(narrow_and_wide_screens_keep_the_table),
        cmocka_unit_test(many_waves_are_shown_around_the_present_one),
        cmocka_unit_test(what_hosts_say_moves_no_cursor),
        cmocka_unit_test(colours_come_only_when_wanted_and_end_with_the_line),
        cmocka_unit_test(what_holds_it_is_told),
        cmocka_unit_test(a_wave_tells_who_agreed_to_it),
        cmocka_unit_test(a_full_header_leaves_room_for_the_rest),
        cmocka_unit_test(a_pipe_gets_whole_sentences),
        cmocka_unit_test(words_are_broken_between_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
