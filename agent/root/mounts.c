/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "/var" holds "/var" and "/var/lib", not "/variable". */
static bool holds(const char *mount_point, size_t length, const char *path)
{
    if (length == 1 && mount_point[0] == '/')
        return true;

    return strncmp(mount_point, path, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* Points behind `count` more blanks, NULL when the line has not so many. */
static const char *skip_fields(const char *at, const char *end, unsigned count)
{
    for (; count > 0 && at != NULL; count--) {
        at = memchr(at, ' ', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }

    return at;
}

static const char *find_separator(const char *at, const char *end)
{
    for (; at + 3 <= end; at++) {
        if (memcmp(at, " - ", 3) == 0)
            return at + 3;
    }

    return NULL;
}

/*
 * A line: id parent major:minor root MOUNT-POINT mount-options optional... - type source
 * SUPER-OPTIONS. The first super option is "rw" or "ro".
 */
int agent_mounts_is_read_only(const char *mountinfo, const char *path, struct bl_error *err)
{
    size_t best_length = 0;
    bool found = false, read_only = false;

    for (const char *line = mountinfo; *line != '\0';) {
        const char *end = strchrnul(line, '\n');
        const char *mount_point = skip_fields(line, end, 4);
        const char *mount_end = skip_fields(line, end, 5);
        const char *type = find_separator(line, end);
        const char *options = type != NULL ? skip_fields(type, end, 2) : NULL;

        if (mount_end != NULL && options != NULL) {
            size_t length = (size_t)(mount_end - mount_point) - 1;

            /* A later mount on the same place hides the earlier one. */
            if (length >= best_length && holds(mount_point, length, path)) {
                best_length = length;
                found = true;
                read_only = strncmp(options, "ro", 2) == 0 &&
                            (options[2] == ',' || options[2] == '\n' || options[2] == '\0');
            }
        }
        line = *end == '\n' ? end + 1 : end;
    }
    if (!found)
        return bl_fail(err, -ENODATA, "no file system holds '%s'", path);

    return read_only ? 1 : 0;
}
