/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_BACKUP_H
#define CTL_DAEMON_BACKUP_H

#include "common/attr.h"
#include "common/clock.h"
#include "common/error.h"
#include "controller/daemon/config.h"

/*
 * A controller in one file: its store as of one instant, the key that hosts know it by, the trust
 * file, and its configuration. The file is a database, made by SQLite's own backup while belayd
 * goes on; it holds the controller's secret key, so it is for its owner only (mode 0600).
 */
struct ctl_backup_told {
    struct bl_wall made;
    uint64_t hosts_count, rollouts_count, open_count; /* open_count: rollouts that are under way */
    uint64_t audit_rows_count;
    bool was_running; /* belayd had the state while the backup was made */
};

/*
 * Writes `path`, whole or not at all; -EEXIST when there is such a file. Durable when it returns.
 * To be called by root or the user whose state it is.
 */
int ctl_backup_make(const struct ctl_config *config, const char *config_path, const char *path,
                    struct ctl_backup_told *ret_told, struct bl_error *err) BL_CHECKED;

/*
 * Unpacks a backup into the new directory `dir` (-EEXIST when it is there) and looks whether it is
 * whole: database, chain of the audit, key. What was begun is removed when it fails.
 */
int ctl_backup_unpack(const char *path, const char *dir, struct ctl_backup_told *ret_told,
                      struct bl_error *err) BL_CHECKED;

/* The configuration file that it holds; *ret_text is from malloc, ends with a NUL. */
int ctl_backup_config(const char *path, char **ret_text, struct bl_error *err) BL_CHECKED;

/*
 * Puts an unpacked directory in the place of `state_dir`, in one step. What was there is kept as
 * `ret_kept` ("" when there was none), a directory beside it. -EBUSY while a belayd has it. -EEXIST
 * when it holds a controller and `replace` is not set. `owner` as in setup.h.
 */
int ctl_backup_install(const char *dir, const char *state_dir, bool replace, const char *owner,
                       char ret_kept[CTL_CONFIG_PATH_BYTES], struct bl_error *err) BL_CHECKED;

/* Removes what unpack made. */
void ctl_backup_discard(const char *dir);

#endif
