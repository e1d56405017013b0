/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "proto/manifest.h"

bool proto_is_http_url(const char *text)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t length = strlen(schemes[i]);
        const char *host = text + length;

        if (strncmp(text, schemes[i], length) != 0)
            continue;
        for (const char *at = text; *at != '\0'; at++) {
            if (*at <= ' ' || *at > '~' || strchr("\"'`<>\\^{|}#@", *at) != NULL)
                return false;
        }
        return strlen(text) <= PROTO_TEXT_BYTES_MAX && *host != '\0' && *host != '/' &&
               *host != ':';
    }

    return false;
}
