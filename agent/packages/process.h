/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_PROCESS_H
#define AGENT_PACKAGES_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/packages/job.h"

/*
 * Sends `number` to every descendant of `ancestor` that is not the package manager itself: maintainer
 * scripts, hooks and what they started. The package manager then sees a script fail, which it
 * knows how to live with; killed itself, it would leave a half-written database.
 */
void agent_packages_process_end_scripts(pid_t ancestor, int number);

enum {
    AGENT_PACKAGES_SCRIPT_NAME_BYTES = 64,
};
struct agent_packages_script {
    pid_t pid;
    char name[AGENT_PACKAGES_SCRIPT_NAME_BYTES]; /* "demo.postinst"; "" where rpm made it up */
};
/* The maintainer script or hook that the package manager below `ancestor` waits for, if any. */
bool agent_packages_process_find_script(pid_t ancestor, struct agent_packages_script *ret_script);

/*
 * Waits until nobody holds a lock on the file `path` (fcntl locks, as apt and dpkg take them). A
 * file that is missing is free. At most `wait_ms` and never past the deadline; then -EAGAIN, code
 * lock_held, with the holder's name.
 *
 * `end_own`: when the holder is a process that an earlier phase of this job left behind, it gets half
 * a minute (or half of the time, if that is less); then its scripts are asked to end, and ten seconds
 * later killed, so that it can.
 */
int agent_packages_process_await_lock(struct agent_packages_job *job, const char *path,
                                      int64_t wait_ms, bool end_own, struct bl_error *err)
    BL_CHECKED;

/* The same for a file that holds the id of the process that works, as dnf writes it. */
int agent_packages_process_await_pid_file(struct agent_packages_job *job, const char *path,
                                          int64_t wait_ms, bool end_own, struct bl_error *err)
    BL_CHECKED;

/*
 * Waits likewise for package managers that an earlier phase of this job left behind when it was killed:
 * one that holds no lock yet takes it a moment later, and goes on with what the earlier phase wanted.
 */
int agent_packages_process_await_left_behind(struct agent_packages_job *job, int64_t wait_ms,
                                             struct bl_error *err) BL_CHECKED;

/* Waits likewise, then takes the lock; it is held until `*ret_fd` is closed. */
int agent_packages_process_take_lock(struct agent_packages_job *job, const char *path,
                                     int64_t wait_ms, int *ret_fd, struct bl_error *err) BL_CHECKED;

#endif
