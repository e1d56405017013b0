/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_BOOT_H
#define AGENT_SNAPSHOT_BOOT_H

#include "agent/packages/job.h"

/*
 * Does this host boot from a logical volume that has a thick snapshot? LVM activates the two together,
 * so the kernel must have dm-snapshot built in, or find it in its initramfs. The initramfs of dracut
 * holds what the host used when it was made, and nobody used a snapshot then; that of
 * initramfs-tools has the module wherever LVM is installed.
 */
struct agent_snapshot_boot_places {
    const char *dracut, *lsinitrd; /* programs */
    const char *boot, *modules;    /* directories */
};
extern const struct agent_snapshot_boot_places agent_snapshot_boot_places;

/* Is it in one of the lines of modules.builtin, or of what lsinitrd prints? */
bool agent_snapshot_boot_has_module(const char *text);

/*
 * Looks into the initramfs of each kernel that is installed; fine where dracut is not. -EOPNOTSUPP
 * says which of them lacks it.
 */
int agent_snapshot_boot_check(struct agent_packages_job *job,
                              const struct agent_snapshot_boot_places *places, struct bl_error *err)
    BL_CHECKED;

#endif
