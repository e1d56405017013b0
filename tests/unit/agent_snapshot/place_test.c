/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/snapshot/volume.h"
#include "tests/lib/unit.h"

/* A host as Fedora installs it, with a disk for /boot and people's data on others. */
#define ROOT  "29 1 0:25 /@ / rw,relatime shared:1 - btrfs /dev/vda3 rw,subvol=/@\n"
#define HOME  "30 29 0:25 /@home /home rw shared:2 - btrfs /dev/vda3 rw\n"
#define RUN   "31 29 0:26 / /run rw,nosuid shared:3 - tmpfs tmpfs rw\n"
#define VAR   "32 29 0:25 /@var /var rw shared:4 master:7 - btrfs /dev/vda3 rw\n"
#define DOCK  "33 32 8:1 / /var/lib/docker rw - ext4 /dev/sdb1 rw\n"
#define BOOT  "34 29 252:2 / /boot rw shared:5 - ext4 /dev/vda2 rw\n"
#define EFI   "35 29 252:1 / /boot/efi rw shared:6 - vfat /dev/vda1 rw\n"
#define SPACE "36 29 8:2 / /mnt/a\\040b rw - xfs /dev/mapper/vg-a\\134b rw\n"
#define EXT4  "29 1 252:3 / / rw shared:1 - ext4 /dev/vda3 rw\n"

static struct agent_packages_memory memory;
static struct bl_error err;

/* Of 252:3 and of one that is a thick snapshot itself. */
static struct agent_snapshot_volume on_lvm[] = {
    {.group = "vg", .name = "root", .device = "252:3", .attributes = "-wi-ao----"},
    {.group = "vg", .name = "old", .device = "252:4", .attributes = "swi-aos---"},
};
static struct agent_snapshot_volumes volumes;

static int decide(const char *text, struct agent_snapshot_place *places, uint32_t *count,
                  char reason[AGENT_SNAPSHOT_REASON_BYTES])
{
    struct agent_snapshot_mount *mounts;
    uint32_t mounts_count;

    assert_int_equal(agent_snapshot_parse_mounts(&memory, text, &mounts, &mounts_count, &err), 0);

    return agent_snapshot_decide(mounts, mounts_count, &volumes, places, count, reason);
}

static void what_is_mounted_decides(void **state)
{
    static const struct {
        const char *text, *paths, *reason;
    } cases[] = {
        {ROOT RUN, "/", ""},
        {ROOT HOME RUN VAR DOCK EFI SPACE, "/ /var", ""},
        /* most hosts have one, and it is small: copied */
        {ROOT BOOT EFI, "/ /boot(copy)", ""},
        {ROOT "34 29 252:2 / /boot rw - vfat /dev/vda2 rw\n", "", "of /boot is vfat"},
        {ROOT "34 29 252:2 / /var rw - ext4 /dev/vda2 rw\n", "", "of /var is ext4"},
        {EXT4 VAR, "", "of / is ext4 on /dev/vda3"},
        {RUN, "", "nothing is mounted at /"},
        /* the later of two mounts is what people see */
        {EXT4 ROOT, "/", ""},
        {ROOT EXT4, "", "of / is ext4"},
        {ROOT "40 29 0:30 / /usr ro - squashfs /dev/loop0 ro\n", "", "of /usr is squashfs"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agent_snapshot_place places[AGENT_SNAPSHOT_PLACES_MAX];
        char reason[AGENT_SNAPSHOT_REASON_BYTES], paths[256] = "";
        uint32_t count = 0;
        size_t used = 0;
        int r = decide(cases[i].text, places, &count, reason);

        assert_int_equal(r, cases[i].reason[0] != '\0' ? -EOPNOTSUPP : 0);
        assert_non_null(strstr(reason, cases[i].reason));
        for (uint32_t j = 0; r >= 0 && j < count; j++) {
            used += (size_t)snprintf(paths + used, sizeof(paths) - used, "%s%s%s", j > 0 ? " " : "",
                                     places[j].path,
                                     places[j].kind == AGENT_SNAPSHOT_COPY ? "(copy)" : "");
        }
        assert_string_equal(paths, cases[i].paths);
    }
}

static void a_volume_of_lvm_has_a_snapshot_of_its_own(void **state)
{
    struct agent_snapshot_place places[AGENT_SNAPSHOT_PLACES_MAX];
    char reason[AGENT_SNAPSHOT_REASON_BYTES];
    uint32_t count = 0;

    volumes = (struct agent_snapshot_volumes){on_lvm, 2};
    assert_int_equal(decide(EXT4 VAR BOOT, places, &count, reason), 0);
    assert_int_equal(count, 3);
    assert_int_equal(places[0].kind, AGENT_SNAPSHOT_LVM);
    assert_string_equal(places[0].group, "vg");
    assert_string_equal(places[0].volume, "root");
    assert_string_equal(places[0].type, "ext4");
    assert_int_equal(places[1].kind, AGENT_SNAPSHOT_BTRFS);
    assert_string_equal(places[1].volume, "");
    assert_int_equal(places[2].kind, AGENT_SNAPSHOT_COPY);
    /* neither another file system, nor a snapshot of a snapshot */
    assert_int_equal(decide("29 1 252:3 / / rw - jfs /dev/vda3 rw\n", places, &count, reason),
                     -EOPNOTSUPP);
    assert_int_equal(decide("29 1 252:4 / / rw - ext4 /dev/vda3 rw\n", places, &count, reason),
                     -EOPNOTSUPP);
    volumes.count = 0;
}

static void names_are_read_as_the_kernel_writes_them(void **state)
{
    struct agent_snapshot_mount *mounts;
    uint32_t count;

    assert_int_equal(agent_snapshot_parse_mounts(&memory, ROOT SPACE, &mounts, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(mounts[0].source, "/dev/vda3");
    assert_string_equal(mounts[1].target, "/mnt/a b");
    assert_string_equal(mounts[1].source, "/dev/mapper/vg-a\\b");
    assert_int_equal(
        agent_snapshot_parse_mounts(&memory, "29 1 0:25 /@ / rw\n", &mounts, &count, &err),
        -EBADMSG);
    assert_int_equal(agent_snapshot_parse_mounts(&memory, "garbage", &mounts, &count, &err),
                     -EBADMSG);
}

static void some_paths_never_go_back(void **state)
{
    static const char *const spared[] = {"/var/lib/belay",
                                         "/var/lib/belay/agent/journal.db",
                                         "/etc/belay/trust",
                                         "/home/a",
                                         "/run",
                                         "/tmp/x",
                                         "/var/log/syslog",
                                         "/var/spool/cron"};
    static const char *const others[] = {
        "/",           "/usr/bin/belay", "/var/lib/belayed", "/var/lib/dpkg",
        "/etc/passwd", "/homes",         "/boot/vmlinuz",    "/var"};

    for (size_t i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
        assert_true(agent_snapshot_is_spared(spared[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(agent_snapshot_is_spared(others[i]));
    assert_true(agent_snapshot_is_package_database("/var/lib/dpkg/status"));
    assert_true(agent_snapshot_is_package_database("/usr/lib/sysimage/rpm/rpmdb.sqlite"));
    assert_false(agent_snapshot_is_package_database("/usr/lib/sysimage/rpm/rpmdb.sqlite-shm"));
    assert_false(agent_snapshot_is_package_database("/var/lib/dpkg/status-old"));
}

static int teardown(void **state)
{
    agent_packages_memory_release(&memory);

    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_mounted_decides),
        cmocka_unit_test(a_volume_of_lvm_has_a_snapshot_of_its_own),
        cmocka_unit_test(names_are_read_as_the_kernel_writes_them),
        cmocka_unit_test(some_paths_never_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
