/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/base64.h"

#include <sodium.h>
#include <stdlib.h>

static char *encode(const void *data, size_t size_bytes, int variant)
{
    size_t text_bytes = sodium_base64_encoded_len(size_bytes, variant);
    char *text = malloc(text_bytes);

    if (text == NULL)
        return NULL;

    (void)sodium_bin2base64(text, text_bytes, data, size_bytes, variant);

    return text;
}

char *ctl_base64(const void *data, size_t size_bytes)
{
    return encode(data, size_bytes, sodium_base64_VARIANT_ORIGINAL);
}

char *ctl_base64_url(const void *data, size_t size_bytes)
{
    return encode(data, size_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}
