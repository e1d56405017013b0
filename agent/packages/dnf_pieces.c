/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/packages/dnf.h"
#include "common/text.h"

/*
 * rpm unpacks a file as "NAME;5f3759df" beside its place and then renames it. When it is killed in
 * between, the pieces stay, and belong to nobody: nothing but this finds them again.
 */

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

/* Is DIRECTORY/NAME a line of the list? */
static bool is_listed(const char *list, const char *directory, size_t directory_length,
                      const char *name, size_t name_length)
{
    struct agent_packages_line line;

    while (agent_packages_next_line(&list, &line)) {
        if (line.length == directory_length + name_length &&
            memcmp(line.text, directory, directory_length) == 0 &&
            memcmp(line.text + directory_length, name, name_length) == 0)
            return true;
    }

    return false;
}

/* `directory` ends with its slash. What is not there has no pieces. */
static int sweep_directory(struct agent_packages_job *job, const char *list, const char *directory,
                           struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *opened = opendir(directory);
    const struct dirent *entry;

    while (opened != NULL && (entry = readdir(opened)) != NULL) {
        size_t length = agent_packages_dnf_piece_length(entry->d_name);

        if (length == 0 || !is_listed(list, directory, strlen(directory), entry->d_name, length))
            continue;
        if (unlinkat(dirfd(opened), entry->d_name, 0) < 0 && errno != ENOENT) {
            return bl_fail(err, -errno, "remove '%s%s': %s", directory, entry->d_name,
                           strerror(errno));
        }
        (void)dprintf(job->log_fd, "# removed %s%s\n", directory, entry->d_name);
    }

    return 0;
}

int agent_packages_dnf_sweep_pieces(struct agent_packages_restoration *r, struct bl_error *err)
{
    static const char *const head[] = {AGENT_PACKAGES_RPM, "-qpl", "--nosignature", "--", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    struct agent_packages_line line;
    char directory[AGENT_TXN_PATH_BYTES_MAX] = "";
    const char *cursor;
    int result;

    if ((result = agent_packages_args_add_all(r->job, &command.args, head, err)) < 0 ||
        (result = agent_packages_dnf_add_new(r->job, &command.args, r->way_back, err)) < 0 ||
        (result = agent_packages_dnf_add_former(r->job, &command.args, r->way_back, NULL, err)) <
            0 ||
        (result = agent_packages_run(r->job, &command, &output, err)) < 0)
        return result;
    cursor = output.text;
    while (agent_packages_next_line(&cursor, &line)) {
        const char *slash = memrchr(line.text, '/', line.length);
        size_t length = slash != NULL ? (size_t)(slash - line.text) + 1 : 0;

        /* Files of one directory come one after the other. */
        if (line.text[0] != '/' || length >= sizeof(directory) ||
            (strlen(directory) == length && memcmp(directory, line.text, length) == 0))
            continue;
        memcpy(directory, line.text, length);
        directory[length] = '\0';
        result = sweep_directory(r->job, output.text, directory, err);
        if (result < 0)
            return result;
    }

    return 0;
}
