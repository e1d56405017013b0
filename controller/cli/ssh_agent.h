/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_SSH_AGENT_H
#define CTL_CLI_SSH_AGENT_H

#include "controller/cli/ssh_agent_wire.h"

/*
 * The ssh-agent of this desk. It is not believed: how much it answers, and how long that takes, is
 * bounded, and whoever asks for a signature verifies it.
 */
struct ctl_ssh_agent {
    const char *socket;   /* path */
    int64_t answer_ms;    /* for what needs no person */
    int64_t person_ms;    /* for a signature: it may have to be confirmed */
    int64_t say_after_ms; /* then standard error tells that it may wait for a person */
};

/* The agent that SSH_AUTH_SOCK names. -ENOENT when there is none. */
int ctl_ssh_agent_find(struct ctl_ssh_agent *ret_agent, struct bl_error *err) BL_CHECKED;

/* -ENOKEY when it does not hold the key; -ETIMEDOUT, -EBADMSG, -ECONNREFUSED ... */
int ctl_ssh_agent_check(const struct ctl_ssh_agent *agent, const uint8_t key[PROTO_KEY_BYTES],
                        struct bl_error *err) BL_CHECKED;

/* Besides these, -EACCES: it holds the key and refused. */
int ctl_ssh_agent_sign(const struct ctl_ssh_agent *agent, const uint8_t key[PROTO_KEY_BYTES],
                       const void *message, size_t message_bytes,
                       uint8_t ret_signature[PROTO_SIGNATURE_BYTES], struct bl_error *err)
    BL_CHECKED;

#endif
