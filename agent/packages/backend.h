/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_BACKEND_H
#define AGENT_PACKAGES_BACKEND_H

#include "agent/packages/changes.h"
#include "agent/packages/half.h"
#include "agent/packages/index_age.h"
#include "agent/packages/job.h"
#include "agent/packages/keys.h"
#include "agent/packages/way_back.h"

/*
 * What a package manager must be able to do for a job. The phases (agent/txn/phase.c) call these in
 * order; a backend knows nothing of phases. Every failure names itself with agent_packages_fail.
 * All may be called again after an interruption at any point.
 */
struct agent_packages_backend {
    const char *name;
    const char *audit_remedy; /* what a person does about half done packages */

    /* The private places below job->cache_dir; cheap when they are there. */
    int (*prepare)(struct agent_packages_job *job, struct bl_error *err);
    /* Nobody works on the package database, or -EAGAIN. `end_own`: see agent/packages/process.h. */
    int (*await_lock)(struct agent_packages_job *job, bool end_own, struct bl_error *err);
    /*
     * Can the package database be trusted at all? 1; 0: nobody can tell while another program works on
     * it; -EUCLEAN. Only looked at. NULL: audit tells.
     */
    int (*verify)(struct agent_packages_job *job, struct bl_error *err);
    /* Is nothing half done in the package database? */
    int (*audit)(struct agent_packages_job *job, bool *ret_clean, struct bl_error *err);
    /* What is half done, by name. May find nothing though the audit complains: damage has no name. */
    int (*half_done)(struct agent_packages_job *job, struct agent_packages_halves *ret_halves,
                     struct bl_error *err);
    /* The plans that follow are made as if it were whole. NULL: they can be made as it is. */
    int (*assume_whole)(struct agent_packages_job *job, struct bl_error *err);
    /* Brings that to its end, as the interrupted run would have; the audit tells how it went. */
    const char *repair_words; /* what is tried */
    int (*repair)(struct agent_packages_job *job, const struct agent_packages_halves *halves,
                  struct bl_error *err);
    /* Fresh metadata, in a place of our own. */
    int (*refresh)(struct agent_packages_job *job, struct bl_error *err);
    /* What task->packages would do here, sorted. Held packages stay and are noted. */
    int (*resolve)(struct agent_packages_job *job, const struct agent_txn_task *task,
                   struct agent_packages_changes *ret_changes, struct bl_error *err);
    /*
     * Notes, for people who preview, for which former packages there would be no way back. NULL where
     * they can always be had.
     */
    int (*foresee)(struct agent_packages_job *job, const struct agent_packages_changes *changes,
                   struct bl_error *err);
    const struct agent_packages_keys *keys;
    const struct agent_packages_index_place *indexes;
    bool can_replace_conffiles;
    /* The new packages, verified, synced, in packages/. */
    int (*fetch)(struct agent_packages_job *job, const struct agent_packages_changes *changes,
                 struct bl_error *err);
    /* Everything that restore needs, synced, in the job's directory; the record is not saved. */
    int (*collect)(struct agent_packages_job *job, const struct agent_txn_task *task,
                   const struct agent_packages_changes *changes,
                   struct agent_packages_way_back *ret_way_back, struct bl_error *err);
    /* Both directions, simulated, with exactly the files of the job. */
    int (*rehearse)(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                    struct bl_error *err);
    /* The change, in one transaction. Good only when the packages are exactly as staged. */
    int (*apply)(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                 struct bl_error *err);
    /* The way back. Heals first; good only when everything is exactly as it was. */
    int (*restore)(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                   struct bl_error *err);
    /* What is installed of `names`, each version of it, into the inventory; no marks. */
    int (*installed)(struct agent_packages_job *job, const struct proto_package *names,
                     uint32_t names_count, struct bl_error *err);
    /* Inventory and configuration files of these packages into job->result. */
    int (*inspect)(struct agent_packages_job *job, const struct agent_packages_changes *changes,
                   bool verify_files, struct bl_error *err);
};

extern const struct agent_packages_backend agent_packages_apt;
extern const struct agent_packages_backend agent_packages_dnf;

#endif
