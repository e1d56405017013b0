/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_PATH_H
#define BL_COMMON_PATH_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/error.h"

/* Paths as texts: nothing in here looks at a file system. */

/* Is `path` the directory itself or below it? Both in plain form. */
bool bl_path_is_within(const char *path, const char *directory);

/*
 * Plain form: absolute, not "/" itself, no empty part, no "." or "..", no "/" at the end, text of one line.
 * -EINVAL with a sentence that begins with the path.
 */
int bl_path_check_plain(const char *path, struct bl_error *err) BL_CHECKED;

/*
 * The same, and the path neither is, nor lies in, nor holds one of `refused`, a list that ends with
 * NULL.
 */
int bl_path_check_outside(const char *path, const char *const *refused, struct bl_error *err)
    BL_CHECKED;

/* Plain, below /var/log, and none of the journal's own files. */
bool bl_path_is_log_file(const char *path);

#endif
