/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/keys.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

enum {
    KEY_FILES_MAX = 1024
};

static const char *const apt_directories[] = {"/etc/apt/trusted.gpg.d", "/etc/apt/keyrings",
                                              "/usr/share/keyrings", NULL};
static const char *const apt_query[] = {"/usr/bin/dpkg-query", "-S", "--", NULL};
static const char *const dnf_directories[] = {"/etc/pki/rpm-gpg", NULL};
static const char *const dnf_query[] = {"/usr/bin/rpm", "-qf", "--qf", "%{NAME}\\n", "--", NULL};

const struct agent_packages_keys agent_packages_apt_keys = {apt_directories, apt_query,
                                                            agent_packages_keys_are_of_deb};
const struct agent_packages_keys agent_packages_dnf_keys = {dnf_directories, dnf_query,
                                                            agent_packages_keys_are_of_rpm};

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

bool agent_packages_keys_are_of_deb(const char *owners, const char *name)
{
    struct agent_packages_line line;
    size_t length = strlen(name);

    while (agent_packages_next_line(&owners, &line)) {
        const char *end = memmem(line.text, line.length, ": /", 3);
        const char *at = line.text;

        while (end != NULL && at < end) {
            const char *comma = memmem(at, (size_t)(end - at), ", ", 2);
            const char *stop = comma != NULL ? comma : end;
            size_t left = (size_t)(stop - at);

            if (left >= length && memcmp(at, name, length) == 0 &&
                (left == length || at[length] == ':'))
                return true;
            at = stop + 2;
        }
    }

    return false;
}

bool agent_packages_keys_are_of_rpm(const char *owners, const char *name)
{
    struct agent_packages_line line;

    while (agent_packages_next_line(&owners, &line)) {
        if (agent_packages_line_is(&line, name))
            return true;
    }

    return false;
}

static int add_files(struct agent_packages_job *job, const char *path,
                     struct agent_packages_args *args, uint32_t *count, struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = opendir(path);
    const struct dirent *entry;
    int r = 0;

    while (r >= 0 && directory != NULL && *count < KEY_FILES_MAX &&
           (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.' || !bl_text_is_clean(entry->d_name, strlen(entry->d_name)))
            continue;
        r = agent_packages_args_format(job, args, err, "%s/%s", path, entry->d_name);
        (*count)++;
    }

    return r;
}

/* Who owns the keys that are here; "" when there are none. */
static int find_owners(struct agent_packages_job *job, const struct agent_packages_keys *keys,
                       const char **ret_owners, struct bl_error *err)
{
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    uint32_t count = 0;
    int r = agent_packages_args_add_all(job, &command.args, keys->query, err);

    for (size_t i = 0; r >= 0 && keys->directories[i] != NULL; i++)
        r = add_files(job, keys->directories[i], &command.args, &count, err);
    *ret_owners = "";
    if (r < 0 || count == 0)
        return r;
    /* The exit code tells of files that no package owns, which is an answer. */
    r = agent_packages_run(job, &command, &output, err);
    if (r >= 0)
        *ret_owners = output.text;

    return r;
}

/* A package that is not here yet has no files to look at; by this name packages of keys go. */
static bool sounds_like_keys(const char *name)
{
    static const char *const endings[] = {"-keyring", "-keys", "-gpg-keys", "-release"};
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t ending = strlen(endings[i]);

        if (length > ending && strcmp(name + length - ending, endings[i]) == 0)
            return true;
    }

    return false;
}

int agent_packages_note_keys(struct agent_packages_job *job, const struct agent_packages_keys *keys,
                             const struct agent_packages_changes *changes, struct bl_error *err)
{
    const char *owners;
    int r = find_owners(job, keys, &owners, err);

    for (uint32_t i = 0; r >= 0 && i < changes->count; i++) {
        const char *name = changes->list[i].name;

        if (keys->is_owner(owners, name)) {
            agent_packages_job_note(job,
                                    "REPOSITORY KEYS: %s owns keys by which packages are trusted, "
                                    "and this change replaces them",
                                    name);
        } else if (changes->list[i].from[0] == '\0' && sounds_like_keys(name)) {
            agent_packages_job_note(job,
                                    "REPOSITORY KEYS: by its name %s brings keys by which packages "
                                    "are trusted",
                                    name);
        }
    }

    return r;
}
