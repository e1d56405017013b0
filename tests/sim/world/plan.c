/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as people of this world make it: drawn, built as controller/cli does, signed for real. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "proto/message.h"
#include "proto/place.h"
#include "proto/policy.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/people.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

#define PLAN_TEXT "plan: nginx\n"

enum {
    MARGIN_MS = 10 * 60 * 1000, /* as controller/cli/manifest_build.c */
    SKEW_MS = 5 * 60 * 1000,
    KINDS = 2,
};

/* ---- chance ---- */

static enum sim_draw chance;

static int64_t draw_log(int64_t low, int64_t high)
{
    return sim_draw_log(chance, SIM_CONTROLLER, low, high);
}

static uint32_t draw_below(uint32_t bound)
{
    return sim_draw_below(chance, SIM_CONTROLLER, bound);
}

static bool draw_percent(uint32_t percent)
{
    return sim_draw_percent(chance, SIM_CONTROLLER, percent);
}

/* ---- who, and when ---- */

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct proto_target *)a)->host_id,
                  ((const struct proto_target *)b)->host_id, PROTO_HOST_ID_BYTES);
}

static void draw_hosts(struct sim_plan *plan, bool (*may_take)(uint32_t host))
{
    const uint32_t percent = draw_percent(40) ? 100 : 20 + draw_below(80);

    for (uint32_t host = 0; host < sim_host_count(); host++) {
        const bool is_drawn = draw_percent(percent);

        if (!is_drawn || !may_take(host))
            continue;
        memcpy(plan->targets[plan->rollout.hosts_count].host_id, sim_host_id(host),
               PROTO_HOST_ID_BYTES);
        plan->targets[plan->rollout.hosts_count++].kind = draw_below(KINDS);
    }
    /* As their root will have them: waves are dealt to places in this order. */
    qsort(plan->targets, plan->rollout.hosts_count, sizeof(*plan->targets), by_id);
}

/* Hosts fill the waves in the order that is signed. */
static void deal_waves(struct sim_plan *plan)
{
    const uint32_t count = plan->rollout.hosts_count;
    struct proto_place *places = calloc(count, sizeof(*places));

    if (places == NULL)
        sim_broken("no memory for a plan");
    for (uint32_t i = 0; i < count; i++) {
        memcpy(places[i].host_id, plan->targets[i].host_id, PROTO_HOST_ID_BYTES);
        places[i].index = i;
        places[i].value = plan->zone_of[i];
    }
    proto_places_sort(places, count, plan->rollout.id);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t before = i, wave = 0;

        while (before >= plan->wave_limits[wave].host_count)
            before -= plan->wave_limits[wave++].host_count;
        plan->waves[places[i].index] = wave;
    }
    free(places);
}

/* One host for each wave, so that none is empty; the others as it comes. */
static void draw_waves(struct sim_plan *plan)
{
    struct sim_law_rollout *rollout = &plan->rollout;
    const uint32_t most =
        rollout->hosts_count < SIM_PLAN_WAVES_MAX ? rollout->hosts_count : SIM_PLAN_WAVES_MAX;

    rollout->waves_count = 1 + draw_below(most);
    for (uint32_t i = 0; i < rollout->hosts_count; i++) {
        uint32_t wave = i < rollout->waves_count ? i : draw_below(rollout->waves_count);

        plan->wave_limits[wave].host_count++;
    }
    sim_spread_draw(plan);
    deal_waves(plan);
    for (uint32_t i = 0; i < rollout->waves_count; i++) {
        plan->wave_limits[i].failures_allowed =
            draw_percent(40) ? 0 : draw_below(plan->wave_limits[i].host_count + 1);
    }
    rollout->limits.failures_allowed = draw_below(rollout->hosts_count + 1);
    rollout->limits.budget = draw_percent(50) ? 0 : 1 + draw_below(rollout->hosts_count);
    rollout->limits.first_alone = draw_percent(40);
    sim_spread_check(plan);
}

static void draw_times(struct sim_plan *plan, struct proto_manifest *manifest)
{
    struct sim_law_rollout *rollout = &plan->rollout;
    struct ctl_rollout_limits *limits = &rollout->limits;
    const int64_t now_ms = sim_true_wall_ms();
    int64_t valid_ms;

    manifest->quiesce_wait_ms = draw_percent(50) ? 0 : (uint64_t)draw_log(SECOND_MS, 2 * MINUTE_MS);
    rollout->may_repair = draw_percent(30);
    manifest->repair = rollout->may_repair;
    manifest->stage_ms = (uint64_t)draw_log(2 * MINUTE_MS, HOUR_MS);
    manifest->change_ms = (uint64_t)draw_log(2 * MINUTE_MS, HOUR_MS);
    manifest->verify_settle_ms = (uint64_t)draw_log(1, MINUTE_MS);
    manifest->confirm_within_ms = (uint64_t)draw_log(MINUTE_MS, HOUR_MS / 2);
    manifest->watch_ms = draw_percent(20) ? 0 : (uint64_t)draw_log(SECOND_MS, 10 * MINUTE_MS);
    manifest->keep_way_back_ms = draw_percent(10) ? 0 : (uint64_t)draw_log(MINUTE_MS, 7 * DAY_MS);
    manifest->lease_ms = manifest->change_ms + (uint64_t)draw_log(MINUTE_MS, HOUR_MS);
    limits->soak_ms = draw_percent(30) ? 0 : draw_log(SECOND_MS, 2 * HOUR_MS);
    limits->stage_ms = (int64_t)manifest->stage_ms + MARGIN_MS;
    limits->job_ms =
        (int64_t)(manifest->quiesce_wait_ms + manifest->change_ms + manifest->verify_settle_ms +
                  2 * manifest->confirm_within_ms + manifest->watch_ms) +
        MARGIN_MS;
    limits->revert_ms = 2 * (int64_t)manifest->change_ms + MARGIN_MS;
    valid_ms = DAY_MS + limits->stage_ms + rollout->waves_count * limits->soak_ms +
               (limits->budget == 0 ? rollout->waves_count + 1 : rollout->hosts_count + 1) *
                   (limits->job_ms + limits->revert_ms);
    manifest->not_before_ms = now_ms - SKEW_MS;
    manifest->not_after_ms = now_ms + (draw_percent(10) ? draw_log(MINUTE_MS, DAY_MS) : valid_ms);
    rollout->lease_ms = (int64_t)manifest->lease_ms;
    rollout->keep_way_back_ms = (int64_t)manifest->keep_way_back_ms;
    rollout->confirm_within_ms = (int64_t)manifest->confirm_within_ms;
    rollout->watch_ms = (int64_t)manifest->watch_ms;
    rollout->change_ms = (int64_t)manifest->change_ms;
}

/* ---- the manifest ---- */

static void draw_signers(struct sim_plan *plan, uint32_t risk)
{
    uint32_t chosen = draw_percent(50) ? SIM_ANNA : SIM_BEN;

    if (sim_keys_is_revoked(chosen))
        chosen = chosen == SIM_ANNA ? SIM_BEN : SIM_ANNA;
    plan->signers[0] = chosen;
    plan->signers[1] = SIM_CARLA;
    /* What is drawn is weaker than any grade but low: one person alone may not sign that. */
    plan->signatures_count = risk == PROTO_RISK_LOW ? 1 : 2;
}

static void encode_policy(struct sim_plan *plan, struct proto_manifest *manifest)
{
    const struct ctl_rollout_limits *limits = &plan->rollout.limits;
    struct proto_policy_window windows[CTL_WINDOWS_MAX];
    struct proto_policy_wave waves[SIM_PLAN_WAVES_MAX];
    struct proto_policy_spread spread;
    struct proto_policy policy = {
        .format = PROTO_POLICY_FORMAT,
        .stage_ms = (uint64_t)limits->stage_ms,
        .job_ms = (uint64_t)limits->job_ms,
        .revert_ms = (uint64_t)limits->revert_ms,
        .soak_ms = (uint64_t)limits->soak_ms,
        .failures_allowed = limits->failures_allowed,
        .budget = limits->budget,
        .first_alone = limits->first_alone,
        .waves = waves,
        .waves_count = plan->rollout.waves_count,
    };
    struct bl_error err = {0};

    sim_rules_encode(plan, &policy, windows);
    sim_keys_public(plan->signers[0], policy.requester);
    proto_plan_hash(PLAN_TEXT, policy.plan_hash);
    for (uint32_t i = 0; i < policy.waves_count; i++) {
        waves[i] = (struct proto_policy_wave){plan->wave_limits[i].host_count,
                                              plan->wave_limits[i].failures_allowed};
    }
    sim_spread_encode(plan, &policy, &spread);
    sim_rules_put_sample(plan, manifest, &policy);
    if (proto_policy_encode(&policy, &plan->policy, &err) < 0 ||
        proto_policy_hash(plan->policy.data, plan->policy.size_bytes, manifest->policy_hash, &err) <
            0)
        sim_broken("a plan of this world: %s", err.text);
}

static void encode(struct sim_plan *plan, struct proto_manifest *manifest)
{
    struct bl_error err = {0};

    if (proto_merkle_root(plan->targets, plan->rollout.hosts_count, manifest->targets_root, &err) <
            0 ||
        proto_manifest_encode(manifest, &plan->manifest, &err) < 0)
        sim_broken("a plan of this world: %s", err.text);
    for (uint32_t i = 0; i < plan->rollout.hosts_count; i++) {
        plan->hosts[i] = sim_machine_of(plan->targets[i].host_id);
        plan->kinds[i] = plan->targets[i].kind;
    }
    for (uint32_t i = 0; i < plan->signatures_count; i++)
        sim_keys_sign(plan->signers[i], &plan->manifest, &plan->signatures[i]);
}

static void write_manifest(struct sim_plan *plan, uint32_t number)
{
    static struct proto_package packages[] = {{.name = "nginx", .version = ""}};
    static struct proto_pin pins[] = {
        {.name = "nginx", .arch = "amd64", .version = "2", .action = PROTO_ACTION_UPGRADE},
        {.name = "openssl", .arch = "amd64", .version = "3", .action = PROTO_ACTION_UPGRADE}};
    static struct proto_kind kinds[KINDS] = {{{(const uint8_t *)"\x01", 1}},
                                             {{(const uint8_t *)"\x03", 1}}};
    static struct proto_text units[] = {{"nginx.service"}}, jobs[] = {{"cron.service"}};
    static struct proto_figure_rule figures[] = {
        {PROTO_FIGURE_CPU, PROTO_BAD_ABOVE, 900, SIM_FIGURE_FOR_MS, 0}};
    static struct proto_port ports[] = {{.transport = PROTO_TCP, .port = 80}};
    struct proto_manifest manifest = {
        .format = PROTO_MANIFEST_FORMAT,
        .plan = "nginx",
        .risk = PROTO_RISK_LOW + draw_below(3),
        .counter = (uint64_t)sim_true_wall_ms() + number,
        .targets_count = plan->rollout.hosts_count,
        .package_set = PROTO_SET_NAMED,
        .packages = packages,
        .packages_count = 1,
        .pins = pins,
        .pins_count = 2,
        .kinds = kinds,
        .kinds_count = KINDS,
        .conffiles = PROTO_CONFFILES_KEEP,
        .revert_class = PROTO_REVERT_PACKAGES,
        .quiesce_units = jobs,
        .quiesce_units_count = draw_percent(70) ? 1 : 0,
        .ssh_lock = draw_percent(70),
        .ssh_sessions = PROTO_SESSIONS_KEEP,
        .verify_units = units,
        .verify_units_count = 1,
        .verify_figures = figures,
        .verify_figures_count = 1,
        .verify_ports = ports,
        .verify_ports_count = 1,
    };

    memcpy(manifest.rollout_id, plan->rollout.id, sizeof(manifest.rollout_id));
    draw_times(plan, &manifest);
    sim_rules_draw(plan, &manifest, number);
    draw_signers(plan, manifest.risk);
    encode_policy(plan, &manifest);
    encode(plan, &manifest);
}

bool sim_plan_draw(struct sim_plan *plan, enum sim_draw what, uint32_t number,
                   bool (*may_take)(uint32_t host))
{
    const uint32_t most = sim_host_count();
    uint64_t id;

    chance = what;
    id = sim_draw(chance, SIM_CONTROLLER);
    *plan = (struct sim_plan){0};
    plan->hosts = calloc(most, sizeof(*plan->hosts));
    plan->waves = calloc(most, sizeof(*plan->waves));
    plan->kinds = calloc(most, sizeof(*plan->kinds));
    plan->targets = calloc(most, sizeof(*plan->targets));
    if (plan->hosts == NULL || plan->waves == NULL || plan->kinds == NULL || plan->targets == NULL)
        sim_broken("no memory for a plan");
    memcpy(plan->rollout.id, &id, sizeof(plan->rollout.id));
    plan->rollout.id[0] = (uint8_t)(number + 1); /* to be told apart in the story */
    draw_hosts(plan, may_take);
    if (plan->rollout.hosts_count == 0) {
        sim_plan_release(plan);
        return false;
    }
    draw_waves(plan);
    write_manifest(plan, number);
    plan->rollout.hosts = plan->hosts;
    plan->rollout.waves = plan->waves;
    plan->rollout.wave_limits = plan->wave_limits;
    plan->rollout.is_valid = true;

    return true;
}

void sim_plan_release(struct sim_plan *plan)
{
    free(plan->hosts);
    free(plan->waves);
    free(plan->kinds);
    free(plan->targets);
    free(plan->zone_of);
    free(plan->samples);
    free(plan->sample_hosts);
    proto_buffer_release(&plan->manifest);
    proto_buffer_release(&plan->policy);
    *plan = (struct sim_plan){0};
}

/* ---- what leaves the desk ---- */

json_t *sim_hex(const uint8_t *data, size_t size_bytes)
{
    char text[2 * PROTO_SIGNATURE_BYTES + 1];

    bl_hex_encode(data, size_bytes, text);

    return json_string(text);
}

static json_t *base64(const struct proto_buffer *buffer)
{
    size_t text_bytes =
        sodium_base64_encoded_len(buffer->size_bytes, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(text_bytes);
    json_t *value;

    if (text == NULL)
        sim_broken("no memory for a plan");
    (void)sodium_bin2base64(text, text_bytes, buffer->data, buffer->size_bytes,
                            sodium_base64_VARIANT_ORIGINAL);
    value = json_string(text);
    free(text);

    return value;
}

json_t *sim_plan_request(const struct sim_plan *plan)
{
    const struct sim_law_rollout *rollout = &plan->rollout;
    json_t *hosts = json_array(), *signatures = json_array();

    for (uint32_t i = 0; i < plan->signatures_count; i++) {
        const struct proto_signature *signature = &plan->signatures[i];

        (void)json_array_append_new(
            signatures,
            json_pack("{s:o, s:o}", "key", sim_hex(signature->key, PROTO_KEY_BYTES), "signature",
                      sim_hex(signature->signature, PROTO_SIGNATURE_BYTES)));
    }
    for (uint32_t i = 0; i < rollout->hosts_count; i++)
        (void)json_array_append_new(
            hosts, json_pack("{s:o, s:i, s:i}", "id",
                             sim_hex(plan->targets[i].host_id, PROTO_HOST_ID_BYTES), "kind",
                             (int)plan->kinds[i], "wave", (int)plan->waves[i] + 1));

    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "verb", "submit", "plan_text",
                     PLAN_TEXT, "plan_name", "nginx", "manifest", base64(&plan->manifest), "policy",
                     base64(&plan->policy), "signatures", signatures, "hosts", hosts);
}

void sim_plan_offer(const struct sim_plan *plan, uint32_t place, struct proto_buffer *ret_message)
{
    struct proto_hash proof[PROTO_PROOF_MAX];
    struct proto_message message = {.kind = PROTO_OFFER};
    struct proto_signature signatures[2];
    struct bl_error err = {0};

    memcpy(signatures, plan->signatures, sizeof(signatures));
    message.offer = (struct proto_offer){
        .manifest = {plan->manifest.data, plan->manifest.size_bytes},
        .signatures = signatures,
        .signatures_count = plan->signatures_count,
        .kind = plan->kinds[place],
        .index = place,
        .proof = proof,
    };
    if (proto_merkle_prove(plan->targets, plan->rollout.hosts_count, place, proof,
                           &message.offer.proof_count, &err) < 0 ||
        proto_message_encode(&message, ret_message, &err) < 0)
        sim_broken("an offer: %s", err.text);
}
