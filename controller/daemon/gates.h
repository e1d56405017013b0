/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_GATES_H
#define CTL_DAEMON_GATES_H

#include "controller/core/gate.h"
#include "controller/daemon/engine.h"
#include "controller/daemon/gate_hosts.h"
#include "controller/outside/hook.h"

/*
 * The gates of one rollout: when each is asked, by whom, and what the answers come to. The judging
 * is controller/core/gate; what a verdict does is the rollout machine's.
 */
enum {
    CTL_GATE_NOTE_BYTES = 400,
};

struct ctl_gates;

struct ctl_gates_one {
    struct ctl_gates *gates;
    const struct proto_policy_gate *policy; /* the run's */
    struct ctl_gate gate;
    struct ctl_child *child; /* belay-gate, while it asks */
    struct ctl_hook_run *hook;
    struct ctl_gate_panel *panel;   /* of PROTO_GATE_HOSTS; else NULL */
    struct bl_mono asked;           /* when what is being asked was begun */
    struct bl_wall at;              /* of the last measurement; ms 0 = none */
    char note[CTL_GATE_NOTE_BYTES]; /* what was said besides the number: "" or a sentence */
};

struct ctl_gates {
    struct ctl_engine *engine;
    struct ctl_run *run;
    bool soaks;               /* the wave that soaks was begun */
    uint32_t wave;            /* which */
    struct bl_mono *upgraded; /* of each host: since when it is seen so; NULL: nobody asks */
    uint32_t count;
    struct ctl_gates_one list[];
};

/* NULL when the policy has none. Takes up what was measured of the baseline. */
int ctl_gates_load(struct ctl_engine *engine, struct ctl_run *run, struct bl_error *err) BL_CHECKED;
/* Ends what is being asked. Takes NULL. */
struct ctl_gates *ctl_gates_free(struct ctl_gates *gates);

/* Each second: asks what is due of all rollouts. */
void ctl_gates_tick(struct ctl_engine *engine);

/* For `status`: each with its numbers. Empty without gates. A new reference. */
json_t *ctl_gates_view(const struct ctl_run *run);

#endif
