/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/trust.h"

#include <errno.h>
#include <limits.h>

#include "common/file.h"
#include "common/text.h"

/* -ENOENT when there is none. */
static int read_one(const char *dir, struct proto_arena *arena, struct proto_trust *ret_trust,
                    struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = bl_dir_open(AT_FDCWD, dir, err);
    BL_AUTO_FREE char *data = NULL;
    size_t bytes = 0;
    int r;

    if (dir_fd < 0)
        return dir_fd;
    r = bl_file_read(dir_fd, AGENT_TRUST_NAME, PROTO_TRUST_BYTES_MAX, &data, &bytes, err);

    return r < 0 ? r : proto_trust_open(data, bytes, arena, ret_trust, err);
}

static int format_state_dir(const char *state_dir, char ret_path[PATH_MAX], struct bl_error *err)
{
    if (bl_text_format(ret_path, PATH_MAX, "%s/agent", state_dir) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%.100s': name too long", state_dir);

    return 0;
}

int agent_trust_load(const char *config_dir, const char *state_dir, struct proto_arena *arena,
                     struct proto_trust *ret_trust, struct bl_error *err)
{
    struct bl_error missing = {0};
    char path[PATH_MAX];
    struct proto_trust later;
    int r;

    r = read_one(config_dir, arena, ret_trust, err);
    if (r >= 0)
        r = format_state_dir(state_dir, path, err);
    if (r < 0)
        return bl_wrap(err, "trust file");
    r = read_one(path, arena, &later, &missing);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return bl_fail(err, r, "trust file in '%s': %s", path, missing.text);
    if (later.version > ret_trust->version)
        *ret_trust = later;

    return 0;
}

int agent_trust_take(const char *config_dir, const char *state_dir, const void *data,
                     size_t size_bytes, uint64_t *ret_version, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    BL_AUTO_FD int dir_fd = -1;
    struct proto_trust present, next;
    char path[PATH_MAX];
    int r;

    r = agent_trust_load(config_dir, state_dir, &arena, &present, err);
    if (r >= 0)
        r = proto_trust_follow(&present, data, size_bytes, &arena, &next, err);
    if (r >= 0)
        r = format_state_dir(state_dir, path, err);
    if (r >= 0)
        r = dir_fd = bl_dir_open(AT_FDCWD, path, err);
    if (r >= 0)
        r = bl_file_replace(dir_fd, AGENT_TRUST_NAME, data, size_bytes, err);
    if (r < 0)
        return r;
    *ret_version = next.version;

    return 0;
}

int agent_trust_forget(const char *state_dir, struct bl_error *err)
{
    struct bl_error missing = {0};
    BL_AUTO_FD int dir_fd = -1;
    char path[PATH_MAX];
    int r;

    r = format_state_dir(state_dir, path, err);
    if (r < 0)
        return r;
    dir_fd = bl_dir_open(AT_FDCWD, path, &missing);
    if (dir_fd == -ENOENT)
        return 0;
    if (dir_fd < 0)
        return bl_fail(err, dir_fd, "%s", missing.text);
    r = bl_file_remove(dir_fd, AGENT_TRUST_NAME, err);

    return r < 0 ? r : 0;
}
