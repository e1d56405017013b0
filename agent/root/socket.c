/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/file.h"

int agent_socket_listen(const char *path, int type, gid_t gid, struct bl_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    BL_AUTO_FD int fd = -1;
    mode_t former_umask;
    int r;

    if (strlen(path) >= sizeof(address.sun_path))
        return bl_fail(err, -ENAMETOOLONG, "'%s' is too long for a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);

    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return bl_fail(err, -errno, "make a socket: %s", strerror(errno));
    if (unlink(path) < 0 && errno != ENOENT)
        return bl_fail(err, -errno, "remove the former '%s': %s", path, strerror(errno));

    /* Nobody can connect before listen(), and by then group and mode are what they must be. */
    former_umask = umask(0177);
    r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    (void)umask(former_umask);
    if (r < 0)
        return bl_fail(err, r, "bind '%s': %s", path, strerror(-r));
    if (gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) < 0)
        return bl_fail(err, -errno, "give '%s' to its group: %s", path, strerror(errno));
    if (chmod(path, 0660) < 0)
        return bl_fail(err, -errno, "set the mode of '%s': %s", path, strerror(errno));
    if (listen(fd, 16) < 0)
        return bl_fail(err, -errno, "listen on '%s': %s", path, strerror(errno));

    return BL_TAKE_FD(fd);
}

int agent_socket_peer(int fd, struct ucred *ret_peer)
{
    socklen_t size_bytes = sizeof(*ret_peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &size_bytes) < 0)
        return -errno;

    return 0;
}
