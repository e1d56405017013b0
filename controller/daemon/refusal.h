/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_REFUSAL_H
#define CTL_DAEMON_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

/*
 * Telling of what is turned away. Whoever is turned away chooses how often it comes, so each kind
 * is told at once, and then at most once in CTL_REFUSAL_EVERY_MS together with its count. A kind of
 * its own keeps a flood of one from hiding the others.
 */
enum {
    CTL_REFUSAL_EVERY_MS = 60 * 1000,
};

enum ctl_refusal_kind {
    CTL_REFUSAL_STRANGER,       /* a key that nobody enrolled, at the handshake */
    CTL_REFUSAL_NOT_ENROLLED,   /* a known key that waits or was revoked, at the handshake */
    CTL_REFUSAL_LIVE,           /* the same, over a connection that it still has */
    CTL_REFUSAL_DAMAGED,        /* bytes of a host that are no message */
    CTL_REFUSAL_FOREIGN_REPORT, /* a host reports on a rollout that it is not in */
    CTL_REFUSAL_KINDS,
};

struct ctl_refusals {
    struct ctl_refusal_told {
        bool ever;
        struct bl_mono at; /* valid with `ever`: when it was told last */
        uint64_t untold;   /* since then */
    } kinds[CTL_REFUSAL_KINDS];
};

/* True: this one is to be told, together with `*ret_untold` that were not. */
bool ctl_refusals_count(struct ctl_refusals *refusals, enum ctl_refusal_kind kind,
                        struct bl_mono now, uint64_t *ret_untold);

#endif
