/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/signed_doc_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/signed_doc_text.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"
#include "controller/plan/plan.h"
#include "controller/plan/value.h"
#include "proto/risk.h"

enum {
    IDS_SHOWN_MAX = 12, /* of one value that waves are spread over */
    IDS_A_LINE = 4,
    ID_SHOWN = 16, /* letters of a host's id, as lists show it */
};

/* ---- hosts and waves ---- */

/* "0123456789abcdef/2": the host, and its kind where there are several. */
static void put_wave_hosts(const json_t *hosts, uint32_t kinds_count, uint32_t wave, FILE *to)
{
    const json_t *host;
    uint32_t shown = 0;
    size_t i;

    json_array_foreach (hosts, i, host) {
        char id[ID_SHOWN + 1];

        if (ctl_json_number(host, "wave") != (int64_t)wave)
            continue;
        (void)snprintf(id, sizeof(id), "%s", ctl_json_text(host, "id"));
        ctl_doc_put(to, shown % IDS_A_LINE == 0 ? "\n            " : " ", id);
        if (kinds_count > 1)
            (void)fprintf(to, "/%lld", (long long)ctl_json_number(host, "kind") + 1);
        shown++;
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Which hosts have which value: the signed values are in the order of the ids. */
static void put_spread_hosts(const struct ctl_signed_doc *doc, FILE *to)
{
    const struct proto_policy_spread *spread = doc->policy.spread;
    const size_t count = json_array_size(doc->hosts);
    BL_AUTO_FREE const char **ids = calloc(count + 1, sizeof(*ids));

    if (ids == NULL || count != spread->hosts.size_bytes)
        return; /* they were not carried along */
    for (size_t i = 0; i < count; i++)
        ids[i] = ctl_json_text(json_array_get(doc->hosts, i), "id");
    qsort(ids, count, sizeof(*ids), compare_texts);
    for (uint32_t value = 0; value <= spread->values_count; value++) {
        uint32_t found = 0;

        for (size_t i = 0; i < count; i++) {
            char id[ID_SHOWN + 1];

            if (spread->hosts.data[i] != value)
                continue;
            if (found == 0)
                ctl_doc_put(to, "\n          ",
                            value == 0 ? "without" : spread->values[value - 1].value);
            (void)snprintf(id, sizeof(id), "%s", ids[i]);
            if (found < IDS_SHOWN_MAX)
                ctl_doc_put(to, found % IDS_A_LINE == 0 ? "\n            " : " ", id);
            found++;
        }
        if (found > IDS_SHOWN_MAX)
            (void)fprintf(to, " … %u more", (unsigned)(found - IDS_SHOWN_MAX));
    }
}

/* "spread   zone: a 10 of 12 hosts, b 10 of 10 hosts", and who has which value. */
static void put_spread(const struct ctl_signed_doc *doc, FILE *to)
{
    const struct proto_policy *policy = &doc->policy;
    const struct proto_policy_spread *spread = policy->spread;
    const uint8_t *hosts;

    if (policy->spread_count == 0)
        return;
    hosts = spread->hosts.data;
    ctl_doc_begin(to, "spread");
    ctl_doc_put(to, "", spread->label);
    for (uint32_t i = 0; i < spread->values_count; i++) {
        size_t count = 0;

        for (size_t j = 0; j < spread->hosts.size_bytes; j++)
            count += hosts[j] == i + 1 ? 1 : 0;
        ctl_doc_put(to, i == 0 ? ": " : ", ", spread->values[i].value);
        (void)fprintf(to, " %zu of %" PRIu64 " hosts", count, spread->values[i].hosts_count);
    }
    put_spread_hosts(doc, to);
    (void)fputc('\n', to);
}

/* By id: so they are signed; and what each is to have all the while. */
static void put_standby(const struct proto_policy *policy, FILE *to)
{
    for (uint32_t i = 0; i < policy->standby_count; i++) {
        const struct proto_policy_standby *kind = &policy->standby[i];
        const size_t count = kind->hosts.size_bytes / PROTO_HOST_ID_BYTES;

        ctl_doc_begin(to, i == 0 ? "standby" : "");
        (void)fprintf(to, "%zu host%s in no wave, never started, and kept with", count,
                      count == 1 ? "" : "s");
        for (uint32_t j = 0; j < kind->packages_count; j++) {
            const bool is_new = kind->packages[j].version[0] == '\0';

            (void)fputs(j == 0 ? " " : ", ", to);
            ctl_doc_put(to, is_new ? "no " : "", kind->packages[j].name);
            ctl_doc_put(to, is_new ? "" : " ", kind->packages[j].version);
        }
        for (uint32_t j = 0; j < kind->failed_units_count; j++)
            ctl_doc_put(to, j == 0 ? "; failed before: " : ", ", kind->failed_units[j].text);
        for (size_t j = 0; j < count; j++) {
            char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];

            bl_hex_encode(kind->hosts.data + j * PROTO_HOST_ID_BYTES, PROTO_HOST_ID_BYTES, id);
            id[ID_SHOWN] = '\0';
            ctl_doc_put(to, j % IDS_A_LINE == 0 ? "\n            " : " ", id);
        }
        (void)fputc('\n', to);
    }
}

void ctl_signed_doc_put_waves(const struct ctl_signed_doc *doc, FILE *to)
{
    put_spread(doc, to);
    put_standby(&doc->policy, to);
    for (uint32_t i = 0; i < doc->policy.waves_count; i++) {
        const struct proto_policy_wave *wave = &doc->policy.waves[i];

        ctl_doc_begin(to, i == 0 ? "waves" : "");
        (void)fprintf(to, "%u: %" PRIu64 " host%s, good with at most %" PRIu64 " failed",
                      (unsigned)i + 1, wave->hosts_count, wave->hosts_count == 1 ? "" : "s",
                      wave->failures_allowed);
        put_wave_hosts(doc->hosts, doc->manifest.kinds_count, i + 1, to);
        (void)fputc('\n', to);
    }
}

/* ---- what changes ---- */

static bool takes_away(const struct proto_pin *pin)
{
    return pin->action == PROTO_ACTION_REMOVE || pin->action == PROTO_ACTION_DOWNGRADE;
}

/* On which hosts, where not all are alike. */
static void put_kinds_of(const struct proto_manifest *manifest, uint32_t pin, FILE *to)
{
    const char *before = " on kind ";

    for (uint32_t i = 0; manifest->kinds_count > 1 && i < manifest->kinds_count; i++) {
        if (!proto_kind_has(&manifest->kinds[i], pin))
            continue;
        (void)fprintf(to, "%s%u", before, (unsigned)i + 1);
        before = ", ";
    }
}

static void put_pins_that(const struct proto_manifest *manifest, bool take_away, bool *is_first,
                          FILE *to)
{
    for (uint32_t i = 0; i < manifest->pins_count; i++) {
        const struct proto_pin *pin = &manifest->pins[i];

        if (takes_away(pin) != take_away)
            continue;
        ctl_doc_begin(to, *is_first ? "changes" : "");
        ctl_doc_put(to, proto_action_name(pin->action), " ");
        ctl_doc_put(to, "", pin->name);
        ctl_doc_put(to, pin->version[0] != '\0' ? " " : "", pin->version);
        ctl_doc_put(to, " ", pin->arch);
        put_kinds_of(manifest, i, to);
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

/* ---- what hosts may do ---- */

static void put_asked(const struct proto_manifest *manifest, FILE *to)
{
    static const char *const sets[] = {[PROTO_SET_NAMED] = "packages",
                                       [PROTO_SET_SECURITY] = "security updates",
                                       [PROTO_SET_ALL] = "everything that can be upgraded"};

    ctl_doc_begin(to, "asks for");
    (void)fputs(sets[manifest->package_set], to);
    for (uint32_t i = 0; i < manifest->packages_count; i++) {
        const struct proto_package *package = &manifest->packages[i];

        ctl_doc_put(to, i == 0 ? ": " : ", ", package->name);
        ctl_doc_put(to, package->version[0] != '\0' ? "=" : "", package->version);
    }
    if (manifest->metadata_max_age_ms > 0)
        ctl_doc_put_ms(to, "; repositories at most so old: ", manifest->metadata_max_age_ms);
    (void)fputc('\n', to);
    ctl_doc_put_texts(to, "", "left as they are", manifest->excludes, manifest->excludes_count);
}

/* Hosts that resolved alike are of one kind. */
static void put_kinds(const struct proto_manifest *manifest, FILE *to)
{
    ctl_doc_begin(to, "kinds");
    for (uint32_t i = 0; i < manifest->kinds_count; i++) {
        const struct proto_bytes *members = &manifest->kinds[i].members;
        unsigned count = 0;

        for (size_t j = 0; j < members->size_bytes; j++)
            count += (unsigned)__builtin_popcount(members->data[j]);
        (void)fprintf(to, "%s%u", i == 0 ? "" : ", ", count);
        if (manifest->kinds_count > 1)
            (void)fprintf(to, " on hosts of kind %u", (unsigned)i + 1);
    }
    (void)fputs(manifest->kinds_count == 1 ? " of the changes on hosts of the only kind\n"
                                           : " of the changes\n",
                to);
}

static void put_allowed(const struct proto_manifest *manifest, FILE *to)
{
    ctl_doc_begin(to, "allowed");
    (void)fputs(manifest->allow_new ? "new packages" : "no new packages", to);
    (void)fputs(manifest->allow_remove ? ", REMOVALS" : ", no removals", to);
    (void)fputs(manifest->allow_downgrade ? ", DOWNGRADES" : ", no downgrades", to);
    (void)fputs(manifest->repair ? ", REPAIR of a package database" : "", to);
    (void)fputs(manifest->ignore_phasing ? ", phased updates before their turn" : "", to);
    (void)fputs(manifest->conffiles == PROTO_CONFFILES_REPLACE
                    ? "; edited configuration files are REPLACED\n"
                    : "; edited configuration files are kept\n",
                to);
    ctl_doc_begin(to, "way back");
    ctl_doc_put(to, proto_revert_class_name(manifest->revert_class),
                manifest->revert_accepted ? ", named by the plan" : "");
    ctl_doc_put_ms(to, ", kept for ", manifest->keep_way_back_ms);
    (void)fputc('\n', to);
    ctl_doc_put_texts(to, "", "also put back", manifest->revert_paths,
                      manifest->revert_paths_count);
}

static void put_isolation(const struct proto_manifest *manifest, FILE *to)
{
    ctl_doc_begin(to, "ssh");
    if (manifest->ssh_lock)
        ctl_doc_put(to, "locked while a host changes; sessions: ",
                    proto_sessions_name(manifest->ssh_sessions));
    else
        (void)fputs("NOT locked while a host changes", to);
    (void)fputc('\n', to);
    ctl_doc_put_texts(to, "", "groups that keep ssh", manifest->ssh_keep_groups,
                      manifest->ssh_keep_groups_count);
    ctl_doc_put_texts(to, "", "addresses that keep ssh", manifest->ssh_keep_from,
                      manifest->ssh_keep_from_count);
    ctl_doc_put_texts(to, "quiesce", "stopped", manifest->quiesce_units,
                      manifest->quiesce_units_count);
    ctl_doc_put_texts(to, "quiesce", "timers", manifest->quiesce_timers,
                      manifest->quiesce_timers_count);
    ctl_doc_put_texts(to, "quiesce", "waited for", manifest->backup_units,
                      manifest->backup_units_count);
    ctl_doc_begin(to, "times");
    ctl_doc_put_ms(to, "staging ", manifest->stage_ms);
    ctl_doc_put_ms(to, ", waiting for jobs ", manifest->quiesce_wait_ms);
    ctl_doc_put_ms(to, ", lease ", manifest->lease_ms);
    ctl_doc_put_ms(to, ", change ", manifest->change_ms);
    ctl_doc_put_ms(to, ", settle ", manifest->verify_settle_ms);
    ctl_doc_put_ms(to, ", confirm ", manifest->confirm_within_ms);
    ctl_doc_put_ms(to, ", watch ", manifest->watch_ms);
    (void)fputc('\n', to);
}

static void put_figures(const struct proto_manifest *manifest, FILE *to)
{
    for (uint32_t i = 0; i < manifest->verify_figures_count; i++) {
        const struct proto_figure_rule *rule = &manifest->verify_figures[i];

        ctl_doc_begin(to, "verify");
        (void)fprintf(to, "figure %s, bad ", proto_figure_name(rule->figure));
        if (rule->bad == PROTO_BAD_TIMES)
            (void)fprintf(to, "above %" PRIu64 " %% of what it was", rule->limit);
        else if (rule->bad == PROTO_BAD_ROOM)
            (void)fprintf(to, "below %" PRIu64 " MiB", rule->limit);
        else
            (void)fprintf(to, "above %" PRIu64 "%s", rule->limit,
                          proto_figure_is_share(rule->figure) ? " thousandths" : "");
        if (rule->mount != 0)
            (void)fprintf(to, " on %s", proto_mount_path(rule->mount));
        ctl_doc_put_ms(to, " for ", rule->for_ms);
        (void)fputc('\n', to);
    }
}

static void put_pages(FILE *to, const char *title, const struct proto_http_check *pages,
                      uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ctl_doc_begin(to, title);
        ctl_doc_put(to, "page ", pages[i].url);
        (void)fprintf(to, " answers %" PRIu64, pages[i].status);
        if (pages[i].contains[0] != '\0')
            ctl_doc_put(to, ", contains ", pages[i].contains);
        ctl_doc_put_ms(to, ", within ", pages[i].within_ms);
        (void)fputs(pages[i].elsewhere ? ", of another host\n" : "\n", to);
    }
}

static void put_logs(FILE *to, const char *title, const struct proto_log_check *logs,
                     uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct proto_log_check *log = &logs[i];

        ctl_doc_begin(to, title);
        ctl_doc_put(to, "log ", log->unit);
        ctl_doc_put(to, "", log->file); /* one of the two */
        ctl_doc_put(to, log->bad[0] != '\0' ? ", bad " : "", log->bad);
        ctl_doc_put(to, log->good[0] != '\0' ? ", good " : "", log->good);
        if (log->within_ms > 0)
            ctl_doc_put_ms(to, " within ", log->within_ms);
        (void)fputc('\n', to);
    }
}

static void put_sample(const struct proto_manifest *manifest, FILE *to)
{
    const bool has_checks = manifest->sample_units_count + manifest->sample_http_count +
                                manifest->sample_tcp_count + manifest->sample_hooks_count +
                                manifest->sample_logs_count >
                            0;

    if (manifest->sample_all || manifest->sample_hosts.size_bytes > 0) {
        ctl_doc_begin(to, "sample");
        if (manifest->sample_all)
            (void)fputs("every host", to);
        else
            (void)fprintf(to, "%zu hosts",
                          manifest->sample_hosts.size_bytes / PROTO_SAMPLE_HASH_BYTES);
        (void)fputs(
            has_checks ? " by these, too\n" : ", and NOTHING that is looked at more closely\n", to);
    }
    ctl_doc_put_texts(to, "sample", "units", manifest->sample_units, manifest->sample_units_count);
    put_pages(to, "sample", manifest->sample_http, manifest->sample_http_count);
    ctl_doc_put_texts(to, "sample", "addresses", manifest->sample_tcp, manifest->sample_tcp_count);
    ctl_doc_put_texts(to, "sample", "hooks", manifest->sample_hooks, manifest->sample_hooks_count);
    put_logs(to, "sample", manifest->sample_logs, manifest->sample_logs_count);
}

static void put_verify(const struct proto_manifest *manifest, FILE *to)
{
    ctl_doc_put_texts(to, "precheck", "units", manifest->precheck_units,
                      manifest->precheck_units_count);
    ctl_doc_put_texts(to, "precheck", "containers", manifest->precheck_containers,
                      manifest->precheck_containers_count);
    ctl_doc_put_texts(to, "precheck", "hooks", manifest->precheck_hooks,
                      manifest->precheck_hooks_count);
    if (manifest->precheck_block_modules) {
        ctl_doc_begin(to, "precheck");
        (void)fputs("third-party kernel modules stand in the way\n", to);
    }
    ctl_doc_put_texts(to, "verify", "units", manifest->verify_units, manifest->verify_units_count);
    for (uint32_t i = 0; i < manifest->verify_ports_count; i++) {
        ctl_doc_begin(to, "verify");
        (void)fprintf(to, "port %s %" PRIu64 "\n",
                      proto_transport_name(manifest->verify_ports[i].transport),
                      manifest->verify_ports[i].port);
    }
    ctl_doc_put_texts(to, "verify", "names", manifest->verify_names, manifest->verify_names_count);
    put_pages(to, "verify", manifest->verify_http, manifest->verify_http_count);
    ctl_doc_put_texts(to, "verify", "addresses", manifest->verify_tcp, manifest->verify_tcp_count);
    ctl_doc_put_texts(to, "verify", "hooks", manifest->verify_hooks, manifest->verify_hooks_count);
    if (manifest->verify_again > 0) {
        ctl_doc_begin(to, "verify");
        (void)fprintf(to, "%" PRIu64 " times, %" PRIu64 " of them may be bad",
                      manifest->verify_again + 1, manifest->verify_bad_allowed);
        ctl_doc_put_ms(to, ", every ", manifest->verify_every_ms);
        (void)fputc('\n', to);
    }
    put_logs(to, "verify", manifest->verify_logs, manifest->verify_logs_count);
    put_figures(manifest, to);
    ctl_doc_put_texts(to, "verify", "kernel messages that count as nothing",
                      manifest->verify_kernel_ignore, manifest->verify_kernel_ignore_count);
    put_sample(manifest, to);
    for (uint32_t i = 0; i < manifest->verify_grades_count; i++) {
        ctl_doc_begin(to, i == 0 ? "grades" : "");
        ctl_doc_put(to, "", manifest->verify_grades[i].code);
        ctl_doc_put(to, " is ", proto_finding_grade_name(manifest->verify_grades[i].grade));
        (void)fputc('\n', to);
    }
}

void ctl_signed_doc_put_manifest(const struct proto_manifest *manifest, FILE *to)
{
    put_asked(manifest, to);
    put_kinds(manifest, to);
    put_allowed(manifest, to);
    put_isolation(manifest, to);
    put_verify(manifest, to);
    ctl_doc_put_texts(to, "witnesses", "asked by a host that hears nothing", manifest->witnesses,
                      manifest->witnesses_count);
}
