/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_CONFFILE_H
#define AGENT_PACKAGES_CONFFILE_H

#include "agent/packages/way_back.h"

/*
 * Configuration files as they are, whatever the package manager thinks of them: content, owner and
 * mode. A link is followed once, when the file is recorded: dpkg writes to its end as well. The lock of
 * SSH within a file is not its content: those who took it give it back.
 */

/* What lies at `path` now. That nothing does is an answer (present = false). */
int agent_packages_conffile_look(const char *path, struct agent_txn_conffile *ret_conffile,
                                 struct bl_error *err) BL_CHECKED;

/*
 * Records `path` as kept->path (resolved, in the job's memory) and copies it to way-back/conffiles/ under
 * the number kept->number, durably.
 */
int agent_packages_conffile_keep(struct agent_packages_job *job, const char *path,
                                 struct agent_packages_kept *kept, struct bl_error *err) BL_CHECKED;

/*
 * Makes the file what it was, if it is anything else, and removes what dpkg left beside it since.
 * Returns 1 when something had to be done.
 */
int agent_packages_conffile_restore(struct agent_packages_job *job,
                                    const struct agent_packages_kept *kept, struct bl_error *err)
    BL_CHECKED;

/*
 * Right before the change: what a person has edited since staging is kept as it is now, and nothing of
 * it is lost when the job goes back. Returns how many they are; the record is then to be saved.
 */
int agent_packages_conffiles_keep_again(struct agent_packages_job *job,
                                        struct agent_packages_way_back *way_back,
                                        struct bl_error *err) BL_CHECKED;

/* Looks whether all are as they were: a finding conffile_differs for each that is not. */
int agent_packages_conffiles_prove(struct agent_packages_job *job,
                                   const struct agent_packages_way_back *way_back,
                                   struct bl_error *err) BL_CHECKED;

/* A note for each file that the change has left beside the configuration file: nobody merges it. */
void agent_packages_conffile_note_leftovers(struct agent_packages_job *job,
                                            const struct agent_packages_kept *kept);

#endif
