/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/packages/dnf.h"
#include "common/file.h"
#include "common/text.h"

/* What holds of all packages of the host: is one there twice, which are locked? */
#define MAIN_CONFIG "/etc/dnf/dnf.conf"
#define LOCK_CONFIG "/etc/dnf/plugins/versionlock.conf"
#define LOCK_LIST   "/etc/dnf/plugins/versionlock.list"

enum {
    CONFIG_BYTES_MAX = 1024 * 1024
};

static int compare(const void *a, const void *b)
{
    const struct agent_packages_rpm *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    return order != 0 ? order : strcmp(left->arch, right->arch);
}

int agent_packages_dnf_may_be_many(struct agent_packages_job *job,
                                   const struct agent_packages_rpm *rpm, bool *ret_many,
                                   struct bl_error *err)
{
    const char *argv[] = {AGENT_PACKAGES_RPM, "-q", "--provides", "--", rpm->name, NULL};
    struct agent_packages_output output;
    int r;

    *ret_many = strcmp(rpm->name, "gpg-pubkey") == 0 || strcmp(rpm->name, "kernel") == 0;
    if (*ret_many)
        return 0;
    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    *ret_many = strstr(output.text, "installonlypkg(") != NULL ||
                strstr(output.text, "multiversion(") != NULL;

    return 0;
}

/*
 * A damaged database answers all the same, with what it can still read. It is never repaired in
 * passing: a rebuild keeps what it can read and drops the rest.
 */
int agent_packages_dnf_verify(struct agent_packages_job *job, struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_RPMDB, "--verifydb", NULL};
    struct agent_packages_output output;
    struct agent_packages_cause cause;
    char words[160];
    int r;

    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    if (output.status == 0 && !output.late)
        return 1;
    agent_packages_dnf_find_cause(output.text, &cause);
    if (strcmp(cause.code, "lock_held") == 0)
        return 0;
    bl_text_escape(words, sizeof(words), output.text, strcspn(output.text, "\n"));

    return agent_packages_fail(job, err, "package_database_damaged",
                               "keep a copy of rpm's database, then `rpmdb --rebuilddb`, and "
                               "compare the packages with a host like this one",
                               -EUCLEAN, "rpm's database is damaged: %s",
                               words[0] != '\0' ? words : "rpmdb --verifydb failed");
}

int agent_packages_dnf_audit(struct agent_packages_job *job, bool *ret_clean, struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_RPM, "-qa", "--qf",
                                       AGENT_PACKAGES_RPM_QUERY_FORMAT, NULL};
    struct agent_packages_output output;
    struct agent_packages_rpms rpms;
    int r;

    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return agent_packages_dnf_blame(job, "rpm -qa", &output, err);
    r = agent_packages_dnf_parse_rpms(job->memory, output.text, &rpms, err);
    if (r < 0)
        return r;
    if (rpms.count > 1)
        qsort(rpms.list, rpms.count, sizeof(*rpms.list), compare);
    *ret_clean = true;
    for (uint32_t i = 1; *ret_clean && i < rpms.count; i++) {
        if (compare(&rpms.list[i - 1], &rpms.list[i]) != 0)
            continue;
        r = agent_packages_dnf_may_be_many(job, &rpms.list[i], ret_clean, err);
        if (r < 0)
            return r;
    }

    return 0;
}

int agent_packages_dnf_locks(struct agent_packages_job *job, const char **ret_text,
                             struct bl_error *err)
{
    BL_AUTO_FREE char *config = NULL;
    BL_AUTO_FREE char *list = NULL;
    struct bl_error unused = {0};
    struct agent_packages_line path;
    char name[AGENT_TXN_PATH_BYTES_MAX] = LOCK_LIST;
    size_t size_bytes;
    int r;

    *ret_text = "";
    /* The plugin is a package of its own; where it is not installed nothing is locked. */
    if (bl_file_read(AT_FDCWD, LOCK_CONFIG, CONFIG_BYTES_MAX, &config, &size_bytes, &unused) < 0)
        return 0;
    path = agent_packages_dnf_find_setting(config, "locklist");
    if (path.length > 0 &&
        bl_text_format(name, sizeof(name), "%.*s", (int)path.length, path.text) < 0)
        return bl_fail(err, -EMSGSIZE, "'" LOCK_CONFIG "': path too long");
    r = bl_file_read(AT_FDCWD, name, CONFIG_BYTES_MAX, &list, &size_bytes, err);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return bl_wrap(err, "what versionlock holds");

    return agent_packages_memory_copy(job->memory, list, size_bytes, ret_text, err);
}

static void note_excludes_of(struct agent_packages_job *job, const char *path)
{
    static const struct {
        const char *key, *words;
    } keys[] = {
        {"excludepkgs", "excluded by"},
        {"exclude", "excluded by"},
        {"includepkgs", "nothing but this is let in by"},
    };
    BL_AUTO_FREE char *config = NULL;
    struct bl_error unused = {0};
    size_t size_bytes;

    if (bl_file_read(AT_FDCWD, path, CONFIG_BYTES_MAX, &config, &size_bytes, &unused) < 0)
        return;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *cursor = config;
        struct agent_packages_line value;

        /* A file may hold several repositories, each with its own. */
        while (agent_packages_dnf_next_setting(&cursor, keys[i].key, &value)) {
            agent_packages_job_note(job, "%s %s: %.*s", keys[i].words, path,
                                    value.length > 300 ? 300 : (int)value.length, value.text);
        }
    }
}

static int is_repository_file(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot != NULL && strcmp(dot, ".repo") == 0;
}

void agent_packages_dnf_note_excludes(struct agent_packages_job *job)
{
    static const char *const directories[] = {"/etc/yum.repos.d", "/etc/yum/repos.d",
                                              "/etc/distro.repos.d"};

    note_excludes_of(job, MAIN_CONFIG);
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        struct dirent **entries = NULL;
        int count = scandir(directories[i], &entries, is_repository_file, alphasort);
        char path[AGENT_TXN_PATH_BYTES_MAX];

        for (int j = 0; j < count; j++) {
            if (bl_text_format(path, sizeof(path), "%s/%s", directories[i], entries[j]->d_name) > 0)
                note_excludes_of(job, path);
            free(entries[j]);
        }
        free(entries);
    }
}
