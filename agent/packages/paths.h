/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_PATHS_H
#define AGENT_PACKAGES_PATHS_H

#include "agent/packages/job.h"

/* Paths of configuration files, or of directories. */
struct agent_packages_paths {
    const char **list;
    uint32_t count;
};

/* Adds the first `length` bytes of `text`, if they are an absolute path. */
int agent_packages_paths_add(struct agent_packages_job *job, struct agent_packages_paths *paths,
                             const char *text, size_t length, struct bl_error *err) BL_CHECKED;
/* Sorts, and keeps each once. */
void agent_packages_paths_sort(struct agent_packages_paths *paths);
/* Looks at each and puts what it is now into the job's result. */
int agent_packages_paths_report(struct agent_packages_job *job,
                                const struct agent_packages_paths *paths, struct bl_error *err)
    BL_CHECKED;
/* A finding file_changed about the path that begins at `path`. */
void agent_packages_paths_find_changed(struct agent_packages_job *job, const char *path,
                                       size_t length);

#endif
