/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/tree_xattr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "agent/packages/tree.h"
#include "common/file.h"

enum {
    NAMES_MAX = 256,
    LENGTH_BYTES = 4,
};

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

/* The names, sorted, in the job's memory; none where the file system knows no attributes. */
static int list_names(struct agent_packages_job *job, int fd, const char ***ret_names,
                      uint32_t *ret_count, struct bl_error *err)
{
    ssize_t bytes = flistxattr(fd, NULL, 0);
    const char **names;
    uint32_t count = 0;
    char *text;
    void *place;
    int r;

    *ret_count = 0;
    if (bytes < 0 && errno == EOPNOTSUPP)
        return 0;
    if (bytes < 0)
        return bl_fail(err, -errno, "list extended attributes: %s", strerror(errno));
    if (bytes == 0)
        return 0;
    if ((r = agent_packages_memory_take(job->memory, (size_t)bytes + 1, &place, err)) < 0)
        return r;
    text = place;
    if ((r = agent_packages_memory_take(job->memory, NAMES_MAX * sizeof(*names), &place, err)) < 0)
        return r;
    names = place;
    bytes = flistxattr(fd, text, (size_t)bytes);
    if (bytes < 0)
        return bl_fail(err, -errno, "list extended attributes: %s", strerror(errno));
    for (const char *at = text; at < text + bytes; at += strlen(at) + 1) {
        if (strcmp(at, "security.evm") == 0)
            continue;
        if (count == NAMES_MAX)
            return bl_fail(err, -EMSGSIZE, "more than %d extended attributes", NAMES_MAX);
        names[count++] = at;
    }
    qsort(names, count, sizeof(*names), compare_names);
    *ret_names = names;
    *ret_count = count;

    return 0;
}

static int pack_one(uint8_t *bytes, size_t *used, int fd, const char *name, struct bl_error *err)
{
    size_t name_bytes = strlen(name) + 1;
    size_t head_bytes = name_bytes + LENGTH_BYTES;
    ssize_t length;

    if (*used + head_bytes > AGENT_PACKAGES_XATTRS_BYTES_MAX)
        return bl_fail(err, -EMSGSIZE, "extended attributes of more than %d bytes",
                       AGENT_PACKAGES_XATTRS_BYTES_MAX);
    length = fgetxattr(fd, name, bytes + *used + head_bytes,
                       AGENT_PACKAGES_XATTRS_BYTES_MAX - *used - head_bytes);
    if (length < 0)
        return bl_fail(err, errno == ERANGE ? -EMSGSIZE : -errno, "read attribute '%.64s': %s",
                       name, strerror(errno));
    if (*used + head_bytes + (size_t)length > AGENT_PACKAGES_XATTRS_BYTES_MAX)
        return bl_fail(err, -EMSGSIZE, "extended attributes of more than %d bytes",
                       AGENT_PACKAGES_XATTRS_BYTES_MAX);
    memcpy(bytes + *used, name, name_bytes);
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        bytes[*used + name_bytes + i] = (uint8_t)((size_t)length >> (8 * i));
    *used += head_bytes + (size_t)length;

    return 0;
}

int agent_packages_xattrs_read(struct agent_packages_job *job, int fd,
                               struct proto_bytes *ret_xattrs, struct bl_error *err)
{
    BL_AUTO_FREE uint8_t *bytes = NULL;
    const char **names = NULL, *copy;
    uint32_t count;
    size_t used = 0;
    int r;

    *ret_xattrs = (struct proto_bytes){0};
    r = list_names(job, fd, &names, &count, err);
    if (r < 0 || count == 0)
        return r;
    bytes = malloc(AGENT_PACKAGES_XATTRS_BYTES_MAX);
    if (bytes == NULL)
        return bl_fail(err, -ENOMEM, "no memory for extended attributes");
    for (uint32_t i = 0; i < count; i++) {
        r = pack_one(bytes, &used, fd, names[i], err);
        if (r < 0)
            return r;
    }
    r = agent_packages_memory_copy(job->memory, (const char *)bytes, used, &copy, err);
    if (r < 0)
        return r;
    *ret_xattrs = (struct proto_bytes){(const uint8_t *)copy, used};

    return 0;
}

struct attribute {
    const char *name;
    const uint8_t *value;
    size_t value_bytes;
};

/* 1 and the next one, 0 at the end; -EUCLEAN when the bytes are not what was packed. */
static int unpack(const struct proto_bytes *xattrs, size_t *at, struct attribute *ret_attribute,
                  struct bl_error *err)
{
    const uint8_t *bytes = xattrs->data + *at;
    size_t left = xattrs->size_bytes - *at, value_bytes = 0, head_bytes;
    const uint8_t *end;

    if (left == 0)
        return 0;
    end = memchr(bytes, '\0', left);
    head_bytes = end != NULL ? (size_t)(end - bytes) + 1 + LENGTH_BYTES : 0;
    if (end == NULL || head_bytes > left)
        return bl_fail(err, -EUCLEAN, "damaged extended attributes");
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        value_bytes |= (size_t)end[1 + i] << (8 * i);
    if (value_bytes > left - head_bytes)
        return bl_fail(err, -EUCLEAN, "damaged extended attributes");
    *ret_attribute = (struct attribute){(const char *)bytes, bytes + head_bytes, value_bytes};
    *at += head_bytes + value_bytes;

    return 1;
}

static bool is_packed(const struct proto_bytes *xattrs, const char *name)
{
    struct attribute attribute;
    struct bl_error unused = {0};
    size_t at = 0;

    while (unpack(xattrs, &at, &attribute, &unused) > 0) {
        if (strcmp(attribute.name, name) == 0)
            return true;
    }

    return false;
}

int agent_packages_xattrs_write(struct agent_packages_job *job, int fd,
                                const struct proto_bytes *xattrs, struct bl_error *err)
{
    struct attribute attribute;
    const char **names = NULL;
    uint32_t count;
    size_t at = 0;
    int r;

    r = list_names(job, fd, &names, &count, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_packed(xattrs, names[i]) && fremovexattr(fd, names[i]) < 0 && errno != ENODATA)
            return bl_fail(err, -errno, "remove attribute '%.64s': %s", names[i], strerror(errno));
    }
    while ((r = unpack(xattrs, &at, &attribute, err)) > 0) {
        if (fsetxattr(fd, attribute.name, attribute.value, attribute.value_bytes, 0) < 0)
            return bl_fail(err, -errno, "set attribute '%.64s': %s", attribute.name,
                           strerror(errno));
    }

    return r;
}
