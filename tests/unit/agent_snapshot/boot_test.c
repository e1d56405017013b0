/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of a made-up /boot, and a script in place of lsinitrd: it prints the image. */
#include "agent/snapshot/boot.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/job_dir.h"

#define LISTED                                                                            \
    "Image: /boot/initramfs-5.14.img: 31M\n"                                              \
    "-rw-r--r--   1 root     root        63004 Jan  1 00:00 usr/lib/modules/5.14/kernel/" \
    "drivers/md/dm-mod.ko.xz\n"                                                           \
    "-rw-r--r--   1 root     root        24188 Jan  1 00:00 usr/lib/modules/5.14/kernel/" \
    "drivers/md/dm-snapshot.ko.xz\n"
#define WITHOUT                                                                           \
    "-rw-r--r--   1 root     root        63004 Jan  1 00:00 usr/lib/modules/5.14/kernel/" \
    "drivers/md/dm-mod.ko.xz\n"

static struct job_dir d;
static struct bl_error err;
static char dracut[96], lsinitrd[96], boot[96], modules[96];
static const struct agent_snapshot_boot_places places = {
    .dracut = dracut, .lsinitrd = lsinitrd, .boot = boot, .modules = modules};

static void put(const char *text, mode_t mode, const char *fmt, ...) BL_PRINTF(3, 4);

static void put(const char *text, mode_t mode, const char *fmt, ...)
{
    char path[256];
    va_list list;
    FILE *file;

    va_start(list, fmt);
    (void)vsnprintf(path, sizeof(path), fmt, list);
    va_end(list);
    file = fopen(path, "we");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, mode) < 0)
        abort();
}

static void put_kernel(const char *version, const char *builtin)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/%s", modules, version);
    assert_int_equal(mkdir(path, 0700), 0);
    put(builtin, 0600, "%s/modules.builtin", path);
}

static int setup(void **state)
{
    job_dir_make(&d);
    err = (struct bl_error){0};
    (void)snprintf(dracut, sizeof(dracut), "%s/dracut", d.state_dir);
    (void)snprintf(lsinitrd, sizeof(lsinitrd), "%s/lsinitrd", d.state_dir);
    (void)snprintf(boot, sizeof(boot), "%s/boot", d.state_dir);
    (void)snprintf(modules, sizeof(modules), "%s/modules", d.state_dir);
    if (mkdir(boot, 0700) < 0 || mkdir(modules, 0700) < 0)
        return -1;
    put("", 0700, "%s", dracut);
    put("#!/bin/sh\nexec cat \"$1\"\n", 0700, "%s", lsinitrd);

    return 0;
}

static int teardown(void **state)
{
    job_dir_remove(&d);

    return 0;
}

static void the_module_is_found_by_its_whole_name(void **state)
{
    static const struct {
        const char *text;
        bool is_there;
    } table[] = {
        {LISTED, true},
        {WITHOUT, false},
        {"kernel/drivers/md/dm-snapshot.ko\nkernel/drivers/md/dm-mod.ko\n", true},
        {"kernel/drivers/md/dm-snapshot.ko", true},
        {"kernel/drivers/md/dm-snapshot.kox\n", false},
        {"kernel/drivers/md/no-dm-snapshot.ko\n", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        assert_int_equal(agent_snapshot_boot_has_module(table[i].text), table[i].is_there);
}

static void every_kernel_must_have_it(void **state)
{
    put_kernel("5.14", "kernel/fs/ext4/ext4.ko\n");
    put_kernel("5.15", "kernel/drivers/md/dm-snapshot.ko\n");
    put(LISTED, 0600, "%s/initramfs-5.14.img", boot);
    put(WITHOUT, 0600, "%s/initramfs-5.15.img", boot);
    put(WITHOUT, 0600, "%s/initramfs-5.14kdump.img", boot);
    put(WITHOUT, 0600, "%s/initramfs-0-rescue-1234.img", boot);
    assert_int_equal(agent_snapshot_boot_check(&d.job, &places, &err), 0);

    put_kernel("5.13", "");
    put(WITHOUT, 0600, "%s/initramfs-5.13.img", boot);
    assert_int_equal(agent_snapshot_boot_check(&d.job, &places, &err), -EOPNOTSUPP);
    assert_non_null(strstr(err.text, "initramfs-5.13.img lacks the module dm-snapshot"));
}

static void what_cannot_be_looked_into_is_no_yes(void **state)
{
    assert_int_equal(agent_snapshot_boot_check(&d.job, &places, &err), -EOPNOTSUPP);
    assert_non_null(strstr(err.text, "can't be told"));

    put_kernel("5.14", "");
    put(LISTED, 0600, "%s/initramfs-5.14.img", boot);
    put("#!/bin/sh\ncat \"$1\"\nexit 1\n", 0700, "%s", lsinitrd);
    assert_int_equal(agent_snapshot_boot_check(&d.job, &places, &err), -EIO);
}

static void without_dracut_nothing_is_asked(void **state)
{
    assert_int_equal(unlink(dracut), 0);
    assert_int_equal(agent_snapshot_boot_check(&d.job, &places, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_module_is_found_by_its_whole_name),
        cmocka_unit_test_setup_teardown(every_kernel_must_have_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_looked_into_is_no_yes, setup, teardown),
        cmocka_unit_test_setup_teardown(without_dracut_nothing_is_asked, setup, teardown),
    };

    return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
