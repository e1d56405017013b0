/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SSHD_H
#define AGENT_LEASE_SSHD_H

#include "agent/lease/lease.h"

/* The host's sshd: what it thinks of its configuration, and making it read that again. */

/* 1: installed; 0: there is none on this host. */
int agent_sshd_is_there(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

/* 0 when sshd accepts its configuration as it lies on disk; -EPROTO with its complaint. */
int agent_sshd_check(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

/* 0 when some address is not kept; -EPROTO when the lock would close nothing. */
int agent_sshd_has_strangers(const struct proto_manifest *manifest, struct bl_error *err)
    BL_CHECKED;

/*
 * Whether somebody who is not kept would be denied by the configuration on disk. Asks sshd itself,
 * for system users from an address of a documentation network.
 */
int agent_sshd_denies(const struct agent_lease_places *places,
                      const struct proto_manifest *manifest, bool *ret_denies, struct bl_error *err)
    BL_CHECKED;

/*
 * Makes a running sshd take its configuration in, and waits for that. 1 when there was none to
 * tell: not running, or started for each connection by its socket, and then it reads it anyway.
 */
int agent_sshd_reload(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

#endif
