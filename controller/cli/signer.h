/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_SIGNER_H
#define CTL_CLI_SIGNER_H

#include "controller/cli/keyring.h"
#include "proto/manifest.h"

/* A person's key that is ready to sign: unlocked, or held by the ssh-agent of this desk. */
struct ctl_signer {
    struct ctl_key key;
    struct ctl_secret secret; /* none: ssh-agent signs */
};

void ctl_signer_release(struct ctl_signer *signer);
#define CTL_AUTO_SIGNER BL_CLEANUP(ctl_signer_release) struct ctl_signer

/*
 * Unlocks the key with its passphrase (see ctl_passphrase_get), or makes sure that ssh-agent holds
 * it; then no passphrase is asked for.
 */
int ctl_signer_open(int home_fd, const struct ctl_key *key, const char *passphrase_file,
                    struct ctl_signer *ret_signer, struct bl_error *err) BL_CHECKED;

/* For proto_sign_by; valid as long as *signer is. */
struct proto_signer ctl_signer_by(struct ctl_signer *signer);

#endif
