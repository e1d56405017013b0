/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_MOUNTS_H
#define AGENT_ROOT_MOUNTS_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * 1 when the file system that holds `path` is read-only as a whole, as after an I/O error; 0 when
 * not. This process's own view of mounts is read-only for its protection, so the file system's
 * own state counts and not that of the mount. `mountinfo` is the text of /proc/self/mountinfo.
 */
int agent_mounts_is_read_only(const char *mountinfo, const char *path, struct bl_error *err)
    BL_CHECKED;

#endif
