/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/gate_hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

enum {
    NAMED_MAX = 4, /* hosts, in the note */
    VALUE_TEXT_BYTES = 32,
    NAME_TEXT_BYTES = 80,
};

enum look {
    LOOK_NOT_MEANT = 0,
    LOOK_GOOD,
    LOOK_BAD,
    LOOK_UNKNOWN,
};

struct ctl_gate_panel *ctl_gate_panel_free(struct ctl_gate_panel *panel)
{
    if (panel == NULL)
        return NULL;
    free(panel->bases);
    free(panel);

    return NULL;
}

int ctl_gate_panel_new(struct ctl_store *store, const struct ctl_run *run, uint32_t gate,
                       struct ctl_gate_panel **ret_panel, struct bl_error *err)
{
    const uint32_t count = run->rollout.host_count;
    struct ctl_gate_panel *panel = calloc(1, sizeof(*panel));
    int r = 0;

    if (panel == NULL)
        return bl_fail(err, -ENOMEM, "gates: no memory");
    panel->run = run;
    panel->policy = &run->policy.gates[gate];
    (void)proto_gate_figure(panel->policy, &panel->rule); /* the policy was checked */
    if (panel->rule.figure != 0 && panel->rule.bad == PROTO_BAD_TIMES) {
        panel->bases = calloc(count, sizeof(*panel->bases));
        r = panel->bases == NULL
                ? bl_fail(err, -ENOMEM, "gates: no memory")
                : ctl_store_read_gate_bases(store, run->id, gate, panel->bases, count, err);
    }
    if (r < 0)
        (void)ctl_gate_panel_free(panel);
    else
        *ret_panel = panel;

    return r;
}

int ctl_gate_panel_take_base(struct ctl_gate_panel *panel, struct ctl_store *store, uint32_t gate,
                             struct bl_mono now, struct bl_error *err)
{
    const uint32_t count = panel->run->rollout.host_count;
    bool is_any = false;

    for (uint32_t i = 0; i < count; i++) {
        struct ctl_gate_base *base = &panel->bases[i];
        uint64_t value;

        if (!ctl_host_figures_get(&panel->run->members[i].host->figures, panel->rule.figure, now,
                                  &value) ||
            value > PROTO_FIGURE_LIMIT_MAX || base->count == UINT32_MAX)
            continue;
        base->sum += value;
        base->count++;
        is_any = true;
    }
    if (!is_any)
        return 0;

    return ctl_store_set_gate_bases(store, panel->run->id, gate, panel->bases, count, err);
}

/* ---- one host ---- */

bool ctl_gate_host_is_upgraded(const struct ctl_rollout_host *host)
{
    return host->state == CTL_HOST_PROBATION || host->state == CTL_HOST_COMMITTED;
}

/*
 * It told after the change what it found. Who never came so far (it was called back, or its package
 * run failed) says nothing of the change; of who is lost nobody knows.
 */
static bool is_verified(const struct ctl_gate_panel *panel, uint32_t index)
{
    const struct ctl_rollout_host *host = &panel->run->hosts[index];

    if (host->state == CTL_HOST_LOST)
        return host->touched;

    return panel->run->members[index].verified && host->state >= CTL_HOST_PROBATION;
}

static enum look look_at_figure(const struct ctl_gate_panel *panel, uint32_t index,
                                struct bl_mono now, uint64_t *ret_value)
{
    const struct ctl_host_figures *figures = &panel->run->members[index].host->figures;
    uint64_t limit = 0, mean = 0;
    bool has_base = false;

    if (panel->bases != NULL && panel->bases[index].count > 0) {
        mean = panel->bases[index].sum / panel->bases[index].count;
        has_base = true;
    }
    if (!ctl_host_figures_get(figures, panel->rule.figure, now, ret_value) ||
        !proto_figure_rule_limit(&panel->rule, has_base ? &mean : NULL, &limit))
        return LOOK_UNKNOWN;

    return *ret_value > limit ? LOOK_BAD : LOOK_GOOD;
}

/* What was counted before the host had settled with the change says nothing of that. */
static bool is_of_after(const struct ctl_host_figures *figures, struct bl_mono since)
{
    return since.ms != 0 && figures->heard.ms >= since.ms &&
           (uint64_t)(figures->heard.ms - since.ms) >= figures->span_ms;
}

static enum look look_at_findings(const struct ctl_gate_panel *panel, uint32_t index)
{
    const struct ctl_run_host *member = &panel->run->members[index];
    const char *wanted = panel->policy->query;
    bool is_found;

    if (!is_verified(panel, index))
        return LOOK_NOT_MEANT;
    if (strcmp(wanted, PROTO_GATE_MINOR) == 0)
        is_found = member->found_minor;
    else
        is_found = (member->found & ctl_run_finding_bit(wanted)) != 0;
    if (is_found)
        return LOOK_BAD;

    return panel->run->hosts[index].state == CTL_HOST_LOST ? LOOK_UNKNOWN : LOOK_GOOD;
}

static enum look look_at_upgraded(const struct ctl_gate_panel *panel, uint32_t index,
                                  const struct bl_mono *since, struct bl_mono now,
                                  uint64_t *ret_value)
{
    if (panel->rule.figure == 0)
        return look_at_findings(panel, index);
    if (!ctl_gate_host_is_upgraded(&panel->run->hosts[index]))
        return LOOK_NOT_MEANT;
    if (!is_of_after(&panel->run->members[index].host->figures, since[index]))
        return LOOK_UNKNOWN;

    return look_at_figure(panel, index, now, ret_value);
}

/* ---- all ---- */

struct naming {
    struct bl_text text;
    uint32_t count;
};

static void name_one(struct naming *naming, const struct ctl_gate_panel *panel, uint32_t index,
                     enum look look, uint64_t value)
{
    const char *name = panel->run->members[index].host->name;
    char escaped[NAME_TEXT_BYTES], number[VALUE_TEXT_BYTES];

    if (++naming->count > NAMED_MAX)
        return;
    bl_text_escape(escaped, sizeof(escaped), name, strlen(name));
    bl_text_add(&naming->text, naming->count == 1 ? "" : ", ");
    bl_text_add(&naming->text, escaped);
    if (look == LOOK_UNKNOWN) {
        bl_text_add(&naming->text, " unknown");
    } else if (panel->rule.figure != 0) {
        proto_figure_to_text(panel->rule.figure, value, number, sizeof(number));
        bl_text_add(&naming->text, " ");
        bl_text_add(&naming->text, number);
    }
}

static void add_to(struct ctl_gate_count *count, enum look look)
{
    count->hosts += look != LOOK_NOT_MEANT ? 1 : 0;
    count->bad += look == LOOK_BAD ? 1 : 0;
    count->unknown += look == LOOK_UNKNOWN ? 1 : 0;
}

static void add_count(struct bl_text *text, const struct ctl_gate_count *count, const char *which)
{
    bl_text_add_number(text, count->bad);
    bl_text_add(text, " of ");
    bl_text_add_number(text, count->hosts);
    bl_text_add(text, which);
    if (count->unknown > 0) {
        bl_text_add(text, " (unknown of ");
        bl_text_add_number(text, count->unknown);
        bl_text_add(text, ")");
    }
}

/* "cpu > 80%: 3 of 12 upgraded hosts, allowed are 1; in this wave …; not changed yet …; web-3 97.0%" */
static void describe(const struct ctl_gate_panel *panel, const struct ctl_gate_hosts *is,
                     const char *names, uint32_t named_count, char *ret_note, uint32_t note_bytes)
{
    struct bl_text text;

    bl_text_init(&text, ret_note, note_bytes);
    bl_text_add(&text, panel->policy->query);
    bl_text_add(&text, panel->policy->bad[0] != '\0' ? " " : "");
    bl_text_add(&text, panel->policy->bad);
    bl_text_add(&text, ": ");
    add_count(&text, &is->upgraded, " upgraded hosts");
    bl_text_add(&text, ", allowed are ");
    bl_text_add_number(&text, ctl_gate_share_of(is, is->upgraded.hosts));
    bl_text_add(&text, "; in this wave ");
    add_count(&text, &is->wave, "");
    bl_text_add(&text, ", allowed are ");
    bl_text_add_number(&text, ctl_gate_share_of(is, is->wave.hosts));
    if (is->minimum > 1) {
        bl_text_add(&text, "; at least ");
        bl_text_add_number(&text, is->minimum);
        bl_text_add(&text, " must tell");
    }
    if (is->unchanged.hosts > 0) {
        bl_text_add(&text, "; not changed yet ");
        add_count(&text, &is->unchanged, "");
    }
    bl_text_add(&text, names[0] != '\0' ? "; " : "");
    bl_text_add(&text, names);
    if (named_count > NAMED_MAX) {
        bl_text_add(&text, " and ");
        bl_text_add_number(&text, named_count - NAMED_MAX);
        bl_text_add(&text, " more");
    }
}

/* It is to be judged, too, when its wave is through. */
static bool is_coming(const struct ctl_rollout *rollout, const struct ctl_rollout_host *host)
{
    return rollout->state == CTL_ROLLOUT_RUNNING && host->wave == rollout->wave &&
           host->state < CTL_HOST_PROBATION;
}

void ctl_gate_panel_measure(const struct ctl_gate_panel *panel, const struct bl_mono *since,
                            struct bl_mono now, struct ctl_gate_measurement *ret_measured,
                            char *ret_note, uint32_t note_bytes)
{
    const struct ctl_rollout *rollout = &panel->run->rollout;
    char names[NAMED_MAX * (NAME_TEXT_BYTES + VALUE_TEXT_BYTES)];
    struct naming naming = {.count = 0};
    struct ctl_gate_hosts is = {.share = (uint32_t)panel->policy->share,
                                .share_is_percent = panel->policy->share_is_percent,
                                .minimum = (uint32_t)panel->policy->minimum};

    bl_text_init(&naming.text, names, sizeof(names));
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        uint64_t value = 0;
        enum look look = LOOK_NOT_MEANT;

        is.coming += is_coming(rollout, &rollout->hosts[i]) ? 1 : 0;
        if (!rollout->hosts[i].touched) {
            if (panel->rule.figure != 0)
                add_to(&is.unchanged, look_at_figure(panel, i, now, &value));
            continue;
        }
        look = look_at_upgraded(panel, i, since, now, &value);
        add_to(&is.upgraded, look);
        if (rollout->hosts[i].wave == rollout->wave)
            add_to(&is.wave, look);
        if (look == LOOK_BAD || look == LOOK_UNKNOWN)
            name_one(&naming, panel, i, look, value);
    }
    ctl_gate_judge_hosts(&is, ret_measured);
    describe(panel, &is, names, naming.count, ret_note, note_bytes);
}
