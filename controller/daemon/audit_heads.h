/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_AUDIT_HEADS_H
#define CTL_DAEMON_AUDIT_HEADS_H

#include "controller/daemon/engine.h"

/*
 * Controller and hosts keep each other's head of the audit, so that cutting or rewriting the log of the
 * one shows at the other. A host tells its head after each WELCOME, and when it is asked by the clock;
 * the newest is in the store, and once a day it is a row of our own chain, too. What does not fit is a
 * row at once ("audit.broken"), and stays with the host until a person has looked: audit.accept.
 */
enum {
    CTL_AUDIT_HEADS_EVERY_MS = 10 * 60 * 1000,
    CTL_AUDIT_HEADS_ROW_EVERY_MS = 24 * 60 * 60 * 1000,
    CTL_AUDIT_HEADS_BROKEN_ROW_EVERY_MS = 60 * 60 * 1000,
};

/* Tells the host our head and asks for its own, when that is due. By the clock. */
int ctl_audit_heads_look(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         struct bl_error *err) BL_CHECKED;

int ctl_audit_heads_take(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         const struct proto_audit_state *state, struct bl_error *err) BL_CHECKED;

enum {
    CTL_AUDIT_BREAK_BYTES = 256,
};

/*
 * What is wrong with the host's chain: "" for nothing. `kept`: what it told before; `now`: what it
 * tells, with its hash at the kept row when that was asked for. Pure.
 */
void ctl_audit_heads_compare(const struct ctl_store_head *kept, const struct proto_audit_state *now,
                             char ret_break[CTL_AUDIT_BREAK_BYTES]);

/* Sends the head that was queued for this host: behind the commit. */
int ctl_audit_heads_send(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         struct bl_error *err) BL_CHECKED;

#endif
