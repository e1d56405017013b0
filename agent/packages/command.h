/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_COMMAND_H
#define AGENT_PACKAGES_COMMAND_H

#include "agent/packages/job.h"

/*
 * Runs the package manager's own tools: by absolute path, with a fixed environment in which no
 * prompt is possible, output to a file or to memory. Each command line goes to the phase's log.
 */

/* A list of arguments that grows; zero it before use. */
struct agent_packages_args {
    const char **items;
    uint32_t count;
};

int agent_packages_args_add(struct agent_packages_job *job, struct agent_packages_args *args,
                            const char *text, struct bl_error *err) BL_CHECKED;
/* `texts` ends with NULL. */
int agent_packages_args_add_all(struct agent_packages_job *job, struct agent_packages_args *args,
                                const char *const *texts, struct bl_error *err) BL_CHECKED;
int agent_packages_args_format(struct agent_packages_job *job, struct agent_packages_args *args,
                               struct bl_error *err, const char *fmt, ...) BL_PRINTF(4, 5)
    BL_CHECKED;

enum agent_packages_patience {
    /* At the deadline the tool itself is asked to end: it only reads or downloads. */
    AGENT_PACKAGES_STOP_TOOL = 1,
    /*
     * The package manager is never signalled. At the deadline the scripts that they wait for are asked to
     * end, ten seconds later again, then they are killed; the tool then ends by itself.
     */
    AGENT_PACKAGES_STOP_SCRIPTS,
    /* Only looks at this host: has a minute of its own, since it is wanted after a failure too. */
    AGENT_PACKAGES_LOOK,
    /*
     * As LOOK, but never signalled: between suspending a file system and resuming it the death of
     * LVM's tool freezes the host.
     */
    AGENT_PACKAGES_WAIT,
};

/* What to send in which round, from 0, once the tool is late: 0 is nothing. */
int agent_packages_signal(enum agent_packages_patience patience, int round);

struct agent_packages_command {
    struct agent_packages_args args; /* args.items[0] is the absolute path */
    const char *directory;           /* NULL: "/" */
    bool to_log;                     /* output goes to the log as it comes; else it is captured */
    int progress_fd;                 /* becomes descriptor 3 of the tool; 0 = none */
    enum agent_packages_patience patience;
    bool is_watched; /* job->progress looks on while it runs */
};

struct agent_packages_output {
    int status;       /* exit code; -1: a signal ended it, also when it then chose a code itself */
    bool late;        /* the deadline passed while it ran */
    const char *text; /* what it printed (the last 1 MiB when it went to the log) */
};

/* An exit code above 0 is no failure here: the tools' codes mean too little. */
int agent_packages_run(struct agent_packages_job *job, const struct agent_packages_command *command,
                       struct agent_packages_output *ret_output, struct bl_error *err) BL_CHECKED;

/* A short tool whose output is wanted; `argv` ends with NULL. */
int agent_packages_ask(struct agent_packages_job *job, const char *const *argv,
                       struct agent_packages_output *ret_output, struct bl_error *err) BL_CHECKED;

#endif
