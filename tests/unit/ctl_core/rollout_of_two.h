/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CTL_CORE_ROLLOUT_OF_TWO_H
#define TESTS_UNIT_CTL_CORE_ROLLOUT_OF_TWO_H

#include "controller/core/rollout.h"
#include "tests/lib/unit.h"

/* A rollout of two hosts, and what its last step did. Each step is checked as a whole. */
enum {
    HOSTS = 2,
};

static struct ctl_rollout rollout;
static struct ctl_rollout_host hosts[HOSTS];
static struct ctl_rollout_effect list[4 + 4 * HOSTS];
static struct ctl_rollout_effects effects;

static inline void give(int64_t now_ms, struct ctl_rollout_event event)
{
    event.now.ms = now_ms;
    event.wall.ms = now_ms;
    effects = (struct ctl_rollout_effects){.capacity = 4 + 4 * HOSTS, .list = list};
    ctl_rollout_step(&rollout, &event, &effects);
    ctl_rollout_check(&rollout);
}

static inline void say(int64_t now_ms, uint32_t host, enum proto_job_state job_state)
{
    give(now_ms, (struct ctl_rollout_event){
                     .type = CTL_ROLLOUT_HOST_REPORT, .host = host, .job_state = job_state});
}

static inline void order(int64_t now_ms, enum ctl_rollout_event_type type)
{
    give(now_ms, (struct ctl_rollout_event){
                     .type = type, .host = CTL_ROLLOUT_ALL, .wave = CTL_ROLLOUT_ALL});
}

#endif
