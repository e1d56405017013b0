/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_SSH_WATCH_H
#define AGENT_ROOT_SSH_WATCH_H

#include "agent/root/job.h"

/*
 * Watches sshd's configuration while a job holds the SSH lock: a package or a person may replace it
 * in mid-job. What was replaced is locked again, and a lock whose end sshd would not take, since
 * somebody's configuration was broken, ends as soon as that is repaired.
 */
struct agent_ssh_watch;

/*
 * Borrows both. Without a directory to watch (no sshd on this host), or when the kernel lets nobody
 * watch another one, it watches nothing: the latter is logged.
 */
int agent_ssh_watch_new(struct agent_host *host, struct agent_jobs *jobs,
                        struct agent_ssh_watch **ret_watch, struct bl_error *err) BL_CHECKED;
struct agent_ssh_watch *agent_ssh_watch_free(struct agent_ssh_watch *watch);

#endif
