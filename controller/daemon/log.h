/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_LOG_H
#define CTL_DAEMON_LOG_H

#include "common/attr.h"

enum ctl_log_level {     /* as syslog counts */
    CTL_LOG_ERROR = 3,   /* we give up on something */
    CTL_LOG_WARNING = 4, /* we went on without something */
    CTL_LOG_NOTICE = 5,  /* what an operator wants to see in a review */
    CTL_LOG_INFO = 6,
};

/* One line on standard error with the level in front, as systemd's journal reads it. */
void ctl_log(enum ctl_log_level level, const char *fmt, ...) BL_PRINTF(2, 3);

#endif
