/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_SIGNED_DOC_TEXT_H
#define CTL_CLI_SIGNED_DOC_TEXT_H

#include <stdint.h>
#include <stdio.h>

#include "proto/manifest.h"

/* The lines of what people sign: a title, then words of belay and words of others, which are escaped. */
void ctl_doc_begin(FILE *to, const char *title);

/* A text of belay, then one that somebody else chose. */
void ctl_doc_put(FILE *to, const char *before, const char *foreign);
void ctl_doc_put_ms(FILE *to, const char *before, uint64_t ms);

/* A whole line of texts; none without any. */
void ctl_doc_put_texts(FILE *to, const char *title, const char *what,
                       const struct proto_text *items, uint32_t count);

#endif
