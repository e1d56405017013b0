/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/path.h"
#include "common/pattern.h"
#include "common/text.h"
#include "proto/manifest.h"

static int check_samples(const struct proto_manifest *m, int code, struct bl_error *err)
{
    if (m->verify_bad_allowed > m->verify_again)
        return bl_fail(err, code, "verify_bad_allowed: above verify_again");
    if (m->verify_again == 0 ? m->verify_every_ms != 0
                             : m->verify_every_ms < PROTO_SAMPLES_EVERY_MS_MIN)
        return bl_fail(err, code, "verify_every_ms: does not go with verify_again");

    return 0;
}

static int check_log(const struct proto_log_check *log, int code, struct bl_error *err)
{
    if ((log->unit[0] != '\0') == (log->file[0] != '\0'))
        return bl_fail(err, code, "needs a unit or a file, and not both");
    if (log->unit[0] != '\0' && !bl_text_is_unit_name(log->unit))
        return bl_fail(err, code, "is not a unit");
    if (log->file[0] != '\0' && !bl_path_is_log_file(log->file))
        return bl_fail(err, code, "is no file below /var/log");
    if (log->bad[0] == '\0' && log->good[0] == '\0')
        return bl_fail(err, code, "has neither bad nor good");
    if ((log->bad[0] != '\0' && !bl_pattern_is_right(log->bad)) ||
        (log->good[0] != '\0' && !bl_pattern_is_right(log->good)))
        return bl_fail(err, code, "has a pattern that cannot be used");
    if ((log->good[0] != '\0') != (log->within_ms > 0))
        return bl_fail(err, code, "has a time that does not go with good");

    return 0;
}

static int check_http(const char *list, const struct proto_http_check *checks, uint32_t count,
                      int code, struct bl_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!proto_is_http_url(checks[i].url))
            return bl_fail(err, code, "%s[%u]: is not a URL of http or https", list, i);
        if (checks[i].status < 100 || checks[i].within_ms == 0)
            return bl_fail(err, code, "%s[%u]: no status, or no time", list, i);
    }

    return 0;
}

/* What a host of the sample gets must fit what it has: its lists become one. */
static int check_sample(const struct proto_manifest *m, int code, struct bl_error *err)
{
    const struct {
        const char *name;
        uint32_t count, limit;
    } lists[] = {
        {"units", m->verify_units_count + m->sample_units_count, PROTO_UNITS_MAX},
        {"http", m->verify_http_count + m->sample_http_count, PROTO_CHECKS_MAX},
        {"tcp", m->verify_tcp_count + m->sample_tcp_count, PROTO_CHECKS_MAX},
        {"hooks", m->verify_hooks_count + m->sample_hooks_count, PROTO_HOOKS_MAX},
        {"logs", m->verify_logs_count + m->sample_logs_count, PROTO_LOGS_MAX},
    };

    if (m->sample_hosts.size_bytes % PROTO_SAMPLE_HASH_BYTES != 0 ||
        (m->sample_all && m->sample_hosts.size_bytes > 0))
        return bl_fail(err, code, "sample_hosts: are no hosts, or some besides all");
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (lists[i].count > lists[i].limit)
            return bl_fail(err, code, "sample_%s: %u with those of verify; %u at most",
                           lists[i].name, lists[i].count, lists[i].limit);
    }
    for (uint32_t i = 0; i < m->sample_logs_count; i++) {
        int r = check_log(&m->sample_logs[i], code, err);

        if (r < 0)
            return bl_wrap(err, "sample_logs[%u]", i);
    }

    return check_http("sample_http", m->sample_http, m->sample_http_count, code, err);
}

int proto_manifest_check_verify(const struct proto_manifest *m, int code, struct bl_error *err)
{
    int r;

    for (uint32_t i = 0; i < m->verify_ports_count; i++) {
        if (m->verify_ports[i].port == 0)
            return bl_fail(err, code, "verify_ports[%u]: is 0", i);
    }
    r = check_http("verify_http", m->verify_http, m->verify_http_count, code, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < m->verify_figures_count; i++) {
        const char *problem = proto_figure_rule_problem(&m->verify_figures[i]);

        if (problem != NULL)
            return bl_fail(err, code, "verify_figures[%u]: %s", i, problem);
    }
    for (uint32_t i = 0; i < m->verify_grades_count; i++) {
        const char *name = m->verify_grades[i].code;

        if (proto_finding_find(name) == NULL)
            return bl_fail(err, code, "verify_grades[%u]: there is no finding '%s'", i, name);
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(m->verify_grades[j].code, name) == 0)
                return bl_fail(err, code, "verify_grades[%u]: '%s' twice", i, name);
        }
    }

    for (uint32_t i = 0; i < m->verify_logs_count; i++) {
        r = check_log(&m->verify_logs[i], code, err);
        if (r < 0)
            return bl_wrap(err, "verify_logs[%u]", i);
    }
    r = check_sample(m, code, err);
    if (r < 0)
        return r;

    return check_samples(m, code, err);
}

int64_t proto_manifest_checks_ms(const struct proto_manifest *manifest)
{
    const bool has_hooks = manifest->verify_hooks_count > 0 || manifest->sample_hooks_count > 0;
    uint64_t hooks_ms = has_hooks ? PROTO_HOOKS_WITHIN_MS : 0;
    uint64_t logs_ms = 0; /* all logs are read at the same time */

    /* With those of the sample, on every host: one limit for all, and the same before and after. */
    for (uint32_t i = 0; i < manifest->sample_logs_count; i++) {
        if (manifest->sample_logs[i].within_ms > logs_ms)
            logs_ms = manifest->sample_logs[i].within_ms;
    }
    for (uint32_t i = 0; i < manifest->verify_logs_count; i++) {
        if (manifest->verify_logs[i].within_ms > logs_ms)
            logs_ms = manifest->verify_logs[i].within_ms;
    }

    return (int64_t)(manifest->verify_again * manifest->verify_every_ms + hooks_ms + logs_ms);
}
