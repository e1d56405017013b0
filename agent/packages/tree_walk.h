/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_TREE_WALK_H
#define AGENT_PACKAGES_TREE_WALK_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Opens the directory that `path` (absolute) lies in, part by part from the root on, and follows no
 * link on the way: -ELOOP. -ENOENT when it is not there; with `make` it is made, root's, mode 0755.
 * `*ret_name` points at the last part of `path`.
 */
int agent_packages_tree_open_parent(const char *path, bool make, const char **ret_name,
                                    struct bl_error *err) BL_CHECKED;
/* The same from the directory `top_fd` on, which `path` takes for its root. */
int agent_packages_tree_open_parent_at(int top_fd, const char *path, bool make,
                                       const char **ret_name, struct bl_error *err) BL_CHECKED;

#endif
