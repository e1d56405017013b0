/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CORE_JOB_H
#define AGENT_CORE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/clock.h"
#include "proto/words.h"

/*
 * One job on one host, as a pure state machine: a step takes one event and fills the list of what
 * the shell must do, strictly in that order. It knows the order of the steps, when there is no way
 * but back, and what silence means; it does not know how any step works.
 *
 * A record is durable before a step starts and after it ended, so after any crash the shell loads
 * the last saved job, sends RESTART, and the core asks for the running step again. Every step can
 * be asked for twice: it looks at the host first and joins what is already under way.
 */

enum {
    AGENT_JOB_EFFECTS_MAX = 16,
    AGENT_JOB_CODE_BYTES_MAX = 48,
    AGENT_JOB_REASON_BYTES_MAX = 512,
};

/* From the manifest; all durations in milliseconds, all above 0 but ready_ms. */
struct agent_job_limits {
    int64_t stage_ms;          /* staging ends or the job is blocked */
    int64_t ready_ms;          /* READY without START for so long: cancelled; 0 = waits for ever */
    int64_t confirm_within_ms; /* from the end of the change to COMMIT over a new connection */
    int64_t watch_ms;          /* least time in probation */
    int64_t keep_way_back_ms;
    bool repair;   /* a package database that is half done, before staging */
    bool quiesce;  /* anything to pause */
    bool ssh_lock; /* SSH to be locked */
};

enum agent_job_event_type {
    AGENT_JOB_OFFER,   /* a verified order for this host: the job begins */
    AGENT_JOB_RESTART, /* the agent started again; `rebooted`: the saved job is of another boot */
    AGENT_JOB_STEP_ENDED, /* `step`, `result`, `grade`, `code`, `reason` */
    AGENT_JOB_START,      /* the controller: the wave has begun */
    AGENT_JOB_COMMIT,     /* the controller: `nonce` */
    AGENT_JOB_CANCEL,     /* the controller or a person: only before the change */
    AGENT_JOB_REVERT,     /* the controller or a person (`code` says who); HOLD does not stop it */
    AGENT_JOB_LINK_UP,    /* the connection that the last RECONNECT asked for, or a younger one */
    AGENT_JOB_WITNESSES,  /* `witnesses` */
    AGENT_JOB_FOUND,      /* who watches the host while it serves: `grade`, `code`, `reason` */
    AGENT_JOB_HOLD,       /* a person at the rescue socket: no automatic way back until RELEASE */
    AGENT_JOB_RELEASE,
    AGENT_JOB_TIME, /* no news but the time */
};

enum agent_job_witnesses {
    AGENT_JOB_WITNESSES_UNKNOWN = 1,  /* the probe itself failed: ask again */
    AGENT_JOB_WITNESSES_NONE_ANSWERS, /* the change cut the host off */
    AGENT_JOB_WITNESSES_CONTROLLER_ANSWERS, /* TCP works, our link over it does not: the change broke it */
    AGENT_JOB_WITNESSES_CONTROLLER_MISSING, /* others answer, the controller's port does not: hold */
};

struct agent_job_event {
    struct bl_mono now; /* always */
    enum agent_job_event_type type;
    bool rebooted;
    bool again;       /* REVERT by a person at the host: also of a way back that failed */
    uint32_t attempt; /* REVERT by the controller: higher than those before it means the same */
    enum proto_step step;
    enum proto_result result;
    enum proto_grade grade; /* VERIFY that failed, FOUND; 0 otherwise */
    uint64_t nonce;         /* COMMIT; OFFER: a fresh random number for this job, never 0 */
    enum agent_job_witnesses witnesses;
    const char *code, *reason; /* borrowed for the call; may be NULL */
};

enum agent_job_effect_type {
    AGENT_JOB_RECORD, /* one transaction: save the job, append the journal row, queue the report */
    AGENT_JOB_RUN,    /* start `step` or join it if it runs already; its end is an event */
    AGENT_JOB_RECONNECT,     /* drop the link and build a new one; LINK_UP when it stands. The new
                                connection also makes the controller repeat what it owes us. */
    AGENT_JOB_ASK_WITNESSES, /* the answer is WITNESSES */
    AGENT_JOB_WAKE,          /* TIME at `wake_at`; replaces an earlier WAKE */
};

struct agent_job_effect {
    enum agent_job_effect_type type;
    enum proto_moment moment;   /* RECORD */
    enum proto_job_state state; /* RECORD: the state at that moment */
    enum proto_step step;       /* RECORD of BEGIN and END, RUN */
    enum proto_result result;   /* RECORD of END */
    enum proto_grade grade;     /* RECORD: 0 when none */
    uint64_t nonce;             /* RECORD in PROBATION once the new link stood; 0 = none */
    char code[AGENT_JOB_CODE_BYTES_MAX + 1];
    char reason[AGENT_JOB_REASON_BYTES_MAX + 1];
    struct bl_mono wake_at; /* WAKE */
};

struct agent_job_effects {
    uint32_t count;
    struct agent_job_effect list[AGENT_JOB_EFFECTS_MAX];
};

/* Everything that RECORD saves. Instants are of the boot the shell saved beside it; ms 0 = not set. */
struct agent_job {
    uint32_t state;     /* enum proto_job_state */
    uint32_t step;      /* enum proto_step that runs or ran last in this state; 0 = none yet */
    uint32_t tries;     /* of `step`: giving back is tried more than once */
    uint32_t attempt;   /* of the controller's last REVERT that was heeded */
    uint32_t way_backs; /* how often the way back was begun: each begins its runs anew */
    bool step_running;
    bool start_wanted;  /* START came while staging */
    bool revert_wanted; /* REVERT came: go back as soon as no step runs */
    bool cancel_wanted;
    bool held;    /* a person holds the automatic way back */
    bool changed; /* the package run may have begun: from here only the way back undoes */
    bool quiesced, ssh_locked, armed; /* maybe taken: cleared only by RESUME, SSH_UNLOCK, DISARM */
    bool
        isolate_again; /* the host serves and is taken out first: the way back of a committed job, or
                          a reboot before the change began */
    bool link_new;     /* a connection younger than the change was seen */
    bool commit_seen;  /* the controller's COMMIT came over it */
    bool failed;       /* why we go back is a failure, not a person's wish */
    bool undo_failed;  /* RESTORE, PROVE or giving something back failed on the way back */
    bool asking;       /* ASK_WITNESSES is out */
    bool missing_told;     /* "the controller is what is missing" was recorded */
    uint32_t asks_in_vain; /* ASK_WITNESSES in a row without a definite answer */
    uint32_t blames;       /* answers in a row that say: the change is the cause */
    uint32_t grade;        /* the worst seen */
    uint64_t nonce;
    struct bl_mono stage_deadline, ready_deadline;
    struct bl_mono confirm_deadline; /* in PROBATION, once VERIFY runs again: of that look */
    struct bl_mono watch_end;
    struct bl_mono ask_at;                   /* PROBATION: when to ask the witnesses (again) */
    struct bl_mono retry_at;                 /* `step` failed and is run once more then */
    struct bl_mono way_back_end;             /* COMMITTED: REVERT works until then */
    char code[AGENT_JOB_CODE_BYTES_MAX + 1]; /* the cause of the end state, first cause wins */
    char reason[AGENT_JOB_REASON_BYTES_MAX + 1];
    struct agent_job_limits limits;
};

void agent_job_init(struct agent_job *job, const struct agent_job_limits *limits);

/* Total: every event is accepted in every state; what does not matter in a state is ignored. */
void agent_job_step(struct agent_job *job, const struct agent_job_event *event,
                    struct agent_job_effects *effects);

/* Asserts what must hold between steps. Runs at the end of every step, in release builds too. */
void agent_job_check(const struct agent_job *job);

/* The same conditions as an answer, for a job that was read from disk: disks lie. */
bool agent_job_is_sound(const struct agent_job *job);

/* A job that may still act by itself, or holds a lease. */
bool agent_job_is_open(const struct agent_job *job);

/* COMMIT is due: in PROBATION, over the new link, and nothing speaks against it but a hold. */
bool agent_job_asks_commit(const struct agent_job *job);

/* Whether the machine has this transition at all: for docs/states.md and the tests. */
bool agent_job_may_follow(enum proto_job_state from, enum proto_job_state to);

/* The steps that may run in a state: bit i set = enum proto_step i. */
uint32_t agent_job_steps_of(enum proto_job_state state);

#endif
