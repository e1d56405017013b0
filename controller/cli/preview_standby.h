/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_PREVIEW_STANDBY_H
#define CTL_CLI_PREVIEW_STANDBY_H

#include "controller/cli/preview.h"

/*
 * `hosts.standby`: of the hosts that would change, those that are kept as they are, so that the
 * traffic has somewhere to go when the rest fails.
 */

/*
 * Takes them out of the targets, which must stand first in `hosts`; their places are found anew. Drawn
 * ones are the first in the order in which hosts go, so nobody chooses them, and the rollout's id,
 * which is signed, gives the same once more. -ENODATA: none is left to be kept, or none to change.
 */
int ctl_preview_keep_standby(const struct ctl_plan *plan, struct ctl_preview *preview,
                             struct bl_error *err) BL_CHECKED;

/* What their part of the policy points to while it is encoded. */
struct ctl_preview_standby {
    struct proto_policy_standby *kinds;
    uint32_t count;
    uint8_t *ids;
    struct proto_package *packages;
    struct proto_text *failed_units;
};

int ctl_preview_put_standby(const struct ctl_preview *preview,
                            struct ctl_preview_standby *ret_standby, struct bl_error *err)
    BL_CHECKED;
void ctl_preview_standby_release(struct ctl_preview_standby *standby);
#define CTL_AUTO_PREVIEW_STANDBY BL_CLEANUP(ctl_preview_standby_release) struct ctl_preview_standby

/* The note of a plan that switches the traffic, and keeps nobody for it. */
#define CTL_LACKS_STANDBY                                                                          \
    "severe.hooks.traffic switches the traffic away from what changed, and no host is kept as it " \
    "is for it: 'hosts: { standby: 1 }' keeps one"

void ctl_preview_print_standby(const struct ctl_plan *plan, const struct ctl_preview *preview,
                               FILE *to);
/* [{name, id, packages: [{name, version}]}] */
json_t *ctl_preview_standby_to_json(const struct ctl_preview *preview);

#endif
