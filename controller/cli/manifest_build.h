/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_MANIFEST_BUILD_H
#define CTL_CLI_MANIFEST_BUILD_H

#include "common/clock.h"
#include "controller/cli/policy_build.h"
#include "controller/cli/preview.h"
#include "controller/cli/signer.h"
#include "proto/manifest.h"
#include "proto/policy.h"

/* From what a preview saw to what people sign and what the controller gets. */

/* What goes to the controller, encoded; the manifest has the policy's hash. Zero it before use. */
struct ctl_bundle {
    struct proto_buffer manifest, policy;
};

void ctl_bundle_release(struct ctl_bundle *bundle);
#define CTL_AUTO_BUNDLE BL_CLEANUP(ctl_bundle_release) struct ctl_bundle

/*
 * Encodes the policy and the manifest: all targets of the preview, each kind's exact pins, their
 * Merkle root.
 */
int ctl_manifest_build(const struct ctl_plan *plan, const struct ctl_preview *preview,
                       const struct ctl_issue *issue, struct ctl_bundle *ret_bundle,
                       struct bl_error *err) BL_CHECKED;

/* One person's signature over the encoded manifest. */
int ctl_manifest_sign(const struct proto_buffer *manifest, struct ctl_signer *signer,
                      struct proto_signature *ret_signature, struct bl_error *err) BL_CHECKED;

/*
 * The next counter of this desk: above all it gave out before, and not below the time, so that a
 * lost home directory does not bring old numbers back. Written before it is used.
 */
int ctl_counter_next(int home_fd, struct bl_wall now, uint64_t *ret_counter, struct bl_error *err)
    BL_CHECKED;

/* The request for "submit". NULL when out of memory. */
json_t *ctl_submission(const char *plan_name, const char *plan_text,
                       const struct ctl_preview *preview, const struct ctl_bundle *bundle,
                       const struct proto_signature *signatures, uint32_t signature_count);

#endif
