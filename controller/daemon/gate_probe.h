/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_GATE_PROBE_H
#define CTL_DAEMON_GATE_PROBE_H

#include "controller/core/gate.h"
#include "controller/daemon/run.h"
#include "controller/outside/hook.h"

/* How one measurement is asked for, and what the answer says: belay-gate, or a program of the administrator. */

/* `program` is belay-gate; `prometheus` the URL when the gate names none. */
int ctl_gate_probe_start(sd_event *event, const char *program, const char *prometheus,
                         const struct proto_policy_gate *gate, ctl_child_fn ended, void *userdata,
                         struct ctl_child **ret_child, struct bl_error *err) BL_CHECKED;
/* `ret_note`: what was said besides the number, fit for people; may be "". */
void ctl_gate_probe_read(const struct ctl_child_end *end, struct ctl_gate_measurement *ret_measured,
                         char *ret_note, size_t note_bytes);

int ctl_gate_probe_command(sd_event *event, const struct ctl_hook_places *places,
                           const struct proto_policy_gate *gate, const struct ctl_run *run,
                           ctl_hook_fn ended, void *userdata, struct ctl_hook_run **ret_run,
                           struct bl_error *err) BL_CHECKED;
/* Ended with 0: good, or the number on its last line. 1: bad. 21: it can't tell. All else: an error. */
void ctl_gate_probe_read_command(const struct proto_policy_gate *gate,
                                 const struct ctl_hook_end *end,
                                 struct ctl_gate_measurement *ret_measured, char *ret_note,
                                 size_t note_bytes);

#endif
