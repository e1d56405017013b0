/* SPDX-License-Identifier: Apache-2.0 */
/* Whose database holds the host decides, not which tools happen to be installed. */
#include "agent/txn/manager.h"

#include <string.h>

#include "job_dir.h"
#include "proto/message.h"
#include "tests/lib/unit.h"

static struct job_dir dir;

static int set_up(void **state)
{
    static const char *const folders[] = {"usr", "usr/bin", "var", "var/lib", "var/lib/dpkg"};

    job_dir_make(&dir);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", dir.state_dir, folders[i]);
        if (mkdir(path, 0755) < 0)
            abort();
    }

    return 0;
}

static int tear_down(void **state)
{
    job_dir_remove(&dir);

    return 0;
}

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", dir.state_dir, name);
    file = fopen(path, "we");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, 0755) < 0)
        abort();
}

static void the_database_decides(void **state)
{
    assert_int_equal(agent_txn_manager_find(dir.state_dir), 0);
    put("usr/bin/dnf", "");
    put("usr/bin/rpm", "");
    assert_int_equal(agent_txn_manager_find(dir.state_dir), 0);
    put("usr/bin/dnf-3", "");
    assert_int_equal(agent_txn_manager_find(dir.state_dir), PROTO_DNF);
    put("usr/bin/apt-get", "");
    put("usr/bin/dpkg", "");
    put("var/lib/dpkg/status", "");
    assert_int_equal(agent_txn_manager_find(dir.state_dir), PROTO_DNF);
    put("var/lib/dpkg/status", "Package: base-files\n");
    assert_int_equal(agent_txn_manager_find(dir.state_dir), PROTO_APT);
}

/* F31: what is no dnf 4 is named, and never tried. */
static void what_is_there_instead_is_named(void **state)
{
    const char *reason, *remedy;

    agent_txn_manager_explain(dir.state_dir, &reason, &remedy);
    assert_non_null(strstr(reason, "neither apt nor dnf 4"));
    put("usr/bin/yum", "");
    put("usr/bin/rpm", "");
    assert_int_equal(agent_txn_manager_find(dir.state_dir), 0);
    agent_txn_manager_explain(dir.state_dir, &reason, &remedy);
    assert_non_null(strstr(reason, "yum without dnf"));
    put("usr/bin/dnf5", "");
    put("usr/bin/dnf", "");
    assert_int_equal(agent_txn_manager_find(dir.state_dir), 0);
    agent_txn_manager_explain(dir.state_dir, &reason, &remedy);
    assert_non_null(strstr(reason, "dnf 5"));
    assert_non_null(strstr(remedy, "/usr/bin/dnf-3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_database_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_there_instead_is_named, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
