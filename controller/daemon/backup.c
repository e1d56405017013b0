/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sqlite.h"
#include "common/text.h"
#include "controller/core/rollout.h"
#include "controller/daemon/setup.h"
#include "controller/daemon/store.h"

enum {
    FORMAT = 1,
    FILE_BYTES_MAX = 1024 * 1024, /* of a key, a trust file, a configuration */
    BUSY_TIMEOUT_MS = 10000,
};

#define CONFIG_NAME "controller.yaml"
#define PARTIAL     ".partial"

/* What lies beside the store; a backup with any other name in it is refused. */
static const char *const state_files[] = {CTL_SETUP_KEY_NAME, CTL_SETUP_TRUST_NAME};

enum {
    STATE_FILES_COUNT = sizeof(state_files) / sizeof(state_files[0])
};

/* ---- making one ---- */

static int open_database(const char *path, int flags, struct bl_sqlite *ret_db,
                         struct bl_error *err)
{
    *ret_db = (struct bl_sqlite){0};
    if (sqlite3_open_v2(path, &ret_db->db, flags | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK) {
        (void)bl_fail(err, -EUCLEAN, "database '%s': %s", path,
                      ret_db->db != NULL ? sqlite3_errmsg(ret_db->db) : "no memory");
        bl_sqlite_close(ret_db);
        return -EUCLEAN;
    }
    (void)sqlite3_busy_timeout(ret_db->db, BUSY_TIMEOUT_MS);

    return 0;
}

/* In one go: pages that a daemon writes meanwhile would make it begin anew. */
static int copy_pages(struct bl_sqlite *from, struct bl_sqlite *to, struct bl_error *err)
{
    sqlite3_backup *copy = sqlite3_backup_init(to->db, "main", from->db, "main");
    int r;

    if (copy == NULL)
        return bl_fail(err, -EIO, "backup: %s", sqlite3_errmsg(to->db));
    r = sqlite3_backup_step(copy, -1);
    (void)sqlite3_backup_finish(copy);
    if (r == SQLITE_FULL)
        return bl_fail(err, -ENOSPC, "backup: no room left on the disk");
    if (r != SQLITE_DONE)
        return bl_fail(err, -EIO, "backup: %s", sqlite3_errstr(r));

    return 0;
}

static int add_file(struct bl_sqlite *db, const char *name, const char *data, size_t size_bytes,
                    struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r;

    r = bl_sqlite_prepare(db, "INSERT INTO backup_files (name, data) VALUES (?,?)", &stmt, err);
    if (r >= 0)
        r = bl_sqlite_bind_text(stmt, 1, name, err);
    if (r >= 0)
        r = bl_sqlite_bind_blob(stmt, 2, data, size_bytes, err);
    if (r >= 0)
        r = bl_sqlite_run(db, stmt, err);

    return r;
}

static int add_path(struct bl_sqlite *db, const char *name, const char *path, struct bl_error *err)
{
    BL_AUTO_FREE char *data = NULL;
    size_t size_bytes = 0;
    int r = bl_file_read(AT_FDCWD, path, FILE_BYTES_MAX, &data, &size_bytes, err);

    if (r == -ENOENT && strcmp(name, CTL_SETUP_TRUST_NAME) == 0)
        return 0; /* nobody was trusted yet */
    if (r >= 0)
        r = add_file(db, name, data, size_bytes, err);
    if (data != NULL)
        explicit_bzero(data, size_bytes);

    return r;
}

static int add_files(struct bl_sqlite *db, const struct ctl_config *config, const char *config_path,
                     struct bl_error *err)
{
    char path[CTL_CONFIG_PATH_BYTES + 32];
    int r = 0;

    for (size_t i = 0; i < STATE_FILES_COUNT && r >= 0; i++) {
        if (bl_text_format(path, sizeof(path), "%s/%s", config->state_dir, state_files[i]) < 0)
            return bl_fail(err, -ENAMETOOLONG, "'%s': path too long", config->state_dir);
        r = add_path(db, state_files[i], path, err);
    }
    if (r >= 0)
        r = add_path(db, CONFIG_NAME, config_path, err);

    return r;
}

static int add_heading(struct bl_sqlite *db, const struct ctl_backup_told *told,
                       struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r = bl_sqlite_prepare(db, "INSERT INTO backup (format, made_ms) VALUES (?,?)", &stmt, err);

    if (r >= 0)
        r = bl_sqlite_bind_i64(stmt, 1, FORMAT, err);
    if (r >= 0)
        r = bl_sqlite_bind_i64(stmt, 2, told->made.ms, err);
    if (r >= 0)
        r = bl_sqlite_run(db, stmt, err);

    return r;
}

static int read_number(struct bl_sqlite *db, const char *sql, uint64_t *ret_number,
                       struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r = bl_sqlite_prepare(db, sql, &stmt, err);

    if (r >= 0)
        r = bl_sqlite_step(db, stmt, err);
    if (r >= 0)
        *ret_number = r > 0 ? (uint64_t)bl_sqlite_column_i64(stmt, 0) : 0;

    return r < 0 ? r : 0;
}

static int tell(struct bl_sqlite *db, struct ctl_backup_told *told, struct bl_error *err)
{
    uint64_t made_ms = 0;
    int r = read_number(db, "SELECT count(*) FROM hosts", &told->hosts_count, err);

    if (r >= 0)
        r = read_number(db, "SELECT count(*) FROM rollouts", &told->rollouts_count, err);
    if (r >= 0)
        r = read_number(db, "SELECT count(*) FROM rollouts WHERE ended_ms = 0", &told->open_count,
                        err);
    if (r >= 0)
        r = read_number(db, "SELECT count(*) FROM audit", &told->audit_rows_count, err);
    if (r >= 0)
        r = read_number(db, "SELECT made_ms FROM backup", &made_ms, err);
    told->made.ms = (int64_t)made_ms;

    return r;
}

static int fill(struct bl_sqlite *to, const struct ctl_config *config, const char *config_path,
                struct ctl_backup_told *told, struct bl_error *err)
{
    char path[CTL_CONFIG_PATH_BYTES + 32];
    struct bl_sqlite from;
    int r;

    if (bl_text_format(path, sizeof(path), "%s/" CTL_SETUP_STORE_NAME, config->state_dir) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': path too long", config->state_dir);
    r = open_database(path, told->was_running ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, &from,
                      err);
    if (r < 0)
        return r;
    r = copy_pages(&from, to, err);
    bl_sqlite_close(&from);
    if (r >= 0) {
        r = bl_sqlite_exec(
            to,
            "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;"
            "CREATE TABLE backup (format INTEGER NOT NULL, made_ms INTEGER NOT NULL);"
            "CREATE TABLE backup_files (name TEXT PRIMARY KEY, data BLOB NOT NULL);",
            err);
    }
    if (r >= 0)
        r = add_heading(to, told, err);
    if (r >= 0)
        r = add_files(to, config, config_path, err);
    if (r >= 0)
        r = bl_sqlite_check_sound(to, err);
    if (r >= 0)
        r = tell(to, told, err);

    return r;
}

static int sync_path(const char *path, struct bl_error *err)
{
    BL_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        return bl_fail(err, -errno, "'%s': %s", path, strerror(errno));

    return 0;
}

static int sync_parent(const char *path, struct bl_error *err)
{
    const char *slash = strrchr(path, '/');
    char dir[CTL_CONFIG_PATH_BYTES];

    if (slash == NULL)
        return sync_path(".", err);
    if (bl_text_format(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': path too long", path);

    return sync_path(dir, err);
}

int ctl_backup_make(const struct ctl_config *config, const char *config_path, const char *path,
                    struct ctl_backup_told *ret_told, struct bl_error *err)
{
    char partial[CTL_CONFIG_PATH_BYTES];
    BL_AUTO_FD int lock_fd = -1;
    BL_AUTO_FD int fd = -1;
    struct bl_error lock_err = {0};
    struct bl_sqlite to = {0};
    int r;

    *ret_told = (struct ctl_backup_told){.made = bl_wall_now()};
    if (bl_text_format(partial, sizeof(partial), "%s" PARTIAL, path) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': path too long", path);
    r = bl_file_exists(AT_FDCWD, path, err);
    if (r != 0)
        return r < 0 ? r : bl_fail(err, -EEXIST, "'%s' exists and is left as it is", path);
    /* Held when it is free, so that no daemon begins meanwhile; its database files stay its own. */
    lock_fd = bl_dir_lock(config->state_dir, &lock_err);
    if (lock_fd < 0 && lock_fd != -EBUSY)
        return bl_fail(err, lock_fd, "%s", lock_err.text);
    ret_told->was_running = lock_fd == -EBUSY;

    (void)unlink(partial); /* of a run that was killed */
    fd = open(partial, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return bl_fail(err, -errno, "'%s': %s", partial, strerror(errno));
    r = open_database(partial, SQLITE_OPEN_READWRITE, &to, err);
    if (r >= 0)
        r = fill(&to, config, config_path, ret_told, err);
    bl_sqlite_close(&to);
    if (r >= 0)
        r = sync_path(partial, err);
    if (r >= 0 && rename(partial, path) < 0)
        r = bl_fail(err, -errno, "'%s': %s", path, strerror(errno));
    if (r < 0)
        (void)unlink(partial);

    return r < 0 ? r : sync_parent(path, err);
}

/* ---- taking one back ---- */

static bool is_state_file(const char *name)
{
    for (size_t i = 0; i < STATE_FILES_COUNT; i++) {
        if (strcmp(name, state_files[i]) == 0)
            return true;
    }

    return false;
}

static int take_files(struct bl_sqlite *db, int dir_fd, struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r = bl_sqlite_prepare(db, "SELECT name, data FROM backup_files ORDER BY name", &stmt, err);

    while (r >= 0 && (r = bl_sqlite_step(db, stmt, err)) > 0) {
        const char *name = bl_sqlite_column_text(stmt, 0);
        size_t size_bytes;
        const void *data = bl_sqlite_column_blob(stmt, 1, &size_bytes);

        if (is_state_file(name))
            r = bl_file_replace(dir_fd, name, data, size_bytes, err);
        else if (strcmp(name, CONFIG_NAME) != 0)
            r = bl_fail(err, -EUCLEAN, "a file '%.40s' does not belong there", name);
    }

    return r;
}

static int check_format(struct bl_sqlite *db, struct bl_error *err)
{
    struct bl_error cause = {0};
    uint64_t format = 0;

    if (read_number(db, "SELECT format FROM backup", &format, &cause) < 0)
        return bl_fail(err, -EUCLEAN, "it is no backup that belay made (%s)", cause.text);
    if (format != FORMAT) {
        return bl_fail(err, -EUCLEAN,
                       "it has format %llu, this version knows %d: use a newer belay",
                       (unsigned long long)format, FORMAT);
    }

    return bl_sqlite_check_sound(db, err);
}

static int read_config(struct bl_sqlite *db, char **ret_text, struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    const void *data;
    size_t size_bytes;
    int r = bl_sqlite_prepare(db, "SELECT data FROM backup_files WHERE name=?", &stmt, err);

    if (r >= 0)
        r = bl_sqlite_bind_text(stmt, 1, CONFIG_NAME, err);
    if (r >= 0)
        r = bl_sqlite_step(db, stmt, err);
    if (r == 0)
        r = bl_fail(err, -EUCLEAN, "it has no configuration");
    if (r < 0)
        return r;
    data = bl_sqlite_column_blob(stmt, 0, &size_bytes);
    *ret_text = calloc(1, size_bytes + 1);
    if (*ret_text == NULL)
        return bl_fail(err, -ENOMEM, "no memory");
    if (size_bytes > 0)
        memcpy(*ret_text, data, size_bytes);

    return 0;
}

int ctl_backup_config(const char *path, char **ret_text, struct bl_error *err)
{
    struct bl_sqlite db;
    int r = open_database(path, SQLITE_OPEN_READONLY, &db, err);

    *ret_text = NULL;
    if (r < 0)
        return r;
    r = check_format(&db, err);
    if (r >= 0)
        r = read_config(&db, ret_text, err);
    bl_sqlite_close(&db);

    return r < 0 ? bl_wrap(err, "backup '%s'", path) : 0;
}

/* What is only the backup's leaves the database, and its pages are wiped: one of them is a key. */
static int take_apart(const char *store_path, int dir_fd, struct ctl_backup_told *told,
                      struct bl_error *err)
{
    struct bl_sqlite db;
    int r = open_database(store_path, SQLITE_OPEN_READWRITE, &db, err);

    if (r < 0)
        return r;
    r = check_format(&db, err);
    if (r >= 0)
        r = tell(&db, told, err);
    if (r >= 0)
        r = take_files(&db, dir_fd, err);
    if (r >= 0) {
        r = bl_sqlite_exec(
            &db, "PRAGMA secure_delete=ON; DROP TABLE backup_files; DROP TABLE backup;", err);
    }
    bl_sqlite_close(&db);

    return r;
}

static int copy_in(const char *path, int dir_fd, struct bl_error *err)
{
    BL_AUTO_FD int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    BL_AUTO_FD int to = -1;
    struct stat status;

    if (from < 0)
        return bl_fail(err, -errno, "'%s': %s", path, strerror(errno));
    if (fstat(from, &status) < 0 || !S_ISREG(status.st_mode))
        return bl_fail(err, -EUCLEAN, "'%s' is no regular file", path);
    to = openat(dir_fd, CTL_SETUP_STORE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return bl_fail(err, -errno, "new store: %s", strerror(errno));

    return bl_fd_copy(from, to, err);
}

/* As belayd will find it: the store opens, its audit is whole, the key is one, nothing starts by itself. */
static int check_unpacked(const char *dir, struct bl_wall made, struct bl_error *err)
{
    uint8_t secret[PROTO_HOST_ID_BYTES], public_key[PROTO_HOST_ID_BYTES];
    struct ctl_store_chain chain;
    struct ctl_store *store = NULL;
    int r = ctl_setup_load_key(dir, secret, public_key, err);

    explicit_bzero(secret, sizeof(secret));
    if (r >= 0)
        r = ctl_store_open(dir, &store, err);
    if (r >= 0)
        r = ctl_store_verify_audit(store, &chain, err);
    if (r >= 0 && chain.broken_at != 0) {
        r = bl_fail(err, -EUCLEAN, "the audit's chain is broken at row %llu",
                    (unsigned long long)chain.broken_at);
    }
    if (r >= 0)
        r = ctl_store_mark_restored(store, made, err);
    (void)ctl_store_close(store);

    return r;
}

int ctl_backup_unpack(const char *path, const char *dir, struct ctl_backup_told *ret_told,
                      struct bl_error *err)
{
    char store_path[CTL_CONFIG_PATH_BYTES + 32];
    BL_AUTO_FD int dir_fd = -1;
    int r;

    *ret_told = (struct ctl_backup_told){0};
    if (bl_text_format(store_path, sizeof(store_path), "%s/" CTL_SETUP_STORE_NAME, dir) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': path too long", dir);
    if (mkdir(dir, 0700) < 0)
        return bl_fail(err, -errno, "'%s': %s", dir, strerror(errno));
    dir_fd = bl_dir_open(AT_FDCWD, dir, err);
    r = dir_fd < 0 ? dir_fd : copy_in(path, dir_fd, err);
    if (r >= 0)
        r = take_apart(store_path, dir_fd, ret_told, err);
    if (r >= 0)
        r = check_unpacked(dir, ret_told->made, err);
    if (r >= 0)
        r = sync_path(store_path, err);
    if (r < 0) {
        ctl_backup_discard(dir);
        return bl_wrap(err, "backup '%s'", path);
    }

    return 0;
}

void ctl_backup_discard(const char *dir)
{
    static const char *const names[] = {
        CTL_SETUP_STORE_NAME,
        CTL_SETUP_STORE_NAME "-wal",
        CTL_SETUP_STORE_NAME "-shm",
        CTL_SETUP_STORE_NAME "-journal",
        CTL_SETUP_KEY_NAME,
        CTL_SETUP_TRUST_NAME,
        "lock",
    };
    struct bl_error err = {0};
    BL_AUTO_FD int dir_fd = bl_dir_open(AT_FDCWD, dir, &err);

    for (size_t i = 0; dir_fd >= 0 && i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlinkat(dir_fd, names[i], 0);
    (void)rmdir(dir);
}

/* ---- putting it in place ---- */

static int give_to(const char *dir, const char *owner, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = bl_dir_open(AT_FDCWD, dir, err);

    return dir_fd < 0 ? dir_fd : ctl_setup_give_to_owner(dir_fd, owner, err);
}

/* 1: there is a state directory, and its lock is held by *ret_lock_fd. */
static int take_present(const char *state_dir, bool replace, int *ret_lock_fd, struct bl_error *err)
{
    char key_path[CTL_CONFIG_PATH_BYTES + 32];
    int r = bl_file_exists(AT_FDCWD, state_dir, err);

    if (r <= 0)
        return r;
    if (bl_text_format(key_path, sizeof(key_path), "%s/" CTL_SETUP_KEY_NAME, state_dir) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': path too long", state_dir);
    *ret_lock_fd = bl_dir_lock(state_dir, err);
    if (*ret_lock_fd == -EBUSY)
        return bl_wrap(err, "belayd is running: stop it first ('systemctl stop belayd')");
    if (*ret_lock_fd < 0)
        return *ret_lock_fd;
    r = bl_file_exists(AT_FDCWD, key_path, err);
    if (r > 0 && !replace) {
        return bl_fail(
            err, -EEXIST,
            "'%s' holds a controller already: --replace puts the backup in its place and "
            "keeps it beside",
            state_dir);
    }

    return r < 0 ? r : 1;
}

int ctl_backup_install(const char *dir, const char *state_dir, bool replace, const char *owner,
                       char ret_kept[CTL_CONFIG_PATH_BYTES], struct bl_error *err)
{
    char instant[BL_WALL_TEXT_BYTES];
    BL_AUTO_FD int lock_fd = -1;
    int r = give_to(dir, owner, err), is_there;

    ret_kept[0] = '\0';
    if (r < 0)
        return r;
    is_there = take_present(state_dir, replace, &lock_fd, err);
    if (is_there < 0)
        return is_there;
    bl_wall_to_text(bl_wall_now(), instant);
    if (is_there > 0 &&
        bl_text_format(ret_kept, CTL_CONFIG_PATH_BYTES, "%s.before-%s", state_dir, instant) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': path too long", state_dir);
    /* Under its later name first: `dir` is never what was there before, and may be thrown away. */
    if (is_there > 0 && rename(dir, ret_kept) < 0)
        return bl_fail(err, -errno, "'%s': %s", ret_kept, strerror(errno));
    /* Exchanged, so that no instant is without a controller. */
    if (renameat2(AT_FDCWD, is_there > 0 ? ret_kept : dir, AT_FDCWD, state_dir,
                  is_there > 0 ? RENAME_EXCHANGE : 0) < 0) {
        r = bl_fail(err, -errno, "'%s': %s", state_dir, strerror(errno));
        if (is_there > 0)
            (void)rename(ret_kept, dir);
        ret_kept[0] = '\0';
        return r;
    }

    return sync_parent(state_dir, err);
}
