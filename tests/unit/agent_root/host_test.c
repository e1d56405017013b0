/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/root/facts.h"
#include "agent/root/forget.h"
#include "agent/root/prune.h"
#include "agent/root/setup.h"
#include "agent/root/witnesses.h"
#include "proto/manifest.h"
#include "tests/lib/unit.h"

static void test_os_release(void **state)
{
    static const char text[] = "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\nEMPTY=\n"
                               "OPEN=\"12\nLAST='x'";
    char value[8];

    agent_facts_find(text, "ID", value, sizeof(value));
    assert_string_equal(value, "debian");
    agent_facts_find(text, "VERSION_ID", value, sizeof(value));
    assert_string_equal(value, "12");
    agent_facts_find(text, "NAME", value, sizeof(value)); /* cut to fit */
    assert_int_equal(strlen(value), sizeof(value) - 1);
    agent_facts_find(text, "EMPTY", value, sizeof(value));
    assert_string_equal(value, "");
    agent_facts_find(text, "OPEN", value, sizeof(value));
    assert_string_equal(value, "12");
    agent_facts_find(text, "LAST", value, sizeof(value));
    assert_string_equal(value, "x");
    agent_facts_find(text, "VERSION", value, sizeof(value));
    assert_string_equal(value, "");
}

static void test_controller_line(void **state)
{
    char endpoint[32];
    struct bl_error err = {0};

    assert_int_equal(agent_setup_find_controller("# x\ncontroller: tcp://10.0.0.1:7311\nz: 1\n",
                                                 endpoint, sizeof(endpoint), &err),
                     0);
    assert_string_equal(endpoint, "10.0.0.1:7311");
    assert_int_equal(agent_setup_find_controller("controller: \"tcp://[fd00::1]:7311\" # c",
                                                 endpoint, sizeof(endpoint), &err),
                     0);
    assert_string_equal(endpoint, "[fd00::1]:7311");
    assert_int_equal(
        agent_setup_find_controller("controller_key: aa\n", endpoint, sizeof(endpoint), &err),
        -ENODATA);
    assert_int_equal(
        agent_setup_find_controller("controller: ipc://x\n", endpoint, sizeof(endpoint), &err),
        -EBADMSG);
    assert_int_equal(agent_setup_find_controller(
                         "controller: tcp://a-name-that-is-far-too-long.example.org:7311\n",
                         endpoint, sizeof(endpoint), &err),
                     -EMSGSIZE);
}

static int make_key(const char *directory, enum agent_setup_key which,
                    uint8_t ret_id[PROTO_HOST_ID_BYTES])
{
    uint8_t secret[PROTO_KEY_BYTES];
    struct bl_error err = {0};

    return agent_setup_make_key(directory, which, ret_id, secret, &err);
}

static void remove_state(const char *directory)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/agent/curve.key", directory);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/agent", directory);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

/* The former key is good until the controller has taken the next one, also after a crash. */
static void test_the_next_key_waits_until_it_is_adopted(void **state)
{
    char directory[] = "/tmp/belay-setup-XXXXXX";
    uint8_t id[PROTO_HOST_ID_BYTES], next[PROTO_HOST_ID_BYTES], again[PROTO_HOST_ID_BYTES];
    struct bl_error err = {0};

    assert_int_equal(proto_init(&err), 0);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(make_key(directory, AGENT_SETUP_KEY_PRESENT, id), 0);
    assert_int_equal(agent_setup_adopt_key(directory, &err), -ENOENT);
    assert_int_equal(make_key(directory, AGENT_SETUP_KEY_NEXT, next), 0);
    assert_memory_not_equal(id, next, sizeof(id));
    assert_int_equal(make_key(directory, AGENT_SETUP_KEY_NEXT, again), 0);
    assert_memory_equal(next, again, sizeof(next));
    assert_int_equal(agent_setup_load_id(directory, again, &err), 0);
    assert_memory_equal(id, again, sizeof(id));

    assert_int_equal(agent_setup_adopt_key(directory, &err), 0);
    assert_int_equal(agent_setup_load_id(directory, again, &err), 0);
    assert_memory_equal(next, again, sizeof(next));
    remove_state(directory); /* nothing of the next key is left beside it */
}

static void test_key_is_made_once_and_kept(void **state)
{
    char directory[] = "/tmp/belay-setup-XXXXXX", path[64];
    uint8_t id[PROTO_HOST_ID_BYTES], again[PROTO_HOST_ID_BYTES];
    struct bl_error err = {0};
    struct stat file;

    assert_int_equal(proto_init(&err), 0);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(agent_setup_load_id(directory, id, &err), -ENOENT);
    assert_int_equal(make_key(directory, AGENT_SETUP_KEY_PRESENT, id), 0);
    assert_int_equal(make_key(directory, AGENT_SETUP_KEY_PRESENT, again), 0);
    assert_memory_equal(id, again, sizeof(id));
    assert_int_equal(agent_setup_load_id(directory, again, &err), 0);
    assert_memory_equal(id, again, sizeof(id));

    (void)snprintf(path, sizeof(path), "%s/agent/curve.key", directory);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_equal(file.st_size, 65);
    assert_int_equal(truncate(path, 10), 0);
    assert_int_equal(agent_setup_load_id(directory, again, &err), -EUCLEAN);
    remove_state(directory);
}

static enum agent_job_witnesses judge(uint32_t gateway, uint32_t witness, uint32_t controller)
{
    struct agent_probe_reply replies[] = {
        {"10.0.0.1", AGENT_PROBE_GATEWAY, gateway},
        {"10.0.0.9:80", AGENT_PROBE_WITNESS, witness},
        {"10.0.0.2:7311", AGENT_PROBE_CONTROLLER, controller},
    };
    const struct agent_probe_result result = {.replies = replies, .replies_count = 3};

    return agent_witnesses_judge(&result);
}

static void test_witnesses(void **state)
{
    const struct agent_probe_result nothing = {0};

    assert_int_equal(agent_witnesses_judge(&nothing), AGENT_JOB_WITNESSES_UNKNOWN);
    assert_int_equal(judge(AGENT_PROBE_SILENT, AGENT_PROBE_SILENT, AGENT_PROBE_SILENT),
                     AGENT_JOB_WITNESSES_NONE_ANSWERS);
    assert_int_equal(judge(AGENT_PROBE_SILENT, AGENT_PROBE_SILENT, AGENT_PROBE_ANSWERED),
                     AGENT_JOB_WITNESSES_CONTROLLER_ANSWERS);
    assert_int_equal(judge(AGENT_PROBE_SILENT, AGENT_PROBE_REFUSED, AGENT_PROBE_SILENT),
                     AGENT_JOB_WITNESSES_CONTROLLER_MISSING);
    assert_int_equal(judge(AGENT_PROBE_SILENT, AGENT_PROBE_SILENT, AGENT_PROBE_REFUSED),
                     AGENT_JOB_WITNESSES_CONTROLLER_MISSING);
    assert_int_equal(judge(AGENT_PROBE_ANSWERED, AGENT_PROBE_SILENT, AGENT_PROBE_SILENT),
                     AGENT_JOB_WITNESSES_CONTROLLER_MISSING);
}

#define OLD_JOB "0123456789abcdef0123456789abcdef"
#define NEW_JOB "fedcba9876543210fedcba9876543210"
#define QUERIES "00000000000000000000000000000000"

static bool exists(const char *directory, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/jobs/%s", directory, name);
    return access(path, F_OK) == 0;
}

static void make_dir(const char *directory, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void test_only_the_newest_job_keeps_its_files(void **state)
{
    char directory[] = "/tmp/belay-prune-XXXXXX", path[128];

    assert_non_null(mkdtemp(directory));
    agent_prune_jobs(directory, NEW_JOB, ""); /* no jobs yet */
    make_dir(directory, "jobs");
    make_dir(directory, "jobs/" OLD_JOB);
    make_dir(directory, "jobs/" OLD_JOB "/way-back");
    make_dir(directory, "jobs/" NEW_JOB);
    make_dir(directory, "jobs/" QUERIES);
    make_dir(directory, "jobs/other");
    /* A link leads out of the tree; what it names must stay. */
    (void)snprintf(path, sizeof(path), "%s/jobs/" OLD_JOB "/way-back/link", directory);
    assert_int_equal(symlink("../../" NEW_JOB, path), 0);

    agent_prune_jobs(directory, NEW_JOB, OLD_JOB);
    assert_true(exists(directory, OLD_JOB));
    /* Nothing else knows where its snapshots are. */
    make_dir(directory, "jobs/" OLD_JOB "/snapshot.record");
    agent_prune_jobs(directory, NEW_JOB, "");
    assert_true(exists(directory, OLD_JOB));
    (void)snprintf(path, sizeof(path), "%s/jobs/" OLD_JOB "/snapshot.record", directory);
    assert_int_equal(rmdir(path), 0);
    agent_prune_jobs(directory, NEW_JOB, "");
    assert_false(exists(directory, OLD_JOB));
    assert_true(exists(directory, NEW_JOB));
    assert_true(exists(directory, QUERIES));
    assert_true(exists(directory, "other"));

    agent_prune_jobs(directory, OLD_JOB, "");
    assert_false(exists(directory, NEW_JOB));
    (void)snprintf(path, sizeof(path), "%s/jobs/" QUERIES, directory);
    assert_int_equal(rmdir(path), 0);
    (void)snprintf(path, sizeof(path), "%s/jobs/other", directory);
    assert_int_equal(rmdir(path), 0);
    (void)snprintf(path, sizeof(path), "%s/jobs", directory);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

static void never_answered(void *userdata, enum agent_job_witnesses answer)
{
    fail_msg("nothing was asked");
}

/* With a second question in its place the first would never be answered. */
static void test_a_question_to_the_witnesses_is_joined(void **state)
{
    const struct proto_manifest manifest = {0};
    struct agent_host host = {.run_dir = "/dev/null"}; /* where nothing can be asked */
    struct agent_witnesses *const out = (void *)&host, *witnesses = NULL;
    struct bl_error err = {0};

    assert_true(agent_witnesses_ask(&host, &manifest, never_answered, NULL, &witnesses, &err) < 0);
    assert_null(witnesses);
    witnesses = out;
    assert_int_equal(agent_witnesses_ask(&host, &manifest, never_answered, NULL, &witnesses, &err),
                     0);
    assert_ptr_equal(witnesses, out);
}

static void snapshots_go_when_the_way_back_is_over(void **state)
{
    static const struct {
        struct agent_forget_case one;
        bool is_over;
    } cases[] = {
        {{.is_newest = true, .is_open = true, .state = PROTO_JOB_PROBATION}, false},
        {{.is_newest = true, .state = PROTO_JOB_REVERTED}, true},
        {{.is_newest = true, .state = PROTO_JOB_BLOCKED}, true},
        /* a person may still want to look into it */
        {{.is_newest = true, .state = PROTO_JOB_REVERT_FAILED}, false},
        {{.is_newest = true, .is_base = true, .state = PROTO_JOB_COMMITTED}, false},
        {{.is_newest = true, .is_base = true, .way_back_end = {9}, .now = {8}}, false},
        {{.is_newest = true, .is_base = true, .way_back_end = {9}, .now = {9}}, true},
        {{.is_newest = true, .is_open = true, .is_base = true, .way_back_end = {9}, .now = {9}},
         false},
        {{.is_base = true, .way_back_end = {0}, .now = {9}}, false},
        {{.now = {9}}, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(agent_forget_is_over(&cases[i].one), cases[i].is_over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_go_when_the_way_back_is_over),
        cmocka_unit_test(test_os_release),
        cmocka_unit_test(test_controller_line),
        cmocka_unit_test(test_key_is_made_once_and_kept),
        cmocka_unit_test(test_the_next_key_waits_until_it_is_adopted),
        cmocka_unit_test(test_witnesses),
        cmocka_unit_test(test_a_question_to_the_witnesses_is_joined),
        cmocka_unit_test(test_only_the_newest_job_keeps_its_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
