/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/report.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "controller/outside/groups.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

/* Text and Markdown differ only in their headings and tables; the words are written once. */
struct page {
    FILE *to;
    bool is_markdown;
};

enum {
    TIME_TEXT_BYTES = 16,
    TOOK_TEXT_BYTES = 40,
};

/* "06:40:12" of "2026-11-21T06:40:12.123Z": to the second; "-" when there is no such instant. */
static const char *time_of_day(const json_t *object, const char *key,
                               char ret_text[TIME_TEXT_BYTES])
{
    const char *text = ctl_json_text(object, key);

    if (ctl_json_instant(object, key) < 0)
        return "-";
    (void)snprintf(ret_text, TIME_TEXT_BYTES, "%.8s", text + strlen("2026-11-21T"));

    return ret_text;
}

static const char *took(const json_t *object, const char *from, const char *until,
                        char ret_text[TOOK_TEXT_BYTES])
{
    int64_t from_ms = ctl_json_instant(object, from), until_ms = ctl_json_instant(object, until);
    int64_t took_ms = until_ms - from_ms;

    if (from_ms < 0 || until_ms < 0 || took_ms < 0)
        return "-";
    if (took_ms < 60000) {
        (void)snprintf(ret_text, TOOK_TEXT_BYTES, "%" PRId64 ".%" PRId64 "s", took_ms / 1000,
                       took_ms % 1000 / 100);
    } else if (took_ms < 3600000) {
        (void)snprintf(ret_text, TOOK_TEXT_BYTES, "%" PRId64 "m %02" PRId64 "s", took_ms / 60000,
                       took_ms / 1000 % 60);
    } else {
        (void)snprintf(ret_text, TOOK_TEXT_BYTES, "%" PRId64 "h %02" PRId64 "m", took_ms / 3600000,
                       took_ms / 60000 % 60);
    }

    return ret_text;
}

/* At most `bytes_max` bytes of `text`, not cut within a character of UTF-8. */
static size_t whole_characters(const char *text, size_t bytes_max)
{
    size_t bytes = bytes_max;

    while (bytes > 1 && ((unsigned char)text[bytes] & 0xc0) == 0x80)
        bytes--;

    return bytes;
}

/* In Markdown these would become markup, or end a cell. */
static void put(const struct page *page, const char *text)
{
    static const char special[] = "\\`*_{}[]<>#|~!";

    if (!page->is_markdown) {
        ctl_out_put(page->to, text);
        return;
    }
    for (const char *at = text; *at != '\0';) {
        size_t plain_bytes = strcspn(at, special);
        char piece[256];

        if (plain_bytes == 0) {
            (void)fprintf(page->to, "\\%c", *at++);
            continue;
        }
        if (plain_bytes >= sizeof(piece))
            plain_bytes = whole_characters(at, sizeof(piece) - 1);
        (void)snprintf(piece, sizeof(piece), "%.*s", (int)plain_bytes, at);
        ctl_out_put(page->to, piece);
        at += plain_bytes;
    }
}

static void put_heading(const struct page *page, const char *marks)
{
    if (page->is_markdown)
        (void)fprintf(page->to, "%s ", marks);
}

static void put_row(const struct page *page, const char *const *cells, uint32_t columns)
{
    (void)fputc('|', page->to);
    for (uint32_t i = 0; i < columns; i++) {
        (void)fputc(' ', page->to);
        put(page, cells[i] == NULL ? "" : cells[i]);
        (void)fputs(" |", page->to);
    }
    (void)fputc('\n', page->to);
}

static void put_table(const struct page *page, const struct ctl_table *table)
{
    if (!page->is_markdown) {
        ctl_table_print(table, page->to, "  ");
        return;
    }
    (void)fputc('\n', page->to);
    for (uint32_t row = 0; row < table->rows && !table->failed; row++) {
        put_row(page, (const char *const *)&table->cells[row * table->columns], table->columns);
        for (uint32_t i = 0; row == 0 && i < table->columns; i++)
            (void)fputs(i == 0 ? "|---|" : "---|", page->to);
        if (row == 0)
            (void)fputc('\n', page->to);
    }
    (void)fputc('\n', page->to);
}

static void put_field(const struct page *page, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    (void)fprintf(page->to, page->is_markdown ? "- %s: " : "  %-9s ", name);
    put(page, text);
    (void)fputc('\n', page->to);
}

static void put_counts(const struct page *page, const json_t *document)
{
    const json_t *number;
    const char *state;

    (void)fprintf(page->to, page->is_markdown ? "- hosts: %" PRId64 : "  hosts     %" PRId64,
                  ctl_json_number(document, "hosts_count"));
    json_object_foreach (json_object_get(document, "counts"), state, number) {
        if (json_integer_value(number) == 0)
            continue;
        (void)fprintf(page->to, " · %" PRId64 " ", (int64_t)json_integer_value(number));
        put(page, state);
    }
    (void)fputc('\n', page->to);
}

static void put_signers(const struct page *page, const json_t *document)
{
    const json_t *signer;
    size_t i;

    (void)fputs(page->is_markdown ? "- signed by: " : "  signed by ", page->to);
    json_array_foreach (json_object_get(document, "signers"), i, signer) {
        (void)fputs(i > 0 ? ", " : "", page->to);
        put(page, json_is_string(signer) ? json_string_value(signer) : "?");
    }
    (void)fputc('\n', page->to);
}

/* "20m", "1m 30s", "2h": to the second. */
static const char *duration(int64_t ms, char ret_text[TOOK_TEXT_BYTES])
{
    int64_t s = ms / 1000;

    if (s < 60)
        (void)snprintf(ret_text, TOOK_TEXT_BYTES, "%" PRId64 "s", s);
    else if (s < 3600)
        (void)snprintf(ret_text, TOOK_TEXT_BYTES, "%" PRId64 "m %02" PRId64 "s", s / 60, s % 60);
    else
        (void)snprintf(ret_text, TOOK_TEXT_BYTES, "%" PRId64 "h %02" PRId64 "m", s / 3600,
                       s / 60 % 60);

    return ret_text;
}

/* What a severe failure called, and what came of it. */
static void put_hooks(const struct page *page, const json_t *document)
{
    const json_t *hook;
    char text[600];
    size_t i;

    json_array_foreach (json_object_get(document, "hooks"), i, hook) {
        const bool is_running = ctl_json_bool(hook, "running");

        if (ctl_json_number(hook, "calls") <= 0)
            continue;
        (void)snprintf(text, sizeof(text),
                       "%.20s: %.128s, called %" PRId64 " times, last at %.30s; %s%.220s",
                       ctl_json_text(hook, "name"), ctl_json_text(hook, "program"),
                       ctl_json_number(hook, "calls"), ctl_json_text(hook, "called"),
                       is_running ? "it still runs; before: " : "", ctl_json_text(hook, "text"));
        put_field(page, "hook", text);
    }
}

/* What was promised and came of it, what people were asked, and what they signed meanwhile. */
static void put_people(const struct page *page, const json_t *document)
{
    const json_t *given = json_object_get(json_object_get(document, "approvals"), "given");
    const json_t *alarm = json_object_get(document, "alarm"), *item;
    char text[256];
    size_t i;

    json_array_foreach (json_object_get(document, "promises"), i, item) {
        char used[TOOK_TEXT_BYTES], allowed[TOOK_TEXT_BYTES];

        (void)snprintf(text, sizeof(text), "%.40s %.20s: %s of %s", ctl_json_text(item, "name"),
                       ctl_json_text(item, "state"),
                       duration(ctl_json_number(item, "used_ms"), used),
                       duration(ctl_json_number(item, "allowed_ms"), allowed));
        put_field(page, "promise", text);
    }
    json_array_foreach (given, i, item) {
        (void)snprintf(text, sizeof(text), "%.20s %" PRId64 " by %.100s at %.30s",
                       ctl_json_text(item, "about"), ctl_json_number(item, "number"),
                       ctl_json_text(item, "person"), ctl_json_text(item, "received"));
        put_field(page, "approved", text);
    }
    item = json_object_get(document, "rollback_condition");
    if (json_is_object(item))
        put_field(page, "taken back by the plan", ctl_json_text(item, "text"));
    if (json_is_object(alarm)) {
        (void)snprintf(text, sizeof(text), "asked at %.30s about %.100s: %.30s",
                       ctl_json_text(alarm, "since"), ctl_json_text(alarm, "host"),
                       ctl_json_text(alarm, "answer"));
        put_field(page, "answer", text);
    }
    put_hooks(page, document);
}

/* Who was kept as it was, how that stands, and what became of it. */
static void put_standby(const struct page *page, const json_t *document)
{
    const json_t *hosts = json_object_get(json_object_get(document, "standby"), "hosts"), *host;
    char text[800];
    size_t i;

    json_array_foreach (hosts, i, host) {
        (void)snprintf(text, sizeof(text), "%.128s, kept as it was: %.20s, %.512s",
                       ctl_json_text(host, "name"), ctl_json_text(host, "state"),
                       ctl_json_text(host, "reason"));
        put_field(page, "standby", text);
    }
    put_field(page, "standby rollout", ctl_json_text(document, "standby_by"));
}

static void put_summary(const struct page *page, const json_t *document)
{
    char took_text[TOOK_TEXT_BYTES];

    put_heading(page, "#");
    (void)fputs("report of rollout ", page->to);
    put(page, ctl_json_text(document, "rollout"));
    (void)fputs(page->is_markdown ? "\n\n" : "\n", page->to);
    put_field(page, "plan", ctl_json_text(document, "plan"));
    put_field(page, "risk", ctl_json_text(document, "risk"));
    put_field(page, "state", ctl_json_text(document, "state"));
    put_field(page, "why", ctl_json_text(document, "reason"));
    put_field(page, "started", ctl_json_text(document, "created"));
    put_field(page, "ended", ctl_json_text(document, "ended"));
    put_field(page, "took", took(document, "created", "ended", took_text));
    put_field(page, "retry of", ctl_json_text(document, "retry_of"));
    put_field(page, "again in", ctl_json_text(document, "retried_by"));
    put_field(page, "standby of", ctl_json_text(document, "standby_of"));
    put_standby(page, document);
    put_signers(page, document);
    put_counts(page, document);
    put_people(page, document);
    (void)fputc('\n', page->to);
}

/* What was measured outside of the hosts, last and before the change. */
static void put_gates(const struct page *page, const json_t *gates)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *gate;
    size_t i;

    if (json_array_size(gates) == 0)
        return;
    put_heading(page, "##");
    (void)fputs("gates\n", page->to);
    ctl_table_begin(&table, 4);
    ctl_table_row(&table, (const char *const[]){"GATE", "VERDICT", "AT", "MEASURED"});
    json_array_foreach (gates, i, gate) {
        const char *note = ctl_json_text(gate, "note");
        char at[TIME_TEXT_BYTES], text[1024];

        (void)snprintf(text, sizeof(text), "%s%s%s", ctl_json_text(gate, "text"),
                       note[0] != '\0' ? "; " : "", note);
        ctl_table_row(&table, (const char *const[]){ctl_json_text(gate, "kind"),
                                                    ctl_json_text(gate, "verdict"),
                                                    time_of_day(gate, "at", at), text});
    }
    put_table(page, &table);
    if (!page->is_markdown)
        (void)fputc('\n', page->to);
}

/* Failed hosts by their cause, so that sixty of one kind are a line. */
static void put_groups(const struct page *page, const json_t *groups)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *group;
    size_t i;

    if (json_array_size(groups) == 0)
        return;
    put_heading(page, "##");
    (void)fputs("causes\n", page->to);
    ctl_table_begin(&table, 5);
    ctl_table_row(&table, (const char *const[]){"HOSTS", "GRADE", "FIRST", "AT", "CAUSE"});
    json_array_foreach (groups, i, group) {
        const char *reason = ctl_json_text(group, "reason"), *grade = ctl_json_text(group, "grade");
        char count[24], at[TIME_TEXT_BYTES];

        (void)snprintf(count, sizeof(count), "%" PRId64, ctl_json_number(group, "count"));
        ctl_table_row(&table, (const char *const[]){
                                  count, grade[0] != '\0' ? grade : "-",
                                  ctl_json_text(group, "first"), time_of_day(group, "first_at", at),
                                  reason[0] != '\0' ? reason : ctl_json_text(group, "code")});
    }
    put_table(page, &table);
    if (!page->is_markdown)
        (void)fputc('\n', page->to);
}

static void put_hosts(const struct page *page, const json_t *hosts)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *host;
    size_t i;

    put_heading(page, "##");
    (void)fputs("hosts\n", page->to);
    ctl_table_begin(&table, 5);
    ctl_table_row(&table, (const char *const[]){"HOST", "WAVE", "END", "GRADE", "CAUSE"});
    json_array_foreach (hosts, i, host) {
        const json_t *cause = json_object_get(host, "cause");
        const char *grade = ctl_json_text(host, "grade");
        char wave[24];

        (void)snprintf(wave, sizeof(wave), "%" PRId64, ctl_json_number(host, "wave"));
        ctl_table_row(&table, (const char *const[]){ctl_json_text(host, "name"), wave,
                                                    ctl_json_text(host, "end_state"),
                                                    grade[0] != '\0' ? grade : "-",
                                                    ctl_json_text(cause, "reason")});
    }
    put_table(page, &table);
}

static void put_steps(const struct page *page, const json_t *host)
{
    const json_t *offset = json_object_get(host, "clock_offset_ms"), *step;
    CTL_AUTO_TABLE table = {0};
    size_t i;

    put_heading(page, "###");
    (void)fputs(page->is_markdown ? "" : "\n", page->to);
    put(page, ctl_json_text(host, "name"));
    (void)fputs(", ", page->to);
    put(page, ctl_json_text(host, "end_state"));
    if (json_is_true(json_object_get(host, "sampled")))
        (void)fputs(", of the sample", page->to);
    if (json_is_integer(offset)) {
        (void)fprintf(page->to, " (its clock is corrected by %" PRId64 " ms)",
                      -(int64_t)json_integer_value(offset));
    }
    (void)fputc('\n', page->to);
    ctl_table_begin(&table, 6);
    ctl_table_row(&table,
                  (const char *const[]){"STEP", "START", "END", "TOOK", "RESULT", "REASON"});
    json_array_foreach (json_object_get(host, "steps"), i, step) {
        char start[TIME_TEXT_BYTES], end[TIME_TEXT_BYTES], took_text[TOOK_TEXT_BYTES];
        const char *result = ctl_json_text(step, "result");

        ctl_table_row(&table,
                      (const char *const[]){
                          ctl_json_text(step, "name"), time_of_day(step, "start", start),
                          time_of_day(step, "end", end), took(step, "start", "end", took_text),
                          result[0] != '\0' ? result : "-", ctl_json_text(step, "reason")});
    }
    put_table(page, &table);
}

/* What the steps found, one by one; an answer that is no fault has no grade. */
static void put_findings(const struct page *page, const json_t *host)
{
    const json_t *findings = json_object_get(host, "findings"), *finding;
    CTL_AUTO_TABLE table = {0};
    size_t i;

    if (json_array_size(findings) == 0)
        return;
    (void)fputc('\n', page->to);
    ctl_table_begin(&table, 4);
    ctl_table_row(&table, (const char *const[]){"FOUND BY", "GRADE", "FINDING", "WHAT"});
    json_array_foreach (findings, i, finding) {
        const char *grade = ctl_json_text(finding, "grade");

        ctl_table_row(&table, (const char *const[]){ctl_json_text(finding, "step"),
                                                    grade[0] != '\0' ? grade : "-",
                                                    ctl_json_text(finding, "code"),
                                                    ctl_json_text(finding, "reason")});
    }
    put_table(page, &table);
}

/* The socket calls it `state`; to readers it is the state in which the host ended. */
static void name_end_states(json_t *document)
{
    json_t *host;
    size_t i;

    json_array_foreach (json_object_get(document, "hosts"), i, host)
        (void)json_object_set(host, "end_state", json_object_get(host, "state"));
    (void)json_object_del(document, "ok");
}

void ctl_report_write(json_t *document, enum ctl_report_format format, FILE *to)
{
    const struct page page = {.to = to, .is_markdown = format == CTL_REPORT_MARKDOWN};
    const json_t *hosts = json_object_get(document, "hosts"), *host;
    size_t i;

    name_end_states(document);
    (void)json_object_set_new(document, "groups", ctl_groups_of(document));
    if (format == CTL_REPORT_JSON) {
        ctl_out_json(document, to);
        return;
    }
    put_summary(&page, document);
    put_groups(&page, json_object_get(document, "groups"));
    put_gates(&page, json_object_get(document, "gates"));
    put_hosts(&page, hosts);
    if (page.is_markdown)
        (void)fputs("## steps\n\nTimes are UTC, by the controller's clock.\n\n", to);
    json_array_foreach (hosts, i, host) {
        put_steps(&page, host);
        put_findings(&page, host);
    }
}
