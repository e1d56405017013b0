/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "common/text.h"
#include "proto/manifest.h"

/*
 * Red Hat names glibc, dbus and selinux-policy as packages that cannot be downgraded; Debian and
 * Ubuntu support no downgrade at all, and these are what the rest of a host stands on: programs and
 * data that were made with the new version may not work with the former one.
 */
static const char *const globs[] = {
    "glibc",
    "glibc-*",
    "libc6",
    "libc6-*",
    "libc-bin",
    "dbus",
    "dbus-*",
    "libdbus-1-*",
    "systemd",
    "systemd-*",
    "libsystemd0",
    "libsystemd-*",
    "libpam-systemd",
    "udev",
    "libudev1",
    "selinux-policy",
    "selinux-policy-*",
    "rpm",
    "rpm-libs",
    "dpkg",
};

bool proto_pin_is_one_way(const char *name, uint32_t action)
{
    if (action == PROTO_ACTION_INSTALL)
        return false; /* its way back is a removal */
    for (size_t i = 0; i < sizeof(globs) / sizeof(globs[0]); i++) {
        if (bl_text_matches(globs[i], name))
            return true;
    }

    return false;
}
