/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_CHECK_H
#define CTL_DAEMON_CHECK_H

#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Looks whether a state directory is what belayd needs, without changing what it says: the database
 * is whole, the chain of the audit is, and each rollout, replayed from its events, is what the
 * store's lists tell of it. What is wrong is printed to standard error, a line each.
 */
struct ctl_check_result {
    uint64_t hosts_count, rollouts_count, events_count, audit_rows_count;
    uint64_t problems_count;
};

/*
 * 0, also when there are problems. -EBUSY while a belayd has the directory; anything else: it can't
 * be looked at, as a damaged database can't.
 */
int ctl_check_state(const char *state_dir, struct ctl_check_result *ret_result,
                    struct bl_error *err) BL_CHECKED;

#endif
