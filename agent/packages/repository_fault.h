/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_REPOSITORY_FAULT_H
#define AGENT_PACKAGES_REPOSITORY_FAULT_H

#include "agent/packages/line.h"

/*
 * What is wrong with a repository, read from what apt or dnf says of it: a stable code, and what a
 * person can do. Nothing here touches the host.
 */
struct agent_packages_repository_fault {
    const char *code;
    const char *remedy;
    bool passes; /* a mirror in the middle of its own update: worth another try, from the start */
    struct agent_packages_line line; /* that tells it */
};

/* False when none of them is in the text. The nearest to the cause is found first. */
bool agent_packages_find_repository_fault(const char *text,
                                          struct agent_packages_repository_fault *ret_fault);

#endif
