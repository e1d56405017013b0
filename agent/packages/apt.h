/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_APT_H
#define AGENT_PACKAGES_APT_H

#include "agent/packages/apt_parse.h"
#include "agent/packages/backend.h"
#include "agent/packages/command.h"
#include "agent/packages/process.h"
#include "agent/packages/tools.h"

/*
 * What the parts of the apt backend share.
 *
 * Two worlds of apt are used, each made by a configuration file of ours, read after the host's own:
 * "repositories" has the host's sources, but lists, caches and archives below CACHE_DIR/apt, so
 * that looking changes nothing of the host's apt. "files" has no repository at all: only the
 * packages that are installed and the files that are named, so nothing else can get in, and the
 * change and the way back need no network. Neither keeps apt's binary cache of the package
 * database: it is trusted for a whole second after dpkg has changed the database behind it.
 */
#define AGENT_PACKAGES_APT_GET      "/usr/bin/apt-get"
#define AGENT_PACKAGES_APT_CACHE    "/usr/bin/apt-cache"
#define AGENT_PACKAGES_APT_MARK     "/usr/bin/apt-mark"
#define AGENT_PACKAGES_DPKG         "/usr/bin/dpkg"
#define AGENT_PACKAGES_DPKG_DEB     "/usr/bin/dpkg-deb"
#define AGENT_PACKAGES_DPKG_QUERY   "/usr/bin/dpkg-query"
#define AGENT_PACKAGES_DPKG_REPACK  "/usr/bin/dpkg-repack"
#define AGENT_PACKAGES_STATUS_FILE  "/var/lib/dpkg/status"
#define AGENT_PACKAGES_UPDATES_DIR  "/var/lib/dpkg/updates"
#define AGENT_PACKAGES_INFO_DIR     "/var/lib/dpkg/info"
#define AGENT_PACKAGES_HOST_LISTS   "/var/lib/apt/lists"
#define AGENT_PACKAGES_HOST_ARCHIVE "/var/cache/apt/archives"

enum agent_packages_apt_world {
    AGENT_PACKAGES_APT_REPOSITORIES = 1,
    AGENT_PACKAGES_APT_FILES,
};

/* Makes the private directories and both configuration files; cheap when they are there. */
int agent_packages_apt_prepare(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

/* Begins a command line: "apt-get -c CONFIG -q -y -o DPkg::Lock::Timeout=N". */
int agent_packages_apt_begin(struct agent_packages_job *job, enum agent_packages_apt_world world,
                             struct agent_packages_args *args, struct bl_error *err) BL_CHECKED;

/* What dpkg knows of these packages, in the same order; what it does not know is ABSENT. */
int agent_packages_apt_states(struct agent_packages_job *job,
                              const struct agent_packages_stanza_key *keys, uint32_t key_count,
                              struct agent_packages_state *ret_states, struct bl_error *err)
    BL_CHECKED;

/* "apt-mark -c CONFIG VERB": without the configuration it would write apt's cache, and trust it. */
int agent_packages_apt_begin_mark(struct agent_packages_job *job, const char *verb,
                                  struct agent_packages_args *args, struct bl_error *err)
    BL_CHECKED;
/* The names that `apt-mark SHOW` prints, one a line, as "NAME" or "NAME:ARCH". */
int agent_packages_apt_marks(struct agent_packages_job *job, const char *show,
                             const char **ret_text, struct bl_error *err) BL_CHECKED;
/* Is the package in such a list? apt leaves the architecture out for the native one and "all". */
bool agent_packages_apt_is_marked(const char *marks, const char *name, const char *arch);

/* Package, version, architecture and size of a .deb; -EBADMSG when it is none. */
int agent_packages_apt_read_file(struct agent_packages_job *job, const char *path,
                                 struct agent_packages_file *ret_file, struct bl_error *err)
    BL_CHECKED;
/* "NAME_VERSION_ARCH.deb", as apt writes it (a colon in the version is %3a). */
int agent_packages_apt_file_name(struct agent_packages_job *job,
                                 const struct agent_packages_wanted *wanted, const char **ret_name,
                                 struct bl_error *err) BL_CHECKED;
/* With `apt-get download`. */
int agent_packages_apt_download(struct agent_packages_job *job,
                                const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                                bool former, const char *incoming,
                                struct agent_packages_output *ret_output, struct bl_error *err)
    BL_CHECKED;

/* All that the change may touch: those of the installed packages and those of the new files. */
int agent_packages_apt_conffiles(struct agent_packages_job *job,
                                 const struct agent_packages_way_back *way_back,
                                 struct agent_packages_paths *ret_paths, struct bl_error *err)
    BL_CHECKED;
/* Adds, unsorted, what dpkg has on record for these packages. */
int agent_packages_apt_registered_conffiles(struct agent_packages_job *job,
                                            const char *const *names, uint32_t name_count,
                                            struct agent_packages_paths *paths,
                                            struct bl_error *err) BL_CHECKED;

/*
 * Rebuilds an installed package from its files and adopts it into way-back/: 1, or 0 when that
 * cannot be done here (no dpkg-repack, or what it made is not the package).
 */
int agent_packages_apt_repack(struct agent_packages_job *job,
                              const struct agent_packages_wanted *wanted, struct bl_error *err)
    BL_CHECKED;

/* Runs an `apt-get -s` and reads, completes and sorts what it says. */
int agent_packages_apt_simulate(struct agent_packages_job *job, struct agent_packages_args *args,
                                struct agent_packages_changes *ret_changes, const char **ret_text,
                                struct bl_error *err) BL_CHECKED;

/* "NAME" for the native architecture and "all", as apt's tools want it; else "NAME:ARCH". */
int agent_packages_apt_add_package(struct agent_packages_job *job, struct agent_packages_args *args,
                                   const char *name, const char *arch, const char *suffix,
                                   struct bl_error *err) BL_CHECKED;

/* The change, or the way back, of all packages or of those in `only` (NULL = all), as arguments. */
int agent_packages_apt_add_forward(struct agent_packages_job *job, struct agent_packages_args *args,
                                   const struct agent_packages_way_back *way_back,
                                   struct bl_error *err) BL_CHECKED;
int agent_packages_apt_add_backward(struct agent_packages_job *job,
                                    struct agent_packages_args *args,
                                    const struct agent_packages_way_back *way_back,
                                    const bool *only, struct bl_error *err) BL_CHECKED;
int agent_packages_apt_rehearse_forward(struct agent_packages_job *job,
                                        const struct agent_packages_way_back *way_back,
                                        struct bl_error *err) BL_CHECKED;

int agent_packages_apt_stand(struct agent_packages_job *job,
                             const struct agent_packages_way_back *way_back,
                             struct agent_packages_standing *ret_standings, struct bl_error *err)
    BL_CHECKED;
int agent_packages_apt_change(struct agent_packages_job *job,
                              const struct agent_packages_way_back *way_back, int progress_fd,
                              struct agent_packages_output *ret_output, struct bl_error *err)
    BL_CHECKED;
/* Gives holds and "automatically installed" as they belong to that side. */
int agent_packages_apt_set_marks(struct agent_packages_job *job,
                                 const struct agent_packages_way_back *way_back,
                                 enum agent_packages_side side, struct bl_error *err) BL_CHECKED;

/* Turns a tool's failure into the job's: code, remedy and the line that says why. */
int agent_packages_apt_blame(struct agent_packages_job *job, const char *what,
                             const struct agent_packages_output *output, struct bl_error *err)
    BL_CHECKED;

/* How the shared procedures work with apt and dpkg. */
extern const struct agent_packages_tools agent_packages_apt_tools;
extern int (*const agent_packages_apt_restore_steps[])(
    struct agent_packages_restoration *restoration, struct bl_error *err);

/* The functions of the interface. */
int agent_packages_apt_refresh(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;
int agent_packages_apt_refresh_anew(struct agent_packages_job *job, struct bl_error *err)
    BL_CHECKED;
int agent_packages_apt_resolve(struct agent_packages_job *job, const struct agent_txn_task *task,
                               struct agent_packages_changes *ret_changes, struct bl_error *err)
    BL_CHECKED;
int agent_packages_apt_collect(struct agent_packages_job *job, const struct agent_txn_task *task,
                               const struct agent_packages_changes *changes,
                               struct agent_packages_way_back *ret_way_back, struct bl_error *err)
    BL_CHECKED;
int agent_packages_apt_rehearse(struct agent_packages_job *job,
                                const struct agent_packages_way_back *way_back,
                                struct bl_error *err) BL_CHECKED;
int agent_packages_apt_find_installed(struct agent_packages_job *job,
                                      const struct proto_package *names, uint32_t names_count,
                                      struct bl_error *err) BL_CHECKED;
int agent_packages_apt_inspect(struct agent_packages_job *job,
                               const struct agent_packages_changes *changes, bool verify_files,
                               struct bl_error *err) BL_CHECKED;
int agent_packages_apt_audit(struct agent_packages_job *job, bool *ret_clean, struct bl_error *err)
    BL_CHECKED;
int agent_packages_apt_await_lock(struct agent_packages_job *job, bool end_own,
                                  struct bl_error *err) BL_CHECKED;

#endif
