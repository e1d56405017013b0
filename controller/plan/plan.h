/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PLAN_PLAN_H
#define CTL_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"
#include "controller/plan/value.h"
#include "proto/figure_rule.h"
#include "proto/gate.h"
#include "proto/risk.h"

/*
 * A plan file: what people write down about an upgrade. Reading it is offline and finds all
 * mistakes at once, each with its line and field; nothing is guessed, an unknown key is an error.
 * docs/plan.md describes every key, and a test holds the two together.
 */

enum {
    CTL_PLAN_BYTES_MAX = 256 * 1024,
    CTL_PLAN_PROBLEMS_MAX = 64,
    CTL_PLAN_HOSTS_MAX = 4096, /* in `list` or `exclude` */
    CTL_PLAN_LABELS_MAX = 16,
    CTL_PLAN_WAVES_MAX = 64,
    CTL_PLAN_WINDOWS_MAX = 16,
    CTL_PLAN_DERIVED_MAX = 48,
    CTL_PLAN_GIVEN_MAX = 64,
    CTL_PLAN_FINDINGS_MAX = 64, /* in the table of proto/finding.h */
    CTL_PLAN_FIELD_BYTES_MAX = 96,
    CTL_PLAN_NAME_BYTES_MAX = 64,
};

struct bl_yaml;

struct ctl_plan_texts {
    const char *const *items;
    uint32_t count;
    const char **owned; /* what to free; NULL when the items are the program's own */
};

struct ctl_plan_label {
    const char *key, *value;
};

struct ctl_plan_package {
    char *name;          /* owned */
    const char *version; /* within the same block; "" = the newest that the host is offered */
};

struct ctl_plan_port {
    uint32_t transport; /* enum proto_transport */
    uint64_t port;
};

struct ctl_plan_http { /* verify.http */
    const char *url, *contains;
    uint64_t status;
    int64_t within_ms;
    bool elsewhere;
};

struct ctl_plan_log { /* verify.logs; what was not written is "" */
    const char *unit, *file, *bad, *good;
    int64_t within_ms;
};

struct ctl_plan_window {   /* windows, in UTC */
    uint32_t days;         /* bit 0 is Monday */
    uint32_t from_minutes; /* of the day */
    uint32_t for_minutes;
};

struct ctl_plan_grade { /* verify.grades */
    const char *code;   /* of proto/finding.h */
    uint32_t grade;     /* enum proto_grade, or PROTO_GRADE_IGNORE */
};

enum ctl_plan_phased {
    CTL_PLAN_PHASED_RESPECT = 1,
    CTL_PLAN_PHASED_IGNORE
};

enum ctl_plan_reboot {
    CTL_PLAN_REBOOT_NEVER = 1,
    CTL_PLAN_REBOOT_IF_NEEDED
};

enum ctl_plan_first { /* the first host of a rollout */
    CTL_PLAN_FIRST_ALONE = 1,
    CTL_PLAN_FIRST_TOGETHER
};

enum ctl_plan_modules { /* third-party kernel modules */
    CTL_PLAN_MODULES_WARN = 1,
    CTL_PLAN_MODULES_BLOCK
};

/* A value that nobody wrote: where it comes from. */
struct ctl_plan_derived {
    char field[CTL_PLAN_FIELD_BYTES_MAX];
    char value[128];
    const char *because; /* static */
};

struct ctl_plan_hosts {
    struct ctl_plan_label match[CTL_PLAN_LABELS_MAX];
    uint32_t match_count;
    const char *expression;         /* `match` as a text of controller/select; NULL = as labels */
    const char *exclude_expression; /* `exclude` as such a text; NULL = as a list */
    struct ctl_plan_texts list, exclude;
    /* Of the hosts that would change, those that are kept as they are: by one of the three. */
    struct ctl_plan_texts standby;
    const char *standby_expression;
    struct ctl_plan_share standby_share;
};

/* Of a retry: whom the plan itself means, besides the hosts that are done again. */
struct ctl_plan_meant {
    bool is_set;
    struct ctl_plan_hosts hosts;   /* as people wrote them */
    struct ctl_plan_texts rollout; /* all hosts of the rollout that is done again, by id */
};

struct ctl_plan_quiesce {
    struct ctl_plan_texts units, timers, backups;
    int64_t wait_ms;
};

struct ctl_plan_ssh {
    bool lock;
    struct ctl_plan_texts keep_groups, keep_from;
    uint32_t sessions; /* enum proto_sessions */
    int64_t lease_ms;
};

struct ctl_plan_precheck {
    struct ctl_plan_texts units, containers, hooks;
    uint32_t modules; /* enum ctl_plan_modules */
};

struct ctl_plan_verify {
    struct ctl_plan_texts units, names, tcp, hooks, kernel_ignore;
    struct ctl_plan_log *logs;
    uint32_t logs_count;
    uint32_t samples, samples_needed; /* so many of them must be good */
    int64_t every_ms;
    struct ctl_plan_http *http;
    uint32_t http_count;
    struct proto_figure_rule *figures;
    uint32_t figures_count;
    struct ctl_plan_port *ports;
    uint32_t ports_count;
    struct ctl_plan_grade *grades;
    uint32_t grades_count;
    int64_t settle_ms;
};

struct ctl_plan_sample {           /* hosts that are verified more closely */
    struct ctl_plan_share share;   /* of each wave; a percentage */
    struct ctl_plan_verify verify; /* units, http, tcp, hooks and logs of it */
};

struct ctl_plan_promises { /* 0 = none made */
    int64_t downtime_ms, rollback_starts_ms, restored_ms;
};

struct ctl_plan_approvals { /* of waves after the first */
    uint32_t waves;         /* how many people each of them needs */
    uint32_t by;            /* enum proto_role that they need at least */
    int64_t expires_ms;
};

struct ctl_plan_severe {                      /* what follows a severe failure */
    int64_t answer_within_ms;                 /* 0 = nobody is asked */
    uint32_t otherwise;                       /* enum proto_otherwise */
    const char *page, *traffic, *vendor;      /* programs of the controller; NULL = none */
    int64_t page_every_ms, traffic_within_ms; /* 0 without the program */
};

struct ctl_plan {
    const char *name;
    uint32_t risk; /* enum proto_risk */
    struct ctl_plan_hosts hosts;
    struct ctl_plan_meant meant;       /* unset but in a retry */
    uint32_t package_set;              /* enum proto_package_set */
    struct ctl_plan_package *packages; /* of SET_NAMED */
    uint32_t packages_count;
    struct ctl_plan_texts exclude; /* names of packages, or patterns over them */
    bool allow_remove, allow_downgrade, allow_new;
    bool repair;        /* of a package database that is half done */
    uint32_t phased;    /* enum ctl_plan_phased */
    uint32_t conffiles; /* enum proto_conffiles */
    int64_t metadata_max_age_ms;
    uint32_t reboot;       /* enum ctl_plan_reboot */
    uint32_t revert_class; /* enum proto_revert_class */
    bool revert_accepted;  /* somebody wrote it */
    struct ctl_plan_texts revert_paths;
    struct ctl_plan_share waves[CTL_PLAN_WAVES_MAX];
    uint32_t waves_count;
    const char *spread; /* label that waves are spread over; NULL = none */
    int64_t soak_ms;
    struct ctl_plan_share failures_allowed;
    struct ctl_plan_share budget; /* 0 = no limit but the wave */
    uint32_t first;               /* enum ctl_plan_first */
    struct ctl_plan_window windows[CTL_PLAN_WINDOWS_MAX];
    uint32_t windows_count; /* 0 = any time */
    struct ctl_plan_quiesce quiesce;
    struct ctl_plan_ssh ssh;
    struct ctl_plan_precheck precheck;
    struct ctl_plan_verify verify;
    struct ctl_plan_sample sample;
    int64_t stage_within_ms, change_within_ms, confirm_within_ms, watch_ms, keep_way_back_ms;
    int64_t lost_after_ms; /* silence beyond all of these */
    struct ctl_plan_promises promises;
    struct ctl_plan_approvals approvals;
    struct ctl_plan_severe severe;
    struct proto_policy_gate gates[PROTO_GATES_MAX]; /* rollback_when too; texts as below */
    uint32_t gates_count;
    struct ctl_plan_texts witnesses;

    struct ctl_plan_derived derived[CTL_PLAN_DERIVED_MAX];
    uint32_t derived_count;
    bool given[CTL_PLAN_GIVEN_MAX]; /* which fields somebody wrote: controller/plan/schema.h */
    struct bl_yaml *yaml;           /* owns what every const char * above points to */
};

struct ctl_plan_problem {
    uint32_t line; /* 1-based */
    char field[CTL_PLAN_FIELD_BYTES_MAX];
    char what[200];
    char meant[CTL_PLAN_FIELD_BYTES_MAX]; /* "" or what was probably meant */
};

struct ctl_plan_problems { /* in the order of the file */
    struct ctl_plan_problem list[CTL_PLAN_PROBLEMS_MAX];
    uint32_t count;
    bool more; /* there were more than fit */
};

/*
 * Reads a plan from memory; `file` is for messages. 0: `plan` is whole, values nobody wrote filled
 * in by risk. -EINVAL: `problems` has at least one entry. Anything else: not even YAML, or out of
 * memory; `err` tells, with file and line. Both records are large: keep them on the heap. Zero
 * them before; release the plan in any case.
 */
int ctl_plan_read(const char *file, const char *data, size_t size_bytes, struct ctl_plan *plan,
                  struct ctl_plan_problems *problems, struct bl_error *err) BL_CHECKED;

void ctl_plan_release(struct ctl_plan *plan);

struct ctl_plan_weaker { /* a setting that is weaker than the grade of the plan's risk */
    struct proto_weaker what;
    uint32_t line;        /* in the plan */
    uint32_t hosts_count; /* the least with which it is weaker, perhaps not with more; 1 = any */
};

/*
 * What of the plan is weaker than its grade, over `hosts_count` hosts; 0 = over any number that the
 * waves can take. Such a rollout needs another person's signature. Returns how many.
 */
uint32_t ctl_plan_weaker(const struct ctl_plan *plan, uint32_t hosts_count,
                         struct ctl_plan_weaker ret_list[PROTO_WEAKER_MAX]);

/* How long people are asked: less than what the plan says, so that the way back begins by then. */
int64_t ctl_plan_answer_ms(const struct ctl_plan *plan);

/* From the order to start to an end state, at worst: all steps and the plan's times. */
int64_t ctl_plan_job_ms(const struct ctl_plan *plan);

/* How long a host may verify: settle time, samples, and what hooks may wait. */
int64_t ctl_plan_verify_ms(const struct ctl_plan *plan);

/* What a host of the sample verifies besides; without any of it, the logs of `verify.units`. */
bool ctl_plan_sample_is_named(const struct ctl_plan *plan);
/* The share of each wave, in hundredths of a percent. */
uint32_t ctl_plan_sample_share(const struct ctl_plan *plan);

/* A line that no unit logs that works: what the logs of the sample are searched for by default. */
#define CTL_PLAN_SAMPLE_BAD \
    "(^|[^[:alpha:]])(panic|PANIC|FATAL|segfault|core dumped|[Oo]ut of memory)([^[:alpha:]]|$)"

/* How long the slowest gate takes to be decided after a wave; its answers come in time. */
int64_t ctl_plan_gates_ms(const struct ctl_plan *plan);

/* "FILE:LINE: field 'x.y': problem; did you mean 'z'?", without a newline. */
void ctl_plan_format_problem(const char *file, const struct ctl_plan_problem *problem,
                             char *ret_text, size_t text_bytes);

/*
 * Walks the table of all keys in the order of docs/plan.md; `row` from 0. False when there is no
 * such row. *ret_later: the key is known but not built yet, so a plan that has it is refused.
 */
bool ctl_plan_key(uint32_t row, char *ret_path, size_t path_bytes, bool *ret_later);

/* One wave over a known number of hosts. */
struct ctl_plan_wave {
    uint32_t host_count;
    uint32_t failures_allowed;
    bool rounded_to_zero; /* a share above nothing, but less than one host of this wave */
};

/* Some hosts are kept as they are, for the traffic to go to. */
bool ctl_plan_has_standby(const struct ctl_plan_hosts *hosts);
/* The traffic is to go elsewhere after a severe failure, at a high risk, and nobody is kept for it. */
bool ctl_plan_lacks_standby(const struct ctl_plan *plan);
/* How many of so many are drawn, rounded up; 0: they are named. */
uint32_t ctl_plan_standby_count(const struct ctl_plan_hosts *hosts, uint32_t host_count);

/* There is a `match`, in either form. */
bool ctl_plan_matches(const struct ctl_plan_hosts *hosts);

/*
 * What `match` means and an expression in `exclude` does not, as one expression of
 * controller/select; "" without `match`. With `only_exclude` what is left of any host. Hosts that
 * `exclude` names stay in it. -EMSGSIZE when it does not fit.
 */
int ctl_plan_targets(const struct ctl_plan_hosts *hosts, bool only_exclude, char *ret_text,
                     size_t text_bytes, struct bl_error *err) BL_CHECKED;

/* "mon, tue from 22:00 UTC for 4h"; by a clock ahead of UTC: "tue, wed from 00:00 UTC+02:00 for 4h". */
void ctl_plan_format_window(const struct ctl_plan_window *window, int32_t zone_minutes,
                            char *ret_text, size_t text_bytes);

/* failures_allowed over `host_count` hosts, rounded down. */
uint32_t ctl_plan_failures_allowed(const struct ctl_plan *plan, uint32_t host_count);

/* How many may be under way or failed at once; a share is rounded down, but at least 1. 0: no limit. */
uint32_t ctl_plan_budget(const struct ctl_plan *plan, uint32_t host_count);

/*
 * How often a wave of so many hosts starts some of them, at worst: all that have room, one after the
 * other. Failures make it more seldom, never more often.
 */
uint32_t ctl_plan_rounds(const struct ctl_plan *plan, uint32_t budget, uint32_t wave,
                         uint32_t wave_host_count);

/* The way back that hosts must have, for people: "packages, ...". */
const char *ctl_plan_describe_revert(const struct ctl_plan *plan);

/*
 * Deals `host_count` hosts into waves: a share is of all hosts, rounded up, at least one; the
 * last share may be cut, waves that find no host left are dropped. -EINVAL when hosts remain.
 */
int ctl_plan_deal_waves(const struct ctl_plan *plan, uint32_t host_count,
                        struct ctl_plan_wave *ret_waves, uint32_t *ret_wave_count,
                        struct bl_error *err) BL_CHECKED;

#endif
