/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SSH_TEXT_H
#define AGENT_LEASE_SSH_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/error.h"
#include "proto/manifest.h"

/* The text of the SSH lock: what is written for sshd and what is read of it. No I/O. */
enum {
    AGENT_SSH_TEXT_BYTES_MAX = 16 * 1024,
};

/*
 * A group that sshd can match literally: what is a pattern, a list or a quote to sshd is refused.
 * An address or network must be one that sshd accepts: numeric, no host bits below the prefix.
 */
bool agent_ssh_text_is_group(const char *text);
bool agent_ssh_text_is_network(const char *text);

/* True when `address` (numeric) lies in `network`. False for what cannot be read. */
bool agent_ssh_text_contains(const char *network, const char *address);

/* The drop-in. -EPROTO names a group or an address that will not do. */
int agent_ssh_text_lock(const struct proto_manifest *manifest, char *ret_text, size_t text_bytes,
                        struct bl_error *err) BL_CHECKED;

/*
 * Tells the lines of that text, in their order, from lines that somebody put between them. Starts
 * with HEAD; true for a line of ours (with its newline), and *part says which may come next.
 */
enum agent_ssh_text_part {
    AGENT_SSH_TEXT_HEAD,
    AGENT_SSH_TEXT_DENY,
    AGENT_SSH_TEXT_TAIL,
    AGENT_SSH_TEXT_DONE,
};
bool agent_ssh_text_takes_lock_line(enum agent_ssh_text_part *part, const char *line,
                                    size_t line_bytes);

/*
 * Whether sshd's configuration includes all "*.conf" of `directory`, before any Match block. `text`
 * ends with NUL.
 */
bool agent_ssh_text_includes(const char *text, const char *directory);

/* Whether what `sshd -T` printed denies everybody. */
bool agent_ssh_text_denies_all(const char *effective);

#endif
