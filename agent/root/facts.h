/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_FACTS_H
#define AGENT_ROOT_FACTS_H

#include <stdint.h>

/* What the host says of itself; for people and for grouping, never for identity. */
struct agent_facts {
    char host_name[256];
    char os_id[64], os_version[64]; /* of /etc/os-release */
    char kernel[66], arch[66];
    uint32_t package_manager; /* enum proto_package_manager */
};

/* What cannot be read becomes "unknown". */
void agent_facts_read(struct agent_facts *ret_facts);

/* The value of `key` in the text of an os-release file, without its quotes; "" when missing. */
void agent_facts_find(const char *os_release, const char *key, char *ret_value,
                      unsigned size_bytes);

#endif
