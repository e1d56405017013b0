/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_ROLLOUT_H
#define CTL_CORE_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/clock.h"
#include "controller/core/gate.h"
#include "controller/core/window.h"
#include "proto/words.h"

/*
 * One rollout over its hosts, as a pure state machine. Events come in with their time; effects come
 * out in the order in which the shell must perform them. The shell stores every event that changed
 * something *before* it performs the effects, so that replaying the stored events through the same
 * code gives the same state. Orders are only ever repeated, never assumed to have arrived.
 */

enum {
    CTL_ROLLOUT_HOSTS_MAX = 20000,
    CTL_ROLLOUT_WAVES_MAX = 64,
    CTL_ROLLOUT_CODE_BYTES_MAX = 48,
    CTL_ROLLOUT_REASON_BYTES_MAX = 512,
    CTL_APPROVALS_MAX = 256, /* that are kept at a time, of all waves to come */
    CTL_HOOK_TEXT_BYTES_MAX = 200,
};

/* As an event's `host` or `wave`: all of them. As an effect's `host`: the rollout itself. */
#define CTL_ROLLOUT_ALL UINT32_MAX

enum ctl_rollout_state {     /* stored and shown: never renumbered */
    CTL_ROLLOUT_STAGING = 1, /* waits until the hosts of wave `wave` are ready */
    CTL_ROLLOUT_RUNNING,     /* wave `wave` runs */
    CTL_ROLLOUT_SOAKING,     /* wave `wave` ended well and is watched */
    CTL_ROLLOUT_STOPPING,    /* no new starts; waits for the hosts that are under way */
    CTL_ROLLOUT_ROLLING_BACK,
    CTL_ROLLOUT_COMPLETE,            /* every host committed, or left out within the allowance */
    CTL_ROLLOUT_HALTED,              /* ended early by failures: exit code 3 */
    CTL_ROLLOUT_ABORTED,             /* ended early by a person */
    CTL_ROLLOUT_ROLLED_BACK,         /* exit code 5 */
    CTL_ROLLOUT_ROLLBACK_INCOMPLETE, /* exit code 6 */
    CTL_ROLLOUT_STATE_LAST = CTL_ROLLOUT_ROLLBACK_INCOMPLETE,
};

enum ctl_host_state {     /* what the controller knows of a host: never better than what is */
    CTL_HOST_WAITING = 1, /* offered or to be offered; has not answered */
    CTL_HOST_STAGING,
    CTL_HOST_READY,
    CTL_HOST_RUNNING, /* START was ordered: isolating ... verifying */
    CTL_HOST_PROBATION,
    CTL_HOST_REVERTING, /* it said so, or REVERT was ordered */
    CTL_HOST_COMMITTED, /* end states from here on */
    CTL_HOST_REVERTED,
    CTL_HOST_REVERT_FAILED,
    CTL_HOST_REFUSED,
    CTL_HOST_BLOCKED,
    CTL_HOST_CANCELLED, /* not begun: its wave did not come, or it was called back in time */
    CTL_HOST_LOST,      /* silent beyond its deadline: counts as failed; late news still shown */
    CTL_HOST_STATE_LAST = CTL_HOST_LOST,
};

struct ctl_rollout_host {
    uint32_t state;     /* enum ctl_host_state */
    uint32_t wave;      /* 0-based */
    uint32_t job_state; /* enum proto_job_state last reported; 0 = none */
    uint32_t grade;
    bool failed;     /* counts against the allowance; never taken back */
    bool started;    /* START was ordered */
    bool touched;    /* this rollout may have changed it: it was started, or says that it runs */
    bool start_owed; /* it came while nothing may start: START is repeated at the release */
    bool
        cancel_wanted; /* called back before it was known to have begun, and it has not changed yet */
    bool revert_wanted;
    uint32_t reverts; /* how often it was ordered back, by people or by the rollout */
    bool went_back;   /* lost, since what it reported is void: CTL_ROLLOUT_HOST_WENT_BACK */
    bool lost;        /* was silent beyond its deadline: shown as it is, but no longer waited for */
    uint64_t nonce;   /* of PROBATION; 0 = no commit due */
    struct bl_mono deadline; /* LOST when it passes without news; ms 0 = none */
};

struct ctl_rollout_wave {
    uint32_t host_count;
    uint32_t failures_allowed; /* the wave is good while failed <= this */
    /* Kept by the machine, so that a report costs the same in a rollout of any size. */
    uint32_t failed_count;
    uint32_t unready_count; /* WAITING or STAGING */
    uint32_t ready_count;   /* READY: to be started, when there is room */
    uint32_t open_count;    /* in no end state, and still waited for */
};

struct ctl_rollout_limits {
    int64_t soak_ms;  /* after a wave ended well; 0 = none */
    int64_t stage_ms; /* a host that has not staged by then is lost */
    int64_t job_ms;   /* START to an end state, all steps and probation included */
    int64_t revert_ms;
    uint32_t failures_allowed; /* over the whole rollout */
    uint32_t approvals;        /* that each wave after the first needs */
    int64_t answer_ms;         /* by then a severe failure is answered; 0 = nobody is asked */
    uint32_t otherwise;        /* enum ctl_otherwise, when nobody answers; 0 = as STOP */
    uint32_t budget;  /* under way + failed + lost never grow above it by a start; 0 = no limit */
    bool first_alone; /* one host at a time, until one is committed */
    struct ctl_window windows[CTL_WINDOWS_MAX]; /* a start needs job_ms in one; none = any time */
    uint32_t windows_count;
    uint32_t gate_count;
    uint32_t gates_rollback; /* bits: what is bad takes everything back; the others stop waves */
    uint32_t hooks;        /* bits 1 << enum ctl_hook_kind: programs that a severe failure calls */
    int64_t page_every_ms; /* the page is called again, while people are asked */
    int64_t traffic_ms;    /* what the way back waits for the traffic; part of answer_ms */
};

enum ctl_otherwise { /* stored: never renumbered */
    CTL_OTHERWISE_STOP = 1,
    CTL_OTHERWISE_ROLLBACK,
};

enum ctl_answer {            /* how the last severe failure was answered */
    CTL_ANSWER_ROLLBACK = 1, /* by a person */
    CTL_ANSWER_NO_ROLLBACK,
    CTL_ANSWER_OTHERWISE_ROLLBACK, /* by nobody: the plan's word counted */
    CTL_ANSWER_OTHERWISE_STOP,
    CTL_ANSWER_CONDITION, /* by a condition of the plan, which takes everything back anyway */
};

/* A severe failure about which people are asked. Open only while the rollout is STOPPING. */
struct ctl_alarm {
    uint32_t number; /* how many there were; 0 = none ever */
    uint32_t host;   /* that raised it; CTL_ROLLOUT_ALL: no host did */
    bool is_open;
    uint32_t answer;             /* enum ctl_answer, once it is not open any more; else 0 */
    struct bl_mono deadline;     /* ms 0 = not open */
    struct bl_wall since, until; /* the same by the wall clock, which goes on over a boot */
    bool is_restored;            /* open, and out of a backup: the whole time from the next start */
    bool waits;                  /* answered: all goes back as soon as the traffic is switched */
    struct bl_mono back_due;     /* and then whatever became of that; ms 0 = it does not wait */
};

enum ctl_hook_kind {  /* programs that a severe failure calls; stored: never renumbered */
    CTL_HOOK_PAGE,    /* people: at once, and again until somebody answers */
    CTL_HOOK_TRAFFIC, /* away from what changed: before the way back */
    CTL_HOOK_VENDOR,  /* whose support is called: once it is known what happens */
    CTL_HOOK_COUNT,
};

enum ctl_hook_outcome { /* stored: never renumbered */
    CTL_HOOK_GOOD = 1,  /* ended with 0 */
    CTL_HOOK_FAILED,    /* ended with another status */
    CTL_HOOK_KILLED,    /* by a signal */
    CTL_HOOK_TIMED_OUT,
    CTL_HOOK_NOT_STARTED, /* it is not there any more, or may not be run */
    CTL_HOOK_UNKNOWN,     /* belayd ended while it ran */
    CTL_HOOK_OUTCOME_LAST = CTL_HOOK_UNKNOWN,
};

struct ctl_rollout_hook {
    uint32_t calls;     /* ordered so far; the last one is that of this number */
    bool wanted;        /* to be called as soon as it does not run */
    bool runs;          /* the last call has not ended */
    uint32_t outcome;   /* enum ctl_hook_outcome of the last that ended; 0 = none has */
    uint32_t status;    /* FAILED: exit status; KILLED: the signal */
    struct bl_mono due; /* when it is wanted again; ms 0 = not by the clock */
    struct bl_wall called, ended;
    char text[CTL_HOOK_TEXT_BYTES_MAX + 1]; /* what it said last; fit for people */
};

struct ctl_approval {
    uint32_t wave;
    uint64_t person;          /* who: two approvals of one person are one */
    struct bl_wall not_after; /* as they signed it: by the hour, whatever becomes of the clock */
};

/* One instant by both clocks. `boot`: which boot of the machine `now` is of. */
struct ctl_moment {
    struct bl_mono now;
    struct bl_wall wall;
    uint64_t boot;
};

/* What was told of the gates by GATE. */
struct ctl_rollout_gates {
    uint32_t verdicts[CTL_GATES_MAX]; /* enum ctl_gate_verdict */
    char texts[CTL_GATES_MAX][CTL_GATE_TEXT_BYTES_MAX + 1];
    uint32_t held_by;   /* 1 + which of them holds the rollout; 0 = none */
    uint32_t held_with; /* enum ctl_gate_verdict */
    bool waived;        /* this wave: a person resumed without them */
    bool waits;         /* the soak is over, and they are not all good yet */
    uint32_t took_back; /* 1 + which condition ordered everything back; 0 = people, or nobody did */
};

struct ctl_rollout {
    uint32_t state; /* enum ctl_rollout_state */
    uint32_t wave;  /* the current one; 0-based */
    uint32_t wave_count;
    uint32_t host_count;
    uint32_t failed_count;
    uint32_t active_count;    /* under way: started and in no end state, but not lost */
    uint32_t used_count;      /* of the budget: active or failed */
    uint32_t unstarted_count; /* neither started nor out */
    uint32_t unbegun_count;   /* START was ordered, and nothing says that it came there */
    uint32_t owed_count;      /* of them: start_owed */
    uint32_t next_start;      /* nobody of the wave before this place can be started */
    bool is_proven;           /* a host was committed; never taken back */
    bool submitted;
    bool is_frozen; /* as FREEZE told last; over at `frozen_until`, ms 0 = never by itself */
    struct bl_wall frozen_until;
    uint32_t holds; /* bits of enum ctl_hold: any of them, and nothing new starts */
    bool aborted;
    struct bl_mono wake_at; /* no host's deadline is earlier; ms 0 = none has one */
    struct bl_mono soak_end;
    struct ctl_alarm alarm;
    struct ctl_rollout_gates gates;
    struct ctl_rollout_hook called[CTL_HOOK_COUNT];
    struct ctl_approval approvals[CTL_APPROVALS_MAX]; /* for waves to come, none of them over */
    uint32_t approvals_count;
    struct ctl_rollout_limits limits;
    struct ctl_rollout_wave waves[CTL_ROLLOUT_WAVES_MAX];
    struct ctl_rollout_host *hosts; /* borrowed: host_count of them, as long as the rollout */
    struct ctl_moment last;         /* of the last event that changed something */
    char code[CTL_ROLLOUT_CODE_BYTES_MAX + 1]; /* why it is where it is: docs/states.md */
    char reason[CTL_ROLLOUT_REASON_BYTES_MAX + 1];
};

/* Why nothing new starts for now; what runs goes on. Stored and combined: never renumbered. */
enum ctl_hold {
    CTL_HOLD_PERSON = 1U << 0, /* PAUSE */
    CTL_HOLD_WINDOW = 1U << 1,
    CTL_HOLD_GATE = 1U << 2,
    CTL_HOLD_APPROVAL = 1U << 3,
    CTL_HOLD_ANSWER = 1U << 4,
    CTL_HOLD_FREEZE = 1U << 5, /* of the whole controller */
};
enum {
    CTL_HOLD_COUNT = 6
};
/* These end by somebody's word only: `belay status --wait` ends with 4. */
/* These are about starts alone: a wave that ran is soaked and a rollout ends all the same. */
#define CTL_HOLDS_BY_CLOCK   (CTL_HOLD_WINDOW | CTL_HOLD_FREEZE)
#define CTL_HOLDS_FOR_PEOPLE (CTL_HOLD_PERSON | CTL_HOLD_GATE | CTL_HOLD_APPROVAL | CTL_HOLD_ANSWER)

enum ctl_rollout_event_type { /* stored: never renumbered */
    CTL_ROLLOUT_SUBMIT = 1,
    CTL_ROLLOUT_RESTART,     /* belayd started again: deadlines and soak begin anew */
    CTL_ROLLOUT_HOST_REPORT, /* `host`, `job_state`, `grade`, `nonce` */
    CTL_ROLLOUT_HOST_SEEN,   /* `host` connected: repeat what is owed to it */
    CTL_ROLLOUT_TIME,
    CTL_ROLLOUT_PAUSE,
    CTL_ROLLOUT_RESUME,
    CTL_ROLLOUT_ABORT, /* no new starts; staged hosts are cancelled; what runs goes on */
    /*
     * All touched hosts; `wave` or `host` narrow it. All or a wave: the rollout ends with it. A host:
     * it counts as failed, and the rollout goes on if its allowance bears that.
     */
    CTL_ROLLOUT_ROLLBACK,
    /*
     * `host` is as it was before its last reports (a snapshot was restored, its disk was lost): what
     * they said is no longer so, and what it is now nobody knows. `nonce` is the shell's: which
     * life of the host begins.
     */
    CTL_ROLLOUT_HOST_WENT_BACK,
    /* Gate `number` has another `verdict` now; `text` says why. */
    CTL_ROLLOUT_GATE = 11,
    /* `nonce`: the person; that `wave` may start is good until `until`. */
    CTL_ROLLOUT_APPROVE = 12,
    /* To severe failure `number`: `yes`, everything goes back; or what was changed stays. */
    CTL_ROLLOUT_ANSWER = 13,
    /* `yes`: nothing starts on this controller, until `until` (ms 0: until that is taken back). */
    CTL_ROLLOUT_FREEZE = 16,
    /* Call `nonce` of hook `number` ended: `verdict` is its outcome, `grade` the status, `text` what it said. */
    CTL_ROLLOUT_HOOK_ENDED = 35,
    /* The store comes from a backup: what people were asked then they are asked anew. */
    CTL_ROLLOUT_RESTORED = 36,
    CTL_ROLLOUT_EVENT_LAST = CTL_ROLLOUT_RESTORED,
};

struct ctl_rollout_event {
    struct bl_mono now;
    struct bl_wall wall; /* the same instant: for what goes on over a restart */
    uint64_t boot;       /* of the machine that `now` is of */
    enum ctl_rollout_event_type type;
    uint32_t host;
    uint32_t wave;
    uint32_t job_state; /* enum proto_job_state, checked by the decoder */
    uint32_t grade;
    uint64_t nonce;
    uint32_t number;
    bool yes;
    struct bl_wall until;
    uint32_t verdict; /* enum ctl_gate_verdict, enum ctl_hook_outcome */
    const char *text; /* NULL = ""; borrowed for the step */
};

enum ctl_rollout_effect_type {
    CTL_ROLLOUT_SEND_OFFER = 1, /* to `host`; repeating it is harmless */
    CTL_ROLLOUT_SEND_START,
    CTL_ROLLOUT_SEND_COMMIT, /* with `nonce` */
    CTL_ROLLOUT_SEND_CANCEL,
    CTL_ROLLOUT_SEND_REVERT, /* with `attempt` */
    CTL_ROLLOUT_WAKE,        /* deliver TIME at `wake_at` */
    CTL_ROLLOUT_CHANGED,     /* host `host` or the rollout itself changed: tell those who watch */
    CTL_ROLLOUT_CALL_HOOK,   /* `attempt`: which hook; `nonce`: the number of the call */
};

struct ctl_rollout_effect {
    enum ctl_rollout_effect_type type;
    uint32_t host;
    uint32_t attempt;
    uint64_t nonce;
    struct bl_mono wake_at;
};

/* The caller owns `list` with room for 8 + 4 * host_count effects. */
struct ctl_rollout_effects {
    uint32_t count, capacity;
    bool changed; /* the event changed the rollout: store it before performing anything */
    struct ctl_rollout_effect *list;
};

/*
 * `hosts` is borrowed for the rollout's life; wave numbers in it are filled in by the caller, all
 * else is reset. Waves must add up to host_count, each at least 1; of each only host_count and
 * failures_allowed are read.
 */
void ctl_rollout_init(struct ctl_rollout *rollout, const struct ctl_rollout_limits *limits,
                      const struct ctl_rollout_wave *waves, uint32_t wave_count,
                      struct ctl_rollout_host *hosts, uint32_t host_count);

/*
 * Total: every event is accepted in every state; what does not matter is ignored. `host` of
 * HOST_REPORT and HOST_SEEN is below host_count. A rollout that ended still takes reports and
 * times: a host may be taken back later, or a lost one come back.
 */
void ctl_rollout_step(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                      struct ctl_rollout_effects *effects);

struct ctl_moment ctl_moment_of(const struct ctl_rollout_event *event);

/*
 * The time between two instants, never negative. Within a boot by the clock that nobody can set; over
 * a boot by the wall clock, for want of a better one.
 */
int64_t ctl_moment_between_ms(const struct ctl_moment *from, const struct ctl_moment *until);

/* Asserts what must hold between steps, host by host: for tests and after a replay. */
void ctl_rollout_check(const struct ctl_rollout *rollout);

/* Hosts may still start: there is something to hold up, or to let go. */
bool ctl_rollout_is_going(const struct ctl_rollout *rollout);
bool ctl_rollout_is_final(const struct ctl_rollout *rollout);
/*
 * A host is waited for, or to be told that it goes back when it is heard of, or a hook runs: also
 * after the end.
 */
bool ctl_rollout_owes(const struct ctl_rollout *rollout);
const char *ctl_rollout_state_name(uint32_t state);
const char *ctl_host_state_name(uint32_t state);
bool ctl_host_state_is_final(uint32_t state);

/* Whether the machines have this transition at all: for docs/states.md and the tests. */
bool ctl_rollout_state_may_follow(uint32_t from, uint32_t to);
bool ctl_host_state_may_follow(uint32_t from, uint32_t to);

/* Of one hold: a code, a sentence, and the command that helps. */
const char *ctl_hold_code(enum ctl_hold hold);
const char *ctl_hold_reason(enum ctl_hold hold);
const char *ctl_hold_command(enum ctl_hold hold);

/* How long until a host may start by the windows; 0 = now, CTL_WINDOW_FOR_EVER = never. */
int64_t ctl_rollout_window_wait_ms(const struct ctl_rollout *rollout, struct bl_wall wall);

/* How many hosts are in each state; the sum is always host_count. */
void ctl_rollout_count(const struct ctl_rollout *rollout,
                       uint32_t ret_counts[CTL_HOST_STATE_LAST + 1]);

/* The exit code of `belay status --wait` (docs: 0, 3, 4, 5, 6); -1 while it goes on. */
int ctl_rollout_exit_code(const struct ctl_rollout *rollout);

/* "gate_probe_error" and the sentence of the gate that holds the rollout; "" when none does. */
const char *ctl_rollout_gate_code(const struct ctl_rollout *rollout);
const char *ctl_rollout_gate_reason(const struct ctl_rollout *rollout);

/* How long people are asked: what a switch of traffic may need is left of the time for an answer. */
int64_t ctl_rollout_question_ms(const struct ctl_rollout_limits *limits);

const char *ctl_hook_name(uint32_t kind);
const char *ctl_hook_outcome_name(uint32_t outcome);

/* How many people must approve this wave (0-based), and how many have. */
uint32_t ctl_approvals_needed(const struct ctl_rollout *rollout, uint32_t wave);
uint32_t ctl_approvals_given(const struct ctl_rollout *rollout, uint32_t wave);

#endif
