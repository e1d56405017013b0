/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_HOST_H
#define TESTS_SIM_WORLD_HOST_H

#define SIM_SAMPLE_UNIT "exim4.service" /* hosts of a sample verify it besides */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ids.h"
#include "proto/trust.h"
#include "tests/sim/world/world.h"

/*
 * The simulated hosts: a model of packages, services, boot, SSH, cron and systemd's units and
 * timers, with the real belay-agent on it (talk, order, job, journal, phase, witnesses, most
 * operations, all but its main file) and the real belay-lease and belay-silence. Replaced for it
 * when the simulator is linked, as whole source files: agent/root/ wire, units, probe, query, facts,
 * trust, prune, ops/look, ops/baseline, ops/precheck, and agent/lease/ manager, ssh_lock, quiesce;
 * and the functions that read and write job directories and lease records.
 */

/* Makes all hosts, enrolled and with the trust file, and boots them. */
void sim_hosts_open(void);
void sim_hosts_close(void);
/* Every machine that can be up is, no job is open, nothing is switched off. */
bool sim_hosts_are_quiet(void);
/* Tells the laws which agents still have something to report. At the end only: it reads their disks. */
void sim_hosts_tell_outboxes(void);
/* Jobs taken and journal records written, over the whole run. */
void sim_hosts_count(uint64_t *ret_jobs, uint64_t *ret_records);

/* Identity and state, for the other side and for laws. */
const uint8_t *sim_host_id(uint32_t host);

enum sim_packages {
    SIM_PACKAGES_OLD = 1,
    SIM_PACKAGES_MIXED, /* half done */
    SIM_PACKAGES_NEW,
};

struct sim_host_truth {
    enum sim_packages packages;
    bool is_service_running;
    bool is_ssh_locked, are_jobs_paused, is_silence_armed;
    bool is_way_back_complete; /* of the job last staged, on this disk */
    bool is_cut_off;           /* by the change: no packet gets out */
    bool is_unit_running;      /* a package run */
    /* The newest job of the durable journal; state 0: none. */
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint32_t job_state;
};
const struct sim_host_truth *sim_host_truth(uint32_t host);

/* ---- called by the network ---- */

/* The courier's connection stands; `generation` is what it dialled with. */
void sim_host_link_up(uint32_t host, uint64_t generation);
/* A send that failed with -EAGAIN may be tried again. */
void sim_host_link_writable(uint32_t host, uint64_t generation);
/* It ended, and the host's end has noticed. */
void sim_host_link_lost(uint32_t host, uint64_t generation);
void sim_host_receive(uint32_t host, uint64_t generation, const void *data, size_t size_bytes);

/* ---- called by people ---- */

enum sim_rescue {
    SIM_RESCUE_HOLD = 1,
    SIM_RESCUE_RELEASE,
    SIM_RESCUE_REVERT,
    SIM_RESCUE_CANCEL,
    SIM_RESCUE_UNLOCK, /* opens SSH, whatever runs */
    SIM_RESCUE_LAST = SIM_RESCUE_UNLOCK,
};
/* As `belay-rescue` on the host; false when nobody answers there. */
bool sim_host_rescue(uint32_t host, enum sim_rescue button);

/* The trust file of the host is another one from now on (a person's key was revoked). Borrowed for good. */
void sim_host_set_trust(uint32_t host, const struct proto_trust *trust);

/* The trust file that it has; NULL before it booted. */
const struct proto_trust *sim_host_trust(uint32_t host);

/* ---- called by fates; what makes no sense at the moment does nothing ---- */

bool sim_host_has_job(uint32_t host); /* an open one, in its journal */
void sim_host_kill_agent(uint32_t host);
void sim_host_kill_courier(uint32_t host);
/* A belay-txn in the middle; what it started may go on. */
void sim_host_kill_unit(uint32_t host);
/* The agent's package is upgraded: it is restarted now, or at the end of the job. */
void sim_host_upgrade_agent(uint32_t host);
void sim_host_power_cut(uint32_t host);
void sim_host_reboot(uint32_t host);
void sim_host_reboot_loop(uint32_t host);
/* It goes down and stays down until faults have stopped. */
void sim_host_boot_never(uint32_t host);
void sim_host_take_snapshot(uint32_t host);
/* The machine goes back to its last snapshot, and boots. */
void sim_host_restore_snapshot(uint32_t host);

#endif
