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
    CTL_PLAN_COUNT,    /* uint32_t: 0 to limit */
    CTL_PLAN_SHARE,    /* struct ctl_plan_share */
    CTL_PLAN_SHARES,   /* the waves */
    CTL_PLAN_TEXTS,    /* struct ctl_plan_texts, each item checked by `check` */
    CTL_PLAN_LABELS,   /* hosts.match: labels, or an expression */
    CTL_PLAN_EXCLUDE,  /* hosts.exclude: a list, or an expression */
    CTL_PLAN_STANDBY,  /* hosts.standby: a list, an expression, or a share */
    CTL_PLAN_PACKAGES, /* change.packages */
    CTL_PLAN_PORTS,    /* verify.ports */
    CTL_PLAN_GRADES,   /* verify.grades */
    CTL_PLAN_HTTP,     /* verify.http */
    CTL_PLAN_SAMPLES,  /* verify.samples */
    CTL_PLAN_LOGS,     /* verify.logs */
    CTL_PLAN_FIGURES,  /* verify.figures */
    CTL_PLAN_WINDOWS,  /* windows */
    CTL_PLAN_GATES,    /* gates, rollback_when */
    CTL_PLAN_SECTION,  /* a map of `fields` */
    CTL_PLAN_SWITCHED, /* a section, or 'no'; bool: not switched off */
    CTL_PLAN_NOT_YET,  /* known to the design, refused by this version */
};

/* Fields whose default depends on whether somebody wrote them: places in ctl_plan.given; 0 = none. */
enum ctl_plan_given {
    CTL_PLAN_GIVEN_WAVES = 1,
    CTL_PLAN_GIVEN_SOAK,
    CTL_PLAN_GIVEN_FAILURES,
    CTL_PLAN_GIVEN_QUIESCE_UNITS,
    CTL_PLAN_GIVEN_QUIESCE_TIMERS,
    CTL_PLAN_GIVEN_QUIESCE_BACKUPS,
    CTL_PLAN_GIVEN_QUIESCE_WAIT,
    CTL_PLAN_GIVEN_SSH,
    CTL_PLAN_GIVEN_KEEP_GROUPS,
    CTL_PLAN_GIVEN_KEEP_FROM,
    CTL_PLAN_GIVEN_SESSIONS,
    CTL_PLAN_GIVEN_LEASE,
    CTL_PLAN_GIVEN_SETTLE,
    CTL_PLAN_GIVEN_STAGE,
    CTL_PLAN_GIVEN_CHANGE,
    CTL_PLAN_GIVEN_CONFIRM,
    CTL_PLAN_GIVEN_WATCH,
    CTL_PLAN_GIVEN_KEEP_WAY_BACK,
    CTL_PLAN_GIVEN_REVERT,
    CTL_PLAN_GIVEN_REBOOT,
    CTL_PLAN_GIVEN_PACKAGES,
    CTL_PLAN_GIVEN_HOSTS,
    CTL_PLAN_GIVEN_ALLOW_NEW,
    CTL_PLAN_GIVEN_PHASED,
    CTL_PLAN_GIVEN_CONFFILES,
    CTL_PLAN_GIVEN_SAMPLES,
    CTL_PLAN_GIVEN_EVERY,
    CTL_PLAN_GIVEN_BUDGET,
    CTL_PLAN_GIVEN_FIRST,
    CTL_PLAN_GIVEN_REPAIR,
    CTL_PLAN_GIVEN_MODULES,
    CTL_PLAN_GIVEN_LOST_AFTER,
    CTL_PLAN_GIVEN_SAMPLE,
    CTL_PLAN_GIVEN_LAST = CTL_PLAN_GIVEN_SAMPLE,
};

struct ctl_plan_field {
    const char *name;
    enum ctl_plan_kind kind;
    bool required;
    uint32_t given; /* enum ctl_plan_given, or 0 */
    size_t offset;  /* in struct ctl_plan */
    uint32_t limit; /* items, for lists */
    int64_t min_ms; /* DURATION */
    const char *const *choices;
    uint32_t choices_count;
    int (*check)(const char *text, struct bl_error *err);
    const struct ctl_plan_field *fields; /* SECTION, SWITCHED */
    const char *remedy;                  /* NOT_YET: what to do instead, or NULL */
    uint32_t fields_count;
    bool is_of_sample; /* HTTP, LOGS: of `sample`, not of `verify` */
};

extern const struct ctl_plan_field ctl_plan_root; /* a SECTION */

struct bl_yaml_node;

/* `gates` and `rollback_when` go into one list. */
void ctl_plan_read_gates(const struct ctl_plan_field *field, const struct bl_yaml_node *node,
                         struct ctl_plan *plan, struct ctl_plan_problems *problems);

/*
 * Reads a list or map of `verify` into the plan, by `field->kind`, with a problem for each mistake.
 * -ENOMEM, else 0.
 */
int ctl_plan_read_verify(const struct ctl_plan_field *field, const struct bl_yaml_node *node,
                         struct ctl_plan_verify *verify, struct ctl_plan_problems *problems)
    BL_CHECKED;
void ctl_plan_release_verify(struct ctl_plan_verify *verify);

_Static_assert((int)CTL_PLAN_GIVEN_LAST < (int)CTL_PLAN_GIVEN_MAX,
               "ctl_plan.given has a place for each");

/* Fills in what was not given. Needs a known risk. */
void ctl_plan_fill_defaults(struct ctl_plan *plan);

/* Of a plan of this risk (enum proto_risk, known) that does not say it. */
int64_t ctl_plan_default_watch_ms(uint32_t risk);

#endif
