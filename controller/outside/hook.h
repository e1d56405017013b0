/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTSIDE_HOOK_H
#define CTL_OUTSIDE_HOOK_H

#include <jansson.h>
#include <sys/types.h>

#include "controller/outside/child.h"

/*
 * A program of the controller's administrator, named by a plan or a setting: notices, gates, what
 * drains a balancer. A plan gives a name and nothing else; the folder is root's, no shell is in
 * between, and the facts come as one JSON object on standard input. It runs as belayd does: as user
 * belay in belayd's sandbox, so it can use the network and write to no file but below /tmp.
 */
struct ctl_hook_places {
    int root_fd;
    const char *root;  /* the path of root_fd, "" for "/" */
    const char *hooks; /* below root, without a slash in front */
    uid_t owner;       /* who must own the folder, all above it and the program: 0 */
};

/* Opens "/" once: etc/belay/controller-hooks.d of root. */
const struct ctl_hook_places *ctl_hook_places_default(void);

struct ctl_hook {
    const char *name;    /* of the program: checked, whoever made it */
    const char *purpose; /* BELAY_HOOK in its environment: "gate", "notice", ... */
    const json_t *facts; /* an object */
    int64_t limit_ms;
};

enum {
    CTL_HOOK_LINE_BYTES_MAX = 400,
};

struct ctl_hook_end {
    enum ctl_child_result result;
    int status;                             /* exit status, or the signal that killed it */
    char line[CTL_HOOK_LINE_BYTES_MAX + 1]; /* the last one that it printed, escaped */
};

/* Called once, from the loop. */
typedef void (*ctl_hook_fn)(void *userdata, const struct ctl_hook_end *end);

struct ctl_hook_run;

/*
 * -ENOENT, -EPERM (with the reason), -EACCES: it may not or can't be run, and `ended` is not called.
 * *ret_run is valid until `ended` returns or ctl_hook_free().
 */
int ctl_hook_start(sd_event *event, const struct ctl_hook_places *places,
                   const struct ctl_hook *hook, ctl_hook_fn ended, void *userdata,
                   struct ctl_hook_run **ret_run, struct bl_error *err) BL_CHECKED;

/* Before its end: kills it, and `ended` is not called. Takes NULL. */
struct ctl_hook_run *ctl_hook_free(struct ctl_hook_run *run);

/* "ended with 3: LINE", "was ended by signal 9", "did not end within its time": for people. */
void ctl_hook_describe(const struct ctl_hook_end *end, char *ret_text, size_t text_bytes);

#endif
