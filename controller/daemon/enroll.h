/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_ENROLL_H
#define CTL_DAEMON_ENROLL_H

#include "controller/daemon/engine.h"

/* Tokens are kept as hashes: who reads the store can't enrol a host with it. */
enum {
    CTL_ENROLL_USES_MAX = 10000,
    CTL_ENROLL_PENDING_MAX = 1000, /* anybody may ask; so many may wait */
};

/* Makes a token; the secret leaves only by ret_secret. */
int ctl_enroll_make_token(struct ctl_engine *engine, const json_t *labels, uint32_t uses,
                          struct bl_wall expires, uint8_t ret_secret[PROTO_TOKEN_BYTES],
                          struct bl_error *err) BL_CHECKED;

int ctl_enroll_approve(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
    BL_CHECKED;
int ctl_enroll_revoke(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
    BL_CHECKED;

#endif
