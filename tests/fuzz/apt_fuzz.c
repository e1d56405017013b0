/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/apt_parse.h"
#include "agent/packages/index_age.h"
#include "agent/packages/keys.h"
#include "agent/packages/progress.h"
#include "agent/packages/repository_fault.h"
#include "tests/fuzz/packages.h"

static void read_changes(struct agent_packages_memory *memory, const char *text)
{
    struct agent_packages_changes changes = {0};
    struct bl_error err = {0};
    uint32_t others = 0;
    int r = agent_packages_apt_parse_simulation(memory, text, &changes, &err);

    if (r < 0)
        fuzz_assert_refusal(r, &err);
    else
        agent_packages_changes_sort(&changes);
    for (uint32_t i = 0; r == 0 && i < changes.count; i++)
        BL_ASSERT(changes.list[i].name[0] != '\0');
    err = (struct bl_error){0};
    r = agent_packages_apt_parse_security(memory, text, &changes, &others, &err);
    if (r < 0)
        fuzz_assert_refusal(r, &err);
}

static void read_states(struct agent_packages_memory *memory, const char *text)
{
    struct agent_packages_states states = {0};
    struct bl_error err = {0};
    int r = agent_packages_apt_parse_states(memory, text, &states, &err);

    if (r < 0)
        fuzz_assert_refusal(r, &err);
    for (uint32_t i = 0; r == 0 && i < states.count; i++)
        (void)agent_packages_apt_status(&states.list[i]); /* only that it reads nothing foreign */
}

static void read_names(struct agent_packages_memory *memory, const char *text)
{
    static const struct agent_packages_stanza_key keys[] = {{"demo", "amd64"}, {"lib", "all"}};
    const char *told = NULL;
    struct bl_error err = {0};

    if (agent_packages_apt_parse_pinned(memory, text, &told, &err) < 0 ||
        agent_packages_apt_parse_section(
            memory, text, "The following packages have been kept back:", &told, &err) < 0 ||
        agent_packages_apt_parse_phased(memory, text, &told, &err) < 0 ||
        agent_packages_apt_drop_stanzas(memory, text, keys, 2, &told, &err) < 0)
        fuzz_assert_refusal(err.code, &err);
    err = (struct bl_error){0};
    if (agent_packages_apt_make_whole(memory, text, &told, &err) < 0)
        fuzz_assert_refusal(err.code, &err);
}

static void read_lines(const char *text)
{
    const char *cursor = text;
    struct agent_packages_line line;

    while (agent_packages_next_line(&cursor, &line)) {
        struct agent_packages_told_line told = agent_packages_apt_parse_progress(&line);

        packages_assert_within(&line, text);
        if (told.what != AGENT_PACKAGES_TOLD_NOTHING)
            packages_assert_within(&told.name, text);
    }
    line = agent_packages_apt_last_action(text);
    packages_assert_within(&line, text);
    if (agent_packages_apt_find_refresh_failure(text, &line))
        packages_assert_within(&line, text);
}

/* What apt, dpkg and their repositories say on a host: never more than an error. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    AGENT_PACKAGES_AUTO_MEMORY memory = {0};
    char *text = fuzz_text(data, size_bytes);
    struct agent_packages_cause cause = {0};
    struct agent_packages_repository_fault fault = {0};
    struct agent_packages_index index = {0};

    read_changes(&memory, text);
    read_states(&memory, text);
    read_names(&memory, text);
    read_lines(text);
    agent_packages_apt_find_cause(text, &cause);
    BL_ASSERT(cause.code != NULL);
    packages_assert_within(&cause.line, text);
    if (agent_packages_find_repository_fault(text, &fault))
        BL_ASSERT(fault.code != NULL && fault.remedy != NULL);
    agent_packages_parse_release(text, &index);
    (void)agent_packages_apt_has_security(text);
    (void)agent_packages_apt_parse_uri_sizes(text);
    (void)agent_packages_keys_are_of_deb(text, "demo");
    free(text);

    return 0;
}
