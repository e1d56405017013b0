/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PLAN_SCHEMA_H
#define CTL_PLAN_SCHEMA_H

#include <stddef.h>

#include "controller/plan/plan.h"

/* The table of all keys of a plan, for read.c and for the test that compares it with the docs. */

enum ctl_plan_kind {
    CTL_PLAN_NAME = 1, /* const char * */
    CTL_PLAN_CHOICE,   /* uint32_t: 1 + place in choices */
    CTL_PLAN_FLAG,     /* bool */
    CTL_PLAN_DURATION, /* int64_t *_ms */
    CTL_PLAN_SHARE,    /* struct ctl_plan_share */
    CTL_PLAN_SHARES,   /* the waves */
    CTL_PLAN_TEXTS,    /* struct ctl_plan_texts, each item checked by `check` */
    CTL_PLAN_LABELS,   /* hosts.match: labels, or an expression */
    CTL_PLAN_EXCLUDE,  /* hosts.exclude: a list, or an expression */
    CTL_PLAN_PACKAGES, /* change.packages */
    CTL_PLAN_PORTS,    /* verify.ports */
    CTL_PLAN_GRADES,   /* verify.grades */
    CTL_PLAN_HTTP,     /* verify.http */
    CTL_PLAN_SAMPLES,  /* verify.samples */
    CTL_PLAN_LOGS,     /* verify.logs */
    CTL_PLAN_FIGURES,  /* verify.figures */
    CTL_PLAN_SECTION,  /* a map of `fields` */
    CTL_PLAN_SWITCHED, /* a section, or 'no'; bool: not switched off */
    CTL_PLAN_NOT_YET,  /* known to the design, refused by this version */
};

/* Fields whose default depends on whether somebody wrote them: bits of ctl_plan.given. */
enum ctl_plan_given {
    CTL_PLAN_GIVEN_WAVES = 1 << 0,
    CTL_PLAN_GIVEN_SOAK = 1 << 1,
    CTL_PLAN_GIVEN_FAILURES = 1 << 2,
    CTL_PLAN_GIVEN_QUIESCE_UNITS = 1 << 3,
    CTL_PLAN_GIVEN_QUIESCE_TIMERS = 1 << 4,
    CTL_PLAN_GIVEN_QUIESCE_BACKUPS = 1 << 5,
    CTL_PLAN_GIVEN_QUIESCE_WAIT = 1 << 6,
    CTL_PLAN_GIVEN_SSH = 1 << 7,
    CTL_PLAN_GIVEN_KEEP_GROUPS = 1 << 8,
    CTL_PLAN_GIVEN_KEEP_FROM = 1 << 9,
    CTL_PLAN_GIVEN_SESSIONS = 1 << 10,
    CTL_PLAN_GIVEN_LEASE = 1 << 11,
    CTL_PLAN_GIVEN_SETTLE = 1 << 12,
    CTL_PLAN_GIVEN_STAGE = 1 << 13,
    CTL_PLAN_GIVEN_CHANGE = 1 << 14,
    CTL_PLAN_GIVEN_CONFIRM = 1 << 15,
    CTL_PLAN_GIVEN_WATCH = 1 << 16,
    CTL_PLAN_GIVEN_KEEP_WAY_BACK = 1 << 17,
    CTL_PLAN_GIVEN_REVERT = 1 << 18,
    CTL_PLAN_GIVEN_REBOOT = 1 << 19,
    CTL_PLAN_GIVEN_PACKAGES = 1 << 20,
    CTL_PLAN_GIVEN_HOSTS = 1 << 21,
    CTL_PLAN_GIVEN_ALLOW_NEW = 1 << 22,
    CTL_PLAN_GIVEN_PHASED = 1 << 23,
    CTL_PLAN_GIVEN_CONFFILES = 1 << 24,
    CTL_PLAN_GIVEN_SAMPLES = 1 << 25,
    CTL_PLAN_GIVEN_EVERY = 1 << 26,
    CTL_PLAN_GIVEN_BUDGET = 1 << 27,
    CTL_PLAN_GIVEN_FIRST = 1 << 28,
    CTL_PLAN_GIVEN_REPAIR = 1 << 29,
    CTL_PLAN_GIVEN_MODULES = 1 << 30,
};

struct ctl_plan_field {
    const char *name;
    enum ctl_plan_kind kind;
    bool required;
    uint32_t given; /* bit, or 0 */
    size_t offset;  /* in struct ctl_plan */
    uint32_t limit; /* items, for lists */
    int64_t min_ms; /* DURATION */
    const char *const *choices;
    uint32_t choices_count;
    int (*check)(const char *text, struct bl_error *err);
    const struct ctl_plan_field *fields; /* SECTION, SWITCHED */
    const char *remedy;                  /* NOT_YET: what to do instead, or NULL */
    uint32_t fields_count;
};

extern const struct ctl_plan_field ctl_plan_root; /* a SECTION */

struct bl_yaml_node;

/*
 * Reads a list or map of `verify` into the plan, by `field->kind`, with a problem for each mistake.
 * -ENOMEM, else 0.
 */
int ctl_plan_read_verify(const struct ctl_plan_field *field, const struct bl_yaml_node *node,
                         struct ctl_plan_verify *verify, struct ctl_plan_problems *problems)
    BL_CHECKED;
void ctl_plan_release_verify(struct ctl_plan_verify *verify);

/* Fills in what was not given. Needs a known risk. */
void ctl_plan_fill_defaults(struct ctl_plan *plan);

/* Of a plan of this risk (enum proto_risk, known) that does not say it. */
int64_t ctl_plan_default_watch_ms(uint32_t risk);

#endif
