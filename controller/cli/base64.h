/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_BASE64_H
#define CTL_CLI_BASE64_H

#include <stddef.h>

/* Both from malloc; NULL when out of memory. The second is for URLs and tokens: no padding. */
char *ctl_base64(const void *data, size_t size_bytes);
char *ctl_base64_url(const void *data, size_t size_bytes);

#endif
