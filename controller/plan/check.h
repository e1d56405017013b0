/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PLAN_CHECK_H
#define CTL_PLAN_CHECK_H

#include "controller/plan/plan.h"

/* Puts a problem behind all of the same or an earlier line. */
void ctl_plan_add_problem(struct ctl_plan_problems *problems,
                          const struct ctl_plan_problem *problem);

struct bl_yaml_node;

/* The node of a field such as "verify.units", or the nearest one around it. */
const struct bl_yaml_node *ctl_plan_find_node(const struct ctl_plan *plan, const char *path);

/* Takes a text that must be an expression of controller/select. -ENOMEM, else 0. */
int ctl_plan_read_expression(const struct bl_yaml_node *node, const char **ret_text,
                             struct ctl_plan_problems *problems) BL_CHECKED;

/*
 * hosts.standby as one word, which is a number of hosts, a share of them, or an expression; or
 * hosts.exclude, which is an expression; or one of them without anything. -ENOMEM, else 0.
 */
int ctl_plan_read_some(bool is_standby, const struct bl_yaml_node *node,
                       struct ctl_plan_hosts *hosts, struct ctl_plan_problems *problems) BL_CHECKED;

/* The same, of the line and field of `node`; `meant` may be NULL. */
void ctl_plan_add_problem_at(struct ctl_plan_problems *problems, const struct bl_yaml_node *node,
                             const char *meant, const char *fmt, ...) BL_PRINTF(4, 5);

/* Name, and version unless NULL; refuses what needs a reboot, which this version cannot do. */
int ctl_plan_check_package(const char *name, const char *version, struct bl_error *err) BL_CHECKED;

/* "security", "all": enum proto_package_set; 0 for any other word. */
uint32_t ctl_plan_package_set(const char *word);

/* What no single field can tell: values that contradict each other. */
void ctl_plan_check_whole(const struct ctl_plan *plan, struct ctl_plan_problems *problems);

/* What can only be judged when nothing is missing any more: windows and the time that a job takes. */
void ctl_plan_check_filled(const struct ctl_plan *plan, struct ctl_plan_problems *problems);

#endif
