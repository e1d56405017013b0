/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/manifest_build.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"
#include "controller/cli/base64.h"
#include "controller/cli/manifest_sample.h"
#include "controller/cli/policy_build.h"

#define COUNTER_FILE "counter"

enum {
    MINUTE_MS = 60 * 1000,
    SKEW_MS = 5 * MINUTE_MS, /* clocks of hosts may be that far behind */
    COUNTER_FILE_BYTES_MAX = 32,
};

/* Everything that a manifest points to, while it is encoded. */
struct pieces {
    struct proto_package *packages;
    struct proto_pin *pins; /* of all kinds, sorted, none twice */
    uint32_t pins_count;
    struct proto_kind kinds[PROTO_KINDS_MAX];
    uint8_t members[PROTO_KINDS_MAX][PROTO_MEMBERS_BYTES_MAX];
    struct proto_text *texts; /* all lists of texts, one behind the other */
    uint32_t texts_used;
    struct proto_port *ports;
    struct proto_grade_rule *grades;
    struct proto_http_check *http;
    struct proto_log_check *logs;
    struct proto_target *targets;
    struct ctl_manifest_sample *sample;
};

static void release_pieces(struct pieces *pieces)
{
    free(pieces->pins);
    free(pieces->packages);
    free(pieces->texts);
    free(pieces->ports);
    free(pieces->grades);
    free(pieces->http);
    free(pieces->logs);
    free(pieces->targets);
    free(pieces->sample);
}

static uint32_t action_from_name(const char *name)
{
    for (uint32_t action = PROTO_ACTION_INSTALL; action <= PROTO_ACTION_REMOVE; action++) {
        if (strcmp(name, proto_action_name(action)) == 0)
            return action;
    }

    return 0; /* the encoder refuses it */
}

static struct proto_pin pin_of(const json_t *pin)
{
    return (struct proto_pin){.name = ctl_json_text(pin, "name"),
                              .arch = ctl_json_text(pin, "arch"),
                              .version = ctl_json_text(pin, "version"),
                              .action = action_from_name(ctl_json_text(pin, "action"))};
}

static int compare_pins(const void *a, const void *b)
{
    return proto_pin_compare(a, b);
}

/* The pins of all kinds, each once. */
static int put_pins(const struct ctl_preview *preview, struct pieces *pieces, struct bl_error *err)
{
    size_t count = 0;
    uint32_t kept = 0;

    for (uint32_t k = 0; k < preview->kind_count; k++)
        count += json_array_size(preview->kinds[k]);
    pieces->pins = calloc(count + 1, sizeof(*pieces->pins));
    if (pieces->pins == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the manifest");
    count = 0;
    for (uint32_t k = 0; k < preview->kind_count; k++) {
        for (size_t i = 0; i < json_array_size(preview->kinds[k]); i++)
            pieces->pins[count++] = pin_of(json_array_get(preview->kinds[k], i));
    }
    qsort(pieces->pins, count, sizeof(*pieces->pins), compare_pins);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || proto_pin_compare(&pieces->pins[kept - 1], &pieces->pins[i]) != 0)
            pieces->pins[kept++] = pieces->pins[i];
    }
    if (kept > PROTO_PINS_MAX) {
        return bl_fail(err, -EMSGSIZE,
                       "the hosts would do %u different things to packages, above the limit of "
                       "%d: split the plan",
                       (unsigned)kept, PROTO_PINS_MAX);
    }
    pieces->pins_count = kept;

    return 0;
}

static void put_kind(const json_t *pins, struct pieces *pieces, uint32_t kind)
{
    const json_t *item;
    size_t i;

    json_array_foreach (pins, i, item) {
        const struct proto_pin pin = pin_of(item);
        const struct proto_pin *found =
            bsearch(&pin, pieces->pins, pieces->pins_count, sizeof(*pieces->pins), compare_pins);
        size_t place;

        BL_ASSERT(found != NULL);
        place = (size_t)(found - pieces->pins);
        pieces->members[kind][place / 8] |= (uint8_t)(1U << (place % 8));
    }
    pieces->kinds[kind].members = (struct proto_bytes){
        .data = pieces->members[kind], .size_bytes = ((size_t)pieces->pins_count + 7) / 8};
}

static void put_texts(struct pieces *pieces, const struct ctl_plan_texts *from,
                      struct proto_text **ret_texts, uint32_t *ret_count)
{
    *ret_texts = pieces->texts + pieces->texts_used;
    *ret_count = from->count;
    for (uint32_t i = 0; i < from->count; i++)
        pieces->texts[pieces->texts_used++].text = from->items[i];
}

static int put_lists(const struct ctl_plan *plan, struct pieces *pieces,
                     struct proto_manifest *manifest, struct bl_error *err)
{
    const struct ctl_plan_quiesce *quiesce = &plan->quiesce;
    const struct ctl_plan_precheck *precheck = &plan->precheck;
    size_t texts_count = (size_t)precheck->units.count + precheck->containers.count +
                         precheck->hooks.count + quiesce->units.count + quiesce->timers.count +
                         quiesce->backups.count + plan->ssh.keep_groups.count +
                         plan->ssh.keep_from.count + plan->verify.units.count +
                         plan->verify.names.count + plan->verify.tcp.count +
                         plan->verify.hooks.count + plan->verify.kernel_ignore.count +
                         plan->witnesses.count + plan->revert_paths.count + plan->exclude.count;

    pieces->texts = calloc(texts_count + 1, sizeof(*pieces->texts));
    if (pieces->texts == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the manifest");

    put_texts(pieces, &precheck->units, &manifest->precheck_units, &manifest->precheck_units_count);
    put_texts(pieces, &precheck->containers, &manifest->precheck_containers,
              &manifest->precheck_containers_count);
    put_texts(pieces, &precheck->hooks, &manifest->precheck_hooks, &manifest->precheck_hooks_count);
    manifest->precheck_block_modules = precheck->modules == CTL_PLAN_MODULES_BLOCK;
    put_texts(pieces, &quiesce->units, &manifest->quiesce_units, &manifest->quiesce_units_count);
    put_texts(pieces, &quiesce->timers, &manifest->quiesce_timers, &manifest->quiesce_timers_count);
    put_texts(pieces, &quiesce->backups, &manifest->backup_units, &manifest->backup_units_count);
    put_texts(pieces, &plan->ssh.keep_groups, &manifest->ssh_keep_groups,
              &manifest->ssh_keep_groups_count);
    put_texts(pieces, &plan->ssh.keep_from, &manifest->ssh_keep_from,
              &manifest->ssh_keep_from_count);
    put_texts(pieces, &plan->verify.units, &manifest->verify_units, &manifest->verify_units_count);
    put_texts(pieces, &plan->revert_paths, &manifest->revert_paths, &manifest->revert_paths_count);
    put_texts(pieces, &plan->exclude, &manifest->excludes, &manifest->excludes_count);
    put_texts(pieces, &plan->verify.names, &manifest->verify_names, &manifest->verify_names_count);
    put_texts(pieces, &plan->verify.tcp, &manifest->verify_tcp, &manifest->verify_tcp_count);
    put_texts(pieces, &plan->verify.hooks, &manifest->verify_hooks, &manifest->verify_hooks_count);
    put_texts(pieces, &plan->verify.kernel_ignore, &manifest->verify_kernel_ignore,
              &manifest->verify_kernel_ignore_count);
    put_texts(pieces, &plan->witnesses, &manifest->witnesses, &manifest->witnesses_count);
    return 0;
}

static int put_logs(const struct ctl_plan_verify *verify, struct pieces *pieces,
                    struct proto_manifest *manifest, struct bl_error *err)
{
    pieces->logs = calloc(verify->logs_count + 1, sizeof(*pieces->logs));
    if (pieces->logs == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the manifest");
    for (uint32_t i = 0; i < verify->logs_count; i++) {
        const struct ctl_plan_log *log = &verify->logs[i];

        pieces->logs[i] = (struct proto_log_check){.unit = log->unit,
                                                   .file = log->file,
                                                   .bad = log->bad,
                                                   .good = log->good,
                                                   .within_ms = (uint64_t)log->within_ms};
    }
    manifest->verify_logs = pieces->logs;
    manifest->verify_logs_count = verify->logs_count;

    return 0;
}

static int put_verify(const struct ctl_plan_verify *verify, struct pieces *pieces,
                      struct proto_manifest *manifest, struct bl_error *err)
{
    pieces->ports = calloc(verify->ports_count + 1, sizeof(*pieces->ports));
    pieces->grades = calloc(verify->grades_count + 1, sizeof(*pieces->grades));
    pieces->http = calloc(verify->http_count + 1, sizeof(*pieces->http));
    if (pieces->ports == NULL || pieces->grades == NULL || pieces->http == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the manifest");
    for (uint32_t i = 0; i < verify->ports_count; i++) {
        pieces->ports[i] = (struct proto_port){.transport = verify->ports[i].transport,
                                               .port = verify->ports[i].port};
    }
    for (uint32_t i = 0; i < verify->grades_count; i++) {
        pieces->grades[i] = (struct proto_grade_rule){.code = verify->grades[i].code,
                                                      .grade = verify->grades[i].grade};
    }
    manifest->verify_ports = pieces->ports;
    manifest->verify_ports_count = verify->ports_count;
    for (uint32_t i = 0; i < verify->http_count; i++) {
        const struct ctl_plan_http *http = &verify->http[i];

        pieces->http[i] = (struct proto_http_check){.url = http->url,
                                                    .status = http->status,
                                                    .contains = http->contains,
                                                    .within_ms = (uint64_t)http->within_ms,
                                                    .elsewhere = http->elsewhere};
    }
    manifest->verify_http = pieces->http;
    manifest->verify_http_count = verify->http_count;
    manifest->verify_again = verify->samples - 1;
    manifest->verify_bad_allowed = verify->samples - verify->samples_needed;
    manifest->verify_every_ms = (uint64_t)verify->every_ms;
    manifest->verify_figures = verify->figures;
    manifest->verify_figures_count = verify->figures_count;
    manifest->verify_grades = pieces->grades;
    manifest->verify_grades_count = verify->grades_count;

    return 0;
}

static int put_change(const struct ctl_plan *plan, const struct ctl_preview *preview,
                      struct pieces *pieces, struct proto_manifest *manifest, struct bl_error *err)
{
    int r;

    pieces->packages = calloc(plan->packages_count + 1, sizeof(*pieces->packages));
    if (pieces->packages == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the manifest");
    for (uint32_t i = 0; i < plan->packages_count; i++) {
        pieces->packages[i] = (struct proto_package){.name = plan->packages[i].name,
                                                     .version = plan->packages[i].version};
    }
    r = put_pins(preview, pieces, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < preview->kind_count; i++)
        put_kind(preview->kinds[i], pieces, i);
    manifest->package_set = plan->package_set;
    manifest->packages = pieces->packages;
    manifest->packages_count = plan->packages_count;
    manifest->pins = pieces->pins;
    manifest->pins_count = pieces->pins_count;
    manifest->kinds = pieces->kinds;
    manifest->kinds_count = preview->kind_count;
    manifest->allow_remove = plan->allow_remove;
    manifest->allow_downgrade = plan->allow_downgrade;
    manifest->allow_new = plan->allow_new;
    manifest->ignore_phasing = plan->phased == CTL_PLAN_PHASED_IGNORE;
    manifest->repair = plan->repair;
    manifest->conffiles = plan->conffiles;
    manifest->metadata_max_age_ms = (uint64_t)plan->metadata_max_age_ms;
    manifest->revert_class = plan->revert_class;
    manifest->revert_accepted = plan->revert_accepted;

    return 0;
}

static int put_targets(const struct ctl_preview *preview, struct pieces *pieces,
                       struct proto_manifest *manifest, struct bl_error *err)
{
    pieces->targets = calloc(preview->target_count + 1, sizeof(*pieces->targets));
    if (pieces->targets == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the manifest");
    for (uint32_t i = 0; i < preview->target_count; i++) {
        memcpy(pieces->targets[i].host_id, preview->hosts[i].host_id, PROTO_HOST_ID_BYTES);
        pieces->targets[i].kind = preview->hosts[i].kind;
    }
    manifest->targets_count = preview->target_count;

    return proto_merkle_root(pieces->targets, preview->target_count, manifest->targets_root, err);
}

static void put_times(const struct ctl_plan *plan, const struct ctl_preview *preview,
                      struct bl_wall now, struct proto_manifest *manifest)
{
    struct ctl_limits limits;

    ctl_limits_of(plan, preview, &limits);
    manifest->not_before_ms = now.ms - SKEW_MS;
    manifest->not_after_ms = now.ms + limits.valid_ms;
    manifest->quiesce_wait_ms = (uint64_t)plan->quiesce.wait_ms;
    manifest->lease_ms = (uint64_t)plan->ssh.lease_ms;
    manifest->stage_ms = (uint64_t)plan->stage_within_ms;
    manifest->change_ms = (uint64_t)plan->change_within_ms;
    manifest->verify_settle_ms = (uint64_t)plan->verify.settle_ms;
    manifest->confirm_within_ms = (uint64_t)plan->confirm_within_ms;
    manifest->watch_ms = (uint64_t)plan->watch_ms;
    manifest->keep_way_back_ms = (uint64_t)plan->keep_way_back_ms;
}

int ctl_manifest_build(const struct ctl_plan *plan, const struct ctl_preview *preview,
                       const struct ctl_issue *issue, struct ctl_bundle *ret_bundle,
                       struct bl_error *err)
{
    BL_CLEANUP(release_pieces) struct pieces pieces = {0};
    struct proto_manifest manifest = {
        .format = PROTO_MANIFEST_FORMAT,
        .plan = plan->name,
        .risk = plan->risk,
        .counter = issue->counter,
        .ssh_lock = plan->ssh.lock,
        .ssh_sessions = plan->ssh.sessions,
    };
    int r;

    memcpy(manifest.rollout_id, preview->rollout_id, sizeof(manifest.rollout_id));
    put_times(plan, preview, issue->now, &manifest);
    r = put_change(plan, preview, &pieces, &manifest, err);
    if (r < 0)
        return r;
    r = put_lists(plan, &pieces, &manifest, err);
    if (r < 0)
        return r;
    r = put_verify(&plan->verify, &pieces, &manifest, err);
    if (r >= 0)
        r = put_logs(&plan->verify, &pieces, &manifest, err);
    if (r < 0)
        return r;
    pieces.sample = calloc(1, sizeof(*pieces.sample));
    if (pieces.sample == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the manifest");
    r = ctl_manifest_put_sample(plan, preview, pieces.sample, &manifest, err);
    if (r >= 0)
        r = put_targets(preview, &pieces, &manifest, err);
    if (r < 0)
        return r;

    r = ctl_policy_build(plan, preview, issue, &ret_bundle->policy, err);
    if (r < 0)
        return r;
    r = proto_policy_hash(ret_bundle->policy.data, ret_bundle->policy.size_bytes,
                          manifest.policy_hash, err);
    if (r < 0)
        return r;

    return proto_manifest_encode(&manifest, &ret_bundle->manifest, err);
}

void ctl_bundle_release(struct ctl_bundle *bundle)
{
    proto_buffer_release(&bundle->manifest);
    proto_buffer_release(&bundle->policy);
}

int ctl_manifest_sign(const struct proto_buffer *manifest, struct ctl_signer *signer,
                      struct proto_signature *ret_signature, struct bl_error *err)
{
    const struct proto_signer by = ctl_signer_by(signer);

    return proto_sign_by(&by, PROTO_MANIFEST_DOMAIN, manifest->data, manifest->size_bytes,
                         ret_signature, err);
}

int ctl_counter_next(int home_fd, struct bl_wall now, uint64_t *ret_counter, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    uint64_t last = 0, counter = now.ms > 0 ? (uint64_t)now.ms : 1;
    char next_text[COUNTER_FILE_BYTES_MAX];
    size_t text_bytes = 0;
    int r;

    r = bl_file_read(home_fd, COUNTER_FILE, COUNTER_FILE_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r >= 0 && bl_text_to_u64(text, UINT64_MAX - 1, &last, err) < 0) {
        return bl_fail(err, -EUCLEAN, "'%s' in the key directory is damaged: remove it",
                       COUNTER_FILE);
    }
    if (counter <= last)
        counter = last + 1;
    (void)snprintf(next_text, sizeof(next_text), "%" PRIu64, counter);
    r = bl_file_replace(home_fd, COUNTER_FILE, next_text, strlen(next_text), err);
    if (r < 0)
        return r;

    *ret_counter = counter;
    return 0;
}

static json_t *hosts_to_json(const struct ctl_preview *preview)
{
    json_t *hosts = json_array();

    for (uint32_t i = 0; i < preview->target_count; i++) {
        const struct ctl_preview_host *host = &preview->hosts[i];

        (void)json_array_append_new(hosts, json_pack("{s:s, s:i, s:i}", "id", host->id, "kind",
                                                     (int)host->kind, "wave", (int)host->wave + 1));
    }

    return hosts;
}

static json_t *signatures_to_json(const struct proto_signature *signatures,
                                  uint32_t signature_count)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < signature_count; i++) {
        char key[BL_HEX_BYTES(PROTO_KEY_BYTES)], signature[BL_HEX_BYTES(PROTO_SIGNATURE_BYTES)];

        bl_hex_encode(signatures[i].key, PROTO_KEY_BYTES, key);
        bl_hex_encode(signatures[i].signature, PROTO_SIGNATURE_BYTES, signature);
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:s}", "key", key, "signature", signature));
    }

    return list;
}

json_t *ctl_submission(const char *plan_name, const char *plan_text,
                       const struct ctl_preview *preview, const struct ctl_bundle *bundle,
                       const struct proto_signature *signatures, uint32_t signature_count)
{
    BL_AUTO_FREE char *manifest = ctl_base64(bundle->manifest.data, bundle->manifest.size_bytes);
    BL_AUTO_FREE char *policy = ctl_base64(bundle->policy.data, bundle->policy.size_bytes);

    if (manifest == NULL || policy == NULL)
        return NULL;

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "verb", "submit", "plan_text",
                     plan_text, "plan_name", plan_name, "manifest", manifest, "policy", policy,
                     "signatures", signatures_to_json(signatures, signature_count), "hosts",
                     hosts_to_json(preview));
}
