/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/verbs.h"

#include "controller/daemon/origin.h"
#include "controller/daemon/submit.h"

/*
 * Closed: what is not in here can't be asked for. A desk elsewhere may read, hand in what people
 * signed, and stop things; it may neither let a host or desk in, nor say whom hosts believe, nor
 * make go on again what a person stopped.
 */
const struct ctl_verb ctl_verbs[] = {
    {"info", "", ctl_verb_info, .is_for_desks = true},
    {"audit", "limit rollout heads", ctl_verb_audit, .is_for_desks = true},
    {"audit.accept", "host", ctl_verb_audit_accept},
    {"trust.set", "trust anew", ctl_verb_trust_set},
    {"trust.get", "", ctl_verb_trust_get, .is_for_desks = true},
    {"hosts.list", "hosts match state undecided", ctl_verb_hosts_list, .is_for_desks = true},
    {"hosts.show", "host", ctl_verb_hosts_show, .is_for_desks = true},
    {"hosts.label", "host set unset", ctl_verb_hosts_label},
    {"hosts.approve", "host", ctl_verb_hosts_approve},
    {"hosts.revoke", "host", ctl_verb_hosts_revoke},
    {"deny.list", "", ctl_verb_deny_list, .is_for_desks = true},
    {"deny.add", "package version reason", ctl_verb_deny_add},
    {"deny.lift", "package version rollout", ctl_verb_deny_lift},
    {"enroll.token", "labels uses expires_ms", ctl_verb_enroll_token},
    {"enroll.key", "", ctl_verb_enroll_key, .is_for_desks = true},
    {"ping", "hosts match timeout_ms", ctl_verb_ping, .is_for_desks = true},
    {"query",
     "hosts match package_set packages excludes allow_remove allow_downgrade deny_new ignore_phasing "
     "only_installed "
     "timeout_ms",
     ctl_verb_query, .is_for_desks = true},
    {"submit", "plan_text plan_name manifest signatures hosts policy targets retry_of standby_of",
     ctl_submit, .is_for_desks = true},
    {"plan", "rollout", ctl_verb_plan, .is_for_desks = true},
    {"desk.list", "", ctl_verb_desk_list},
    {"desk.admit", "name key", ctl_verb_desk_admit},
    {"desk.revoke", "desk", ctl_verb_desk_revoke},
    {"durations", "limit", ctl_verb_durations, .is_for_desks = true},
    {"hooks", "names", ctl_verb_hooks, .is_for_desks = true},
    {"rollouts.list", "limit", ctl_verb_rollouts_list, .is_for_desks = true},
    {"overview", "", ctl_verb_overview, .is_for_desks = true},
    {"status", "rollout", ctl_verb_status, .is_for_desks = true},
    {"watch", "rollout", ctl_verb_watch, .is_for_desks = true},
    {"freeze", "for_ms reason", ctl_verb_freeze},
    {"unfreeze", "", ctl_verb_unfreeze},
    {"pause", "rollout", ctl_verb_pause, .is_for_desks = true},
    {"resume", "rollout", ctl_verb_resume},
    {"abort", "rollout", ctl_verb_abort, .is_for_desks = true},
    {"rollback", "rollout host wave", ctl_verb_rollback, .is_for_desks = true},
    {"approve", "approval", ctl_verb_approve, .is_for_desks = true},
    {"manifest", "rollout", ctl_verb_manifest, .is_for_desks = true},
    {"report", "rollout", ctl_verb_report, .is_for_desks = true},
    {"why", "subject", ctl_verb_why, .is_for_desks = true},
    {"leases", "hosts match", ctl_verb_leases, .is_for_desks = true},
};

const size_t ctl_verb_count = sizeof(ctl_verbs) / sizeof(ctl_verbs[0]);
