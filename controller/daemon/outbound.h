/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_OUTBOUND_H
#define CTL_DAEMON_OUTBOUND_H

#include "controller/daemon/engine.h"

/*
 * Sends what the committed turn owes. Orders to hosts that are absent or held are dropped: the
 * machine repeats them when the host is seen again.
 */
void ctl_outbound_flush(struct ctl_engine *engine);

#endif
