/* SPDX-License-Identifier: Apache-2.0 */
/* F24: how old repositories say they are, and which of them is too old. */
#include "agent/packages/index_age.h"

#include <errno.h>
#include <string.h>

#include "common/file.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/job_dir.h"

static const int64_t hour_ms = 3600 * 1000;

static void release_files(void **state)
{
    static const struct {
        const char *text;
        int64_t date_ms;
        bool expires;
    } table[] = {
        {"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nOrigin: Debian\n"
         "Date: Sat, 21 Nov 2026 06:40:12 UTC\nValid-Until: Sat, 28 Nov 2026 06:40:12 UTC\n",
         INT64_C(1795243212000), true},
        {"Date: Sat, 21 Nov 2026 06:40:12 GMT\n", INT64_C(1795243212000), false},
        {"Date: Sat, 21 Nov 2026 06:40:12 CET\n", 0, false},
        {"Date: yesterday\n", 0, false},
        {"Suite: x\n Date: Sat, 21 Nov 2026 06:40:12 UTC\n", 0, false},
        {"", 0, false},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct agent_packages_index index = {0};

        agent_packages_parse_release(table[i].text, &index);
        assert_int_equal(index.date.ms, table[i].date_ms);
        assert_int_equal(index.expires, table[i].expires);
    }
}

static void repomd_files(void **state)
{
    static const struct {
        const char *text;
        int64_t date_ms;
    } table[] = {
        {"<repomd>\n  <revision>1795243212</revision>\n", INT64_C(1795243212000)},
        {"<revision>8</revision>", 0},
        {"<revision>1795243212-1</revision>", 0},
        {"<revision></revision>", 0},
        {"<revision>99999999999999999999999999</revision>", 0},
        {"<repomd/>", 0},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct agent_packages_index index = {0};

        agent_packages_parse_repomd(table[i].text, &index);
        assert_int_equal(index.date.ms, table[i].date_ms);
        assert_false(index.expires);
    }
}

static const char *old_of(const struct agent_packages_index *indexes, uint32_t count)
{
    const struct agent_packages_index *old = agent_packages_find_old_index(
        indexes, count, (struct bl_wall){1000 * hour_ms}, 10 * hour_ms);

    return old != NULL ? old->name : "";
}

static void who_is_too_old(void **state)
{
    const struct agent_packages_index main_suite = {"main", {1 * hour_ms}, false};
    const struct agent_packages_index fresh = {"security", {995 * hour_ms}, true};
    const struct agent_packages_index stale = {"updates", {989 * hour_ms}, true};
    const struct agent_packages_index edge = {"edge", {990 * hour_ms}, true};
    const struct agent_packages_index mute = {"mute", {0}, false};
    const struct agent_packages_index all[] = {main_suite, fresh, stale};
    const struct agent_packages_index good[] = {main_suite, fresh, mute};
    const struct agent_packages_index still[] = {main_suite, mute};

    assert_string_equal(old_of(all, 3), "updates");
    assert_string_equal(old_of(good, 3), "");
    assert_string_equal(old_of(still, 2), "main");
    assert_string_equal(old_of(&edge, 1), "");
    assert_string_equal(old_of(&mute, 1), "mute");
    assert_string_equal(old_of(NULL, 0), "");
}

static void put(const struct job_dir *d, const char *folder, const char *name, const char *text)
{
    struct bl_error err = {0};
    char path[256];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", d->state_dir, folder);
    assert_true(bl_dir_make(AT_FDCWD, path, 0755, &err) >= 0);
    fd = bl_dir_open(AT_FDCWD, path, &err);
    assert_true(fd >= 0);
    assert_int_equal(bl_file_replace(fd, name, text, strlen(text), &err), 0);
    (void)close(fd);
}

static void indexes_are_found(void **state)
{
    struct bl_error err = {0};
    struct job_dir d;

    job_dir_make(&d);
    put(&d, "apt/lists", "lab_._InRelease", "Date: Sat, 21 Nov 2020 06:40:12 UTC\n");
    put(&d, "dnf/cache", "expired_repos.json", "[]");
    put(&d, "dnf/cache/lab-1/repodata", "repomd.xml", "<revision>1605940812</revision>");
    assert_int_equal(agent_packages_check_age(&d.job, &agent_packages_apt_indexes, &err), 0);

    d.job.metadata_max_age_ms = hour_ms;
    assert_int_equal(agent_packages_check_age(&d.job, &agent_packages_apt_indexes, &err), -EPROTO);
    assert_string_equal(d.job.code, "metadata_too_old");
    assert_non_null(strstr(err.text, "lab_._InRelease"));
    d.job.code = NULL;
    assert_int_equal(agent_packages_check_age(&d.job, &agent_packages_dnf_indexes, &err), -EPROTO);
    assert_non_null(strstr(err.text, "lab-1"));
    job_dir_remove(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(release_files),
        cmocka_unit_test(repomd_files),
        cmocka_unit_test(who_is_too_old),
        cmocka_unit_test(indexes_are_found),
    };

    return cmocka_run_group_tests_name("index_age", tests, NULL, NULL);
}
