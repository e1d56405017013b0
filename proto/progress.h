/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_PROGRESS_H
#define PROTO_PROGRESS_H

#include "proto/message.h"

enum {
    PROTO_PROGRESS_TEXT_BYTES = 2 * PROTO_NAME_BYTES_MAX + 128, /* of its words, with the NUL */
};

/*
 * How far a package run is, in words: "upgrading 34/120, nginx", "downloading 41 of 210 MiB". What
 * is not known is left out.
 */
void proto_progress_describe(const struct proto_progress *progress,
                             char ret_text[PROTO_PROGRESS_TEXT_BYTES]);

#endif
