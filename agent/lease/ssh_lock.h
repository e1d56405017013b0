/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SSH_LOCK_H
#define AGENT_LEASE_SSH_LOCK_H

#include "agent/lease/lease.h"

/*
 * No new SSH logins but from kept addresses or by members of kept groups: a drop-in of sshd with a
 * lease. A connection is kept when either holds; with neither list nobody is. Open sessions live
 * on unless the manifest says otherwise.
 *
 * Both calls are synchronous, take a fraction of a second, and may be repeated. Needs to write the
 * lease directory and sshd_config.d, to run sshd, and to ask PID 1.
 *
 * Codes: ssh_lock_taken (another job holds it), ssh_lock_bad_keep, ssh_lock_keeps_all,
 * ssh_lock_no_include, ssh_lock_config (sshd does not accept its configuration),
 * ssh_lock_no_effect, ssh_lock_refresh, ssh_lock_failed (the host: disk, PID 1, ...).
 */
int agent_ssh_lock_take(const struct agent_lease_places *places, const char *job,
                        const struct proto_manifest *manifest,
                        struct agent_lease_outcome *ret_outcome, struct bl_error *err) BL_CHECKED;

/* Gives back whatever is there, with or without a readable record. */
int agent_ssh_lock_release(const struct agent_lease_places *places,
                           struct agent_lease_outcome *ret_outcome, struct bl_error *err)
    BL_CHECKED;

#endif
