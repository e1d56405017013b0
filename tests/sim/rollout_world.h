/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_ROLLOUT_WORLD_H
#define TESTS_SIM_ROLLOUT_WORLD_H

#include "controller/core/promise.h"
#include "tests/sim/sim.h"

/* The made-up fleet of rollout_sim.c. */

enum {
    HOSTS_MAX = 12,
    WAVES_MAX = 4,
    PEOPLE = 3,
    OUTBOX_MAX = 64,
    INBOX_MAX = 64,
    STORED_MAX = 4096,
    EFFECTS_MAX = 8 + 4 * HOSTS_MAX,
    CHAOS_EVENTS = 150,
    EVENTS_MAX = 3500,
    GIVE_UP_MS = 1200000, /* a host in probation goes back by itself */
    AWAY_MS_MAX = 20000,  /* belayd, once it ended */
    LONG_AWAY_MS_MAX = 120000,
    HELD_MS = 60000, /* somebody looks at a bad host before it goes back */
};

struct report {
    uint32_t job_state, grade;
    uint64_t nonce;
};

struct host {
    uint32_t truth;  /* enum proto_job_state; 0 = no job yet */
    int64_t next_ms; /* when it moves by itself */
    bool is_online;
    int64_t turn_ms; /* when it goes on or off */
    struct report outbox[OUTBOX_MAX];
    uint32_t outbox_count;
    int64_t deliver_ms;
    struct ctl_rollout_effect inbox[INBOX_MAX]; /* orders on the wire, gone with the connection */
    uint32_t inbox_count;
    int64_t hear_ms;
    uint64_t nonce;
    bool commit_got;
    bool is_cancelled; /* and gives back what it had switched off */
    bool went_back;    /* and belayd has not stored that yet */
    /* Fates. */
    uint32_t attempt; /* of the last REVERT that it heeded */
    bool dies, lies, refuses, blocks, fails, cannot_go_back;
    bool is_held;     /* when it fails somebody at the host looks at it first */
    bool commits_bad; /* and says so */
    bool is_found;    /* to be bad, and it was reported */
    uint32_t grade;
    /* Observed by the world. */
    bool was_started, was_told_back, is_known_failed, is_known_final;
    bool was_called_back; /* CANCEL left after START, before it was known to have begun */
    bool has_changed;     /* and it said so */
    bool is_down;
    int64_t down_since_ms, down_ms; /* by the time that really passed */
};

struct called {    /* one hook, as its program sees it */
    uint64_t runs; /* the call of this number; 0 = none */
    int64_t end_ms;
    uint64_t last;   /* number of the call that came last */
    int64_t last_ms; /* and when it came */
    uint32_t count;  /* calls that came */
    bool is_owed;    /* something wants it since, and no call has come */
};

struct world {
    struct sim_chance chance;
    int64_t now_ms, wake_ms;
    uint32_t events;
    bool is_calm;

    struct ctl_rollout live, replayed;
    struct ctl_rollout_host live_hosts[HOSTS_MAX], replayed_hosts[HOSTS_MAX];
    struct ctl_rollout_limits limits;
    struct ctl_rollout_wave waves[WAVES_MAX];
    uint32_t wave_count, host_count;
    struct ctl_rollout_event stored[STORED_MAX];
    uint32_t stored_count;

    struct host hosts[HOSTS_MAX];
    bool is_paused, is_stopped, is_rolled_back; /* as people ordered it, durably */
    bool soak_is_watched;
    int64_t watched_ms;    /* since when the last wave to end is watched without a gap */
    uint32_t wave_started; /* the highest wave with a START, plus 1 */
    bool is_severe;        /* something failed severely */
    int64_t asked_ms;      /* since when people are asked about it */
    int64_t decided_ms;    /* when it was decided that all goes back behind the traffic */
    uint64_t decided_boot;
    struct called called[CTL_HOOK_COUNT];
    int64_t approved_until_ms[WAVES_MAX][PEOPLE];
    bool is_proven; /* a host was committed */
    bool is_frozen; /* until then by the wall clock; 0: for good */
    int64_t frozen_until_ms;

    int64_t boot_ms, wall_shift_ms;
    uint64_t boots;
    bool is_clock_untold; /* it was set, and no event has come since */
    struct ctl_promises promises;
    struct ctl_promise_host promise_hosts[HOSTS_MAX];
    uint32_t gates_told[CTL_GATES_MAX]; /* enum ctl_gate_verdict; 0 = nothing of this wave */
    bool is_gate_held, is_waived, is_condition_bad;
};

bool world_is_final(uint32_t job_state);

/* The clocks of the controller: as it reads them; its machine boots; somebody sets the wall clock. */
struct ctl_moment world_moment(const struct world *w);
int64_t world_wall_ms(const struct world *w);
void world_boot(struct world *w);
void world_set_clock(struct world *w);
/* After an event that is stored: what is counted is the time that really passed. */
void world_observe_clocks(struct world *w);

/* Some verdict of some gate, perhaps of none that there is. */
struct ctl_rollout_event world_draw_gate(struct world *w);
/* After an event that is stored. */
void world_observe_gates(struct world *w, const struct ctl_rollout *before,
                         const struct ctl_rollout_event *event);

/* Of different people, that are not over. */
uint32_t world_count_approvals(const struct world *w, uint32_t wave);

/* After an event that is stored: what became of a question that was open before, or is new. */
void world_observe_alarm(struct world *w, const struct ctl_alarm *before,
                         const struct ctl_rollout_event *event);

/* A call leaves: whether it may, and what becomes of it. */
void world_call_hook(struct world *w, const struct ctl_rollout_effect *order);
/* Its end is told, as a program's is, or was lost with belayd. */
void world_end_hook(struct world *w, enum ctl_hook_kind kind);
/* belayd ended, and what it had started with it. */
void world_kill_hooks(struct world *w);
/* After an event that is stored. */
void world_observe_hooks(struct world *w, const struct ctl_rollout *before,
                         const struct ctl_rollout_event *event);
/* Everybody who was to be called was. */
void world_check_hooks_at_end(const struct world *w);
bool world_deliver(struct world *w, struct ctl_rollout_event event);

void world_check_order_of_reverts(const struct world *w, const struct ctl_rollout_effects *effects);

/* A moment within the next three seconds. */
int64_t world_soon_ms(struct world *w);

/* The next thing a host does by itself. */
void world_host_act(struct world *w, uint32_t index);

/* Field by field, since padding may differ. */
void world_check_same(const struct world *w, const struct ctl_rollout *a,
                      const struct ctl_rollout *b);
/* What must hold when an order leaves. */
void world_check_order(struct world *w, const struct ctl_rollout_effect *order);
/* What anybody can see from outside: who is known to have failed, and who has ended. */
void world_observe(struct world *w);

/* An order leaves for a host: it is on the wire for a while, or lost. */
void world_host_send(struct world *w, const struct ctl_rollout_effect *order);

/* The first of the orders on the wire reaches a host; sometimes another time, behind the others. */
void world_host_hear(struct world *w, uint32_t index);

/* The connection is gone, and what was on the wire with it. */
void world_host_cut(struct host *host);

#endif
