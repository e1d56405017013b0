/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/yaml.h"
#include "controller/plan/schema.h"
#include "proto/policy.h"
#include "proto/risk.h"
#include "proto/trust.h"

/*
 * What nobody wrote. Times and waves follow the risk (R7 to R9); whatever is filled in here is
 * shown by `belay check`, so that a default never surprises.
 */

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
};

static const char *const from_risk[] = {[PROTO_RISK_LOW] = "from risk low",
                                        [PROTO_RISK_MEDIUM] = "from risk medium",
                                        [PROTO_RISK_HIGH] = "from risk high"};

static const char *const default_units[] = {"cron.service", "crond.service", "anacron.service",
                                            "atd.service"};
static const char *const default_timers[] = {"*backup*", "apt-daily*", "dnf-automatic*",
                                             "unattended-upgrades*"};
static const char *const default_backups[] = {"*backup*"};
static const char *const default_groups[] = {"belay-rescue"};

static const char *because(const struct ctl_plan *plan)
{
    return from_risk[plan->risk];
}

static void note(struct ctl_plan *plan, const char *field, const char *value, const char *because)
{
    struct ctl_plan_derived *derived = &plan->derived[plan->derived_count];

    BL_ASSERT(plan->derived_count < CTL_PLAN_DERIVED_MAX);
    plan->derived_count++;
    (void)snprintf(derived->field, sizeof(derived->field), "%s", field);
    (void)snprintf(derived->value, sizeof(derived->value), "%s", value);
    derived->because = because;
}

static bool is_missing(const struct ctl_plan *plan, uint32_t given)
{
    return !plan->given[given];
}

static void fill_duration(struct ctl_plan *plan, uint32_t given, int64_t *field_ms,
                          const char *name, int64_t value_ms, const char *because)
{
    char text[64];

    if (!is_missing(plan, given))
        return;
    *field_ms = value_ms;
    ctl_plan_format_duration(value_ms, text, sizeof(text));
    note(plan, name, text, because);
}

static void join(const char *const *items, uint32_t count, char *ret_text, size_t text_bytes)
{
    size_t used = 0;

    ret_text[0] = '\0';
    for (uint32_t i = 0; i < count && used < text_bytes; i++) {
        int n = snprintf(ret_text + used, text_bytes - used, "%s%s", i > 0 ? ", " : "", items[i]);

        used += n > 0 ? (size_t)n : 0;
    }
}

static void fill_texts(struct ctl_plan *plan, uint32_t given, struct ctl_plan_texts *field,
                       const char *name, struct ctl_plan_texts value)
{
    char text[128];

    if (!is_missing(plan, given))
        return;
    *field = value;
    join(value.items, value.count, text, sizeof(text));
    note(plan, name, text, "always");
}

#define PROGRAM_TEXTS(list)                                                    \
    (struct ctl_plan_texts)                                                    \
    {                                                                          \
        .items = (list), .count = (uint32_t)(sizeof(list) / sizeof((list)[0])) \
    }

static void fill_waves(struct ctl_plan *plan, const struct proto_risk_grade *grade)
{
    char text[128] = "";
    size_t used = 0;

    if (!is_missing(plan, CTL_PLAN_GIVEN_WAVES))
        return;
    plan->waves_count = grade->waves_count;
    for (uint32_t i = 0; i < plan->waves_count; i++) {
        bool is_rest = i + 1 == plan->waves_count;
        char share[32];

        plan->waves[i] = (struct ctl_plan_share){
            .is_rest = is_rest,
            .is_percent = !is_rest,
            .value = is_rest ? 0 : grade->waves_percent[i] * (CTL_PLAN_SHARE_ALL / 100)};
        ctl_plan_format_share(&plan->waves[i], share, sizeof(share));
        (void)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? ", " : "", share);
        used = strlen(text);
    }
    note(plan, "waves", text, because(plan));
}

/* R16: what is not essential is paused; R18: nobody logs in but through the emergency way. */
static void fill_isolation(struct ctl_plan *plan, const struct proto_risk_grade *grade)
{
    fill_texts(plan, CTL_PLAN_GIVEN_QUIESCE_UNITS, &plan->quiesce.units, "quiesce.units",
               PROGRAM_TEXTS(default_units));
    fill_texts(plan, CTL_PLAN_GIVEN_QUIESCE_TIMERS, &plan->quiesce.timers, "quiesce.timers",
               PROGRAM_TEXTS(default_timers));
    fill_texts(plan, CTL_PLAN_GIVEN_QUIESCE_BACKUPS, &plan->quiesce.backups, "quiesce.backups",
               PROGRAM_TEXTS(default_backups));
    fill_duration(plan, CTL_PLAN_GIVEN_QUIESCE_WAIT, &plan->quiesce.wait_ms, "quiesce.wait",
                  10 * MINUTE, "always");
    if (is_missing(plan, CTL_PLAN_GIVEN_SSH)) {
        plan->ssh.lock = true;
        note(plan, "ssh_lock", "yes", "always");
    }
    if (is_missing(plan, CTL_PLAN_GIVEN_SESSIONS)) {
        plan->ssh.sessions = grade->sessions;
        if (plan->ssh.lock) {
            note(plan, "ssh_lock.sessions",
                 grade->sessions == PROTO_SESSIONS_KEEP ? "keep" : "warn", because(plan));
        }
    }
    if (plan->ssh.lock && is_missing(plan, CTL_PLAN_GIVEN_KEEP_FROM)) {
        fill_texts(plan, CTL_PLAN_GIVEN_KEEP_GROUPS, &plan->ssh.keep_groups, "ssh_lock.keep.groups",
                   PROGRAM_TEXTS(default_groups));
    }
}

static void fill_samples(struct ctl_plan *plan)
{
    if (is_missing(plan, CTL_PLAN_GIVEN_SAMPLES)) {
        plan->verify.samples = plan->verify.samples_needed = 1;
        note(plan, "verify.samples", "1 of 1", "always");
    }
    if (plan->verify.samples > 1) {
        fill_duration(plan, CTL_PLAN_GIVEN_EVERY, &plan->verify.every_ms, "verify.every",
                      2 * SECOND, "always");
    }
}

bool ctl_plan_sample_is_named(const struct ctl_plan *plan)
{
    const struct ctl_plan_verify *verify = &plan->sample.verify;

    return verify->units.count > 0 || verify->http_count > 0 || verify->tcp.count > 0 ||
           verify->hooks.count > 0 || verify->logs_count > 0;
}

uint32_t ctl_plan_sample_share(const struct ctl_plan *plan)
{
    return plan->sample.share.is_percent ? plan->sample.share.value : 0;
}

/* R8: medium risk looks at a tenth of what was upgraded; what may cost more is looked at whole. */
static void fill_sample(struct ctl_plan *plan, const struct proto_risk_grade *grade)
{
    char text[64] = "none";

    if (is_missing(plan, CTL_PLAN_GIVEN_SAMPLE)) {
        plan->sample.share = (struct ctl_plan_share){
            .is_percent = true, .value = grade->sample_percent * (CTL_PLAN_SHARE_ALL / 100)};
        if (grade->sample_percent > 0)
            (void)snprintf(text, sizeof(text), "%u%% of each wave",
                           (unsigned)grade->sample_percent);
        note(plan, "sample.share", text, because(plan));
    }
    if (ctl_plan_sample_share(plan) > 0 && !ctl_plan_sample_is_named(plan)) {
        note(plan, "sample.logs",
             plan->verify.units.count > 0 ? "of verify.units: no panic, crash or fatal line"
                                          : "nothing to look at: name 'verify.units' or some",
             "always");
    }
}

/* Long enough for all that a lease covers, so that nothing opens in mid-change. */
static void fill_lease(struct ctl_plan *plan)
{
    int64_t needed_ms =
        plan->quiesce.wait_ms + plan->change_within_ms + ctl_plan_verify_ms(plan) + 10 * MINUTE;

    fill_duration(plan, CTL_PLAN_GIVEN_LEASE, &plan->ssh.lease_ms, "ssh_lock.lease",
                  needed_ms > 2 * HOUR ? needed_ms : 2 * HOUR, "always");
}

/*
 * R7: high risk is followed by a person, so each wave after the first needs somebody who says that
 * it may start. R8, R9, R22: who decides on a rollback, and what happens when nobody does.
 */
static void fill_people(struct ctl_plan *plan, const struct proto_risk_grade *grade)
{
    struct ctl_plan_approvals *approvals = &plan->approvals;
    struct ctl_plan_severe *severe = &plan->severe;
    const struct bl_yaml_node *written = bl_yaml_find(plan->yaml->root, "approvals");
    bool is_asked = severe->answer_within_ms != 0 || grade->answer_within_ms != 0;
    char text[64];

    if (written == NULL || written->kind != BL_YAML_MAP || bl_yaml_find(written, "waves") == NULL) {
        approvals->waves = grade->approvals;
        (void)snprintf(text, sizeof(text), "%u", (unsigned)grade->approvals);
        note(plan, "approvals.waves", text, because(plan));
    }
    if (approvals->by == 0) {
        approvals->by = PROTO_ROLE_OPERATOR;
        if (approvals->waves > 0)
            note(plan, "approvals.by", "operator", "always");
    }
    if (approvals->expires_ms == 0) {
        approvals->expires_ms = DAY;
        if (approvals->waves > 0)
            note(plan, "approvals.expires", "1d", "always");
    }
    if (severe->answer_within_ms == 0) {
        severe->answer_within_ms = grade->answer_within_ms;
        if (is_asked)
            ctl_plan_format_duration(grade->answer_within_ms, text, sizeof(text));
        note(plan, "severe.answer_within", is_asked ? text : "nobody is asked", because(plan));
    }
    if (severe->otherwise == 0) {
        severe->otherwise = grade->otherwise;
        note(plan, "severe.otherwise",
             grade->otherwise == PROTO_OTHERWISE_ROLLBACK ? "rollback" : "stop", because(plan));
    }
}

/*
 * R22: who is asked has three minutes, a switch of traffic a sixth of them. Less time for people
 * leaves less for it, since the way back begins in time.
 */
static void fill_hooks(struct ctl_plan *plan)
{
    struct ctl_plan_severe *severe = &plan->severe;
    const int64_t quarter_ms = ctl_plan_answer_ms(plan) / 4;
    char text[64];

    if (severe->page != NULL && severe->page_every_ms == 0) {
        severe->page_every_ms = MINUTE;
        note(plan, "severe.hooks.page_every", "1m", "always");
    }
    if (severe->traffic != NULL && severe->traffic_within_ms == 0) {
        severe->traffic_within_ms = 30 * SECOND;
        if (quarter_ms > 0 && quarter_ms < severe->traffic_within_ms)
            severe->traffic_within_ms = quarter_ms / SECOND * SECOND;
        if (severe->traffic_within_ms < SECOND)
            severe->traffic_within_ms = SECOND;
        ctl_plan_format_duration(severe->traffic_within_ms, text, sizeof(text));
        note(plan, "severe.hooks.traffic_within", text, "from severe.answer_within");
    }
}

int64_t ctl_plan_answer_ms(const struct ctl_plan *plan)
{
    return proto_answer_ms(plan->severe.answer_within_ms);
}

int64_t ctl_plan_default_watch_ms(uint32_t risk)
{
    return proto_risk_grade(risk)->watch_ms;
}

void ctl_plan_fill_defaults(struct ctl_plan *plan)
{
    const struct proto_risk_grade *grade = proto_risk_grade(plan->risk);

    BL_ASSERT(plan->risk >= PROTO_RISK_LOW);
    BL_ASSERT(plan->risk <= PROTO_RISK_HIGH);

    if (is_missing(plan, CTL_PLAN_GIVEN_ALLOW_NEW)) {
        plan->allow_new = true;
        note(plan, "change.allow.new", "yes", "always");
    }
    if (is_missing(plan, CTL_PLAN_GIVEN_PHASED)) {
        plan->phased = CTL_PLAN_PHASED_RESPECT;
        note(plan, "change.phased", "respect", "always");
    }
    if (is_missing(plan, CTL_PLAN_GIVEN_REPAIR))
        note(plan, "change.repair", "no", "always");
    if (is_missing(plan, CTL_PLAN_GIVEN_REBOOT)) {
        plan->reboot = CTL_PLAN_REBOOT_NEVER;
        note(plan, "change.reboot", "never", "always");
    }
    if (is_missing(plan, CTL_PLAN_GIVEN_CONFFILES)) {
        plan->conffiles = PROTO_CONFFILES_KEEP;
        note(plan, "change.conffiles", "keep", "always");
    }
    plan->revert_accepted = !is_missing(plan, CTL_PLAN_GIVEN_REVERT);
    if (!plan->revert_accepted) {
        plan->revert_class = PROTO_REVERT_PACKAGES;
        note(plan, "change.revert", "packages", "always");
    }
    fill_waves(plan, grade);
    fill_duration(plan, CTL_PLAN_GIVEN_SOAK, &plan->soak_ms, "soak", grade->soak_ms, because(plan));
    if (is_missing(plan, CTL_PLAN_GIVEN_FAILURES))
        note(plan, "failures_allowed", "0", "always");
    if (is_missing(plan, CTL_PLAN_GIVEN_MODULES)) {
        plan->precheck.modules = CTL_PLAN_MODULES_WARN;
        note(plan, "precheck.modules", "warn", "always");
    }
    if (is_missing(plan, CTL_PLAN_GIVEN_BUDGET))
        note(plan, "budget", "no limit but the wave", "always");
    if (is_missing(plan, CTL_PLAN_GIVEN_FIRST)) {
        plan->first = grade->first_alone ? CTL_PLAN_FIRST_ALONE : CTL_PLAN_FIRST_TOGETHER;
        note(plan, "first", grade->first_alone ? "alone" : "together", because(plan));
    }
    fill_isolation(plan, grade);
    fill_duration(plan, CTL_PLAN_GIVEN_SETTLE, &plan->verify.settle_ms, "verify.settle",
                  10 * SECOND, "always");
    fill_samples(plan);
    fill_sample(plan, grade);
    fill_duration(plan, CTL_PLAN_GIVEN_STAGE, &plan->stage_within_ms, "stage_within", 30 * MINUTE,
                  "always");
    fill_duration(plan, CTL_PLAN_GIVEN_CHANGE, &plan->change_within_ms, "change_within",
                  30 * MINUTE, "always");
    fill_duration(plan, CTL_PLAN_GIVEN_CONFIRM, &plan->confirm_within_ms, "confirm_within",
                  10 * MINUTE, "always");
    fill_duration(plan, CTL_PLAN_GIVEN_WATCH, &plan->watch_ms, "watch", grade->watch_ms,
                  because(plan));
    fill_duration(plan, CTL_PLAN_GIVEN_KEEP_WAY_BACK, &plan->keep_way_back_ms, "keep_way_back",
                  7 * DAY, "always");
    fill_duration(plan, CTL_PLAN_GIVEN_LOST_AFTER, &plan->lost_after_ms, "lost_after", 10 * MINUTE,
                  "always");
    fill_lease(plan);
    fill_people(plan, grade);
    fill_hooks(plan);
}

int64_t ctl_plan_verify_ms(const struct ctl_plan *plan)
{
    const struct ctl_plan_verify *verify = &plan->verify;
    int64_t again = verify->samples > 0 ? verify->samples - 1 : 0, hooks_ms = 0, logs_ms = 0;

    if (verify->hooks.count > 0 || plan->sample.verify.hooks.count > 0)
        hooks_ms = PROTO_HOOKS_WITHIN_MS;
    for (uint32_t i = 0; i < plan->sample.verify.logs_count; i++) {
        if (plan->sample.verify.logs[i].within_ms > logs_ms)
            logs_ms = plan->sample.verify.logs[i].within_ms;
    }

    for (uint32_t i = 0; i < verify->logs_count; i++) {
        if (verify->logs[i].within_ms > logs_ms)
            logs_ms = verify->logs[i].within_ms;
    }

    return verify->settle_ms + again * verify->every_ms + hooks_ms + logs_ms;
}

int64_t ctl_plan_job_ms(const struct ctl_plan *plan)
{
    return plan->quiesce.wait_ms + plan->change_within_ms + 2 * ctl_plan_verify_ms(plan) +
           2 * plan->confirm_within_ms + plan->watch_ms + plan->lost_after_ms;
}

const char *ctl_plan_describe_revert(const struct ctl_plan *plan)
{
    return plan->revert_class == PROTO_REVERT_FILESYSTEM
               ? "filesystem, a snapshot that each host takes right before the change"
               : "packages, the former ones on each host";
}
