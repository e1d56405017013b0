/* SPDX-License-Identifier: Apache-2.0 */
#include "common/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

int bl_random_fill(void *ret_data, size_t size_bytes, struct bl_error *err)
{
    uint8_t *data = ret_data;
    size_t done_bytes = 0;

    while (done_bytes < size_bytes) {
        ssize_t n = getrandom(data + done_bytes, size_bytes - done_bytes, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bl_fail(err, -errno, "read random bytes: %s", strerror(errno));
        done_bytes += (size_t)n;
    }

    return 0;
}

int bl_random_u64(uint64_t *ret_value, struct bl_error *err)
{
    return bl_random_fill(ret_value, sizeof(*ret_value), err);
}
