/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with repositories, what is tried again, and which packages bring keys. */
#include <errno.h>
#include <string.h>

#include "agent/packages/keys.h"
#include "agent/packages/tools.h"
#include "common/file.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/job_dir.h"

static struct job_dir d;
static struct bl_error err;

static int setup(void **state)
{
    job_dir_make(&d);
    d.job.retry_ms = 1;
    err = (struct bl_error){0};

    return 0;
}

static int teardown(void **state)
{
    job_dir_remove(&d);

    return 0;
}

/* F24, F25: as apt 2.6 and dnf 4.14 print it. */
static void faults_are_told_apart(void **state)
{
    static const struct {
        const char *text, *code;
        bool passes;
    } table[] = {
        {"Err:1 http://a ./ InRelease\n  The following signatures were invalid: EXPKEYSIG 0123 Lab\n"
         "E: The repository 'http://a ./ InRelease' is not signed.\n",
         "key_expired", false},
        {"W: GPG error: http://a ./ InRelease: The following signatures couldn't be verified because "
         "the public key is not available: NO_PUBKEY 0123\n"
         "E: The repository 'http://a ./ InRelease' is not signed.\n",
         "key_unknown", false},
        {"W: GPG error: http://a ./ InRelease: The following signatures were invalid: BADSIG 0123\n",
         "signature_bad", false},
        {"E: The repository 'http://a ./ Release' is not signed.\n", "repository_unsigned", false},
        {"E: Release file for http://a/InRelease is expired (invalid since 3d 2h). Updates for this "
         "repository will not be applied.\n",
         "metadata_expired", false},
        {"E: Release file for http://a/InRelease is not valid yet (invalid for another 2h). Updates\n",
         "metadata_not_yet_valid", false},
        {"E: Failed to fetch http://a/Packages.gz  File has unexpected size (2 != 3). Mirror sync in "
         "progress? [IP: 10.0.0.1 80]\n",
         "mirror_mismatch", true},
        {"E: Failed to fetch http://a/demo.deb  Hash Sum mismatch\n", "mirror_mismatch", true},
        {"Errors during downloading metadata for repository 'lab':\n"
         "  - Downloading successful, but checksum doesn't match. Calculated: 0(sha256)\n"
         "Error: Failed to download metadata for repo 'lab'\n",
         "mirror_mismatch", true},
        {"Error: Failed to download metadata for repo 'lab': repomd.xml GPG signature verification "
         "error: Signing key not found\n",
         "key_unknown", false},
        {"Error: Failed to download metadata for repo 'lab': repomd.xml GPG signature verification "
         "error: Bad GPG signature\n",
         "signature_bad", false},
    };
    struct agent_packages_repository_fault fault;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_true(agent_packages_find_repository_fault(table[i].text, &fault));
        assert_string_equal(fault.code, table[i].code);
        assert_int_equal(fault.passes, table[i].passes);
        assert_true(fault.remedy[0] != '\0' && fault.line.length > 0);
    }
    assert_false(agent_packages_find_repository_fault("Get:1 http://a ./ InRelease\n", &fault));
    assert_false(agent_packages_find_repository_fault("", &fault));
}

static int update_count, good_at, update_result;

static int update(struct agent_packages_job *job, int directory_fd, struct bl_error *e)
{
    if (++update_count == good_at)
        return 0;

    return agent_packages_fail(job, e, "mirror_mismatch", "later", update_result, "mismatch");
}

static int refresh(int good, int result, bool anew)
{
    assert_true(bl_dir_make(AT_FDCWD, d.state_dir, 0755, &err) >= 0);
    update_count = 0;
    good_at = good;
    update_result = result;
    d.job.code = NULL;

    return agent_packages_refresh(&d.job, "jobs", anew, update, &err);
}

/* F25: bounded, and only what passes; what is good stays good for a minute. */
static void a_mirror_that_is_being_updated_is_asked_again(void **state)
{
    assert_int_equal(refresh(3, -EAGAIN, false), 0);
    assert_int_equal(update_count, 3);
    assert_null(d.job.code);
    assert_int_equal(refresh(1, -EAGAIN, false), 0);
    assert_int_equal(update_count, 0);
    assert_int_equal(refresh(1, -EAGAIN, true), 0);
    assert_int_equal(update_count, 1);
    assert_int_equal(refresh(0, -EAGAIN, true), -EAGAIN);
    assert_int_equal(update_count, 4);
    assert_string_equal(d.job.code, "mirror_mismatch");
    assert_int_equal(refresh(2, -EPROTO, true), -EPROTO);
    assert_int_equal(update_count, 1);
    /* There is no time left for a wait. */
    d.job.deadline = bl_mono_now();
    assert_int_equal(refresh(2, -EAGAIN, true), -EAGAIN);
    assert_int_equal(update_count, 1);
}

/* F32 */
static void owners_of_keys_are_found(void **state)
{
    static const char debs[] = "dpkg-query: no path found matching pattern /etc/apt/keyrings/a\n"
                               "debian-archive-keyring: /usr/share/keyrings/debian.gpg\n"
                               "lib:amd64, lib:i386, app: /usr/share/keyrings/lib.gpg\n";
    static const char rpms[] = "lab-release\nfile /etc/pki/rpm-gpg/x is not owned by any package\n";

    assert_true(agent_packages_keys_are_of_deb(debs, "debian-archive-keyring"));
    assert_true(agent_packages_keys_are_of_deb(debs, "lib"));
    assert_true(agent_packages_keys_are_of_deb(debs, "app"));
    assert_false(agent_packages_keys_are_of_deb(debs, "debian"));
    assert_false(agent_packages_keys_are_of_deb(debs, "dpkg-query"));
    assert_false(agent_packages_keys_are_of_deb("", "lib"));
    assert_true(agent_packages_keys_are_of_rpm(rpms, "lab-release"));
    assert_false(agent_packages_keys_are_of_rpm(rpms, "lab"));
    assert_false(agent_packages_keys_are_of_rpm(rpms, "file"));
}

static void changes_of_keys_are_noted(void **state)
{
    static const char *const directories[] = {"/etc", NULL};
    static const char *const query[] = {"/bin/echo", "-e", "owner: /x\\n#", NULL};
    const struct agent_packages_keys keys = {directories, query, agent_packages_keys_are_of_deb};
    struct proto_change list[] = {
        {.name = "demo", .from = "1.0", .to = "2.0"},
        {.name = "new-keyring", .from = "", .to = "2.0"},
        {.name = "old-keyring", .from = "1.0", .to = "2.0"},
        {.name = "owner", .from = "1.0", .to = "2.0"},
    };
    const struct agent_packages_changes changes = {.list = list, .count = 4};

    assert_true(agent_packages_note_keys(&d.job, &keys, &changes, &err) >= 0);
    assert_int_equal(d.result.notes_count, 2);
    assert_non_null(strstr(d.result.notes[0].text, "REPOSITORY KEYS: by its name new-keyring"));
    assert_non_null(strstr(d.result.notes[1].text, "REPOSITORY KEYS: owner owns"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(faults_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mirror_that_is_being_updated_is_asked_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(owners_of_keys_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_of_keys_are_noted, setup, teardown),
    };

    return cmocka_run_group_tests_name("repository", tests, NULL, NULL);
}
