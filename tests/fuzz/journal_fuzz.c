/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/root/journal.h"
#include "common/file.h"
#include "tests/fuzz/fuzz.h"

/* A directory of this process's own, for as long as it runs; in memory, where syncing costs nothing. */
static char dir[] = "/dev/shm/belay-journal-fuzz-XXXXXX";

static void sweep(void)
{
    DIR *opened = opendir(dir);
    const struct dirent *entry;

    BL_ASSERT(opened != NULL);
    while ((entry = readdir(opened)) != NULL)
        if (entry->d_name[0] != '.')
            BL_ASSERT(unlinkat(dirfd(opened), entry->d_name, 0) == 0);
    (void)closedir(opened);
}

static void end(void)
{
    (void)rmdir(dir);
}

static void read_rows(struct agent_journal *journal, struct proto_arena *arena)
{
    uint64_t last = agent_journal_last_row(journal);

    for (uint64_t number = 1; number <= last && number <= 64; number++) {
        struct agent_journal_row row = {0};
        struct bl_error err = {0};
        int r = agent_journal_read_row(journal, number, arena, &row, &err);

        if (r < 0)
            fuzz_assert_refusal(r, &err);
    }
}

static void read_all(struct agent_journal *journal)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER message = {0};
    struct agent_journal_job job = {0};
    uint8_t head[PROTO_HASH_BYTES];
    uint64_t seq = 0;
    struct bl_error err = {0};
    int r = agent_journal_load_newest(journal, &arena, &job, &err);

    if (r < 0)
        fuzz_assert_refusal(r, &err);
    err = (struct bl_error){0};
    r = agent_journal_next_report(journal, 0, &seq, &message, &err);
    if (r < 0)
        fuzz_assert_refusal(r, &err);
    err = (struct bl_error){0};
    r = agent_journal_check_chain(journal, head, &err);
    if (r < 0)
        fuzz_assert_refusal(r, &err);
    read_rows(journal, &arena);
}

/* A journal that a disk or somebody's hand has changed: an error in words, or read to its end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static int dir_fd = -1;
    AGENT_AUTO_JOURNAL *journal = NULL;
    char path[sizeof(dir) + 16];
    struct bl_error err = {0};
    int r;

    if (dir_fd < 0) {
        BL_ASSERT(mkdtemp(dir) != NULL && atexit(end) == 0);
        dir_fd = bl_dir_open(AT_FDCWD, dir, &err);
        BL_ASSERT(dir_fd >= 0);
    }
    BL_ASSERT(bl_file_replace(dir_fd, "journal", data, size_bytes, &err) == 0);
    (void)snprintf(path, sizeof(path), "%s/journal", dir);
    r = agent_journal_open(path, &journal, &err);
    if (r < 0)
        fuzz_assert_refusal(r, &err);
    else
        read_all(journal);
    journal = agent_journal_free(journal);
    sweep();

    return 0;
}
