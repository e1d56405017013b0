/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_PROGRAM_H
#define BL_COMMON_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Whether the program `name` in the folder `path` may be run for somebody who only named it: a
 * regular file that its owner can execute, no link, and neither it nor a folder above it can be
 * changed by anybody but the owner. -ENOENT, -EPERM with the reason. `path` is below root_fd,
 * without a slash in front.
 */
int bl_program_check(int root_fd, const char *path, const char *name, uid_t owner,
                     struct bl_error *err) BL_CHECKED;

/* The last line that is not empty, as bytes within `output`. */
void bl_program_last_line(const char *output, size_t output_bytes, const char **ret_line,
                          size_t *ret_bytes);

#endif
