/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_MANIFEST_SAMPLE_H
#define CTL_CLI_MANIFEST_SAMPLE_H

#include "controller/cli/preview.h"
#include "proto/manifest.h"

/* What the manifest's lists of the sample point to while it is encoded. */
struct ctl_manifest_sample {
    uint8_t hosts[PROTO_SAMPLE_BYTES_MAX];
    struct proto_text units[PROTO_UNITS_MAX], tcp[PROTO_CHECKS_MAX], hooks[PROTO_HOOKS_MAX];
    struct proto_http_check http[PROTO_CHECKS_MAX];
    struct proto_log_check logs[PROTO_LOGS_MAX];
};

/* Draws the sample and fills in what it is verified by; `sample` lives as long as the manifest. */
int ctl_manifest_put_sample(const struct ctl_plan *plan, const struct ctl_preview *preview,
                            struct ctl_manifest_sample *sample, struct proto_manifest *manifest,
                            struct bl_error *err) BL_CHECKED;

#endif
