/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/dnf_parse.h"
#include "agent/packages/index_age.h"
#include "agent/packages/keys.h"
#include "agent/packages/progress.h"
#include "tests/fuzz/packages.h"

static void read_tables(struct agent_packages_memory *memory, const char *text)
{
    struct agent_packages_changes changes = {0};
    struct agent_packages_rpms rpms = {0};
    struct bl_error err = {0};
    int r = agent_packages_dnf_parse_table(memory, text, &changes, &err);

    if (r < 0)
        fuzz_assert_refusal(r, &err);
    for (uint32_t i = 0; r == 0 && i < changes.count; i++)
        BL_ASSERT(changes.list[i].name[0] != '\0');
    err = (struct bl_error){0};
    r = agent_packages_dnf_parse_rpms(memory, text, &rpms, &err);
    if (r < 0)
        fuzz_assert_refusal(r, &err);
    for (uint32_t i = 0; r == 0 && i < rpms.count; i++)
        BL_ASSERT(rpms.list[i].name != NULL && rpms.list[i].version != NULL);
}

static void read_lines(const char *text)
{
    const char *cursor = text;
    struct agent_packages_line line;

    while (agent_packages_next_line(&cursor, &line)) {
        struct agent_packages_told_line told = agent_packages_dnf_parse_progress(&line);
        struct agent_packages_line path = {0};

        if (told.what != AGENT_PACKAGES_TOLD_NOTHING)
            packages_assert_within(&told.name, text);
        if (agent_packages_dnf_parse_verified(&line, &path))
            packages_assert_within(&path, text);
    }
    line = agent_packages_dnf_last_action(text);
    packages_assert_within(&line, text);
    line = agent_packages_dnf_find_setting(text, "installonly_limit");
    packages_assert_within(&line, text);
    cursor = text;
    while (agent_packages_dnf_next_setting(&cursor, "gpgkey", &line))
        packages_assert_within(&line, text);
}

/* What dnf, rpm and their repositories say on a host: never more than an error. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    AGENT_PACKAGES_AUTO_MEMORY memory = {0};
    char *text = fuzz_text(data, size_bytes);
    struct agent_packages_cause cause = {0};
    struct agent_packages_index index = {0};

    read_tables(&memory, text);
    read_lines(text);
    agent_packages_dnf_find_cause(text, &cause);
    BL_ASSERT(cause.code != NULL);
    packages_assert_within(&cause.line, text);
    agent_packages_parse_repomd(text, &index);
    BL_ASSERT(agent_packages_dnf_piece_length(text) <= size_bytes);
    (void)agent_packages_dnf_is_automatic(text, "demo", "noarch");
    (void)agent_packages_dnf_is_locked(text, "demo");
    (void)agent_packages_dnf_has_advisories(text);
    (void)agent_packages_dnf_has_failed_script(text);
    (void)agent_packages_dnf_parse_download_size(text, size_bytes);
    (void)agent_packages_keys_are_of_rpm(text, "demo");
    free(text);

    return 0;
}
