/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/verbs.h"

#include "controller/daemon/origin.h"
#include "controller/daemon/submit.h"

/* Closed: what is not in here can't be asked for. */
const struct ctl_verb ctl_verbs[] = {
    {"info", "", ctl_verb_info},
    {"audit", "limit rollout", ctl_verb_audit},
    {"trust.set", "trust", ctl_verb_trust_set},
    {"trust.get", "", ctl_verb_trust_get},
    {"hosts.list", "hosts match state", ctl_verb_hosts_list},
    {"hosts.show", "host", ctl_verb_hosts_show},
    {"hosts.label", "host set unset", ctl_verb_hosts_label},
    {"hosts.approve", "host", ctl_verb_hosts_approve},
    {"hosts.revoke", "host", ctl_verb_hosts_revoke},
    {"deny.list", "", ctl_verb_deny_list},
    {"deny.add", "package version reason", ctl_verb_deny_add},
    {"deny.lift", "package version rollout", ctl_verb_deny_lift},
    {"enroll.token", "labels uses expires_ms", ctl_verb_enroll_token},
    {"enroll.key", "", ctl_verb_enroll_key},
    {"ping", "hosts match timeout_ms", ctl_verb_ping},
    {"query",
     "hosts match package_set packages excludes allow_remove allow_downgrade deny_new ignore_phasing "
     "timeout_ms",
     ctl_verb_query},
    {"submit", "plan_text plan_name manifest signatures hosts policy targets retry_of", ctl_submit},
    {"plan", "rollout", ctl_verb_plan},
    {"durations", "limit", ctl_verb_durations},
    {"rollouts.list", "limit", ctl_verb_rollouts_list},
    {"overview", "", ctl_verb_overview},
    {"status", "rollout", ctl_verb_status},
    {"watch", "rollout", ctl_verb_watch},
    {"freeze", "for_ms reason", ctl_verb_freeze},
    {"unfreeze", "", ctl_verb_unfreeze},
    {"pause", "rollout", ctl_verb_pause},
    {"resume", "rollout", ctl_verb_resume},
    {"abort", "rollout", ctl_verb_abort},
    {"rollback", "rollout host wave", ctl_verb_rollback},
    {"approve", "approval", ctl_verb_approve},
    {"manifest", "rollout", ctl_verb_manifest},
    {"report", "rollout", ctl_verb_report},
    {"why", "subject", ctl_verb_why},
    {"leases", "hosts match", ctl_verb_leases},
};

const size_t ctl_verb_count = sizeof(ctl_verbs) / sizeof(ctl_verbs[0]);
