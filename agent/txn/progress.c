/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/txn/progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

#define NEW_SUFFIX ".new"

enum {
    PROGRESS_BYTES_MAX = 4096
};

void agent_txn_progress_save(int job_fd, uint32_t phase, const struct proto_progress *progress)
{
    const struct proto_schema *schema = proto_message_schema(PROTO_PROGRESS);
    char name[AGENT_TXN_NAME_BYTES], new_name[AGENT_TXN_NAME_BYTES + sizeof(NEW_SUFFIX)];
    PROTO_AUTO_BUFFER bytes = {0};
    BL_AUTO_FD int fd = -1;
    struct bl_error unused = {0};

    agent_txn_file_name(phase, AGENT_TXN_FILE_PROGRESS, name);
    (void)snprintf(new_name, sizeof(new_name), "%s" NEW_SUFFIX, name);
    if (proto_encode(schema, progress, &bytes, &unused) < 0)
        return;
    fd = openat(job_fd, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes.data, bytes.size_bytes) != (ssize_t)bytes.size_bytes) {
        (void)unlinkat(job_fd, new_name, 0);
        return;
    }
    (void)renameat(job_fd, new_name, job_fd, name);
}

void agent_txn_progress_clear(int job_fd, uint32_t phase)
{
    char name[AGENT_TXN_NAME_BYTES];

    agent_txn_file_name(phase, AGENT_TXN_FILE_PROGRESS, name);
    (void)unlinkat(job_fd, name, 0);
}

bool agent_txn_progress_load(int job_fd, uint32_t phase, struct proto_arena *arena,
                             struct proto_progress *ret_progress)
{
    const struct proto_schema *schema = proto_message_schema(PROTO_PROGRESS);
    char name[AGENT_TXN_NAME_BYTES];
    BL_AUTO_FREE char *data = NULL;
    struct bl_error unused = {0};
    size_t size_bytes;

    agent_txn_file_name(phase, AGENT_TXN_FILE_PROGRESS, name);

    return bl_file_read(job_fd, name, PROGRESS_BYTES_MAX, &data, &size_bytes, &unused) >= 0 &&
           proto_decode(schema, data, size_bytes, arena, ret_progress, &unused) >= 0;
}

static const struct {
    uint32_t phase, step;
} pairs[] = {
    {AGENT_TXN_REPAIR, PROTO_STEP_REPAIR},
    {AGENT_TXN_STAGE, PROTO_STEP_STAGE},
    {AGENT_TXN_UPGRADE, PROTO_STEP_UPGRADE},
    {AGENT_TXN_RESTORE, PROTO_STEP_RESTORE},
};

uint32_t agent_txn_progress_step(uint32_t phase)
{
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (pairs[i].phase == phase)
            return pairs[i].step;
    }

    return 0;
}

uint32_t agent_txn_progress_phase(uint32_t step)
{
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (pairs[i].step == step)
            return pairs[i].phase;
    }

    return 0;
}
