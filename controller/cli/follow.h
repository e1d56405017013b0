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
    /* All may be NULL. */
    void (*tick)(void *context); /* about once a second, and when the terminal has a new size */
    void (*away)(void *context); /* the controller went away; NULL: said on standard error */
    void (*suspended)(void *context); /* Ctrl-Z: has to stop the process itself */
    void *context;
    bool until_held; /* a rollout that waits for a person is as good as over */
};

/*
 * 0: over, or held when that is asked for; *ret_last is the last document. Above 0: the number of
 * the signal that ended the looking on (Ctrl-C, or the terminal was closed): the rollout goes on.
 * *ret_last may be set in all cases. -ENOTCONN when the controller was never there, or stayed away
 * for five minutes.
 */
int ctl_follow(struct ctl_cli_globals *globals, const char *rollout,
               const struct ctl_follower *follower, json_t **ret_last, struct bl_error *err)
    BL_CHECKED;

#endif
