/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "controller/plan/plan.h"
#include "tests/fuzz/fuzz.h"

static void assert_told(const struct ctl_plan_problems *problems)
{
    char text[512];

    BL_ASSERT(problems->count > 0 && problems->count <= CTL_PLAN_PROBLEMS_MAX);
    for (uint32_t i = 0; i < problems->count; i++) {
        BL_ASSERT(problems->list[i].line > 0 && problems->list[i].what[0] != '\0');
        ctl_plan_format_problem("fuzz.yaml", &problems->list[i], text, sizeof(text));
    }
}

/* A plan file of whoever wrote it: whole, or refused with line and field. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct ctl_plan *plan = calloc(1, sizeof(*plan));
    struct ctl_plan_problems *problems = calloc(1, sizeof(*problems));
    char *text = fuzz_text(data, size_bytes);
    struct bl_error err = {0};
    int r;

    BL_ASSERT(plan != NULL && problems != NULL);
    r = ctl_plan_read("fuzz.yaml", text, size_bytes, plan, problems, &err);
    if (r == -EINVAL && problems->count > 0)
        assert_told(problems);
    else if (r < 0)
        fuzz_assert_refusal(r, &err);
    else
        BL_ASSERT(problems->count == 0 && ctl_plan_budget(plan, 100) <= 100);
    ctl_plan_release(plan);
    free(text);
    free(problems);
    free(plan);

    return 0;
}
