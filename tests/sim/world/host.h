/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_HOST_H
#define TESTS_SIM_WORLD_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ids.h"
#include "proto/trust.h"
#include "tests/sim/world/world.h"

/*
 * The simulated hosts: a model of packages, services, boot, SSH, cron and systemd's units and
 * timers, with the real shell of belay-agent on it. Replaced for it when the simulator is linked:
 * agent_wire_* (the courier is a process of its own in the model), agent_op_*, agent_witnesses_ask
 * and _free, agent_query_*, agent_facts_read, agent_trust_load, agent_txn_job_make, agent_prune_jobs.
 */

/* Makes all hosts, enrolled and with the trust file, and boots them. */
void sim_hosts_open(void);
void sim_hosts_close(void);
/* Every machine that can be up is, no job is open, nothing is switched off. */
bool sim_hosts_are_quiet(void);
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
    SIM_RESCUE_UNLOCK, /* gives the leases back, whatever runs */
};
/* As `belay-rescue` on the host; false when nobody answers there. */
bool sim_host_rescue(uint32_t host, enum sim_rescue button);

/* The trust file of the host is another one from now on (a person's key was revoked). Borrowed for good. */
void sim_host_set_trust(uint32_t host, const struct proto_trust *trust);

#endif
