/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_HOSTS_H
#define TESTS_SIM_WORLD_HOSTS_H

#include "agent/core/figure_watch.h"
#include "agent/lease/lease.h"
#include "agent/root/job.h"
#include "agent/root/talk.h"
#include "agent/txn/task.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/laws.h"

/* Between the files that make up a simulated host; nobody else includes this. */

enum {
    SIM_FIGURE_RULES_MAX = 2,
    SIM_JOB_DIRS_MAX = 8, /* the newest and the base; more of orders whose record failed */
    SIM_UNITS_MAX = 4,
    SIM_JOB_ID_BYTES = AGENT_TXN_JOB_CHARS + 1,
};

/* ---- what lies on the disk besides the journal ---- */

/* Task, started and result of one phase; each is durable as soon as it is there. */
struct sim_phase_files {
    bool has_task, has_started, has_result;
    int64_t deadline_ms, lock_wait_ms; /* of the task; deadline 0: none */
    uint64_t attempt, result_attempt;
    enum proto_result result;
    const char *code; /* static */
};

/* /var/lib/belay/jobs/JOB */
struct sim_job_dir {
    uint32_t number; /* 0: free. Never used again on this host. */
    char id[SIM_JOB_ID_BYTES];
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    struct sim_phase_files phases[AGENT_TXN_PHASE_LAST + 1];
    bool has_baseline;
    bool is_way_back_complete; /* what RESTORE needs is there */
    bool says_way_back;        /* what the result of the staging says of it */
    uint64_t old_version, new_version;
    int64_t change_ended_ms; /* world time; 0: not yet */
};

/* What apt and dpkg have made of the host. */
struct sim_installed {
    uint64_t version;
    bool is_mixed;
    bool is_broken; /* its service does not come up */
    bool cuts_off;  /* it breaks the host's network */
};

struct sim_lease_record {
    bool is_held;
    char job[AGENT_LEASE_JOB_BYTES];
    char boot_id[BL_BOOT_ID_BYTES];
    int64_t taken_ms, until_ms;
    uint64_t until_mono_ms;
};

struct sim_host_disk {
    struct sim_job_dir dirs[SIM_JOB_DIRS_MAX];
    uint32_t last_number;
    struct sim_installed installed;
    struct sim_lease_record leases[SIM_LEASE_LAST + 1];
    struct sim_lease_record going_back; /* belay-silence found no agent */
    bool has_ssh_drop_in;
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]; /* of the newest job of the journal */
    uint32_t job_state;
};

/* ---- what runs ---- */

enum sim_unit_state {
    SIM_UNIT_NONE = 0,
    SIM_UNIT_STARTING,
    SIM_UNIT_STAGING,
    SIM_UNIT_AWAITS_LOCK,
    SIM_UNIT_CHANGING, /* its package run is under way */
    SIM_UNIT_SAVING,
};

/* belay-txn@JOB-PHASE.service */
struct sim_unit {
    struct sim_host *host;
    enum sim_unit_state state;
    uint32_t dir;
    enum agent_txn_phase phase;
    int64_t began_ms;
    sim_ticket ticket, death;
    struct sim_phase_files outcome; /* to be saved */
};

/* A run of the package manager: it may outlive the unit that began it. */
struct sim_package_run {
    bool is_running;
    uint32_t dir;
    enum agent_txn_phase phase;
    const char *failure; /* static; NULL: it will go well */
    int64_t ends_ms;
    sim_ticket ticket;
};

struct sim_courier {
    bool is_running;
    bool has_agent; /* courier.sock is connected */
    bool is_link_begun, is_link_up;
    uint64_t generation; /* of the connection that stands, or stood last */
    int64_t up_ms;       /* world time at which it came up */
    sim_ticket ticket;   /* of its restart, or of its next try to reach the agent */
    sim_ticket redial;
    sim_ticket room;          /* it takes no report until then */
    struct sim_frame *frames; /* on their way to the agent, oldest first */
    sim_ticket delivery;
};

struct sim_agent {
    struct sim_process process;
    bool is_running, is_ready;
    struct agent_host host;
    struct agent_wire *wire;
    struct agent_talk *talk;
    struct agent_jobs *jobs;
    struct agent_jobs_handler handler;
    char state_dir[32];
    uint64_t sent_seq; /* the last report that went to the courier on this connection */
    sim_ticket restart, person, release;
    uint32_t failed_starts;
};

/* A timer of PID 1 that starts a tool, and again a minute after each end of it until disarmed. */
struct sim_lease_timer {
    bool is_armed;
    sim_ticket ticket;
};

/* What a job that was staged here stands between; kept when its files are long gone. */
struct sim_staged {
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint64_t old_version, new_version;
};

/* How busy its processors are, and what its samples add up to. */
struct sim_figure {
    int64_t bad_from_ms, bad_until_ms;
    int64_t seen_ms, bad_ms; /* of the newest job, as `verify.figures` counts */
    int64_t worst_ms;        /* the longest; who is held goes back for it much later */
    bool was_bad;
    char job[SIM_JOB_ID_BYTES];
    char saved_job[SIM_JOB_ID_BYTES];
    struct agent_figure_watch saved[SIM_FIGURE_RULES_MAX];
    uint32_t saved_count;
};

struct sim_host {
    uint32_t index;
    struct sim_machine *machine;
    uint8_t id[PROTO_HOST_ID_BYTES];
    const struct proto_trust *trust;
    struct sim_host_truth truth;
    struct sim_host_disk disk;
    /* From here on: memory and /run, gone with the power. */
    bool are_jobs_paused;
    bool has_job_mark, is_restart_wanted;
    struct sim_figure figure;
    sim_ticket late; /* its service breaks while it serves */
    struct sim_unit units[SIM_UNITS_MAX];
    struct sim_package_run run;
    struct sim_lease_timer timers[SIM_LEASE_LAST + 1];
    struct sim_tool *tools;
    struct agent_units *calls; /* what the agent of now asked of PID 1 */
    struct sim_agent agent;
    struct sim_courier courier;
    /* Of the machine. */
    bool is_stopping; /* an orderly reboot is under way */
    bool is_down_until_calm;
    uint32_t boots_to_break;
    int64_t stops_by_ms;
    sim_ticket power; /* what comes next: the boot, a step of it, the end of the shutdown */
    struct sim_disk *snapshot;
    struct sim_host_disk snapshot_disk;
    bool was_controller_missing; /* when the witnesses were asked last */
    struct sim_staged *staged;
    size_t staged_count, staged_capacity;
    uint64_t jobs, records;
};

struct sim_host *sim_host(uint32_t index);
/* Whose real code runs now. */
struct sim_host *sim_here(void);
/* As the packages are to this rollout's job; old to one that was never staged. */
enum sim_packages sim_host_packages(const struct sim_host *h, const uint8_t *rollout_id);
bool sim_host_is_healthy(const struct sim_host *h, const uint8_t *rollout_id);
void sim_host_note_staged(struct sim_host *h, const struct sim_job_dir *dir);

/* ---- figures.c ---- */
/* From some time of the watch on, for a while. */
void sim_figure_gets_bad(struct sim_host *h, int64_t watch_ms);
/* What /run remembered is gone; what is only for the laws stays. */
void sim_figure_forget(struct sim_host *h);

/* ---- looks.c ---- */
/* What is drawn while a host serves and is watched was added later, and moves no other draw. */
enum sim_draw sim_look_draw(struct sim_host *h);

/* ---- agent.c: belay-agent and its unit ---- */
void sim_agent_start_after(struct sim_host *h, int64_t after_ms);
/* Starts it unless it runs; true when it is ready. */
bool sim_agent_raise(struct sim_host *h);
/* systemd stops it, and does not start it again. */
void sim_agent_stop(struct sim_host *h);
void sim_agent_restart(struct sim_host *h);
/* The journal failed: a person comes, looks at the disk and restarts it. */
void sim_agent_call_person(struct sim_host *h);
void sim_agent_release_later(struct sim_host *h);

/* ---- courier.c ---- */
void sim_courier_start_after(struct sim_host *h, int64_t after_ms);
void sim_courier_stop(struct sim_host *h, bool is_silent);
void sim_courier_agent_ready(struct sim_host *h);
void sim_courier_agent_gone(struct sim_host *h);

/* ---- files.c: job directories ---- */
struct sim_job_dir *sim_dir_find(struct sim_host *h, const char *id);
struct sim_job_dir *sim_dir_of_number(struct sim_host *h, uint32_t number);
struct sim_job_dir *sim_dir_of_rollout(struct sim_host *h, const uint8_t *rollout_id);

/* ---- runs.c: txn units and package runs ---- */

/* Starts or joins; NULL when PID 1 refuses. */
struct sim_unit *sim_unit_run(struct sim_host *h, const char *id, uint32_t phase);
struct sim_unit *sim_unit_find(struct sim_host *h, const char *id, uint32_t phase);
/* One that must not be broken off is under way. */
bool sim_units_are_changing(const struct sim_host *h);
/* All are gone at once: the machine is. */
void sim_units_cut(struct sim_host *h);
void sim_units_kill_one(struct sim_host *h);

/* ---- units.c: what the agent asks of PID 1 ---- */
void sim_units_tell_end(struct sim_host *h, const char *id, uint32_t phase, bool is_good);

/* ---- leases.c ---- */
void sim_leases_cut(struct sim_host *h);
void sim_timer_ended(struct sim_host *h, enum sim_lease lease);

/* ---- tool.c: belay-lease and belay-silence, which wait while they run ---- */
enum sim_tool_kind {
    SIM_TOOL_RELEASE_SSH = SIM_LEASE_SSH,
    SIM_TOOL_RELEASE_JOBS = SIM_LEASE_JOBS,
    SIM_TOOL_SILENCE = SIM_LEASE_SILENCE,
    SIM_TOOL_BOOT,
};
void sim_tool_start(struct sim_host *h, enum sim_tool_kind kind);
/* NULL when the code that runs now is no tool's. */
struct sim_tool *sim_tool_here(void);
/* Inside of a tool: the world goes on for so long. */
void sim_tool_pass(struct sim_tool *tool, int64_t ms);
/* 0, or below 0 when the unit's job failed. */
int sim_tool_start_agent(struct sim_tool *tool, int64_t timeout_ms);
int sim_tool_run_unit(struct sim_tool *tool, const char *id, uint32_t phase);
void sim_tools_tell_end(struct sim_host *h, const char *id, uint32_t phase, bool is_good);
void sim_tools_cut(struct sim_host *h);
/* The boot's own tool has ended: the rest of the system starts. */
void sim_host_boot_on(struct sim_host *h);

#endif
