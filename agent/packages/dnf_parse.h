/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_DNF_PARSE_H
#define AGENT_PACKAGES_DNF_PARSE_H

#include "agent/packages/changes.h"
#include "agent/packages/line.h"

/*
 * What dnf 4 and rpm print, read strictly: with LC_ALL=C.UTF-8. dnf has no format for programs that
 * tells what it would do, so its table for people is read, and anything in it that is not known is
 * an error, not a guess. Nothing here touches the host.
 */

/*
 * The table of packages that `dnf install` prints before it asks. The version that a change of
 * version starts from is not in it and stays ""; so is nothing when there is nothing to do.
 * -EPERM when a part of it is not of packages, or not known: modules, groups, packages that were
 * skipped. -EBADMSG when it does not parse.
 */
int agent_packages_dnf_parse_table(struct agent_packages_memory *memory, const char *text,
                                   struct agent_packages_changes *ret_changes, struct bl_error *err)
    BL_CHECKED;

/* One package that rpm knows. "EPOCH:VERSION-RELEASE", without the epoch when there is none. */
struct agent_packages_rpm {
    const char *name, *arch, *version;
    uint64_t size_bytes;
};
struct agent_packages_rpms {
    struct agent_packages_rpm *list;
    uint32_t count;
};

/* For `rpm -q --qf`; lines of any other shape (messages, warnings) are skipped. */
#define AGENT_PACKAGES_RPM_QUERY_FORMAT                                     \
    "belay\\t%{NAME}\\t%{ARCH}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}" \
    "\\t%{LONGSIZE}\\n"
int agent_packages_dnf_parse_rpms(struct agent_packages_memory *memory, const char *text,
                                  struct agent_packages_rpms *ret_rpms, struct bl_error *err)
    BL_CHECKED;

/* For `dnf repoquery --installed --qf`: why each package is installed. */
#define AGENT_PACKAGES_DNF_REASON_FORMAT "belay|%{name}|%{arch}|%{reason}\\n"
/* Did it come along with another package? What is not in the list did not. */
bool agent_packages_dnf_is_automatic(const char *reasons, const char *name, const char *arch);

/* Is the package in versionlock's list ("demo-0:1.0-1.*", "!demo-0:2.0-1.*")? */
bool agent_packages_dnf_is_locked(const char *locks, const char *name);

/* Does `dnf updateinfo list --all` name any security advisory? */
bool agent_packages_dnf_has_advisories(const char *text);

/* Did a script fail? dnf ends with 0 all the same when it was one after the unpacking. */
bool agent_packages_dnf_has_failed_script(const char *text);

/* The value of "KEY = VALUE" in a configuration file of dnf; length 0 when there is none. */
struct agent_packages_line agent_packages_dnf_find_setting(const char *config, const char *key);
/* One after the other, where a file has several sections; empty ones are left out. False at the end. */
bool agent_packages_dnf_next_setting(const char **cursor, const char *key,
                                     struct agent_packages_line *ret_value);

/* Why dnf or rpm failed; dnf_failed when nothing told. */
void agent_packages_dnf_find_cause(const char *text, struct agent_packages_cause *ret_cause);

/* The last thing that dnf said it was about to do; length 0 when it said nothing. */
struct agent_packages_line agent_packages_dnf_last_action(const char *text);

/*
 * The path in a line of `rpm -V` that tells of a file that is not what its package brought; false
 * for configuration and documentation files, and for files of which only time or owner differ.
 */
bool agent_packages_dnf_parse_verified(const struct agent_packages_line *line,
                                       struct agent_packages_line *ret_path);

/* "NAME;5f3759df", as rpm calls a file while it unpacks it: the length of NAME, else 0. */
size_t agent_packages_dnf_piece_length(const char *name);

#endif
