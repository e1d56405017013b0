/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TXN_BALLAST_H
#define AGENT_TXN_BALLAST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * A file that only takes up room, dropped when a disk fills up in the middle of a job: the journal,
 * the records of the steps and the way back need some just then.
 */
enum {
    AGENT_BALLAST_BYTES = 64 * 1024 * 1024,
    AGENT_ROOM_LEAST_BYTES = 4 * 1024 * 1024, /* with less than this nothing is begun */
};

/*
 * Makes it, below `state_dir`, if it is not there. 1: it is there; 0: it would take up too much of
 * what is free.
 */
int agent_ballast_make(const char *state_dir, struct bl_error *err) BL_CHECKED;

/*
 * Whether there is room for what a job writes next; drops the ballast when there is none without.
 * -ENOSPC: there is none with it either. A disk that cannot be looked at is not held to be full.
 */
int agent_ballast_find_room(const char *state_dir, struct bl_error *err) BL_CHECKED;

#endif
