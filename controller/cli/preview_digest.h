/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_PREVIEW_DIGEST_H
#define CTL_CLI_PREVIEW_DIGEST_H

#include "controller/cli/preview.h"

/*
 * What a preview saw, in a file: `run --as-previewed` does no more than that. Hosts by id with their
 * exact packages and waves, the rollout's id from which these follow, and the hash of the plan's
 * text. It is no signature: it holds `run` to what its
 * own person looked at, or had looked at by others.
 */

/* Writes the file anew. */
int ctl_digest_save(const char *path, const char *plan_text, const struct ctl_plan *plan,
                    const struct ctl_preview *preview, struct bl_error *err) BL_CHECKED;

/* *ret_digest is new. The rollout is the one to make, so that hosts stand in the same waves. */
int ctl_digest_load(const char *path, json_t **ret_digest,
                    uint8_t ret_rollout_id[PROTO_ROLLOUT_ID_BYTES], struct bl_error *err)
    BL_CHECKED;

/*
 * Tells each way in which `preview` goes beyond the file, a line each on `to`. Returns how many
 * there are: 0 means that it is the same or less. Below 0: it can't be told.
 */
int ctl_digest_compare(const json_t *digest, const char *plan_text,
                       const struct ctl_preview *preview, FILE *to, struct bl_error *err)
    BL_CHECKED;

#endif
