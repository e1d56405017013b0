/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_WATCH_H
#define AGENT_ROOT_WATCH_H

#include "agent/root/host.h"
#include "agent/root/job.h"

/*
 * Watches a host that serves after its change, from `probation` until nothing but giving back the
 * silence timer is left: units of the plan and those of the baseline, and the kernel's log; and the
 * plan's figures (watch_figures.h). It
 * keeps nothing that a restart of the agent would lose but which units were not up a moment ago.
 * What could not be looked at is looked at again; the last look, VERIFY's, must have succeeded.
 */
struct agent_watch;

struct agent_watch_handler {
    void *userdata;
    /* Something that counts. The watch may be stopped in here. */
    void (*found)(void *userdata, enum proto_grade grade, const char *code, const char *reason);
};

/* Borrows both for its life. Watches nothing yet. */
int agent_watch_new(struct agent_host *host, const struct agent_watch_handler *handler,
                    struct agent_watch **ret_watch, struct bl_error *err) BL_CHECKED;
struct agent_watch *agent_watch_free(struct agent_watch *watch);

/*
 * Begins, goes on or stops as the job is now; `work` NULL: stops. Borrows it while it watches. To be
 * called after every step of the job.
 */
void agent_watch_follow(struct agent_watch *watch, const struct agent_work *work);

#endif
