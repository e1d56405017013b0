/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_MANIFEST_BUILD_H
#define CTL_CLI_MANIFEST_BUILD_H

#include "common/clock.h"
#include "controller/cli/keyring.h"
#include "controller/cli/preview.h"
#include "proto/manifest.h"

/* From what a preview saw to what people sign and what the controller gets. */

/* Times that follow from the plan; all with a margin for what is not counted. */
struct ctl_limits {
    int64_t stage_ms;  /* offer to ready */
    int64_t job_ms;    /* start to an end state */
    int64_t revert_ms; /* the way back */
    int64_t valid_ms;  /* the whole rollout, all soaks included: the manifest's life */
};
void ctl_limits_of(const struct ctl_plan *plan, uint32_t wave_count, struct ctl_limits *ret_limits);

/*
 * Encodes the manifest: all targets of the preview, each kind's exact pins, their Merkle root.
 * `counter` must rise with each manifest of the signers.
 */
int ctl_manifest_build(const struct ctl_plan *plan, const struct ctl_preview *preview,
                       struct bl_wall now, uint64_t counter, struct proto_buffer *ret_manifest,
                       struct bl_error *err) BL_CHECKED;

/* One person's signature over the encoded manifest. */
int ctl_manifest_sign(const struct proto_buffer *manifest, const struct ctl_key *key,
                      const struct ctl_secret *secret, struct proto_signature *ret_signature,
                      struct bl_error *err) BL_CHECKED;

/*
 * The next counter of this desk: above all it gave out before, and not below the time, so that a
 * lost home directory does not bring old numbers back. Written before it is used.
 */
int ctl_counter_next(int home_fd, struct bl_wall now, uint64_t *ret_counter, struct bl_error *err)
    BL_CHECKED;

/* The request for "submit". NULL when out of memory. */
json_t *ctl_submission(const struct ctl_plan *plan, const char *plan_text,
                       const struct ctl_preview *preview, const struct proto_buffer *manifest,
                       const struct proto_signature *signatures, uint32_t signature_count);

#endif
