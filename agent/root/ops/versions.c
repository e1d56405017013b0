/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/versions.h"

#include <stdint.h>

static const struct {
    const char *name, *least, *why;
} rules[AGENT_ERRAND_TOOL_LAST + 1] = {
    [AGENT_ERRAND_DPKG] = {"dpkg", "1.20", "older ones were never tried with belay"},
    [AGENT_ERRAND_APT] = {"apt", "2.0", "older ones can't wait for the lock of dpkg"},
    [AGENT_ERRAND_DNF] = {"dnf", "4.7", "older ones were never tried with belay"},
    [AGENT_ERRAND_RPM] = {"rpm", "4.16", "older ones keep their database in another form"},
    [AGENT_ERRAND_SYSTEMD] = {"systemd", "248", "older ones can't run belay's units as written"},
    [AGENT_ERRAND_SSHD] = {"sshd", "8.2", "older ones know no Include, which the SSH lock needs"},
};

static uint64_t take_number(const char **text)
{
    uint64_t number = 0;

    for (; **text >= '0' && **text <= '9' && number < UINT32_MAX; (*text)++)
        number = number * 10 + (uint64_t)(**text - '0');
    while (**text >= '0' && **text <= '9')
        (*text)++;
    if (**text == '.')
        (*text)++;

    return number;
}

int agent_versions_compare(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        uint64_t in_a = take_number(&a), in_b = take_number(&b);

        if (in_a != in_b)
            return in_a < in_b ? -1 : 1;
        /* Anything that is no number ends a version. */
        if ((*a != '\0' && (*a < '0' || *a > '9')) || (*b != '\0' && (*b < '0' || *b > '9')))
            return 0;
    }

    return 0;
}

void agent_versions_judge(const struct agent_errand_tool *tools, uint32_t tool_count,
                          struct agent_findings *inhibitors, struct agent_findings *warnings)
{
    for (uint32_t i = 0; i < tool_count; i++) {
        const char *version = tools[i].version, *name = rules[tools[i].tool].name;

        if (version[0] == '\0') {
            agent_findings_add(warnings, PROTO_GRADE_MINOR, "version_unknown",
                               "%s does not tell its version -> belay needs %s or newer", name,
                               rules[tools[i].tool].least);
        } else if (agent_versions_compare(version, rules[tools[i].tool].least) < 0) {
            agent_findings_add(inhibitors, PROTO_GRADE_FUNCTIONAL, "too_old",
                               "%s is %s, belay needs %s: %s -> upgrade the distribution", name,
                               version, rules[tools[i].tool].least, rules[tools[i].tool].why);
        }
    }
}
