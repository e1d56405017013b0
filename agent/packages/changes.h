/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_CHANGES_H
#define AGENT_PACKAGES_CHANGES_H

#include "agent/packages/memory.h"
#include "proto/message.h"

/* What is to happen to which package. */
struct agent_packages_changes {
    struct proto_change *list;
    uint32_t count;
};

/* By name, then architecture, as in every report. */
void agent_packages_changes_sort(struct agent_packages_changes *changes);

/* Both sorted. Says in `ret_words` (size_bytes) how they differ; true when they are the same. */
bool agent_packages_changes_equal(const struct agent_packages_changes *wanted,
                                  const struct agent_packages_changes *found, char *ret_words,
                                  size_t size_bytes);

/*
 * Names, architecture and versions are such, and whole for what the change does: they become
 * arguments and go into reports.
 */
bool agent_packages_change_is_sound(const struct proto_change *change);

#endif
