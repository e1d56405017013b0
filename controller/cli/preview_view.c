/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/clock.h"
#include "common/hex.h"
#include "controller/cli/hooks_view.h"
#include "controller/cli/policy_build.h"
#include "controller/cli/preview.h"
#include "controller/cli/preview_standby.h"
#include "controller/cli/weaker_view.h"
#include "controller/outside/out.h"
#include "proto/manifest.h"
#include "proto/sample.h"
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

/* A line of the diff: how it is marked, and how it is coloured on a terminal. */
struct mark {
    const char *action, *sign, *colour, *said;
};

static const struct mark *mark_of(const json_t *change)
{
    static const struct mark marks[] = {
        {"upgrade", "~", "\033[33m", ""},
        {"install", "+", "\033[32m", ""},
        {"remove", "-", "\033[31m", ""},
        {"downgrade", "~", "\033[31m", "  downgrade"},
    };
    static const struct mark unknown = {"", "?", "", "  unknown"};

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strcmp(marks[i].action, ctl_json_text(change, "action")) == 0)
            return &marks[i];
    }

    return &unknown;
}

static void name_change(const json_t *change, char *ret_name, size_t name_bytes)
{
    char whole[320];

    (void)snprintf(whole, sizeof(whole), "%s:%s", ctl_json_text(change, "name"),
                   ctl_json_text(change, "arch"));
    (void)ctl_out_escape(whole, ret_name, name_bytes);
}

static void print_change(const json_t *change, size_t width, bool colour, FILE *to)
{
    const struct mark *mark = mark_of(change);
    const char *from = ctl_json_text(change, "from"), *after = ctl_json_text(change, "to");
    char name[512];

    name_change(change, name, sizeof(name));
    (void)fprintf(to, "  %s%s %s%*s  ", colour ? mark->colour : "", mark->sign, name,
                  (int)(width - ctl_out_width(name)), "");
    ctl_out_put(to, from[0] != '\0' ? from : after);
    if (from[0] != '\0' && after[0] != '\0') {
        (void)fputs(" → ", to);
        ctl_out_put(to, after);
    }
    (void)fprintf(to, "%s%s\n", mark->said, colour && mark->colour[0] != '\0' ? "\033[0m" : "");
}

static void print_group(const struct ctl_preview *preview, uint32_t group, bool colour, FILE *to)
{
    const json_t *change;
    size_t i, width = 0;

    (void)fprintf(to, "\n%u host%s: ", (unsigned)preview->groups[group].host_count,
                  preview->groups[group].host_count == 1 ? "" : "s");
    print_names(preview, to, in_group, group);
    json_array_foreach (preview->groups[group].changes, i, change) {
        char name[512];

        name_change(change, name, sizeof(name));
        if (ctl_out_width(name) > width)
            width = ctl_out_width(name);
    }
    json_array_foreach (preview->groups[group].changes, i, change)
        print_change(change, width, colour, to);
}

/* How many different packages an action is done to, over all hosts. */
static uint32_t count_packages(const struct ctl_preview *preview, const char *action)
{
    CTL_AUTO_JSON *names = json_object();

    for (uint32_t k = 0; k < preview->kind_count; k++) {
        const json_t *pin;
        size_t i;

        json_array_foreach (preview->kinds[k], i, pin) {
            char name[512];

            if (strcmp(ctl_json_text(pin, "action"), action) != 0)
                continue;
            name_change(pin, name, sizeof(name));
            (void)json_object_set_new(names, name, json_true());
        }
    }

    return (uint32_t)json_object_size(names);
}

/* "~ 60 hosts in 3 waves: 41 packages upgraded, 2 new, 1 removed, 1 downgraded" */
static void print_totals(const struct ctl_preview *preview, FILE *to)
{
    static const char *const actions[][2] = {{"upgrade", "upgraded"},
                                             {"install", "new"},
                                             {"remove", "removed"},
                                             {"downgrade", "downgraded"}};
    bool is_first = true;

    (void)fprintf(to, "\ntotal: %u host%s in %u wave%s", (unsigned)preview->target_count,
                  preview->target_count == 1 ? "" : "s", (unsigned)preview->wave_count,
                  preview->wave_count == 1 ? "" : "s");
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        uint32_t count = count_packages(preview, actions[i][0]);

        if (count == 0)
            continue;
        (void)fprintf(to, "%s%u %s%s", is_first ? ": " : ", ", (unsigned)count,
                      !is_first    ? ""
                      : count == 1 ? "package "
                                   : "packages ",
                      actions[i][1]);
        is_first = false;
    }
    (void)fprintf(to, "; %u current, ", (unsigned)preview->current_count);
    if (preview->standby_count > 0)
        (void)fprintf(to, "%u standby, ", (unsigned)preview->standby_count);
    (void)fprintf(to, "%u in the way\n", (unsigned)preview->blocker_count);
}

/* "zone a 3, b 3, without 1" */
static void print_spread(const struct ctl_plan *plan, const struct ctl_preview *preview,
                         uint32_t wave, FILE *to)
{
    CTL_AUTO_JSON *spread = ctl_preview_spread_of(preview, wave);
    const char *value;
    json_t *count;
    bool is_first = true;

    if (spread == NULL)
        return;
    (void)fputs("          ", to);
    ctl_out_put(to, plan->spread);
    json_object_foreach (spread, value, count) {
        (void)fputs(is_first ? " " : ", ", to);
        ctl_out_put(to, value[0] != '\0' ? value : "without");
        (void)fprintf(to, " %lld", (long long)json_integer_value(count));
        is_first = false;
    }
    (void)fputc('\n', to);
}

static void print_blast(const struct ctl_preview *preview, uint32_t wave, FILE *to)
{
    CTL_AUTO_JSON *blast = ctl_preview_blast(preview, wave);

    if (blast == NULL)
        return;
    (void)fputs("          ", to);
    ctl_out_put(to, ctl_json_text(blast, "text"));
    (void)fputc('\n', to);
}

/* The first ones of each wave, whose order nobody chose: controller and hosts draw the same. */
static bool is_sampled(const struct ctl_plan *plan, const struct ctl_preview *preview,
                       uint32_t index)
{
    const struct ctl_preview_host *host = &preview->hosts[index];
    uint32_t place = 0;

    while (place < index && preview->hosts[index - place - 1].wave == host->wave)
        place++;

    return host->standing == CTL_PREVIEW_TARGET &&
           place < proto_sample_count(ctl_plan_sample_share(plan),
                                      preview->waves[host->wave].host_count);
}

static json_t *sample_to_json(const struct ctl_plan *plan, const struct ctl_preview *preview,
                              uint32_t wave)
{
    json_t *names = json_array();

    for (uint32_t i = 0; i < preview->target_count; i++) {
        if (preview->hosts[i].wave == wave && is_sampled(plan, preview, i))
            (void)json_array_append_new(names, json_string(preview->hosts[i].name));
    }

    return names;
}

/* As ctl_manifest_put_sample() fills it in. */
static bool has_sample_checks(const struct ctl_plan *plan)
{
    return ctl_plan_sample_is_named(plan) ||
           (plan->verify.units.count > 0 && plan->verify.logs_count < PROTO_LOGS_MAX);
}

static void print_sample(const struct ctl_plan *plan, const struct ctl_preview *preview,
                         uint32_t wave, FILE *to)
{
    CTL_AUTO_JSON *names = sample_to_json(plan, preview, wave);
    const json_t *name;
    size_t i;

    if (json_array_size(names) == 0)
        return;
    (void)fprintf(to, "          sample of %zu, %s: ", json_array_size(names),
                  has_sample_checks(plan) ? "looked at more closely"
                                          : "looked at like all others, as neither 'sample' nor "
                                            "'verify.units' names anything");
    json_array_foreach (names, i, name) {
        if (i == NAMES_SHOWN_MAX) {
            (void)fprintf(to, ", … %zu more", json_array_size(names) - i);
            break;
        }
        (void)fputs(i > 0 ? ", " : "", to);
        ctl_out_put(to, json_string_value(name));
    }
    (void)fputc('\n', to);
}

static void print_freeze(const json_t *freeze, FILE *to)
{
    const char *until = ctl_json_text(freeze, "until"), *reason = ctl_json_text(freeze, "reason");

    if (!json_is_object(freeze))
        return;
    (void)fputs("change freeze until ", to);
    ctl_out_put(to, until[0] != '\0' ? until : "'belay unfreeze'");
    (void)fputs(reason[0] != '\0' ? " (" : "", to);
    ctl_out_put(to, reason);
    (void)fprintf(to, "%s: signed now, it waits for that\n", reason[0] != '\0' ? ")" : "");
}

static void print_waves(const struct ctl_plan *plan, const struct ctl_preview *preview, FILE *to)
{
    const uint32_t budget = ctl_plan_budget(plan, preview->target_count);
    char soak[64], until[BL_WALL_TEXT_BYTES];
    struct ctl_limits limits;

    ctl_limits_of(plan, preview, &limits);
    bl_wall_to_text((struct bl_wall){bl_wall_now().ms + limits.valid_ms}, until);
    ctl_plan_format_duration(plan->soak_ms, soak, sizeof(soak));
    (void)fprintf(to, "\n%u wave%s, each watched for %s; in the whole rollout %u may fail\n",
                  (unsigned)preview->wave_count, preview->wave_count == 1 ? "" : "s", soak,
                  (unsigned)ctl_plan_failures_allowed(plan, preview->target_count));
    if (budget > 0) {
        (void)fprintf(to, "budget %u: no host starts while so many are under way, failed or lost\n",
                      (unsigned)budget);
    }
    if (plan->first == CTL_PLAN_FIRST_ALONE && preview->target_count > 1)
        (void)fputs("the first host goes alone, until it is committed\n", to);
    ctl_windows_print(plan, to);
    print_freeze(preview->freeze, to);
    (void)fprintf(to, "signed now, it is valid to %s: no host starts from then on\n", until);
    for (uint32_t i = 0; i < preview->wave_count; i++) {
        const struct ctl_plan_wave *wave = &preview->waves[i];

        (void)fprintf(to, "  wave %u: %u host%s, %u may fail%s: ", (unsigned)i + 1,
                      (unsigned)wave->host_count, wave->host_count == 1 ? "" : "s",
                      (unsigned)wave->failures_allowed,
                      wave->rounded_to_zero ? " (the share rounds to none)" : "");
        print_names(preview, to, in_wave, i);
        print_spread(plan, preview, i, to);
        print_sample(plan, preview, i, to);
        print_blast(preview, i, to);
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

static void print_notes(const struct ctl_plan *plan, const struct ctl_preview *preview, FILE *to)
{
    const json_t *answer, *note;
    size_t i, j;

    if (preview->excludes_nobody) {
        (void)fputs("note: 'hosts.exclude' is true of no host: ", to);
        ctl_out_put(to, plan->hosts.exclude_expression);
        (void)fputc('\n', to);
    }
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

void ctl_preview_print(const struct ctl_plan *plan, const struct ctl_preview *preview, bool colour,
                       FILE *to)
{
    (void)fprintf(to, "plan '%s', risk %s: %u host%s to change, %u current, %u in the way\n",
                  plan->name, proto_risk_name(plan->risk), (unsigned)preview->target_count,
                  preview->target_count == 1 ? "" : "s", (unsigned)preview->current_count,
                  (unsigned)preview->blocker_count);
    (void)fprintf(to, "way back: %s\n", ctl_plan_describe_revert(plan));
    for (uint32_t i = 0; i < preview->group_count; i++)
        print_group(preview, i, colour, to);
    if (preview->target_count > 0)
        print_waves(plan, preview, to);
    ctl_preview_print_timeline(plan, preview, to);
    if (preview->current_count > 0) {
        (void)fprintf(to, "\n%u host%s as the plan wants already, and left out: ",
                      (unsigned)preview->current_count,
                      preview->current_count == 1 ? " is" : "s are");
        print_names(preview, to, is_current, 0);
    }
    ctl_preview_print_standby(plan, preview, to);
    print_blockers(preview, to);
    if (preview->target_count > 0)
        (void)ctl_weaker_print("plan", plan, preview->target_count, to);
    ctl_hooks_print(plan, to);
    print_notes(plan, preview, to);
    print_totals(preview, to);
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

static json_t *waves_to_json(const struct ctl_plan *plan, const struct ctl_preview *preview)
{
    json_t *waves = json_array();

    for (uint32_t i = 0; i < preview->wave_count; i++) {
        json_t *names = json_array(), *blast = ctl_preview_blast(preview, i),
               *spread = ctl_preview_spread_of(preview, i);

        for (uint32_t j = 0; j < preview->target_count; j++) {
            if (preview->hosts[j].wave == i)
                (void)json_array_append_new(names, json_string(preview->hosts[j].name));
        }
        (void)json_array_append_new(
            waves, json_pack("{s:i, s:o, s:o, s:i, s:b, s:o, s:o}", "wave", (int)i + 1, "sample",
                             sample_to_json(plan, preview, i), "hosts", names, "failures_allowed",
                             (int)preview->waves[i].failures_allowed, "rounded_to_zero",
                             preview->waves[i].rounded_to_zero, "blast",
                             blast != NULL ? blast : json_null(), "spread",
                             spread != NULL ? spread : json_null()));
    }

    return waves;
}

static json_t *totals_to_json(const struct ctl_preview *preview)
{
    json_t *totals = json_object();

    for (uint32_t action = PROTO_ACTION_INSTALL; action <= PROTO_ACTION_REMOVE; action++)
        (void)json_object_set_new(totals, proto_action_name(action),
                                  json_integer(count_packages(preview, proto_action_name(action))));

    return totals;
}

json_t *ctl_preview_to_json(const struct ctl_plan *plan, const struct ctl_preview *preview)
{
    json_t *current = json_array(), *blockers = json_array(), *document;
    struct ctl_limits limits;

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

    document = json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:o}", "plan", plan->name, "risk",
        proto_risk_name(plan->risk), "revert", proto_revert_class_name(plan->revert_class),
        "groups", groups_to_json(preview), "waves", waves_to_json(plan, preview), "current",
        current, "blockers", blockers, "targets_count", (int)preview->target_count,
        "failures_allowed", (int)ctl_plan_failures_allowed(plan, preview->target_count),
        "packages_count", totals_to_json(preview));
    (void)json_object_set_new(document, "standby", ctl_preview_standby_to_json(preview));
    (void)json_object_set_new(document, "lacks_standby",
                              json_boolean(ctl_plan_lacks_standby(plan)));
    (void)json_object_set_new(document, "timeline", ctl_preview_timeline_to_json(plan, preview));
    ctl_limits_of(plan, preview, &limits);
    (void)json_object_set_new(document, "valid_ms", json_integer((json_int_t)limits.valid_ms));
    (void)json_object_set_new(document, "excludes_nobody", json_boolean(preview->excludes_nobody));
    (void)json_object_set_new(
        document, "weaker",
        preview->target_count > 0 ? ctl_weaker_to_json(plan, preview->target_count) : json_array());
    (void)json_object_set_new(document, "windows", ctl_windows_to_json(plan));
    (void)json_object_set_new(document, "hooks", ctl_hooks_to_json(plan));
    (void)json_object_set_new(document, "budget",
                              json_integer(ctl_plan_budget(plan, preview->target_count)));
    (void)json_object_set_new(document, "freeze",
                              json_is_object(preview->freeze) ? json_incref(preview->freeze)
                                                              : json_null());
    (void)json_object_set_new(
        document, "first", json_string(plan->first == CTL_PLAN_FIRST_ALONE ? "alone" : "together"));

    return document;
}
