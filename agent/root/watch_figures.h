/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_WATCH_FIGURES_H
#define AGENT_ROOT_WATCH_FIGURES_H

#include "agent/core/figure_watch.h"
#include "agent/root/watch.h"

/*
 * Watches the figures that a plan names, from the end of the change on. What was counted lies in
 * /run, of this boot and job: an agent that starts anew goes on with it, and the time in between is
 * a gap.
 */
struct agent_watch_figures;

/* Borrows all of them for its life. NULL with 0: the plan names no figures. */
int agent_watch_figures_start(struct agent_host *host, const struct agent_work *work,
                              const struct agent_watch_handler *handler,
                              struct agent_watch_figures **ret_figures, struct bl_error *err)
    BL_CHECKED;
struct agent_watch_figures *agent_watch_figures_free(struct agent_watch_figures *figures);

/* What a rule asks for, and what it is compared with: `before` NULL when that is not known. */
void agent_watch_figures_limit(const struct proto_figure_rule *rule, const uint64_t *before,
                               struct agent_figure_limit *ret_limit);

/* How often a host is sampled for these rules, and what counts as a gap then. */
int64_t agent_watch_figures_every_ms(const struct proto_figure_rule *rules, uint32_t count);

/* "cpu was above 90.0% for 1m0s without a good sample, up to 97.2%". */
void agent_watch_figures_describe(const struct proto_figure_rule *rule,
                                  const struct agent_figure_limit *limit,
                                  const struct agent_figure_watch *watch, char *ret_text,
                                  size_t text_bytes);

/* ---- what was counted, on its way over a restart: watch_figures_record.c ---- */
struct agent_watch_figures_record {
    const char *job; /* id_text */
    struct agent_figure_watch *watches;
    uint32_t watches_count;
};

void agent_watch_figures_save(const char *run_dir, const struct agent_watch_figures_record *record);
/* False: there is none of this job and so many rules, or it is not of this boot. */
bool agent_watch_figures_load(const char *run_dir, const char *job, struct bl_mono now,
                              struct agent_figure_watch *watches, uint32_t count);

#endif
