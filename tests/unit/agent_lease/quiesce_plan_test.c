/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/quiesce_plan.h"

#include <string.h>

#include "tests/lib/unit.h"

static struct proto_text units[] = {{"cron.service"}, {"app-*.service"}, {"batch@?"}, {"a.socket"}};
static struct proto_text timers[] = {{"*backup*"}, {"logrotate"}};
static struct proto_text backups[] = {{"*-backup.service"}, {"borg*"}};
static const struct proto_manifest manifest = {
    .quiesce_units = units,
    .quiesce_units_count = 4,
    .quiesce_timers = timers,
    .quiesce_timers_count = 2,
    .backup_units = backups,
    .backup_units_count = 2,
};

static void test_what_is_held(void **state)
{
    static const char *const held[] = {
        "cron.service", "app-one.service",      "batch@7.service",
        "a.socket",     "nightly-backup.timer", "logrotate.timer",
    };
    static const char *const left[] = {
        "crond.service",          "cron.timer",       "app-one.timer", "batch@77.service",
        "nightly-backup.service", "app-x.mount",      "a.service",     "b.socket",
        "logrotate.service",      "logrotate2.timer",
    };

    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
        assert_true(agent_quiesce_wants(&manifest, held[i]));
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
        assert_false(agent_quiesce_wants(&manifest, left[i]));
}

static void test_no_glob_reaches_what_the_host_lives_by(void **state)
{
    static const char *const protected[] = {
        "ssh.service",
        "sshd.service",
        "ssh.socket",
        "dbus.service",
        "dbus-broker.service",
        "systemd-logind.service",
        "systemd-tmpfiles-clean.timer",
        "belay-agent.service",
        "belay-lease@quiesce.timer",
        "belay-txn@0-upgrade.service",
        "user@1000.service",
        "getty@tty1.service",
        "NetworkManager.service",
        "networking.service",
        "polkit.service",
        "serial-getty@ttyS0.service",
    };
    struct proto_text all[] = {{"*"}};
    const struct proto_manifest greedy = {
        .quiesce_units = all,
        .quiesce_units_count = 1,
        .quiesce_timers = all,
        .quiesce_timers_count = 1,
    };

    for (size_t i = 0; i < sizeof(protected) / sizeof(protected[0]); i++) {
        assert_true(agent_quiesce_is_protected(protected[i]));
        assert_false(agent_quiesce_wants(&greedy, protected[i]));
    }
    assert_true(agent_quiesce_wants(&greedy, "cron.service"));
    assert_true(agent_quiesce_wants(&greedy, "man-db.timer"));
    assert_false(agent_quiesce_wants(&greedy, "multi-user.target"));
    assert_false(agent_quiesce_wants(&greedy, "-.mount"));
}

static void test_backups_are_services(void **state)
{
    assert_true(agent_quiesce_is_backup(&manifest, "nightly-backup.service"));
    assert_true(agent_quiesce_is_backup(&manifest, "borgmatic.service"));
    assert_false(agent_quiesce_is_backup(&manifest, "nightly-backup.timer"));
    assert_false(agent_quiesce_is_backup(&manifest, "cron.service"));
}

static void test_backups_that_cron_started_are_known_by_their_words(void **state)
{
    static const char *const backups_of_cron[] = {
        "/bin/sh -c /usr/local/sbin/borgmatic --quiet",
        "borg create",
        "x /srv/night-backup.service",
        "  python3   /opt/borg.py",
    };
    static const char *const others[] = {"/usr/sbin/cron -f",
                                         "/bin/sh -c run-parts /etc/cron.daily",
                                         "/opt/borg/bin/clean",
                                         "cyborg",
                                         "",
                                         "  ",
                                         "/"};

    for (size_t i = 0; i < sizeof(backups_of_cron) / sizeof(backups_of_cron[0]); i++)
        assert_true(agent_quiesce_is_backup_command(&manifest, backups_of_cron[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(agent_quiesce_is_backup_command(&manifest, others[i]));
}

static void test_triggers_stop_first(void **state)
{
    assert_true(agent_quiesce_kind("x.timer") < agent_quiesce_kind("x.path"));
    assert_true(agent_quiesce_kind("x.path") < agent_quiesce_kind("x.socket"));
    assert_true(agent_quiesce_kind("x.socket") < agent_quiesce_kind("x.service"));
    assert_int_equal(agent_quiesce_kind("x.timer.mount"), AGENT_QUIESCE_OTHER);
    assert_int_equal(agent_quiesce_kind("x"), AGENT_QUIESCE_OTHER);
}

static void test_the_drop_in_hangs_on_the_lease_itself(void **state)
{
    static const char *const bad[] = {"relative", "/a b", "/a%b", "/a\nb", "/a\"b", "/a\\b", ""};
    struct agent_lease_places places = agent_lease_places_default;
    struct bl_error err = {0};
    char text[512];

    assert_int_equal(agent_quiesce_drop_in(&places, text, sizeof(text), &err), 0);
    assert_non_null(strstr(text, "[Unit]\nConditionPathExists=!/var/lib/belay/leases/quiesce\n"));
    assert_true(agent_quiesce_drop_in(&places, text, 20, &err) < 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        places.lease_dir = bad[i];
        assert_true(agent_quiesce_drop_in(&places, text, sizeof(text), &err) < 0);
    }
}

static void test_only_what_ran_in_this_boot_is_started(void **state)
{
    const struct agent_lease_record record = {.boot_id = "this"};
    const struct agent_lease_unit ran = {"a.service", true, 0}, idle = {"b.service", false, 0};

    assert_true(agent_quiesce_starts(&record, &ran, "this"));
    assert_false(agent_quiesce_starts(&record, &idle, "this"));
    assert_false(agent_quiesce_starts(&record, &ran, "another"));
}

static void test_missed_runs_are_told(void **state)
{
    struct agent_lease_unit held[] = {{"a.timer", true, 1000}, {"b.timer", true, 90000},
                                      {"c.timer", false, 0},   {"e.timer", true, 2000, true},
                                      {"d.service", true, 0},  {"f.timer", true, 0, false, true}};
    const struct agent_lease_record record = {.units = held, .units_count = 5};
    const struct agent_lease_record with_busy = {.units = held, .units_count = 6};
    char text[320];

    agent_quiesce_tell_given(&record, (struct bl_wall){.ms = 60000}, text, sizeof(text));
    assert_string_equal(text, "4 of 5 paused units had been running and run again; "
                              "runs that were missed: a.timer at 1970-01-01T00:00:01.000Z; "
                              "runs that are made up for: e.timer at 1970-01-01T00:00:02.000Z");
    agent_quiesce_tell_given(&record, (struct bl_wall){.ms = 0}, text, sizeof(text));
    assert_null(strstr(text, "runs that"));
    agent_quiesce_tell_given(&with_busy, (struct bl_wall){.ms = 0}, text, sizeof(text));
    assert_string_equal(text, "5 of 6 paused units had been running and run again; "
                              "under way when paused, so whether runs were missed is unknown: "
                              "f.timer");
    agent_quiesce_tell_given(&record, (struct bl_wall){.ms = 60000}, text, 20);
    assert_int_equal(strlen(text), 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_held),
        cmocka_unit_test(test_no_glob_reaches_what_the_host_lives_by),
        cmocka_unit_test(test_backups_are_services),
        cmocka_unit_test(test_backups_that_cron_started_are_known_by_their_words),
        cmocka_unit_test(test_triggers_stop_first),
        cmocka_unit_test(test_the_drop_in_hangs_on_the_lease_itself),
        cmocka_unit_test(test_only_what_ran_in_this_boot_is_started),
        cmocka_unit_test(test_missed_runs_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
