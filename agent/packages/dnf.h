/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_DNF_H
#define AGENT_PACKAGES_DNF_H

#include "agent/packages/backend.h"
#include "agent/packages/dnf_parse.h"
#include "agent/packages/process.h"
#include "agent/packages/tools.h"

/*
 * What the parts of the dnf backend share. It works with dnf 4, by the name that no other version of
 * dnf has, and with rpm.
 *
 * Two worlds of dnf are used. "Repositories" has the host's configuration, plugins and repositories,
 * but cache, log and history lie below CACHE_DIR/dnf, so that looking changes nothing of the host's
 * dnf. "Files" has no repository, no plugin and no exclude: only the packages that are installed and
 * the files that are named, so nothing else can get in, and the change needs no network. It writes
 * the host's history, where people look for what was done; "rehearsal" is the same without that.
 */
#define AGENT_PACKAGES_DNF         "/usr/bin/dnf-3"
#define AGENT_PACKAGES_RPM         "/usr/bin/rpm"
#define AGENT_PACKAGES_RPMDB       "/usr/bin/rpmdb"
#define AGENT_PACKAGES_DNF_STATE   "/var/lib/dnf"
#define AGENT_PACKAGES_DNF_CACHE   "/var/cache/dnf"
#define AGENT_PACKAGES_DNF_PID     AGENT_PACKAGES_DNF_STATE "/rpmdb_lock.pid"
#define AGENT_PACKAGES_DNF_HISTORY "history.sqlite"

enum agent_packages_dnf_world {
    AGENT_PACKAGES_DNF_REPOSITORIES = 1,
    AGENT_PACKAGES_DNF_FILES,
    AGENT_PACKAGES_DNF_REHEARSAL,
};

int agent_packages_dnf_prepare(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

/* Begins a command line of dnf, without "-y" and without a command. */
int agent_packages_dnf_begin(struct agent_packages_job *job, enum agent_packages_dnf_world world,
                             struct agent_packages_args *args, struct bl_error *err) BL_CHECKED;

/* Where rpm has its database on this host. */
int agent_packages_dnf_database(struct agent_packages_job *job, const char **ret_path,
                                struct bl_error *err) BL_CHECKED;

/* All that rpm has installed under these names: none, one, or several of each. */
int agent_packages_dnf_installed(struct agent_packages_job *job, const char *const *names,
                                 uint32_t name_count, struct agent_packages_rpms *ret_rpms,
                                 struct bl_error *err) BL_CHECKED;
/* The one of the list that is exactly this; NULL when there is none. */
const struct agent_packages_rpm *agent_packages_dnf_find(const struct agent_packages_rpms *rpms,
                                                         const char *name, const char *arch,
                                                         const char *version);
/* Kernels and what belongs to them are there in several versions, and the keys of repositories. */
int agent_packages_dnf_may_be_many(struct agent_packages_job *job,
                                   const struct agent_packages_rpm *rpm, bool *ret_many,
                                   struct bl_error *err) BL_CHECKED;
/* The names of the packages of a way back, or of changes, for agent_packages_dnf_installed. */
int agent_packages_dnf_former_names(struct agent_packages_job *job,
                                    const struct agent_packages_way_back *way_back,
                                    const char ***ret_names, struct bl_error *err) BL_CHECKED;
int agent_packages_dnf_change_names(struct agent_packages_job *job,
                                    const struct agent_packages_changes *changes,
                                    const char ***ret_names, struct bl_error *err) BL_CHECKED;

/* Why each package is installed, by dnf's history: see agent_packages_dnf_is_automatic. */
int agent_packages_dnf_reasons(struct agent_packages_job *job, const char **ret_text,
                               struct bl_error *err) BL_CHECKED;
/* What versionlock holds: see agent_packages_dnf_is_locked. "" where there is no such plugin. */
int agent_packages_dnf_locks(struct agent_packages_job *job, const char **ret_text,
                             struct bl_error *err) BL_CHECKED;

/* Tells what the host's configuration keeps out of every resolution. */
void agent_packages_dnf_note_excludes(struct agent_packages_job *job);

/* Runs a dnf that prints its table and reads, completes and sorts what it says. */
int agent_packages_dnf_simulate(struct agent_packages_job *job, struct agent_packages_args *args,
                                struct agent_packages_changes *ret_changes, const char **ret_text,
                                struct bl_error *err) BL_CHECKED;

/* The job's files of the new packages, or the former ones of all or of those in `only`. */
int agent_packages_dnf_add_new(struct agent_packages_job *job, struct agent_packages_args *args,
                               const struct agent_packages_way_back *way_back, struct bl_error *err)
    BL_CHECKED;
/* Returns how many they are. */
int agent_packages_dnf_add_former(struct agent_packages_job *job, struct agent_packages_args *args,
                                  const struct agent_packages_way_back *way_back, const bool *only,
                                  struct bl_error *err) BL_CHECKED;
/* "NAME-VERSION.ARCH" */
int agent_packages_dnf_add_exact(struct agent_packages_job *job, struct agent_packages_args *args,
                                 const char *name, const char *version, const char *arch,
                                 struct bl_error *err) BL_CHECKED;

/* Turns a tool's failure into the job's: code, remedy and the line that says why. */
int agent_packages_dnf_blame(struct agent_packages_job *job, const char *what,
                             const struct agent_packages_output *output, struct bl_error *err)
    BL_CHECKED;

/* How the shared procedures work with dnf and rpm. */
extern const struct agent_packages_tools agent_packages_dnf_tools;
extern int (*const agent_packages_dnf_restore_steps[])(
    struct agent_packages_restoration *restoration, struct bl_error *err);

int agent_packages_dnf_file_name(struct agent_packages_job *job,
                                 const struct agent_packages_wanted *wanted, const char **ret_name,
                                 struct bl_error *err) BL_CHECKED;
int agent_packages_dnf_read_file(struct agent_packages_job *job, const char *path,
                                 struct agent_packages_file *ret_file, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_download(struct agent_packages_job *job,
                                const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                                bool former, const char *incoming,
                                struct agent_packages_output *ret_output, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_find_offered(struct agent_packages_job *job,
                                    const struct agent_packages_wanted *wanted,
                                    uint32_t wanted_count, bool *ret_offered, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_list_caches(struct agent_packages_job *job,
                                   struct agent_packages_paths *paths, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_conffiles(struct agent_packages_job *job,
                                 const struct agent_packages_way_back *way_back,
                                 struct agent_packages_paths *ret_paths, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_stand(struct agent_packages_job *job,
                             const struct agent_packages_way_back *way_back,
                             struct agent_packages_standing *ret_standings, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_change(struct agent_packages_job *job,
                              const struct agent_packages_way_back *way_back, int progress_fd,
                              struct agent_packages_output *ret_output, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_set_marks(struct agent_packages_job *job,
                                 const struct agent_packages_way_back *way_back,
                                 enum agent_packages_side side, struct bl_error *err) BL_CHECKED;
int agent_packages_dnf_rehearse_forward(struct agent_packages_job *job,
                                        const struct agent_packages_way_back *way_back,
                                        struct bl_error *err) BL_CHECKED;
/* Are there files of the package, other than configuration, that are not what it brought? */
int agent_packages_dnf_is_damaged(struct agent_packages_job *job, const char *name,
                                  const char *version, const char *arch, bool *ret_damaged,
                                  struct bl_error *err) BL_CHECKED;

/* A step of the way back: removes what an interrupted rpm left of unpacking. */
int agent_packages_dnf_sweep_pieces(struct agent_packages_restoration *r, struct bl_error *err)
    BL_CHECKED;

/* The functions of the interface. */
int agent_packages_dnf_await_lock(struct agent_packages_job *job, bool end_own,
                                  struct bl_error *err) BL_CHECKED;
int agent_packages_dnf_verify(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;
int agent_packages_dnf_audit(struct agent_packages_job *job, bool *ret_clean, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_refresh(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;
int agent_packages_dnf_refresh_anew(struct agent_packages_job *job, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_resolve(struct agent_packages_job *job, const struct agent_txn_task *task,
                               struct agent_packages_changes *ret_changes, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_collect(struct agent_packages_job *job, const struct agent_txn_task *task,
                               const struct agent_packages_changes *changes,
                               struct agent_packages_way_back *ret_way_back, struct bl_error *err)
    BL_CHECKED;
int agent_packages_dnf_rehearse(struct agent_packages_job *job,
                                const struct agent_packages_way_back *way_back,
                                struct bl_error *err) BL_CHECKED;
int agent_packages_dnf_find_installed(struct agent_packages_job *job,
                                      const struct proto_package *names, uint32_t names_count,
                                      struct bl_error *err) BL_CHECKED;
int agent_packages_dnf_inspect(struct agent_packages_job *job,
                               const struct agent_packages_changes *changes, bool verify_files,
                               struct bl_error *err) BL_CHECKED;

#endif
