/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SSH_LOCK_H
#define AGENT_LEASE_SSH_LOCK_H

#include "agent/lease/lease.h"

/*
 * No new SSH logins but from kept addresses or by members of kept groups: a few lines in sshd's
 * configuration (ssh_config.h) with a lease. A connection is kept when either holds; with neither
 * list nobody is. Open sessions live on unless the manifest says otherwise.
 *
 * All calls are synchronous, take a fraction of a second, and may be repeated. They need to write
 * the lease directory and /etc/ssh, to run sshd, and to ask PID 1. What sshd would refuse is never
 * given to it: it is asked before each start.
 *
 * Codes: ssh_lock_taken (another job holds it), ssh_lock_bad_keep, ssh_lock_keeps_all,
 * ssh_lock_other_server (who serves SSH can't be locked), ssh_lock_config (sshd does not accept its
 * configuration), ssh_lock_no_effect, ssh_lock_refresh, ssh_lock_failed (the host: disk, PID 1, ...).
 */
int agent_ssh_lock_take(const struct agent_lease_places *places, const char *job,
                        const struct proto_manifest *manifest,
                        struct agent_lease_outcome *ret_outcome, struct bl_error *err) BL_CHECKED;

/*
 * Whether it could be taken as things are, and changes nothing: 1 yes; 0 there is no SSH server;
 * below 0 no, and the outcome has the code and a reason with its remedy.
 */
int agent_ssh_lock_check(const struct agent_lease_places *places,
                         const struct proto_manifest *manifest,
                         struct agent_lease_outcome *ret_outcome, struct bl_error *err) BL_CHECKED;

/*
 * Puts the lock of `job` back when somebody has replaced sshd's configuration meanwhile. 1: was
 * put back; 0: it stands, or is not held, or its lease is over. A configuration that sshd refuses
 * is left alone (-EPROTO): no sshd can be started with it.
 */
int agent_ssh_lock_keep(const struct agent_lease_places *places, const char *job,
                        const struct proto_manifest *manifest, struct bl_error *err) BL_CHECKED;

/*
 * Gives back whatever is there, with or without a readable record. When sshd refuses the
 * configuration that somebody else wrote meanwhile, the lock is out of its files, and sshd opens
 * when it is started with a good one: that fails with ssh_lock_config until it was done.
 */
int agent_ssh_lock_release(const struct agent_lease_places *places,
                           struct agent_lease_outcome *ret_outcome, struct bl_error *err)
    BL_CHECKED;

#endif
