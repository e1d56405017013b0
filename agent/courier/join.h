/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_COURIER_JOIN_H
#define AGENT_COURIER_JOIN_H

#include "common/attr.h"
#include "common/error.h"

/*
 * The courier's part of `belay-agent join`: reads a struct agent_enroll_request from `request_fd`
 * up to its end, carries the question to the controller, and writes the last reply to `reply_fd`.
 * -ETIMEDOUT when no reply came in the time that the request allows; a reply of PENDING is one.
 */
int agent_join_carry(int request_fd, int reply_fd, struct bl_error *err) BL_CHECKED;

#endif
