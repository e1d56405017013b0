/* SPDX-License-Identifier: Apache-2.0 */
/* What would happen next in a rollout that waits, and what it has switched off on hosts. */
#include "controller/daemon/view_next.h"

#include "controller/daemon/standby.h"
#include "controller/outside/blast.h"

/* Hosts that would start when it goes on; their wave, or CTL_ROLLOUT_ALL when none would. */
static uint32_t next_wave(const struct ctl_rollout *rollout)
{
    uint32_t wave = CTL_ROLLOUT_ALL;

    for (uint32_t i = 0; i < rollout->host_count; i++) {
        const struct ctl_rollout_host *host = &rollout->hosts[i];

        if (host->state <= CTL_HOST_READY && !host->started && host->wave < wave)
            wave = host->wave;
    }

    return wave;
}

static bool waits(const struct ctl_rollout *rollout)
{
    return rollout->state == CTL_ROLLOUT_STAGING || rollout->state == CTL_ROLLOUT_SOAKING ||
           (rollout->state == CTL_ROLLOUT_RUNNING && rollout->holds != 0);
}

/* Who is left for the traffic belongs to what is at stake. */
static void add_standby(const struct ctl_run *run, json_t *blast)
{
    json_t *standby = ctl_standby_view(run);
    const char *text = json_string_value(json_object_get(standby, "text"));

    if (text != NULL)
        (void)json_object_set_new(blast, "text",
                                  json_sprintf("%s; standby %s",
                                               json_string_value(json_object_get(blast, "text")),
                                               text));
    json_decref(standby);
}

json_t *ctl_view_blast(const struct ctl_engine *engine, const struct ctl_run *run)
{
    const struct ctl_rollout *rollout = &run->rollout;
    const uint32_t wave = waits(rollout) ? next_wave(rollout) : CTL_ROLLOUT_ALL;
    json_t *touched, *fleet, *blast;
    uint32_t allowed, failed;

    if (wave == CTL_ROLLOUT_ALL)
        return json_null();
    touched = json_array();
    fleet = json_array();
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        const struct ctl_rollout_host *host = &rollout->hosts[i];

        if (host->wave == wave && host->state <= CTL_HOST_READY && !host->started)
            (void)json_array_append(touched, run->members[i].host->labels);
    }
    for (uint32_t i = 0; i < engine->fleet.count; i++) {
        if (engine->fleet.hosts[i]->standing == CTL_STANDING_ENROLLED)
            (void)json_array_append(fleet, engine->fleet.hosts[i]->labels);
    }
    allowed = rollout->waves[wave].failures_allowed;
    failed = rollout->waves[wave].failed_count;
    blast = ctl_blast_make(touched, fleet, allowed > failed ? allowed - failed : 0);
    json_decref(touched);
    json_decref(fleet);
    if (blast == NULL)
        return json_null();
    (void)json_object_set_new(blast, "wave", json_integer(wave + 1));
    add_standby(run, blast);

    return blast;
}

json_t *ctl_view_lease_counts(const struct ctl_run *run)
{
    uint32_t ssh_lock = 0, quiesce = 0;

    for (uint32_t i = 0; i < run->rollout.host_count; i++) {
        ssh_lock += run->members[i].holds_ssh_lock ? 1 : 0;
        quiesce += run->members[i].holds_quiesce ? 1 : 0;
    }

    return json_pack("{s:I, s:I}", "ssh_lock", (json_int_t)ssh_lock, "quiesce",
                     (json_int_t)quiesce);
}
