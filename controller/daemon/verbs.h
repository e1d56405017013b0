/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_VERBS_H
#define CTL_DAEMON_VERBS_H

#include "controller/daemon/call.h"

/* One function a verb; the table is in verbs.c, the contract in docs/control.md. */
void ctl_verb_info(struct ctl_call *call);
void ctl_verb_audit(struct ctl_call *call);
void ctl_verb_audit_accept(struct ctl_call *call);
void ctl_verb_trust_set(struct ctl_call *call);
void ctl_verb_trust_get(struct ctl_call *call);

void ctl_verb_hosts_list(struct ctl_call *call);
void ctl_verb_hosts_show(struct ctl_call *call);
void ctl_verb_hosts_label(struct ctl_call *call);
void ctl_verb_hosts_approve(struct ctl_call *call);
void ctl_verb_hosts_revoke(struct ctl_call *call);
void ctl_verb_enroll_token(struct ctl_call *call);
void ctl_verb_enroll_key(struct ctl_call *call);

void ctl_verb_desk_list(struct ctl_call *call);
void ctl_verb_desk_admit(struct ctl_call *call);
void ctl_verb_desk_revoke(struct ctl_call *call);

void ctl_verb_durations(struct ctl_call *call);
void ctl_verb_deny_list(struct ctl_call *call);
void ctl_verb_deny_add(struct ctl_call *call);
void ctl_verb_deny_lift(struct ctl_call *call);

void ctl_verb_ping(struct ctl_call *call);
void ctl_verb_query(struct ctl_call *call);

void ctl_verb_rollouts_list(struct ctl_call *call);
void ctl_verb_hooks(struct ctl_call *call);
void ctl_verb_overview(struct ctl_call *call);
void ctl_verb_status(struct ctl_call *call);
void ctl_verb_watch(struct ctl_call *call);
void ctl_verb_freeze(struct ctl_call *call);
void ctl_verb_unfreeze(struct ctl_call *call);
void ctl_verb_pause(struct ctl_call *call);
void ctl_verb_resume(struct ctl_call *call);
void ctl_verb_abort(struct ctl_call *call);
void ctl_verb_rollback(struct ctl_call *call);
void ctl_verb_approve(struct ctl_call *call);
void ctl_verb_manifest(struct ctl_call *call);
void ctl_verb_report(struct ctl_call *call);
void ctl_verb_why(struct ctl_call *call);
void ctl_verb_leases(struct ctl_call *call);

#endif
