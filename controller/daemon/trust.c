/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "controller/daemon/setup.h"

void ctl_trust_release(struct ctl_trust *trust)
{
    proto_arena_release(&trust->arena);
    free(trust->data);
    *trust = (struct ctl_trust){0};
}

/* Takes over `*data` on success. */
static int take(struct ctl_trust *trust, char **data, size_t size_bytes, struct bl_error *err)
{
    struct ctl_trust next = {.size_bytes = size_bytes, .is_set = true};
    int r;

    r = proto_trust_open(*data, size_bytes, &next.arena, &next.trust, err);
    if (r < 0) {
        proto_arena_release(&next.arena);
        return r;
    }
    next.data = (uint8_t *)*data;
    *data = NULL;
    proto_trust_anchor(&next.trust, next.anchor);
    ctl_trust_release(trust);
    *trust = next;

    return 0;
}

int ctl_trust_load(struct ctl_trust *trust, const char *state_dir, struct bl_error *err)
{
    char path[CTL_CONFIG_PATH_BYTES + sizeof(CTL_SETUP_TRUST_NAME)];
    BL_AUTO_FREE char *data = NULL;
    size_t size_bytes;
    int r;

    (void)snprintf(path, sizeof(path), "%s/%s", state_dir, CTL_SETUP_TRUST_NAME);
    r = bl_file_exists(AT_FDCWD, path, err);
    if (r <= 0)
        return r;
    r = bl_file_read(AT_FDCWD, path, PROTO_TRUST_BYTES_MAX, &data, &size_bytes, err);
    if (r >= 0)
        r = take(trust, &data, size_bytes, err);

    return r < 0 ? bl_wrap(err, "'%s'", path) : 0;
}

/* Its roots are others, and the present ones are not asked; yet no version comes twice. */
static int begin_anew(const struct ctl_trust *trust, const void *data, size_t size_bytes,
                      struct proto_arena *arena, struct bl_error *err)
{
    struct proto_trust next;
    int r = proto_trust_open(data, size_bytes, arena, &next, err);

    if (r >= 0 && trust->is_set && next.version <= trust->trust.version) {
        r = bl_fail(err, -ESTALE, "its version %llu is not above the present one, %llu",
                    (unsigned long long)next.version, (unsigned long long)trust->trust.version);
    }

    return r;
}

int ctl_trust_set(struct ctl_trust *trust, const char *state_dir, const void *data,
                  size_t size_bytes, bool anew, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    PROTO_AUTO_ARENA arena = {0};
    BL_AUTO_FREE char *copy = NULL;
    struct proto_trust next;
    int r;

    if (anew)
        r = begin_anew(trust, data, size_bytes, &arena, err);
    else
        r = trust->is_set ? proto_trust_follow(&trust->trust, data, size_bytes, &arena, &next, err)
                          : proto_trust_open(data, size_bytes, &arena, &next, err);
    if (r < 0)
        return r;
    copy = malloc(size_bytes);
    if (copy == NULL)
        return bl_fail(err, -ENOMEM, "trust file: no memory");
    memcpy(copy, data, size_bytes);
    dir_fd = bl_dir_open(AT_FDCWD, state_dir, err);
    if (dir_fd < 0)
        return dir_fd;
    r = bl_file_replace(dir_fd, CTL_SETUP_TRUST_NAME, data, size_bytes, err);
    if (r < 0)
        return r;

    return take(trust, &copy, size_bytes, err);
}

static const struct proto_person *find_person(const struct ctl_trust *trust,
                                              const uint8_t key[PROTO_KEY_BYTES])
{
    for (uint32_t i = 0; trust->is_set && i < trust->trust.people_count; i++) {
        if (memcmp(trust->trust.people[i].key, key, PROTO_KEY_BYTES) == 0)
            return &trust->trust.people[i];
    }

    return NULL;
}

const struct proto_person *ctl_trust_person(const struct ctl_trust *trust,
                                            const uint8_t key[PROTO_KEY_BYTES])
{
    const struct proto_person *person = find_person(trust, key);

    return person != NULL && !person->revoked ? person : NULL;
}

const char *ctl_trust_name_of(const struct ctl_trust *trust, const uint8_t key[PROTO_KEY_BYTES])
{
    const struct proto_person *person = find_person(trust, key);

    return person != NULL ? person->name : "?";
}
