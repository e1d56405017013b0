/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_HOST_LIFE_H
#define CTL_DAEMON_HOST_LIFE_H

#include "controller/daemon/engine.h"

/*
 * A host numbers its reports in its journal, and that journal can go back: a snapshot of the machine
 * is restored, its disk is lost and only the key comes back. Then the same numbers come again with
 * other words, and what was reported before is no longer so. Each time that shows, a new life of the
 * host begins: its numbers count from anew, and rollouts take back what they believed by reports
 * that the host no longer knows of.
 */

/*
 * At HELLO: a host that has queued fewer reports than we have of it went back. While another
 * connection with its key may live this could as well be a copy of it, so then it is judged later.
 */
int ctl_host_life_hello(struct ctl_engine *engine, struct ctl_fleet_host *host, uint64_t last_seq,
                        struct bl_error *err) BL_CHECKED;

/* By the clock, each minute: judges what was put off, unless the host turned out to be two. */
int ctl_host_life_look(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
    BL_CHECKED;

/*
 * Stores a report; as ctl_store_add_report, but never CTL_STORED_CONTRADICTS: such a one is the first
 * word of a new life.
 */
int ctl_host_life_report(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         struct ctl_store_report *stored, struct bl_error *err) BL_CHECKED;

#endif
