/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_TRUST_CHANGE_H
#define CTL_CLI_TRUST_CHANGE_H

#include "controller/cli/cli.h"
#include "controller/cli/trust_build.h"
#include "controller/cli/trust_standing.h"

/* What 'belay keys trust' and 'belay roots change' have in common: the next trust file. */
struct ctl_trust_change {
    struct ctl_trust_wish wish;
    const char *passphrase_file;
    const char *request_path; /* where a file goes that other desks have to sign; or NULL */
    enum ctl_key_kdf kdf;     /* of root.key, when it is made */
};

/*
 * Builds the next trust file, signs it with the roots of this desk, and hands it over. When roots
 * of other desks have to sign, too, it is written to request_path instead, or refused without one
 * before any passphrase is asked for. Returns the exit code.
 */
int ctl_trust_change(struct ctl_cli_globals *globals, int home_fd, struct ctl_trust_change *change);

/*
 * Signs with each root key of this desk whose signature is missing. Returns how many did; `file`
 * is replaced.
 */
int ctl_trust_sign_here(int home_fd, const char *passphrase_file, const struct proto_buffer *former,
                        struct proto_buffer *file, struct bl_error *err) BL_CHECKED;

#endif
