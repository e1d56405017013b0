/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_APT_PARSE_H
#define AGENT_PACKAGES_APT_PARSE_H

#include "agent/packages/changes.h"
#include "agent/packages/line.h"
#include "agent/txn/task.h"

/*
 * What apt and dpkg print, read strictly: with LC_ALL=C.UTF-8 and -q these formats have been stable
 * for many years, and a line that looks like one of them but does not fit is an error, not a guess.
 * Nothing here touches the host.
 */

/*
 * The "Inst" and "Remv" lines of `apt-get -s`. The architecture of a removal is only known when
 * the line names it, and is "" otherwise; the action of a change of version is UPGRADE until
 * somebody compares the versions. -EBADMSG when a line does not parse.
 */
int agent_packages_apt_parse_simulation(struct agent_packages_memory *memory, const char *text,
                                        struct agent_packages_changes *ret_changes,
                                        struct bl_error *err) BL_CHECKED;

/* Reads one of these lines, and puts it behind the others. */
int agent_packages_apt_add_change(struct agent_packages_memory *memory,
                                  const struct agent_packages_line *line, bool remove,
                                  struct agent_packages_changes *changes, struct bl_error *err)
    BL_CHECKED;

/*
 * Only those of its upgrades that come from a security archive: one whose name ends in "-security"
 * or whose label is "Debian-Security". `ret_others`: how many come from elsewhere.
 */
int agent_packages_apt_parse_security(struct agent_packages_memory *memory, const char *text,
                                      struct agent_packages_changes *ret_changes,
                                      uint32_t *ret_others, struct bl_error *err) BL_CHECKED;

/* `apt-cache policy` without names: is any of the archives a security archive? */
bool agent_packages_apt_has_security(const char *policy);
/* Its pinned packages, "demo -> 1.0 with priority 990, ...": "" when there are none. */
int agent_packages_apt_parse_pinned(struct agent_packages_memory *memory, const char *policy,
                                    const char **ret_pinned, struct bl_error *err) BL_CHECKED;

/*
 * The names below a heading of apt's summary ("The following packages have been kept back:"), as
 * one text with single blanks; "" when there is no such heading.
 */
int agent_packages_apt_parse_section(struct agent_packages_memory *memory, const char *text,
                                     const char *heading, const char **ret_names,
                                     struct bl_error *err) BL_CHECKED;

/*
 * `apt-cache show`: the packages whose update is handed out to a share of hosts only, as one text
 * with single blanks.
 */
int agent_packages_apt_parse_phased(struct agent_packages_memory *memory, const char *text,
                                    const char **ret_names, struct bl_error *err) BL_CHECKED;

/* What dpkg knows of a package. */
struct agent_packages_state {
    const char *name, *arch, *version; /* version "": not there */
    const char *want, *status, *error; /* "install", "installed", "ok" */
    uint64_t installed_kib;
};

struct agent_packages_states {
    struct agent_packages_state *list;
    uint32_t count;
};

/* For `dpkg-query -W -f`; lines of any other shape (messages) are skipped. */
#define AGENT_PACKAGES_APT_QUERY_FORMAT                                        \
    "belay\\t${Package}\\t${Architecture}\\t${Version}\\t${db:Status-Want}\\t" \
    "${db:Status-Status}\\t${db:Status-Eflag}\\t${Installed-Size}\\n"
int agent_packages_apt_parse_states(struct agent_packages_memory *memory, const char *text,
                                    struct agent_packages_states *ret_states, struct bl_error *err)
    BL_CHECKED;

/* OK, HALF or ABSENT: the only three that decisions know. */
enum agent_txn_status agent_packages_apt_status(const struct agent_packages_state *state);

/* The first W:, E: or Err: line that makes a refresh worthless; false when there is none. */
bool agent_packages_apt_find_refresh_failure(const char *text,
                                             struct agent_packages_line *ret_line);

/* Why a tool failed; apt_failed when nothing told. */
void agent_packages_apt_find_cause(const char *text, struct agent_packages_cause *ret_cause);

/* The last thing that dpkg said it was about to do; length 0 when it said nothing. */
struct agent_packages_line agent_packages_apt_last_action(const char *text);

/*
 * A dpkg status file in which the stanzas of `names` (list of "name" and "arch") are left out; the
 * caller puts the new ones behind it.
 */
struct agent_packages_stanza_key {
    const char *name, *arch;
};
int agent_packages_apt_drop_stanzas(struct agent_packages_memory *memory, const char *status,
                                    const struct agent_packages_stanza_key *keys,
                                    uint32_t key_count, const char **ret_status,
                                    struct bl_error *err) BL_CHECKED;

/* The same file as if dpkg had finished whatever it was interrupted in. */
int agent_packages_apt_make_whole(struct agent_packages_memory *memory, const char *status,
                                  const char **ret_status, struct bl_error *err) BL_CHECKED;

#endif
