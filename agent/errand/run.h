/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ERRAND_RUN_H
#define AGENT_ERRAND_RUN_H

#include <sys/types.h>

#include "agent/errand/errand.h"

/*
 * Where things are, so that tests need no /etc. Every folder from `root` on is judged before a hook in
 * `hooks` is run.
 */
struct agent_errand_places {
    int root_fd;
    const char *root;  /* the path of root_fd, "" for "/" */
    const char *hooks; /* below root, without a slash in front */
    uid_t owner;       /* 0 */
    const char *docker, *podman, *systemd_run;
};
extern const struct agent_errand_places agent_errand_places_default;

/*
 * One line of what `docker ps` and `podman ps` print for us, "NAME<tab>STATE<tab>STATUS". 1 when it is
 * one; 0 for any other line (both print warnings). Points into `line`, which is cut into pieces.
 */
int agent_errand_parse_container(char *line, struct agent_errand_container *ret_container);

/* The number behind `mark` in what a tool prints of itself; "" when there is none. */
void agent_errand_parse_version(const char *printed, const char *mark, char *ret_text,
                                size_t text_bytes);

/* Does what the task says and appends the encoded result to `buffer`. */
int agent_errand_run(const struct agent_errand_task *task, const struct agent_errand_places *places,
                     struct proto_buffer *buffer, struct bl_error *err) BL_CHECKED;

#endif
