/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/host_figures.h"

#include "tests/lib/unit.h"

static void test_what_is_missing_or_old_is_unknown(void **state)
{
    struct proto_figure_value values[] = {{PROTO_FIGURE_CPU, 125}, {PROTO_FIGURE_DISK, 900}};
    const struct proto_figures said = {
        .wall_ms = 7, .span_ms = 10000, .values = values, .values_count = 2};
    const struct bl_mono heard = {1000}, old = {1000 + CTL_HOST_FIGURES_MS_MAX},
                         stale = {1001 + CTL_HOST_FIGURES_MS_MAX};
    struct ctl_host_figures figures = {0};
    uint64_t value = 0;

    assert_false(ctl_host_figures_are_fresh(&figures, heard));
    assert_false(ctl_host_figures_get(&figures, PROTO_FIGURE_CPU, heard, &value));
    ctl_host_figures_take(&figures, &said, heard);
    assert_true(ctl_host_figures_get(&figures, PROTO_FIGURE_CPU, old, &value));
    assert_int_equal(value, 125);
    assert_false(ctl_host_figures_get(&figures, PROTO_FIGURE_LOAD, heard, &value));
    assert_false(ctl_host_figures_get(&figures, PROTO_FIGURE_CPU, stale, &value));
    assert_false(ctl_host_figures_are_fresh(&figures, stale));
}

static void test_what_is_not_said_again_is_forgotten(void **state)
{
    struct proto_figure_value first = {PROTO_FIGURE_CPU, 125};
    struct proto_figure_value twice[] = {{PROTO_FIGURE_DISK, 1}, {PROTO_FIGURE_DISK, UINT64_MAX}};
    const struct bl_mono now = {1000};
    struct ctl_host_figures figures = {0};
    uint64_t value = 0;

    ctl_host_figures_take(&figures, &(struct proto_figures){.values = &first, .values_count = 1},
                          now);
    ctl_host_figures_take(&figures, &(struct proto_figures){.values = twice, .values_count = 2},
                          now);
    assert_false(ctl_host_figures_get(&figures, PROTO_FIGURE_CPU, now, &value));
    assert_true(ctl_host_figures_get(&figures, PROTO_FIGURE_DISK, now, &value));
    assert_true(value == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_missing_or_old_is_unknown),
        cmocka_unit_test(test_what_is_not_said_again_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
