/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/modules.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"

enum {
    TAINT_BYTES_MAX = 4096, /* sysfs tells a page as the size of everything */
};

/* 1 and the letters; 0 for a module of the kernel's own, and for what is built in. */
static int read_taint(int dir_fd, const char *name, char ret_letters[32])
{
    BL_AUTO_FREE char *data = NULL;
    struct bl_error ignored = {0};
    char path[320];
    size_t bytes = 0;

    if (bl_text_format(path, sizeof(path), "%s/taint", name) < 0 ||
        bl_file_read(dir_fd, path, TAINT_BYTES_MAX, &data, &bytes, &ignored) < 0)
        return 0;
    data[strcspn(data, "\n")] = '\0';
    bl_text_escape(ret_letters, 32, data, strlen(data));

    return ret_letters[0] != '\0';
}

int agent_modules_list_foreign(const char *sys_module_dir, char *ret_text, size_t text_bytes,
                               struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    struct dirent **entries = NULL;
    struct bl_text text;
    int count, found = 0;

    bl_text_init(&text, ret_text, text_bytes);
    count = scandir(sys_module_dir, &entries, NULL, alphasort);
    if (count < 0 && errno == ENOENT)
        return 0;
    if (count < 0)
        return bl_fail(err, -errno, "'%s': %s", sys_module_dir, strerror(errno));
    dir_fd = bl_dir_open(AT_FDCWD, sys_module_dir, err);
    for (int i = 0; i < count; i++) {
        char letters[32], line[320];

        if (dir_fd >= 0 && entries[i]->d_name[0] != '.' &&
            read_taint(dir_fd, entries[i]->d_name, letters) > 0) {
            (void)snprintf(line, sizeof(line), "%s%s (%s)", found > 0 ? ", " : "",
                           entries[i]->d_name, letters);
            bl_text_add(&text, line);
            found++;
        }
        free(entries[i]);
    }
    free(entries);

    return dir_fd < 0 ? dir_fd : found;
}
