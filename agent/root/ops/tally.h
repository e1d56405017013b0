/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_TALLY_H
#define AGENT_ROOT_OPS_TALLY_H

#include <stdint.h>

/*
 * N of M: a check is made up to M times and holds when N of them were good. That a probe broke says
 * nothing of the host, so it is neither good nor bad; it is never taken for good. Pure.
 */
struct agent_tally {
    uint32_t good, bad, errors;
};

enum agent_tally_verdict {
    AGENT_TALLY_OPEN = 1,
    AGENT_TALLY_HOLDS,
    AGENT_TALLY_FAILS,   /* for bad samples alone */
    AGENT_TALLY_UNKNOWN, /* it cannot hold any more, but only since probes broke */
};

/* As early as it is certain. `needed` from 1 to `samples`; no more were made than these. */
enum agent_tally_verdict agent_tally_judge(const struct agent_tally *tally, uint32_t needed,
                                           uint32_t samples);

#endif
