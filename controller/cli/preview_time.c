/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/policy_build.h"
#include "controller/cli/preview.h"
#include "controller/plan/estimate.h"

/* When a rollout of this preview would do what, as far as former jobs or the plan's limits tell. */

enum {
    DURATION_BYTES = 64,
    SECOND_MS = 1000,
};

struct timeline {
    int64_t jobs_count; /* committed ones that it was learned from; 0 = from the plan's limits */
    struct ctl_plan_estimate typical, late;
};

static int64_t number_of(const json_t *durations, const char *part, const char *key)
{
    return ctl_json_number(json_object_get(durations, part), key);
}

static void make(const struct ctl_plan *plan, const struct ctl_preview *preview,
                 struct timeline *ret_timeline)
{
    const json_t *durations = preview->durations;
    struct timeline timeline = {.jobs_count = number_of(durations, "change", "count")};
    int64_t stage_ms[2], job_ms[2];
    struct ctl_limits limits;

    ctl_limits_of(plan, preview, &limits);
    stage_ms[0] = stage_ms[1] = limits.stage_ms;
    job_ms[0] = job_ms[1] = limits.job_ms;
    if (timeline.jobs_count > 0) {
        stage_ms[0] = number_of(durations, "stage", "median_ms");
        stage_ms[1] = number_of(durations, "stage", "p90_ms");
        /* Between the steps a host only waits for the end of this plan's watch. */
        job_ms[0] = number_of(durations, "change", "median_ms") + plan->watch_ms;
        job_ms[1] = number_of(durations, "change", "p90_ms") + plan->watch_ms;
    }
    ctl_plan_estimate(plan, preview->waves, preview->wave_count, stage_ms[0], job_ms[0],
                      &timeline.typical);
    ctl_plan_estimate(plan, preview->waves, preview->wave_count, stage_ms[1], job_ms[1],
                      &timeline.late);

    *ret_timeline = timeline;
}

/* To the second: nobody can tell it better. */
static const char *text_of(int64_t ms, char ret_text[DURATION_BYTES])
{
    ctl_plan_format_duration(ms < SECOND_MS ? SECOND_MS : ms - ms % SECOND_MS, ret_text,
                             DURATION_BYTES);

    return ret_text;
}

void ctl_preview_print_timeline(const struct ctl_plan *plan, const struct ctl_preview *preview,
                                FILE *to)
{
    char begin[DURATION_BYTES], end[DURATION_BYTES], latest[DURATION_BYTES];
    struct timeline timeline;

    if (preview->target_count == 0)
        return;
    make(plan, preview, &timeline);
    if (timeline.jobs_count == 0) {
        (void)fprintf(to,
                      "\ntimeline: no history yet; by the plan's limits it is over %s after its "
                      "start if nothing is held or taken back\n",
                      text_of(timeline.late.total_ms, latest));
    } else {
        (void)fprintf(to,
                      "\ntimeline, from %lld former job%s (nine of ten were as fast as the time in "
                      "brackets):\n",
                      (long long)timeline.jobs_count, timeline.jobs_count == 1 ? "" : "s");
        for (uint32_t i = 0; i < preview->wave_count; i++) {
            (void)fprintf(to, "  wave %u: after %s, done after %s (%s)\n", (unsigned)i + 1,
                          text_of(timeline.typical.begin_ms[i], begin),
                          text_of(timeline.typical.end_ms[i], end),
                          text_of(timeline.late.end_ms[i], latest));
        }
        (void)fprintf(to, "  over after %s (%s)\n", text_of(timeline.typical.total_ms, end),
                      text_of(timeline.late.total_ms, latest));
    }
    (void)fprintf(to,
                  "at worst %u host%s down at once on the way forward, and up to all %u when "
                  "everything is taken back; pauses, windows and answers come on top\n",
                  (unsigned)timeline.late.down_max, timeline.late.down_max == 1 ? " is" : "s are",
                  (unsigned)preview->target_count);
}

json_t *ctl_preview_timeline_to_json(const struct ctl_plan *plan, const struct ctl_preview *preview)
{
    json_t *waves = json_array();
    struct timeline timeline;

    make(plan, preview, &timeline);
    for (uint32_t i = 0; i < preview->wave_count; i++) {
        (void)json_array_append_new(waves,
                                    json_pack("{s:i, s:I, s:I, s:I}", "wave", (int)i + 1,
                                              "begin_ms", (json_int_t)timeline.typical.begin_ms[i],
                                              "end_ms", (json_int_t)timeline.typical.end_ms[i],
                                              "late_end_ms", (json_int_t)timeline.late.end_ms[i]));
    }

    return json_pack("{s:I, s:I, s:I, s:i, s:i, s:o}", "jobs_count",
                     (json_int_t)timeline.jobs_count, "total_ms",
                     (json_int_t)timeline.typical.total_ms, "late_total_ms",
                     (json_int_t)timeline.late.total_ms, "down_max", (int)timeline.late.down_max,
                     "rollback_down_max", (int)preview->target_count, "waves", waves);
}
