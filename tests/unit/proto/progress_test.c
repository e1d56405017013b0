/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/progress.h"

#include <string.h>

#include "tests/lib/unit.h"

static const uint64_t mib = 1024 * 1024;

static void check(const struct proto_progress *progress, const char *words)
{
    char text[PROTO_PROGRESS_TEXT_BYTES];

    proto_progress_describe(progress, text);
    assert_string_equal(text, words);
}

static void test_words(void **state)
{
    check(&(struct proto_progress){.step = PROTO_STEP_UPGRADE,
                                   .packages_done = 34,
                                   .packages_total = 120,
                                   .what = "nginx"},
          "upgrading 34/120, nginx");
    check(&(struct proto_progress){.step = PROTO_STEP_RESTORE,
                                   .packages_done = 3,
                                   .packages_total = 4,
                                   .what = "",
                                   .script = ""},
          "going back 3/4");
    check(&(struct proto_progress){.step = PROTO_STEP_UPGRADE}, "upgrading");
    check(&(struct proto_progress){.step = PROTO_STEP_STAGE,
                                   .bytes_done = 41 * mib,
                                   .bytes_total = 210 * mib},
          "downloading 41 of 210 MiB");
    check(&(struct proto_progress){.step = PROTO_STEP_STAGE, .bytes_done = 41 * mib},
          "downloading 41 MiB");
    check(&(struct proto_progress){.step = PROTO_STEP_STAGE, .bytes_done = 7, .bytes_total = 9},
          "downloading 7 of 9 bytes");
    check(&(struct proto_progress){.step = PROTO_STEP_STAGE,
                                   .bytes_done = mib,
                                   .bytes_total = 5 * mib},
          "downloading 1024 of 5120 KiB");
    check(&(struct proto_progress){.step = PROTO_STEP_STAGE,
                                   .bytes_done = 11 * 1024 * mib,
                                   .bytes_total = 20 * 1024 * mib},
          "downloading 11 of 20 GiB");
}

static void test_a_script_that_hangs(void **state)
{
    struct proto_progress progress = {.step = PROTO_STEP_UPGRADE,
                                      .packages_done = 1,
                                      .packages_total = 2,
                                      .what = "demo",
                                      .script = "demo.postinst",
                                      .script_ms = 119999};

    check(&progress, "upgrading 1/2, demo; demo.postinst has been running for 119 s");
    progress.script_ms = 300000;
    check(&progress, "upgrading 1/2, demo; demo.postinst has been running for 5 min");
}

static void test_the_longest_fits(void **state)
{
    char name[PROTO_NAME_BYTES_MAX + 1] = {0};
    char text[PROTO_PROGRESS_TEXT_BYTES];
    const struct proto_progress progress = {.step = PROTO_STEP_UPGRADE,
                                            .packages_done = UINT64_MAX,
                                            .packages_total = UINT64_MAX,
                                            .what = name,
                                            .script = name,
                                            .script_ms = UINT64_MAX};

    memset(name, 'n', PROTO_NAME_BYTES_MAX);
    proto_progress_describe(&progress, text);
    assert_non_null(strstr(text, " min"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_a_script_that_hangs),
        cmocka_unit_test(test_the_longest_fits),
    };

    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
