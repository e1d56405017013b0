/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_SQLITE_HOLDER_H
#define BL_COMMON_SQLITE_HOLDER_H

#include <sys/types.h>

/*
 * The process that has the database `path` locked against us: its id, or 0 when there is none or it
 * can't be told (it ended meanwhile, or is none of this PID namespace). Also shared locks count,
 * since they hold up whoever wants the log begun anew. Reads no /proc: belayd's unit shows it
 * nothing there of other users.
 */
pid_t bl_sqlite_holder(const char *path);

#endif
