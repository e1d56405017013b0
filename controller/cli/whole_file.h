/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_WHOLE_FILE_H
#define CTL_CLI_WHOLE_FILE_H

#include "common/attr.h"
#include "common/error.h"

/*
 * Whether a file may be written at this path, as far as one can tell before: it names a file, and
 * its directory is there. To be asked before work is done for it. -EINVAL, -EISDIR, -ENOENT, ...
 */
int ctl_whole_file_check(const char *path, struct bl_error *err) BL_CHECKED;

/* Writes or replaces a file of text, whole or not at all, after the same check. */
int ctl_whole_file_write(const char *path, const char *text, struct bl_error *err) BL_CHECKED;

#endif
