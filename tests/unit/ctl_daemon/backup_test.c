/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/backup.h"

#include <errno.h>
#include <sodium.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "common/file.h"
#include "controller/daemon/check.h"
#include "controller/daemon/setup.h"
#include "controller/daemon/store.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/temp.h"

static char dir[TEMP_BYTES], state_dir[128], staged[128], file[128], config_path[128];
static struct ctl_setup_request request;
static struct ctl_setup_result made;
static struct bl_error err;

static int make_controller(void **state)
{
    struct ctl_store *store = NULL;

    err = (struct bl_error){0};
    temp_make(dir);
    (void)snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
    (void)snprintf(staged, sizeof(staged), "%s/staged", dir);
    (void)snprintf(file, sizeof(file), "%s/backup", dir);
    (void)snprintf(config_path, sizeof(config_path), "%s/controller.yaml", dir);
    request = (struct ctl_setup_request){.config_path = config_path};
    ctl_config_init(&request.config);
    (void)snprintf(request.config.state_dir, sizeof(request.config.state_dir), "%s", state_dir);
    assert_int_equal(ctl_setup_create(&request, &made, &err), 0);

    assert_int_equal(ctl_store_open(state_dir, &store, &err), 0);
    ctl_store_begin(store);
    for (unsigned i = 0; i < 3; i++) {
        struct ctl_store_audit row = {.at = {i}, .verb = "pause", .subject = "r", .detail = ""};

        assert_int_equal(ctl_store_add_audit(store, &row, &err), 0);
    }
    assert_int_equal(ctl_store_commit(store, &err), 0);
    (void)ctl_store_close(store);
    return 0;
}

static int remove_all(void **state)
{
    temp_remove(dir);
    return 0;
}

static void back_up(void)
{
    struct ctl_backup_told told;

    assert_int_equal(ctl_backup_make(&request.config, config_path, file, &told, &err), 0);
    assert_int_equal(told.audit_rows_count, 3);
}

/* Changes a byte of the backup; what the database itself says of it is not asked. */
static void damage(long offset)
{
    FILE *stream = fopen(file, "r+b");
    int byte;

    assert_non_null(stream);
    assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
    byte = fgetc(stream);
    assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x5a, stream), byte ^ 0x5a);
    assert_int_equal(fclose(stream), 0);
}

static void edit(const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int unpack(void)
{
    struct ctl_backup_told told;

    return ctl_backup_unpack(file, staged, &told, &err);
}

static bool is_there(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

static void test_what_is_taken_back_is_the_same_controller(void **state)
{
    uint8_t secret[PROTO_HOST_ID_BYTES], public_key[PROTO_HOST_ID_BYTES];
    char kept[CTL_CONFIG_PATH_BYTES];
    struct ctl_check_result result;
    BL_AUTO_FREE char *text = NULL;
    struct stat status;

    back_up();
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    temp_remove(state_dir);

    assert_int_equal(ctl_backup_config(file, &text, &err), 0);
    assert_non_null(strstr(text, state_dir));
    assert_int_equal(unpack(), 0);
    assert_int_equal(ctl_backup_install(staged, state_dir, false, NULL, kept, &err), 0);
    assert_string_equal(kept, "");
    assert_int_equal(ctl_setup_load_key(state_dir, secret, public_key, &err), 0);
    assert_memory_equal(public_key, made.public_key, sizeof(public_key));
    assert_int_equal(ctl_check_state(state_dir, &result, &err), 0);
    assert_int_equal(result.problems_count, 0);
    assert_int_equal(result.audit_rows_count, 4); /* and that it was restored */
    assert_false(is_there(staged));
}

static void test_the_key_does_not_stay_in_the_database(void **state)
{
    BL_AUTO_FREE char *key = NULL;
    BL_AUTO_FREE char *store = NULL;
    size_t key_bytes, store_bytes;
    char path[160];

    back_up();
    assert_int_equal(unpack(), 0);
    (void)snprintf(path, sizeof(path), "%s/" CTL_SETUP_KEY_NAME, staged);
    assert_int_equal(bl_file_read(AT_FDCWD, path, 4096, &key, &key_bytes, &err), 0);
    (void)snprintf(path, sizeof(path), "%s/" CTL_SETUP_STORE_NAME, staged);
    assert_int_equal(bl_file_read(AT_FDCWD, path, 16 << 20, &store, &store_bytes, &err), 0);
    assert_null(memmem(store, store_bytes, key, 32));
}

static void test_a_controller_is_replaced_only_when_asked_and_kept(void **state)
{
    char kept[CTL_CONFIG_PATH_BYTES];

    back_up();
    assert_int_equal(unpack(), 0);
    assert_int_equal(ctl_backup_install(staged, state_dir, false, NULL, kept, &err), -EEXIST);
    assert_non_null(strstr(err.text, "--replace"));
    assert_true(is_there(staged));
    assert_int_equal(ctl_backup_install(staged, state_dir, true, NULL, kept, &err), 0);
    assert_true(is_there(kept) && is_there(state_dir) && !is_there(staged));
}

static void test_a_running_daemon_is_backed_up_and_never_replaced(void **state)
{
    struct ctl_backup_told told;
    char kept[CTL_CONFIG_PATH_BYTES];
    struct ctl_store *store = NULL;

    assert_int_equal(ctl_store_open(state_dir, &store, &err), 0);
    assert_int_equal(ctl_backup_make(&request.config, config_path, file, &told, &err), 0);
    assert_true(told.was_running);
    assert_int_equal(unpack(), 0);
    assert_int_equal(ctl_backup_install(staged, state_dir, true, NULL, kept, &err), -EBUSY);
    assert_non_null(strstr(err.text, "systemctl stop belayd"));
    (void)ctl_store_close(store);
}

static void test_nothing_is_written_over(void **state)
{
    struct ctl_backup_told told;

    back_up();
    assert_int_equal(ctl_backup_make(&request.config, config_path, file, &told, &err), -EEXIST);
    assert_int_equal(unpack(), 0);
    assert_int_equal(unpack(), -EEXIST);
    assert_true(is_there(staged));
}

static void test_without_its_parts_there_is_no_backup(void **state)
{
    struct ctl_backup_told told;
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/" CTL_SETUP_KEY_NAME, state_dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ctl_backup_make(&request.config, config_path, file, &told, &err), -ENOENT);
    assert_false(is_there(file));
    (void)snprintf(path, sizeof(path), "%s.partial", file);
    assert_false(is_there(path));
}

static void test_a_damaged_backup_is_refused(void **state)
{
    static const struct {
        const char *sql, *why;
    } rows[] = {
        {"DROP TABLE backup", "no backup that belay made"},
        {"UPDATE backup SET format = 2", "newer belay"},
        {"UPDATE audit SET detail = 'x' WHERE seq = 2", "chain is broken at row 2"},
        {"UPDATE backup_files SET data = x'00' WHERE name = 'curve.key'", "holds no key"},
        {"UPDATE backup_files SET name = '../passwd' WHERE name = 'curve.key'", "does not belong"},
        {"DELETE FROM backup_files WHERE name = 'curve.key'", "curve.key"},
        {"PRAGMA user_version = 99", "newer version of belay"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        back_up();
        edit(rows[i].sql);
        assert_true(unpack() < 0);
        if (strstr(err.text, rows[i].why) == NULL)
            fail_msg("'%s' was refused as: %s", rows[i].sql, err.text);
        assert_false(is_there(staged));
        assert_int_equal(unlink(file), 0);
    }
    back_up();
    damage(20); /* in the database's own head */
    assert_true(unpack() < 0);
    assert_false(is_there(staged));
}

static void test_a_list_that_contradicts_the_audit_is_told(void **state)
{
    struct ctl_check_result result;
    char path[160];
    sqlite3 *db = NULL;

    (void)snprintf(path, sizeof(path), "%s/" CTL_SETUP_STORE_NAME, state_dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE audit SET uid = 7 WHERE seq = 3", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(ctl_check_state(state_dir, &result, &err), 0);
    assert_int_equal(result.problems_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_taken_back_is_the_same_controller,
                                        make_controller, remove_all),
        cmocka_unit_test_setup_teardown(test_the_key_does_not_stay_in_the_database, make_controller,
                                        remove_all),
        cmocka_unit_test_setup_teardown(test_a_controller_is_replaced_only_when_asked_and_kept,
                                        make_controller, remove_all),
        cmocka_unit_test_setup_teardown(test_a_running_daemon_is_backed_up_and_never_replaced,
                                        make_controller, remove_all),
        cmocka_unit_test_setup_teardown(test_nothing_is_written_over, make_controller, remove_all),
        cmocka_unit_test_setup_teardown(test_without_its_parts_there_is_no_backup, make_controller,
                                        remove_all),
        cmocka_unit_test_setup_teardown(test_a_damaged_backup_is_refused, make_controller,
                                        remove_all),
        cmocka_unit_test_setup_teardown(test_a_list_that_contradicts_the_audit_is_told,
                                        make_controller, remove_all),
    };

    if (sodium_init() < 0)
        return 1;

    return cmocka_run_group_tests(tests, NULL, NULL);
}
