/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "common/clock.h"
#include "controller/cli/preview.h"

enum {
    TEXT_BYTES = 160,
};

/* What this desk's clock is ahead of UTC today. */
static int32_t zone_minutes(void)
{
    const time_t now = (time_t)(bl_wall_now().ms / 1000);
    struct tm here;

    return localtime_r(&now, &here) == NULL ? 0 : (int32_t)(here.tm_gmtoff / 60);
}

void ctl_windows_print(const struct ctl_plan *plan, FILE *to)
{
    const int32_t here_minutes = zone_minutes();
    char text[TEXT_BYTES], needed[64];

    if (plan->windows_count == 0)
        return;
    ctl_plan_format_duration(ctl_plan_job_ms(plan), needed, sizeof(needed));
    (void)fprintf(to, "hosts start only while %s are left of a window:\n", needed);
    for (uint32_t i = 0; i < plan->windows_count; i++) {
        ctl_plan_format_window(&plan->windows[i], 0, text, sizeof(text));
        (void)fprintf(to, "  %s\n", text);
        if (here_minutes == 0)
            continue;
        ctl_plan_format_window(&plan->windows[i], here_minutes, text, sizeof(text));
        (void)fprintf(to, "    here: %s\n", text);
    }
}

json_t *ctl_windows_to_json(const struct ctl_plan *plan)
{
    json_t *windows = json_array();
    char text[TEXT_BYTES];

    for (uint32_t i = 0; i < plan->windows_count; i++) {
        ctl_plan_format_window(&plan->windows[i], 0, text, sizeof(text));
        (void)json_array_append_new(windows, json_string(text));
    }

    return windows;
}
