/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/manifest_sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "proto/sample.h"

static uint32_t put_texts(const struct ctl_plan_texts *from, struct proto_text *ret_texts)
{
    for (uint32_t i = 0; i < from->count; i++)
        ret_texts[i].text = from->items[i];

    return from->count;
}

/* Nothing was named: the logs of the services that the plan is about. */
static uint32_t put_logs_of_units(const struct ctl_plan *plan, struct proto_log_check *ret_logs)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan->verify.units.count; i++) {
        if (plan->verify.logs_count + count == PROTO_LOGS_MAX)
            break;
        ret_logs[count++] = (struct proto_log_check){.unit = plan->verify.units.items[i],
                                                     .file = "",
                                                     .bad = CTL_PLAN_SAMPLE_BAD,
                                                     .good = ""};
    }

    return count;
}

static void put_checks(const struct ctl_plan *plan, struct ctl_manifest_sample *sample,
                       struct proto_manifest *manifest)
{
    const struct ctl_plan_verify *verify = &plan->sample.verify;

    manifest->sample_units_count = put_texts(&verify->units, sample->units);
    manifest->sample_tcp_count = put_texts(&verify->tcp, sample->tcp);
    manifest->sample_hooks_count = put_texts(&verify->hooks, sample->hooks);
    for (uint32_t i = 0; i < verify->http_count; i++) {
        sample->http[i] =
            (struct proto_http_check){.url = verify->http[i].url,
                                      .status = verify->http[i].status,
                                      .contains = verify->http[i].contains,
                                      .within_ms = (uint64_t)verify->http[i].within_ms,
                                      .elsewhere = verify->http[i].elsewhere};
    }
    manifest->sample_http_count = verify->http_count;
    for (uint32_t i = 0; i < verify->logs_count; i++) {
        sample->logs[i] =
            (struct proto_log_check){.unit = verify->logs[i].unit,
                                     .file = verify->logs[i].file,
                                     .bad = verify->logs[i].bad,
                                     .good = verify->logs[i].good,
                                     .within_ms = (uint64_t)verify->logs[i].within_ms};
    }
    manifest->sample_logs_count =
        ctl_plan_sample_is_named(plan) ? verify->logs_count : put_logs_of_units(plan, sample->logs);
    manifest->sample_units = sample->units;
    manifest->sample_tcp = sample->tcp;
    manifest->sample_hooks = sample->hooks;
    manifest->sample_http = sample->http;
    manifest->sample_logs = sample->logs;
}

int ctl_manifest_put_sample(const struct ctl_plan *plan, const struct ctl_preview *preview,
                            struct ctl_manifest_sample *sample, struct proto_manifest *manifest,
                            struct bl_error *err)
{
    BL_AUTO_FREE struct proto_place *places = calloc(preview->target_count + 1, sizeof(*places));
    struct proto_policy_wave waves[CTL_PLAN_WAVES_MAX];
    const struct proto_policy policy = {.sample_share = ctl_plan_sample_share(plan),
                                        .waves = waves,
                                        .waves_count = preview->wave_count};

    if (policy.sample_share == 0)
        return 0;
    if (places == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the manifest");
    for (uint32_t i = 0; i < preview->target_count; i++) /* in order already */
        proto_place_order(preview->hosts[i].host_id, preview->rollout_id, places[i].order);
    for (uint32_t i = 0; i < preview->wave_count; i++)
        waves[i] = (struct proto_policy_wave){.hosts_count = preview->waves[i].host_count};
    manifest->sample_all = policy.sample_share == PROTO_SAMPLE_SHARE_ALL;
    manifest->sample_hosts = (struct proto_bytes){
        .data = sample->hosts, .size_bytes = proto_sample_draw(places, &policy, sample->hosts)};
    put_checks(plan, sample, manifest);

    return 0;
}
