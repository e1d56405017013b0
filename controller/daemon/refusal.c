/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/refusal.h"

bool ctl_refusals_count(struct ctl_refusals *refusals, enum ctl_refusal_kind kind,
                        struct bl_mono now, uint64_t *ret_untold)
{
    struct ctl_refusal_told *told = &refusals->kinds[kind];

    if (told->ever && !bl_mono_reached(now, bl_mono_after(told->at, CTL_REFUSAL_EVERY_MS))) {
        told->untold++;
        return false;
    }
    *ret_untold = told->untold;
    *told = (struct ctl_refusal_told){.ever = true, .at = now};

    return true;
}
