/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DESK_CONNECT_H
#define CTL_DESK_CONNECT_H

#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * The far end of belayd's admin endpoint (controller/daemon/desk.h): what a desk writes into a
 * socket reaches the controller as if that were the control socket, sealed to the one key that the
 * desk was told to believe. A thread carries it, so that whoever uses the socket may poll it.
 */
enum {
    CTL_DESK_KEY_BYTES = 32,
    CTL_DESK_END_TEXT_BYTES = 256,
};

struct ctl_desk_address {
    const char *address; /* "tcp://HOST:PORT" */
    uint8_t controller_key[CTL_DESK_KEY_BYTES];
    uint8_t secret_key[CTL_DESK_KEY_BYTES], public_key[CTL_DESK_KEY_BYTES];
};

struct ctl_desk_line;

/*
 * -ENOTCONN: nobody answers there. -EKEYREJECTED: who answers does not have the pinned key.
 * -EACCES: it has, and does not let this desk in. -EBUSY: it does, but not now.
 * *ret_fd is the caller's to close, which ends the line; the secret is not needed any more.
 */
int ctl_desk_connect(const struct ctl_desk_address *address, struct ctl_desk_line **ret_line,
                     int *ret_fd, struct bl_error *err) BL_CHECKED;

/* Why the controller ended it, once the socket is at its end; "" when it did not say. */
void ctl_desk_line_end(struct ctl_desk_line *line, char ret_text[CTL_DESK_END_TEXT_BYTES]);

/* The thread may live on for a moment after this. */
struct ctl_desk_line *ctl_desk_line_release(struct ctl_desk_line *line);

#endif
