/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTSIDE_CHILD_H
#define CTL_OUTSIDE_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * A short program that belayd runs beside its loop: text in, text out, and a time limit. It leads a
 * process group of its own. When its time is over the group gets SIGTERM, and SIGKILL a while later;
 * what it left running when it ended is ended as well.
 */
enum {
    CTL_CHILD_INPUT_BYTES_MAX = 16 * 1024 * 1024, /* the names of all hosts of a rollout, twice */
    CTL_CHILD_OUTPUT_BYTES_MAX = 64 * 1024, /* the first so many are kept, the others dropped */
    CTL_CHILD_GRACE_MS = 5000,
};

struct ctl_child_program {
    const char *const *argv; /* ends with NULL; argv[0] is the absolute path */
    const char *const *env;  /* ends with NULL */
    const char *input;       /* whole on its standard input; NULL: nothing */
    size_t input_bytes;
    int64_t limit_ms;
    int64_t grace_ms; /* from SIGTERM to SIGKILL; 0: CTL_CHILD_GRACE_MS */
};

enum ctl_child_result {
    CTL_CHILD_EXITED = 1,
    CTL_CHILD_KILLED,    /* by somebody else's signal */
    CTL_CHILD_TIMED_OUT, /* ended by us */
};

struct ctl_child_end {
    enum ctl_child_result result;
    int status;         /* EXITED: of the program; KILLED: the signal */
    const char *output; /* standard output and error as they came; borrowed for the call */
    size_t output_bytes;
};

struct ctl_child;

/* Called once, from the loop. The child is freed afterwards; `userdata` is the caller's. */
typedef void (*ctl_child_fn)(void *userdata, const struct ctl_child_end *end);

/*
 * Starts it. That it can't be executed is told here, and `ended` is not called then. *ret_child is
 * valid until `ended` returns or ctl_child_free().
 */
int ctl_child_start(sd_event *event, const struct ctl_child_program *program, ctl_child_fn ended,
                    void *userdata, struct ctl_child **ret_child, struct bl_error *err) BL_CHECKED;

/* Before its end: kills the group, and `ended` is not called. Takes NULL. */
struct ctl_child *ctl_child_free(struct ctl_child *child);

#endif
