/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_SUBMIT_H
#define CTL_DAEMON_SUBMIT_H

#include "controller/daemon/call.h"

/* The verb "submit": refuses early what every host would refuse, stores, and begins. */
void ctl_submit(struct ctl_call *call);

#endif
