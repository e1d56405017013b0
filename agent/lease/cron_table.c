/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/cron_table.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum {
    MINUTE_S = 60,
    MINUTE_MS = 60 * 1000,
    NAME_CHARS = 3,
};

struct field {
    unsigned low, high;
    const char *names; /* three letters each, from `low`; NULL: only numbers */
};

static const struct field minute_field = {0, 59, NULL}, hour_field = {0, 23, NULL},
                          day_field = {1, 31, NULL},
                          month_field = {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
                          weekday_field = {0, 7, "sunmontuewedthufrisatsun"};

struct cursor {
    const char *at, *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char peek(const struct cursor *cursor)
{
    return cursor->at < cursor->end ? *cursor->at : '\0';
}

static bool take(struct cursor *cursor, char c)
{
    if (peek(cursor) != c)
        return false;
    cursor->at++;

    return true;
}

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && is_blank(*cursor->at))
        cursor->at++;
}

static bool take_number(struct cursor *cursor, unsigned most, unsigned *ret_number)
{
    unsigned number = 0;
    const char *begin = cursor->at;

    while (cursor->at < cursor->end && isdigit((unsigned char)*cursor->at)) {
        number = number * 10 + (unsigned)(*cursor->at++ - '0');
        if (number > most)
            return false;
    }
    *ret_number = number;

    return cursor->at > begin;
}

static bool take_value(struct cursor *cursor, const struct field *field, unsigned *ret_value)
{
    if (take_number(cursor, field->high, ret_value))
        return *ret_value >= field->low;
    if (field->names == NULL || cursor->end - cursor->at < NAME_CHARS)
        return false;
    for (unsigned value = field->low; value <= field->high; value++) {
        const char *name = field->names + (size_t)(value - field->low) * NAME_CHARS;

        if (strncasecmp(cursor->at, name, NAME_CHARS) == 0) {
            cursor->at += NAME_CHARS;
            *ret_value = value;
            return true;
        }
    }

    return false;
}

/* One part between commas: a star, a value or a range; both but the value may have a step. */
static bool take_part(struct cursor *cursor, const struct field *field, uint64_t *values)
{
    unsigned low = field->low, high = field->high, step = 1;
    bool is_range = take(cursor, '*');

    if (!is_range) {
        if (!take_value(cursor, field, &low))
            return false;
        high = low;
        is_range = take(cursor, '-');
        if (is_range && (!take_value(cursor, field, &high) || high < low))
            return false;
    }
    /* "5/10": one cron goes on from 5, another takes no such line. */
    if (is_range && take(cursor, '/') && (!take_number(cursor, field->high, &step) || step == 0))
        return false;
    for (unsigned value = low; value <= high; value += step)
        *values |= UINT64_C(1) << value;

    return true;
}

static bool take_field(struct cursor *cursor, const struct field *field, uint64_t *ret_values,
                       bool *ret_any)
{
    *ret_values = 0;
    *ret_any = peek(cursor) == '*';
    do {
        if (!take_part(cursor, field, ret_values))
            return false;
    } while (take(cursor, ','));
    if (!is_blank(peek(cursor)))
        return false;
    skip_blanks(cursor);

    return true;
}

static bool take_fields(struct cursor *cursor, struct agent_cron_schedule *schedule)
{
    uint64_t minutes, hours, days, months, weekdays;
    bool unused;

    if (!take_field(cursor, &minute_field, &minutes, &unused) ||
        !take_field(cursor, &hour_field, &hours, &unused) ||
        !take_field(cursor, &day_field, &days, &schedule->any_day) ||
        !take_field(cursor, &month_field, &months, &unused) ||
        !take_field(cursor, &weekday_field, &weekdays, &schedule->any_weekday))
        return false;
    if ((weekdays & (1U << 7)) != 0)
        weekdays |= 1;
    schedule->minutes = minutes;
    schedule->hours = (uint32_t)hours;
    schedule->days = (uint32_t)days;
    schedule->months = (uint32_t)months;
    schedule->weekdays = (uint32_t)(weekdays & 0x7f);

    return true;
}

static bool take_word(struct cursor *cursor, struct agent_cron_schedule *schedule)
{
    static const struct {
        const char *word, *fields;
    } words[] = {
        {"yearly", "0 0 1 1 * "}, {"annually", "0 0 1 1 * "}, {"monthly", "0 0 1 * * "},
        {"weekly", "0 0 * * 0 "}, {"daily", "0 0 * * * "},    {"midnight", "0 0 * * * "},
        {"hourly", "0 * * * * "},
    };
    const char *begin = cursor->at;
    size_t length;

    while (cursor->at < cursor->end && !is_blank(*cursor->at))
        cursor->at++;
    length = (size_t)(cursor->at - begin);
    if (!is_blank(peek(cursor)))
        return false;
    skip_blanks(cursor);
    if (length == strlen("reboot") && strncasecmp(begin, "reboot", length) == 0) {
        schedule->only_at_boot = true;
        return true;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct cursor fields = {words[i].fields, words[i].fields + strlen(words[i].fields)};

        if (strlen(words[i].word) == length && strncasecmp(begin, words[i].word, length) == 0)
            return take_fields(&fields, schedule);
    }

    return false;
}

int agent_cron_parse_schedule(const char *text, size_t length,
                              struct agent_cron_schedule *ret_schedule)
{
    struct cursor cursor = {text, text + length};

    *ret_schedule = (struct agent_cron_schedule){0};
    if (take(&cursor, '@') ? !take_word(&cursor, ret_schedule)
                           : !take_fields(&cursor, ret_schedule))
        return -EINVAL;

    return (int)(cursor.at - text);
}

bool agent_cron_is_due(const struct agent_cron_schedule *schedule,
                       const struct agent_cron_clock *clock)
{
    bool on_day = (schedule->days >> clock->day & 1) != 0;
    bool on_weekday = (schedule->weekdays >> clock->weekday & 1) != 0;
    bool needs_both = schedule->any_day || schedule->any_weekday;

    return !schedule->only_at_boot && (schedule->minutes >> clock->minute & 1) != 0 &&
           (schedule->hours >> clock->hour & 1) != 0 &&
           (schedule->months >> clock->month & 1) != 0 &&
           (needs_both ? on_day && on_weekday : on_day || on_weekday);
}

uint32_t agent_cron_count(const struct agent_cron_schedule *schedule, int64_t from_ms,
                          int64_t to_ms, agent_cron_to_clock to_clock, void *userdata)
{
    uint32_t count = 0;

    if (from_ms < 0 || to_ms <= from_ms || to_ms - from_ms > AGENT_CRON_SPAN_MS_MAX)
        return 0;
    for (int64_t minute = from_ms / MINUTE_MS + 1; minute <= to_ms / MINUTE_MS; minute++) {
        struct agent_cron_clock clock;

        to_clock(userdata, minute * MINUTE_S, &clock);
        count += agent_cron_is_due(schedule, &clock) ? 1 : 0;
    }

    return count;
}

/* "NAME = VALUE", quotes around either or not; cron takes it when the first word looks like a name. */
static bool is_variable(const struct cursor *line, struct cursor *ret_name,
                        struct cursor *ret_value)
{
    const char *equals = memchr(line->at, '=', (size_t)(line->end - line->at));
    const char *name_end = equals;

    if (equals == NULL)
        return false;
    while (name_end > line->at && is_blank(name_end[-1]))
        name_end--;
    for (const char *c = line->at; c < name_end; c++) {
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '"' && *c != '\'')
            return false;
    }
    *ret_name = (struct cursor){line->at, name_end};
    *ret_value = (struct cursor){equals + 1, line->end};
    skip_blanks(ret_value);
    while (ret_value->end > ret_value->at && is_blank(ret_value->end[-1]))
        ret_value->end--;

    return name_end > line->at;
}

static void take_zone(struct cursor *value, struct agent_cron_line *line)
{
    size_t length;

    if (value->end - value->at >= 2 && (*value->at == '"' || *value->at == '\'') &&
        value->end[-1] == *value->at) {
        value->at++;
        value->end--;
    }
    length = (size_t)(value->end - value->at);
    line->kind = AGENT_CRON_LINE_UNKNOWN;
    if (length >= sizeof(line->zone))
        return;
    for (const char *c = value->at; c < value->end; c++) {
        if (!isalnum((unsigned char)*c) && strchr("_+-/", *c) == NULL)
            return;
    }
    /* As a file's name it must not lead out of the zones. */
    if (length > 0 && (*value->at == '/' || memmem(value->at, length, "..", 2) != NULL))
        return;
    memcpy(line->zone, value->at, length);
    line->zone[length] = '\0';
    line->kind = AGENT_CRON_LINE_ZONE;
}

void agent_cron_parse_line(const char *text, size_t length, bool has_user,
                           struct agent_cron_line *ret_line)
{
    struct cursor line = {text, text + length}, name, value;
    int used;

    *ret_line = (struct agent_cron_line){.kind = AGENT_CRON_LINE_NOTHING};
    skip_blanks(&line);
    while (line.end > line.at && (is_blank(line.end[-1]) || line.end[-1] == '\r'))
        line.end--;
    if (line.at == line.end || *line.at == '#')
        return;
    if (!isdigit((unsigned char)*line.at) && strchr("*@-", *line.at) == NULL &&
        is_variable(&line, &name, &value)) {
        if (name.end - name.at == (ptrdiff_t)strlen("CRON_TZ") &&
            memcmp(name.at, "CRON_TZ", strlen("CRON_TZ")) == 0)
            take_zone(&value, ret_line);
        return;
    }
    used = agent_cron_parse_schedule(line.at, (size_t)(line.end - line.at), &ret_line->schedule);
    ret_line->kind = AGENT_CRON_LINE_UNKNOWN;
    if (used < 0)
        return;
    line.at += used;
    if (has_user) {
        while (line.at < line.end && !is_blank(*line.at))
            line.at++;
        skip_blanks(&line);
    }
    if (line.at < line.end) /* a command follows */
        ret_line->kind = AGENT_CRON_LINE_RUNS;
}
