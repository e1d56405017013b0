/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_MODULES_H
#define AGENT_ROOT_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * The kernel modules that are loaded and taint the kernel, as sysfs tells: out of tree (O), unsigned
 * (E), proprietary (P), forced (F). Writes "NAME (LETTERS)", separated by ", ", sorted, and returns
 * how many there are; the text is cut when they are too many. A kernel without modules has none.
 */
int agent_modules_list_foreign(const char *sys_module_dir, char *ret_text, size_t text_bytes,
                               struct bl_error *err) BL_CHECKED;

#endif
