/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_PROGRESS_H
#define AGENT_PACKAGES_PROGRESS_H

#include <sys/types.h>

#include "agent/packages/line.h"
#include "agent/packages/way_back.h"
#include "proto/message.h"

/*
 * How far a package run is, and which script it waits for. Looked at once a second while a tool
 * runs; written to PHASE.progress for the agent. For people only: a look that fails is left out.
 */

/* What one line of a package manager tells. */
enum agent_packages_told {
    AGENT_PACKAGES_TOLD_NOTHING = 0,
    AGENT_PACKAGES_TOLD_AT,   /* it works on `name` */
    AGENT_PACKAGES_TOLD_LAST, /* this is the last it does with `name`; what was last before is done */
    AGENT_PACKAGES_TOLD_DONE, /* `name` is done */
    AGENT_PACKAGES_TOLD_REST, /* what was last is done; only things in common are left */
};
struct agent_packages_told_line {
    enum agent_packages_told what;
    struct agent_packages_line
        name; /* of the package, maybe with version and architecture behind */
};

/* Lines of apt's Status-Fd, and what dpkg prints. */
struct agent_packages_told_line
agent_packages_apt_parse_progress(const struct agent_packages_line *line);
/* What dnf prints while it changes packages. */
struct agent_packages_told_line
agent_packages_dnf_parse_progress(const struct agent_packages_line *line);
/* "Total download size: 2.1 M", as dnf prints it, in bytes; 0 when it is not there. */
uint64_t agent_packages_dnf_parse_download_size(const char *text, size_t size_bytes);
/* The sum of the sizes in what `apt-get --print-uris download` prints. */
uint64_t agent_packages_apt_parse_uri_sizes(const char *text);

typedef struct agent_packages_told_line (*agent_packages_parse_progress)(
    const struct agent_packages_line *line);
typedef uint64_t (*agent_packages_parse_download_size)(const char *text, size_t size_bytes);

enum {
    AGENT_PACKAGES_PROGRESS_LINE_BYTES = 1024, /* longer lines tell nothing */
    AGENT_PACKAGES_SCRIPT_SOFT_MS = 2 * 60 * 1000,
};

struct agent_packages_progress {
    uint32_t phase;
    struct proto_progress now; /* its texts are the two below */
    char what[PROTO_NAME_BYTES_MAX + 1], script[PROTO_NAME_BYTES_MAX + 1];
    bool changed; /* since it was written */

    /* A change: lines that come from `source_fd` are read as they come. */
    agent_packages_parse_progress parse;
    int source_fd; /* borrowed */
    off_t source_at;
    char rest[AGENT_PACKAGES_PROGRESS_LINE_BYTES]; /* a line that has no end yet */
    size_t rest_bytes;
    bool rest_is_cut;
    const struct agent_packages_way_back *way_back; /* whose packages are counted; borrowed */
    bool *done;
    uint32_t last; /* of way_back->former; UINT32_MAX = none */

    /* A download: files come into `directory`. */
    const char *directory; /* borrowed; NULL = none */
    agent_packages_parse_download_size parse_size;

    /* The script that the tool waits for. */
    int64_t soft_ms; /* from when on that is worth telling */
    pid_t script_pid;
    struct bl_mono script_since;
    bool script_told;
};

/* Sets *job->progress up for the phase; `deadline_ms` as in the task. */
void agent_packages_progress_begin(struct agent_packages_job *job, uint64_t deadline_ms);

/*
 * What the next tools do; all do nothing when job->progress is NULL. Lines are read from where
 * `source_fd` ends now, and the file of progress is gone with the end.
 */
int agent_packages_progress_of_change(struct agent_packages_job *job,
                                      const struct agent_packages_way_back *way_back,
                                      agent_packages_parse_progress parse, int source_fd,
                                      struct bl_error *err) BL_CHECKED;
void agent_packages_progress_of_download(struct agent_packages_job *job, const char *directory,
                                         uint32_t packages_total, uint64_t bytes_total,
                                         agent_packages_parse_download_size parse_size);
void agent_packages_progress_end(struct agent_packages_job *job);

/* One look while the process `tool` runs; `output`: what it printed so far, if that is captured. */
void agent_packages_progress_look(struct agent_packages_job *job, pid_t tool, const char *output,
                                  size_t output_bytes);

/* Takes one line: the part of a look that touches nothing. */
void agent_packages_progress_take(struct agent_packages_progress *progress,
                                  const struct agent_packages_line *line);

#endif
