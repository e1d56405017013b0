/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/world/disk_file.h"
#include "tests/sim/world/vfs_shm.h"

/*
 * SQLite's files on a simulated disk, with the properties of a local file system on Linux: sectors
 * are torn, but what lies beside what is written is not touched.
 */
enum {
    PATH_BYTES_MAX = 512,
    SECTOR_BYTES = 4096, /* what SQLite's own VFS claims */
};

struct vfs_file {
    sqlite3_file base; /* first: SQLite knows only this */
    struct sim_file *file;
    struct sim_file *own; /* `file` when it is a nameless one, which no disk knows */
    uint64_t life;
    int lock;                            /* SQLITE_LOCK_... */
    const char *wal_path, *journal_path; /* of a main database: SQLite's own pointers */
    bool delete_on_close;
    struct vfs_shm *shm;
    struct vfs_file *next;
};

static struct sim_disk *used_disk;
static struct vfs_file *open_files;

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static bool is_dead(const struct vfs_file *file)
{
    return file->own == NULL && file->life != sim_disk_life(file->file->disk);
}

static enum sim_disk_verdict ask(const struct vfs_file *file, enum sim_disk_op op, int64_t offset,
                                 size_t size_bytes)
{
    if (file->own != NULL)
        return SIM_DISK_GO_ON;
    if (is_dead(file))
        return SIM_DISK_DEAD;
    return sim_disk_ask(file->file->disk, op, file->file->name, offset, size_bytes);
}

/* What SQLite is told when nothing happened; `code` is the I/O error of that operation. */
static int refusal(enum sim_disk_verdict verdict, int code)
{
    switch (verdict) {
    case SIM_DISK_FULL:
    case SIM_DISK_SHORT:
        return code == SQLITE_IOERR_WRITE ? SQLITE_FULL : code;
    case SIM_DISK_DEAD:
    case SIM_DISK_DIE_AFTER:
        return SQLITE_IOERR;
    case SIM_DISK_GO_ON:
    case SIM_DISK_FAIL:
        break;
    }
    return code;
}

static bool happens(enum sim_disk_verdict verdict)
{
    return verdict == SIM_DISK_GO_ON || verdict == SIM_DISK_DIE_AFTER;
}

static int answer(enum sim_disk_verdict verdict)
{
    return verdict == SIM_DISK_GO_ON ? SQLITE_OK : SQLITE_IOERR;
}

/* ---- one file ----------------------------------------------------------------------------- */

static int file_close(sqlite3_file *base)
{
    struct vfs_file *file = (struct vfs_file *)base;

    for (struct vfs_file **at = &open_files; *at != NULL; at = &(*at)->next) {
        if (*at == file) {
            *at = file->next;
            break;
        }
    }
    file->shm = vfs_shm_leave(file->shm, file);
    if (file->delete_on_close && !is_dead(file) && file->file->exists)
        sim_file_delete(file->file, false);
    if (file->own != NULL) {
        sim_file_release(file->own);
        free(file->own);
    }
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *data, int size, sqlite3_int64 offset)
{
    struct vfs_file *file = (struct vfs_file *)base;
    const struct sim_bytes *seen = &file->file->seen;
    const size_t wanted_bytes = (size_t)size;
    const enum sim_disk_verdict verdict = ask(file, SIM_DISK_READ, offset, wanted_bytes);
    size_t there_bytes = 0;

    memset(data, 0, wanted_bytes);
    if (verdict != SIM_DISK_GO_ON)
        return refusal(verdict, SQLITE_IOERR_READ);
    if ((size_t)offset < seen->size_bytes) {
        there_bytes = seen->size_bytes - (size_t)offset;
        if (there_bytes > wanted_bytes)
            there_bytes = wanted_bytes;
        memcpy(data, seen->data + offset, there_bytes);
    }
    return there_bytes < wanted_bytes ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset)
{
    struct vfs_file *file = (struct vfs_file *)base;
    const enum sim_disk_verdict verdict = ask(file, SIM_DISK_WRITE, offset, (size_t)size);

    if (verdict == SIM_DISK_SHORT) {
        sim_file_write(file->file, (size_t)offset, data,
                       sim_disk_below(file->file->disk, (uint32_t)size));
    }
    if (!happens(verdict))
        return refusal(verdict, SQLITE_IOERR_WRITE);
    sim_file_write(file->file, (size_t)offset, data, (size_t)size);
    return answer(verdict);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct vfs_file *file = (struct vfs_file *)base;
    const enum sim_disk_verdict verdict = ask(file, SIM_DISK_TRUNCATE, size, 0);

    if (!happens(verdict))
        return refusal(verdict, SQLITE_IOERR_TRUNCATE);
    sim_file_truncate(file->file, (size_t)size);
    return answer(verdict);
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct vfs_file *file = (struct vfs_file *)base;
    const enum sim_disk_verdict verdict = ask(file, SIM_DISK_SYNC, 0, 0);

    if (!happens(verdict)) {
        if (verdict != SIM_DISK_DEAD)
            sim_file_sync_fails(file->file);
        return refusal(verdict, SQLITE_IOERR_FSYNC);
    }
    sim_file_sync(file->file);
    return answer(verdict);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    struct vfs_file *file = (struct vfs_file *)base;

    if (is_dead(file))
        return SQLITE_IOERR;
    *ret_size = (sqlite3_int64)file->file->seen.size_bytes;
    return SQLITE_OK;
}

/* ---- locks: as SQLite describes them, between the connections of one process --------------- */

static bool others_hold(const struct vfs_file *file, int at_least)
{
    for (const struct vfs_file *other = open_files; other != NULL; other = other->next) {
        if (other != file && other->file == file->file && !is_dead(other) &&
            other->lock >= at_least)
            return true;
    }
    return false;
}

static int file_lock(sqlite3_file *base, int wanted)
{
    struct vfs_file *file = (struct vfs_file *)base;

    if (is_dead(file))
        return SQLITE_IOERR_LOCK;
    if (file->lock >= wanted)
        return SQLITE_OK;
    if (wanted == SQLITE_LOCK_SHARED && others_hold(file, SQLITE_LOCK_PENDING))
        return SQLITE_BUSY;
    if (wanted >= SQLITE_LOCK_RESERVED && others_hold(file, SQLITE_LOCK_RESERVED))
        return SQLITE_BUSY;
    if (wanted == SQLITE_LOCK_EXCLUSIVE && others_hold(file, SQLITE_LOCK_SHARED)) {
        file->lock = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
    }
    file->lock = wanted;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int wanted)
{
    struct vfs_file *file = (struct vfs_file *)base;

    if (file->lock > wanted)
        file->lock = wanted;
    return SQLITE_OK;
}

static int file_check_reserved_lock(sqlite3_file *base, int *ret_is_locked)
{
    const struct vfs_file *file = (const struct vfs_file *)base;

    *ret_is_locked = file->lock >= SQLITE_LOCK_RESERVED || others_hold(file, SQLITE_LOCK_RESERVED);
    return SQLITE_OK;
}

/* ---- the rest of a file ------------------------------------------------------------------- */

static int file_control(sqlite3_file *base, int op, void *argument)
{
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
    return SECTOR_BYTES;
}

static int file_device_characteristics(sqlite3_file *base)
{
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int file_shm_map(sqlite3_file *base, int region, int region_bytes, int or_add,
                        void volatile **ret_memory)
{
    struct vfs_file *file = (struct vfs_file *)base;

    *ret_memory = NULL;
    if (is_dead(file))
        return SQLITE_IOERR;
    if (file->shm == NULL)
        file->shm = vfs_shm_join(file->file, file->life);
    *ret_memory = vfs_shm_region(file->shm, (size_t)region, (size_t)region_bytes, or_add != 0);
    return SQLITE_OK;
}

static int file_shm_lock(sqlite3_file *base, int first, int count, int flags)
{
    struct vfs_file *file = (struct vfs_file *)base;

    if (is_dead(file) || file->shm == NULL)
        return SQLITE_IOERR;
    return vfs_shm_lock(file->shm, file, first, count, flags);
}

static void file_shm_barrier(sqlite3_file *base)
{
    /* One thread. */
}

static int file_shm_unmap(sqlite3_file *base, int delete)
{
    struct vfs_file *file = (struct vfs_file *)base;

    file->shm = vfs_shm_leave(file->shm, file);
    return SQLITE_OK;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_device_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- the files by name -------------------------------------------------------------------- */

/*
 * SQLite names what lies beside a database by pointers that it keeps with the open database. They
 * lead to the disk and to the process, whichever disk is used when that process is closed.
 */
static const struct vfs_file *database_of(const char *path)
{
    for (const struct vfs_file *file = open_files; file != NULL; file = file->next) {
        if (path == file->wal_path || path == file->journal_path)
            return file;
    }
    return NULL;
}

/* The disk on which `path` is looked for; NULL: for a process that is dead. */
static struct sim_disk *disk_of(const char *path)
{
    const struct vfs_file *database = database_of(path);

    if (database == NULL)
        return used_disk;
    return is_dead(database) ? NULL : database->file->disk;
}

/* A main database may be missing: who opens it has made the empty file by open(2) before. */
static int open_named(struct vfs_file *file, const char *path, int flags)
{
    const bool is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    struct sim_disk *disk = disk_of(path);
    enum sim_disk_verdict verdict;

    if (disk == NULL)
        return SQLITE_IOERR;
    file->file = sim_disk_file(disk, last_part(path), true);
    if (!file->file->exists && !is_main && (flags & SQLITE_OPEN_CREATE) == 0)
        return SQLITE_CANTOPEN;
    verdict = sim_disk_ask(disk, file->file->exists ? SIM_DISK_READ : SIM_DISK_CREATE,
                           file->file->name, 0, 0);
    if (!happens(verdict))
        return refusal(verdict, SQLITE_CANTOPEN);
    if (!file->file->exists)
        sim_file_create(file->file);
    if (is_main) {
        file->wal_path = sqlite3_filename_wal(path);
        file->journal_path = sqlite3_filename_journal(path);
    }
    file->life = sim_disk_life(disk);
    return answer(verdict);
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    struct vfs_file *file = (struct vfs_file *)base;
    int r = SQLITE_OK;

    *file = (struct vfs_file){0};
    if (path == NULL) {
        file->own = calloc(1, sizeof(*file->own));
        if (file->own == NULL)
            return SQLITE_NOMEM;
        file->own->exists = true;
        file->file = file->own;
    } else {
        r = open_named(file, path, flags);
        file->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    }
    if (r != SQLITE_OK)
        return r;
    file->base.pMethods = &file_methods;
    file->next = open_files;
    open_files = file;
    if (ret_flags != NULL)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    struct sim_disk *disk = disk_of(path);
    struct sim_file *file = disk == NULL ? NULL : sim_disk_file(disk, last_part(path), false);
    enum sim_disk_verdict verdict;

    if (disk == NULL)
        return SQLITE_IOERR;
    if (file == NULL || !file->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    verdict = sim_disk_ask(disk, SIM_DISK_DELETE, file->name, 0, 0);
    if (!happens(verdict))
        return refusal(verdict, SQLITE_IOERR_DELETE);
    sim_file_delete(file, sync_directory != 0);
    return answer(verdict);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_is_there)
{
    struct sim_disk *disk = disk_of(path);
    const struct sim_file *file = disk == NULL ? NULL : sim_disk_file(disk, last_part(path), false);

    *ret_is_there = file != NULL && file->exists;
    return disk == NULL ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *path, int capacity, char *ret_path)
{
    const size_t length = strlen(path);

    if (length >= (size_t)capacity)
        return SQLITE_CANTOPEN;
    memcpy(ret_path, path, length + 1);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *ret_bytes)
{
    for (int i = 0; i < size; i++)
        ret_bytes[i] = used_disk == NULL ? 0 : (char)sim_disk_below(used_disk, 256);
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    return microseconds;
}

static int vfs_current_time(sqlite3_vfs *vfs, double *ret_days)
{
    *ret_days = 0;
    return SQLITE_OK;
}

static int vfs_current_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    *ret_ms = 0;
    return SQLITE_OK;
}

void sim_vfs_register(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(struct vfs_file),
        .mxPathname = PATH_BYTES_MAX,
        .zName = "sim",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_pathname,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_current_time,
        .xCurrentTimeInt64 = vfs_current_time_ms,
    };

    BL_ASSERT(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

void sim_vfs_use(struct sim_disk *disk)
{
    if (disk == used_disk)
        return;
    used_disk = disk;
    /* SQLite's chance is fed anew by this disk, whatever was used before it. */
    sqlite3_randomness(0, NULL);
}

void sim_vfs_forget(const struct sim_disk *disk)
{
    for (const struct vfs_file *file = open_files; file != NULL; file = file->next)
        BL_ASSERT(file->own != NULL || file->file->disk != disk);
    if (used_disk == disk)
        sim_vfs_use(NULL);
}
