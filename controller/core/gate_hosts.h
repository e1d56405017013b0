/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_GATE_HOSTS_H
#define CTL_CORE_GATE_HOSTS_H

#include "controller/core/gate.h"

/*
 * What hosts say of themselves, judged as a gate: how many of the upgraded ones may be bad, beside
 * those that nobody has changed. Pure: counts come in, one measurement comes out.
 */
struct ctl_gate_count {
    uint32_t hosts;
    uint32_t bad;
    uint32_t unknown; /* that say nothing, or nothing new */
};

struct ctl_gate_hosts {
    struct ctl_gate_count upgraded;  /* of the whole rollout */
    struct ctl_gate_count wave;      /* those of them in the wave that runs or soaks */
    struct ctl_gate_count unchanged; /* of the rollout; none where nothing is compared */
    uint32_t coming; /* of the wave that runs, and not upgraded yet: in neither of the first two */
    uint32_t share;  /* that may be bad: hosts, or hundredths of a percent */
    bool share_is_percent;
    uint32_t minimum; /* upgraded hosts that must have told, or nothing is said */
};

/* How many of so many hosts may be bad: a percentage is rounded down. */
uint32_t ctl_gate_share_of(const struct ctl_gate_hosts *is, uint32_t hosts);

/*
 * Bad when more than the share of either the wave's upgraded hosts or of all are. Hosts that say
 * nothing might be: then there is no data, unless it is bad or good whatever they are.
 *
 * The unchanged ones excuse it (`control` is bad) when more than the share of them are bad, too, and
 * at least half as large a part of them as of the upgraded: some host of a fleet is always busy.
 */
void ctl_gate_judge_hosts(const struct ctl_gate_hosts *is, struct ctl_gate_measurement *ret);

#endif
