/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_DESK_PLACE_H
#define CTL_CLI_DESK_PLACE_H

#include "controller/cli/cli.h"
#include "controller/desk/connect.h"

/*
 * A controller elsewhere, as this desk knows it: two files below the directory of its keys.
 *
 *   desks/NAME.yaml   address and controller_key: where it is, and the only key that is believed
 *   desks/NAME.key    this desk's own CURVE key, in hex; mode 0600, or it is not used
 *
 * That key opens the controller's admin endpoint and signs nothing: what changes hosts needs a
 * person's key as well.
 */
enum {
    CTL_DESK_PLACE_NAME_BYTES_MAX = 64,
    CTL_DESK_PLACE_ADDRESS_BYTES = 256,
};

struct ctl_desk_place {
    char name[CTL_DESK_PLACE_NAME_BYTES_MAX + 1];
    char address[CTL_DESK_PLACE_ADDRESS_BYTES];
    char file[CTL_CLI_PATH_BYTES_MAX]; /* of address and controller_key */
    struct ctl_desk_address to;        /* without the address: it would point into a copy */
};

/* Reads both files. The caller wipes the secret. */
int ctl_desk_place_load(const char *name, struct ctl_desk_place *ret_place, struct bl_error *err)
    BL_CHECKED;

/* Makes the desk's key and writes both files. -EEXIST rather than replace one. */
int ctl_desk_place_make(const char *name, const char *address, const char *controller_key,
                        struct ctl_desk_place *ret_place, struct bl_error *err) BL_CHECKED;

/* Calls `each` with the name of every controller elsewhere, in order. */
typedef int (*ctl_desk_place_fn)(void *userdata, const char *name, struct bl_error *err);
int ctl_desk_place_each(ctl_desk_place_fn each, void *userdata, struct bl_error *err) BL_CHECKED;

#endif
