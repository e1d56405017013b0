/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/system_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define DELETED " (deleted)"

void agent_system_init(struct agent_system_tables *tables)
{
    memset(tables, 0, sizeof(*tables));
    tables->seen = (struct agent_system){.format = AGENT_SYSTEM_FORMAT,
                                         .mounts = tables->mounts,
                                         .modules = tables->modules,
                                         .stale = tables->stale,
                                         .selinux = AGENT_SYSTEM_SELINUX_ABSENT};
}

static const char *next_line(const char *text)
{
    const char *end = strchrnul(text, '\n');

    return *end == '\0' ? end : end + 1;
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ---- mounts ------------------------------------------------------------------------------ */

enum {
    WORD_BYTES = 1024,
};

/* The kernel writes blanks and backslashes as three octal digits. */
static void unescape(const char *text, char *ret_text, size_t size_bytes)
{
    char plain[WORD_BYTES];
    size_t used = 0;

    for (; *text != '\0' && used + 1 < sizeof(plain); text++) {
        unsigned byte;

        if (*text == '\\' && sscanf(text, "\\%3o", &byte) == 1 && strlen(text) >= 4) {
            plain[used++] = (char)byte;
            text += 3;
        } else {
            plain[used++] = *text;
        }
    }
    plain[used] = '\0';
    bl_text_escape(ret_text, size_bytes, plain, used);
}

static bool has_option(const char *options, const char *wanted)
{
    size_t length = strlen(wanted);

    for (const char *at = options; *at != '\0';) {
        size_t word = strcspn(at, ",");

        if (word == length && strncmp(at, wanted, length) == 0)
            return true;
        at += word + (at[word] == ',' ? 1 : 0);
    }

    return false;
}

static bool is_of_kernel(const char *type)
{
    static const char *const types[] = {
        "proc",     "sysfs",     "cgroup",  "cgroup2", "devtmpfs",    "devpts",
        "mqueue",   "hugetlbfs", "debugfs", "tracefs", "securityfs",  "pstore",
        "bpf",      "configfs",  "fusectl", "nsfs",    "binfmt_misc", "autofs",
        "efivarfs", "selinuxfs", "ramfs",   "nfsd",    "rpc_pipefs",  "fuse.portal",
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(type, types[i]) == 0)
            return true;
    }

    return false;
}

static bool is_passing(const char *path)
{
    static const char *const places[] = {
        "/run/",
        "/proc/",
        "/sys/",
        "/dev/",
        "/snap/",
        "/media/",
        "/var/lib/docker/",
        "/var/lib/containers/",
        "/var/lib/containerd/",
        "/var/lib/kubelet/",
        "/var/lib/lxc/",
        "/var/lib/machines/",
        "/tmp/",
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (begins_with(path, places[i]))
            return true;
    }

    return false;
}

struct line_of_mount {
    char path[AGENT_SYSTEM_PATH_BYTES_MAX + 1], type[AGENT_SYSTEM_WORD_BYTES_MAX + 1];
    bool read_only;
};

static bool read_mount(const char *line, struct line_of_mount *ret_mount)
{
    char path[WORD_BYTES], options[WORD_BYTES], type[AGENT_SYSTEM_WORD_BYTES_MAX + 1];
    char super[WORD_BYTES] = "";
    const char *end = strchrnul(line, '\n'), *dash = strstr(line, " - ");

    if (dash == NULL || dash > end ||
        sscanf(line, "%*u %*u %*s %*s %1023s %1023s", path, options) != 2 ||
        sscanf(dash, " - %64s %*s %1023s", type, super) < 1)
        return false;
    unescape(path, ret_mount->path, sizeof(ret_mount->path));
    bl_text_escape(ret_mount->type, sizeof(ret_mount->type), type, strlen(type));
    ret_mount->read_only = has_option(options, "ro") || has_option(super, "ro");

    return true;
}

/* Whether automount rules over the path: then it comes and goes with those who look. */
static bool is_automounted(const char *mountinfo, const char *path)
{
    for (; *mountinfo != '\0'; mountinfo = next_line(mountinfo)) {
        struct line_of_mount mount;
        size_t length;

        if (!read_mount(mountinfo, &mount) || strcmp(mount.type, "autofs") != 0)
            continue;
        length = strlen(mount.path);
        if (begins_with(path, mount.path) && (path[length] == '\0' || path[length] == '/'))
            return true;
    }

    return false;
}

void agent_system_add_mounts(struct agent_system_tables *tables, const char *mountinfo)
{
    struct agent_system *seen = &tables->seen;

    for (const char *at = mountinfo; *at != '\0'; at = next_line(at)) {
        uint32_t i = seen->mounts_count;
        struct line_of_mount mount;

        if (i == AGENT_SYSTEM_MOUNTS_MAX)
            return;
        if (!read_mount(at, &mount) || is_of_kernel(mount.type) || is_passing(mount.path) ||
            is_automounted(mountinfo, mount.path))
            continue;
        bl_text_copy(tables->paths[i], sizeof(tables->paths[i]), mount.path);
        bl_text_copy(tables->types[i], sizeof(tables->types[i]), mount.type);
        seen->mounts[i] = (struct agent_system_mount){
            .path = tables->paths[i], .type = tables->types[i], .read_only = mount.read_only};
        seen->mounts_count++;
    }
}

/* ---- modules ----------------------------------------------------------------------------- */

void agent_system_add_modules(struct agent_system_tables *tables, const char *modules)
{
    struct agent_system *seen = &tables->seen;

    for (const char *at = modules; *at != '\0'; at = next_line(at)) {
        uint32_t i = seen->modules_count;
        size_t length = strcspn(at, " \n");

        if (i == AGENT_SYSTEM_MODULES_MAX)
            return;
        if (length == 0)
            continue;
        bl_text_escape(tables->names[i], sizeof(tables->names[i]), at, length);
        seen->modules[i].name = tables->names[i];
        seen->modules_count++;
    }
}

/* ---- processes on files that are gone ---------------------------------------------------- */

static bool is_of_container(const char *path)
{
    static const char *const marks[] = {"/machine.slice/", "docker", "libpod",     "kubepods",
                                        "crio-",           "/lxc",   "containerd-"};

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strstr(path, marks[i]) != NULL && strstr(path, "docker.service") == NULL)
            return true;
    }

    return false;
}

static bool ends_with(const char *text, size_t length, const char *suffix)
{
    size_t suffix_bytes = strlen(suffix);

    return length > suffix_bytes &&
           strncmp(text + length - suffix_bytes, suffix, suffix_bytes) == 0;
}

bool agent_system_unit(const char *cgroup, char *ret_unit, size_t size_bytes)
{
    char path[WORD_BYTES] = "";

    /* On hosts with both hierarchies only one of them has the units. */
    for (const char *at = cgroup; *at != '\0' && strlen(path) <= strlen("/"); at = next_line(at)) {
        if (sscanf(at, "0::%1023s", path) != 1 && sscanf(at, "%*u:name=systemd:%1023s", path) != 1)
            path[0] = '\0';
    }
    if (is_of_container(path))
        return false;
    if (begins_with(path, "/user.slice")) {
        bl_text_copy(ret_unit, size_bytes, "user.slice");
        return true;
    }
    for (const char *at = path; *at != '\0';) {
        size_t length;

        at += strspn(at, "/");
        length = strcspn(at, "/");
        if (ends_with(at, length, ".service") || ends_with(at, length, ".scope")) {
            bl_text_escape(ret_unit, size_bytes, at, length);
            return true;
        }
        at += length;
    }

    return false;
}

/* Only where packages put their files: elsewhere deleting what runs may well be meant. */
static bool is_of_package(const char *path)
{
    static const char *const places[] = {"/usr/", "/lib", "/bin/", "/sbin/", "/opt/"};

    if (begins_with(path, "/usr/local/") || begins_with(path, "/usr/src/"))
        return false;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (begins_with(path, places[i]))
            return true;
    }

    return false;
}

static bool is_libc(const char *path)
{
    const char *name = strrchr(path, '/') + 1;

    return begins_with(name, "libc.so.") || begins_with(name, "libc-2.") ||
           begins_with(name, "ld-linux") || begins_with(name, "ld-2.");
}

/* Finds a file that is executed and gone; one of the C library before all others. */
static bool find_deleted(const char *maps, char *ret_path, size_t size_bytes)
{
    bool found = false;

    for (const char *at = maps; *at != '\0'; at = next_line(at)) {
        size_t length = strcspn(at, "\n"), path_bytes;
        char line[WORD_BYTES], permissions[5];
        char *path;

        if (length >= sizeof(line) || !ends_with(at, length, DELETED))
            continue;
        (void)snprintf(line, sizeof(line), "%.*s", (int)(length - strlen(DELETED)), at);
        path = strchr(line, '/');
        if (sscanf(line, "%*x-%*x %4s", permissions) != 1 || path == NULL ||
            permissions[2] != 'x' || !is_of_package(path))
            continue;
        path_bytes = strlen(path);
        if (ends_with(path, path_bytes, ".dpkg-new") || ends_with(path, path_bytes, ".dpkg-tmp"))
            path[path_bytes - strlen(".dpkg-new")] = '\0';
        if (!found || is_libc(path))
            bl_text_escape(ret_path, size_bytes, path, strlen(path));
        found = true;
        if (is_libc(path))
            break;
    }

    return found;
}

void agent_system_add_process(struct agent_system_tables *tables, const char *cgroup,
                              const char *maps)
{
    char unit[AGENT_SYSTEM_UNIT_BYTES_MAX + 1], file[AGENT_SYSTEM_PATH_BYTES_MAX + 1];
    struct agent_system *seen = &tables->seen;
    struct agent_system_stale *stale = NULL;
    uint32_t i = 0;

    if (!agent_system_unit(cgroup, unit, sizeof(unit)) || !find_deleted(maps, file, sizeof(file)))
        return;
    while (i < seen->stale_count && strcmp(tables->units[i], unit) != 0)
        i++;
    if (i == AGENT_SYSTEM_STALE_MAX)
        return;
    stale = &seen->stale[i];
    if (i == seen->stale_count) {
        bl_text_copy(tables->units[i], sizeof(tables->units[i]), unit);
        bl_text_copy(tables->files[i], sizeof(tables->files[i]), file);
        *stale = (struct agent_system_stale){.unit = tables->units[i], .file = tables->files[i]};
        seen->stale_count++;
    }
    stale->processes_count++;
    if (is_libc(file) && !stale->is_libc) {
        stale->is_libc = true;
        bl_text_copy(tables->files[i], sizeof(tables->files[i]), file);
    }
}
