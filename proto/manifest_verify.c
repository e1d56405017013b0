/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

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
    for (uint32_t i = 0; i < m->verify_grades_count; i++) {
        const char *name = m->verify_grades[i].code;

        if (proto_finding_find(name) == NULL)
            return bl_fail(err, code, "verify_grades[%u]: there is no finding '%s'", i, name);
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(m->verify_grades[j].code, name) == 0)
                return bl_fail(err, code, "verify_grades[%u]: '%s' twice", i, name);
        }
    }

    return check_samples(m, code, err);
}

int64_t proto_manifest_checks_ms(const struct proto_manifest *manifest)
{
    uint64_t hooks_ms = manifest->verify_hooks_count > 0 ? PROTO_HOOKS_WITHIN_MS : 0;

    return (int64_t)(manifest->verify_again * manifest->verify_every_ms + hooks_ms);
}
