/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_STANDBY_H
#define CTL_CORE_STANDBY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether a host that is kept as it was can take the traffic: judged from what is known of it. Pure.
 * It is never called ready while that is not known: a program is going to rely on it.
 */
enum ctl_standby_state {
    CTL_STANDBY_READY = 1,
    CTL_STANDBY_UNKNOWN, /* it is there, and has not told what it has */
    CTL_STANDBY_ABSENT,  /* it is not there, or nothing that it says is believed */
    CTL_STANDBY_CHANGED, /* it has other packages than it had when people signed */
    CTL_STANDBY_FAILED,  /* a unit failed that had not when people signed */
    CTL_STANDBY_LAST = CTL_STANDBY_FAILED,
};

struct ctl_standby_facts {
    bool is_enrolled, is_held, is_connected;
    bool has_told;           /* not too long ago; what follows is of then */
    const char *why_not;     /* it has not told; "" = it was not asked yet */
    const char *package;     /* the first that is not as it was; "" = all are */
    const char *signed_as;   /* in which version it was signed; "" = not installed */
    const char *installed;   /* and is there now; "" = it is not */
    const char *failed_unit; /* "" = none but those that had failed before */
};

/* With a sentence for people. */
enum ctl_standby_state ctl_standby_judge(const struct ctl_standby_facts *facts, char *ret_reason,
                                         size_t reason_bytes);

/* "ready", …; "?" when out of range. */
const char *ctl_standby_state_name(uint32_t state);

#endif
