/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of cron: what a line means, and how often it runs between two instants. */
#include "agent/lease/cron_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/lib/unit.h"

static void utc(void *userdata, int64_t second, struct agent_cron_clock *ret_clock)
{
    time_t instant = (time_t)second;
    struct tm tm;

    assert_non_null(gmtime_r(&instant, &tm));
    *ret_clock = (struct agent_cron_clock){.minute = tm.tm_min,
                                           .hour = tm.tm_hour,
                                           .day = tm.tm_mday,
                                           .month = tm.tm_mon + 1,
                                           .weekday = tm.tm_wday};
}

static int64_t at(const char *text)
{
    struct tm tm = {0};

    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    return (int64_t)timegm(&tm) * 1000;
}

static void runs_are_counted(void **state)
{
    static const struct {
        const char *schedule, *from, *to;
        uint32_t runs;
    } cases[] = {
        {"* * * * *", "2026-11-21 10:00:30", "2026-11-21 10:05:10", 5},
        {"* * * * *", "2026-11-21 10:00:00", "2026-11-21 10:00:59", 0},
        {"* * * * *", "2026-11-21 09:59:59", "2026-11-21 10:00:00", 1},
        {"*/5 * * * *", "2026-11-21 10:01:00", "2026-11-21 10:31:00", 6},
        {"10-20/5 * * * *", "2026-11-21 10:00:00", "2026-11-21 11:00:00", 3},
        {"0,30 * * * *", "2026-11-21 10:00:00", "2026-11-21 12:00:00", 4},
        {"17 * * * *", "2026-11-21 10:00:00", "2026-11-21 10:17:00", 1},
        {"25 6 * * *", "2026-11-21 06:00:00", "2026-11-22 06:26:00", 2},
        /* 2026-11-21 is a Saturday. */
        {"0 12 * * sat", "2026-11-21 11:00:00", "2026-11-21 13:00:00", 1},
        {"0 12 * * Mon-Fri", "2026-11-21 11:00:00", "2026-11-21 13:00:00", 0},
        {"0 12 * * 0", "2026-11-22 11:00:00", "2026-11-22 13:00:00", 1},
        {"0 12 * * 7", "2026-11-22 11:00:00", "2026-11-22 13:00:00", 1},
        {"0 12 * * 5-7", "2026-11-21 00:00:00", "2026-11-22 23:00:00", 2},
        {"0 12 * NOV *", "2026-11-21 11:00:00", "2026-11-21 13:00:00", 1},
        {"0 12 * jan-oct *", "2026-11-21 11:00:00", "2026-11-21 13:00:00", 0},
        /* Day of month or weekday: either fits, unless one of them is a star. */
        {"0 12 21 * mon", "2026-11-21 11:00:00", "2026-11-21 13:00:00", 1},
        {"0 12 1 * sat", "2026-11-21 11:00:00", "2026-11-21 13:00:00", 1},
        {"0 12 1 * mon", "2026-11-21 11:00:00", "2026-11-21 13:00:00", 0},
        {"0 12 1 * *", "2026-11-21 11:00:00", "2026-11-21 13:00:00", 0},
        {"0 12 */2 * mon", "2026-11-21 11:00:00", "2026-11-21 13:00:00", 0},
        {"0 12 */2 * sat", "2026-11-21 11:00:00", "2026-11-21 13:00:00", 1},
        {"@hourly", "2026-11-21 10:30:00", "2026-11-21 13:30:00", 3},
        {"@daily", "2026-11-21 10:00:00", "2026-11-22 10:00:00", 1},
        {"@midnight", "2026-11-21 10:00:00", "2026-11-22 10:00:00", 1},
        {"@weekly", "2026-11-21 10:00:00", "2026-11-22 10:00:00", 1},
        {"@monthly", "2026-11-30 10:00:00", "2026-12-01 10:00:00", 1},
        {"@annually", "2026-12-31 10:00:00", "2027-01-01 10:00:00", 1},
        {"@reboot", "2026-11-21 10:00:00", "2026-11-22 10:00:00", 0},
        {"* * * * *", "2026-11-21 10:00:00", "2026-11-23 10:00:01", 0},
        {"* * * * *", "2026-11-21 10:00:00", "2026-11-21 09:00:00", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agent_cron_schedule schedule;
        char line[100];
        uint32_t runs;

        (void)snprintf(line, sizeof(line), "%s root /bin/true", cases[i].schedule);
        if (agent_cron_parse_schedule(line, strlen(line), &schedule) < 0)
            fail_msg("'%s' is not read", cases[i].schedule);
        runs = agent_cron_count(&schedule, at(cases[i].from), at(cases[i].to), utc, NULL);
        if (runs != cases[i].runs) {
            fail_msg("'%s' from %s to %s: %u times instead of %u", cases[i].schedule, cases[i].from,
                     cases[i].to, runs, cases[i].runs);
        }
    }
}

static void lines_are_told_apart(void **state)
{
    static const struct {
        const char *line;
        bool has_user;
        enum agent_cron_line_kind kind;
    } cases[] = {
        {"", false, AGENT_CRON_LINE_NOTHING},
        {"   \t", false, AGENT_CRON_LINE_NOTHING},
        {"# 1 2 3 4 5 x", false, AGENT_CRON_LINE_NOTHING},
        {"MAILTO=root", false, AGENT_CRON_LINE_NOTHING},
        {"PATH = /bin:/usr/bin", true, AGENT_CRON_LINE_NOTHING},
        {"\"A\"=b", true, AGENT_CRON_LINE_NOTHING},
        {"CRON_TZ=Asia/Tokyo", false, AGENT_CRON_LINE_ZONE},
        {"CRON_TZ = \"UTC\"", false, AGENT_CRON_LINE_ZONE},
        {"CRON_TZ=", false, AGENT_CRON_LINE_ZONE},
        {"CRON_TZ=../../etc/shadow", false, AGENT_CRON_LINE_UNKNOWN},
        {"CRON_TZ=/etc/shadow", false, AGENT_CRON_LINE_UNKNOWN},
        {"CRON_TZ=:x", false, AGENT_CRON_LINE_UNKNOWN},
        {"1 2 3 4 5 command", false, AGENT_CRON_LINE_RUNS},
        {"  1\t2 3 4 5 command\r", false, AGENT_CRON_LINE_RUNS},
        {"1 2 3 4 5 a=b", false, AGENT_CRON_LINE_RUNS},
        {"1 2 3 4 5 root command", true, AGENT_CRON_LINE_RUNS},
        {"1 2 3 4 5 root", true, AGENT_CRON_LINE_UNKNOWN},
        {"1 2 3 4 5", false, AGENT_CRON_LINE_UNKNOWN},
        {"1 2 3 4 5 ", false, AGENT_CRON_LINE_UNKNOWN},
        {"1 2 3 4 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"60 2 3 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"1 24 3 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"1 2 0 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"1 2 32 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"1 2 3 13 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"1 2 3 4 8 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"9-5 2 3 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"*/0 2 3 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"5/10 2 3 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"1~9 2 3 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"1, 2 3 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"-1 2 3 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"99999999999999999999 2 3 4 5 command", false, AGENT_CRON_LINE_UNKNOWN},
        {"1 2 3 4 fr command", false, AGENT_CRON_LINE_UNKNOWN},
        {"1 2 3 4 friday command", false, AGENT_CRON_LINE_UNKNOWN},
        {"@daily command", false, AGENT_CRON_LINE_RUNS},
        {"@DAILY root command", true, AGENT_CRON_LINE_RUNS},
        {"@every_minute command", false, AGENT_CRON_LINE_UNKNOWN},
        {"@daily", false, AGENT_CRON_LINE_UNKNOWN},
        {"@ command", false, AGENT_CRON_LINE_UNKNOWN},
        {"certainly nothing", false, AGENT_CRON_LINE_UNKNOWN},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agent_cron_line line;

        agent_cron_parse_line(cases[i].line, strlen(cases[i].line), cases[i].has_user, &line);
        if (line.kind != cases[i].kind)
            fail_msg("'%s' is of kind %d", cases[i].line, (int)line.kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_counted),
        cmocka_unit_test(lines_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
