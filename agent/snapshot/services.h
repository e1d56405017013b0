/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_SERVICES_H
#define AGENT_SNAPSHOT_SERVICES_H

#include "agent/packages/way_back.h"
#include "agent/snapshot/list.h"

/*
 * The services that run on what goes back. They must not write to it meanwhile, nor write out
 * the new version's data afterwards when they are ended; and packages' own scripts, which restart
 * services in the way back by packages, do not run here.
 */

struct agent_snapshot_services {
    struct proto_text *names;
    uint32_t names_count;
};

/* "/system.slice/demo.service" -> "demo.service"; false for what is in no service of the system. */
bool agent_snapshot_service_of(const char *cgroup, char *ret_name, size_t size_bytes);

/*
 * What to do with a service: `end` before its files go back and start afterwards; `restart` only
 * afterwards, since the host is reached or looked at by it; nothing, since the host stands on it.
 */
enum agent_snapshot_treatment {
    AGENT_SNAPSHOT_LEAVE = 1,
    AGENT_SNAPSHOT_RESTART,
    AGENT_SNAPSHOT_END,
};
enum agent_snapshot_treatment agent_snapshot_treat(const char *service);

/*
 * Ends those that belong to a changed package, run a file of the list, or have one open for
 * writing. Which they are is in the job's directory first, so that an interruption forgets none.
 */
int agent_snapshot_services_end(struct agent_packages_job *job, bool is_apt,
                                const struct agent_packages_way_back *way_back,
                                const struct agent_snapshot_list *list, struct bl_error *err)
    BL_CHECKED;

/* Makes systemd read its units anew, and starts them again. A failure is a note: PROVE looks. */
void agent_snapshot_services_begin(struct agent_packages_job *job,
                                   const struct agent_snapshot_list *list);

#endif
