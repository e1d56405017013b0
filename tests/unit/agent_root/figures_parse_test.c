/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's texts as they were recorded on hosts, and what may be wrong with them. */
#include "agent/root/figures_parse.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

static void expect(const struct agent_figures_values *values, enum proto_figure figure,
                   uint64_t expected)
{
    uint64_t value = 0;

    assert_true(agent_figures_get(values, figure, &value));
    assert_int_equal(value, expected);
}

static void expect_unknown(const struct agent_figures_values *values, enum proto_figure figure)
{
    uint64_t value = 0;

    assert_false(agent_figures_get(values, figure, &value));
}

/* ---- processors ---- */

static struct agent_figures_values cpu_between(const char *before_text, const char *now_text)
{
    struct agent_figures_counts before = {0}, now = {0};
    struct agent_figures_values values = {0};

    agent_figures_read_stat(before_text, &before);
    agent_figures_read_stat(now_text, &now);
    agent_figures_compare(&before, &now, &values);

    return values;
}

static void test_busy_is_what_is_neither_idle_nor_waiting(void **state)
{
    struct agent_figures_values values =
        cpu_between("cpu  1000 10 500 8000 300 0 40 50 20 0\ncpu0 500 5 250 4000 150 0 20 25 10 0\n"
                    "intr 123 4 5\nctxt 99\n",
                    "cpu  1500 10 700 8200 380 0 50 60 20 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n");

    expect(&values, PROTO_FIGURE_CPU, 720); /* 720 of 1000 ticks */
    values = cpu_between("cpu  0 0 0 100 0 0 0 0\n", "cpu  0 0 0 200 0 0 0 0\n");
    expect(&values, PROTO_FIGURE_CPU, 0);
    values = cpu_between("cpu  0 0 0 100 0 0 0 0\n", "cpu  90 0 0 100 0 0 0 10\n");
    expect(&values, PROTO_FIGURE_CPU, 1000); /* steal is time that was wanted */
}

static void test_processors_that_tell_nothing_are_unknown(void **state)
{
    static const char *const pairs[][2] = {
        {"", "cpu  1 1 1 1 1 1 1 1\n"}, /* no first reading */
        {"cpu  1 1 1 1 1 1 1 1\n", ""},
        {"cpu  1 1 1 1 1 1 1 1\n", "cpu  1 1 1 1 1 1 1 1\n"},  /* suspended: no tick in between */
        {"cpu  9 1 1 1 1 1 1 1\n", "cpu  1 1 1 50 1 1 1 1\n"}, /* a processor went off */
        {"cpu  1 1 1 1 9 1 1 1\n", "cpu  9 1 1 1 2 1 1 1\n"},  /* iowait went back */
        {"cpu  1 1 1 1 1 1 1 1\n", "cpu  2 2 2 2\n"},
        {"cpu  1 1 1 1 1 1 1 1\n", "cpu  2 2 2 x 2 2 2 2\n"},
        {"cpu  1 1 1 1 1 1 1 1\n", "cpu0 2 2 2 2 2 2 2 2\n"},
        {"cpu  1 1 1 1 1 1 1 1\n", "cpu  99999999999999999999999 2 2 2 2 2 2 2\n"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct agent_figures_values values = cpu_between(pairs[i][0], pairs[i][1]);

        expect_unknown(&values, PROTO_FIGURE_CPU);
    }
}

/* ---- disks ---- */

static struct agent_figures_values disks_between(const char *before_text, const char *now_text)
{
    struct agent_figures_counts before = {0}, now = {0};
    struct agent_figures_values values = {0};

    agent_figures_read_diskstats(before_text, &before);
    agent_figures_read_diskstats(now_text, &now);
    agent_figures_compare(&before, &now, &values);

    return values;
}

static void test_await_is_that_of_the_slowest_disk(void **state)
{
    struct agent_figures_values values = disks_between(
        "   7       0 loop0 5 0 9 1 0 0 0 0 0 4 1 0 0 0 0 0 0\n"
        " 254       0 vda 10000 200 800000 5000 20000 300 900000 45000 0 30000 50000 0 0 0 0 7 3\n"
        " 259       0 nvme0n1 100 0 800 10 100 0 900 10 0 30 20\n",
        "   7       0 loop0 6 0 9 90000 0 0 0 0 0 4 1 0 0 0 0 0 0\n"
        " 254       0 vda 10050 200 800900 5100 20150 300 900100 45900 0 30900 51000 0 0 0 0 7 3\n"
        " 259       0 nvme0n1 200 0 800 20 200 0 900 20 0 30 20\n");

    expect(&values, PROTO_FIGURE_AWAIT, 5000); /* 1000 ms over 200 requests of vda */
    values = disks_between("8 0 sda 1 0 0 1 1 0 0 1 0 0 0\n", "8 0 sda 1 0 0 1 1 0 0 1 0 0 0\n");
    expect(&values, PROTO_FIGURE_AWAIT, 0); /* nobody waited */
}

static void test_disks_come_go_and_wrap(void **state)
{
    struct agent_figures_values values;

    /* The kernel counts these milliseconds in 32 bits. */
    values = disks_between("8 0 sda 10 0 0 4294967200 10 0 0 0 0 0 0\n",
                           "8 0 sda 20 0 0 104 10 0 0 0 0 0 0\n");
    expect(&values, PROTO_FIGURE_AWAIT, 20000); /* 200 ms over 10 requests */
    values = disks_between("8 0 sda 10 0 0 5 10 0 0 5 0 0 0\n", "8 0 sda 3 0 0 1 0 0 0 0 0 0 0\n");
    expect_unknown(&values, PROTO_FIGURE_AWAIT); /* another disk under the same name */
    values = disks_between("8 0 sda 1 0 0 1 1 0 0 1 0 0 0\n", "8 16 sdb 9 0 0 9 9 0 0 9 0 0 0\n");
    expect_unknown(&values, PROTO_FIGURE_AWAIT);
    values = disks_between("", "");
    expect_unknown(&values, PROTO_FIGURE_AWAIT); /* a container */
    values = disks_between("7 0 loop0 1 0 0 1 1 0 0 1 0 0 0\n1 0 ram0 1 0 0 1 1 0 0 1 0 0 0\n",
                           "7 0 loop0 2 0 0 9 1 0 0 1 0 0 0\n1 0 ram0 2 0 0 9 1 0 0 1 0 0 0\n");
    expect_unknown(&values, PROTO_FIGURE_AWAIT);
    values = disks_between("8 0 sda 10 0 0 50 10 0 0 50 0 0 0\n",
                           "8 0 sda 20 0 0 60 20 0 0 6"); /* cut: it was 60 */
    expect_unknown(&values, PROTO_FIGURE_AWAIT);
    values = disks_between("8 0 sda 1 0 0 1 1\n8 0\nnonsense\n", "8 0 sda 1 0 0 1 1\n\n\n");
    expect_unknown(&values, PROTO_FIGURE_AWAIT);
}

static void test_more_disks_than_there_is_room_for(void **state)
{
    struct agent_figures_counts counts;
    static char text[64 * 1024];
    size_t used = 0;

    for (unsigned i = 0; i < 200; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "8 %u sd%u 1 0 0 1 1 0 0 1 0 0 0\n", i, i);
    agent_figures_read_diskstats(text, &counts);
    assert_int_equal(counts.disks_count, AGENT_FIGURES_DISKS_MAX);
}

/* ---- what one text tells ---- */

static void test_memory(void **state)
{
    static const char *const bad[] = {
        "",
        "MemTotal: 1000 kB\n",
        "MemTotal: 0 kB\nMemAvailable: 0 kB\n",
        "MemTotal: 10 kB\nMemAvailable: 20 kB\n", /* a limit laid over it by a container manager */
        "MemTotal: x kB\nMemAvailable: 1 kB\n",
    };
    struct agent_figures_values values = {0};

    agent_figures_read_meminfo("MemTotal:       24689984 kB\nMemFree:         1230000 kB\n"
                               "MemAvailable:    6172496 kB\nBuffers:  1 kB\n",
                               &values);
    expect(&values, PROTO_FIGURE_MEMORY, 750);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        values = (struct agent_figures_values){0};
        agent_figures_read_meminfo(bad[i], &values);
        expect_unknown(&values, PROTO_FIGURE_MEMORY);
    }
}

static void test_load(void **state)
{
    static const char *const bad[] = {"", "x", "1", "1.", "1.2 ", "-1.00"};
    struct agent_figures_values values = {0};

    agent_figures_read_loadavg("28.65 26.62 21.33 25/233 3521\n", &values);
    expect(&values, PROTO_FIGURE_LOAD, 28650);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        values = (struct agent_figures_values){0};
        agent_figures_read_loadavg(bad[i], &values);
        expect_unknown(&values, PROTO_FIGURE_LOAD);
    }
}

static void test_pressure(void **state)
{
    static const char *const bad[] = {"", "full avg10=1.00 avg60=0.00\n", "some avg10=100.01\n",
                                      "some avg10=x\n"};
    struct agent_figures_values values = {0};

    agent_figures_read_pressure("some avg10=12.34 avg60=5.00 avg300=1.00 total=123456\n"
                                "full avg10=99.00 avg60=0.00 avg300=0.00 total=0\n",
                                PROTO_FIGURE_PRESSURE_IO, &values);
    expect(&values, PROTO_FIGURE_PRESSURE_IO, 123);
    expect_unknown(&values, PROTO_FIGURE_PRESSURE_CPU);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        values = (struct agent_figures_values){0};
        agent_figures_read_pressure(bad[i], PROTO_FIGURE_PRESSURE_CPU, &values);
        expect_unknown(&values, PROTO_FIGURE_PRESSURE_CPU);
    }
}

static void test_room_is_that_of_the_fullest(void **state)
{
    struct agent_figures_values values = {0};

    agent_figures_add_room(0, 0, 0, &values); /* proc and its like */
    agent_figures_add_room(10, 20, 5, &values);
    expect_unknown(&values, PROTO_FIGURE_DISK);
    agent_figures_add_room(1000, 600, 400, &values); /* 400 used, 400 left, 200 for root alone */
    expect(&values, PROTO_FIGURE_DISK, 500);
    agent_figures_add_room(1000, 50, 50, &values);
    expect(&values, PROTO_FIGURE_DISK, 950);
    agent_figures_add_room(1000, 900, 900, &values);
    expect(&values, PROTO_FIGURE_DISK, 950);
    agent_figures_add_room(UINT64_MAX, 0, 0, &values);
    expect(&values, PROTO_FIGURE_DISK, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy_is_what_is_neither_idle_nor_waiting),
        cmocka_unit_test(test_processors_that_tell_nothing_are_unknown),
        cmocka_unit_test(test_await_is_that_of_the_slowest_disk),
        cmocka_unit_test(test_disks_come_go_and_wrap),
        cmocka_unit_test(test_more_disks_than_there_is_room_for),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test(test_room_is_that_of_the_fullest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
