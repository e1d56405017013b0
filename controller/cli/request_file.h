/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_REQUEST_FILE_H
#define CTL_CLI_REQUEST_FILE_H

#include "controller/cli/signed_doc.h"

/*
 * A rollout on its way from desk to desk, to be signed by several people: {"belay_request": 1,
 * "request": the request for "submit", with the signatures so far}. Nobody on the way need be
 * trusted: whoever signs or submits it sees what the signed bytes say, and hosts check them again.
 */
enum {
    CTL_REQUEST_BYTES_MAX = 8 * 1024 * 1024,
};

/* Replaces the file. `request` is borrowed. */
int ctl_request_write(const char *path, const json_t *request, struct bl_error *err) BL_CHECKED;

/*
 * Reads and checks it: manifest, policy and signatures as ctl_signed_doc_read() does, and that its
 * hosts, each in its wave, and the text of its plan are those that were signed. *ret_request is new.
 */
int ctl_request_read(const char *path, int home_fd, json_t **ret_request,
                     struct ctl_signed_doc *ret_doc, struct bl_error *err) BL_CHECKED;

/* Adds one person's signature to the request. -EEXIST when that key has signed. */
int ctl_request_sign(json_t *request, const struct ctl_signed_doc *doc, struct ctl_signer *signer,
                     struct bl_error *err) BL_CHECKED;

#endif
