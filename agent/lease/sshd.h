/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SSHD_H
#define AGENT_LEASE_SSHD_H

#include "agent/lease/lease.h"
#include "agent/lease/ssh_listen.h"

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

/* The units that serve SSH on this host: a service, or a socket that starts one. */
struct agent_sshd_units {
    char names[4][AGENT_LEASE_UNIT_BYTES_MAX + 1];
    uint32_t count;
};

/* Those that are active. */
int agent_sshd_find(const struct agent_lease_places *places, struct agent_sshd_units *ret_units,
                    struct bl_error *err) BL_CHECKED;

/* 1: somebody serves SSH whom the lock would not close, and *err names them; 0: nobody. */
int agent_sshd_find_other(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

/*
 * Where it listens: by its configuration, and by the socket unit that starts it. Whether it is
 * running at all is another question.
 */
int agent_sshd_addresses(const struct agent_lease_places *places,
                         struct agent_ssh_listen *ret_listen, struct bl_error *err) BL_CHECKED;

/*
 * Makes a running sshd take its configuration in; when this returns, the next login is judged by
 * it. 1 when there was none to tell: not running, or started for each connection by its socket,
 * and then it reads it anyway. -EPROTO, and sshd left as it is, when it would not accept it.
 * When nothing serves SSH any more `former` is started; NULL: nothing is.
 */
int agent_sshd_refresh(const struct agent_lease_places *places,
                       const struct agent_sshd_units *former, struct bl_error *err) BL_CHECKED;

#endif
