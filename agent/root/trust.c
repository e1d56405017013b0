/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/trust.h"

#include "common/file.h"

int agent_trust_load(const char *config_dir, struct proto_arena *arena,
                     struct proto_trust *ret_trust, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = bl_dir_open(AT_FDCWD, config_dir, err);
    BL_AUTO_FREE char *data = NULL;
    size_t bytes = 0;
    int r;

    if (dir_fd < 0)
        return dir_fd;
    r = bl_file_read(dir_fd, "trust", PROTO_TRUST_BYTES_MAX, &data, &bytes, err);
    if (r >= 0)
        r = proto_trust_open(data, bytes, arena, ret_trust, err);
    if (r < 0)
        return bl_wrap(err, "trust file");

    return 0;
}
