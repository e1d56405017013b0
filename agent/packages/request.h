/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_REQUEST_H
#define AGENT_PACKAGES_REQUEST_H

#include "agent/packages/job.h"
#include "proto/manifest.h"

/*
 * What a plan asks for, before a package manager is asked: patterns over names mean what is
 * installed here, and some packages stay out whatever the package manager says.
 */

struct agent_packages_requests {
    struct proto_package *list; /* plain names; a version may still be a pattern */
    uint32_t count;
};

/* Is any name of the task a pattern? Only then does anybody need to know what is installed. */
bool agent_packages_has_pattern(const struct agent_txn_task *task);

/*
 * The named packages, in the order of the plan, each once: a pattern becomes the installed packages
 * that match and are not excluded. One that matches nothing is noted. `installed`: "NAME:ARCH", or
 * "NAME" of a package for all architectures; a pattern is over NAME.
 */
int agent_packages_expand(struct agent_packages_job *job, const struct agent_txn_task *task,
                          const char *const *installed, uint32_t installed_count,
                          struct agent_packages_requests *ret_requests, struct bl_error *err)
    BL_CHECKED;

/* Does the plan exclude this package? */
bool agent_packages_is_excluded(const struct agent_txn_task *task, const char *name);
/* Is it the image of a kernel? To change one means to reboot. */
bool agent_packages_is_kernel(const char *name);

#endif
