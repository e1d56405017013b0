/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/errand/parts.h"
#include "common/file.h"
#include "common/spawn.h"
#include "common/text.h"

#define TRIAL ".belay-trial"

enum {
    TRIAL_BYTES = 4096,
    CAPTURE_BYTES = 8192,
};

/* ---- disks: how much room there is, and does it keep what is written? ---------------------- */

/* A file without a name where the file system can do that: nothing of it stays after a crash. */
static int open_trial(int dir_fd, bool *ret_has_name)
{
    int fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

    *ret_has_name = false;
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd < 0 ? -errno : fd;
    *ret_has_name = true;
    (void)unlinkat(dir_fd, TRIAL, 0);
    fd = openat(dir_fd, TRIAL, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    return fd < 0 ? -errno : fd;
}

static int try_to_write(int dir_fd)
{
    static const char block[TRIAL_BYTES];
    struct bl_error err = {0};
    bool has_name;
    BL_AUTO_FD int fd = open_trial(dir_fd, &has_name);
    int r;

    if (fd < 0)
        return fd;
    r = bl_fd_write(fd, block, sizeof(block), &err);
    if (r >= 0 && fsync(fd) < 0)
        r = -errno;
    if (has_name && unlinkat(dir_fd, TRIAL, 0) < 0 && r >= 0)
        r = -errno;

    return r;
}

static void look_at_disk(const char *path, struct agent_errand_disk *ret_disk, bool *ret_is_there)
{
    BL_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct statvfs room;
    struct stat status;

    *ret_is_there = fd >= 0 || errno != ENOENT;
    *ret_disk = (struct agent_errand_disk){.path = path};
    if (fd < 0 || fstat(fd, &status) < 0 || fstatvfs(fd, &room) < 0) {
        ret_disk->failure = (uint64_t)errno;
        return;
    }
    ret_disk->device = status.st_dev;
    ret_disk->free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    ret_disk->has_file_limit = room.f_files > 0;
    ret_disk->free_files = room.f_favail;
    ret_disk->failure = (uint64_t)-try_to_write(fd);
}

/* The largest file of each kind that /boot has: the next kernel brings about as much. */
static uint64_t boot_image_bytes(const char *path)
{
    static const char *const kinds[] = {"vmlinuz-*", "initr*"};
    uint64_t largest[2] = {0};
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct stat status;

        for (size_t i = 0; i < 2; i++) {
            if (bl_text_matches(kinds[i], entry->d_name) &&
                fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISREG(status.st_mode) && (uint64_t)status.st_size > largest[i])
                largest[i] = (uint64_t)status.st_size;
        }
    }
    if (dir != NULL)
        (void)closedir(dir);

    return largest[0] + largest[1];
}

/* ---- tools: which versions? --------------------------------------------------------------- */

/* The first number with a dot, or a whole number behind `mark`: each tool has its own sentence. */
void agent_errand_parse_version(const char *printed, const char *mark, char *ret_text,
                                size_t text_bytes)
{
    const char *at = strstr(printed, mark);
    size_t length;

    ret_text[0] = '\0';
    if (at == NULL)
        return;
    at += strlen(mark);
    length = strspn(at, "0123456789.");
    if (length > 0 && length < text_bytes)
        (void)snprintf(ret_text, text_bytes, "%.*s", (int)length, at);
}

static void ask_tool(const struct agent_errand_task *task, uint32_t tool,
                     struct agent_errand_result *result, struct agent_errand_seen *seen)
{
    static const struct {
        const char *program, *option, *mark;
    } tools[] = {
        [AGENT_ERRAND_DPKG] = {"/usr/bin/dpkg", "--version", "program version "},
        [AGENT_ERRAND_APT] = {"/usr/bin/apt-get", "--version", "apt "},
        [AGENT_ERRAND_DNF] = {"/usr/bin/dnf-3", "--version", ""},
        [AGENT_ERRAND_RPM] = {"/usr/bin/rpm", "--version", "RPM version "},
        [AGENT_ERRAND_SYSTEMD] = {"/usr/bin/systemctl", "--version", "systemd "},
        /* Older ones don't know the option, and print their version all the same. */
        [AGENT_ERRAND_SSHD] = {"/usr/sbin/sshd", "-V", "OpenSSH_"},
    };
    static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                                      "HOME=/root", NULL};
    const char *const argv[] = {tools[tool].program, tools[tool].option, NULL};
    const struct bl_spawn spawn = {.argv = argv, .env = env, .capture_bytes = CAPTURE_BYTES};
    struct agent_errand_tool *found = &seen->tools[result->tools_count];
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct bl_error err = {0};

    if (access(tools[tool].program, X_OK) < 0)
        return; /* not installed */
    *found = (struct agent_errand_tool){.tool = tool, .version = seen->versions[tool]};
    (void)!bl_spawn_run(&spawn, (int64_t)task->timeout_ms, &child, &err);
    if (child.output != NULL) {
        agent_errand_parse_version(child.output, tools[tool].mark, seen->versions[tool],
                                   sizeof(seen->versions[tool]));
    }
    result->tools_count++;
}

void agent_errand_do_host(const struct agent_errand_task *task, struct agent_errand_result *result,
                          struct agent_errand_seen *seen)
{
    static const char *const paths[] = {"/",     "/usr",          "/var",        "/var/lib",
                                        "/boot", "/var/lib/dpkg", "/var/lib/rpm"};

    result->disks = seen->disks;
    result->tools = seen->tools;
    for (size_t i = 0; i <= sizeof(paths) / sizeof(paths[0]); i++) {
        const char *path = i < sizeof(paths) / sizeof(paths[0]) ? paths[i] : task->state_dir;
        bool is_there = false;

        look_at_disk(path, &seen->disks[result->disks_count], &is_there);
        result->disks_count += is_there ? 1 : 0;
    }
    result->boot_image_bytes = boot_image_bytes("/boot");
    for (uint32_t tool = AGENT_ERRAND_DPKG; tool <= AGENT_ERRAND_TOOL_LAST; tool++)
        ask_tool(task, tool, result, seen);
}
