/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_HALF_H
#define AGENT_PACKAGES_HALF_H

#include "agent/packages/command.h"
#include "agent/packages/tools.h"

/* What a package manager left half done, package by package, and how it is brought to an end. */
struct agent_packages_half {
    const char *name, *arch, *version;
    const char *words;  /* for people: "demo half-configured 2.0", "demo twice: 1.0-1 and 2.0-1" */
    bool needs_archive; /* it can't be made whole without its package file */
};

struct agent_packages_halves {
    struct agent_packages_half *list;
    uint32_t count;
};

/* Puts one more behind the others; the texts are borrowed from the job's memory. */
int agent_packages_halves_add(struct agent_packages_job *job, struct agent_packages_halves *halves,
                              const struct agent_packages_half *half, struct bl_error *err)
    BL_CHECKED;

/* All their words, "; " between them, cut to the size. */
void agent_packages_halves_describe(const struct agent_packages_halves *halves, char *ret_text,
                                    size_t size_bytes);

/* One command of a repair, to the log; how it went is for the audit to say. `argv` ends with NULL. */
int agent_packages_half_run(struct agent_packages_job *job, struct agent_packages_args args,
                            struct bl_error *err) BL_CHECKED;

/*
 * Looks for these packages' files, in exactly the versions that are installed: in the caches of the
 * host, in other jobs, then in the repositories. Which were found lies in way-back/.
 */
int agent_packages_half_find_files(struct agent_packages_job *job,
                                   const struct agent_packages_tools *tools,
                                   const struct agent_packages_halves *halves, struct bl_error *err)
    BL_CHECKED;

int agent_packages_apt_half_done(struct agent_packages_job *job,
                                 struct agent_packages_halves *ret_halves, struct bl_error *err)
    BL_CHECKED;
int agent_packages_apt_assume_whole(struct agent_packages_job *job, struct bl_error *err)
    BL_CHECKED;
int agent_packages_apt_repair(struct agent_packages_job *job,
                              const struct agent_packages_halves *halves, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_half_done(struct agent_packages_job *job,
                                 struct agent_packages_halves *ret_halves, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_repair(struct agent_packages_job *job,
                              const struct agent_packages_halves *halves, struct bl_error *err)
    BL_CHECKED;

#endif
