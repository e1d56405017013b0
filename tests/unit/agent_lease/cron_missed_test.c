/* SPDX-License-Identifier: Apache-2.0 */
/* What cron would have run meanwhile, from the tables of a host, told by file and line. */
#include "agent/lease/cron_missed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static char root[] = "/tmp/belay-cron-XXXXXX";

static void put(const char *path, const char *text)
{
    char whole[200];
    FILE *file;

    (void)snprintf(whole, sizeof(whole), "%s%s", root, path);
    for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(whole, 0755);
        *slash = '/';
    }
    file = fopen(whole, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void tables_are_read_and_told(void **state)
{
    /* 2026-11-21, a Saturday, 10:00:30 to 10:20:30 UTC. */
    const int64_t from_ms = INT64_C(1795255230000), to_ms = from_ms + 20 * 60 * 1000;
    char words[600];
    struct bl_text text;

    assert_non_null(mkdtemp(root));
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    bl_text_init(&text, words, sizeof(words));
    agent_cron_tell_missed(root, from_ms, to_ms, &text);
    assert_string_equal(words, "");

    put("/etc/crontab", "SHELL=/bin/sh\n17 * * * * root cd / && run-parts\n*/10 * * * * root x\n");
    put("/etc/cron.d/app", "5-9 * * * * app secret --password=abc\n@reboot app y\nnonsense\n");
    put("/etc/cron.d/app.dpkg-old", "* * * * * app never\n");
    put("/etc/cron.d/.placeholder", "nonsense\n");
    put("/var/spool/cron/crontabs/alice", "15 10 * * * z\n15 11 * * * z\n");
    put("/var/spool/cron/bob", "16 10 1 * sat z\n");
    bl_text_init(&text, words, sizeof(words));
    agent_cron_tell_missed(root, from_ms, to_ms, &text);
    assert_string_equal(words, "; runs of cron that were missed: 10 (/etc/crontab:2, "
                               "/etc/crontab:3 2 times, /etc/cron.d/app:1 5 times, "
                               "/var/spool/cron/crontabs/alice:1, /var/spool/cron/bob:1); lines or "
                               "files of cron that are not understood: 1 (/etc/cron.d/app:3)");

    bl_text_init(&text, words, sizeof(words));
    agent_cron_tell_missed(root, to_ms, from_ms, &text);
    assert_non_null(strstr(words, "is not known"));
}

static void a_zone_holds_for_what_follows(void **state)
{
    const int64_t from_ms = INT64_C(1795255230000), to_ms = from_ms + 20 * 60 * 1000;
    char words[600];
    struct bl_text text;

    put("/etc/crontab",
        "15 10 * * * root a\nCRON_TZ=Etc/GMT-3\n15 10 * * * root b\n15 13 * * * root c\n");
    bl_text_init(&text, words, sizeof(words));
    agent_cron_tell_missed(root, from_ms, to_ms, &text);
    assert_non_null(strstr(words, "missed: 9 (/etc/crontab:1, /etc/crontab:4, /etc/cron.d/app:1"));
}

static int clean(void **state)
{
    static const char *const paths[] = {"etc/crontab",
                                        "etc/cron.d/app",
                                        "etc/cron.d/app.dpkg-old",
                                        "etc/cron.d/.placeholder",
                                        "etc/cron.d",
                                        "etc",
                                        "var/spool/cron/crontabs/alice",
                                        "var/spool/cron/crontabs",
                                        "var/spool/cron/bob",
                                        "var/spool/cron",
                                        "var/spool",
                                        "var"};
    int fd = open(root, O_RDONLY | O_DIRECTORY);

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (unlinkat(fd, paths[i], 0) < 0)
            (void)unlinkat(fd, paths[i], AT_REMOVEDIR);
    }
    (void)close(fd);

    return rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_read_and_told),
        cmocka_unit_test(a_zone_holds_for_what_follows),
    };

    return cmocka_run_group_tests(tests, NULL, clean);
}
