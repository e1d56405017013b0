/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_VIEW_H
#define CTL_DAEMON_VIEW_H

#include <jansson.h>

#include "controller/daemon/engine.h"

/*
 * The JSON documents of docs/control.md. All return a new reference, NULL when memory is out, and
 * show what is, not what is hoped for.
 */
json_t *ctl_view_wall(struct bl_wall wall); /* RFC 3339; null for ms 0 */
/* An instant of this boot's clock as one of the wall; null for none. */
json_t *ctl_view_mono(struct bl_mono mono);
json_t *ctl_view_hex(const uint8_t *data, size_t size_bytes);

json_t *ctl_view_host(const struct ctl_fleet_host *host);
/* What the host said of its load last; null for each figure that is unknown or too old. */
json_t *ctl_view_figures(const struct ctl_fleet_host *host);
json_t *ctl_view_status(const struct ctl_engine *engine, const struct ctl_run *run);
json_t *ctl_view_rollout_row(const struct ctl_store_rollout *row);

/* Reads the reports from the store; <0 when that fails. */
int ctl_view_report(struct ctl_engine *engine, const struct ctl_run *run, json_t **ret_report,
                    struct bl_error *err) BL_CHECKED;
int ctl_view_leases(struct ctl_engine *engine, const struct ctl_run *run,
                    bool (*wants)(void *userdata, const struct ctl_fleet_host *host),
                    void *userdata, json_t *leases, struct bl_error *err) BL_CHECKED;

/* How far the package run of a host is, or null. */
json_t *ctl_view_progress(const struct ctl_run_host *member);

/* Why a host of a rollout is lost: its journal went back, it was silent, or did not end in time. */
const char *ctl_view_lost_reason(const struct ctl_rollout_host *state,
                                 const struct ctl_run_host *member, const char **ret_code);

/* The command that helps now, or "". */
void ctl_view_next(const struct ctl_run *run, char *ret_text, size_t size_bytes);

/* What the step of this host found that found something last; an empty list when none did. */
int ctl_view_last_findings(struct ctl_engine *engine, const struct ctl_run *run,
                           const uint8_t host_id[PROTO_HOST_ID_BYTES], json_t **ret_findings,
                           struct bl_error *err) BL_CHECKED;

#endif
