/* SPDX-License-Identifier: Apache-2.0 */
#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "common/text.h"

bool bl_address_is_network(const char *text)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr six;
    struct in_addr four;
    struct bl_error ignored;
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    uint64_t bits_max;
    uint64_t bits;

    if (length >= sizeof(address))
        return false;
    memcpy(address, text, length);
    address[length] = '\0';

    if (inet_pton(AF_INET, address, &four) == 1) {
        bits_max = 32;
    } else if (inet_pton(AF_INET6, address, &six) == 1) {
        bits_max = 128;
    } else {
        return false;
    }

    return slash == NULL || bl_text_to_u64(slash + 1, bits_max, &bits, &ignored) == 0;
}

int bl_address_from_endpoint(const char *text, struct sockaddr_storage *ret_address,
                             socklen_t *ret_bytes, struct bl_error *err)
{
    bool six = text[0] == '[';
    const char *start = six ? text + 1 : text;
    const char *end = six ? strstr(text, "]:") : strrchr(text, ':');
    struct sockaddr_in6 address6 = {.sin6_family = AF_INET6};
    struct sockaddr_in address4 = {.sin_family = AF_INET};
    char address[INET6_ADDRSTRLEN];
    uint64_t port;
    int r;

    if (end == NULL || (size_t)(end - start) >= sizeof(address))
        return bl_fail(err, -EINVAL, "'%.80s' is not ADDRESS:PORT or [ADDRESS]:PORT", text);
    memcpy(address, start, (size_t)(end - start));
    address[end - start] = '\0';
    r = bl_text_to_u64(end + (six ? 2 : 1), UINT16_MAX, &port, err);
    if (r < 0)
        return bl_wrap(err, "port of '%.80s'", text);
    if (port == 0)
        return bl_fail(err, -EINVAL, "port of '%.80s' is 0", text);

    *ret_address = (struct sockaddr_storage){0};
    if (six && inet_pton(AF_INET6, address, &address6.sin6_addr) == 1) {
        address6.sin6_port = htons((uint16_t)port);
        memcpy(ret_address, &address6, sizeof(address6));
        *ret_bytes = sizeof(address6);
        return 0;
    }
    if (!six && inet_pton(AF_INET, address, &address4.sin_addr) == 1) {
        address4.sin_port = htons((uint16_t)port);
        memcpy(ret_address, &address4, sizeof(address4));
        *ret_bytes = sizeof(address4);
        return 0;
    }

    return bl_fail(err, -EINVAL, "'%.80s' has no numeric address", text);
}
