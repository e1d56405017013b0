/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/core/gate_hosts.h"

enum {
    WHOLE = 10000, /* 100% in hundredths */
};

uint32_t ctl_gate_share_of(const struct ctl_gate_hosts *is, uint32_t hosts)
{
    if (!is->share_is_percent)
        return is->share;

    return (uint32_t)((uint64_t)is->share * hosts / WHOLE);
}

static enum ctl_gate_outcome judge_count(const struct ctl_gate_hosts *is,
                                         const struct ctl_gate_count *count, uint32_t coming)
{
    const uint32_t allowed = ctl_gate_share_of(is, count->hosts);

    /* Too many of the few that are through may be few enough of the whole wave. */
    if (count->bad > ctl_gate_share_of(is, count->hosts + coming))
        return CTL_GATE_SAID_BAD;

    return (uint64_t)count->bad + count->unknown > allowed ? CTL_GATE_NO_DATA : CTL_GATE_SAID_GOOD;
}

static enum ctl_gate_outcome worse(enum ctl_gate_outcome a, enum ctl_gate_outcome b)
{
    if (a == CTL_GATE_SAID_BAD || b == CTL_GATE_SAID_BAD)
        return CTL_GATE_SAID_BAD;

    return a == CTL_GATE_NO_DATA || b == CTL_GATE_NO_DATA ? CTL_GATE_NO_DATA : CTL_GATE_SAID_GOOD;
}

/* Of those that told: who is silent is no witness. */
static bool is_half_as_bad(const struct ctl_gate_count *others, const struct ctl_gate_count *ours)
{
    const uint64_t others_told = others->hosts - others->unknown;
    const uint64_t ours_told = ours->hosts - ours->unknown;

    return 2 * others->bad * ours_told >= ours->bad * others_told;
}

static enum ctl_gate_outcome judge_unchanged(const struct ctl_gate_hosts *is)
{
    if (is->unchanged.hosts == 0)
        return CTL_GATE_NOT_ASKED;
    if (judge_count(is, &is->unchanged, 0) != CTL_GATE_SAID_BAD ||
        !is_half_as_bad(&is->unchanged, &is->upgraded))
        return CTL_GATE_SAID_GOOD;

    return CTL_GATE_SAID_BAD;
}

void ctl_gate_judge_hosts(const struct ctl_gate_hosts *is, struct ctl_gate_measurement *ret)
{
    const uint32_t told = is->upgraded.hosts - is->upgraded.unknown;
    enum ctl_gate_outcome outcome = CTL_GATE_NO_DATA;

    if (is->upgraded.hosts > 0 && told >= is->minimum)
        outcome = worse(judge_count(is, &is->upgraded, is->coming),
                        judge_count(is, &is->wave, is->coming));
    *ret = (struct ctl_gate_measurement){
        .answer = {outcome, 0},
        .control = {judge_unchanged(is), 0},
        .minimum = {CTL_GATE_NOT_ASKED, 0},
    };
}
