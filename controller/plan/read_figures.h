/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PLAN_READ_FIGURES_H
#define CTL_PLAN_READ_FIGURES_H

#include "common/yaml.h"
#include "controller/plan/check.h"
#include "proto/figure_rule.h"

/* One map of the list `verify.figures`; false: its problems were added. */
bool ctl_plan_read_figure(const struct bl_yaml_node *item, struct proto_figure_rule *ret_rule,
                          struct ctl_plan_problems *problems);

#endif
