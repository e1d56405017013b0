/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/services.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/packages/command.h"
#include "common/file.h"
#include "common/text.h"

#define SYSTEMCTL "/usr/bin/systemctl"
#define SERVICES  "snapshot.services"

enum {
    PROC_BYTES_MAX = 256 * 1024,
    SERVICE_BYTES = 256,
    SERVICES_MAX = 512,
    SYSTEMCTL_MS = 5 * 60 * 1000, /* whatever a service thinks that it may take */
};

static const struct proto_field services_fields[] = {
    PROTO_FIELD_LIST(struct agent_snapshot_services, names, SERVICES_MAX, &proto_text_schema),
};
static const struct proto_schema services_schema =
    PROTO_SCHEMA(struct agent_snapshot_services, services_fields);

bool agent_snapshot_service_of(const char *cgroup, char *ret_name, size_t size_bytes)
{
    static const char suffix[] = ".service";
    const char *at = cgroup;

    /* The first service on the way: a user's own services lie below user@UID.service. */
    while (*at != '\0') {
        size_t length;

        at += strspn(at, "/");
        length = strcspn(at, "/\n");
        if (length >= sizeof(suffix) &&
            strncmp(at + length - (sizeof(suffix) - 1), suffix, sizeof(suffix) - 1) == 0)
            return bl_text_format(ret_name, size_bytes, "%.*s", (int)length, at) >= 0 &&
                   bl_text_is_clean(ret_name, length);
        at += length;
        if (*at == '\n')
            return false;
    }

    return false;
}

enum agent_snapshot_treatment agent_snapshot_treat(const char *service)
{
    static const char *const left[] = {"belay-*", "dbus.service", "dbus-broker.service",
                                       "user@*.service", "systemd-nspawn@*.service"};
    static const char *const restarted[] = {
        "ssh.service",       "sshd.service",           "ssh@*.service",
        "systemd-*.service", "NetworkManager.service", "networking.service",
        "network.service",   "polkit.service",         "getty@*.service",
        "*-getty@*.service"};

    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        if (bl_text_matches(left[i], service))
            return AGENT_SNAPSHOT_LEAVE;
    }
    for (size_t i = 0; i < sizeof(restarted) / sizeof(restarted[0]); i++) {
        if (bl_text_matches(restarted[i], service))
            return AGENT_SNAPSHOT_RESTART;
    }

    return AGENT_SNAPSHOT_END;
}

/* ---- who runs on it ------------------------------------------------------------------------ */

struct search {
    struct agent_packages_job *job;
    const struct agent_snapshot_list *list;
    const char *owned; /* all files of the changed packages, a line each */
    struct agent_snapshot_services services;
};

static bool is_listed(const struct search *s, const char *path)
{
    char real[PATH_MAX];

    if (path[0] != '/')
        return false;
    if (agent_snapshot_list_find(s->list, path) != NULL)
        return true;

    /* "/lib/demo" is "/usr/lib/demo" where /lib is a link. */
    return realpath(path, real) != NULL && agent_snapshot_list_find(s->list, real) != NULL;
}

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

static bool is_link_listed(const struct search *s, const char *link)
{
    static const char gone[] = " (deleted)";
    char target[PATH_MAX];
    ssize_t length = readlink(link, target, sizeof(target) - 1);

    if (length <= 0)
        return false;
    target[length] = '\0';
    /* So the kernel calls a file that was replaced while it is used. */
    if ((size_t)length > sizeof(gone) && strcmp(target + length - (sizeof(gone) - 1), gone) == 0)
        target[(size_t)length - (sizeof(gone) - 1)] = '\0';

    return is_listed(s, target);
}

/* "flags:\t0100002", octal: the last digit has the way of access. */
static bool is_open_for_writing(const char *process, const char *number)
{
    BL_AUTO_FREE char *text = NULL;
    struct bl_error unused = {0};
    char path[64];
    size_t size_bytes;
    const char *flags;

    if (bl_text_format(path, sizeof(path), "%s/fdinfo/%s", process, number) < 0 ||
        bl_file_read(AT_FDCWD, path, PROC_BYTES_MAX, &text, &size_bytes, &unused) < 0)
        return false;
    flags = strstr(text, "flags:\t");
    if (flags == NULL)
        return false;
    flags += strlen("flags:\t");
    flags += strspn(flags, "01234567");

    return ((flags[-1] - '0') & O_ACCMODE) != O_RDONLY;
}

static bool writes_to_it(const struct search *s, const char *process)
{
    BL_CLEANUP(close_directory) DIR *directory = NULL;
    const struct dirent *entry;
    char path[64];

    if (bl_text_format(path, sizeof(path), "%s/fd", process) < 0)
        return false;
    directory = opendir(path);
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (bl_text_format(path, sizeof(path), "%s/fd/%s", process, entry->d_name) >= 0 &&
            is_link_listed(s, path) && is_open_for_writing(process, entry->d_name))
            return true;
    }

    return false;
}

/* Scripts are named by the arguments of their interpreter. */
static bool runs_it(const struct search *s, const char *process)
{
    BL_AUTO_FREE char *words = NULL;
    struct bl_error unused = {0};
    char path[64];
    size_t size_bytes;

    (void)snprintf(path, sizeof(path), "%.32s/exe", process);
    if (is_link_listed(s, path))
        return true;
    (void)snprintf(path, sizeof(path), "%.32s/cmdline", process);
    if (bl_file_read(AT_FDCWD, path, PROC_BYTES_MAX, &words, &size_bytes, &unused) < 0)
        return false;
    for (const char *at = words; at < words + size_bytes; at += strlen(at) + 1) {
        if (is_listed(s, at))
            return true;
    }

    return false;
}

/* Does a changed package bring this service? "/lib/systemd/system/demo.service" */
static bool is_owned(const struct search *s, const char *service)
{
    char needle[SERVICE_BYTES + 32], script[SERVICE_BYTES + 32];

    (void)snprintf(needle, sizeof(needle), "/systemd/system/%s\n", service);
    (void)snprintf(script, sizeof(script), "/etc/init.d/%.*s\n",
                   (int)(strlen(service) - strlen(".service")), service);

    return strstr(s->owned, needle) != NULL || strstr(s->owned, script) != NULL;
}

static int add_service(struct search *s, const char *service, struct bl_error *err)
{
    struct agent_snapshot_services *services = &s->services;
    void *place;
    int r;

    for (uint32_t i = 0; i < services->names_count; i++) {
        if (strcmp(services->names[i].text, service) == 0)
            return 0;
    }
    if (services->names_count == SERVICES_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d services", SERVICES_MAX);
    r = agent_packages_memory_append(s->job->memory, &services->names, services->names_count,
                                     sizeof(*services->names), &place, err);
    if (r < 0 || (r = agent_packages_memory_copy(s->job->memory, service, strlen(service),
                                                 &((struct proto_text *)place)->text, err)) < 0)
        return r;
    services->names_count++;

    return 0;
}

/* Behind `mark` in the lines of a process's cgroups. */
static bool find_behind(const char *text, const char *mark, char *ret_service, size_t size_bytes)
{
    const char *line = strstr(text, mark);

    return line != NULL && agent_snapshot_service_of(line + strlen(mark), ret_service, size_bytes);
}

/* A line "0::PATH", or where systemd has no such hierarchy, "N:name=systemd:PATH". */
static bool find_service(const char *process, char *ret_service, size_t size_bytes)
{
    BL_AUTO_FREE char *text = NULL;
    struct bl_error unused = {0};
    char path[64];
    size_t text_bytes;

    (void)snprintf(path, sizeof(path), "%.32s/cgroup", process);
    if (bl_file_read(AT_FDCWD, path, PROC_BYTES_MAX, &text, &text_bytes, &unused) < 0)
        return false;

    return find_behind(text, "0::", ret_service, size_bytes) ||
           find_behind(text, "name=systemd:", ret_service, size_bytes);
}

static int look_at_process(struct search *s, const char *pid, struct bl_error *err)
{
    char process[32], service[SERVICE_BYTES];

    if (bl_text_format(process, sizeof(process), "/proc/%s", pid) < 0 ||
        !find_service(process, service, sizeof(service)) ||
        agent_snapshot_treat(service) == AGENT_SNAPSHOT_LEAVE ||
        (!is_owned(s, service) && !runs_it(s, process) && !writes_to_it(s, process)))
        return 0;

    return add_service(s, service, err);
}

static int look_at_processes(struct search *s, struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = opendir("/proc");
    const struct dirent *entry;
    int r = 0;

    if (directory == NULL)
        return bl_fail(err, -errno, "read '/proc': %s", strerror(errno));
    while (r >= 0 && (entry = readdir(directory)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]))
            r = look_at_process(s, entry->d_name, err);
    }

    return r;
}

/* Both say what they know of, and end with a failure for what they do not. */
static int list_owned(struct search *s, bool is_apt, const struct agent_packages_way_back *way_back,
                      struct bl_error *err)
{
    static const char *const apt[] = {"/usr/bin/dpkg-query", "--listfiles", "--", NULL};
    static const char *const dnf[] = {"/usr/bin/rpm", "-q", "--list", "--", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    int r = agent_packages_args_add_all(s->job, &command.args, is_apt ? apt : dnf, err);

    for (uint32_t i = 0; r >= 0 && i < way_back->former_count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        bool has_arch = !is_apt || strcmp(former->arch, "all") != 0;

        r = agent_packages_args_format(s->job, &command.args, err, "%s%s%s", former->name,
                                       !has_arch ? ""
                                       : is_apt  ? ":"
                                                 : ".",
                                       has_arch ? former->arch : "");
    }
    if (r >= 0)
        r = agent_packages_run(s->job, &command, &output, err);
    if (r < 0)
        return r;
    s->owned = output.text;

    return 0;
}

/* ---- ending and beginning ------------------------------------------------------------------ */

static int load(struct agent_packages_job *job, struct proto_arena *arena,
                struct agent_snapshot_services *ret_services, struct bl_error *err)
{
    int r =
        agent_txn_record_load(job->job_fd, SERVICES, &services_schema, arena, ret_services, err);

    if (r != -ENOENT)
        return r;
    *err = (struct bl_error){0};
    *ret_services = (struct agent_snapshot_services){0};

    return 0;
}

/* `what`: "stop" and the like. The exit code is in the log; how the host fares shows later. */
static int call_systemd(struct agent_packages_job *job, const char *what,
                        const struct agent_snapshot_services *services,
                        enum agent_snapshot_treatment treatment, struct bl_error *err)
{
    struct agent_packages_command command = {.to_log = true, .patience = AGENT_PACKAGES_STOP_TOOL};
    const struct bl_mono deadline = job->deadline;
    struct agent_packages_output output;
    uint32_t count = 0;
    int r;

    if ((r = agent_packages_args_add(job, &command.args, SYSTEMCTL, err)) < 0 ||
        (r = agent_packages_args_add(job, &command.args, what, err)) < 0)
        return r;
    if (services != NULL && (r = agent_packages_args_add(job, &command.args, "--", err)) < 0)
        return r;
    for (uint32_t i = 0; services != NULL && i < services->names_count; i++) {
        if (agent_snapshot_treat(services->names[i].text) != treatment)
            continue;
        count++;
        r = agent_packages_args_add(job, &command.args, services->names[i].text, err);
        if (r < 0)
            return r;
    }
    if (services != NULL && count == 0)
        return 0;
    job->deadline = bl_mono_after(bl_mono_now(), SYSTEMCTL_MS);
    r = agent_packages_run(job, &command, &output, err);
    job->deadline = deadline;
    if (r >= 0 && output.status != 0)
        agent_packages_job_note(job, "systemctl %s ended with %d, see the log of the phase", what,
                                output.status);

    return r;
}

int agent_snapshot_services_end(struct agent_packages_job *job, bool is_apt,
                                const struct agent_packages_way_back *way_back,
                                const struct agent_snapshot_list *list, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct search s = {.job = job, .list = list, .owned = ""};
    struct agent_snapshot_services former;
    struct bl_error own = {0};
    int r = load(job, &arena, &former, err);

    if (r < 0)
        return r;
    /* The tools themselves may be what the change broke: what runs on a file shows without them. */
    if (list_owned(&s, is_apt, way_back, &own) < 0)
        agent_packages_job_note(job, "the services of the packages are not known: %s", own.text);
    for (uint32_t i = 0; r >= 0 && i < former.names_count; i++)
        r = add_service(&s, former.names[i].text, err);
    if (r < 0 || (r = look_at_processes(&s, err)) < 0 ||
        (r = agent_txn_record_save(job->job_fd, SERVICES, &services_schema, &s.services, err)) < 0)
        return r;

    return call_systemd(job, "stop", &s.services, AGENT_SNAPSHOT_END, err);
}

void agent_snapshot_services_begin(struct agent_packages_job *job,
                                   const struct agent_snapshot_list *list)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_snapshot_services services = {0};
    struct search s = {.job = job, .list = list};
    struct bl_error own = {0};
    const char *reload = is_link_listed(&s, "/proc/1/exe") ? "daemon-reexec" : "daemon-reload";

    if (call_systemd(job, reload, NULL, 0, &own) < 0)
        agent_packages_job_note(job, "systemctl %s: %s", reload, own.text);
    own = (struct bl_error){0};
    if (load(job, &arena, &services, &own) < 0 ||
        call_systemd(job, "start", &services, AGENT_SNAPSHOT_END, &own) < 0 ||
        call_systemd(job, "try-restart", &services, AGENT_SNAPSHOT_RESTART, &own) < 0)
        agent_packages_job_note(job, "the services: %s", own.text);
}
