/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PLAN_READ_WINDOWS_H
#define CTL_PLAN_READ_WINDOWS_H

#include "common/yaml.h"
#include "controller/plan/check.h"

/* One map of the list `windows`, turned into UTC; false: its problems were added. */
bool ctl_plan_read_window(const struct bl_yaml_node *item, struct ctl_plan_window *ret_window,
                          struct ctl_plan_problems *problems);

#endif
