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

int proto_manifest_check_verify(const struct proto_manifest *m, int code, struct bl_error *err)
{
    for (uint32_t i = 0; i < m->verify_ports_count; i++) {
        if (m->verify_ports[i].port == 0)
            return bl_fail(err, code, "verify_ports[%u]: is 0", i);
    }
    for (uint32_t i = 0; i < m->verify_http_count; i++) {
        const struct proto_http_check *check = &m->verify_http[i];

        if (!proto_is_http_url(check->url))
            return bl_fail(err, code, "verify_http[%u]: is not a URL of http or https", i);
        if (check->status < 100 || check->within_ms == 0)
            return bl_fail(err, code, "verify_http[%u]: no status, or no time", i);
    }
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
        int r = check_log(&m->verify_logs[i], code, err);

        if (r < 0)
            return bl_wrap(err, "verify_logs[%u]", i);
    }

    return check_samples(m, code, err);
}

int64_t proto_manifest_checks_ms(const struct proto_manifest *manifest)
{
    uint64_t hooks_ms = manifest->verify_hooks_count > 0 ? PROTO_HOOKS_WITHIN_MS : 0;
    uint64_t logs_ms = 0; /* all logs are read at the same time */

    for (uint32_t i = 0; i < manifest->verify_logs_count; i++) {
        if (manifest->verify_logs[i].within_ms > logs_ms)
            logs_ms = manifest->verify_logs[i].within_ms;
    }

    return (int64_t)(manifest->verify_again * manifest->verify_every_ms + hooks_ms + logs_ms);
}
