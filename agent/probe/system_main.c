/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/probe/system_read.h"
#include "agent/serve/serve.h"
#include "common/file.h"
#include "common/text.h"

/* belay-look: what is to be seen of the whole host. */
enum {
    TASK_BYTES_MAX = 1024,
    TABLE_BYTES_MAX = 8 * 1024 * 1024,
};

static int read_mounts(struct agent_system_tables *tables, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    size_t bytes;
    int r;

    /* Of PID 1: this process has mounts of its own. */
    r = bl_file_read(AT_FDCWD, "/proc/1/mountinfo", TABLE_BYTES_MAX, &text, &bytes, err);
    if (r >= 0)
        agent_system_add_mounts(tables, text);

    return r;
}

static int read_modules(struct agent_system_tables *tables, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    size_t bytes;
    int r;

    r = bl_file_read(AT_FDCWD, "/proc/modules", TABLE_BYTES_MAX, &text, &bytes, err);
    if (r == -ENOENT)
        return 0; /* a kernel without modules */
    if (r >= 0)
        agent_system_add_modules(tables, text);

    return r;
}

/* A process may end while it is looked at; then there is nothing to tell of it. */
static void read_process(int proc_fd, const char *pid, struct agent_system_tables *tables)
{
    BL_AUTO_FREE char *cgroup = NULL, *maps = NULL;
    char path[64];
    struct bl_error ignored = {0};
    size_t bytes;

    (void)snprintf(path, sizeof(path), "%s/cgroup", pid);
    if (bl_file_read(proc_fd, path, TABLE_BYTES_MAX, &cgroup, &bytes, &ignored) < 0)
        return;
    (void)snprintf(path, sizeof(path), "%s/maps", pid);
    if (bl_file_read(proc_fd, path, TABLE_BYTES_MAX, &maps, &bytes, &ignored) >= 0)
        agent_system_add_process(tables, cgroup, maps);
}

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

static int read_processes(struct agent_system_tables *tables, struct bl_error *err)
{
    BL_CLEANUP(close_dir) DIR *dir = opendir("/proc");
    BL_AUTO_FREE char *maps = NULL;
    const struct dirent *entry;
    size_t bytes;
    int r;

    if (dir == NULL)
        return bl_fail(err, -errno, "/proc: %s", strerror(errno));
    /* PID 1 never ends: if not even its files can be seen, "nothing was replaced" would be a lie. */
    r = bl_file_read(dirfd(dir), "1/maps", TABLE_BYTES_MAX, &maps, &bytes, err);
    if (r < 0)
        return bl_wrap(err, "/proc");
    while ((entry = readdir(dir)) != NULL) {
        if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name) &&
            strlen(entry->d_name) < 16)
            read_process(dirfd(dir), entry->d_name, tables);
    }

    return 0;
}

static void read_flags(struct agent_system *seen)
{
    BL_AUTO_FREE char *text = NULL;
    struct bl_error ignored = {0};
    size_t bytes;

    seen->reboot_required = access("/run/reboot-required", F_OK) == 0;
    if (bl_file_read(AT_FDCWD, "/sys/fs/selinux/enforce", TABLE_BYTES_MAX, &text, &bytes,
                     &ignored) >= 0) {
        seen->selinux =
            text[0] == '1' ? AGENT_SYSTEM_SELINUX_ENFORCING : AGENT_SYSTEM_SELINUX_PERMISSIVE;
    }
}

static int answer(const void *data, struct proto_buffer *buffer, struct bl_error *err)
{
    static struct agent_system_tables tables;
    const struct agent_system_task *task = data;
    int r;

    if (task->format != AGENT_SYSTEM_FORMAT)
        return bl_fail(err, -EPROTO, "a task of another format");

    agent_system_init(&tables);
    r = read_mounts(&tables, err);
    if (r >= 0)
        r = read_modules(&tables, err);
    if (r >= 0)
        r = read_processes(&tables, err);
    read_flags(&tables.seen);

    return r < 0 ? r : proto_encode(&agent_system_schema, &tables.seen, buffer, err);
}

int main(void)
{
    struct agent_system_task task;

    return agent_serve(&(struct agent_service){.name = "belay-look",
                                               .schema = &agent_system_task_schema,
                                               .task = &task,
                                               .task_bytes_max = TASK_BYTES_MAX,
                                               .answer = answer});
}
