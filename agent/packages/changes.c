/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

static int compare_place(const struct proto_change *a, const struct proto_change *b)
{
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : strcmp(a->arch, b->arch);
}

static int compare(const void *a, const void *b)
{
    return compare_place(a, b);
}

void agent_packages_changes_sort(struct agent_packages_changes *changes)
{
    if (changes->count > 1)
        qsort(changes->list, changes->count, sizeof(*changes->list), compare);
}

static const char *version_words(const struct proto_change *change)
{
    return change->action == PROTO_ACTION_REMOVE ? "removed" : change->to;
}

/* One difference in words, appended; what does not fit is left out. */
static void say(char *words, size_t size_bytes, const struct proto_change *wanted,
                const struct proto_change *found)
{
    size_t used = strlen(words);
    const struct proto_change *any = wanted != NULL ? wanted : found;

    BL_ASSERT(any != NULL);
    (void)snprintf(words + used, size_bytes - used, "%s%s:%s was to be %s and would be %s",
                   used > 0 ? "; " : "", any->name, any->arch,
                   wanted != NULL ? version_words(wanted) : "left alone",
                   found != NULL ? version_words(found) : "left alone");
}

static bool same_change(const struct proto_change *a, const struct proto_change *b)
{
    bool removed_a = a->action == PROTO_ACTION_REMOVE;
    bool removed_b = b->action == PROTO_ACTION_REMOVE;

    return removed_a == removed_b && strcmp(a->to, b->to) == 0;
}

bool agent_packages_changes_equal(const struct agent_packages_changes *wanted,
                                  const struct agent_packages_changes *found, char *ret_words,
                                  size_t size_bytes)
{
    uint32_t i = 0, j = 0;

    ret_words[0] = '\0';
    while (i < wanted->count || j < found->count) {
        const struct proto_change *a = i < wanted->count ? &wanted->list[i] : NULL;
        const struct proto_change *b = j < found->count ? &found->list[j] : NULL;
        int order = a == NULL ? 1 : b == NULL ? -1 : compare_place(a, b);

        if (order < 0) {
            say(ret_words, size_bytes, a, NULL);
        } else if (order > 0) {
            say(ret_words, size_bytes, NULL, b);
        } else if (!same_change(a, b)) {
            say(ret_words, size_bytes, a, b);
        }
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }

    return ret_words[0] == '\0';
}

bool agent_packages_change_is_sound(const struct proto_change *change)
{
    bool good = bl_text_is_package_name(change->name) && strchr(change->name, ':') == NULL &&
                (change->arch[0] == '\0' || bl_text_is_name(change->arch)) &&
                (change->from[0] == '\0' || bl_text_is_version(change->from)) &&
                (change->to[0] == '\0' || bl_text_is_version(change->to)) &&
                strlen(change->name) <= PROTO_NAME_BYTES_MAX &&
                strlen(change->from) <= PROTO_NAME_BYTES_MAX &&
                strlen(change->to) <= PROTO_NAME_BYTES_MAX;
    bool whole =
        change->action == PROTO_ACTION_REMOVE ? change->from[0] != '\0' : change->to[0] != '\0';

    return good && whole;
}
