/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"

enum {
    LIST_BYTES_MAX = 256 * 1024 * 1024,
};

/* What ends the file: without it something is missing. */
static const char END[] = "end";

int agent_snapshot_list_add(struct agent_packages_job *job, struct agent_snapshot_list *list,
                            const char *path, const uint8_t digest[PROTO_HASH_BYTES],
                            struct bl_error *err)
{
    struct agent_snapshot_entry *entry;
    void *place;
    int r;

    r = agent_packages_memory_append(job->memory, &list->entries, list->count, sizeof(*entry),
                                     &place, err);
    if (r < 0)
        return r;
    entry = place;
    memcpy(entry->digest, digest, PROTO_HASH_BYTES);
    r = agent_packages_memory_copy(job->memory, path, strlen(path), &entry->path, err);
    if (r < 0)
        return r;
    list->count++;

    return 0;
}

/* As if the slash came before all other letters: then a directory's content follows it at once. */
static int compare_paths(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    if (*a == *b)
        return 0;
    if (*a == '\0' || (*a == '/' && *b != '\0'))
        return -1;
    if (*b == '\0' || *b == '/')
        return 1;

    return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static int compare_entries(const void *a, const void *b)
{
    const struct agent_snapshot_entry *left = a, *right = b;

    return compare_paths(left->path, right->path);
}

void agent_snapshot_list_sort(struct agent_snapshot_list *list)
{
    uint32_t kept = 0;

    if (list->count == 0)
        return;
    qsort(list->entries, list->count, sizeof(*list->entries), compare_entries);
    for (uint32_t i = 1; i < list->count; i++) {
        if (strcmp(list->entries[kept].path, list->entries[i].path) != 0)
            list->entries[++kept] = list->entries[i];
    }
    list->count = kept + 1;
}

const struct agent_snapshot_entry *agent_snapshot_list_find(const struct agent_snapshot_list *list,
                                                            const char *path)
{
    const struct agent_snapshot_entry key = {.path = path};

    if (list->count == 0)
        return NULL;
    return bsearch(&key, list->entries, list->count, sizeof(key), compare_entries);
}

int agent_snapshot_list_save(struct agent_packages_job *job, const char *name,
                             const struct agent_snapshot_list *list, struct bl_error *err)
{
    BL_AUTO_FREE char *bytes = NULL;
    size_t size_bytes = sizeof(END), used = 0;

    for (uint32_t i = 0; i < list->count; i++)
        size_bytes += PROTO_HASH_BYTES + strlen(list->entries[i].path) + 1;
    bytes = malloc(size_bytes);
    if (bytes == NULL)
        return bl_fail(err, -ENOMEM, "no memory for %u paths", list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct agent_snapshot_entry *entry = &list->entries[i];
        size_t path_bytes = strlen(entry->path) + 1;

        memcpy(bytes + used, entry->path, path_bytes);
        memcpy(bytes + used + path_bytes, entry->digest, PROTO_HASH_BYTES);
        used += path_bytes + PROTO_HASH_BYTES;
    }
    memcpy(bytes + used, END, sizeof(END));

    return bl_file_replace(job->job_fd, name, bytes, size_bytes, err);
}

int agent_snapshot_list_load(struct agent_packages_job *job, const char *name,
                             struct agent_snapshot_list *ret_list, struct bl_error *err)
{
    BL_AUTO_FREE char *bytes = NULL;
    struct agent_snapshot_list list = {0};
    size_t size_bytes, at = 0;
    int r = bl_file_read(job->job_fd, name, LIST_BYTES_MAX, &bytes, &size_bytes, err);

    if (r < 0)
        return r;
    while (size_bytes - at > sizeof(END)) {
        const char *path = bytes + at;
        const char *end = memchr(path, '\0', size_bytes - at);

        if (path[0] != '/' || end == NULL ||
            (size_t)(bytes + size_bytes - end) <= PROTO_HASH_BYTES + sizeof(END))
            return bl_fail(err, -EUCLEAN, "'%s' is damaged", name);
        r = agent_snapshot_list_add(job, &list, path, (const uint8_t *)end + 1, err);
        if (r < 0)
            return r;
        at += (size_t)(end - path) + 1 + PROTO_HASH_BYTES;
    }
    if (size_bytes - at != sizeof(END) || memcmp(bytes + at, END, sizeof(END)) != 0)
        return bl_fail(err, -EUCLEAN, "'%s' is cut off", name);
    agent_snapshot_list_sort(&list);
    *ret_list = list;

    return 0;
}
