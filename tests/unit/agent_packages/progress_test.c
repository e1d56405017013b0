/* SPDX-License-Identifier: Apache-2.0 */
/* How far a package run is: what apt, dpkg and dnf print, and what is made of it. */
#include "agent/packages/progress.h"

#include <string.h>

#include "agent/packages/command.h"
#include "agent/packages/process.h"
#include "agent/txn/progress.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/job_dir.h"

struct row {
    const char *line;
    enum agent_packages_told what;
    const char *name;
};

static void check_rows(agent_packages_parse_progress parse, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct agent_packages_line line = {rows[i].line, strlen(rows[i].line)};
        struct agent_packages_told_line told = parse(&line);
        char name[64];

        (void)snprintf(name, sizeof(name), "%.*s", (int)told.name.length, told.name.text);
        assert_int_equal(told.what, rows[i].what);
        if (told.what != AGENT_PACKAGES_TOLD_NOTHING && rows[i].name != NULL)
            assert_string_equal(name, rows[i].name);
    }
}

static void apt_and_dpkg_lines(void **state)
{
    static const struct row rows[] = {
        {"pmstatus:dpkg-exec:0.0000:Running dpkg", AGENT_PACKAGES_TOLD_NOTHING, NULL},
        {"pmstatus:demo:20.0000:Unpacking demo (amd64)", AGENT_PACKAGES_TOLD_AT, "demo"},
        {"pmstatus:demo:60.0000:Configuring demo (amd64)", AGENT_PACKAGES_TOLD_AT, "demo"},
        {"pmstatus:demo:80.0000:Installed demo (amd64)", AGENT_PACKAGES_TOLD_DONE, "demo"},
        {"pmstatus:lib:80.0000:Removed lib (amd64)", AGENT_PACKAGES_TOLD_DONE, "lib"},
        {"pmstatus:lib:80.0000:Completely removed lib", AGENT_PACKAGES_TOLD_DONE, "lib"},
        {"pmerror:demo:60.0:installed demo package post-installation script subprocess returned "
         "error exit status 1",
         AGENT_PACKAGES_TOLD_NOTHING, NULL},
        {"pmstatus:", AGENT_PACKAGES_TOLD_NOTHING, NULL},
        {"pmstatus:demo", AGENT_PACKAGES_TOLD_NOTHING, NULL},
        {"dlstatus:1:100.0000:Retrieving file 1 of 1", AGENT_PACKAGES_TOLD_NOTHING, NULL},
        {"Unpacking demo (1.0) over (2.0) ...", AGENT_PACKAGES_TOLD_AT, "demo"},
        {"Setting up lib:amd64 (1.0) ...", AGENT_PACKAGES_TOLD_LAST, "lib:amd64"},
        {"Removing app (2.0) ...", AGENT_PACKAGES_TOLD_LAST, "app"},
        {"Processing triggers for libc-bin (2.36) ...", AGENT_PACKAGES_TOLD_REST, NULL},
        {"Reading package lists...", AGENT_PACKAGES_TOLD_NOTHING, NULL},
        {"", AGENT_PACKAGES_TOLD_NOTHING, NULL},
    };

    check_rows(agent_packages_apt_parse_progress, rows, sizeof(rows) / sizeof(rows[0]));
}

static void dnf_lines(void **state)
{
    static const struct row rows[] = {
        {"  Preparing        :                                             1/1 ",
         AGENT_PACKAGES_TOLD_REST, NULL},
        {"  Upgrading        : demo-2.0-1.noarch                           1/4 ",
         AGENT_PACKAGES_TOLD_LAST, "demo-2.0-1.noarch"},
        {"  Running scriptlet: demo-2.0-1.noarch                           1/4 ",
         AGENT_PACKAGES_TOLD_AT, "demo-2.0-1.noarch"},
        {"  Downgrading      : lib-1.0-1.noarch                            2/4 ",
         AGENT_PACKAGES_TOLD_LAST, "lib-1.0-1.noarch"},
        {"  Cleanup          : demo-1.0-1.noarch                           3/4 ",
         AGENT_PACKAGES_TOLD_REST, NULL},
        {"  Verifying        : demo-2.0-1.noarch                           1/4 ",
         AGENT_PACKAGES_TOLD_REST, NULL},
        {"  Erasing          : app-1.0-1.noarch                            4/4 ",
         AGENT_PACKAGES_TOLD_LAST, "app-1.0-1.noarch"},
        {"Upgrading:", AGENT_PACKAGES_TOLD_NOTHING, NULL},
        {" demo     noarch     2.0-1     lab     8.1 k", AGENT_PACKAGES_TOLD_NOTHING, NULL},
        {"", AGENT_PACKAGES_TOLD_NOTHING, NULL},
    };

    check_rows(agent_packages_dnf_parse_progress, rows, sizeof(rows) / sizeof(rows[0]));
}

static uint64_t dnf_size(const char *text)
{
    return agent_packages_dnf_parse_download_size(text, strlen(text));
}

static void sizes_of_downloads(void **state)
{
    assert_int_equal(dnf_size("\nTotal download size: 812 \nDownloading\n"), 812);
    assert_int_equal(dnf_size("Total download size: 8.5 k\n"), 8704);
    assert_int_equal(dnf_size("Total download size: 210 M\n"), 210 * 1024 * 1024);
    assert_int_equal(dnf_size("Total download size: 2.0 G\n"), UINT64_C(2) * 1024 * 1024 * 1024);
    assert_int_equal(dnf_size("Total size: 8.5 k\n"), 0);
    assert_int_equal(dnf_size("Total download size: "), 0);
    assert_int_equal(agent_packages_dnf_parse_download_size(NULL, 0), 0);
    assert_int_equal(agent_packages_apt_parse_uri_sizes(
                         "Reading package lists...\n"
                         "'http://a/demo%202.deb' demo_2.0_all.deb 1284 SHA256:00\n"
                         "'http://a/lib.deb' lib_2.0_all.deb 16 SHA256:00\n"
                         "'\n''\n'x' \nE: nothing\n"),
                     1300);
}

static struct agent_packages_former formers[] = {
    {.name = "demo", .from = "1.0", .to = "2.0"},
    {.name = "demo-extra", .from = "1.0", .to = "2.0"},
    {.name = "lib", .arch = "amd64", .from = "1.0", .to = "2.0"},
    {.name = "lib", .arch = "i386", .from = "1.0", .to = "2.0"},
};
static const struct agent_packages_way_back way_back = {.former = formers, .former_count = 4};

static void take(struct agent_packages_progress *progress, const char *text)
{
    const struct agent_packages_line line = {text, strlen(text)};

    agent_packages_progress_take(progress, &line);
}

static void each_package_counts_once(void **state)
{
    bool done[4] = {false};
    struct agent_packages_progress progress = {.parse = agent_packages_apt_parse_progress,
                                               .way_back = &way_back,
                                               .done = done,
                                               .last = UINT32_MAX};

    take(&progress, "pmstatus:demo:1:Unpacking demo (amd64)");
    assert_string_equal(progress.what, "demo");
    assert_int_equal(progress.now.packages_done, 0);
    for (int again = 0; again < 2; again++)
        take(&progress, "pmstatus:demo:1:Installed demo (amd64)");
    assert_int_equal(progress.now.packages_done, 1);
    /* Two of one name: the second line is about the other. */
    take(&progress, "pmstatus:lib:1:Installed lib (amd64)");
    take(&progress, "pmstatus:lib:1:Installed lib (i386)");
    assert_int_equal(progress.now.packages_done, 3);
    /* What the change does not know is not counted. */
    take(&progress, "pmstatus:other:1:Installed other (amd64)");
    assert_int_equal(progress.now.packages_done, 3);
    assert_string_equal(progress.what, "lib");
}

static void what_is_last_is_done_with_the_next(void **state)
{
    bool done[4] = {false};
    struct agent_packages_progress progress = {.parse = agent_packages_dnf_parse_progress,
                                               .way_back = &way_back,
                                               .done = done,
                                               .last = UINT32_MAX};

    take(&progress, "  Upgrading        : demo-extra-2.0-1.noarch   1/8 ");
    assert_string_equal(progress.what, "demo-extra");
    assert_int_equal(progress.now.packages_done, 0);
    take(&progress, "  Running scriptlet: demo-extra-2.0-1.noarch   1/8 ");
    assert_int_equal(progress.now.packages_done, 0);
    take(&progress, "  Upgrading        : demo-2.0-1.noarch         2/8 ");
    assert_string_equal(progress.what, "demo");
    assert_int_equal(progress.now.packages_done, 1);
    assert_true(done[1]);
    take(&progress, "  Cleanup          : demo-1.0-1.noarch         3/8 ");
    assert_int_equal(progress.now.packages_done, 2);
    take(&progress, "  Verifying        : demo-2.0-1.noarch         1/8 ");
    assert_int_equal(progress.now.packages_done, 2);
}

/* A tool named as dpkg is, whose script hangs: it is named while it runs, and noted once. */
static void a_look_names_the_script_that_hangs(void **state)
{
    static struct agent_packages_way_back one = {.former = formers, .former_count = 1};
    struct agent_packages_progress progress = {0};
    struct agent_packages_command command = {
        .to_log = true, .patience = AGENT_PACKAGES_STOP_SCRIPTS, .is_watched = true};
    struct agent_packages_output output;
    PROTO_AUTO_ARENA arena = {0};
    struct proto_progress told;
    struct bl_error err = {0};
    char tool[160];
    struct job_dir d;

    job_dir_make(&d);
    (void)snprintf(tool, sizeof(tool), "%s/dpkg", d.path);
    assert_int_equal(symlink("/bin/sh", tool), 0);
    assert_int_equal(mkfifoat(d.job.job_fd, "fifo", 0600), 0);
    const char *argv[] = {tool, "-c",
                          "echo 'Setting up demo (2.0) ...'; "
                          "/bin/sh -c 'read line < fifo' /var/lib/dpkg/info/demo.postinst; exit 7",
                          NULL};
    d.result.phase = AGENT_TXN_UPGRADE;
    d.job.progress = &progress;
    agent_packages_progress_begin(&d.job, 400);
    assert_int_equal(progress.soft_ms, 100);
    assert_int_equal(agent_packages_progress_of_change(
                         &d.job, &one, agent_packages_apt_parse_progress, d.job.log_fd, &err),
                     0);
    assert_int_equal(agent_packages_args_add_all(&d.job, &command.args, argv, &err), 0);
    command.directory = d.path;
    /* Looks come once a second, and one at the end of the time. */
    d.job.deadline = bl_mono_after(bl_mono_now(), 1300);
    assert_int_equal(agent_packages_run(&d.job, &command, &output, &err), 0);
    assert_true(output.late);
    assert_int_equal(output.status, 7);
    assert_true(agent_txn_progress_load(d.job.job_fd, AGENT_TXN_UPGRADE, &arena, &told));
    assert_int_equal(told.step, PROTO_STEP_UPGRADE);
    assert_int_equal(told.packages_total, 1);
    assert_string_equal(told.what, "demo");
    assert_string_equal(told.script, "demo.postinst");
    assert_true(told.script_ms >= 100);
    assert_int_equal(d.result.notes_count, 1);
    assert_non_null(strstr(d.result.notes[0].text, "demo.postinst"));

    agent_packages_progress_end(&d.job);
    assert_false(agent_txn_progress_load(d.job.job_fd, AGENT_TXN_UPGRADE, &arena, &told));
    job_dir_remove(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(apt_and_dpkg_lines),
        cmocka_unit_test(dnf_lines),
        cmocka_unit_test(sizes_of_downloads),
        cmocka_unit_test(each_package_counts_once),
        cmocka_unit_test(what_is_last_is_done_with_the_next),
        cmocka_unit_test(a_look_names_the_script_that_hangs),
    };

    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
