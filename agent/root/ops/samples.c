/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/samples.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/probe/check.h"
#include "agent/root/ask.h"
#include "agent/root/hook.h"
#include "agent/root/ops/tally.h"
#include "agent/root/probe.h"
#include "common/text.h"

enum {
    LINE_BYTES = 400,
    PROBE_TIMEOUT_MS = 10 * 1000,
    HOOK_AGAIN_MS = 5 * 1000,
};

struct check { /* one thing that the plan asks for */
    struct agent_tally tally;
    enum agent_tally_verdict verdict; /* 0: not sampled yet */
    const char *code;                 /* of the last that was not good, or of what it would be */
    char line[LINE_BYTES];            /* the last that was not good, else the last good one */
};

struct agent_samples {
    struct agent_host *host;
    const struct agent_work *work;
    struct agent_samples_caller caller;
    struct agent_units_call *units_call;
    struct agent_probe_ask *probe;
    struct agent_ask *pages;
    struct agent_hook *hook;
    sd_event_source *timer; /* the next round, or a hook that said "not yet" */
    struct bl_mono round_began, hooks_end;
    uint32_t hook_at;
    bool has_seen;                                /* the units, before this round */
    char trouble[AGENT_JOB_REASON_BYTES_MAX + 1]; /* the last probe that broke */
    struct agent_samples_seen seen[PROTO_UNITS_MAX];
    struct check units[PROTO_UNITS_MAX], ports[PROTO_PORTS_MAX], names[PROTO_DNS_NAMES_MAX];
    struct check http[PROTO_CHECKS_MAX], tcp[PROTO_CHECKS_MAX], hooks[PROTO_HOOKS_MAX];
    uint32_t http_asked[PROTO_CHECKS_MAX], tcp_asked[PROTO_CHECKS_MAX]; /* in this round */
    uint32_t http_asked_count, tcp_asked_count;
    struct agent_findings findings;
};

struct group {
    struct check *checks;
    uint32_t count;
    bool is_hook;   /* a broken one is a finding of its own */
    bool is_answer; /* good answers are recorded, too */
};

enum {
    GROUPS = 6,
};

static bool is_sampled(const struct agent_samples *samples)
{
    return samples->work->manifest.verify_again > 0;
}

static void list_groups(struct agent_samples *samples, struct group ret_groups[GROUPS])
{
    const struct proto_manifest *m = &samples->work->manifest;
    uint32_t ports = is_sampled(samples) ? m->verify_ports_count : 0;
    uint32_t names = is_sampled(samples) ? m->verify_names_count : 0;

    ret_groups[0] = (struct group){.checks = samples->units, .count = m->verify_units_count};
    ret_groups[1] = (struct group){.checks = samples->ports, .count = ports};
    ret_groups[2] = (struct group){.checks = samples->names, .count = names, .is_answer = true};
    ret_groups[3] =
        (struct group){.checks = samples->http, .count = m->verify_http_count, .is_answer = true};
    ret_groups[4] =
        (struct group){.checks = samples->tcp, .count = m->verify_tcp_count, .is_answer = true};
    ret_groups[5] = (struct group){.checks = samples->hooks,
                                   .count = m->verify_hooks_count,
                                   .is_hook = true,
                                   .is_answer = true};
}

/* ---- one sample of one check --------------------------------------------------------------- */

static bool is_open(const struct check *check)
{
    return check->verdict == 0 || check->verdict == AGENT_TALLY_OPEN;
}

static void judge(const struct agent_samples *samples, struct check *check)
{
    const struct proto_manifest *m = &samples->work->manifest;
    uint32_t all = (uint32_t)m->verify_again + 1;

    check->verdict = agent_tally_judge(&check->tally, all - (uint32_t)m->verify_bad_allowed, all);
}

static BL_PRINTF(5, 6) void sample(const struct agent_samples *samples, struct check *check,
                                   bool is_good, const char *code, const char *fmt, ...)
{
    bool was_bad = check->tally.bad + check->tally.errors > 0;
    va_list args;

    if (is_good)
        check->tally.good++;
    else
        check->tally.bad++;
    if (!is_good || !was_bad) {
        va_start(args, fmt);
        (void)vsnprintf(check->line, sizeof(check->line), fmt, args);
        va_end(args);
        check->code = code;
    }
    judge(samples, check);
}

static void sample_error(const struct agent_samples *samples, struct check *check, const char *code,
                         const char *why)
{
    check->tally.errors++;
    check->code = code;
    (void)snprintf(check->line, sizeof(check->line), "%s", why);
    judge(samples, check);
}

/* All of a probe's checks: none of them got an answer. */
static void sample_errors(struct agent_samples *samples, struct check *checks, uint32_t count,
                          const char *why)
{
    (void)snprintf(samples->trouble, sizeof(samples->trouble), "%s", why);
    for (uint32_t i = 0; i < count; i++) {
        if (is_open(&checks[i]))
            sample_error(samples, &checks[i], "", why);
    }
}

/* ---- the end ------------------------------------------------------------------------------- */

static void tell(struct agent_samples *samples, const struct check *check,
                 const struct group *group)
{
    const struct proto_manifest *m = &samples->work->manifest;
    uint32_t all = (uint32_t)m->verify_again + 1, made;
    char counts[80] = "";

    made = check->tally.good + check->tally.bad + check->tally.errors;
    if (all > 1) {
        (void)snprintf(counts, sizeof(counts), " (%u of %u good, %u of %u needed)",
                       check->tally.good, made, all - (unsigned)m->verify_bad_allowed, all);
    }
    if (check->verdict == AGENT_TALLY_FAILS || group->is_hook) {
        if (check->verdict != AGENT_TALLY_HOLDS)
            agent_findings_found(&samples->findings, check->code, "%s%s", check->line, counts);
        else
            agent_findings_answer(&samples->findings, check->code, "%s%s", check->line, counts);
    } else if (check->verdict == AGENT_TALLY_HOLDS && (group->is_answer || check->tally.bad > 0)) {
        agent_findings_answer(&samples->findings, check->code, "%s%s", check->line, counts);
    }
}

static void end(struct agent_samples *samples)
{
    struct group groups[GROUPS];
    bool is_unknown = false;

    list_groups(samples, groups);
    for (uint32_t g = 0; g < GROUPS; g++) {
        for (uint32_t i = 0; i < groups[g].count; i++) {
            const struct check *check = &groups[g].checks[i];

            tell(samples, check, &groups[g]);
            is_unknown =
                is_unknown || (check->verdict == AGENT_TALLY_UNKNOWN && !groups[g].is_hook);
        }
    }
    samples->caller.done(samples->caller.userdata, &samples->findings,
                         is_unknown ? samples->trouble : "");
}

static void begin_round(struct agent_samples *samples);

static int on_round(sd_event_source *source, uint64_t usec, void *userdata)
{
    begin_round(userdata);
    return 0;
}

/* Below 0: there is no timer, and `callback` will not come. */
static int set_timer(struct agent_samples *samples, int64_t after_ms,
                     sd_event_time_handler_t callback)
{
    samples->timer = sd_event_source_disable_unref(samples->timer);

    return sd_event_add_time_relative(samples->host->loop, &samples->timer, CLOCK_BOOTTIME,
                                      (uint64_t)(after_ms > 0 ? after_ms : 0) * 1000, 0, callback,
                                      samples);
}

static void end_round(struct agent_samples *samples)
{
    const struct proto_manifest *m = &samples->work->manifest;
    struct bl_mono next = bl_mono_after(samples->round_began, (int64_t)m->verify_every_ms);
    struct group groups[GROUPS];
    bool is_any_open = false;

    list_groups(samples, groups);
    for (uint32_t g = 0; g < GROUPS; g++) {
        for (uint32_t i = 0; i < groups[g].count; i++)
            is_any_open = is_any_open || is_open(&groups[g].checks[i]);
    }
    if (!is_any_open) {
        end(samples);
    } else if (set_timer(samples, next.ms - bl_mono_now().ms, on_round) < 0) {
        samples->caller.done(samples->caller.userdata, &samples->findings, "no timer");
    }
}

/* ---- hooks ------------------------------------------------------------------------------- */

static void ask_next_hook(struct agent_samples *samples);

static int on_hook_again(sd_event_source *source, uint64_t usec, void *userdata)
{
    ask_next_hook(userdata);
    return 0;
}

static bool waits_for_hook(struct agent_samples *samples)
{
    struct bl_mono next = bl_mono_after(bl_mono_now(), HOOK_AGAIN_MS);

    return !bl_mono_reached(next, samples->hooks_end) &&
           set_timer(samples, HOOK_AGAIN_MS, on_hook_again) >= 0;
}

static void on_hook(void *userdata, const struct agent_hook_answer *answer)
{
    struct agent_samples *samples = userdata;
    const char *name = samples->work->manifest.verify_hooks[samples->hook_at].text;
    struct check *check = &samples->hooks[samples->hook_at];
    const char *line = answer->line[0] != '\0' ? answer->line : "it gave no reason";
    char broken[LINE_BYTES];

    sd_journal_print(LOG_INFO, "Hook %s printed: %s", name, answer->output);
    switch (answer->end) {
    case AGENT_HOOK_SAYS_GO:
        sample(samples, check, true, "hook_says_bad", "hook %s: good%s%s", name,
               answer->line[0] != '\0' ? ": " : "", answer->line);
        break;
    case AGENT_HOOK_SAYS_STOP:
        sample(samples, check, false, "hook_says_bad", "hook %s: %s", name, line);
        break;
    case AGENT_HOOK_SAYS_LATER:
        if (waits_for_hook(samples)) {
            samples->hook = agent_hook_free(samples->hook);
            return;
        }
        sample(samples, check, false, "hook_not_ready", "hook %s still says not yet: %s", name,
               line);
        break;
    case AGENT_HOOK_IS_BROKEN:
        (void)snprintf(broken, sizeof(broken), "hook %s is broken and tells nothing: %s", name,
                       line);
        sample_error(samples, check, "hook_broken", broken);
        break;
    }
    samples->hook = agent_hook_free(samples->hook);
    samples->hook_at++;
    ask_next_hook(samples);
}

static void ask_next_hook(struct agent_samples *samples)
{
    const struct proto_manifest *m = &samples->work->manifest;
    const struct agent_hook_caller caller = {samples, on_hook};
    struct bl_error err = {0};

    while (samples->hook_at < m->verify_hooks_count && !is_open(&samples->hooks[samples->hook_at]))
        samples->hook_at++;
    if (samples->hook_at == m->verify_hooks_count) {
        end_round(samples);
    } else if (agent_hook_start(samples->host, samples->work,
                                m->verify_hooks[samples->hook_at].text, "verify", &caller,
                                &samples->hook, &err) < 0) {
        samples->caller.done(samples->caller.userdata, &samples->findings, err.text);
    }
}

/* ---- pages and addresses ------------------------------------------------------------------- */

static void take_pages(struct agent_samples *samples, const struct agent_check_result *result)
{
    for (uint32_t i = 0; i < result->http_count; i++) {
        sample(samples, &samples->http[samples->http_asked[i]], result->http[i].is_right,
               "http_wrong", "%s", result->http[i].line);
    }
    for (uint32_t i = 0; i < result->tcp_count; i++) {
        sample(samples, &samples->tcp[samples->tcp_asked[i]], result->tcp[i].is_right, "tcp_closed",
               "%s", result->tcp[i].line);
    }
}

static void on_pages(void *userdata, const void *data, size_t data_bytes, const char *why)
{
    struct agent_samples *samples = userdata;
    const struct proto_manifest *m = &samples->work->manifest;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_check_result result;
    struct bl_error err = {0};

    if (data != NULL &&
        proto_decode(&agent_check_result_schema, data, data_bytes, &arena, &result, &err) < 0) {
        data = NULL;
        why = err.text;
    }
    /* An answer for each: none may be missing in silence. */
    if (data != NULL &&
        (result.format != AGENT_CHECK_FORMAT || result.http_count != samples->http_asked_count ||
         result.tcp_count != samples->tcp_asked_count)) {
        data = NULL;
        why = "belay-check gave an answer to another question";
    }
    if (data != NULL) {
        take_pages(samples, &result);
    } else {
        sample_errors(samples, samples->http, m->verify_http_count, why);
        sample_errors(samples, samples->tcp, m->verify_tcp_count, why);
    }
    samples->pages = agent_ask_free(samples->pages);
    ask_next_hook(samples);
}

static void ask_pages(struct agent_samples *samples)
{
    const struct proto_manifest *m = &samples->work->manifest;
    struct proto_http_check http[PROTO_CHECKS_MAX];
    struct proto_text tcp[PROTO_CHECKS_MAX];
    struct agent_check_task task = {.format = AGENT_CHECK_FORMAT, .http = http, .tcp = tcp};
    const struct agent_ask_task question = {.folder = "check",
                                            .schema = &agent_check_task_schema,
                                            .record = &task,
                                            .answer_bytes_max = AGENT_CHECK_RESULT_BYTES_MAX};
    const struct agent_ask_caller caller = {samples, on_pages};
    struct bl_error err = {0};

    for (uint32_t i = 0; i < m->verify_http_count; i++) {
        if (is_open(&samples->http[i])) {
            samples->http_asked[task.http_count] = i;
            http[task.http_count++] = m->verify_http[i];
        }
    }
    for (uint32_t i = 0; i < m->verify_tcp_count; i++) {
        if (is_open(&samples->tcp[i])) {
            samples->tcp_asked[task.tcp_count] = i;
            tcp[task.tcp_count++] = m->verify_tcp[i];
        }
    }
    samples->http_asked_count = task.http_count;
    samples->tcp_asked_count = task.tcp_count;
    if (task.http_count + task.tcp_count == 0)
        ask_next_hook(samples);
    else if (agent_ask_start(samples->host, &question, &caller, &samples->pages, &err) < 0)
        samples->caller.done(samples->caller.userdata, &samples->findings, err.text);
}

/* ---- ports and names ----------------------------------------------------------------------- */

static bool listens(const struct agent_probe_result *result, const struct proto_port *port)
{
    for (uint32_t i = 0; i < result->listeners_count; i++) {
        if (result->listeners[i].transport == port->transport &&
            result->listeners[i].port == port->port)
            return true;
    }

    return false;
}

static bool resolves(const struct agent_probe_result *result, const char *name)
{
    for (uint32_t i = 0; i < result->names_count; i++) {
        if (strcmp(result->names[i].name, name) == 0)
            return result->names[i].resolves;
    }

    return false;
}

static void take_network(struct agent_samples *samples, const struct agent_probe_result *result)
{
    const struct proto_manifest *m = &samples->work->manifest;

    for (uint32_t i = 0; i < m->verify_ports_count; i++) {
        const struct proto_port *port = &m->verify_ports[i];
        bool is_good = listens(result, port);

        if (is_open(&samples->ports[i])) {
            sample(samples, &samples->ports[i], is_good, "port_closed", "%s listens on %s/%llu",
                   is_good ? "somebody" : "nobody", proto_transport_name(port->transport),
                   (unsigned long long)port->port);
        }
    }
    for (uint32_t i = 0; i < m->verify_names_count; i++) {
        const char *name = m->verify_names[i].text;
        bool is_good = resolves(result, name);

        if (is_open(&samples->names[i])) {
            sample(samples, &samples->names[i], is_good, "name_unresolved", "%s %s", name,
                   is_good ? "resolves" : "does not resolve");
        }
    }
}

static void on_network(void *userdata, const struct agent_probe_result *result, const char *why)
{
    struct agent_samples *samples = userdata;
    const struct proto_manifest *m = &samples->work->manifest;

    if (result != NULL) {
        take_network(samples, result);
    } else {
        sample_errors(samples, samples->ports, m->verify_ports_count, why);
        sample_errors(samples, samples->names, m->verify_names_count, why);
    }
    samples->probe = agent_probe_free(samples->probe);
    ask_pages(samples);
}

static void ask_network(struct agent_samples *samples)
{
    const struct proto_manifest *m = &samples->work->manifest;
    const struct agent_probe_task task = {.format = AGENT_PROBE_FORMAT,
                                          .what = AGENT_PROBE_NETWORK,
                                          .timeout_ms = PROBE_TIMEOUT_MS,
                                          .names = m->verify_names,
                                          .names_count = m->verify_names_count};
    const struct agent_probe_caller caller = {samples, on_network};
    struct bl_error err = {0};

    if (!is_sampled(samples) || m->verify_ports_count + m->verify_names_count == 0)
        ask_pages(samples);
    else if (agent_probe_start(samples->host, &task, &caller, &samples->probe, &err) < 0)
        samples->caller.done(samples->caller.userdata, &samples->findings, err.text);
}

/* ---- units ------------------------------------------------------------------------------- */

struct agent_samples_seen agent_samples_see(const struct agent_unit *unit)
{
    return (struct agent_samples_seen){
        .main_pid = unit != NULL ? unit->main_pid : 0,
        .restarts = unit != NULL ? unit->restarts : 0,
        .was_active = unit != NULL && unit->state == AGENT_UNIT_ACTIVE,
    };
}

const char *agent_samples_fault_of(const struct agent_unit *unit,
                                   const struct agent_samples_seen *seen)
{
    if (unit != NULL && unit->state == AGENT_UNIT_FAILED)
        return "unit_failed"; /* as everywhere: the plan's grade of it counts here, too */
    if (unit == NULL || unit->state != AGENT_UNIT_ACTIVE)
        return "unit_not_up";
    if (seen != NULL &&
        (unit->restarts > seen->restarts || (seen->was_active && unit->main_pid != seen->main_pid)))
        return "unit_restarts";

    return NULL;
}

static void sample_unit(struct agent_samples *samples, uint32_t index, const char *name,
                        const struct agent_unit *unit)
{
    struct agent_samples_seen *seen = &samples->seen[index];
    struct check *check = &samples->units[index];
    const char *fault = agent_samples_fault_of(unit, samples->has_seen ? seen : NULL);

    if (unit == NULL || unit->state != AGENT_UNIT_ACTIVE)
        sample(samples, check, false, fault, "%s of the plan is %s", name,
               unit == NULL ? "inactive" : agent_unit_state_name(unit->state));
    else if (fault != NULL)
        sample(samples, check, false, fault, "%s of the plan did not stay up", name);
    else
        sample(samples, check, true, "unit_not_up", "%s of the plan is active", name);
    *seen = agent_samples_see(unit);
}

static void on_units(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_samples *samples = userdata;
    const struct proto_manifest *m = &samples->work->manifest;

    samples->units_call = NULL;
    if (answer->end != AGENT_UNITS_OK)
        sample_errors(samples, samples->units, m->verify_units_count, answer->why);
    for (uint32_t i = 0; answer->end == AGENT_UNITS_OK && i < m->verify_units_count; i++) {
        const char *name = m->verify_units[i].text;

        if (is_open(&samples->units[i]))
            sample_unit(samples, i, name, agent_units_find(answer->list, name));
    }
    samples->has_seen = samples->has_seen || answer->end == AGENT_UNITS_OK;
    ask_network(samples);
}

static void begin_round(struct agent_samples *samples)
{
    int r;

    samples->round_began = bl_mono_now();
    samples->hook_at = 0;
    r = agent_units_list(samples->host->units, on_units, samples, &samples->units_call);
    if (r < 0)
        samples->caller.done(samples->caller.userdata, &samples->findings, strerror(-r));
}

int agent_samples_start(struct agent_host *host, const struct agent_work *work,
                        const struct agent_samples_seen *seen,
                        const struct agent_samples_caller *caller,
                        struct agent_samples **ret_samples, struct bl_error *err)
{
    struct agent_samples *samples = calloc(1, sizeof(*samples));
    int r;

    if (samples == NULL)
        return bl_fail(err, -ENOMEM, "no memory for samples");
    samples->host = host;
    samples->work = work;
    samples->caller = *caller;
    samples->findings.manifest = &work->manifest;
    samples->hooks_end = bl_mono_after(bl_mono_now(), proto_manifest_checks_ms(&work->manifest));
    samples->has_seen = seen != NULL;
    if (seen != NULL)
        memcpy(samples->seen, seen, sizeof(samples->seen));
    r = set_timer(samples, 0, on_round);
    if (r < 0) {
        (void)agent_samples_free(samples);
        return bl_fail(err, r, "set a timer: %s", strerror(-r));
    }

    *ret_samples = samples;
    return 0;
}

struct agent_samples *agent_samples_free(struct agent_samples *samples)
{
    if (samples == NULL)
        return NULL;
    samples->units_call = agent_units_drop(samples->units_call);
    samples->probe = agent_probe_free(samples->probe);
    samples->pages = agent_ask_free(samples->pages);
    samples->hook = agent_hook_free(samples->hook);
    sd_event_source_disable_unref(samples->timer);
    free(samples);

    return NULL;
}
