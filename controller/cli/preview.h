/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_PREVIEW_H
#define CTL_CLI_PREVIEW_H

#include <stdio.h>

#include "controller/cli/link.h"
#include "controller/plan/plan.h"
#include "proto/ids.h"
#include "proto/policy.h"

/*
 * What a plan would do now: the hosts it names, what each of them answers to the question "what
 * would this change?", and the waves that follow. Nothing is changed anywhere.
 */

/* The code of a blocker: it is not known whether the plan means the host at all. */
#define CTL_PREVIEW_PACKAGES_UNKNOWN "packages_unknown"

enum ctl_preview_standing {
    CTL_PREVIEW_TARGET = 1, /* has something to change */
    CTL_PREVIEW_CURRENT,    /* is already as the plan wants it: left out */
    CTL_PREVIEW_BLOCKER,    /* cannot say, or says no */
    CTL_PREVIEW_STANDBY,    /* would change, and is kept as it is: preview_standby.h */
};

struct ctl_preview_host {
    const char *name, *id; /* borrowed from the answers */
    uint8_t host_id[PROTO_HOST_ID_BYTES];
    uint32_t place; /* of a target: in the row in which they go */
    uint32_t value; /* 1 + its place in `values`; 0: it has no such label, or nothing is spread */
    uint32_t standing;          /* enum ctl_preview_standing */
    const char *code, *reason;  /* of a blocker */
    const json_t *failed_units; /* texts; borrowed from the answers */
    json_t *changes;            /* sorted by name and architecture; owned */
    uint32_t group, kind, wave; /* of a target; 0-based */
};

struct ctl_preview_group { /* hosts with the same transaction, former versions included */
    const json_t *changes;
    uint32_t host_count;
    uint32_t kind;
};

struct ctl_preview_value { /* of the label that waves are spread over */
    const char *value;     /* borrowed from the fleet */
    uint32_t host_count;   /* that the plan means */
    uint32_t target_count;
};

struct ctl_preview {
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]; /* all zeros before it is made: a new one */
    json_t *answers;                            /* owns names, ids and reasons */
    json_t *fleet;     /* all enrolled hosts, as hosts.list tells of them; NULL = not asked */
    json_t *meant;     /* of a retry with `spread`: ids of all that serve beside; else NULL */
    json_t *standby;   /* ids that hosts.standby, as an expression, is not true of; else NULL */
    json_t *freeze;    /* a change freeze as `info` tells it; NULL or null = none */
    json_t *durations; /* of former jobs, as the verb of that name answers; NULL = not asked */
    struct ctl_preview_host *hosts;
    uint32_t host_count, target_count, current_count, blocker_count, standby_count;
    struct ctl_preview_group *groups;
    uint32_t group_count;
    json_t **kinds; /* pins: what is left of a group without the former versions; owned */
    uint32_t kind_count;
    struct ctl_plan_wave waves[CTL_PLAN_WAVES_MAX];
    uint32_t wave_count;
    struct ctl_preview_value values[PROTO_POLICY_VALUES_MAX]; /* sorted */
    uint32_t value_count;
    bool excludes_nobody; /* `exclude` is an expression, and true of no host */
};

/*
 * Asks the controller for the plan's hosts and each host for its transaction. Targets stand first
 * in `hosts`, in the order of their waves. `err` only for what makes a preview impossible.
 */
int ctl_preview_ask(struct ctl_cli_globals *globals, const struct ctl_plan *plan,
                    struct ctl_preview *preview, struct bl_error *err) BL_CHECKED;

/*
 * Asks `hosts`, as hosts.list tells of them, for the packages in `expression`. Adds those that are
 * meant to `ids` as keys, and to `unknown` an answer for each that did not tell.
 */
int ctl_preview_ask_packages(struct ctl_cli_link *link, const char *expression, const json_t *hosts,
                             json_t *ids, json_t *unknown, struct bl_error *err) BL_CHECKED;

/* With `spread`: the value of each host, from the fleet. -ENODATA: no target has the label. */
int ctl_preview_find_values(const struct ctl_plan *plan, struct ctl_preview *preview,
                            struct bl_error *err) BL_CHECKED;
/* Finds the place of each target, which must stand first in `hosts`. */
int ctl_preview_find_places(struct ctl_preview *preview, struct bl_error *err) BL_CHECKED;
/* That the waves are spread, once they are dealt: proto_places_check_spread(). */
int ctl_preview_check_spread(const struct ctl_plan *plan, const struct ctl_preview *preview,
                             struct bl_error *err) BL_CHECKED;
/*
 * Its part of the policy: nothing without values. `ret_spread` and `ret_values` are borrowed by
 * `policy`, and so is *ret_hosts, which is from the heap.
 */
int ctl_preview_put_spread(const struct ctl_plan *plan, const struct ctl_preview *preview,
                           struct proto_policy_spread *ret_spread,
                           struct proto_policy_value ret_values[PROTO_POLICY_VALUES_MAX],
                           uint8_t **ret_hosts, struct bl_error *err) BL_CHECKED;
/* How many hosts of each value a wave takes: value -> number; NULL without `spread`. */
json_t *ctl_preview_spread_of(const struct ctl_preview *preview, uint32_t wave);

/*
 * The half that needs no controller: for `spread`, `fleet` of the preview is set, and `meant` for a
 * retry. `answers` are the "host" objects of query frames; taken over.
 */
int ctl_preview_make(const struct ctl_plan *plan, json_t *answers, struct ctl_preview *preview,
                     struct bl_error *err) BL_CHECKED;

/* Hosts that would get what the answer of "deny.list" denies stand in the way. */
void ctl_preview_block_denied(json_t *answers, const json_t *denied);

/*
 * -EINVAL names a label in `match`, `exclude` or `standby` that none of these hosts has, and that is near to one
 * that they have or to a fact.
 */
int ctl_preview_check_labels(const struct ctl_plan *plan, const json_t *hosts, struct bl_error *err)
    BL_CHECKED;

/* What this wave would touch (controller/outside/blast.h); NULL when the fleet is not known. */
json_t *ctl_preview_blast(const struct ctl_preview *preview, uint32_t wave);
/* When hosts may start, in UTC and by the clock of this desk; nothing without windows. */
void ctl_windows_print(const struct ctl_plan *plan, FILE *to);
/* A list of texts. */
json_t *ctl_windows_to_json(const struct ctl_plan *plan);

void ctl_preview_release(struct ctl_preview *preview);
#define CTL_AUTO_PREVIEW BL_CLEANUP(ctl_preview_release) struct ctl_preview

/* Like a diff: "~" changed, "+" new, "-" removed; `colour` marks them on a terminal. */
void ctl_preview_print(const struct ctl_plan *plan, const struct ctl_preview *preview, bool colour,
                       FILE *to);
void ctl_preview_print_timeline(const struct ctl_plan *plan, const struct ctl_preview *preview,
                                FILE *to);
json_t *ctl_preview_timeline_to_json(const struct ctl_plan *plan,
                                     const struct ctl_preview *preview);
json_t *ctl_preview_to_json(const struct ctl_plan *plan, const struct ctl_preview *preview);

#endif
