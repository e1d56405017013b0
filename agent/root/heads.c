/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/heads.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/txn/ballast.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"

int agent_heads_state(struct agent_host *host, uint64_t asked_rows,
                      struct proto_audit_state *ret_state, struct bl_error *err)
{
    struct proto_audit_state state = {.rows = agent_journal_last_row(host->journal)};
    int r;

    agent_journal_head(host->journal, state.hash);
    r = agent_journal_kept_head(host->journal, &state.kept_rows, state.kept_hash, err);
    if (r >= 0 && asked_rows > 0)
        r = agent_journal_hash_at(host->journal, asked_rows, state.asked_hash, err);
    if (r < 0)
        return r;
    /* With zeros when there is no such row: so it is never taken for an answer to WELCOME. */
    state.asked_rows = asked_rows;
    *ret_state = state;

    return 0;
}

/* A row in our own chain outlives that the new head is kept from here on. */
static int note_break(struct agent_host *host, const struct proto_audit_head *head,
                      const uint8_t kept[PROTO_HASH_BYTES], struct bl_error *err)
{
    char was[BL_HEX_BYTES(PROTO_HASH_BYTES)], is[BL_HEX_BYTES(PROTO_HASH_BYTES)], reason[256];
    const struct agent_journal_row row = {.wall_ms = bl_wall_now().ms,
                                          .mono_ms = bl_mono_now().ms,
                                          .boot_id = host->boot_id,
                                          .what = "audit",
                                          .who = "controller",
                                          .code = "controller_audit_differs",
                                          .reason = reason};

    bl_hex_encode(kept, PROTO_HASH_BYTES, was);
    bl_hex_encode(head->kept_hash, PROTO_HASH_BYTES, is);
    (void)snprintf(reason, sizeof(reason), "row %llu of its audit was %s and is %s",
                   (unsigned long long)head->kept_rows, was,
                   head->rows < head->kept_rows ? "cut off" : is);
    sd_journal_print(LOG_WARNING, "The controller's audit was cut or written anew: %s", reason);

    return agent_journal_note(host->journal, &row, err);
}

int agent_heads_hear(struct agent_host *host, const struct proto_audit_head *head,
                     struct agent_refusal_bucket *bucket, struct bl_error *err)
{
    uint8_t kept[PROTO_HASH_BYTES];
    struct bl_error full = {0};
    uint64_t kept_rows = 0;
    int r;

    r = agent_journal_kept_head(host->journal, &kept_rows, kept, err);
    if (r < 0)
        return r;
    if (kept_rows == head->rows && memcmp(kept, head->hash, sizeof(kept)) == 0)
        return 1;
    /* It speaks of another row than the one that is kept: it has not heard yet what that is. */
    if (kept_rows != head->kept_rows || !agent_refusal_may_tell(bucket, bl_mono_now()))
        return 0;
    /* A journal that failed once does nothing more; a head is not worth that, and comes again. */
    if (agent_ballast_find_room(host->state_dir, &full) < 0)
        return 0;
    if (kept_rows > 0 && memcmp(kept, head->kept_hash, sizeof(kept)) != 0)
        r = note_break(host, head, kept, err);
    if (r >= 0)
        r = agent_journal_keep_head(host->journal, head->rows, head->hash, err);

    return r < 0 ? r : 1;
}

/* ---- another controller ---- */

#define JOINED "joined"

/* -ENOENT: this host never had an agent that ran. */
static int open_dir(const char *state_dir, int *ret_fd, struct bl_error *err)
{
    char path[PATH_MAX];

    if (bl_text_format(path, sizeof(path), "%s/agent", state_dir) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%.100s': name too long", state_dir);
    *ret_fd = bl_dir_open(AT_FDCWD, path, err);

    return *ret_fd < 0 ? *ret_fd : 0;
}

int agent_heads_note_join(const char *state_dir, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    int r = open_dir(state_dir, &dir_fd, err);

    if (r == -ENOENT) {
        *err = (struct bl_error){0};
        return 0;
    }

    return r < 0 ? r : bl_file_replace(dir_fd, JOINED, "", 0, err);
}

int agent_heads_heed_join(struct agent_host *host, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    int r = open_dir(host->state_dir, &dir_fd, err);

    if (r >= 0)
        r = bl_file_exists(dir_fd, JOINED, err);
    if (r <= 0)
        return r;
    r = agent_journal_forget_head(host->journal, err);
    if (r >= 0)
        r = bl_file_remove(dir_fd, JOINED, err); /* last: until then it is heeded again */

    return r < 0 ? r : 0;
}
