/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_FIGURE_RULE_H
#define PROTO_FIGURE_RULE_H

#include <stddef.h>

#include "common/attr.h"
#include "common/error.h"
#include "proto/schema.h"
#include "proto/words.h"

/* When a figure of a host counts as bad after a change: `verify.figures` of a plan. */
enum {
    PROTO_FIGURE_RULES_MAX = 16,
    PROTO_FIGURE_FOR_MS_MIN = 5 * 1000,
    PROTO_FIGURE_FOR_MS_MAX = 24 * 3600 * 1000,
    PROTO_FIGURE_TIMES_MIN = 110, /* hundredths: 1.1 times what it was */
    PROTO_FIGURE_TIMES_MAX = 100 * 100,
    PROTO_FIGURE_SHARE_MAX = 1000, /* thousandths: all of it */
};
#define PROTO_FIGURE_LIMIT_MAX UINT64_C(1000000000)

enum proto_bad {
    PROTO_BAD_ABOVE = 1, /* `limit` in the figure's unit */
    PROTO_BAD_TIMES,     /* above `limit` hundredths of what it was before the change */
    PROTO_BAD_ROOM,      /* DISK: less than `limit` MiB are available */
};

/* Which file system a rule of DISK is about. A closed set: a network's could keep the host waiting. */
enum proto_mount {
    PROTO_MOUNT_ROOT = 1,
    PROTO_MOUNT_BOOT,
    PROTO_MOUNT_USR,
    PROTO_MOUNT_VAR,
    PROTO_MOUNT_LAST = PROTO_MOUNT_VAR,
};

struct proto_figure_rule {
    uint32_t figure; /* enum proto_figure */
    uint32_t bad;    /* enum proto_bad */
    uint64_t limit;
    uint64_t for_ms; /* bad without a break for so long */
    uint32_t mount;  /* enum proto_mount; 0: the one that is worst off */
};

extern const struct proto_schema proto_figure_rule_schema;

/* "/", "/boot", …; "?" when out of range. */
const char *proto_mount_path(uint32_t mount);

/* A share of a whole, in thousandths. */
bool proto_figure_is_share(uint32_t figure);

/* By its name; 0: there is none of that name. */
uint32_t proto_figure_find(const char *name);

/*
 * "> 90%", "> 50ms", "> 8", "< 2GiB", "> 2x": fills `bad` and `limit` of a rule whose figure is set.
 * NULL, or what the text must look like for this figure, behind "is not".
 */
const char *proto_figure_rule_compare(const char *text, struct proto_figure_rule *rule);

/*
 * The limit in the figure's unit. `before`: what the figure was before the change; NULL when nobody
 * knows. False: the rule compares with that.
 */
bool proto_figure_rule_limit(const struct proto_figure_rule *rule, const uint64_t *before,
                             uint64_t *ret_limit);

/* "91.5%", "12.3ms", "8.0". */
void proto_figure_to_text(uint32_t figure, uint64_t value, char *ret_text, size_t text_bytes);

/* What is wrong with a rule, as the end of a sentence; NULL: nothing. */
const char *proto_figure_rule_problem(const struct proto_figure_rule *rule);

#endif
