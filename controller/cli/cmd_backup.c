/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/file.h"
#include "common/spawn.h"
#include "common/text.h"
#include "controller/cli/cli.h"
#include "controller/cli/commands.h"
#include "controller/cli/say.h"
#include "controller/daemon/backup.h"
#include "controller/daemon/setup.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

enum {
    CHECK_MS_MAX = 10 * 60 * 1000,
    CONFIG_DIR_MODE = 0755,
    CONFIG_MODE = 0644,
};

static void say_told(const struct ctl_backup_told *told)
{
    char made[BL_WALL_TEXT_BYTES];

    bl_wall_to_text(told->made, made);
    (void)printf(
        "made            %s\nhosts           %llu\nrollouts        %llu, %llu of them under way\n"
        "audit           %llu rows\n",
        made, (unsigned long long)told->hosts_count, (unsigned long long)told->rollouts_count,
        (unsigned long long)told->open_count, (unsigned long long)told->audit_rows_count);
}

static json_t *pack_told(const char *file, const struct ctl_backup_told *told)
{
    char made[BL_WALL_TEXT_BYTES];

    bl_wall_to_text(told->made, made);

    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "file", file, "made", made, "hosts",
                     (json_int_t)told->hosts_count, "rollouts", (json_int_t)told->rollouts_count,
                     "open_rollouts", (json_int_t)told->open_count, "audit_rows",
                     (json_int_t)told->audit_rows_count);
}

static const char *config_path_of(const struct ctl_cli_globals *globals)
{
    return globals->config != NULL ? globals->config : CTL_CONFIG_PATH;
}

int ctl_cmd_backup(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"backup", NULL, 0, 1, 1};
    struct ctl_cli_arguments arguments;
    struct ctl_backup_told told;
    struct ctl_config config;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_config_load(config_path_of(globals), &config, &err) < 0 ||
        ctl_backup_make(&config, config_path_of(globals), arguments.items[0], &told, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (globals->json) {
        CTL_AUTO_JSON *answer = pack_told(arguments.items[0], &told);

        ctl_out_json(answer, stdout);
        return CTL_CLI_DONE;
    }
    (void)printf("backup          %s\n", arguments.items[0]);
    say_told(&told);
    ctl_cli_say_next("keep it where only you can read it: it holds the key that hosts know this "
                     "controller by; 'belay restore %s' takes it back",
                     arguments.items[0]);

    return CTL_CLI_DONE;
}

/* ---- restore ---- */

/* Replays every rollout of the unpacked state, by the program that will have to. */
static int replay(const char *dir, struct bl_error *err)
{
    const char *const argv[] = {BELAYD_PATH, "--check", "--state-dir", dir, NULL};
    const struct bl_spawn spawn = {.argv = argv, .capture_bytes = 4096};
    struct bl_child child = BL_CHILD_NONE;
    int r = bl_spawn_run(&spawn, CHECK_MS_MAX, &child, err);

    bl_child_release(&child);

    return r < 0 ? bl_wrap(err, "the backup can't be replayed") : 0;
}

/* Before anything is touched: where the configuration lies, or may be written. */
static int check_config_path(const char *path, struct bl_error *err)
{
    const char *slash = strrchr(path, '/');

    if (path[0] != '/' || slash == path || slash[1] == '\0' ||
        strlen(path) >= CTL_CONFIG_PATH_BYTES)
        return bl_fail(err, -EINVAL, "--config is no absolute path of a file: '%.100s'", path);

    return 0;
}

/* What is there is somebody's: only a missing configuration is written. 1: written. */
static int put_config(const char *path, const char *text, struct bl_error *err)
{
    const char *slash = strrchr(path, '/');
    char dir[CTL_CONFIG_PATH_BYTES];
    BL_AUTO_FD int dir_fd = -1;
    int r = bl_file_exists(AT_FDCWD, path, err);

    if (r != 0)
        return r < 0 ? r : 0;
    r = bl_text_format(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
    if (r < 0)
        return bl_fail(err, r, "'%s': path too long", path);
    r = bl_dir_make(AT_FDCWD, dir, CONFIG_DIR_MODE, err);
    if (r >= 0)
        r = dir_fd = bl_dir_open(AT_FDCWD, dir, err);
    if (r >= 0)
        r = bl_file_replace_mode(dir_fd, slash + 1, text, strlen(text), CONFIG_MODE, err);

    return r < 0 ? r : 1;
}

/* The configuration that is here decides where the state goes, or else the backup's own. */
static int find_config(const char *path, const char *text, struct ctl_config *ret_config,
                       struct bl_error *err)
{
    BL_AUTO_FD int fd = -1;
    char fd_path[64];
    int r = ctl_config_load(path, ret_config, err);

    if (r != -ENOENT)
        return r;
    fd = memfd_create("controller.yaml", MFD_CLOEXEC);
    if (fd < 0)
        return bl_fail(err, -errno, "configuration: %s", strerror(errno));
    (void)snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
    r = bl_fd_write(fd, text, strlen(text), err);

    return r < 0 ? r : ctl_config_load(fd_path, ret_config, err);
}

/* Everything that a restore holds. */
struct restore {
    const char *file, *config_path;
    bool replace;
    struct ctl_config config;
    struct ctl_backup_told told;
    char *config_text;                  /* owned */
    char staged[CTL_CONFIG_PATH_BYTES]; /* beside the state directory, until all is checked */
    char kept[CTL_CONFIG_PATH_BYTES];   /* where the former state lies; "" = there was none */
    bool config_written;
};

static int restore(struct restore *restore, struct bl_error *err)
{
    int r = check_config_path(restore->config_path, err);

    if (r >= 0)
        r = ctl_backup_config(restore->file, &restore->config_text, err);
    if (r >= 0)
        r = find_config(restore->config_path, restore->config_text, &restore->config, err);
    if (r < 0)
        return r;
    if (bl_text_format(restore->staged, sizeof(restore->staged), "%s.restore",
                       restore->config.state_dir) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': path too long", restore->config.state_dir);
    r = ctl_backup_unpack(restore->file, restore->staged, &restore->told, err);
    if (r == -EEXIST) {
        return bl_fail(err, r,
                       "'%s' is there: another restore runs, or was interrupted; remove it when "
                       "none runs, nothing depends on it",
                       restore->staged);
    }
    if (r < 0)
        return r;
    r = replay(restore->staged, err);
    if (r >= 0) {
        r = ctl_backup_install(restore->staged, restore->config.state_dir, restore->replace,
                               CTL_SETUP_OWNER, restore->kept, err);
    }
    if (r < 0) {
        ctl_backup_discard(restore->staged);
        return r;
    }
    r = put_config(restore->config_path, restore->config_text, err);
    restore->config_written = r > 0;
    if (r < 0 && restore->kept[0] != '\0')
        return bl_wrap(err,
                       "the state is restored, the former one lies in '%s'; only '%s' was "
                       "not written",
                       restore->kept, restore->config_path);

    return r < 0 ? bl_wrap(err, "the state is restored; only '%s' was not written",
                           restore->config_path)
                 : 0;
}

static void say_restored(const struct restore *restore)
{
    (void)printf("restored        %s\nstate           %s\n", restore->file,
                 restore->config.state_dir);
    say_told(&restore->told);
    if (restore->kept[0] != '\0')
        (void)printf("former state    %s\n", restore->kept);
    (void)printf("configuration   %s, %s\n", restore->config_path,
                 restore->config_written ? "from the backup" : "as it was here");
    ctl_cli_say_next(
        "start it: 'systemctl start belayd'. What people decided since the backup is lost with "
        "the former controller: revoked keys, hosts and desks (these may come in again), denied "
        "packages, freezes; of a severe failure people are asked anew once it is "
        "started; tokens for joining are void");
    if (restore->told.open_count > 0) {
        ctl_cli_say_next(
            "rollouts that were under way are paused: look at each ('belay status'), then "
            "'belay resume' or 'belay rollback'; hosts that told the lost controller more "
            "may end as lost");
    }
}

int ctl_cmd_restore(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct restore restored = {.config_path = config_path_of(globals)};
    const struct ctl_cli_option options[] = {{"replace", CTL_CLI_FLAG, &restored.replace}};
    const struct ctl_cli_usage usage = {"restore", options, 1, 1, 1};
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    int r;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    restored.file = arguments.items[0];
    r = restore(&restored, &err);
    if (r >= 0 && globals->json) {
        CTL_AUTO_JSON *answer = pack_told(restored.file, &restored.told);

        (void)json_object_set_new(answer, "state_dir", json_string(restored.config.state_dir));
        (void)json_object_set_new(answer, "former_state", json_string(restored.kept));
        (void)json_object_set_new(answer, "config_written", json_boolean(restored.config_written));
        ctl_out_json(answer, stdout);
    } else if (r >= 0) {
        say_restored(&restored);
    }
    free(restored.config_text);

    return r < 0 ? ctl_cli_say_error(CTL_CLI_ERROR, &err) : CTL_CLI_DONE;
}
