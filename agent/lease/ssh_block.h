/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SSH_BLOCK_H
#define AGENT_LEASE_SSH_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * The SSH lock within sshd's main configuration file, for hosts whose sshd includes no directory:
 * a marked block at the end, since a Match block reaches as far as the file does. DenyUsers of all
 * blocks that match add up, so what stands before it does not matter. No I/O.
 *
 * What is cut is our lines and no other byte: a file that was changed meanwhile keeps its changes,
 * one that was not is again what it was.
 */

/*
 * `config` with `lock` (whole lines) at its end. *ret_text is from malloc, has a NUL behind its
 * last byte, which *ret_bytes does not count. -EPROTO for what is no text, or has a block already.
 */
int agent_ssh_block_add(const char *config, size_t config_bytes, const char *lock, char **ret_text,
                        size_t *ret_bytes, struct bl_error *err) BL_CHECKED;

/* Cuts every block out of `config`, in place. True when there was one. */
bool agent_ssh_block_cut(char *config, size_t *config_bytes);

/* True when there is a block, or what is left of one. */
bool agent_ssh_block_is_in(const char *config, size_t config_bytes);

#endif
