/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_FAULT_H
#define TESTS_SIM_WORLD_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Everything that may go wrong. Each kind has a rate that the seed chose (many are 0 in any one
 * world), each opportunity has a name that does not depend on what else happened, and each that
 * happened is listed, so that a failing world can be run again with a few of its faults only.
 */
#define SIM_FAULTS(X)                                                            \
    X(AGENT_KILLED, "agent killed") /* at any effect */                          \
    X(COURIER_KILLED, "courier killed")                                          \
    X(BELAYD_KILLED, "belayd killed") /* at any effect */                        \
    X(UNIT_KILLED, "unit killed")     /* a package run or probe in the middle */ \
    X(POWER_CUT, "power cut")         /* of a host, what was unsynced may go */  \
    X(CONTROLLER_POWER_CUT, "controller power cut")                              \
    X(CONTROLLER_AWAY, "controller away") /* down for up to hours */             \
    X(REBOOT, "reboot")                                                          \
    X(REBOOT_LOOP, "reboot loop") /* several boots that break off */             \
    X(BOOT_NEVER, "boot that never comes")                                       \
    X(SYNC_FAILED, "failed fsync")                                               \
    X(DISK_FULL, "disk full")                                                    \
    X(READ_FAILED, "read error")                                                 \
    X(WRITE_FAILED, "write error")                                               \
    X(MESSAGE_LOST, "message lost")                                              \
    X(MESSAGE_DOUBLED, "message doubled")                                        \
    X(MESSAGE_SWAPPED, "message reordered")                                      \
    X(MESSAGE_DELAYED, "message delayed")                                        \
    X(PARTITION, "partition") /* both ways, 0.1 s to 30 days */                  \
    X(PARTITION_UP, "partition host to controller")                              \
    X(PARTITION_DOWN, "partition controller to host")                            \
    X(LINK_RESET, "connection reset")                                            \
    X(CLOCK_JUMPED, "clock jumped")                                              \
    X(CLOCK_STOPPED, "clock stopped")                                            \
    X(CLOCK_YEARS_OFF, "clock years off")                                        \
    X(SNAPSHOT_RESTORED, "snapshot restored")                                    \
    X(HOST_CLONED, "host cloned") /* a second machine with its key */            \
    X(CHILD_HANGS, "child hangs") /* a unit that ends only at its deadline */    \
    X(CHILD_LIES, "child lies")   /* says OK and did not, or the reverse */      \
    X(CHILD_DIES, "child dies")                                                  \
    X(CHANGE_BREAKS_SERVICE, "change breaks a service")                          \
    X(CHANGE_FAILS, "change fails") /* postinst and the like */                  \
    X(CHANGE_CUTS_OFF, "change cuts the host off")                               \
    X(WAY_BACK_FAILS, "way back fails")                                          \
    X(RELEASE_FAILS, "giving back fails")                                        \
    X(STAGE_FAILS, "staging fails")                                              \
    X(PROBE_FAILS, "probe fails")                                                \
    X(KEY_REVOKED, "person's key revoked")                                       \
    X(HOST_REVOKED, "host revoked")                                              \
    X(PERSON_PAUSES, "person pauses")                                            \
    X(PERSON_RESUMES, "person resumes")                                          \
    X(PERSON_ABORTS, "person aborts")                                            \
    X(PERSON_ROLLS_BACK, "person rolls back")                                    \
    X(PERSON_ROLLS_BACK_WAVE, "person rolls back a wave")                        \
    X(PERSON_ROLLS_BACK_HOST, "person rolls back a host")                        \
    X(PERSON_RESCUES, "person at the rescue socket")                             \
    X(PERSON_SUBMITS_TWICE, "person submits again")                              \
    X(FORGED_ORDER, "forged order") /* by who holds the controller */            \
    X(AGENT_UPGRADED, "agent upgraded")                                          \
    X(SAME_TICK, "deadline in the tick of its answer")                           \
    X(POWER_CUT_WRITING, "power cut while writing") /* at a write or a sync */   \
    X(PERSON_ROLLS_BACK_FORMER, "person rolls a host back in an older rollout")  \
    X(FORGED_AIMED, "forged order that nearly fits")                             \
    X(COURIER_FULL, "courier takes no more")                                     \
    X(FORGED_ACK, "forged acknowledgement") /* of a report that was not sent */  \
    X(WAY_BACK_LIES, "way back says it worked and did not")                      \
    X(SERVICE_BREAKS_LATE, "service breaks while the host serves")               \
    X(FIGURE_GETS_BAD, "figure gets bad while the host serves")                  \
    X(PLAN_WINDOWS, "plan with windows")                                         \
    X(PLAN_APPROVALS, "plan whose waves need approvals")                         \
    X(PLAN_ASKS, "plan that asks people after a severe failure")                 \
    X(PERSON_FREEZES, "person freezes the controller")                           \
    X(PERSON_UNFREEZES, "person ends the freeze")                                \
    X(PERSON_APPROVES, "person approves a wave")                                 \
    X(PERSON_ANSWERS, "person answers a severe failure")                         \
    X(FORGED_APPROVAL, "approval or answer that is not good")                    \
    X(PERSON_DENIES, "person denies a version")                                  \
    X(CHANGE_BREAKS_MORE, "change breaks a service once more")                   \
    X(PLAN_GATES, "plan with gates")                                             \
    X(GATE_BAD, "measurement is bad")                                            \
    X(GATE_UNSURE, "measurement is neither good nor bad")                        \
    X(GATE_STALE, "measurement is missing or old")                               \
    X(GATE_FAILS, "who measures dies, answers twice or nonsense")                \
    X(GATE_SLOW, "who measures does not end in time")                            \
    X(PERSON_ANSWERS_SOON, "person does soon what is waited for")                \
    X(WORD_NEARLY_FITS, "word of somebody who nearly may say it")                \
    X(PLAN_SAMPLE, "plan that verifies a part of each wave more closely")        \
    X(PLAN_HOOKS, "plan with programs for a severe failure")                     \
    X(HOOK_FAILS, "program for a severe failure fails")                          \
    X(HOOK_HANGS, "program for a severe failure does not end in time")           \
    X(PLAN_SPREAD, "plan whose waves are spread over a label")

enum sim_fault {
#define X(name, text) SIM_FAULT_##name,
    SIM_FAULTS(X)
#undef X
    SIM_FAULT_COUNT,
};

enum {
    /* The kinds of the first worlds. Those after them draw apart, so that a world without them is as it was. */
    SIM_FAULT_FIRST_KINDS = SIM_FAULT_POWER_CUT_WRITING + 1,
};

/* Which opportunity: the n-th of this kind for this machine. */
struct sim_fault_id {
    uint32_t fault; /* enum sim_fault */
    uint32_t machine;
    uint32_t number;
};

struct sim_fault_done {
    struct sim_fault_id id;
    int64_t at_ms;
};

/* An opportunity: true when it shall happen now. Never in a calm world. Counts and lists it. */
bool sim_fault(enum sim_fault fault, uint32_t machine);

const char *sim_fault_name(enum sim_fault fault);

/* What happened so far, in order; borrowed. */
const struct sim_fault_done *sim_fault_list(uint32_t *ret_count);

#endif
