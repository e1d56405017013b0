/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_KEYS_H
#define AGENT_PACKAGES_KEYS_H

#include "agent/packages/changes.h"
#include "agent/packages/command.h"
#include "agent/packages/line.h"

/*
 * The keys by which repositories are trusted come in packages, too: a change of such a package may
 * let in whoever has a new key, so it is told before it is signed.
 */

/* "demo, lib:amd64: /usr/share/keyrings/x.gpg", as `dpkg-query -S` prints it. */
bool agent_packages_keys_are_of_deb(const char *owners, const char *name);
/* One name a line, as `rpm -qf --qf '%{NAME}\n'` prints it. */
bool agent_packages_keys_are_of_rpm(const char *owners, const char *name);

struct agent_packages_keys {
    const char *const *directories; /* ends with NULL */
    const char *const *query;       /* names the owners of the files behind it; ends with NULL */
    bool (*is_owner)(const char *owners, const char *name);
};
extern const struct agent_packages_keys agent_packages_apt_keys, agent_packages_dnf_keys;

/* Notes each change of a package that owns a key here, or by its name brings some. */
int agent_packages_note_keys(struct agent_packages_job *job, const struct agent_packages_keys *keys,
                             const struct agent_packages_changes *changes, struct bl_error *err)
    BL_CHECKED;

#endif
