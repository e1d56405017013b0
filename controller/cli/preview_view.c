/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/hex.h"
#include "controller/cli/preview.h"
#include "controller/outside/out.h"
#include "proto/manifest.h"
#include "proto/words.h"

enum {
    NAMES_SHOWN_MAX = 12,
};

/* The names of all hosts that `wanted` picks, a dozen at most. */
static void print_names(const struct ctl_preview *preview, FILE *to,
                        bool (*wanted)(const struct ctl_preview_host *host, uint32_t number),
                        uint32_t number)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < preview->host_count; i++) {
        if (!wanted(&preview->hosts[i], number))
            continue;
        if (found < NAMES_SHOWN_MAX) {
            (void)fputs(found > 0 ? ", " : "", to);
            ctl_out_put(to, preview->hosts[i].name);
        }
        found++;
    }
    if (found > NAMES_SHOWN_MAX)
        (void)fprintf(to, ", … %u more", (unsigned)(found - NAMES_SHOWN_MAX));
    (void)fputc('\n', to);
}

static bool in_group(const struct ctl_preview_host *host, uint32_t group)
{
    return host->standing == CTL_PREVIEW_TARGET && host->group == group;
}

static bool in_wave(const struct ctl_preview_host *host, uint32_t wave)
{
    return host->standing == CTL_PREVIEW_TARGET && host->wave == wave;
}

static bool is_current(const struct ctl_preview_host *host, uint32_t ignored)
{
    return host->standing == CTL_PREVIEW_CURRENT;
}

static void print_group(const struct ctl_preview *preview, uint32_t group, FILE *to)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *change;
    size_t i;

    (void)fprintf(to, "\n%u host%s: ", (unsigned)preview->groups[group].host_count,
                  preview->groups[group].host_count == 1 ? "" : "s");
    print_names(preview, to, in_group, group);
    ctl_table_begin(&table, 5);
    json_array_foreach (preview->groups[group].changes, i, change) {
        const char *from = ctl_json_text(change, "from"), *after = ctl_json_text(change, "to");
        char name[256];

        (void)snprintf(name, sizeof(name), "%s:%s", ctl_json_text(change, "name"),
                       ctl_json_text(change, "arch"));
        ctl_table_row(&table, (const char *const[]){ctl_json_text(change, "action"), name,
                                                    from[0] != '\0' ? from : "-", "→",
                                                    after[0] != '\0' ? after : "-"});
    }
    ctl_table_print(&table, to, "  ");
}

static void print_waves(const struct ctl_plan *plan, const struct ctl_preview *preview, FILE *to)
{
    char soak[64];

    ctl_plan_format_duration(plan->soak_ms, soak, sizeof(soak));
    (void)fprintf(to, "\n%u wave%s, each watched for %s; in the whole rollout %u may fail\n",
                  (unsigned)preview->wave_count, preview->wave_count == 1 ? "" : "s", soak,
                  (unsigned)ctl_plan_failures_allowed(plan, preview->target_count));
    for (uint32_t i = 0; i < preview->wave_count; i++) {
        const struct ctl_plan_wave *wave = &preview->waves[i];

        (void)fprintf(to, "  wave %u: %u host%s, %u may fail%s: ", (unsigned)i + 1,
                      (unsigned)wave->host_count, wave->host_count == 1 ? "" : "s",
                      (unsigned)wave->failures_allowed,
                      wave->rounded_to_zero ? " (the share rounds to none)" : "");
        print_names(preview, to, in_wave, i);
    }
}

static void print_blockers(const struct ctl_preview *preview, FILE *to)
{
    CTL_AUTO_TABLE table = {0};

    if (preview->blocker_count == 0)
        return;
    (void)fprintf(to, "\n%u host%s in the way:\n", (unsigned)preview->blocker_count,
                  preview->blocker_count == 1 ? " stands" : "s stand");
    ctl_table_begin(&table, 3);
    for (uint32_t i = 0; i < preview->host_count; i++) {
        const struct ctl_preview_host *host = &preview->hosts[i];

        if (host->standing == CTL_PREVIEW_BLOCKER)
            ctl_table_row(&table, (const char *const[]){host->name, host->code, host->reason});
    }
    ctl_table_print(&table, to, "  ");
}

static void print_notes(const struct ctl_preview *preview, FILE *to)
{
    const json_t *answer, *note;
    size_t i, j;

    json_array_foreach (preview->answers, i, answer) {
        json_array_foreach (json_object_get(answer, "notes"), j, note) {
            (void)fputs("note: ", to);
            ctl_out_put(to, ctl_json_text(answer, "name"));
            (void)fputs(": ", to);
            ctl_out_put(to, json_is_string(note) ? json_string_value(note) : "?");
            (void)fputc('\n', to);
        }
    }
}

void ctl_preview_print(const struct ctl_plan *plan, const struct ctl_preview *preview, FILE *to)
{
    (void)fprintf(to, "plan '%s', risk %s: %u host%s to change, %u current, %u in the way\n",
                  plan->name, proto_risk_name(plan->risk), (unsigned)preview->target_count,
                  preview->target_count == 1 ? "" : "s", (unsigned)preview->current_count,
                  (unsigned)preview->blocker_count);
    (void)fprintf(to, "way back: %s\n", ctl_plan_describe_revert(plan));
    for (uint32_t i = 0; i < preview->group_count; i++)
        print_group(preview, i, to);
    if (preview->target_count > 0)
        print_waves(plan, preview, to);
    if (preview->current_count > 0) {
        (void)fprintf(to, "\n%u host%s as the plan wants already, and left out: ",
                      (unsigned)preview->current_count,
                      preview->current_count == 1 ? " is" : "s are");
        print_names(preview, to, is_current, 0);
    }
    print_blockers(preview, to);
    print_notes(preview, to);
}

static json_t *groups_to_json(const struct ctl_preview *preview)
{
    json_t *groups = json_array();

    for (uint32_t i = 0; i < preview->group_count; i++) {
        json_t *names = json_array();

        for (uint32_t j = 0; j < preview->target_count; j++) {
            if (preview->hosts[j].group == i)
                (void)json_array_append_new(names, json_string(preview->hosts[j].name));
        }
        (void)json_array_append_new(groups, json_pack("{s:i, s:o, s:O}", "kind",
                                                      (int)preview->groups[i].kind, "hosts", names,
                                                      "changes", preview->groups[i].changes));
    }

    return groups;
}

static json_t *waves_to_json(const struct ctl_preview *preview)
{
    json_t *waves = json_array();

    for (uint32_t i = 0; i < preview->wave_count; i++) {
        json_t *names = json_array();

        for (uint32_t j = 0; j < preview->target_count; j++) {
            if (preview->hosts[j].wave == i)
                (void)json_array_append_new(names, json_string(preview->hosts[j].name));
        }
        (void)json_array_append_new(
            waves, json_pack("{s:i, s:o, s:i, s:b}", "wave", (int)i + 1, "hosts", names,
                             "failures_allowed", (int)preview->waves[i].failures_allowed,
                             "rounded_to_zero", preview->waves[i].rounded_to_zero));
    }

    return waves;
}

json_t *ctl_preview_to_json(const struct ctl_plan *plan, const struct ctl_preview *preview)
{
    json_t *current = json_array(), *blockers = json_array();

    for (uint32_t i = 0; i < preview->host_count; i++) {
        const struct ctl_preview_host *host = &preview->hosts[i];

        if (host->standing == CTL_PREVIEW_CURRENT)
            (void)json_array_append_new(current, json_string(host->name));
        if (host->standing == CTL_PREVIEW_BLOCKER) {
            (void)json_array_append_new(blockers, json_pack("{s:s, s:s, s:s, s:s}", "name",
                                                            host->name, "id", host->id, "code",
                                                            host->code, "reason", host->reason));
        }
    }

    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i}", "plan", plan->name, "risk",
                     proto_risk_name(plan->risk), "revert",
                     proto_revert_class_name(plan->revert_class), "groups", groups_to_json(preview),
                     "waves", waves_to_json(preview), "current", current, "blockers", blockers,
                     "targets_count", (int)preview->target_count, "failures_allowed",
                     (int)ctl_plan_failures_allowed(plan, preview->target_count));
}
