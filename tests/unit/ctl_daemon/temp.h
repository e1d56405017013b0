/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CTL_DAEMON_TEMP_H
#define TESTS_UNIT_CTL_DAEMON_TEMP_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A directory of a test's own, without anything below its files' level. */
enum {
    TEMP_BYTES = 64
};

static inline void temp_make(char ret_dir[TEMP_BYTES])
{
    (void)snprintf(ret_dir, TEMP_BYTES, "/tmp/belay-daemon-XXXXXX");
    if (mkdtemp(ret_dir) == NULL)
        abort();
}

static inline void temp_remove(const char *dir)
{
    DIR *entries = opendir(dir);
    char path[512];

    if (entries == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof(path), "%.300s/%.200s", dir, entry->d_name);
        if (unlink(path) < 0)
            temp_remove(path);
    }
    (void)closedir(entries);
    (void)rmdir(dir);
}

#endif
