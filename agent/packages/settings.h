/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_SETTINGS_H
#define AGENT_PACKAGES_SETTINGS_H

#include "agent/packages/tree.h"

/*
 * What packages' scripts set outside of their own files: which units are enabled or masked, which
 * alternative is chosen, at which runlevel a script starts, which module stream is on, what versionlock
 * holds. All of it is files and links in a few places, on every distribution the same way.
 */

/* Those places, and the links of all alternatives that are registered now. */
int agent_packages_settings_tops(struct agent_packages_job *job, struct agent_packages_paths *tops,
                                 struct bl_error *err) BL_CHECKED;

/*
 * The links that one file of update-alternatives (or of RPM's `alternatives`) speaks of: the second
 * line, and then every second one up to an empty line.
 */
int agent_packages_settings_parse_links(struct agent_packages_job *job, const char *text,
                                        struct agent_packages_paths *paths, struct bl_error *err)
    BL_CHECKED;

/*
 * A setting that the change or the way back has touched is theirs to put back; one that a person
 * changed in between is not. Any of them may be NULL: not there.
 */
struct agent_packages_setting {
    const struct agent_packages_entry *before, *after; /* the change */
    const struct agent_packages_entry *start, *now;    /* the way back */
};
bool agent_packages_setting_is_touched(const struct agent_packages_setting *setting);

#endif
