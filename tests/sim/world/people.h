/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_PEOPLE_H
#define TESTS_SIM_WORLD_PEOPLE_H

#include "controller/outside/hook.h"
#include "proto/approval.h"
#include "proto/policy.h"
#include "tests/sim/world/belayd.h"
#include "tests/sim/world/laws.h"

/* What the files about people share: who they are, what they signed, what they want. */
enum sim_person {
    SIM_ANNA, /* operators */
    SIM_BEN,
    SIM_CARLA, /* commander */
    SIM_PEOPLE,
};

enum {
    SIM_PLANS_MAX = 4,
    SIM_PLAN_WAVES_MAX = 6,
    SIM_PLAN_GATES_MAX = 3,
    SIM_GATE_NAME_BYTES = 32,
    SIM_GATE_GOOD_BELOW = 5,
    SIM_GATE_BAD_ABOVE = 10,
    SIM_HOOK_NAME_BYTES = 32,
    SIM_PLAN_VALUES_MAX = 4,
};

/* ---- keys.c ---- */

void sim_keys_open(void);
void sim_keys_close(void);

/* A person's, or with SIM_PEOPLE that of somebody whom no trust file names. */
void sim_keys_sign(uint32_t person, const struct proto_buffer *manifest,
                   struct proto_signature *ret_signature);
void sim_keys_public(uint32_t person, uint8_t ret_key[PROTO_KEY_BYTES]);
bool sim_keys_is_revoked(uint32_t person);
/* In the trust file that belayd read when it started last. */
bool sim_keys_was_revoked(uint32_t person);
uint32_t sim_keys_role(uint32_t person);
/* What a person says of a rollout, signed; or with SIM_PEOPLE that of a stranger. */
void sim_keys_seal(uint32_t person, const struct proto_approval *approval,
                   struct proto_buffer *ret_file);
/* The key is taken out of the trust file. True when there is somebody left to sign in its place. */
bool sim_keys_revoke(uint32_t person);
/* The newest trust file; borrowed for the world. */
const struct proto_trust *sim_keys_trust(void);
/* The same, encoded and signed by the root; borrowed until another one is made. */
struct proto_bytes sim_keys_trust_file(void);

/* ---- plan.c ---- */

/* A rollout as people signed it. Targets in the order of the manifest: by id. */
struct sim_plan {
    struct sim_law_rollout rollout; /* hosts, waves and limits are those below */
    uint32_t *hosts, *waves, *kinds;
    struct ctl_rollout_wave wave_limits[SIM_PLAN_WAVES_MAX];
    struct proto_target *targets;
    struct proto_buffer manifest, policy;
    struct proto_signature signatures[2];
    uint32_t signers[2]; /* the first asked for it */
    uint32_t signatures_count;
    uint32_t approvals_by; /* enum proto_role */
    int64_t approval_ms;   /* the longest that one may be good for */
    struct proto_policy_gate gates[SIM_PLAN_GATES_MAX];
    char gate_names[SIM_PLAN_GATES_MAX][SIM_GATE_NAME_BYTES]; /* what is asked, too */
    struct sim_law_gate gate_rules[SIM_PLAN_GATES_MAX];
    char hook_names[CTL_HOOK_COUNT][SIM_HOOK_NAME_BYTES]; /* "" = none */
    uint64_t sample_share; /* hundredths of a percent of each wave; 0: none */
    bool *samples;         /* of each place, counted apart from proto/sample.c */
    uint8_t *sample_hosts; /* as belay draws them */
    uint8_t *zone_of;      /* of each place: 1 + its value of the label; 0: none */
    struct proto_policy_value zones[SIM_PLAN_VALUES_MAX];
    uint32_t zone_hosts[SIM_PLAN_VALUES_MAX + 1]; /* in this world */
    uint32_t zones_count;
};

/* Draws one by `what` for now, over hosts that `may_take`, and signs it. False when none may. */
bool sim_plan_draw(struct sim_plan *plan, enum sim_draw what, uint32_t number,
                   bool (*may_take)(uint32_t host));
void sim_plan_release(struct sim_plan *plan);
/* ---- plan_rules.c: windows, approvals, answers; none of them in a world without their faults ---- */
void sim_rules_draw(struct sim_plan *plan, struct proto_manifest *manifest, uint32_t number);
/* `windows` is lent to the policy. */
void sim_rules_encode(struct sim_plan *plan, struct proto_policy *policy,
                      struct proto_policy_window windows[CTL_WINDOWS_MAX]);
/* The hosts of the sample, into plan and manifest; `policy` has the waves. */
void sim_rules_put_sample(struct sim_plan *plan, struct proto_manifest *manifest,
                          const struct proto_policy *policy);
/* ---- plan_spread.c: the value of each place, before the waves are dealt; and what came of it ---- */
void sim_spread_draw(struct sim_plan *plan);
void sim_spread_check(struct sim_plan *plan);
/* `spread` is lent to the policy. */
void sim_spread_encode(struct sim_plan *plan, struct proto_policy *policy,
                       struct proto_policy_spread *spread);
/* The request "submit"; a new reference. */
json_t *sim_plan_request(const struct sim_plan *plan);
/* The message OFFER for the target at this place. */
void sim_plan_offer(const struct sim_plan *plan, uint32_t place, struct proto_buffer *ret_message);
json_t *sim_hex(const uint8_t *data, size_t size_bytes);

/* ---- people.c ---- */

/* A plan that belayd took, drawn; NULL when there is none. */
const struct sim_plan *sim_people_any_plan(void);

/* What people see of it when they look. */
struct sim_seen {
    uint32_t state, wave, holds;
    bool is_asked;     /* after a severe failure: */
    uint32_t question; /* its number */
};

/* The n-th that was drawn, whatever became of it. */
const struct sim_plan *sim_people_drawn(uint32_t number);

/* ---- measure.c: what gates ask, in the place of ctl_child_* and ctl_hook_* ---- */
void sim_measure_open(void);

/* ---- hooks.c: the programs that a severe failure calls ---- */
struct sim_called { /* one that runs */
    const struct sim_plan *plan;
    enum ctl_hook_kind kind;
    int64_t ends_ms;
    struct ctl_hook_end end;
};
/* Draws what becomes of a call. False: it is of a gate. */
bool sim_hook_call(const struct ctl_hook *hook, struct sim_called *ret_called);

uint32_t sim_people_plans(void); /* that were drawn */
/* Of the n-th plan, which belayd took; NULL when it did not, or the rollout has ended. */
const struct sim_seen *sim_people_seen(uint32_t number);

/* ---- sayings.c: what people say of rollouts, and of the controller ---- */

/* PERSON_FREEZES, PERSON_UNFREEZES, PERSON_APPROVES, PERSON_ANSWERS, FORGED_APPROVAL, PERSON_DENIES. */
void sim_sayings_press(enum sim_fault button);
/* What people see of the n-th plan has changed: who is waited for may come soon, and who may not. */
void sim_sayings_note(uint32_t number, const struct sim_seen *former, const struct sim_seen *seen);
/* In the calm people do what rollouts wait for. True: nobody can, so it is to be aborted. */
bool sim_sayings_help(uint32_t number, uint32_t times);

/* The n-th plan of all; NULL when belayd did not take it, or there is none. */
const struct sim_plan *sim_people_plan(uint32_t number);

/* ---- forge.c ---- */

/* Somebody who holds the controller sends what nobody ordered. */
void sim_forge(void);
/* The same, with what is as near to an order that would be followed as he can come. */
void sim_forge_aimed(void);

#endif
