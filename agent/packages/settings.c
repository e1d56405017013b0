/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/settings.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/packages/line.h"
#include "common/file.h"
#include "common/text.h"

enum {
    ALTERNATIVE_BYTES_MAX = 1024 * 1024
};

static const char *const places[] = {
    "/etc/systemd/system",
    "/etc/systemd/user",
    "/var/lib/systemd/deb-systemd-helper-enabled",
    "/var/lib/systemd/deb-systemd-helper-masked",
    "/var/lib/systemd/deb-systemd-user-helper-enabled",
    "/var/lib/systemd/deb-systemd-user-helper-masked",
    "/etc/alternatives",
    "/var/lib/dpkg/alternatives",
    "/var/lib/alternatives",
    "/etc/rc0.d",
    "/etc/rc1.d",
    "/etc/rc2.d",
    "/etc/rc3.d",
    "/etc/rc4.d",
    "/etc/rc5.d",
    "/etc/rc6.d",
    "/etc/rcS.d",
    "/etc/rc.d/rc0.d",
    "/etc/rc.d/rc1.d",
    "/etc/rc.d/rc2.d",
    "/etc/rc.d/rc3.d",
    "/etc/rc.d/rc4.d",
    "/etc/rc.d/rc5.d",
    "/etc/rc.d/rc6.d",
    "/etc/dnf/modules.d",
    "/etc/dnf/plugins/versionlock.list",
};
static const char *const registers[] = {"/var/lib/dpkg/alternatives", "/var/lib/alternatives"};

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

int agent_packages_settings_parse_links(struct agent_packages_job *job, const char *text,
                                        struct agent_packages_paths *paths, struct bl_error *err)
{
    struct agent_packages_line line;

    for (unsigned number = 1; agent_packages_next_line(&text, &line); number++) {
        int r;

        if (number > 2 && line.length == 0)
            return 0; /* from here on it tells of the choices */
        if (number % 2 != 0)
            continue; /* the mode, then the names of those that go along */
        r = agent_packages_paths_add(job, paths, line.text, line.length, err);
        if (r < 0)
            return r;
    }

    return 0;
}

/* A place may be reached through a link: /bin is one. Its own last part may be one as well, and stays. */
static int add_real(struct agent_packages_job *job, const char *path,
                    struct agent_packages_paths *tops, struct bl_error *err)
{
    BL_AUTO_FREE char *real = NULL;
    const char *name = strrchr(path, '/') + 1;
    char text[PATH_MAX];

    if (name[0] == '\0' || bl_text_format(text, sizeof(text), "%.*s", (int)(name - path), path) < 0)
        return 0;
    real = realpath(text, NULL);
    if (real == NULL ||
        bl_text_format(text, sizeof(text), "%s/%s", strcmp(real, "/") == 0 ? "" : real, name) < 0)
        return 0;

    return agent_packages_paths_add(job, tops, text, strlen(text), err);
}

static int add_registered(struct agent_packages_job *job, const char *directory,
                          struct agent_packages_paths *tops, struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *entries = opendir(directory);
    struct agent_packages_paths links = {0};
    const struct dirent *entry;
    int r = 0;

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        BL_AUTO_FREE char *text = NULL;
        struct bl_error unused = {0};
        size_t bytes;

        if (bl_file_read(dirfd(entries), entry->d_name, ALTERNATIVE_BYTES_MAX, &text, &bytes,
                         &unused) < 0)
            continue; /* "." and "..", and what update-alternatives could not read either */
        r = agent_packages_settings_parse_links(job, text, &links, err);
        if (r < 0)
            return r;
    }
    for (uint32_t i = 0; r >= 0 && i < links.count; i++)
        r = add_real(job, links.list[i], tops, err);

    return r;
}

int agent_packages_settings_tops(struct agent_packages_job *job, struct agent_packages_paths *tops,
                                 struct bl_error *err)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < sizeof(places) / sizeof(places[0]); i++)
        r = add_real(job, places[i], tops, err);
    for (size_t i = 0; r >= 0 && i < sizeof(registers) / sizeof(registers[0]); i++)
        r = add_registered(job, registers[i], tops, err);
    if (r < 0)
        return r;
    agent_packages_paths_sort(tops);

    return 0;
}

bool agent_packages_setting_is_touched(const struct agent_packages_setting *setting)
{
    return agent_packages_entry_difference(setting->before, setting->after) != NULL ||
           agent_packages_entry_difference(setting->start, setting->now) != NULL;
}
