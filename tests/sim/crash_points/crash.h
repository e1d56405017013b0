/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_CRASH_POINTS_CRASH_H
#define TESTS_SIM_CRASH_POINTS_CRASH_H

#include <stdbool.h>
#include <stdio.h>

#include "common/error.h"

/*
 * Tries every place at which a program that keeps its state in SQLite can be ended or its disk can
 * fail: a fixed scenario of turns, each one transaction, is run once to count what changes the disk,
 * and then once for each of these changes and each way to fail there. Whatever is found afterwards
 * must be the state after a whole number of turns: all whose call returned success, and at most the
 * one that was under way.
 */
struct crash_subject {
    const char *name;
    const char *file; /* the database's name */
    void *world;

    /* The directory is real: the program makes an empty file and locks in it. */
    int (*open)(void *world, const char *directory, struct bl_error *err);
    void (*close)(void *world); /* fine when nothing is open */
    int (*turn)(void *world, unsigned turn, struct bl_error *err);
    /* All content by the program's own reading functions, as text. Below 0: it is not sound. */
    int (*read)(void *world, unsigned turns_done, FILE *into, struct bl_error *err);
    /* Tries every kind of write; how many were accepted. */
    unsigned (*count_accepted)(void *world);

    unsigned turn_count;
    const struct crash_life *lives;
    unsigned life_count;
    const char *const *damages; /* SQL that leaves a database that cannot be true; NULL ends it */
};

/* One process's life in the scenario: from the turn where the one before it ended. */
struct crash_life {
    unsigned end;   /* its last turn is the one before this */
    bool is_killed; /* at its end; otherwise it closes its database */
    /* Faults only from where SQLite by itself moves the log into the database and begins it anew. */
    bool is_long;
};

/* A mismatch within a turn: the call did not do what the scenario knows that it must. */
int crash_wrong(struct bl_error *err, const char *what);

/* "X" tries all; "X LIFE POINT FAULT" repeats one that was found broken. The exit code. */
int crash_main(int argc, char **argv, const struct crash_subject *subject);

#endif
