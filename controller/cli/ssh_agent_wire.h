/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_SSH_AGENT_WIRE_H
#define CTL_CLI_SSH_AGENT_WIRE_H

#include <stdbool.h>

#include "proto/manifest.h"

/*
 * What is said on the socket of an ssh-agent, as bytes only: each message is a length of 4 bytes,
 * big-endian, and so many bytes, the first of which tells what it is. Readers believe nothing.
 *
 * An agent signs the very bytes that it is given (plain Ed25519), so the same key may also log in
 * by SSH. Neither can pass for the other: what belay has signed begins with "belay ", while what
 * SSH has signed begins with the length of a session id, whose first byte is 0, or with "SSHSIG".
 */
enum {
    CTL_SSH_AGENT_MESSAGE_BYTES_MAX = 256 * 1024, /* OpenSSH's own limit */
    CTL_SSH_PUBLIC_BYTES_MAX = 16 * 1024,
};

/* Is this something that only belay has signed, whatever else the key is used for? */
bool ctl_ssh_agent_may_sign(const void *message, size_t message_bytes);

/* Requests, length included. */
int ctl_ssh_agent_put_list(struct proto_buffer *buffer, struct bl_error *err) BL_CHECKED;
int ctl_ssh_agent_put_sign(const uint8_t key[PROTO_KEY_BYTES], const void *message,
                           size_t message_bytes, struct proto_buffer *buffer, struct bl_error *err)
    BL_CHECKED;

/*
 * Answers, without their length. -EBADMSG: it is none. The first returns whether `key` is among
 * those that the agent holds; the second gives -EACCES when the agent refused.
 */
int ctl_ssh_agent_read_list(const uint8_t *answer, size_t answer_bytes,
                            const uint8_t key[PROTO_KEY_BYTES], bool *ret_has, struct bl_error *err)
    BL_CHECKED;
int ctl_ssh_agent_read_signature(const uint8_t *answer, size_t answer_bytes,
                                 uint8_t ret_signature[PROTO_SIGNATURE_BYTES], struct bl_error *err)
    BL_CHECKED;

/*
 * The key of a line as ssh-keygen writes it to NAME.pub: "ssh-ed25519 BASE64 comment". -EINVAL says
 * why another kind does not do, and what does.
 */
int ctl_ssh_public_read(const char *text, uint8_t ret_key[PROTO_KEY_BYTES], struct bl_error *err)
    BL_CHECKED;

#endif
