/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/precheck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/root/modules.h"
#include "agent/root/ops/room.h"
#include "agent/root/ops/versions.h"
#include "agent/root/place.h"
#include "tests/lib/unit.h"

enum {
    MIB = 1024 * 1024,
};

/* "code code ..." in the order in which they were found. */
static const char *codes_of(const struct agent_findings *findings)
{
    static char text[512];

    text[0] = '\0';
    for (uint32_t i = 0; i < findings->list_count; i++) {
        size_t used = strlen(text);

        (void)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "",
                       findings->list[i].code);
    }

    return text;
}

/* ---- room -------------------------------------------------------------------------------- */

static const char *judge_room(const struct agent_errand_disk *disks, uint32_t count,
                              const struct agent_room_need *need)
{
    static struct agent_findings findings;

    findings = (struct agent_findings){0};
    agent_room_judge(disks, count, need, &findings);
    return codes_of(&findings);
}

/* F6: growth and download with 20 % on top, and 128 MiB to unpack in. */
static void test_room_is_growth_and_download_and_a_fifth(void **state)
{
    const struct agent_room_need need = {
        .growth_bytes = 100 * MIB, .download_bytes = 50 * MIB, .state_dir = "/s"};
    struct agent_errand_disk disk = {.path = "/", .device = 1, .free_bytes = 308 * MIB};

    assert_string_equal(judge_room(&disk, 1, &need), "");
    disk.free_bytes = 307 * MIB;
    assert_string_equal(judge_room(&disk, 1, &need), "no_room");
}

/* F6: one file system is told once, and what lies on it is added up. */
static void test_one_file_system_is_counted_once(void **state)
{
    const struct agent_room_need need = {.growth_bytes = 0, .state_dir = "/s"};
    struct agent_errand_disk disks[] = {{.path = "/", .device = 1, .free_bytes = 144 * MIB},
                                        {.path = "/usr", .device = 1, .free_bytes = 144 * MIB},
                                        {.path = "/var", .device = 1, .free_bytes = 144 * MIB},
                                        {.path = "/s", .device = 1, .free_bytes = 144 * MIB}};

    assert_string_equal(judge_room(disks, 4, &need), "");
    for (size_t i = 0; i < 4; i++)
        disks[i].free_bytes = 143 * MIB;
    assert_string_equal(judge_room(disks, 4, &need), "no_room");
    disks[3].device = 2; /* on its own the state needs little, and so do the others */
    assert_string_equal(judge_room(disks, 4, &need), "");
    disks[3].free_bytes = 15 * MIB;
    assert_string_equal(judge_room(disks, 4, &need), "no_room");
}

/* F7: two of the largest kernel and initramfs, but only when the change brings one. */
static void test_boot_needs_room_for_a_kernel(void **state)
{
    struct agent_room_need need = {.boot_image_bytes = 50 * MIB, .state_dir = "/s"};
    struct agent_errand_disk disk = {.path = "/boot", .device = 3, .free_bytes = 151 * MIB};

    assert_string_equal(judge_room(&disk, 1, &need), "no_room");
    disk.free_bytes = 152 * MIB;
    assert_string_equal(judge_room(&disk, 1, &need), "");
    need.boot_image_bytes = 0;
    disk.free_bytes = 0;
    assert_string_equal(judge_room(&disk, 1, &need), "");
}

static void test_file_limits_count_where_there_are_some(void **state)
{
    const struct agent_room_need need = {.state_dir = "/s"};
    struct agent_errand_disk disk = {.path = "/var",
                                     .device = 1,
                                     .free_bytes = UINT64_C(1) << 40,
                                     .has_file_limit = true,
                                     .free_files = 1999};

    assert_string_equal(judge_room(&disk, 1, &need), "no_room_for_files");
    disk.free_files = 2000;
    assert_string_equal(judge_room(&disk, 1, &need), "");
    disk.free_files = 0;
    disk.has_file_limit = false; /* btrfs counts none */
    assert_string_equal(judge_room(&disk, 1, &need), "");
}

/* F8: each path that can't be written to, also where the rest of its file system can. */
static void test_what_is_read_only_or_broken_is_told(void **state)
{
    const struct agent_room_need need = {.state_dir = "/s"};
    const struct agent_errand_disk disks[] = {
        {.path = "/", .device = 1, .free_bytes = UINT64_C(1) << 40},
        {.path = "/usr", .device = 1, .free_bytes = UINT64_C(1) << 40, .failure = EROFS},
        {.path = "/var", .device = 2, .failure = EIO},
        {.path = "/s", .device = 3, .failure = ENOSPC},
    };

    assert_string_equal(judge_room(disks, 4, &need), "read_only not_writable no_room");
}

/* ---- versions ---------------------------------------------------------------------------- */

static void test_versions_are_compared_by_number(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        {"252", "248", 1},      {"247", "248", -1},
        {"1.21.22", "1.20", 1}, {"1.9", "1.20", -1},
        {"8.2", "8.2", 0},      {"8.2", "8.2.0", 0},
        {"10.0", "9.9", 1},     {"9.2p1", "9.2", 0},
        {"2.0", "2.0.1", -1},   {"99999999999999999999", "1", 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(agent_versions_compare(cases[i].a, cases[i].b), cases[i].order);
}

static void test_old_tools_stand_in_the_way(void **state)
{
    static const struct agent_errand_tool tools[] = {{AGENT_ERRAND_DPKG, "1.19.7"},
                                                     {AGENT_ERRAND_APT, "2.0"},
                                                     {AGENT_ERRAND_SYSTEMD, "247"},
                                                     {AGENT_ERRAND_SSHD, ""}};
    struct agent_findings inhibitors = {0}, warnings = {0};

    agent_versions_judge(tools, 4, &inhibitors, &warnings);
    assert_string_equal(codes_of(&inhibitors), "too_old too_old");
    assert_string_equal(inhibitors.list[0].text,
                        "dpkg is 1.19.7, belay needs 1.20: older ones were never tried with belay "
                        "-> upgrade the distribution");
    assert_string_equal(codes_of(&warnings), "version_unknown");
}

/* ---- what is known ----------------------------------------------------------------------- */

static struct agent_unit units[] = {{.name = "bad.service", .state = AGENT_UNIT_FAILED},
                                    {.name = "belay-x.service", .state = AGENT_UNIT_FAILED},
                                    {.name = "good.service", .state = AGENT_UNIT_ACTIVE}};

static void judge_known(const struct proto_manifest *manifest, const struct agent_txn_result *stage,
                        struct agent_findings *inhibitors, struct agent_findings *warnings)
{
    static const struct agent_host host = {.state_dir = "/s"};
    const struct agent_baseline baseline = {.units = units, .units_count = 3};
    const struct agent_precheck_known known = {
        .manifest = manifest, .host = &host, .stage = stage, .baseline = &baseline};

    agent_precheck_known(&known, inhibitors, warnings);
}

static const struct agent_txn_result good_stage = {.audit_clean = true, .way_back_complete = true};

/* F42: what had failed before is a warning, unless the plan names it. */
static void test_failed_units_warn_and_named_ones_inhibit(void **state)
{
    struct proto_text good[] = {{"good.service"}}, bad[] = {{"bad.service"}, {"away.service"}};
    struct agent_findings inhibitors = {0}, warnings = {0};
    struct proto_manifest manifest = {
        .revert_class = PROTO_REVERT_PACKAGES, .precheck_units = good, .precheck_units_count = 1};

    judge_known(&manifest, &good_stage, &inhibitors, &warnings);
    assert_int_equal(inhibitors.count, 0);
    assert_non_null(strstr(codes_of(&warnings), "unit_failed_before"));
    assert_non_null(strstr(warnings.text, "bad.service had failed before"));
    assert_null(strstr(warnings.text, "belay-x"));

    manifest.precheck_units = manifest.verify_units = bad;
    manifest.precheck_units_count = 2;
    manifest.verify_units_count = 2;
    judge_known(&manifest, &good_stage, &inhibitors, &warnings);
    assert_string_equal(codes_of(&inhibitors), "unit_not_healthy unit_not_healthy");
    assert_non_null(strstr(inhibitors.list[0].text, "bad.service is failed already"));
    assert_non_null(strstr(inhibitors.list[1].text, "away.service is inactive already"));
}

static void test_all_inhibitors_are_told_at_once(void **state)
{
    struct agent_txn_finding found = {"held", "demo is held", "release it"};
    const struct agent_txn_result stage = {.findings = &found, .findings_count = 1};
    const struct proto_manifest manifest = {.revert_class = PROTO_REVERT_MACHINE};
    struct agent_findings inhibitors = {0}, warnings = {0};

    judge_known(&manifest, &stage, &inhibitors, &warnings);
    assert_string_equal(codes_of(&inhibitors),
                        "package_database_broken no_way_back held revert_class");
    assert_string_equal(inhibitors.code, "package_database_broken");
    for (uint32_t i = 0; i < inhibitors.list_count; i++)
        assert_non_null(strstr(inhibitors.list[i].text, " -> "));
}

static void test_containers_must_run_and_be_healthy(void **state)
{
    static const struct agent_errand_container items[] = {
        {AGENT_ERRAND_DOCKER, "up", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTHY},
        {AGENT_ERRAND_DOCKER, "ill", AGENT_ERRAND_RUNNING, AGENT_ERRAND_UNHEALTHY},
        {AGENT_ERRAND_PODMAN, "down", AGENT_ERRAND_NOT_RUNNING, AGENT_ERRAND_HEALTH_NONE},
    };
    static const struct agent_errand_silent silent[] = {{AGENT_ERRAND_PODMAN, "no answer"}};
    struct proto_text names[] = {{"up"}, {"ill"}, {"down"}, {"none"}};
    const struct proto_manifest manifest = {.precheck_containers = names,
                                            .precheck_containers_count = 4};
    const struct agent_containers containers = {
        .items = items, .count = 3, .silent = silent, .silent_count = 1};
    struct agent_findings inhibitors = {0};

    agent_precheck_containers(&manifest, &containers, &inhibitors);
    assert_string_equal(codes_of(&inhibitors),
                        "containers_unknown container_not_healthy container_not_healthy "
                        "container_not_healthy");
    assert_non_null(strstr(inhibitors.list[1].text, "container ill is unhealthy"));
    assert_non_null(strstr(inhibitors.list[2].text, "container down is not running"));
    assert_non_null(strstr(inhibitors.list[3].text, "container none is not there"));
}

/* ---- where the agent runs ---------------------------------------------------------------- */

/* F45: without systemd, in a container of one program or in a chroot the agent does not start. */
static void test_only_a_host_of_systemd_will_do(void **state)
{
    static const struct {
        struct agent_place place;
        const char *says; /* NULL: good */
    } cases[] = {
        {{.has_systemd = true, .first = "systemd"}, NULL},
        {{.has_systemd = true, .first = ""}, NULL},
        {{.has_systemd = false, .first = "systemd"}, "systemd does not run this host"},
        {{.has_systemd = true, .first = "tini"}, "process 1 is 'tini'"},
        {{.has_systemd = false, .first = "init"}, "process 1 is 'init'"},
        {{.has_systemd = true, .first = "systemd", .is_chroot = true}, "this is a chroot"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bl_error err = {0};
        int r = agent_place_check(&cases[i].place, &err);

        assert_int_equal(r, cases[i].says == NULL ? 0 : -EOPNOTSUPP);
        if (cases[i].says != NULL)
            assert_non_null(strstr(err.text, cases[i].says));
    }
}

/* ---- modules ----------------------------------------------------------------------------- */

static void put_module(int dir_fd, const char *name, const char *taint)
{
    char path[64];
    int fd;

    assert_int_equal(mkdirat(dir_fd, name, 0755), 0);
    if (taint == NULL)
        return; /* built in */
    (void)snprintf(path, sizeof(path), "%s/taint", name);
    fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, taint, strlen(taint)), (ssize_t)strlen(taint));
    assert_int_equal(close(fd), 0);
}

static void test_modules_that_taint_are_listed(void **state)
{
    char dir[] = "/tmp/belay-modules.XXXXXX", text[64], cut[8];
    static const char *const names[] = {"ext4", "nvidia", "vboxdrv", "loop"};
    struct bl_error err = {0};
    int dir_fd;

    assert_non_null(mkdtemp(dir));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put_module(dir_fd, "ext4", "\n");
    put_module(dir_fd, "vboxdrv", "OE\n");
    put_module(dir_fd, "nvidia", "POE\n");
    put_module(dir_fd, "loop", NULL);
    assert_int_equal(agent_modules_list_foreign(dir, text, sizeof(text), &err), 2);
    assert_string_equal(text, "nvidia (POE), vboxdrv (OE)");
    assert_int_equal(agent_modules_list_foreign(dir, cut, sizeof(cut), &err), 2);
    assert_string_equal(cut, "nvidia ");
    assert_int_equal(agent_modules_list_foreign("/nowhere/module", text, sizeof(text), &err), 0);
    for (size_t i = 0; i < 4; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "%s/taint", names[i]);
        (void)unlinkat(dir_fd, path, 0);
        assert_int_equal(unlinkat(dir_fd, names[i], AT_REMOVEDIR), 0);
    }
    assert_int_equal(close(dir_fd), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room_is_growth_and_download_and_a_fifth),
        cmocka_unit_test(test_one_file_system_is_counted_once),
        cmocka_unit_test(test_boot_needs_room_for_a_kernel),
        cmocka_unit_test(test_file_limits_count_where_there_are_some),
        cmocka_unit_test(test_what_is_read_only_or_broken_is_told),
        cmocka_unit_test(test_versions_are_compared_by_number),
        cmocka_unit_test(test_old_tools_stand_in_the_way),
        cmocka_unit_test(test_failed_units_warn_and_named_ones_inhibit),
        cmocka_unit_test(test_all_inhibitors_are_told_at_once),
        cmocka_unit_test(test_containers_must_run_and_be_healthy),
        cmocka_unit_test(test_only_a_host_of_systemd_will_do),
        cmocka_unit_test(test_modules_that_taint_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
