/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_listen.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "common/text.h"

static bool has(const struct agent_ssh_listen *listen, const char *endpoint)
{
    for (uint32_t i = 0; i < listen->count; i++) {
        if (strcmp(listen->endpoints[i], endpoint) == 0)
            return true;
    }

    return false;
}

void agent_ssh_listen_add(struct agent_ssh_listen *listen, const char *address)
{
    static const struct {
        const char *everywhere, *here;
    } families[] = {{"0.0.0.0:", "127.0.0.1:"}, {"[::]:", "[::1]:"}};
    char endpoint[AGENT_SSH_LISTEN_BYTES];
    struct sockaddr_storage ignored_address;
    socklen_t ignored_bytes;
    struct bl_error ignored = {0};
    int r;

    r = bl_text_format(endpoint, sizeof(endpoint), "%s", address);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        size_t bytes = strlen(families[i].everywhere);

        if (strncmp(address, families[i].everywhere, bytes) == 0)
            r = bl_text_format(endpoint, sizeof(endpoint), "%s%s", families[i].here,
                               address + bytes);
    }
    if (r < 0 || bl_address_from_endpoint(endpoint, &ignored_address, &ignored_bytes, &ignored) < 0)
        return;
    if (listen->count < AGENT_SSH_LISTEN_MAX && !has(listen, endpoint))
        bl_text_copy(listen->endpoints[listen->count++], sizeof(endpoint), endpoint);
}

void agent_ssh_listen_add_all(struct agent_ssh_listen *listen, const char *effective)
{
    static const char key[] = "listenaddress ";

    while (*effective != '\0') {
        const char *end = strchrnul(effective, '\n');
        const char *value = effective + sizeof(key) - 1;
        char address[AGENT_SSH_LISTEN_BYTES];

        /* Behind the address may stand its routing domain, and then it is in another network. */
        if (strncmp(effective, key, sizeof(key) - 1) == 0 &&
            memchr(value, ' ', (size_t)(end - value)) == NULL &&
            bl_text_format(address, sizeof(address), "%.*s", (int)(end - value), value) >= 0)
            agent_ssh_listen_add(listen, address);
        effective = *end == '\0' ? end : end + 1;
    }
}
