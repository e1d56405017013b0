/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_SETUP_H
#define CTL_DAEMON_SETUP_H

#include "common/attr.h"
#include "common/error.h"
#include "controller/daemon/config.h"
#include "proto/ids.h"

/*
 * What `belay init` makes and belayd needs: configuration, state directory, CURVE key, store. A
 * library of its own, so that the command line need not link the daemon.
 */
#define CTL_SETUP_KEY_NAME   "curve.key"
#define CTL_SETUP_STORE_NAME "store.db"
#define CTL_SETUP_TRUST_NAME "trust"
#define CTL_SETUP_OWNER      "belay" /* the daemon's user */

struct ctl_setup_request {
    const char *config_path;
    struct ctl_config config;
    const char *owner; /* user that the state is for; NULL or unknown: whoever runs this */
};

struct ctl_setup_result {
    uint8_t public_key[PROTO_HOST_ID_BYTES]; /* what hosts are given as --controller-key */
};

/*
 * Refuses (-EEXIST, naming it) when configuration or key are there already, before anything is
 * written: a key that hosts were given is never replaced.
 */
int ctl_setup_create(const struct ctl_setup_request *request, struct ctl_setup_result *ret_result,
                     struct bl_error *err) BL_CHECKED;

/*
 * Gives a state directory and what is in it to the user `owner`. Root sets up for the daemon's
 * user; anybody else can only set up for himself: then nothing is done.
 */
int ctl_setup_give_to_owner(int dir_fd, const char *owner, struct bl_error *err) BL_CHECKED;

/* Reads the key that create made. -EUCLEAN when it is not one. The caller wipes the secret. */
int ctl_setup_load_key(const char *state_dir, uint8_t ret_secret[PROTO_HOST_ID_BYTES],
                       uint8_t ret_public[PROTO_HOST_ID_BYTES], struct bl_error *err) BL_CHECKED;

#endif
