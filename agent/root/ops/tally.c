/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/tally.h"

#include "common/check.h"

enum agent_tally_verdict agent_tally_judge(const struct agent_tally *tally, uint32_t needed,
                                           uint32_t samples)
{
    uint32_t allowed = samples - needed;

    BL_ASSERT(needed > 0 && needed <= samples);
    BL_ASSERT(tally->good + tally->bad + tally->errors <= samples);

    if (tally->good >= needed)
        return AGENT_TALLY_HOLDS;
    if (tally->bad > allowed)
        return AGENT_TALLY_FAILS;

    return tally->bad + tally->errors > allowed ? AGENT_TALLY_UNKNOWN : AGENT_TALLY_OPEN;
}
