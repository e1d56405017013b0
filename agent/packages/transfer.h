/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_TRANSFER_H
#define AGENT_PACKAGES_TRANSFER_H

#include <sys/types.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Copies the plain file `source` to `name` in the directory `dir_fd`, durably and all or nothing,
 * as a file of our own: what somebody else still holds open of the source does not reach the copy.
 */
int agent_packages_transfer(const char *source, int dir_fd, const char *name, mode_t mode,
                            struct bl_error *err) BL_CHECKED;

#endif
