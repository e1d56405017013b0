/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_AGENT_LEASE_FAKE_MANAGER_H
#define TESTS_UNIT_AGENT_LEASE_FAKE_MANAGER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * A PID 1 that knows a few units: a process of its own behind a socket, since what is tested waits
 * for its answers. Jobs end at once and well, but for the units that are told to fail.
 */
struct fake_unit {
    const char *name;
    bool active;
    bool fails; /* its jobs end with "failed" and change nothing */
    bool stops; /* somebody has asked for its stop, which the first job replaces */
    bool masked, transient;
    bool hangs;          /* its jobs never end */
    const char *tie;     /* "RequiredBy=other.service": what this unit's property holds */
    const char *command; /* of the process in its control group, besides its own */
};

struct fake_manager {
    char directory[40]; /* for the test as well */
    char address[96];   /* for agent_lease_places.manager */
    char calls[80];     /* a file: "METHOD UNIT\n" of each call that may change something */
    pid_t pid;
};

/* `units` ends with a NULL name. */
void fake_manager_start(struct fake_manager *manager, const struct fake_unit *units);

/* Whether there was this "METHOD UNIT". */
bool fake_manager_heard(const struct fake_manager *manager, const char *call);

/* Ends it and removes what it made; the directory must be empty then. */
void fake_manager_end(struct fake_manager *manager);

#endif
