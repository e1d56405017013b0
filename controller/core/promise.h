/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_PROMISE_H
#define CTL_CORE_PROMISE_H

#include "controller/core/rollout.h"

/*
 * The times that a plan promises, kept beside a rollout. What is counted is time that passed: a wall
 * clock that is set takes nothing away and misses nothing. Over a boot it is all there is, and is
 * believed. What nobody knows counts against the promise: a host that is lost is down, and not back.
 */

enum ctl_promise {
    /* One host: from the order to start until it serves again, sums over its ways there and back. */
    CTL_PROMISE_DOWNTIME,
    /* From a fault that was reported until all hosts concerned were on their way back. */
    CTL_PROMISE_ROLLBACK_STARTS,
    /* From a fault that was reported until all hosts concerned were as before. */
    CTL_PROMISE_RESTORED,
};
enum {
    CTL_PROMISE_COUNT = 3,
    CTL_PROMISE_WARNING_PERCENT = 80, /* of its time is used up */
};

enum ctl_promise_state {
    CTL_PROMISE_NOT_MADE = 1,
    CTL_PROMISE_IDLE,    /* nothing happened that it is about */
    CTL_PROMISE_RUNNING, /* its clock runs; or it may still run again */
    CTL_PROMISE_WARNING, /* its clock runs, and little is left */
    CTL_PROMISE_MISSED,
    CTL_PROMISE_KEPT, /* the rollout has ended within it */
};

struct ctl_promise_host {
    int64_t down_since_ms; /* of run_ms; valid with is_down */
    int64_t down_ms;       /* of the times before */
    bool is_down;
    bool is_bad;     /* it failed or is to go back, and is not as before */
    bool is_waiting; /* so, and not on its way back either */
};

struct ctl_promise_clock {
    int64_t allowed_ms; /* 0 = not promised */
    int64_t since_ms;   /* of run_ms; valid with runs */
    int64_t worst_ms;   /* of the times that ended */
    bool runs, ran;
};

struct ctl_promises {
    struct ctl_promise_clock clocks[CTL_PROMISE_COUNT];
    struct ctl_promise_host *hosts; /* borrowed: as many as the rollout has */
    uint32_t down_count, bad_count, waiting_count;
    struct ctl_moment last; /* the last event that was noted */
    int64_t run_ms;         /* that had passed by then since the first one */
};

/* `hosts` is borrowed for as long as the promises are kept, and reset. */
void ctl_promises_init(struct ctl_promises *promises, const int64_t allowed_ms[CTL_PROMISE_COUNT],
                       struct ctl_promise_host *hosts, uint32_t host_count);

/*
 * After each step that changed the rollout, and whose event is stored with its instant: so a replay
 * counts the same. Looks at `event->host` and at the hosts that the effects name.
 */
void ctl_promises_note(struct ctl_promises *promises, const struct ctl_rollout *rollout,
                       const struct ctl_rollout_event *event,
                       const struct ctl_rollout_effects *effects);

/* The most that was used of it so far, by the worst host or fault, up to `now`. */
int64_t ctl_promise_used_ms(const struct ctl_promises *promises, const struct ctl_rollout *rollout,
                            enum ctl_promise promise, const struct ctl_moment *now);

enum ctl_promise_state ctl_promise_state(const struct ctl_promises *promises,
                                         const struct ctl_rollout *rollout,
                                         enum ctl_promise promise, const struct ctl_moment *now);

const char *ctl_promise_name(enum ctl_promise promise);
const char *ctl_promise_state_name(enum ctl_promise_state state);

#endif
