/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TXN_REPAIR_H
#define AGENT_TXN_REPAIR_H

#include "agent/packages/backend.h"

/*
 * REPAIR: what a package manager left half done before belay came is brought to its end, because
 * people signed that. Good when nothing is half done afterwards; each package that was is then a
 * finding of the result, also after this was interrupted and is done again.
 */
int agent_txn_repair(const struct agent_packages_backend *backend, struct agent_packages_job *job,
                     struct proto_arena *arena, struct bl_error *err) BL_CHECKED;

/*
 * Waits until nobody works on the package database, then has it verified, as far as the backend can.
 * -EAGAIN, code lock_held; -EUCLEAN when it is damaged.
 */
int agent_txn_verify(const struct agent_packages_backend *backend, struct agent_packages_job *job,
                     struct bl_error *err) BL_CHECKED;

/* Looks only: a note that names what is half done, if anything is. */
int agent_txn_note_half_done(const struct agent_packages_backend *backend,
                             struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

#endif
