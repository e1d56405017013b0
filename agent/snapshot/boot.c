/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/packages/command.h"
#include "common/file.h"
#include "common/text.h"

#define MODULE "/dm-snapshot.ko"
#define PREFIX "initramfs-"
#define SUFFIX ".img"

enum {
    BUILTIN_BYTES_MAX = 1024 * 1024,
};

const struct agent_snapshot_boot_places agent_snapshot_boot_places = {
    .dracut = "/usr/bin/dracut",
    .lsinitrd = "/usr/bin/lsinitrd",
    .boot = "/boot",
    .modules = "/lib/modules",
};

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

bool agent_snapshot_boot_has_module(const char *text)
{
    for (const char *at = text; (at = strstr(at, MODULE)) != NULL; at++) {
        /* "dm-snapshot.ko", "dm-snapshot.ko.xz" */
        if (strchr(".\n", at[strlen(MODULE)]) != NULL)
            return true;
    }

    return false;
}

/*
 * 1 with the version of "initramfs-VERSION.img" whose modules are installed: not of a rescue system
 * or of kdump, which boot nothing that has snapshots.
 */
static int find_version(const struct agent_snapshot_boot_places *places, const char *file,
                        char ret_version[NAME_MAX + 1])
{
    size_t length = strlen(file), around = strlen(PREFIX) + strlen(SUFFIX);
    char path[AGENT_TXN_PATH_BYTES_MAX];

    if (length <= around || strncmp(file, PREFIX, strlen(PREFIX)) != 0 ||
        strcmp(file + length - strlen(SUFFIX), SUFFIX) != 0)
        return 0;
    (void)snprintf(ret_version, NAME_MAX + 1, "%.*s", (int)(length - around),
                   file + strlen(PREFIX));

    return bl_text_format(path, sizeof(path), "%s/%s", places->modules, ret_version) >= 0 &&
           access(path, F_OK) == 0;
}

static int is_built_in(const struct agent_snapshot_boot_places *places, const char *version,
                       struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    char path[AGENT_TXN_PATH_BYTES_MAX];
    size_t size_bytes;
    int r;

    if (bl_text_format(path, sizeof(path), "%s/%s/modules.builtin", places->modules, version) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': name too long", version);
    r = bl_file_read(AT_FDCWD, path, BUILTIN_BYTES_MAX, &text, &size_bytes, err);
    if (r == -ENOENT) {
        *err = (struct bl_error){0};
        return 0;
    }

    return r < 0 ? r : agent_snapshot_boot_has_module(text);
}

static int is_in_image(struct agent_packages_job *job,
                       const struct agent_snapshot_boot_places *places, const char *file,
                       struct bl_error *err)
{
    struct agent_packages_output output;
    char path[AGENT_TXN_PATH_BYTES_MAX];
    const char *const argv[] = {places->lsinitrd, path, NULL};
    int r;

    if (bl_text_format(path, sizeof(path), "%s/%s", places->boot, file) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': name too long", file);
    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return bl_fail(err, -EIO, "look into %s: %.300s", path, output.text);

    return agent_snapshot_boot_has_module(output.text);
}

static int check_image(struct agent_packages_job *job,
                       const struct agent_snapshot_boot_places *places, const char *file,
                       const char *version, struct bl_error *err)
{
    int r = is_built_in(places, version, err);

    if (r == 0)
        r = is_in_image(job, places, file, err);
    if (r != 0)
        return r < 0 ? r : 0;

    return bl_fail(err, -EOPNOTSUPP,
                   "with a snapshot of / or /usr this host would not boot: %s/%.100s lacks the "
                   "module dm-snapshot",
                   places->boot, file);
}

int agent_snapshot_boot_check(struct agent_packages_job *job,
                              const struct agent_snapshot_boot_places *places, struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = NULL;
    const struct dirent *entry;
    char version[NAME_MAX + 1];
    unsigned images = 0;

    if (access(places->dracut, F_OK) < 0)
        return 0;
    directory = opendir(places->boot);
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        int r;

        if (find_version(places, entry->d_name, version) == 0)
            continue;
        r = check_image(job, places, entry->d_name, version, err);
        if (r < 0)
            return r;
        images++;
    }
    if (images > 0)
        return 0;

    return bl_fail(err, -EOPNOTSUPP,
                   "whether this host would boot with a snapshot of / or /usr can't be told: there "
                   "is no %s/" PREFIX "VERSION" SUFFIX,
                   places->boot);
}
