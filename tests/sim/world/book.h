/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_BOOK_H
#define TESTS_SIM_WORLD_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/world/laws.h"
#include "tests/sim/world/world.h"

/*
 * The books of the laws: what was told, and nothing that the code under test thinks of it. Kept per
 * rollout, per host, and per host of a rollout (a member), so that a fact costs the same in a fleet
 * of any size.
 */
enum {
    LAW_TIMER_SLACK_MS = 10, /* timers are accurate to that, and instants are whole milliseconds */
    LAW_PROMISE_SLACK_MS = 5 * 1000,
    LAW_LEASE_SLACK_MS = 5 * 60 * 1000, /* for what gives back to do so */
    LAW_BOOT_SLACK_MS = 15 * 60 * 1000, /* a boot comes as far as giving back what it finds */
    LAW_BOOT_USUAL_MS = 2 * 60 * 1000,  /* the same where nothing strikes that boot */
    LAW_RETRY_MS = 60 * 1000,           /* agent/lease tries again so often */
    LAW_RETRY_SLACK_MS = 30 * 1000,     /* for PID 1 to begin that */
};

#define LAW_JOB(name)  (UINT32_C(1) << PROTO_JOB_##name)
#define LAW_HOST(name) (UINT32_C(1) << CTL_HOST_##name)

struct law_rollout;

/* One host of one rollout. */
struct law_member {
    struct law_rollout *rollout;
    uint32_t host; /* the machine */
    uint32_t wave;

    /* On the host's disk, as far as it was told. */
    uint32_t job_state; /* enum proto_job_state; 0: no job */
    uint32_t said;      /* every state that ever was durable, on any disk this host had: bits */
    bool is_known;      /* false: the disk was replaced, and nothing was told of it since */
    bool is_taken;
    bool is_change_due; /* its disk says that the change may have begun */
    bool has_upgrade_begun;
    bool is_disk_replaced; /* ever since it was taken */
    uint32_t copied_state; /* `job_state` in the snapshot */
    bool is_distrusted;    /* the host trusts nobody who signed this */
    uint32_t zone;         /* 1 + its value of the label that waves are spread over; 0: none */
    bool is_sample;        /* it is verified more closely */
    bool is_rescued;       /* a person at the host wanted it back */
    uint32_t rescues;      /* how often */
    bool is_severe;        /* it went back for something that the plan holds to be severe */
    uint32_t attempts;     /* the highest of the REVERTs that left for it */
    uint32_t late_backs;   /* how often it began to go back after an end */
    uint32_t tried_again;  /* how often it went back once more after a way back that failed */
    int64_t recorded_ms;
    int64_t probation_ms; /* not earlier than this */
    int64_t commit_ms;    /* COMMIT was heard over a new link; SIM_NEVER: not */
    int64_t committed_ms;
    int64_t looked_ms;    /* when VERIFY looked last */
    int64_t got_bad_ms;   /* when its service broke in the watch; 0: it did not */
    uint32_t looked_boot; /* of the host's boots, that in which VERIFY looked last */
    bool was_committing;  /* when its power went: nothing was missing any more */
    int64_t
        revert_heard_ms; /* REVERT waits in the agent's memory for the end of another job; 0: none */

    /* What left for it, one bit for each enum ctl_rollout_effect_type. */
    uint32_t orders_sent, orders_forged;
    bool is_back_asked; /* a person asked for this host alone */

    /* What belayd believes of it. */
    struct ctl_rollout_host belief;
    uint32_t believed; /* every state that was: bits */
    bool is_ended;     /* in an end state, or nothing is believed yet */
    int64_t promise_ms, promise_made_ms;
    int64_t allowed_ms;      /* of the promise that runs */
    uint32_t promised_backs; /* `late_backs` that a promise made up for */
    sim_ticket promise;
};

struct law_wave {
    uint32_t host_count, failures_allowed;
    uint32_t failed_count, open_count;
    uint32_t failed_before; /* as it was before the millisecond `failed_ms` of the rollout */
    int64_t opened_ms;      /* when somebody was waited for again, or still nobody */
    int64_t ended_ms;       /* when nobody was waited for any more; SIM_NEVER: not yet */
    /*
     * Who could not go back and is asked once more is open again; when both are stored in one turn,
     * of which only the end is seen, the wave had ended in between.
     */
    uint32_t tried_again_count;
};

enum {
    LAW_APPROVALS_MAX = 64,
    LAW_GATES_MAX = 8,
    LAW_MEASURED_MAX = 16,
    LAW_ZONES_MAX = 8,
};

struct law_approval { /* that was said, and may count */
    uint32_t number, person;
    int64_t until_wall_ms;
};

struct law_question { /* after a severe failure */
    bool is_open;
    bool is_yes;       /* somebody's yes was taken, and the traffic is waited for */
    bool is_answered;  /* somebody said something, whether it was heard or not */
    bool is_told_late; /* by the life after the one that asked */
    int64_t due_ms, until_wall_ms;
    sim_ticket ticket;
};

struct law_hook {  /* a program for a severe failure */
    uint64_t call; /* the number of the last; 0: none */
    uint32_t count;
    bool runs;
    int64_t called_ms, ended_ms;
};

struct law_alarm { /* a severe failure as belayd told it */
    uint32_t number;
    bool is_open, is_told_late;
    int64_t asked_ms;
    int64_t decided_ms;  /* SIM_NEVER: not yet */
    int64_t answered_ms; /* when a person's answer was confirmed; SIM_NEVER: none was */
    bool is_no_possible; /* somebody said that nothing goes back, whether it was heard or not */
    bool is_ordered;     /* that all goes back was ordered past the question, or may have been */
    bool waits;          /* decided: it goes back behind the traffic */
    int64_t back_ms;     /* when it began to go back; SIM_NEVER: not yet */
    uint32_t last_pages; /* calls after nobody had answered, in this life of belayd */
    uint32_t boot;       /* of belayd's machine, in which it was told last */
};

struct law_gate {
    struct sim_law_gate rule;
    int64_t asked_ms[LAW_MEASURED_MAX]; /* the newest first */
    enum sim_measured is[LAW_MEASURED_MAX];
    uint32_t kept;
    int64_t kept_ms;              /* when the newest came */
    int64_t bad_ms, bad_asked_ms; /* the first bad one since the last good one; asked 0: none */
};

struct law_rules {
    struct law_approval approvals[LAW_APPROVALS_MAX];
    uint32_t approvals_count;
    uint64_t waves_begun; /* bits */
    struct law_question question;
    struct law_alarm alarm;
    struct law_hook hooks[CTL_HOOK_COUNT];
    struct law_gate gates[LAW_GATES_MAX];
    uint32_t gates_count;
    uint32_t wave;         /* as belayd told it last */
    uint64_t waves_waived; /* bits: a person went on without the gates */
    int64_t first_ms;      /* when the first wave began; 0: not yet */
    int64_t soaks_ms;      /* when the last soak did */
};

struct law_freeze {
    bool is_on; /* confirmed, and nobody asked for anything else */
    int64_t since_ms, until_wall_ms;
};

struct law_rollout {
    uint8_t id[PROTO_ROLLOUT_ID_BYTES];
    uint32_t index;  /* from 0, as submitted */
    uint32_t number; /* for people */
    bool is_valid;
    struct ctl_rollout_limits limits;
    int64_t lease_ms, keep_way_back_ms, confirm_within_ms, watch_ms, change_ms;
    bool may_repair, is_service_severe, takes_whole_zone;
    uint32_t zones_count, zone_hosts[LAW_ZONES_MAX + 1];
    uint32_t hosts_count, waves_count;
    struct law_member *members;
    uint32_t *place_of; /* of each machine; UINT32_MAX: none */
    struct law_wave waves[CTL_ROLLOUT_WAVES_MAX];
    uint32_t failed_count, failed_before;
    int64_t failed_ms; /* when the last one failed */
    int64_t severe_ms; /* when one failed severely; SIM_NEVER: none did */
    bool is_proven;    /* belayd believed once that a host was committed */

    /* People: SIM_NEVER: did not. */
    int64_t paused_ms, aborted_ms, rolled_back_ms;
    bool is_abort_asked, is_back_asked;
    uint64_t waves_back_asked; /* bits */

    struct law_rules rules;

    /* As belayd told it. */
    uint32_t state, told_holds;
    uint32_t told_failed_count;
};

struct law_lease {
    uint32_t host;
    enum sim_lease lease;
    bool is_held;
    bool is_of_former_boot;
    int64_t kept_ms; /* to give it back failed in this boot, of which it is not; 0: did not */
    int64_t until_ms;
    int64_t allowed_ms; /* to be over by then */
    sim_ticket timer;
};

struct law_host {
    bool was_cloned;
    bool is_up, is_revoked;
    uint32_t boots;
    int64_t booted_ms;
    int64_t closed_ms;      /* its newest job ended in this life of the agent; 0: none has */
    uint32_t reverts_heard; /* of any rollout, in this life of the agent */
    uint32_t unit;          /* enum proto_step of the package run that is under way; 0: none */
    struct law_member *job; /* the newest */
    struct law_lease leases[SIM_LEASE_LAST + 1];
};

struct law_books {
    uint32_t hosts_count;
    struct law_host *hosts;
    struct law_rollout **rollouts;
    uint32_t rollouts_count, rollouts_capacity;
    uint32_t open_count; /* members that belayd holds to be under way */
    bool is_belayd_up;
    int64_t belayd_up_ms;
    struct law_freeze freeze;
};
extern struct law_books law_books;

/* NULL when nobody ever submitted it. */
struct law_rollout *law_find(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);
/* NULL when this machine has no place in it. */
struct law_member *law_member_of(const struct law_rollout *rollout, uint32_t host);
/* Ends the run when there is no such rollout or the host is not in it; `what` says what happened. */
struct law_member *law_must_find(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t host,
                                 const char *what);
struct law_host *law_host(uint32_t host);

/* A person asked for the way back of this host, alone or with others. */
bool law_is_back_asked(const struct law_member *member);

/* This order left for it, from belayd or from somebody who holds the controller. */
bool law_is_sent(const struct law_member *member, enum ctl_rollout_effect_type order);

/* No fault struck this host or the controller since then. */
bool law_is_undisturbed(uint32_t host, int64_t since_ms);

/* ---- laws_causes.c, for the other laws ---- */

/* The agent recorded this state of its job itself, and it is another one than before. */
void law_judge_own_move(const struct law_member *member, uint32_t state);
void law_note_power(struct law_host *host, bool is_up);
/* What was heard and could be answered has been; `is_forgotten`: nobody knows of it from now on. */
void law_judge_answers(uint32_t host, bool is_forgotten);

/*
 * Judges what could not be judged in the middle of a transaction. Called first by every fact; only
 * does anything once the time has moved on.
 */
void law_settle(void);

/* ---- laws_gates.c, for the laws of the fleet ---- */

/* A rollback condition may count as bad. */
bool law_gates_call_back(const struct law_rollout *rollout);
void law_judge_gates(struct law_rollout *rollout, const struct ctl_rollout *told);
/* A person is about to resume it. */
void law_waive_gates(struct law_rollout *rollout);

/* ---- laws_spread.c, for the other laws; and laws_fleet.c for that ---- */
void law_judge_dealt(const struct law_rollout *rollout);
void law_judge_start_by_spread(const struct law_member *started);
/* It is under way, and not by an order that somebody forged. */
bool law_is_active(const struct law_member *member);

/* ---- laws_hooks.c, for the other laws ---- */

/* Before `told` becomes what belayd told last. */
void law_judge_hooks(struct law_rollout *rollout, const struct ctl_rollout *told);
/* A life of belayd has begun, or has ended; at the end of the world it ends, too. */
void law_hooks_life(bool is_up);
/* What a switch of traffic may need is no time for people. */
int64_t law_question_ms(const struct law_rollout *rollout);
int64_t law_traffic_ms(const struct law_rollout *rollout);

/* ---- laws_rules.c, for the laws of the fleet ---- */

void law_judge_start_by_clock(const struct law_member *member);
/* A host of it failed severely: people are asked. */
void law_ask(struct law_rollout *rollout);
/* Nobody answered in time, and the plan says that then all goes back. */
bool law_may_go_back(const struct law_rollout *rollout);
/* Before `told` becomes what belayd told last. */
void law_judge_rules(struct law_rollout *rollout, const struct ctl_rollout *told);
/* A life of belayd begins: its waits go on by the wall clock. */
void law_rules_restart(void);

void law_fleet_open(void);
void law_fleet_close(void);

#endif
