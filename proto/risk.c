/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/risk.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/check.h"
#include "common/clock.h"
#include "proto/finding.h"
#include "proto/words.h"

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
};

static const struct proto_risk_grade grades[] = {
    [PROTO_RISK_LOW] = {.waves_percent = {10, 100},
                        .waves_count = 2,
                        .soak_ms = 5 * MINUTE,
                        .watch_ms = 5 * MINUTE,
                        .sessions = PROTO_SESSIONS_KEEP,
                        .otherwise = PROTO_OTHERWISE_ROLLBACK},
    [PROTO_RISK_MEDIUM] = {.waves_percent = {10, 30, 100},
                           .waves_count = 3,
                           .soak_ms = 30 * MINUTE,
                           .watch_ms = 10 * MINUTE,
                           .sessions = PROTO_SESSIONS_WARN,
                           .first_alone = true,
                           .otherwise = PROTO_OTHERWISE_STOP,
                           .sample_percent = 10,
                           .answer_within_ms = 3 * MINUTE},
    [PROTO_RISK_HIGH] = {.waves_percent = {1, 10, 30, 100},
                         .waves_count = 4,
                         .soak_ms = HOUR,
                         .watch_ms = 10 * MINUTE,
                         .sessions = PROTO_SESSIONS_WARN,
                         .first_alone = true,
                         .approvals = 1,
                         .otherwise = PROTO_OTHERWISE_ROLLBACK,
                         .sample_percent = 100,
                         .answer_within_ms = 3 * MINUTE},
};

const struct proto_risk_grade *proto_risk_grade(uint32_t risk)
{
    BL_ASSERT(risk >= PROTO_RISK_LOW);
    BL_ASSERT(risk <= PROTO_RISK_HIGH);

    return &grades[risk];
}

int64_t proto_answer_ms(int64_t answer_within_ms)
{
    return answer_within_ms - (answer_within_ms < 20 * SECOND ? answer_within_ms / 2 : 10 * SECOND);
}

/* ---- what is weaker ---- */

struct finder {
    struct proto_weaker *list;
    uint32_t count;
};

static BL_PRINTF(2, 3) void put(char text[PROTO_WEAKER_TEXT_BYTES], const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, PROTO_WEAKER_TEXT_BYTES, fmt, args);
    va_end(args);
}

/* There is room for all: no finding is graded twice in a manifest. */
static struct proto_weaker *add(struct finder *finder, const char *field)
{
    struct proto_weaker *weaker = &finder->list[finder->count];

    BL_ASSERT(finder->count < PROTO_WEAKER_MAX);
    finder->count++;
    *weaker = (struct proto_weaker){.field = field};

    return weaker;
}

static void add_ms(struct finder *finder, const char *field, uint64_t value_ms,
                   const char *at_least, int64_t grade_ms)
{
    struct proto_weaker *weaker = add(finder, field);
    char text[PROTO_WEAKER_TEXT_BYTES];

    bl_duration_to_text((int64_t)value_ms, weaker->value, sizeof(weaker->value));
    bl_duration_to_text(grade_ms, text, sizeof(text));
    put(weaker->grade, "%s %.60s", at_least, text);
}

static uint64_t share_of(uint32_t percent, uint64_t hosts_count)
{
    return (percent * hosts_count + 99) / 100;
}

/* The largest number of hosts that have been started with each wave, beside that of the grade. */
static void find_waves(const struct proto_policy *policy, const struct proto_risk_grade *grade,
                       struct finder *finder)
{
    uint64_t hosts_count = 0, started = 0, allowed = 0;

    for (uint32_t i = 0; i < policy->waves_count; i++)
        hosts_count += policy->waves[i].hosts_count;
    for (uint32_t i = 0; i < policy->waves_count; i++) {
        started += policy->waves[i].hosts_count;
        allowed += i < grade->waves_count ? share_of(grade->waves_percent[i], hosts_count) : 0;
        if (i + 1 < grade->waves_count && started > allowed && allowed < hosts_count) {
            struct proto_weaker *weaker = add(finder, "waves");

            put(weaker->value, "%" PRIu64 " of %" PRIu64 " hosts with wave %u", started,
                hosts_count, (unsigned)i + 1);
            put(weaker->grade, "at most %" PRIu64, allowed);
            return;
        }
    }
}

static void find_failures(const struct proto_policy *policy, struct finder *finder)
{
    uint64_t most = policy->failures_allowed;
    struct proto_weaker *weaker;

    for (uint32_t i = 0; i < policy->waves_count; i++) {
        if (policy->waves[i].failures_allowed > most)
            most = policy->waves[i].failures_allowed;
    }
    if (most == 0)
        return;
    weaker = add(finder, "failures_allowed");
    put(weaker->value, "%" PRIu64, most);
    put(weaker->grade, "0");
}

static void find_ssh(const struct proto_manifest *manifest, const struct proto_risk_grade *grade,
                     struct finder *finder)
{
    struct proto_weaker *weaker;

    if (!manifest->ssh_lock) {
        weaker = add(finder, "ssh_lock");
        put(weaker->value, "no");
        put(weaker->grade, "a lock");
    } else if (manifest->ssh_sessions < grade->sessions) {
        weaker = add(finder, "ssh_lock.sessions");
        put(weaker->value, "%s", proto_sessions_name(manifest->ssh_sessions));
        put(weaker->grade, "%s or more", proto_sessions_name(grade->sessions));
    }
}

static void find_grades(const struct proto_manifest *manifest, struct finder *finder)
{
    for (uint32_t i = 0; i < manifest->verify_grades_count; i++) {
        const struct proto_grade_rule *rule = &manifest->verify_grades[i];
        const struct proto_finding *finding = proto_finding_find(rule->code);
        struct proto_weaker *weaker;

        if (finding == NULL || (rule->grade != PROTO_GRADE_IGNORE && rule->grade >= finding->grade))
            continue;
        weaker = add(finder, "verify.grades");
        put(weaker->value, "%.40s: %s", rule->code, proto_finding_grade_name(rule->grade));
        put(weaker->grade, "%s", proto_finding_grade_name(finding->grade));
    }
}

static void find_people(const struct proto_policy *policy, const struct proto_risk_grade *grade,
                        struct finder *finder)
{
    struct proto_weaker *weaker;

    if (policy->approvals < grade->approvals) {
        weaker = add(finder, "approvals.waves");
        put(weaker->value, "%" PRIu64, policy->approvals);
        put(weaker->grade, "at least %" PRIu32, grade->approvals);
    }
    if (grade->answer_within_ms > 0 &&
        policy->answer_ms > (uint64_t)proto_answer_ms(grade->answer_within_ms)) {
        /* What the plan says is asked for 10 s less: above 20 s there is no other way to it. */
        add_ms(finder, "severe.answer_within", policy->answer_ms + 10 * (uint64_t)SECOND, "at most",
               grade->answer_within_ms);
    }
    if (policy->otherwise < grade->otherwise) {
        weaker = add(finder, "severe.otherwise");
        put(weaker->value, "stop");
        put(weaker->grade, "rollback");
    }
}

uint32_t proto_risk_weaker(const struct proto_manifest *manifest, const struct proto_policy *policy,
                           struct proto_weaker ret_list[PROTO_WEAKER_MAX])
{
    const struct proto_risk_grade *grade = proto_risk_grade(manifest->risk);
    struct finder finder = {.list = ret_list};
    struct proto_weaker *weaker;

    if (manifest->risk == PROTO_RISK_LOW)
        return 0;
    find_waves(policy, grade, &finder);
    if (policy->soak_ms < (uint64_t)grade->soak_ms)
        add_ms(&finder, "soak", policy->soak_ms, "at least", grade->soak_ms);
    find_failures(policy, &finder);
    if (grade->first_alone && !policy->first_alone) {
        weaker = add(&finder, "first");
        put(weaker->value, "together");
        put(weaker->grade, "alone");
    }
    find_ssh(manifest, grade, &finder);
    find_grades(manifest, &finder);
    if (policy->sample_share < (uint64_t)grade->sample_percent * 100) {
        weaker = add(&finder, "sample.share");
        put(weaker->value, "%g%%", (double)policy->sample_share / 100);
        put(weaker->grade, "at least %" PRIu32 "%%", grade->sample_percent);
    }
    if (manifest->watch_ms < (uint64_t)grade->watch_ms)
        add_ms(&finder, "watch", manifest->watch_ms, "at least", grade->watch_ms);
    find_people(policy, grade, &finder);

    return finder.count;
}

void proto_weaker_to_text(const struct proto_weaker *weaker, uint32_t risk,
                          char ret_text[PROTO_WEAKER_LINE_BYTES])
{
    (void)snprintf(ret_text, PROTO_WEAKER_LINE_BYTES, "%s: %s; risk %s has %s", weaker->field,
                   weaker->value, proto_risk_name(risk), weaker->grade);
}
