/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_GATE_HOSTS_H
#define CTL_DAEMON_GATE_HOSTS_H

#include "controller/core/gate_hosts.h"
#include "controller/daemon/run.h"
#include "controller/daemon/store.h"

/*
 * The gates that ask no service, but what hosts said of themselves: figures of their heartbeats, and
 * what they found after the change. Counting is here, judging in controller/core/gate_hosts.
 */
struct ctl_gate_base { /* of one host, before the first wave: the mean is what it had */
    uint64_t sum;
    uint32_t count;
};

struct ctl_gate_panel {
    const struct ctl_run *run;
    const struct proto_policy_gate *policy;
    struct proto_figure_rule rule; /* figure 0: findings are looked for */
    struct ctl_gate_base *bases;   /* of each host; NULL unless they are compared with */
};

/* Takes up what hosts had before. For gates of PROTO_GATE_HOSTS only. */
int ctl_gate_panel_new(struct ctl_store *store, const struct ctl_run *run, uint32_t gate,
                       struct ctl_gate_panel **ret_panel, struct bl_error *err) BL_CHECKED;
struct ctl_gate_panel *ctl_gate_panel_free(struct ctl_gate_panel *panel);

/* A host that serves with the change: its figures are judged. */
bool ctl_gate_host_is_upgraded(const struct ctl_rollout_host *host);

/* Before the first wave: what all hosts have now is added to what they had. Within a turn. */
int ctl_gate_panel_take_base(struct ctl_gate_panel *panel, struct ctl_store *store, uint32_t gate,
                             struct bl_mono now, struct bl_error *err) BL_CHECKED;

/*
 * `since`, of each host: since when it has been seen upgraded, ms 0 = it is not. What a figure was
 * counted over must lie behind that: a package run keeps a host busy.
 * `ret_note`: the numbers, and who.
 */
void ctl_gate_panel_measure(const struct ctl_gate_panel *panel, const struct bl_mono *since,
                            struct bl_mono now, struct ctl_gate_measurement *ret_measured,
                            char *ret_note, uint32_t note_bytes);

#endif
