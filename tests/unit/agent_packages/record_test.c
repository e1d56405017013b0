/* SPDX-License-Identifier: Apache-2.0 */
/* The files by which the agent, belay-txn and a later way back understand each other. */
#include <errno.h>
#include <string.h>

#include "agent/packages/apt_parse.h"
#include "agent/packages/way_back.h"
#include "agent/txn/task.h"
#include "common/file.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/one_job.h"

static void instance_is_parsed_strictly(void **state)
{
    static const char *const bad[] = {
        "",
        "-",
        "stage",
        JOB_NAME,
        JOB_NAME "-",
        JOB_NAME "-Stage",
        JOB_NAME "-stage ",
        JOB_NAME "-stagex",
        JOB_NAME "-stag",
        JOB_NAME "x-stage",
        "0123456789ABCDEF0123456789abcdef-stage",
        "../3456789abcdef0123456789abcdef-stage",
        "0123456789abcdef0123456789abcde-stage",
        JOB_NAME "-../../../../etc/passwd",
    };
    char job[AGENT_TXN_JOB_CHARS + 1];
    char unit[AGENT_TXN_UNIT_BYTES];
    uint32_t phase;

    assert_int_equal(agent_txn_instance_parse(JOB_NAME "-restore", job, &phase, &err), 0);
    assert_string_equal(job, JOB_NAME);
    assert_int_equal(phase, AGENT_TXN_RESTORE);
    agent_txn_unit_name(job, phase, unit);
    assert_string_equal(unit, "belay-txn@" JOB_NAME "-restore.service");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(agent_txn_instance_parse(bad[i], job, &phase, &err), -EINVAL);
}

static void task_comes_back_as_it_was(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_package packages[] = {{"nginx", "1.24.0-2"}, {"openssl", ""}};
    struct proto_pin pins[] = {{"nginx", "amd64", "1.24.0-2", PROTO_ACTION_UPGRADE},
                               {"old", "all", "", PROTO_ACTION_REMOVE}};
    struct agent_txn_task task = {.phase = AGENT_TXN_STAGE,
                                  .packages = packages,
                                  .packages_count = 2,
                                  .pins = pins,
                                  .pins_count = 2,
                                  .allow_remove = true,
                                  .deadline_ms = 1234567,
                                  .lock_wait_ms = 42};
    struct agent_txn_task loaded;

    assert_int_equal(agent_txn_task_load(d.job.job_fd, AGENT_TXN_STAGE, &arena, &loaded, &err),
                     -ENOENT);
    assert_int_equal(agent_txn_task_save(d.job.job_fd, &task, &err), 0);
    assert_int_equal(agent_txn_task_load(d.job.job_fd, AGENT_TXN_STAGE, &arena, &loaded, &err), 0);
    assert_int_equal(loaded.packages_count, 2);
    assert_string_equal(loaded.packages[0].version, "1.24.0-2");
    assert_string_equal(loaded.packages[1].version, "");
    assert_int_equal(loaded.pins_count, 2);
    assert_string_equal(loaded.pins[1].name, "old");
    assert_int_equal(loaded.pins[1].action, PROTO_ACTION_REMOVE);
    assert_true(loaded.allow_remove);
    assert_false(loaded.allow_downgrade);
    assert_int_equal(loaded.deadline_ms, 1234567);
    assert_int_equal(loaded.lock_wait_ms, 42);
}

static void result_comes_back_as_it_was(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_txn_conffile conffile = {.path = "/etc/demo/demo.conf",
                                          .present = true,
                                          .digest = {1, 2, 3},
                                          .mode = 0640,
                                          .uid = 5,
                                          .gid = 7};
    struct agent_txn_item item = {"demo", "all", "", AGENT_TXN_STATUS_ABSENT, true, false};
    struct agent_txn_finding finding = {"no_way_back", "demo 1.0 is nowhere", ""};
    struct agent_txn_result result = {.phase = AGENT_TXN_RESTORE,
                                      .result = PROTO_RESULT_FAILED,
                                      .code = "no_way_back",
                                      .reason = "why",
                                      .findings = &finding,
                                      .findings_count = 1,
                                      .installed_bytes = -4096,
                                      .inventory = &item,
                                      .inventory_count = 1,
                                      .conffiles = &conffile,
                                      .conffiles_count = 1,
                                      .way_back_complete = true};
    struct agent_txn_result loaded;

    assert_int_equal(agent_txn_result_save(d.job.job_fd, &result, &err), 0);
    assert_int_equal(agent_txn_result_load(d.job.job_fd, AGENT_TXN_RESTORE, &arena, &loaded, &err),
                     0);
    assert_int_equal(loaded.result, PROTO_RESULT_FAILED);
    assert_string_equal(loaded.code, "no_way_back");
    assert_string_equal(loaded.findings[0].reason, "demo 1.0 is nowhere");
    assert_int_equal(loaded.installed_bytes, -4096);
    assert_true(loaded.inventory[0].held);
    assert_int_equal(loaded.inventory[0].status, AGENT_TXN_STATUS_ABSENT);
    assert_memory_equal(loaded.conffiles[0].digest, conffile.digest, PROTO_HASH_BYTES);
    assert_int_equal(loaded.conffiles[0].gid, 7);
    assert_true(loaded.way_back_complete);
    assert_false(loaded.audit_clean);
}

static void damage_is_seen(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_txn_result result = {
        .phase = AGENT_TXN_STAGE, .result = PROTO_RESULT_OK, .code = "", .reason = ""};
    BL_AUTO_FREE char *data = NULL;
    size_t size_bytes;

    assert_int_equal(agent_txn_result_save(d.job.job_fd, &result, &err), 0);
    assert_int_equal(bl_file_read(d.job.job_fd, "stage.result", 4096, &data, &size_bytes, &err), 0);
    for (size_t length = 0; length < size_bytes; length++) {
        assert_int_equal(bl_file_replace(d.job.job_fd, "stage.result", data, length, &err), 0);
        assert_int_equal(
            agent_txn_result_load(d.job.job_fd, AGENT_TXN_STAGE, &arena, &result, &err), -EUCLEAN);
    }
    /* The result of one phase under the name of another. */
    assert_int_equal(bl_file_replace(d.job.job_fd, "upgrade.result", data, size_bytes, &err), 0);
    assert_int_equal(agent_txn_result_load(d.job.job_fd, AGENT_TXN_UPGRADE, &arena, &result, &err),
                     -EUCLEAN);
}

static void a_phase_can_be_forgotten(void **state)
{
    struct agent_txn_result result = {
        .phase = AGENT_TXN_STAGE, .result = PROTO_RESULT_OK, .code = "", .reason = ""};
    PROTO_AUTO_ARENA arena = {0};

    assert_int_equal(agent_txn_started_load(d.job.job_fd, AGENT_TXN_STAGE, &err), 0);
    assert_int_equal(agent_txn_phase_clear(d.job.job_fd, AGENT_TXN_STAGE, &err), 0);
    assert_int_equal(agent_txn_started_save(d.job.job_fd, AGENT_TXN_STAGE, &err), 0);
    assert_int_equal(agent_txn_result_save(d.job.job_fd, &result, &err), 0);
    assert_int_equal(agent_txn_started_load(d.job.job_fd, AGENT_TXN_STAGE, &err), 1);
    assert_int_equal(agent_txn_phase_clear(d.job.job_fd, AGENT_TXN_STAGE, &err), 0);
    assert_int_equal(agent_txn_started_load(d.job.job_fd, AGENT_TXN_STAGE, &err), 0);
    assert_int_equal(agent_txn_result_load(d.job.job_fd, AGENT_TXN_STAGE, &arena, &result, &err),
                     -ENOENT);
}

static void job_directories_follow_no_link(void **state)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/jobs/ffffffffffffffffffffffffffffffff", d.state_dir);
    assert_int_equal(symlink("/etc", path), 0);
    assert_true(agent_txn_job_open(d.state_dir, "ffffffffffffffffffffffffffffffff", &fd, &err) < 0);
    assert_int_equal(agent_txn_job_open(d.state_dir, "../etc", &fd, &err), -EINVAL);
    assert_int_equal(agent_txn_job_open(d.state_dir, "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", &fd, &err),
                     -ENOENT);
}

static void way_back_comes_back_as_it_was(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_packages_former former[] = {
        {.name = "demo",
         .arch = "all",
         .from = "1.0",
         .to = "3.0",
         .from_arch = "all",
         .new_file = "demo_3.0_all.deb",
         .former_file = "demo_1.0_all.deb",
         .requested = true,
         .held = true},
        {.name = "new",
         .arch = "amd64",
         .from = "",
         .to = "1:1.0-1",
         .from_arch = "",
         .new_file = "new_1%3a1.0-1_amd64.deb",
         .former_file = "",
         .residual = true},
        {.name = "gone",
         .arch = "all",
         .from = "7",
         .to = "",
         .from_arch = "all",
         .new_file = "",
         .former_file = "gone_7_all.deb",
         .automatic = true,
         .rebuilt = true},
    };
    struct agent_packages_kept kept = {.path = "/etc/a b",
                                       .present = true,
                                       .number = 3,
                                       .digest = {9},
                                       .mode = 0604,
                                       .uid = 1,
                                       .gid = 2,
                                       .leftovers = 5};
    struct agent_packages_way_back way_back = {
        .former = former, .former_count = 3, .kept = &kept, .kept_count = 1};
    struct agent_packages_way_back loaded;
    struct agent_packages_changes changes;

    assert_int_equal(agent_packages_way_back_load(d.job.job_fd, &arena, &loaded, &err), -ENOENT);
    assert_int_equal(agent_packages_way_back_save(d.job.job_fd, &way_back, &err), 0);
    assert_int_equal(agent_packages_way_back_load(d.job.job_fd, &arena, &loaded, &err), 0);
    assert_int_equal(loaded.former_count, 3);
    assert_true(loaded.former[0].requested && loaded.former[0].held);
    assert_string_equal(loaded.former[1].new_file, "new_1%3a1.0-1_amd64.deb");
    assert_true(loaded.former[1].residual && !loaded.former[1].automatic);
    assert_true(loaded.former[2].rebuilt && loaded.former[2].automatic);
    assert_string_equal(loaded.kept[0].path, "/etc/a b");
    assert_int_equal(loaded.kept[0].mode, 0604);
    assert_int_equal(loaded.kept[0].leftovers, 5);

    assert_int_equal(agent_packages_way_back_changes(&d.job, &loaded, &changes, &err), 0);
    assert_int_equal(changes.count, 3);
    assert_string_equal(changes.list[1].name, "gone");
    assert_int_equal(changes.list[1].action, PROTO_ACTION_REMOVE);
    assert_int_equal(changes.list[2].action, PROTO_ACTION_INSTALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(instance_is_parsed_strictly, setup, teardown),
        cmocka_unit_test_setup_teardown(task_comes_back_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(result_comes_back_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(a_phase_can_be_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(job_directories_follow_no_link, setup, teardown),
        cmocka_unit_test_setup_teardown(way_back_comes_back_as_it_was, setup, teardown),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
