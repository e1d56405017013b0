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

void agent_txn_manager_explain(const char *root, const char **ret_reason, const char **ret_remedy)
{
    static const struct {
        const char *program, *reason, *remedy;
    } table[] = {
        {"/usr/bin/dnf5", "this host has dnf 5, and belay reads dnf 4 only",
         "install dnf 4 beside it: the package python3-dnf has /usr/bin/dnf-3"},
        {"/usr/bin/yum", "this host has yum without dnf",
         "belay needs dnf 4 (/usr/bin/dnf-3), which release 8 and later have"},
        {"/usr/bin/microdnf", "this host has microdnf only",
         "install dnf 4: the package python3-dnf has /usr/bin/dnf-3"},
        {"/usr/bin/zypper", "this host has zypper", "belay works with apt and with dnf 4"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (has_program(root, table[i].program)) {
            *ret_reason = table[i].reason;
            *ret_remedy = table[i].remedy;
            return;
        }
    }
    *ret_reason = "this host has neither apt nor dnf 4";
    *ret_remedy = "belay works with apt and with dnf 4 (/usr/bin/dnf-3)";
}
