/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_FOLLOW_H
#define CTL_CLI_FOLLOW_H

#include "controller/cli/link.h"

/*
 * Stays with a rollout until it ends. belayd may be restarted or killed meanwhile: the rollout
 * outlives it, so the desk waits for it to come back and goes on.
 */
struct ctl_follower {
    void (*show)(void *context, const json_t *document); /* after each change; borrowed */
    void (*tick)(void *context);                         /* about once a second; may be NULL */
    void *context;
    bool until_held; /* a rollout that waits for a person is as good as over */
};

enum ctl_follow_end {
    CTL_FOLLOW_ENDED = 0, /* over, or held when that is asked for; *ret_last is the last document */
    CTL_FOLLOW_INTERRUPTED, /* Ctrl-C: the rollout goes on */
};

/*
 * enum ctl_follow_end, or below 0. *ret_last may be set in all cases. -ENOTCONN when the controller
 * was never there, or stayed away for five minutes.
 */
int ctl_follow(struct ctl_cli_globals *globals, const char *rollout,
               const struct ctl_follower *follower, json_t **ret_last, struct bl_error *err)
    BL_CHECKED;

#endif
