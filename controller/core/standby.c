/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/core/standby.h"

#include <stdio.h>

static const char *const names[CTL_STANDBY_LAST + 1] = {
    [CTL_STANDBY_READY] = "ready",   [CTL_STANDBY_UNKNOWN] = "unknown",
    [CTL_STANDBY_ABSENT] = "absent", [CTL_STANDBY_CHANGED] = "changed",
    [CTL_STANDBY_FAILED] = "failed",
};

const char *ctl_standby_state_name(uint32_t state)
{
    return state >= CTL_STANDBY_READY && state <= CTL_STANDBY_LAST ? names[state] : "?";
}

/* NULL: it is there, and believed. */
static const char *why_absent(const struct ctl_standby_facts *facts)
{
    if (!facts->is_enrolled)
        return "its key was revoked: nothing it says is taken in";
    if (facts->is_held)
        return "two machines are connected with its key: neither is believed";
    if (!facts->is_connected)
        return "it is not connected";

    return NULL;
}

enum ctl_standby_state ctl_standby_judge(const struct ctl_standby_facts *facts, char *ret_reason,
                                         size_t reason_bytes)
{
    const char *absent = why_absent(facts);

    if (absent != NULL) {
        (void)snprintf(ret_reason, reason_bytes, "%s", absent);
        return CTL_STANDBY_ABSENT;
    }
    if (!facts->has_told) {
        (void)snprintf(ret_reason, reason_bytes, "it has not told what it has%s%s",
                       facts->why_not[0] != '\0' ? ": " : " yet", facts->why_not);
        return CTL_STANDBY_UNKNOWN;
    }
    if (facts->package[0] != '\0') {
        (void)snprintf(ret_reason, reason_bytes, "%.128s is %.128s there, signed was %.128s",
                       facts->package,
                       facts->installed[0] != '\0' ? facts->installed : "not installed",
                       facts->signed_as[0] != '\0' ? facts->signed_as : "none");
        return CTL_STANDBY_CHANGED;
    }
    if (facts->failed_unit[0] != '\0') {
        (void)snprintf(ret_reason, reason_bytes,
                       "%.128s has failed there, and had not when this was signed",
                       facts->failed_unit);
        return CTL_STANDBY_FAILED;
    }
    (void)snprintf(ret_reason, reason_bytes, "connected, and as it was when this was signed");

    return CTL_STANDBY_READY;
}
