/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/txn/task.h"
#include "common/file.h"
#include "common/hex.h"
#include "proto/sample.h"

struct agent_work *agent_work_free(struct agent_work *work)
{
    if (work == NULL)
        return NULL;
    bl_close_fd(&work->dir_fd);
    proto_arena_release(&work->arena);
    free(work);
    return NULL;
}

/* From a manifest that was checked when it was taken; so a failure here is damage. */
int agent_work_make(struct agent_host *host, const uint8_t id[AGENT_JOB_ID_BYTES],
                    struct proto_bytes manifest, uint64_t kind, struct agent_work **ret_work,
                    struct bl_error *err)
{
    struct agent_work *work = calloc(1, sizeof(*work));
    int r;

    if (work == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a job");
    work->dir_fd = -1;
    memcpy(work->id, id, sizeof(work->id));
    bl_hex_encode(work->id, sizeof(work->id), work->id_text);
    r = proto_manifest_decode(manifest.data, manifest.size_bytes, &work->arena, &work->manifest,
                              err);
    if (r >= 0 && kind >= work->manifest.kinds_count) {
        r = bl_fail(err, -EUCLEAN, "the manifest has no transaction %llu",
                    (unsigned long long)kind);
    }
    if (r >= 0) {
        r = proto_manifest_transaction(&work->manifest, (uint32_t)kind, &work->arena,
                                       &work->transaction, err);
    }
    if (r >= 0)
        r = proto_sample_apply(&work->manifest, host->id, &work->arena, err);
    if (r >= 0)
        r = agent_txn_job_make(host->state_dir, work->id_text, &work->dir_fd, err);
    if (r < 0) {
        (void)agent_work_free(work);
        return bl_wrap(err, "job");
    }
    memcpy(work->rollout_id, work->manifest.rollout_id, sizeof(work->rollout_id));

    *ret_work = work;
    return 0;
}
