/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_INDEX_AGE_H
#define AGENT_PACKAGES_INDEX_AGE_H

#include "agent/packages/job.h"
#include "common/clock.h"

/*
 * How old the repositories say they are. A mirror that stands still, or an attacker who holds back
 * what is new, shows in nothing else.
 */
struct agent_packages_index {
    const char *name;    /* of its file, for people */
    struct bl_wall date; /* ms 0: it does not say */
    bool expires;        /* it says as well when it stops being valid: it is made anew often */
};

/* The fields "Date" and "Valid-Until" of apt's Release files. */
void agent_packages_parse_release(const char *text, struct agent_packages_index *ret_index);
/* "<revision>1795000000</revision>" of repomd.xml; a revision that is no time tells nothing. */
void agent_packages_parse_repomd(const char *text, struct agent_packages_index *ret_index);

/*
 * NULL, or the index that is too old: one that expires and is older than that, else the youngest of all
 * when it is. Suites that are rarely touched (Debian's main suite) say nothing of an end, and are
 * as old as they are.
 */
const struct agent_packages_index *
agent_packages_find_old_index(const struct agent_packages_index *indexes, uint32_t count,
                              struct bl_wall now, int64_t max_age_ms);

/* Where the indexes of a backend lie: files below CACHE_DIR/`directory`. */
struct agent_packages_index_place {
    const char *directory; /* "apt/lists", "dnf/cache" */
    const char *below;     /* "repodata/repomd.xml" in each directory there; NULL: files there */
    const char *ending;    /* of those files */
    void (*parse)(const char *text, struct agent_packages_index *ret_index);
};
extern const struct agent_packages_index_place agent_packages_apt_indexes,
    agent_packages_dnf_indexes;

/* metadata_too_old; nothing is looked at when job->metadata_max_age_ms is 0. */
int agent_packages_check_age(struct agent_packages_job *job,
                             const struct agent_packages_index_place *place, struct bl_error *err)
    BL_CHECKED;

#endif
