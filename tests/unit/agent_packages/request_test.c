/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns and exclusions, before any package manager is asked. */
#include "agent/packages/request.h"

#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/job_dir.h"

static const char *const installed[] = {"libc6:amd64",  "libc6:i386",        "nginx",
                                        "nginx-common", "nginx-light:amd64", "openssl:amd64"};

static struct job_dir dir;
static struct bl_error err;

static int set_up(void **state)
{
    job_dir_make(&dir);

    return 0;
}

static int tear_down(void **state)
{
    job_dir_remove(&dir);

    return 0;
}

static void expand(const struct agent_txn_task *task, struct agent_packages_requests *ret_requests)
{
    assert_int_equal(agent_packages_expand(&dir.job, task, installed,
                                           sizeof(installed) / sizeof(installed[0]), ret_requests,
                                           &err),
                     0);
}

static void a_pattern_means_what_is_installed(void **state)
{
    struct proto_package packages[] = {
        {"nginx*", "1.24.*"}, {"nginx-light", "1.22"}, {"absent", ""}};
    const struct agent_txn_task task = {.packages = packages, .packages_count = 3};
    struct agent_packages_requests requests;

    assert_true(agent_packages_has_pattern(&task));
    expand(&task, &requests);
    assert_int_equal(requests.count, 4);
    assert_string_equal(requests.list[0].name, "nginx");
    assert_string_equal(requests.list[0].version, "1.24.*");
    assert_string_equal(requests.list[1].name, "nginx-common");
    assert_string_equal(requests.list[2].name,
                        "nginx-light"); /* as it is named, not as it matches */
    assert_string_equal(requests.list[2].version, "1.22");
    assert_string_equal(requests.list[3].name, "absent");
    assert_int_equal(dir.result.notes_count, 0);
}

static void two_patterns_ask_once(void **state)
{
    struct proto_package packages[] = {{"nginx*", ""}, {"*-common", ""}};
    const struct agent_txn_task task = {.packages = packages, .packages_count = 2};
    struct agent_packages_requests requests;

    expand(&task, &requests);
    assert_int_equal(requests.count, 3);
}

/* A package that is installed of a foreign architecture only must not bring the native one. */
static void architectures_are_kept_apart(void **state)
{
    struct proto_package packages[] = {{"libc?", ""}, {"open*", ""}};
    const struct agent_txn_task task = {.packages = packages, .packages_count = 2};
    struct agent_packages_requests requests;

    expand(&task, &requests);
    assert_int_equal(requests.count, 3);
    assert_string_equal(requests.list[0].name, "libc6:amd64");
    assert_string_equal(requests.list[1].name, "libc6:i386");
    assert_string_equal(requests.list[2].name, "openssl:amd64");
}

static void what_is_excluded_stays_out(void **state)
{
    struct proto_package packages[] = {{"nginx*", ""}};
    struct proto_text excludes[] = {{"*-light"}, {"openssl"}};
    const struct agent_txn_task task = {
        .packages = packages, .packages_count = 1, .excludes = excludes, .excludes_count = 2};
    struct agent_packages_requests requests;

    expand(&task, &requests);
    assert_int_equal(requests.count, 2);
    assert_string_equal(requests.list[1].name, "nginx-common");
    assert_true(agent_packages_is_excluded(&task, "openssl"));
    assert_false(agent_packages_is_excluded(&task, "openssl-dev"));
}

static void what_matches_nothing_is_noted(void **state)
{
    struct proto_package packages[] = {{"apache*", ""}};
    const struct agent_txn_task task = {.packages = packages, .packages_count = 1};
    struct agent_packages_requests requests;

    expand(&task, &requests);
    assert_int_equal(requests.count, 0);
    assert_int_equal(dir.result.notes_count, 1);
    assert_string_equal(dir.result.notes[0].text, "no installed package matches 'apache*'");
}

static void kernels_are_known(void **state)
{
    assert_true(agent_packages_is_kernel("linux-image-6.1.0-28-amd64"));
    assert_true(agent_packages_is_kernel("kernel-core"));
    assert_false(agent_packages_is_kernel("linux-libc-dev"));
    assert_false(agent_packages_is_kernel("kernel-tools"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pattern_means_what_is_installed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_patterns_ask_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(architectures_are_kept_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_excluded_stays_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_matches_nothing_is_noted, set_up, tear_down),
        cmocka_unit_test(kernels_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
