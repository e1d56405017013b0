/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/overview.h"

#include <inttypes.h>

#include "controller/cli/status_view.h"
#include "controller/plan/value.h"

enum {
    NUMBER_BYTES = 48,
    DURATION_BYTES = 64,
    WHY_INDENT = 4,
    WHY_ROWS_MAX = 4,
    PLAN_COLUMNS_MAX = 20,
    WIDE_COLUMNS = 100,
};

/* In minutes: a list is no clock. */
static void since_text(const json_t *rollout, struct bl_wall now, char ret_text[DURATION_BYTES])
{
    int64_t since_ms = now.ms - ctl_json_instant(rollout, "created");

    if (since_ms > 60000)
        since_ms -= since_ms % 60000;
    ctl_plan_format_duration(since_ms < 0 ? 0 : since_ms - since_ms % 1000, ret_text,
                             DURATION_BYTES);
}

static void add_rollout(const json_t *rollout, struct bl_wall now, struct ctl_table *table)
{
    char wave[NUMBER_BYTES], good[NUMBER_BYTES], failed[NUMBER_BYTES], busy[NUMBER_BYTES];
    char since[DURATION_BYTES];

    (void)snprintf(wave, sizeof(wave), "%" PRId64 "/%" PRId64, ctl_json_number(rollout, "wave"),
                   ctl_json_number(rollout, "waves_count"));
    (void)snprintf(good, sizeof(good), "%" PRId64 "/%" PRId64,
                   ctl_json_number(rollout, "committed_count"),
                   ctl_json_number(rollout, "hosts_count"));
    (void)snprintf(failed, sizeof(failed), "%" PRId64, ctl_json_number(rollout, "failed_count"));
    (void)snprintf(busy, sizeof(busy), "%" PRId64, ctl_json_number(rollout, "under_way_count"));
    since_text(rollout, now, since);
    ctl_table_row(table,
                  (const char *const[]){
                      ctl_json_text(rollout, "rollout"), ctl_json_text(rollout, "plan"),
                      ctl_json_text(rollout, "risk"), wave, good, failed, busy, since,
                      ctl_json_bool(rollout, "waits") ? "waits" : ctl_json_text(rollout, "state")});
}

static void put_waiting(const json_t *rollouts, struct ctl_canvas *canvas)
{
    const json_t *rollout;
    bool is_first = true;
    size_t i;

    json_array_foreach (rollouts, i, rollout) {
        if (!ctl_json_bool(rollout, "waits"))
            continue;
        if (is_first) {
            ctl_canvas_end_line(canvas);
            ctl_canvas_put(canvas, CTL_STYLE_BUSY, "waits for a person");
            ctl_canvas_end_line(canvas);
        }
        is_first = false;
        ctl_canvas_put(canvas, CTL_STYLE_STRONG, "  ");
        ctl_canvas_put(canvas, CTL_STYLE_STRONG, ctl_json_text(rollout, "rollout"));
        ctl_canvas_put(canvas, CTL_STYLE_PLAIN, "  ");
        ctl_canvas_wrap(canvas, WHY_INDENT, WHY_ROWS_MAX, CTL_STYLE_PLAIN,
                        ctl_json_text(rollout, "reason"));
        ctl_canvas_fill(canvas, WHY_INDENT);
        ctl_canvas_put(canvas, CTL_STYLE_FAINT, "next: ");
        ctl_canvas_put(canvas, CTL_STYLE_STRONG, ctl_json_text(rollout, "next"));
        ctl_canvas_end_line(canvas);
    }
}

void ctl_overview_page(const json_t *answer, struct bl_wall now, struct ctl_canvas *canvas)
{
    const json_t *rollouts = json_object_get(answer, "rollouts"), *rollout;
    const struct ctl_canvas_table how = {
        .gap = canvas->width >= WIDE_COLUMNS ? 2 : 1,
        .right = 0x78, /* WAVE to NOW */
        .cell_max = canvas->width >= WIDE_COLUMNS ? 0 : PLAN_COLUMNS_MAX,
        .style = ctl_view_style,
    };
    CTL_AUTO_TABLE table = {0};
    size_t i;

    if (json_array_size(rollouts) == 0) {
        ctl_canvas_put(canvas, CTL_STYLE_PLAIN, "no rollout is open");
        ctl_canvas_end_line(canvas);
        return;
    }
    ctl_table_begin(&table, 9);
    ctl_table_row(&table, (const char *const[]){"ROLLOUT", "PLAN", "RISK", "WAVE", "OK", "BAD",
                                                "NOW", "SINCE", "STATE"});
    json_array_foreach (rollouts, i, rollout)
        add_rollout(rollout, now, &table);
    ctl_canvas_put_table(canvas, &table, &how);
    put_waiting(rollouts, canvas);
}
