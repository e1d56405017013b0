/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_NESTED_H
#define AGENT_SNAPSHOT_NESTED_H

#include <stddef.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * A btrfs snapshot ends where another subvolume begins. Looks for one below `path` that is no mount
 * of its own and is not spared: 1 and its path, cut at `size_bytes`, or 0.
 */
int agent_snapshot_find_nested(const char *path, char *ret_path, size_t size_bytes,
                               struct bl_error *err) BL_CHECKED;

#endif
