/* SPDX-License-Identifier: Apache-2.0 */
/* What LVM's tools are told: none is run in here. */
#include "agent/snapshot/lvm.h"

#include <string.h>

#include "common/text.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/one_job.h"

static void assert_told(uint64_t size_bytes, const char *wanted)
{
    const struct agent_snapshot_place place = {
        .kind = AGENT_SNAPSHOT_LVM, .path = "/", .group = "vg", .volume = "root"};
    struct agent_packages_args args = {0};
    char told[512] = "";
    struct bl_text text;

    assert_int_equal(agent_snapshot_lvm_take_args(&d.job, &place, 3, size_bytes, &args, &err), 0);
    bl_text_init(&text, told, sizeof(told));
    for (uint32_t i = 0; i < args.count; i++) {
        bl_text_add(&text, i > 0 ? " " : "");
        bl_text_add(&text, args.items[i]);
    }
    assert_null(args.items[args.count]);
    assert_string_equal(told, wanted);
}

static void a_thick_snapshot_is_active_whenever_its_original_is(void **state)
{
    assert_told(4194304, "/usr/sbin/lvcreate --yes --snapshot --permission r --addtag "
                         "belay-snapshot --setactivationskip n --name belay-" JOB_NAME
                         "-3 --size 4194304b vg/root");
}

/* Two devices with the identity of / would be there after a boot. */
static void a_thin_snapshot_is_not_active_after_a_boot(void **state)
{
    assert_told(0, "/usr/sbin/lvcreate --yes --snapshot --permission r --addtag belay-snapshot "
                   "--setactivationskip y --name belay-" JOB_NAME "-3 vg/root");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_thick_snapshot_is_active_whenever_its_original_is, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_thin_snapshot_is_not_active_after_a_boot, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("lvm", tests, NULL, NULL);
}
