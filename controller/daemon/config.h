/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_CONFIG_H
#define CTL_DAEMON_CONFIG_H

#include "common/attr.h"
#include "common/error.h"

/* /etc/belay/controller.yaml. Written by `belay init`, read by belayd and by `belay`. */
#define CTL_CONFIG_PATH           "/etc/belay/controller.yaml"
#define CTL_CONFIG_LISTEN         "tcp://*:7311"
#define CTL_CONFIG_STATE_DIR      "/var/lib/belay/controller"
#define CTL_CONFIG_CONTROL_SOCKET "/run/belay/controller/control.sock"
#define CTL_CONFIG_SOCKET_GROUP   "belay"
#define CTL_CONFIG_PROMETHEUS     "http://127.0.0.1:9090"

enum {
    CTL_CONFIG_ENDPOINT_BYTES = 256,
    CTL_CONFIG_PATH_BYTES = 512,
    CTL_CONFIG_SOCKET_PATH_BYTES = 108, /* as sockaddr_un has it */
    CTL_CONFIG_GROUP_BYTES = 65,
};

struct ctl_config {
    char listen[CTL_CONFIG_ENDPOINT_BYTES];        /* "tcp://ADDRESS:PORT" */
    char enroll_listen[CTL_CONFIG_ENDPOINT_BYTES]; /* left out: the port after that of listen */
    char state_dir[CTL_CONFIG_PATH_BYTES];
    char control_socket[CTL_CONFIG_SOCKET_PATH_BYTES];
    char socket_group[CTL_CONFIG_GROUP_BYTES];    /* "" = leave it to the process */
    char admin_listen[CTL_CONFIG_ENDPOINT_BYTES]; /* "admin: {listen: …}"; "" = no desk elsewhere */
    char prometheus[CTL_CONFIG_ENDPOINT_BYTES];   /* its URL, for gates that name no other */
};

/* Everything as if the file were empty. */
void ctl_config_init(struct ctl_config *config);

/* Errors of what is written there read "FILE:LINE: ..."; -ENOENT when there is no file. */
int ctl_config_load(const char *path, struct ctl_config *ret_config, struct bl_error *err)
    BL_CHECKED;

/* -EINVAL names the key. Fills in enroll_listen when it is empty. */
int ctl_config_check(struct ctl_config *config, struct bl_error *err) BL_CHECKED;

#endif
