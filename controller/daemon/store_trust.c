/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/daemon/store_db.h"

int ctl_store_save_trust(struct ctl_store *store, uint64_t version, const void *data,
                         size_t size_bytes, struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "INSERT OR REPLACE INTO trust_files VALUES (?,?)", err);

    ctl_query_bind_i64(&query, (int64_t)version);
    ctl_query_bind_blob(&query, data, size_bytes);

    return ctl_query_run(&query);
}

int ctl_store_load_trust(struct ctl_store *store, uint64_t version, struct proto_buffer *ret_file,
                         struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "SELECT file FROM trust_files WHERE version = ?", err);
    struct proto_bytes file;
    int r;

    ctl_query_bind_i64(&query, (int64_t)version);
    r = ctl_query_next(&query);
    if (r <= 0)
        return r;
    file = ctl_query_bytes(&query, 0);
    ret_file->data = malloc(file.size_bytes + 1);
    if (ret_file->data == NULL)
        return bl_fail(err, -ENOMEM, "trust file: no memory");
    if (file.size_bytes > 0)
        memcpy(ret_file->data, file.data, file.size_bytes);
    ret_file->size_bytes = file.size_bytes;
    ret_file->capacity_bytes = file.size_bytes + 1;

    return query.result < 0 ? query.result : 1;
}
