/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_VFS_SHM_H
#define TESTS_SIM_WORLD_VFS_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The memory that the connections of one process to one WAL database share. It dies with the
 * process: who opens the file in a later life begins with memory of its own, all 0.
 */
struct sim_file;
struct vfs_shm;

struct vfs_shm *vfs_shm_join(const struct sim_file *file, uint64_t life);
/* Gives back the locks of `holder`; the last one frees. Fine on NULL. Returns NULL. */
struct vfs_shm *vfs_shm_leave(struct vfs_shm *shm, const void *holder);
/* NULL when there is none yet, unless `or_add`. */
void *vfs_shm_region(struct vfs_shm *shm, size_t number, size_t size_bytes, bool or_add);
/* As xShmLock. */
int vfs_shm_lock(struct vfs_shm *shm, const void *holder, int first, int count, int flags);

#endif
