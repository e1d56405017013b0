/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_LAWS_H
#define TESTS_SIM_WORLD_LAWS_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/core/rollout.h"
#include "proto/approval.h"
#include "proto/words.h"

/*
 * What must hold in every world, whatever goes wrong. The rest of the simulator tells here what
 * truly happened, at the moment it happens; the laws keep their own books and never ask the code
 * under test what it thinks. A law that does not hold ends the run.
 */

struct sim_law_gate { /* as the plan has it */
    bool is_rollback;
    uint32_t needed, samples;
    int64_t every_ms, delay_ms, for_ms, within_ms;
};

/* A rollout as people signed it, before anything of it is sent. */
struct sim_law_rollout {
    uint8_t id[PROTO_ROLLOUT_ID_BYTES];
    uint32_t hosts_count;
    const uint32_t *hosts; /* machines, one per place; borrowed for the call */
    const uint32_t *waves; /* from 0, of each */
    uint32_t waves_count;
    const struct ctl_rollout_wave *wave_limits; /* host_count and failures_allowed of each */
    struct ctl_rollout_limits limits;
    int64_t lease_ms, keep_way_back_ms, confirm_within_ms, watch_ms, change_ms;
    bool may_repair; /* people signed that a half done package database is repaired */
    const struct sim_law_gate *gates; /* borrowed */
    uint32_t gates_count;
    const bool *samples;        /* borrowed: of each place, whether it is verified more closely */
    const uint8_t *zones;       /* borrowed: of each place, 1 + its value; NULL: no spread */
    const uint32_t *zone_hosts; /* borrowed: of each value, from 1, in this world */
    uint32_t zones_count;
    bool takes_whole_zone;  /* in one wave, without a budget that keeps some of it serving */
    bool is_service_severe; /* they signed that a service that breaks is a severe failure */
    bool is_valid;          /* false: forged or unsigned; nothing may ever come of it */
};

void sim_laws_open(void);
void sim_laws_close(void);

/* ---- the controller and people ---- */
void sim_law_submitted(const struct sim_law_rollout *rollout);
/* Confirmed: belayd has it, and what holds everything up holds this up, too. */
void sim_law_taken_in(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);
/*
 * A person is about to give this order: from now on the controller may obey it, whether it ever
 * confirms it or dies in between.
 */
void sim_law_person_asks(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                         enum ctl_rollout_event_type order, uint32_t host, uint32_t wave);
/* A person's order that the controller confirmed (stored): binding from now on. */
void sim_law_person_ordered(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                            enum ctl_rollout_event_type order, uint32_t host, uint32_t wave);
/* What a person signed about a rollout that is under way. */
struct sim_law_word {
    uint32_t about;  /* enum proto_approval_about */
    uint32_t number; /* of the wave, from 1, or of the severe failure */
    uint32_t person;
    int64_t until_wall_ms; /* by belayd's clock */
    bool is_good; /* it is genuine, and this person may say it; otherwise nothing may come of it */
};
/* As sim_law_person_asks and sim_law_person_ordered. */
void sim_law_word_asks(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       const struct sim_law_word *word);
void sim_law_word_taken(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                        const struct sim_law_word *word);
enum sim_measured { /* what is so, and was asked for; only one of them is good */
    SIM_MEASURED_GOOD = 1,
    SIM_MEASURED_BAD,
    SIM_MEASURED_UNSURE,
    SIM_MEASURED_NOTHING, /* no data, or old ones */
    SIM_MEASURED_ERROR,   /* who asks has failed */
};
struct sim_law_measured {
    uint32_t gate;
    int64_t asked_ms;
    enum sim_measured is;
};
/* An answer is about to come to belayd; and belayd has taken it in, and what follows from it. */
void sim_law_measured(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                      const struct sim_law_measured *measured);
void sim_law_measured_heard(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t gate);
/*
 * A program for a severe failure is called by belayd, for the n-th time of this rollout; and it has
 * ended, and belayd has heard that. What runs when belayd ends, ends with it.
 */
void sim_law_hook_called(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], enum ctl_hook_kind kind,
                         uint64_t call);
void sim_law_hook_ended(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], enum ctl_hook_kind kind);
/* Somebody is about to freeze the controller otherwise, or not any more; then it is confirmed, 0: for good. */
void sim_law_freeze_asks(void);
void sim_law_frozen(int64_t until_wall_ms);
/* Confirmed: a version that all rollouts install is denied, so whatever goes on is paused. */
void sim_law_all_paused(void);
/*
 * belayd's process is there (its store is open and all that it believes was told anew with
 * sim_law_believed), or it is gone.
 */
void sim_law_belayd(bool is_up);
/* A message with an order leaves belayd for a host, whether it arrives or not. */
void sim_law_order_sent(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t host,
                        enum ctl_rollout_effect_type order);
/* Which attempt a REVERT that leaves, or is forged, is. */
void sim_law_attempt_sent(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t host,
                          uint32_t attempt);
/* The same from somebody else who holds the controller: no more than this may come of it. */
void sim_law_order_forged(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t host,
                          enum ctl_rollout_effect_type order);
/* This host is not admitted any more: nobody hears what becomes of it. */
void sim_law_host_revoked(uint32_t host);
/* From now on the host's trust file names nobody who signed this rollout. */
void sim_law_distrusted(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);
/*
 * Committed in the controller's store: what it holds to be true of a host, or of the rollout. Told
 * when the transaction is durable and before any order of it leaves.
 */
void sim_law_believed(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t host,
                      const struct ctl_rollout_host *belief);
void sim_law_rollout_state(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                           const struct ctl_rollout *rollout);

/* ---- hosts: all of `host` the machine ---- */

enum sim_lease {
    SIM_LEASE_SSH = 1,
    SIM_LEASE_JOBS,
    SIM_LEASE_SILENCE,
    SIM_LEASE_LAST = SIM_LEASE_SILENCE,
};

/* An order was taken: its record is durable. */
void sim_law_job_taken(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);
/* The job's state as it became durable on the host. */
void sim_law_job_recorded(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                          enum proto_job_state state, bool is_packages_old, bool is_packages_new);
/*
 * An agent that came up took this state from its journal: what became durable in the very moment of
 * its death is told here and nowhere else. Before anything else that agent does.
 */
void sim_law_job_loaded(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                        enum proto_job_state state);
/* The unit of a step that changes the host begins, goes on after a join is no new begin. */
void sim_law_unit_begins(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                         enum proto_step step, bool is_way_back_complete);
void sim_law_unit_ends(uint32_t host, enum proto_step step);
void sim_law_lease_taken(uint32_t host, enum sim_lease lease, int64_t until_ms);
void sim_law_lease_ended(uint32_t host, enum sim_lease lease);
/* Giving back was tried and failed; what gives back tries again by its own timer. */
void sim_law_lease_kept(uint32_t host, enum sim_lease lease);
/* Somebody at the rescue socket ordered the newest job back or cancelled it, and was answered. */
void sim_law_rescued(uint32_t host);
/* COMMIT reached the job; over which connection, and whether it is younger than the change. */
void sim_law_commit_heard(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                          bool is_new_link);
/* What is true of a host at the moment at which its disk says that it goes the way back. */
enum {
    SIM_FIGURE_FOR_MS = 30 * 1000, /* of the one rule that every plan has */
};
struct sim_law_turn {
    const char *code; /* why, as the host has it */
    bool is_healthy, is_cut_off;
    bool controller_was_missing; /* when its network was looked at last */
    bool has_change_result;      /* the package run has ended and written how */
    int64_t figure_bad_ms;       /* as its samples of this job add up, whoever took them */
    int64_t
        link_open_since_ms; /* nothing stood between it and belayd since; SIM_NEVER: something does */
};
/* The host goes the way back. */
void sim_law_turned_back(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                         const struct sim_law_turn *turn);
/* The job ends without a change, for this cause. */
void sim_law_cancelled(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       const char *code);
/* VERIFY has looked at the host as it is in this boot. */
void sim_law_looked(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);
/* Whether it looked at what only hosts of the sample look at. */
void sim_law_looked_closely(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                            bool is_close);
/* A host that serves with this change got bad: its service broke. */
void sim_law_got_bad(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);
/* It is about to be told as committed; `figure_bad_ms` as in sim_law_turn. */
void sim_law_committed(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       int64_t figure_bad_ms);
/* REVERT reached an agent that listens to belayd; a report of that rollout was recorded there. */
void sim_law_revert_heard(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);
void sim_law_reported(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);
/* The agent's process is gone, or does nothing more: what it only remembered is forgotten. */
void sim_law_agent_gone(uint32_t host);
/* Reports up to `seq` left its outbox; `sent_seq` is the last that it sent over this connection. */
void sim_law_reports_dropped(uint32_t host, uint64_t seq, uint64_t sent_seq);
/* Its files of this rollout, its way back among them, were deleted to make room. */
void sim_law_files_deleted(uint32_t host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);
/* Its disk is another one now (snapshot, reinstallation): what it knew is what that disk knows. */
void sim_law_disk_replaced(uint32_t host);
/* Its disk is copied as it is now; sim_law_disk_replaced brings that back. */
void sim_law_snapshot_taken(uint32_t host);
/* Another machine spoke with its key: whose word was whose nobody can tell afterwards. */
void sim_law_cloned(uint32_t host);
void sim_law_power(uint32_t host, bool is_up);

/* From *index 0 on: the rollouts that belayd was said to hold open; NULL: no more. Lent. */
const uint8_t *sim_law_next_open(uint32_t *index);

/* At the end, a host's outbox is not empty. */
void sim_law_reports_left(uint32_t host);

/* belayd holds every host of every rollout to be in an end state: nothing more is promised. */
bool sim_laws_are_quiet(void);
/* After faults stopped and the queue ran dry or the bound was reached. */
void sim_law_world_ended(void);
/* How long after the last fault everything must have ended. */
int64_t sim_law_bound_ms(void);

#endif
