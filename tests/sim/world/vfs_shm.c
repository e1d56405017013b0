/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/vfs_shm.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "common/check.h"
#include "tests/sim/world/disk_file.h"

enum {
    HOLDERS_MAX = 4, /* connections of one process to one database */
};

struct lock {
    const void *shared[HOLDERS_MAX];
    const void *exclusive;
};

struct vfs_shm {
    const struct sim_file *file;
    uint64_t life;
    unsigned user_count;
    void **regions;
    size_t region_count, region_capacity;
    struct lock locks[SQLITE_SHM_NLOCK];
    struct vfs_shm *next;
};

static struct vfs_shm *all;

struct vfs_shm *vfs_shm_join(const struct sim_file *file, uint64_t life)
{
    struct vfs_shm *shm = all;

    while (shm != NULL && (shm->file != file || shm->life != life))
        shm = shm->next;
    if (shm == NULL) {
        shm = calloc(1, sizeof(*shm));
        BL_ASSERT(shm != NULL);
        shm->file = file;
        shm->life = life;
        shm->next = all;
        all = shm;
    }
    shm->user_count++;
    return shm;
}

struct vfs_shm *vfs_shm_leave(struct vfs_shm *shm, const void *holder)
{
    if (shm == NULL)
        return NULL;
    (void)vfs_shm_lock(shm, holder, 0, SQLITE_SHM_NLOCK, SQLITE_SHM_UNLOCK);
    if (--shm->user_count > 0)
        return NULL;

    for (struct vfs_shm **at = &all; *at != NULL; at = &(*at)->next) {
        if (*at == shm) {
            *at = shm->next;
            break;
        }
    }
    for (size_t i = 0; i < shm->region_count; i++)
        free(shm->regions[i]);
    free((void *)shm->regions);
    free(shm);
    return NULL;
}

void *vfs_shm_region(struct vfs_shm *shm, size_t number, size_t size_bytes, bool or_add)
{
    while (number >= shm->region_count && or_add) {
        shm->regions = (void **)sim_grow((void *)shm->regions, shm->region_count,
                                         &shm->region_capacity, sizeof(void *));
        shm->regions[shm->region_count] = calloc(1, size_bytes);
        BL_ASSERT(shm->regions[shm->region_count] != NULL);
        shm->region_count++;
    }
    return number < shm->region_count ? shm->regions[number] : NULL;
}

static bool may_share(const struct lock *lock, const void *holder)
{
    return lock->exclusive == NULL || lock->exclusive == holder;
}

static bool may_own(const struct lock *lock, const void *holder)
{
    for (size_t i = 0; i < HOLDERS_MAX; i++) {
        if (lock->shared[i] != NULL && lock->shared[i] != holder)
            return false;
    }
    return may_share(lock, holder);
}

static void give_back(struct lock *lock, const void *holder)
{
    for (size_t i = 0; i < HOLDERS_MAX; i++) {
        if (lock->shared[i] == holder)
            lock->shared[i] = NULL;
    }
    if (lock->exclusive == holder)
        lock->exclusive = NULL;
}

static void share(struct lock *lock, const void *holder)
{
    give_back(lock, holder);
    for (size_t i = 0; i < HOLDERS_MAX; i++) {
        if (lock->shared[i] == NULL) {
            lock->shared[i] = holder;
            return;
        }
    }
    BL_ASSERT(false); /* more connections than one process has */
}

int vfs_shm_lock(struct vfs_shm *shm, const void *holder, int first, int count, int flags)
{
    for (int i = first; i < first + count && (flags & SQLITE_SHM_LOCK) != 0; i++) {
        if ((flags & SQLITE_SHM_SHARED) != 0 ? !may_share(&shm->locks[i], holder)
                                             : !may_own(&shm->locks[i], holder))
            return SQLITE_BUSY;
    }
    for (int i = first; i < first + count; i++) {
        if ((flags & SQLITE_SHM_UNLOCK) != 0)
            give_back(&shm->locks[i], holder);
        else if ((flags & SQLITE_SHM_SHARED) != 0)
            share(&shm->locks[i], holder);
        else
            shm->locks[i].exclusive = holder;
    }
    return SQLITE_OK;
}
