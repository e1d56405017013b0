/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_PLAN_FILE_H
#define CTL_CLI_PLAN_FILE_H

#include <jansson.h>

#include "common/attr.h"
#include "controller/plan/plan.h"

/* A plan as a person gave it on the command line. */
struct ctl_plan_file {
    const char *path; /* borrowed */
    char *text;
    struct ctl_plan *plan;
    struct ctl_plan_problems *problems;
};

/*
 * Reads and checks. On failure every mistake was written to standard error, unless `quiet`; then
 * they are in `problems` (none for what is not YAML at all: `err` tells).
 */
int ctl_plan_file_load(const char *path, bool quiet, struct ctl_plan_file *ret_file,
                       struct bl_error *err) BL_CHECKED;
/* The same of a text that is there already; `name` stands for the file in messages. */
int ctl_plan_file_take(const char *name, const char *text, struct ctl_plan_file *ret_file,
                       struct bl_error *err) BL_CHECKED;
void ctl_plan_file_release(struct ctl_plan_file *file);
#define CTL_AUTO_PLAN_FILE BL_CLEANUP(ctl_plan_file_release) struct ctl_plan_file

#endif
