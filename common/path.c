/* SPDX-License-Identifier: Apache-2.0 */
#include "common/path.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

bool bl_path_is_within(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool is_dots(const char *part, size_t length)
{
    return length <= 2 && strspn(part, ".") >= length;
}

int bl_path_check_plain(const char *path, struct bl_error *err)
{
    if (!bl_text_is_clean(path, strlen(path)) || strpbrk(path, "\n\t") != NULL)
        return bl_fail(err, -EINVAL, "a path that is not one line of text");
    if (path[0] != '/')
        return bl_fail(err, -EINVAL, "'%.80s' is no absolute path", path);
    for (const char *part = path; *part == '/'; part += strcspn(part, "/")) {
        part++;
        /* An empty part as well. */
        if (is_dots(part, strcspn(part, "/"))) {
            return bl_fail(
                err, -EINVAL,
                "'%.80s' is not in plain form: no '//', no '.' or '..', no '/' at the end", path);
        }
    }

    return 0;
}

int bl_path_check_outside(const char *path, const char *const *refused, struct bl_error *err)
{
    int r = bl_path_check_plain(path, err);

    if (r < 0)
        return r;
    for (; *refused != NULL; refused++) {
        if (bl_path_is_within(path, *refused))
            return bl_fail(err, -EINVAL, "'%.80s' lies in '%s', which is never put back", path,
                           *refused);
        if (bl_path_is_within(*refused, path))
            return bl_fail(err, -EINVAL, "'%.80s' holds '%s', which is never put back: name less",
                           path, *refused);
    }

    return 0;
}

bool bl_path_is_log_file(const char *path)
{
    static const char *const journal[] = {"/var/log/journal", NULL};
    struct bl_error ignored = {0};

    return bl_path_is_within(path, "/var/log") &&
           bl_path_check_outside(path, journal, &ignored) == 0;
}
