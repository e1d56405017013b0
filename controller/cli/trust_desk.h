/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_TRUST_DESK_H
#define CTL_CLI_TRUST_DESK_H

#include "controller/cli/cli.h"
#include "proto/trust.h"

/* The trust files that this desk keeps: the newest, and each version, for controllers that lack it. */

/* The newest; 0 and no bytes when there is none. */
int ctl_trust_desk_read(int home_fd, struct proto_buffer *ret_file, struct bl_error *err)
    BL_CHECKED;

/* Makes `file` the newest; `former` is the one before it, or has no bytes. */
int ctl_trust_desk_keep(int home_fd, const struct proto_buffer *former,
                        const struct proto_buffer *file, struct bl_error *err) BL_CHECKED;

/* Shows it on standard output. */
int ctl_trust_desk_tell(const struct ctl_cli_globals *globals, const struct proto_buffer *file,
                        struct bl_error *err) BL_CHECKED;

/*
 * Hands it over to the controller, after those before it that the controller lacks. It is written
 * here already, and this may be repeated at any time. Returns the exit code.
 */
int ctl_trust_desk_deliver(struct ctl_cli_globals *globals, int home_fd,
                           const struct proto_buffer *file, bool anew);

#endif
