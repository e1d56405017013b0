/* SPDX-License-Identifier: Apache-2.0 */
/* `windows`: on which days, from when and for how long hosts may start; and the same for people. */
#include "controller/plan/read_windows.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "controller/plan/value.h"

enum {
    DAYS = 7,
    EVERY_DAY = 127,
    HOUR_MINUTES = 60,
    DAY_MINUTES = 24 * HOUR_MINUTES,
    WEEK_MINUTES = DAYS * DAY_MINUTES,
    ZONE_MINUTES_MAX = 14 * HOUR_MINUTES,
    MINUTE_MS = 60 * 1000,
};

static const char *const day_names[DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

struct reading {
    uint32_t days;
    int32_t from_minutes, zone_minutes; /* -1: nobody wrote `from` */
    int64_t for_ms;
    bool is_wrong;
};

static void complain(struct reading *reading, struct ctl_plan_problems *problems,
                     const struct bl_yaml_node *node, const char *nearest, const char *text)
{
    reading->is_wrong = true;
    ctl_plan_add_problem_at(problems, node, nearest, "%s", text);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "22:00": -1 when it is not of this form. */
static int32_t parse_minutes(const char *text)
{
    int32_t hours, minutes;

    if (strlen(text) != 5 || !is_digit(text[0]) || !is_digit(text[1]) || text[2] != ':' ||
        !is_digit(text[3]) || !is_digit(text[4]))
        return -1;
    hours = (text[0] - '0') * 10 + (text[1] - '0');
    minutes = (text[3] - '0') * 10 + (text[4] - '0');

    return hours > 23 || minutes > 59 ? -1 : hours * HOUR_MINUTES + minutes;
}

static void read_days(struct reading *reading, const struct bl_yaml_node *node,
                      struct ctl_plan_problems *problems)
{
    if (node->kind != BL_YAML_LIST || node->child == NULL) {
        complain(reading, problems, node, NULL, "must be a list of days: [ mon, tue ]");
        return;
    }
    reading->days = 0;
    for (const struct bl_yaml_node *item = node->child; item != NULL; item = item->next) {
        uint32_t day = 0;

        while (day < DAYS &&
               (item->kind != BL_YAML_SCALAR || strcmp(item->text, day_names[day]) != 0))
            day++;
        if (day == DAYS) {
            complain(reading, problems, item,
                     item->kind == BL_YAML_SCALAR ? bl_text_nearest(item->text, day_names, DAYS)
                                                  : NULL,
                     "is not one of mon, tue, wed, thu, fri, sat, sun");
        } else {
            reading->days |= 1U << day;
        }
    }
}

static void read_zone(struct reading *reading, const struct bl_yaml_node *node,
                      struct ctl_plan_problems *problems)
{
    const char *text = node->text;
    int32_t minutes = -1;

    if (text[0] == '+' || text[0] == '-')
        minutes = parse_minutes(text + 1);
    if (minutes < 0 || minutes > ZONE_MINUTES_MAX) {
        complain(
            reading, problems, node, NULL,
            "must be what is to be added to UTC, such as \"+02:00\"; names of zones would make "
            "windows longer or shorter with summer time");
        return;
    }
    reading->zone_minutes = text[0] == '-' ? -minutes : minutes;
}

static void read_field(struct reading *reading, const struct bl_yaml_node *node,
                       struct ctl_plan_problems *problems)
{
    static const char *const names[] = {"days", "from", "for", "zone"};
    struct bl_error err = {0};

    if (strcmp(node->key, "days") == 0) {
        read_days(reading, node, problems);
    } else if (node->kind != BL_YAML_SCALAR) {
        complain(reading, problems, node, NULL, "must be one value");
    } else if (strcmp(node->key, "from") == 0) {
        reading->from_minutes = parse_minutes(node->text);
        if (reading->from_minutes < 0)
            complain(reading, problems, node, NULL, "is no time of the day such as \"22:00\"");
    } else if (strcmp(node->key, "for") == 0) {
        if (ctl_plan_parse_duration(node->text, &reading->for_ms, &err) < 0)
            complain(reading, problems, node, NULL, err.text);
        else if (reading->for_ms < MINUTE_MS || reading->for_ms % MINUTE_MS != 0 ||
                 reading->for_ms > (int64_t)WEEK_MINUTES * MINUTE_MS)
            complain(reading, problems, node, NULL, "must be whole minutes, at most 7d");
    } else if (strcmp(node->key, "zone") == 0) {
        read_zone(reading, node, problems);
    } else {
        complain(reading, problems, node, bl_text_nearest(node->key, names, 4),
                 "there is no such field");
    }
}

/* Where the beginning moves over midnight, the days move, too. */
static struct ctl_plan_window move_by(uint32_t days, int32_t from_minutes, uint32_t for_minutes)
{
    if (from_minutes < 0) {
        from_minutes += DAY_MINUTES;
        days = (days >> 1 | days << (DAYS - 1)) & EVERY_DAY;
    } else if (from_minutes >= DAY_MINUTES) {
        from_minutes -= DAY_MINUTES;
        days = (days << 1 | days >> (DAYS - 1)) & EVERY_DAY;
    }

    return (struct ctl_plan_window){
        .days = days, .from_minutes = (uint32_t)from_minutes, .for_minutes = for_minutes};
}

bool ctl_plan_read_window(const struct bl_yaml_node *item, struct ctl_plan_window *ret_window,
                          struct ctl_plan_problems *problems)
{
    struct reading reading = {.days = EVERY_DAY, .from_minutes = -1};

    if (item->kind != BL_YAML_MAP) {
        complain(&reading, problems, item, NULL,
                 "must be { days: [ mon ], from: \"22:00\", for: 4h }");
        return false;
    }
    for (const struct bl_yaml_node *node = item->child; node != NULL; node = node->next)
        read_field(&reading, node, problems);
    if (!reading.is_wrong && reading.from_minutes < 0)
        complain(&reading, problems, item, NULL, "lacks 'from'");
    if (!reading.is_wrong && reading.for_ms == 0)
        complain(&reading, problems, item, NULL, "lacks 'for'");
    if (reading.is_wrong)
        return false;
    *ret_window = move_by(reading.days, reading.from_minutes - reading.zone_minutes,
                          (uint32_t)(reading.for_ms / MINUTE_MS));

    return true;
}

void ctl_plan_format_window(const struct ctl_plan_window *in_utc, int32_t zone_minutes,
                            char *ret_text, size_t text_bytes)
{
    const struct ctl_plan_window moved =
        move_by(in_utc->days, (int32_t)in_utc->from_minutes + zone_minutes, in_utc->for_minutes);
    const struct ctl_plan_window *window = &moved;
    const uint32_t ahead = (uint32_t)(zone_minutes < 0 ? -zone_minutes : zone_minutes);
    char length[64], zone[16] = "UTC", days[48] = "every day";
    size_t used = 0;

    if (window->days != EVERY_DAY) {
        for (uint32_t day = 0; day < DAYS; day++) {
            if ((window->days >> day & 1) == 0)
                continue;
            (void)snprintf(days + used, sizeof(days) - used, "%s%s", used > 0 ? ", " : "",
                           day_names[day]);
            used = strlen(days);
        }
    }
    ctl_plan_format_duration((int64_t)window->for_minutes * MINUTE_MS, length, sizeof(length));
    if (ahead > 0 && ahead < DAY_MINUTES)
        (void)snprintf(zone, sizeof(zone), "UTC%c%02u:%02u", zone_minutes < 0 ? '-' : '+',
                       (unsigned)(ahead / HOUR_MINUTES), (unsigned)(ahead % HOUR_MINUTES));
    (void)snprintf(ret_text, text_bytes, "%s from %02u:%02u %s for %s", days,
                   (unsigned)(window->from_minutes / HOUR_MINUTES),
                   (unsigned)(window->from_minutes % HOUR_MINUTES), zone, length);
}
