/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/packages/dnf.h"
#include "common/text.h"

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

/* "NAME-VERSION-RELEASE.ARCH.rpm"; the epoch is in no file name. */
int agent_packages_dnf_file_name(struct agent_packages_job *job,
                                 const struct agent_packages_wanted *wanted, const char **ret_name,
                                 struct bl_error *err)
{
    const char *colon = strchr(wanted->version, ':');

    return agent_packages_memory_format(job->memory, ret_name, err, "%s-%s.%s.rpm", wanted->name,
                                        colon != NULL ? colon + 1 : wanted->version, wanted->arch);
}

/* rpm checks the digests of the header while it reads; the payload's are checked by the rehearsal. */
int agent_packages_dnf_read_file(struct agent_packages_job *job, const char *path,
                                 struct agent_packages_file *ret_file, struct bl_error *err)
{
    static const char format[] = AGENT_PACKAGES_RPM_QUERY_FORMAT;
    const char *argv[] = {
        AGENT_PACKAGES_RPM, "-qp", "--nosignature", "--qf", format, "--", path, NULL};
    struct agent_packages_output output;
    struct agent_packages_rpms rpms;
    struct stat st;
    int r;

    if (lstat(path, &st) < 0)
        return bl_fail(err, -errno, "'%s': %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return bl_fail(err, -EBADMSG, "'%s' is no plain file", path);
    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    r = agent_packages_dnf_parse_rpms(job->memory, output.text, &rpms, err);
    if (r < 0)
        return r;
    if (output.status != 0 || rpms.count != 1)
        return bl_fail(err, -EBADMSG, "'%s' is no package", path);
    *ret_file = (struct agent_packages_file){.name = rpms.list[0].name,
                                             .version = rpms.list[0].version,
                                             .arch = rpms.list[0].arch,
                                             .installed_kib = rpms.list[0].size_bytes / 1024,
                                             .size_bytes = (uint64_t)st.st_size};

    return 0;
}

/*
 * dnf compares each file with the digest in the metadata and, where the repository demands it, its
 * signature with the keys that the host trusts. No key may be learnt on the way: that is for people.
 */
int agent_packages_dnf_download(struct agent_packages_job *job,
                                const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                                bool former, const char *incoming,
                                struct agent_packages_output *ret_output, struct bl_error *err)
{
    static const char *const only[] = {"-y", "--allowerasing",
                                       "--setopt=*.gpgkey=", "--downloadonly", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL,
                                             .is_watched = true};
    int r;

    if ((r = agent_packages_dnf_begin(job, AGENT_PACKAGES_DNF_REPOSITORIES, &command.args, err)) <
            0 ||
        (r = agent_packages_args_add_all(job, &command.args, only, err)) < 0 ||
        (r = agent_packages_args_format(job, &command.args, err, "--downloaddir=%s", incoming)) <
            0 ||
        /* A lock on a version is about what is to come. */
        (former && (r = agent_packages_args_add(job, &command.args, "--disableplugin=versionlock",
                                                err)) < 0) ||
        (former &&
         (r = agent_packages_args_add(job, &command.args, "--disableexcludes=all", err)) < 0) ||
        (r = agent_packages_args_add(job, &command.args, former ? "reinstall" : "install", err)) <
            0 ||
        (r = agent_packages_args_add(job, &command.args, "--", err)) < 0)
        return r;
    for (uint32_t i = 0; i < wanted_count; i++) {
        r = agent_packages_args_format(job, &command.args, err, "%s-%s.%s", wanted[i].name,
                                       wanted[i].version, wanted[i].arch);
        if (r < 0)
            return r;
    }

    return agent_packages_run(job, &command, ret_output, err);
}

static bool is_line_of(const struct agent_packages_line *line,
                       const struct agent_packages_wanted *wanted)
{
    char words[AGENT_TXN_PATH_BYTES_MAX];
    int length = bl_text_format(words, sizeof(words), "belay|%s|%s|%s", wanted->name, wanted->arch,
                                wanted->version);

    return length >= 0 && line->length == (size_t)length &&
           memcmp(line->text, words, line->length) == 0;
}

int agent_packages_dnf_find_offered(struct agent_packages_job *job,
                                    const struct agent_packages_wanted *wanted,
                                    uint32_t wanted_count, bool *ret_offered, struct bl_error *err)
{
    static const char *const query[] = {"-q",
                                        "--disableplugin=versionlock",
                                        "--disableexcludes=all",
                                        "repoquery",
                                        "--qf",
                                        "belay|%{name}|%{arch}|%{evr}\n",
                                        "--",
                                        NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_output output;
    struct agent_packages_line line;
    const char *cursor;
    int r;

    if ((r = agent_packages_dnf_begin(job, AGENT_PACKAGES_DNF_REPOSITORIES, &command.args, err)) <
            0 ||
        (r = agent_packages_args_add_all(job, &command.args, query, err)) < 0)
        return r;
    for (uint32_t i = 0; i < wanted_count; i++) {
        r = agent_packages_args_format(job, &command.args, err, "%s-%s.%s", wanted[i].name,
                                       wanted[i].version, wanted[i].arch);
        if (r < 0)
            return r;
        ret_offered[i] = false;
    }
    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0 || output.late)
        return agent_packages_dnf_blame(job, "dnf repoquery", &output, err);
    cursor = output.text;
    while (agent_packages_next_line(&cursor, &line)) {
        for (uint32_t i = 0; i < wanted_count; i++)
            ret_offered[i] = ret_offered[i] || is_line_of(&line, &wanted[i]);
    }

    return 0;
}

/* /var/cache/dnf/REPOSITORY-HASH/packages, where `keepcache` is set. */
int agent_packages_dnf_list_caches(struct agent_packages_job *job,
                                   struct agent_packages_paths *paths, struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = opendir(AGENT_PACKAGES_DNF_CACHE);
    const struct dirent *entry;
    char path[AGENT_TXN_PATH_BYTES_MAX];
    int r;

    r = agent_packages_paths_add(job, paths, AGENT_PACKAGES_DNF_CACHE,
                                 strlen(AGENT_PACKAGES_DNF_CACHE), err);
    while (r >= 0 && directory != NULL && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.' || bl_text_format(path, sizeof(path), "%s/%s/packages",
                                                      AGENT_PACKAGES_DNF_CACHE, entry->d_name) < 0)
            continue;
        r = agent_packages_paths_add(job, paths, path, strlen(path), err);
    }

    return r;
}
