/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_AGENT_PACKAGES_ONE_JOB_H
#define TESTS_UNIT_AGENT_PACKAGES_ONE_JOB_H

#include "tests/unit/agent_packages/job_dir.h"

/* The job of a file's tests, and what went wrong: new for each. */
static struct job_dir d;
static struct bl_error err;

static inline int setup(void **state)
{
    job_dir_make(&d);
    err = (struct bl_error){0};

    return 0;
}

static inline int teardown(void **state)
{
    job_dir_remove(&d);

    return 0;
}

#endif
