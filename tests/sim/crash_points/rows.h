/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_CRASH_POINTS_ROWS_H
#define TESTS_SIM_CRASH_POINTS_ROWS_H

#include <stdio.h>

#include "common/error.h"

/* Every row of every table of the database `file` on the disk in use, by a connection of its own. */
int crash_rows_read(const char *file, FILE *into, struct bl_error *err);

/* Long blobs are told by it. */
unsigned long long crash_hash(const void *data, size_t size_bytes);

#endif
