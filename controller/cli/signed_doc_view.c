/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/signed_doc_view.h"

#include <inttypes.h>
#include <string.h>

#include "common/hex.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"
#include "controller/plan/plan.h"
#include "controller/plan/value.h"
#include "proto/risk.h"

enum {
    TEXT_BYTES = 160,
    IDS_A_LINE = 4,
    ID_SHOWN = 16, /* letters of a host's id, as lists show it */
};

static void begin(FILE *to, const char *title)
{
    (void)fprintf(to, "  %-9s ", title);
}

/* A text in front of foreign text. */
static void put(FILE *to, const char *before, const char *foreign)
{
    (void)fputs(before, to);
    ctl_out_put(to, foreign);
}

static void put_ms(FILE *to, const char *before, uint64_t ms)
{
    char text[TEXT_BYTES];

    ctl_plan_format_duration((int64_t)ms, text, sizeof(text));
    put(to, before, text);
}

/* A line of texts; none without any. */
static void put_texts(FILE *to, const char *title, const char *what, const struct proto_text *items,
                      uint32_t count)
{
    if (count == 0)
        return;
    begin(to, title);
    (void)fputs(what, to);
    for (uint32_t i = 0; i < count; i++)
        put(to, i == 0 ? ": " : ", ", items[i].text);
    (void)fputc('\n', to);
}

/* ---- hosts and waves ---- */

static void put_wave_hosts(const json_t *hosts, uint32_t wave, FILE *to)
{
    const json_t *host;
    uint32_t shown = 0;
    size_t i;

    json_array_foreach (hosts, i, host) {
        char id[ID_SHOWN + 1];

        if (ctl_json_number(host, "wave") != (int64_t)wave)
            continue;
        (void)snprintf(id, sizeof(id), "%s", ctl_json_text(host, "id"));
        put(to, shown % IDS_A_LINE == 0 ? "\n            " : " ", id);
        shown++;
    }
}

/* "spread   zone: a 10 of 12 hosts, b 10 of 10 hosts" */
static void put_spread(const struct proto_policy *policy, FILE *to)
{
    const struct proto_policy_spread *spread = policy->spread;
    const uint8_t *hosts;

    if (policy->spread_count == 0)
        return;
    hosts = spread->hosts.data;
    begin(to, "spread");
    put(to, "", spread->label);
    for (uint32_t i = 0; i < spread->values_count; i++) {
        size_t count = 0;

        for (size_t j = 0; j < spread->hosts.size_bytes; j++)
            count += hosts[j] == i + 1 ? 1 : 0;
        put(to, i == 0 ? ": " : ", ", spread->values[i].value);
        (void)fprintf(to, " %zu of %" PRIu64 " hosts", count, spread->values[i].hosts_count);
    }
    (void)fputc('\n', to);
}

void ctl_signed_doc_put_waves(const struct ctl_signed_doc *doc, FILE *to)
{
    put_spread(&doc->policy, to);
    for (uint32_t i = 0; i < doc->policy.waves_count; i++) {
        const struct proto_policy_wave *wave = &doc->policy.waves[i];

        begin(to, i == 0 ? "waves" : "");
        (void)fprintf(to, "%u: %" PRIu64 " host%s, good with at most %" PRIu64 " failed",
                      (unsigned)i + 1, wave->hosts_count, wave->hosts_count == 1 ? "" : "s",
                      wave->failures_allowed);
        put_wave_hosts(doc->hosts, i + 1, to);
        (void)fputc('\n', to);
    }
}

/* ---- what changes ---- */

static bool takes_away(const struct proto_pin *pin)
{
    return pin->action == PROTO_ACTION_REMOVE || pin->action == PROTO_ACTION_DOWNGRADE;
}

static void put_pins_that(const struct proto_manifest *manifest, bool take_away, bool *is_first,
                          FILE *to)
{
    for (uint32_t i = 0; i < manifest->pins_count; i++) {
        const struct proto_pin *pin = &manifest->pins[i];

        if (takes_away(pin) != take_away)
            continue;
        begin(to, *is_first ? "changes" : "");
        put(to, proto_action_name(pin->action), " ");
        put(to, "", pin->name);
        put(to, pin->version[0] != '\0' ? " " : "", pin->version);
        put(to, " ", pin->arch);
        (void)fputc('\n', to);
        *is_first = false;
    }
}

void ctl_signed_doc_put_pins(const struct proto_manifest *manifest, FILE *to)
{
    bool is_first = true;

    put_pins_that(manifest, true, &is_first, to);
    put_pins_that(manifest, false, &is_first, to);
}

/* ---- how it goes over its hosts ---- */

static void put_people(const struct proto_policy *policy, FILE *to)
{
    if (policy->approvals > 0) {
        begin(to, "approvals");
        (void)fprintf(to, "%" PRIu64 " by %s%s for each wave after the first", policy->approvals,
                      proto_role_name(policy->approvals_by),
                      policy->approvals_by == PROTO_ROLE_OPERATOR ? " or commander" : "");
        put_ms(to, ", each good for ", policy->approval_ms);
        (void)fputc('\n', to);
    }
    begin(to, "severe");
    if (policy->answer_ms > 0)
        put_ms(to, "people are asked, and without an answer in ", policy->answer_ms);
    else
        (void)fputs("nobody is asked", to);
    (void)fputs(policy->otherwise == PROTO_OTHERWISE_ROLLBACK ? ": everything goes back\n"
                                                              : ": it stops\n",
                to);
}

static void put_windows(const struct proto_policy *policy, FILE *to)
{
    for (uint32_t i = 0; i < policy->windows_count; i++) {
        const struct ctl_plan_window window = {
            .days = (uint32_t)policy->windows[i].days,
            .from_minutes = (uint32_t)policy->windows[i].from_minutes,
            .for_minutes = (uint32_t)policy->windows[i].for_minutes};
        char text[TEXT_BYTES];

        ctl_plan_format_window(&window, 0, text, sizeof(text));
        begin(to, i == 0 ? "windows" : "");
        put(to, "", text);
        (void)fputc('\n', to);
    }
}

static void put_share(const struct proto_policy_gate *gate, FILE *to)
{
    if (gate->share_is_percent)
        (void)fprintf(to, ", of more than %g%% of the upgraded hosts", (double)gate->share / 100);
    else
        (void)fprintf(to, ", of more than %" PRIu64 " upgraded hosts", gate->share);
    (void)fprintf(to, ", with at least %" PRIu64 " of them", gate->minimum);
}

static void put_gates(const struct proto_policy *policy, FILE *to)
{
    for (uint32_t i = 0; i < policy->gates_count; i++) {
        const struct proto_policy_gate *gate = &policy->gates[i];

        begin(to, i == 0 ? "gates" : "");
        put(to, "", gate->name);
        put(to, gate->is_rollback ? ", takes everything back: " : ": ",
            proto_gate_kind_name(gate->kind));
        put(to, " ", gate->query);
        if (gate->at[0] != '\0')
            put(to, " at ", gate->at);
        if (gate->good[0] != '\0')
            put(to, ", good ", gate->good);
        if (gate->bad[0] != '\0')
            put(to, ", bad ", gate->bad);
        if (gate->kind == PROTO_GATE_HOSTS)
            put_share(gate, to);
        if (gate->control[0] != '\0')
            put(to, ", beside ", gate->control);
        if (gate->minimum_of[0] != '\0') {
            (void)fprintf(to, ", with at least %" PRIu64, gate->minimum);
            put(to, " of ", gate->minimum_of);
        }
        if (gate->contains[0] != '\0')
            put(to, ", contains ", gate->contains);
        (void)fprintf(to, ", %" PRIu64 " of %" PRIu64 " times", gate->needed, gate->samples);
        if (gate->for_ms > 0)
            put_ms(to, ", for ", gate->for_ms);
        (void)fputc('\n', to);
    }
}

void ctl_signed_doc_put_weaker(const struct ctl_signed_doc *doc, FILE *to)
{
    struct proto_weaker list[PROTO_WEAKER_MAX];
    const uint32_t count = proto_risk_weaker(&doc->manifest, &doc->policy, list);

    for (uint32_t i = 0; i < count; i++) {
        char text[PROTO_WEAKER_LINE_BYTES];

        proto_weaker_to_text(&list[i], doc->manifest.risk, text);
        begin(to, i == 0 ? "WEAKER" : "");
        put(to, "", text);
        (void)fputc('\n', to);
    }
    if (count > 0) {
        begin(to, "");
        (void)fprintf(to, "%d different people must sign what is weaker than its grade\n",
                      PROTO_RISK_SIGNERS);
    }
}

void ctl_signed_doc_put_policy(const struct proto_policy *policy, FILE *to)
{
    begin(to, "limits");
    (void)fprintf(to, "at most %" PRIu64 " failed in all, ", policy->failures_allowed);
    if (policy->budget > 0)
        (void)fprintf(to, "%" PRIu64 " under way or failed at once", policy->budget);
    else
        (void)fputs("any number under way at once", to);
    put_ms(to, policy->first_alone ? ", the first host alone, soak " : ", soak ", policy->soak_ms);
    (void)fputc('\n', to);
    if (policy->sample_share > 0) {
        begin(to, "sample");
        (void)fprintf(to, "%g%% of each wave\n", (double)policy->sample_share / 100);
    }
    put_people(policy, to);
    put_windows(policy, to);
    put_gates(policy, to);
}

/* ---- what hosts may do ---- */

static void put_allowed(const struct proto_manifest *manifest, FILE *to)
{
    begin(to, "allowed");
    (void)fputs(manifest->allow_new ? "new packages" : "no new packages", to);
    (void)fputs(manifest->allow_remove ? ", REMOVALS" : ", no removals", to);
    (void)fputs(manifest->allow_downgrade ? ", DOWNGRADES" : ", no downgrades", to);
    (void)fputs(manifest->repair ? ", REPAIR of a package database" : "", to);
    (void)fputs(manifest->ignore_phasing ? ", phased updates before their turn" : "", to);
    (void)fputs(manifest->conffiles == PROTO_CONFFILES_REPLACE
                    ? "; edited configuration files are REPLACED\n"
                    : "; edited configuration files are kept\n",
                to);
    begin(to, "way back");
    put(to, proto_revert_class_name(manifest->revert_class),
        manifest->revert_accepted ? ", named by the plan" : "");
    put_ms(to, ", kept for ", manifest->keep_way_back_ms);
    (void)fputc('\n', to);
    put_texts(to, "", "also put back", manifest->revert_paths, manifest->revert_paths_count);
}

static void put_isolation(const struct proto_manifest *manifest, FILE *to)
{
    begin(to, "ssh");
    if (manifest->ssh_lock)
        put(to,
            "locked while a host changes; sessions: ", proto_sessions_name(manifest->ssh_sessions));
    else
        (void)fputs("NOT locked while a host changes", to);
    (void)fputc('\n', to);
    put_texts(to, "", "groups that keep ssh", manifest->ssh_keep_groups,
              manifest->ssh_keep_groups_count);
    put_texts(to, "", "addresses that keep ssh", manifest->ssh_keep_from,
              manifest->ssh_keep_from_count);
    put_texts(to, "quiesce", "stopped", manifest->quiesce_units, manifest->quiesce_units_count);
    put_texts(to, "quiesce", "timers", manifest->quiesce_timers, manifest->quiesce_timers_count);
    put_texts(to, "quiesce", "waited for", manifest->backup_units, manifest->backup_units_count);
    begin(to, "times");
    put_ms(to, "lease ", manifest->lease_ms);
    put_ms(to, ", change ", manifest->change_ms);
    put_ms(to, ", settle ", manifest->verify_settle_ms);
    put_ms(to, ", confirm ", manifest->confirm_within_ms);
    put_ms(to, ", watch ", manifest->watch_ms);
    (void)fputc('\n', to);
}

static void put_figures(const struct proto_manifest *manifest, FILE *to)
{
    for (uint32_t i = 0; i < manifest->verify_figures_count; i++) {
        const struct proto_figure_rule *rule = &manifest->verify_figures[i];

        begin(to, "verify");
        (void)fprintf(to, "figure %s, bad ", proto_figure_name(rule->figure));
        if (rule->bad == PROTO_BAD_TIMES)
            (void)fprintf(to, "above %" PRIu64 " %% of what it was", rule->limit);
        else if (rule->bad == PROTO_BAD_ROOM)
            (void)fprintf(to, "below %" PRIu64 " MiB", rule->limit);
        else
            (void)fprintf(to, "above %" PRIu64 "%s", rule->limit,
                          proto_figure_is_share(rule->figure) ? " thousandths" : "");
        put_ms(to, " for ", rule->for_ms);
        (void)fputc('\n', to);
    }
}

static void put_logs(FILE *to, const char *title, const struct proto_log_check *logs,
                     uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct proto_log_check *log = &logs[i];

        begin(to, title);
        put(to, "log ", log->unit[0] != '\0' ? log->unit : log->file);
        put(to, log->bad[0] != '\0' ? ", bad " : "", log->bad);
        put(to, log->good[0] != '\0' ? ", good " : "", log->good);
        (void)fputc('\n', to);
    }
}

static void put_sample(const struct proto_manifest *manifest, FILE *to)
{
    put_texts(to, "sample", "units", manifest->sample_units, manifest->sample_units_count);
    for (uint32_t i = 0; i < manifest->sample_http_count; i++) {
        begin(to, "sample");
        put(to, "page ", manifest->sample_http[i].url);
        (void)fprintf(to, " answers %" PRIu64, manifest->sample_http[i].status);
        if (manifest->sample_http[i].contains[0] != '\0')
            put(to, ", contains ", manifest->sample_http[i].contains);
        (void)fputc('\n', to);
    }
    put_texts(to, "sample", "addresses", manifest->sample_tcp, manifest->sample_tcp_count);
    put_texts(to, "sample", "hooks", manifest->sample_hooks, manifest->sample_hooks_count);
    put_logs(to, "sample", manifest->sample_logs, manifest->sample_logs_count);
}

static void put_verify(const struct proto_manifest *manifest, FILE *to)
{
    put_texts(to, "precheck", "units", manifest->precheck_units, manifest->precheck_units_count);
    put_texts(to, "precheck", "containers", manifest->precheck_containers,
              manifest->precheck_containers_count);
    put_texts(to, "precheck", "hooks", manifest->precheck_hooks, manifest->precheck_hooks_count);
    put_texts(to, "verify", "units", manifest->verify_units, manifest->verify_units_count);
    for (uint32_t i = 0; i < manifest->verify_ports_count; i++) {
        begin(to, "verify");
        (void)fprintf(to, "port %s %" PRIu64 "\n",
                      proto_transport_name(manifest->verify_ports[i].transport),
                      manifest->verify_ports[i].port);
    }
    put_texts(to, "verify", "names", manifest->verify_names, manifest->verify_names_count);
    for (uint32_t i = 0; i < manifest->verify_http_count; i++) {
        begin(to, "verify");
        put(to, "page ", manifest->verify_http[i].url);
        (void)fprintf(to, " answers %" PRIu64, manifest->verify_http[i].status);
        if (manifest->verify_http[i].contains[0] != '\0')
            put(to, ", contains ", manifest->verify_http[i].contains);
        (void)fputc('\n', to);
    }
    put_texts(to, "verify", "addresses", manifest->verify_tcp, manifest->verify_tcp_count);
    put_texts(to, "verify", "hooks", manifest->verify_hooks, manifest->verify_hooks_count);
    put_logs(to, "verify", manifest->verify_logs, manifest->verify_logs_count);
    put_figures(manifest, to);
    put_texts(to, "verify", "kernel messages that count as nothing", manifest->verify_kernel_ignore,
              manifest->verify_kernel_ignore_count);
    put_sample(manifest, to);
    for (uint32_t i = 0; i < manifest->verify_grades_count; i++) {
        begin(to, i == 0 ? "grades" : "");
        put(to, "", manifest->verify_grades[i].code);
        put(to, " is ", proto_finding_grade_name(manifest->verify_grades[i].grade));
        (void)fputc('\n', to);
    }
}

void ctl_signed_doc_put_manifest(const struct proto_manifest *manifest, FILE *to)
{
    put_allowed(manifest, to);
    put_isolation(manifest, to);
    put_verify(manifest, to);
}
