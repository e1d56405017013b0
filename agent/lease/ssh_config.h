/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SSH_CONFIG_H
#define AGENT_LEASE_SSH_CONFIG_H

#include "agent/lease/lease.h"

/*
 * Where the lock lies in sshd's configuration on disk: in a file of its own in the directory that
 * the main file includes, or in the main file itself, when that includes none before its first
 * Match (sshd knows Include since 8.2).
 */
enum agent_ssh_place {
    AGENT_SSH_DROP_IN = 1,
    AGENT_SSH_MAIN_FILE,
};

/* Which of the two will do on this host. */
int agent_ssh_config_find_place(const struct agent_lease_places *places,
                                enum agent_ssh_place *ret_place, struct bl_error *err) BL_CHECKED;

/* Writes the lock there, in the place of one that is there already. Tells sshd nothing. */
int agent_ssh_config_lock(const struct agent_lease_places *places, enum agent_ssh_place place,
                          const char *lock, struct bl_error *err) BL_CHECKED;

/*
 * Takes it out of both, and looks once more. 0: it was there; 1: there was none. Everything else in
 * the files stays as it is now, whoever wrote it.
 */
int agent_ssh_config_unlock(const struct agent_lease_places *places, struct bl_error *err)
    BL_CHECKED;

/* 1 when a lock is in either, 0 when not. */
int agent_ssh_config_is_locked(const struct agent_lease_places *places, struct bl_error *err)
    BL_CHECKED;

#endif
