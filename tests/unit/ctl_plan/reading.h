/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CTL_PLAN_READING_H
#define TESTS_UNIT_CTL_PLAN_READING_H

#include <stdlib.h>
#include <string.h>

#include "controller/plan/plan.h"
#include "tests/lib/unit.h"

/* One reading of a plan, on the heap as plan.h asks. */
struct reading {
    struct ctl_plan plan;
    struct ctl_plan_problems problems;
    struct bl_error err;
    int result;
};

static inline struct reading *read_text(const char *text)
{
    struct reading *reading = calloc(1, sizeof(*reading));

    assert_non_null(reading);
    reading->result = ctl_plan_read("p.yaml", text, strlen(text), &reading->plan,
                                    &reading->problems, &reading->err);

    return reading;
}

static inline void end_reading(struct reading *reading)
{
    ctl_plan_release(&reading->plan);
    free(reading);
}

#endif
