/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_TRUST_REQUEST_H
#define CTL_CLI_TRUST_REQUEST_H

#include "controller/cli/cli.h"
#include "proto/trust.h"

/*
 * A trust file on its way from desk to desk, to be signed by roots of each: {"belay_trust_request":
 * 1, "before", "file"}, both base64; "before" is null for a new chain. Nobody on the way need be
 * trusted: each desk shows what it says and compares "before" with its own, and hosts judge it.
 */
struct ctl_trust_request {
    struct proto_buffer before; /* no bytes: none */
    struct proto_buffer file;
};

void ctl_trust_request_release(struct ctl_trust_request *request);
#define CTL_AUTO_TRUST_REQUEST BL_CLEANUP(ctl_trust_request_release) struct ctl_trust_request

/* Replaces the file. */
int ctl_trust_request_write(const char *path, const struct ctl_trust_request *request,
                            struct bl_error *err) BL_CHECKED;

/* Only the form is checked: ctl_trust_stand judges what is in it. -EUCLEAN. */
int ctl_trust_request_read(const char *path, struct ctl_trust_request *ret_request,
                           struct bl_error *err) BL_CHECKED;

/* Base64 as it stands in requests and answers; *ret_buffer is new. -EUCLEAN. */
int ctl_trust_request_decode(const char *text, struct proto_buffer *ret_buffer,
                             struct bl_error *err) BL_CHECKED;

/* What was written to `path`: who is missing, and where to go with it. */
int ctl_trust_request_tell(const struct ctl_cli_globals *globals, const char *path,
                           const struct ctl_trust_request *request, struct bl_error *err)
    BL_CHECKED;

#endif
