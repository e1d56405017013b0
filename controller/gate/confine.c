/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/gate/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/file.h"

/* What the resolver, the loader and the check of certificates read. What is not there is left out. */
static const char *const readable[] = {
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/pki",
    "/etc/crypto-policies",
    "/etc/ca-certificates",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/host.conf",
    "/run/systemd/resolve",
#ifdef __SANITIZE_ADDRESS__
    "/proc", /* the sanitizer looks at the threads and the memory of the process itself */
#endif
};

/*
 * Each version of Landlock knows more kinds of access: the lowest so many bits. Headers may be older
 * than the kernel, so the bits have no names here.
 */
static uint64_t known_access(long version)
{
    const unsigned bits = version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13;

    return (UINT64_C(1) << bits) - 1;
}

static int allow_reading(int ruleset_fd, const char *path, struct bl_error *err)
{
    BL_AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.parent_fd = fd,
                                              .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
    struct stat status;

    if (fd < 0 && (errno == ENOENT || errno == EACCES))
        return 0;
    if (fd < 0 || fstat(fd, &status) < 0)
        return bl_fail(err, -errno, "'%s': %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
    if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        return bl_fail(err, -errno, "allow to read '%s': %s", path, strerror(errno));

    return 0;
}

int ctl_gate_confine(struct bl_error *err)
{
    struct landlock_ruleset_attr handled = {0};
    BL_AUTO_FD int ruleset_fd = -1;
    long version;
    int r = 0;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return bl_fail(err, -errno, "give up new privileges: %s", strerror(errno));
    version =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) /* not built in, not switched on, or kept from us */
        return 0;
    handled.handled_access_fs = known_access(version);
    ruleset_fd =
        (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled.handled_access_fs), 0);
    if (ruleset_fd < 0)
        return bl_fail(err, -errno, "landlock: %s", strerror(errno));
    for (size_t i = 0; r >= 0 && i < sizeof(readable) / sizeof(readable[0]); i++)
        r = allow_reading(ruleset_fd, readable[i], err);
    if (r < 0)
        return r;
    if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
        return bl_fail(err, -errno, "landlock: %s", strerror(errno));

    return 1;
}
