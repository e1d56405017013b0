/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_HOOK_H
#define AGENT_ROOT_HOOK_H

#include "agent/errand/errand.h"
#include "agent/root/job.h"

/*
 * Runs one hook: a program that this host's administrator put into /etc/belay/hooks.d. A plan only
 * ever gives its name. It runs as root in a unit of its own (belay-errand@N.service), without
 * arguments, with /dev/null as its input and with
 *
 *   BELAY_ROLLOUT (hex digits)  BELAY_PLAN (its name)  BELAY_STAGE ("precheck", "verify")
 *
 * and PATH, HOME and LC_ALL as its whole environment. Its exit status is its word: 0 go, 1 stop, 21
 * ask again later; anything else, a signal, a passed time limit, or a file that others than root
 * could change means that the hook is broken. What it started ends with it. It may be asked more than
 * once: again after 21, and from the beginning when the agent restarts.
 */
enum {
    AGENT_HOOK_TIMEOUT_MS = 2 * 60 * 1000,
    AGENT_HOOK_LATER = 21, /* the exit status */
};

enum agent_hook_end {
    AGENT_HOOK_SAYS_GO = 1,
    AGENT_HOOK_SAYS_STOP,
    AGENT_HOOK_SAYS_LATER,
    AGENT_HOOK_IS_BROKEN,
};

struct agent_hook_answer {
    enum agent_hook_end end;
    const char *line;   /* SAYS: the last line it printed, may be ""; IS_BROKEN: how */
    const char *output; /* the beginning of all that it printed */
};

/* `answer` is lent for the call, in which the hook may be freed. */
struct agent_hook_caller {
    void *userdata;
    void (*done)(void *userdata, const struct agent_hook_answer *answer);
};

struct agent_hook;

/*
 * `name` is one of the manifest's. Borrows `host` until it is freed, all else for the call. `done`
 * never comes from inside the call, and always comes: that the hook could not even be started is an
 * answer, too. Below 0 only when there is no memory or the question could not be written down.
 */
int agent_hook_start(struct agent_host *host, const struct agent_work *work, const char *name,
                     const char *stage, const struct agent_hook_caller *caller,
                     struct agent_hook **ret_hook, struct bl_error *err) BL_CHECKED;

/* Stops waiting; the hook itself goes on to its end or its time limit. NULL is fine, returns NULL. */
struct agent_hook *agent_hook_free(struct agent_hook *hook);

/* What an answer of belay-errand means; `text` is memory for the line. Pure. */
struct agent_hook_answer agent_hook_read(const struct agent_errand_result *result, char *text,
                                         size_t text_bytes);

#endif
