/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_KEEP_H
#define AGENT_PACKAGES_KEEP_H

#include "agent/packages/tree.h"

/*
 * The part of the way back that is no package's: the paths that the plan names, and the settings
 * that packages' scripts change (settings.h). In the job's directory:
 *
 *   way-back.paths      the plan's paths as they were; contents in way-back/paths.0 or .1
 *   way-back.settings   the settings as they were; contents in way-back/settings.0 or .1
 *   settings.after      the settings when the change had ended
 *   settings.start      the settings when the way back began
 */

/* At staging: keeps both. Refuses what could not be put back, and what there is no room for. */
int agent_packages_keep(struct agent_packages_job *job, const struct agent_txn_task *task,
                        struct bl_error *err) BL_CHECKED;

/* Right before the change: what is different by now is kept anew, since people go on working. */
int agent_packages_keep_again(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

/* When the change has ended, however it did. Without it the way back takes more for its own. */
void agent_packages_keep_note_after(struct agent_packages_job *job);

/* Before the way back touches anything; may be called again. */
int agent_packages_keep_begin_restore(struct agent_packages_job *job, struct bl_error *err)
    BL_CHECKED;

/* When the packages are back: everything of both as it was. Goes on after a failure. */
int agent_packages_keep_put_back(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

/* Looks whether it is so: a finding path_differs or setting_differs for each that is not. */
int agent_packages_keep_prove(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

#endif
