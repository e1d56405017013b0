/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/txn/manager.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/txn/task.h"
#include "common/text.h"

static bool has_program(const char *root, const char *path)
{
    char full[AGENT_TXN_PATH_BYTES_MAX];

    return bl_text_format(full, sizeof(full), "%s%s", root, path) >= 0 && access(full, X_OK) == 0;
}

static bool has_content(const char *root, const char *path)
{
    char full[AGENT_TXN_PATH_BYTES_MAX];
    struct stat st;

    return bl_text_format(full, sizeof(full), "%s%s", root, path) >= 0 && stat(full, &st) == 0 &&
           st.st_size > 0;
}

uint32_t agent_txn_manager_find(const char *root)
{
    if (has_program(root, "/usr/bin/apt-get") && has_program(root, "/usr/bin/dpkg") &&
        has_content(root, "/var/lib/dpkg/status"))
        return PROTO_APT;
    /* dnf 4 by the name that only it has: yum, dnf 5 and microdnf speak otherwise. */
    if (has_program(root, "/usr/bin/dnf-3") && has_program(root, "/usr/bin/rpm"))
        return PROTO_DNF;

    return 0;
}
