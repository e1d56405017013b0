/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_DENIALS_H
#define AGENT_ROOT_DENIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/* What SELinux denied since the baseline, as far as systemd's journal has the audit's messages. */
enum {
    AGENT_DENIALS_LINE_BYTES = 240,
    AGENT_DENIALS_MAX = 1000, /* more are not counted */
};

struct agent_denials {
    uint32_t count;
    char first[AGENT_DENIALS_LINE_BYTES]; /* what matters of it: "{ read } comm=... tclass=file" */
};

/*
 * Whether an audit message of type 1400 is a denial of SELinux, and what matters of it; AppArmor's
 * have the same type. Pure; foreign text is made fit for a report.
 */
bool agent_denials_parse(const char *message, char *ret_text, size_t text_bytes);

/* Reads on from `cursor` of the journal; with "" from `wall_ms`. */
int agent_denials_read(const char *cursor, int64_t wall_ms, struct agent_denials *ret_denials,
                       struct bl_error *err) BL_CHECKED;

#endif
