/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_TOOLS_H
#define AGENT_PACKAGES_TOOLS_H

#include "agent/packages/changes.h"
#include "agent/packages/command.h"
#include "agent/packages/line.h"
#include "agent/packages/paths.h"
#include "agent/packages/progress.h"
#include "agent/packages/repository_fault.h"
#include "agent/packages/way_back.h"

/*
 * What the package managers have in common: fetching, collecting the way back, the change and the
 * way back go the same way, step by step. Where they differ, they are asked through struct
 * agent_packages_tools.
 */

/* What a package file says of itself. */
struct agent_packages_file {
    const char *name, *version, *arch;
    uint64_t installed_kib;
    uint64_t size_bytes;
};

/* One exact package file. */
struct agent_packages_wanted {
    const char *name, *arch, *version;
};

/* Where the packages stand: is the version `from` (before) or `to` (after)? */
enum agent_packages_side {
    AGENT_PACKAGES_BEFORE = 1,
    AGENT_PACKAGES_AFTER,
};
struct agent_packages_standing {
    bool is_before, is_after;
    const char *words; /* what it is now: "installed 2.0" */
};

struct agent_packages_restoration;

struct agent_packages_tools {
    int (*refresh_anew)(struct agent_packages_job *job, struct bl_error *err);
    const char *download_words; /* "apt-get download" */
    const char *change_words;   /* "apt-get install" */
    const char *audit_remedy;   /* what shows half done packages: "see `dpkg --audit`" */
    const char *former_remedy;  /* how a person provides a former package that is nowhere */

    /* The name that the package manager's downloads give to this package's file. */
    int (*file_name)(struct agent_packages_job *job, const struct agent_packages_wanted *wanted,
                     const char **ret_name, struct bl_error *err);
    /* -EBADMSG when it is no package. */
    int (*read_file)(struct agent_packages_job *job, const char *path,
                     struct agent_packages_file *ret_file, struct bl_error *err);
    /*
     * Fetches into `incoming` (absolute, empty) and checks against the signed metadata. `former`:
     * they are installed now. What the repositories do not have just does not come.
     */
    int (*download)(struct agent_packages_job *job, const struct agent_packages_wanted *wanted,
                    uint32_t wanted_count, bool former, const char *incoming,
                    struct agent_packages_output *ret_output, struct bl_error *err);
    /* Where the sum of what it downloads shows in what it prints; NULL: it is not there. */
    agent_packages_parse_download_size parse_download_size;
    /* Directories of the host that may hold former packages; may add none. */
    int (*list_caches)(struct agent_packages_job *job, struct agent_packages_paths *paths,
                       struct bl_error *err);
    /*
     * Which of these, that are installed now, do the repositories offer? Reads the metadata only.
     * NULL where `rebuild` makes what is not offered.
     */
    int (*find_offered)(struct agent_packages_job *job, const struct agent_packages_wanted *wanted,
                        uint32_t wanted_count, bool *ret_offered, struct bl_error *err);
    /* Makes the package of the installed files, in way-back/: 1, or 0 when that cannot be done. */
    int (*rebuild)(struct agent_packages_job *job, const struct agent_packages_wanted *wanted,
                   struct bl_error *err);
    /* All configuration files that the change may touch, sorted. */
    int (*conffiles)(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                     struct agent_packages_paths *ret_paths, struct bl_error *err);

    /* One standing for each package of the way back. */
    int (*stand)(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                 struct agent_packages_standing *ret_standings, struct bl_error *err);
    int (*rehearse_forward)(struct agent_packages_job *job,
                            const struct agent_packages_way_back *way_back, struct bl_error *err);
    /* Runs the change; what it says is judged by the shared part and by `blame`. */
    agent_packages_parse_progress parse_progress;
    int (*change)(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                  int status_fd, struct agent_packages_output *ret_output, struct bl_error *err);
    /* A failure that the tool tells of but its exit code does not: true, and how to blame it. */
    bool (*has_failed)(const struct agent_packages_output *output);
    /* Turns a tool's failure into the job's: code, remedy and the line that says why. */
    int (*blame)(struct agent_packages_job *job, const char *what,
                 const struct agent_packages_output *output, struct bl_error *err);
    int (*audit)(struct agent_packages_job *job, bool *ret_clean, struct bl_error *err);
    /* Gives the marks as they belong to that side. */
    int (*set_marks)(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                     enum agent_packages_side side, struct bl_error *err);
    /* The steps of the way back, in order, ended with NULL; a failure of one does not stop the next. */
    int (*const *restore_steps)(struct agent_packages_restoration *restoration,
                                struct bl_error *err);
};

/* A tool was not done when its time was over; `at` is what it was doing, length 0 when nobody knows. */
int agent_packages_job_blame_late(struct agent_packages_job *job, const char *what,
                                  const struct agent_packages_line *at, struct bl_error *err)
    BL_CHECKED;

/*
 * Fresh metadata in CACHE_DIR/`directory`, by one job at a time; what is younger than a minute is
 * fresh, unless it is wanted `anew`. `update` fetches it; after -EAGAIN it is tried again.
 */
int agent_packages_refresh(struct agent_packages_job *job, const char *directory, bool anew,
                           int (*update)(struct agent_packages_job *job, int directory_fd,
                                         struct bl_error *err),
                           struct bl_error *err) BL_CHECKED;

/*
 * A mirror in the middle of its own update is given some time, a few times, and never past the
 * deadline. `attempt` counts from 0; false: it failed for good. True forgets the blame.
 */
bool agent_packages_await_retry(struct agent_packages_job *job, int attempt, struct bl_error *err);
/* -EAGAIN for a fault that passes, -EPROTO for others. */
int agent_packages_blame_repository(struct agent_packages_job *job, const char *what,
                                    const struct agent_packages_repository_fault *fault,
                                    struct bl_error *err) BL_CHECKED;

/* ---- package files (store.c) -------------------------------------------------------------- */

/* Copies `source` into the job's `directory` if it is exactly that package; -EBADMSG if not. */
int agent_packages_adopt(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                         const char *source, const struct agent_packages_wanted *wanted,
                         const char *directory, struct bl_error *err) BL_CHECKED;
/* Is there a file in the job's `directory` under this package's name? 1 or 0. */
int agent_packages_has_file(struct agent_packages_job *job,
                            const struct agent_packages_tools *tools,
                            const struct agent_packages_wanted *wanted, const char *directory,
                            struct bl_error *err) BL_CHECKED;
/* Fetches into the job's `directory` what is not there yet; look afterwards for what did not come. */
int agent_packages_download(struct agent_packages_job *job,
                            const struct agent_packages_tools *tools,
                            const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                            bool former, struct agent_packages_output *ret_output,
                            struct bl_error *err) BL_CHECKED;
/* The new packages of the change, all of them, into packages/. */
int agent_packages_fetch(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                         const struct agent_packages_changes *changes, struct bl_error *err)
    BL_CHECKED;

/* ---- the way back is collected (collect.c) ------------------------------------------------ */

/* Was it the plan that named this package? */
bool agent_packages_is_requested(const struct agent_txn_task *task, const char *name);
/*
 * Completes a way back whose packages are described: finds their files, old and new, and keeps the
 * configuration files. Adds the sizes of the new files to the job's result.
 */
int agent_packages_collect(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                           struct agent_packages_way_back *way_back, struct bl_error *err)
    BL_CHECKED;

/*
 * Before anybody signs: a note for each package whose former version would be missing. Copies
 * nothing.
 */
int agent_packages_foresee(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                           const struct agent_packages_changes *changes, struct bl_error *err)
    BL_CHECKED;

/* ---- the change (change.c) ---------------------------------------------------------------- */

/*
 * Sets ret_off[i] for each package that is not as it should be, ret_off having room for all;
 * `*ret_words` names the first. Returns how many they are.
 */
int agent_packages_compare(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                           const struct agent_packages_way_back *way_back,
                           enum agent_packages_side side, bool *ret_off, const char **ret_words,
                           struct bl_error *err) BL_CHECKED;
/* What comes along is automatic; what the plan names is not; the rest keeps its mark. */
bool agent_packages_wants_automatic(const struct agent_packages_former *former);
/* Is the package installed on that side? */
bool agent_packages_is_there(const struct agent_packages_former *former,
                             enum agent_packages_side side);
/* The change, whole. */
int agent_packages_apply(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                         const struct agent_packages_way_back *way_back, struct bl_error *err)
    BL_CHECKED;

/* ---- the way back (restoration.c) --------------------------------------------------------- */

/*
 * The way back tries from gentle to rough, and looks at the package database after each attempt:
 * what the tools say counts for nothing. Nothing that fails here ends the way back early.
 */
struct agent_packages_restoration {
    struct agent_packages_job *job;
    const struct agent_packages_tools *tools;
    const struct agent_packages_way_back *way_back;
    bool is_unbound;   /* the phase has no deadline of its own */
    bool *off;         /* is package i not yet what it was? */
    const char *words; /* about the first that is not */
};

/* Compares with what was: how many packages are off, and which, in r->off. */
int agent_packages_restoration_look(struct agent_packages_restoration *r, struct bl_error *err)
    BL_CHECKED;
/* Runs to the log; how it ended is in the log and, what matters, in the package database. */
int agent_packages_restoration_run(struct agent_packages_restoration *r,
                                   struct agent_packages_args args, struct bl_error *err)
    BL_CHECKED;
/* The way back, whole. */
int agent_packages_restore(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                           const struct agent_packages_way_back *way_back, struct bl_error *err)
    BL_CHECKED;

#endif
