/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/facts.h"

#include <string.h>
#include <sys/utsname.h>

#include "agent/txn/manager.h"
#include "common/file.h"
#include "common/text.h"
#include "proto/message.h"

enum {
    OS_RELEASE_BYTES_MAX = 64 * 1024,
};

void agent_facts_find(const char *os_release, const char *key, char *ret_value, unsigned size_bytes)
{
    size_t key_bytes = strlen(key);

    ret_value[0] = '\0';
    for (const char *line = os_release; *line != '\0';) {
        const char *end = strchrnul(line, '\n');

        if (strncmp(line, key, key_bytes) == 0 && line[key_bytes] == '=') {
            const char *value = line + key_bytes + 1, *stop = end;

            if (value < stop && (*value == '"' || *value == '\'')) {
                const char *quote = memchr(value + 1, *value, (size_t)(stop - value - 1));

                stop = quote != NULL ? quote : stop;
                value++;
            }
            bl_text_escape(ret_value, size_bytes, value, (size_t)(stop - value));
            return;
        }
        line = *end == '\n' ? end + 1 : end;
    }
}

static void or_unknown(char *text, size_t size_bytes)
{
    if (text[0] == '\0')
        bl_text_copy(text, size_bytes, "unknown");
}

void agent_facts_read(struct agent_facts *ret_facts)
{
    BL_AUTO_FREE char *os_release = NULL;
    struct bl_error ignored = {0};
    struct utsname name = {0};
    size_t bytes = 0;

    memset(ret_facts, 0, sizeof(*ret_facts));
    (void)uname(&name); /* fails only on a bad address */
    bl_text_escape(ret_facts->host_name, sizeof(ret_facts->host_name), name.nodename,
                   strlen(name.nodename));
    bl_text_escape(ret_facts->kernel, sizeof(ret_facts->kernel), name.release,
                   strlen(name.release));
    bl_text_escape(ret_facts->arch, sizeof(ret_facts->arch), name.machine, strlen(name.machine));
    if (bl_file_read(AT_FDCWD, "/etc/os-release", OS_RELEASE_BYTES_MAX, &os_release, &bytes,
                     &ignored) >= 0) {
        agent_facts_find(os_release, "ID", ret_facts->os_id, sizeof(ret_facts->os_id));
        agent_facts_find(os_release, "VERSION_ID", ret_facts->os_version,
                         sizeof(ret_facts->os_version));
    }
    or_unknown(ret_facts->host_name, sizeof(ret_facts->host_name));
    or_unknown(ret_facts->os_id, sizeof(ret_facts->os_id));
    or_unknown(ret_facts->os_version, sizeof(ret_facts->os_version));
    or_unknown(ret_facts->kernel, sizeof(ret_facts->kernel));
    or_unknown(ret_facts->arch, sizeof(ret_facts->arch));
    /* Of a host with neither, each job says so. */
    ret_facts->package_manager = agent_txn_manager_find("");
    if (ret_facts->package_manager == 0)
        ret_facts->package_manager = PROTO_DNF;
}
