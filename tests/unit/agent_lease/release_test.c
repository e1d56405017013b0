/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/release.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lease/quiesce.h"
#include "agent/lease/silence.h"
#include "agent/lease/store.h"
#include "common/file.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_lease/fake_manager.h"

/* Taking and giving back against a PID 1 of this test: what is left behind when something breaks. */
#define JOB     "00112233445566778899aabbccddeeff"
#define DROP_IN "units/cron.service.d/50-belay-quiesce.conf"
#define TIMER   "belay-lease@quiesce.timer"

struct host {
    struct fake_manager manager;
    char lease_dir[160], unit_dir[160], lock_dir[160];
    struct agent_lease_places places;
};

static const char *path_of(const struct host *host, const char *name)
{
    static char path[160];

    (void)snprintf(path, sizeof(path), "%s/%s", host->manager.directory, name);
    return path;
}

static void begin(struct host *host, const struct fake_unit *units)
{
    fake_manager_start(&host->manager, units);
    (void)snprintf(host->lease_dir, sizeof(host->lease_dir), "%s", path_of(host, "leases"));
    (void)snprintf(host->unit_dir, sizeof(host->unit_dir), "%s", path_of(host, "units"));
    (void)snprintf(host->lock_dir, sizeof(host->lock_dir), "%s", path_of(host, "lock"));
    assert_int_equal(mkdir(host->unit_dir, 0755), 0);
    host->places = (struct agent_lease_places){.lease_dir = host->lease_dir,
                                               .unit_dir = host->unit_dir,
                                               .manager = host->manager.address,
                                               .sshd_program = "/bin/false",
                                               .sshd_config = "/dev/null",
                                               .sshd_lock_dir = host->lock_dir};
}

static void end(struct host *host)
{
    (void)unlink(path_of(host, "leases/quiesce"));
    (void)unlink(path_of(host, "leases/silence"));
    (void)rmdir(host->lease_dir);
    (void)rmdir(host->lock_dir);
    assert_int_equal(rmdir(host->unit_dir), 0); /* every drop-in is gone */
    fake_manager_end(&host->manager);
}

static bool is_there(const struct host *host, const char *name)
{
    return access(path_of(host, name), F_OK) == 0;
}

/* `boot`: of which it says to be; NULL: of this one. */
static void record_of(const struct host *host, const char *unit, const char *boot)
{
    struct agent_lease_unit units[] = {{unit, true, 0}};
    struct agent_lease_record record;
    struct bl_error err = {0};
    char boot_id[BL_BOOT_ID_BYTES];

    assert_int_equal(agent_lease_fill(&record, JOB, 3600 * 1000, boot_id, &err), 0);
    if (boot != NULL)
        record.boot_id = boot;
    record.units = units;
    record.units_count = unit != NULL;
    assert_int_equal(agent_lease_save(&host->places, AGENT_LEASE_QUIESCE, &record, &err), 0);
}

static void record(const struct host *host, const char *unit)
{
    record_of(host, unit, NULL);
}

static void write_file(const struct host *host, const char *name, const char *text)
{
    struct bl_error err = {0};
    int fd = open(path_of(host, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(bl_fd_write(fd, text, strlen(text), &err), 0);
    (void)close(fd);
}

struct end_of_taking {
    sd_event *event;
    int result;
    struct agent_lease_outcome outcome;
};

static void on_taken(void *userdata, int result, const struct agent_lease_outcome *outcome)
{
    struct end_of_taking *taking = userdata;

    taking->result = result;
    taking->outcome = *outcome;
    (void)sd_event_exit(taking->event, 0);
}

static struct end_of_taking try_to_take(const struct host *host)
{
    struct proto_text cron = {"cron.service"}, backup = {"*backup*"};
    const struct proto_manifest manifest = {.quiesce_units = &cron,
                                            .quiesce_units_count = 1,
                                            .backup_units = &backup,
                                            .backup_units_count = 1,
                                            .quiesce_wait_ms = 10,
                                            .lease_ms = 3600 * 1000};
    struct end_of_taking taking = {0};
    struct agent_quiesce_caller caller = {.userdata = &taking, .done = on_taken, .jobs_ms = 50};
    struct agent_quiesce *op = NULL;
    struct bl_error err = {0};

    assert_true(sd_event_new(&taking.event) >= 0);
    caller.event = taking.event;
    assert_int_equal(agent_quiesce_take(&host->places, JOB, &manifest, &caller, &op, &err), 0);
    assert_true(sd_event_loop(taking.event) >= 0);
    (void)agent_quiesce_free(op);
    sd_event_unref(taking.event);
    return taking;
}

static int take(const struct host *host)
{
    return try_to_take(host).result;
}

static int release(const struct host *host, const char *name)
{
    struct agent_lease_outcome outcome;
    struct bl_error err = {0};

    return agent_release_lease(&host->places, name, &outcome, &err);
}

static const struct fake_unit cron_runs[] = {{"cron.service", true, false}, {0}};

static void test_what_was_taken_is_given_back(void **state)
{
    struct host host;

    begin(&host, cron_runs);
    assert_int_equal(take(&host), 0);
    assert_true(is_there(&host, DROP_IN));
    assert_true(is_there(&host, "leases/quiesce"));
    assert_true(fake_manager_heard(&host.manager, "StartTransientUnit " TIMER));
    assert_true(fake_manager_heard(&host.manager, "StopUnit cron.service"));

    assert_int_equal(release(&host, AGENT_LEASE_QUIESCE), 0);
    assert_false(is_there(&host, DROP_IN));
    assert_false(is_there(&host, "leases/quiesce"));
    assert_true(fake_manager_heard(&host.manager, "StartUnit cron.service"));
    assert_true(fake_manager_heard(&host.manager, "StopUnit " TIMER));
    end(&host);
}

/* Whoever took it may have died before it set the timer. */
static void test_a_joined_lease_has_a_timer(void **state)
{
    struct host host;

    begin(&host, cron_runs);
    record(&host, "cron.service");
    assert_int_equal(take(&host), 0);
    assert_true(fake_manager_heard(&host.manager, "StartTransientUnit " TIMER));
    assert_int_equal(release(&host, AGENT_LEASE_QUIESCE), 0);
    end(&host);
}

static void test_no_more_is_held_than_is_recorded(void **state)
{
    struct host host;

    begin(&host, cron_runs);
    record(&host, NULL);
    assert_int_equal(take(&host), 0);
    assert_false(is_there(&host, DROP_IN));
    assert_false(fake_manager_heard(&host.manager, "StopUnit cron.service"));
    end(&host);
}

/* Its condition would still keep cron from starting, and nobody would know of it any more. */
static void test_a_unit_that_stays_held_keeps_its_lease(void **state)
{
    static const struct fake_unit units[] = {
        {"at.service", false, false}, {"cron.service", false, false}, {0}};
    struct host host;

    begin(&host, units);
    record(&host, "cron.service");
    assert_int_equal(mkdir(path_of(&host, "units/cron.service.d"), 0755), 0);
    assert_int_equal(mkdir(path_of(&host, DROP_IN), 0755), 0); /* what nobody can unlink */
    assert_int_equal(mkdir(path_of(&host, "units/at.service.d"), 0755), 0);
    write_file(&host, "units/at.service.d/50-belay-quiesce.conf", "[Unit]\n");
    assert_true(release(&host, AGENT_LEASE_QUIESCE) < 0);
    assert_true(is_there(&host, "leases/quiesce"));
    assert_false(is_there(&host, "units/at.service.d")); /* the others are free */

    assert_int_equal(rmdir(path_of(&host, DROP_IN)), 0);
    assert_int_equal(release(&host, AGENT_LEASE_QUIESCE), 0);
    assert_false(is_there(&host, "leases/quiesce"));
    assert_int_equal(rmdir(path_of(&host, "units/cron.service.d")), 0);
    end(&host);
}

/* Its timer went with the boot that is over: without another one nobody would try again. */
static void test_what_is_not_given_back_at_boot_is_tried_again(void **state)
{
    struct bl_error err = {0};
    struct host host;

    begin(&host, cron_runs);
    record_of(&host, "cron.service", "00000000-0000-4000-8000-000000000000");
    assert_int_equal(mkdir(path_of(&host, "units/cron.service.d"), 0755), 0);
    assert_int_equal(mkdir(path_of(&host, DROP_IN), 0755), 0); /* what nobody can unlink */
    assert_true(agent_release_at_boot(&host.places, &err) < 0);
    assert_true(is_there(&host, "leases/quiesce"));
    assert_true(fake_manager_heard(&host.manager, "StartTransientUnit " TIMER));

    assert_int_equal(rmdir(path_of(&host, DROP_IN)), 0);
    assert_int_equal(agent_release_at_boot(&host.places, &err), 0);
    assert_false(is_there(&host, "leases/quiesce"));
    (void)rmdir(path_of(&host, "units/cron.service.d"));
    end(&host);
}

static void test_what_others_keep_beside_the_units_is_no_trouble(void **state)
{
    struct host host;

    begin(&host, cron_runs);
    write_file(&host, "units/notes.d", "a file\n");
    assert_int_equal(take(&host), 0);
    assert_int_equal(release(&host, AGENT_LEASE_QUIESCE), 0);
    assert_false(is_there(&host, DROP_IN));
    assert_int_equal(unlink(path_of(&host, "units/notes.d")), 0);
    end(&host);
}

static void test_a_timer_with_nothing_to_give_back_ends(void **state)
{
    static const struct fake_unit timers[] = {
        {TIMER, true, false}, {"belay-lease@ssh_lock.timer", true, false}, {0}};
    struct host host;

    begin(&host, timers);
    assert_int_equal(release(&host, AGENT_LEASE_QUIESCE), 0);
    assert_true(fake_manager_heard(&host.manager, "StopUnit " TIMER));
    assert_int_equal(release(&host, AGENT_LEASE_SSH_LOCK), 0);
    assert_true(fake_manager_heard(&host.manager, "StopUnit belay-lease@ssh_lock.timer"));
    end(&host);
}

static void test_what_could_not_be_put_back_is_left_alone(void **state)
{
    static const struct fake_unit masked[] = {{"cron.service", .active = true, .masked = true},
                                              {0}};
    static const struct fake_unit transient[] = {
        {"cron.service", .active = true, .transient = true}, {0}};
    static const struct fake_unit *const cases[] = {masked, transient};

    for (size_t i = 0; i < 2; i++) {
        struct end_of_taking taken;
        struct host host;

        begin(&host, cases[i]);
        taken = try_to_take(&host);
        assert_int_equal(taken.result, 0);
        assert_non_null(strstr(taken.outcome.reason, "not paused: cron.service ("));
        assert_false(fake_manager_heard(&host.manager, "StopUnit cron.service"));
        assert_int_equal(release(&host, AGENT_LEASE_QUIESCE), 0);
        end(&host);
    }
}

static void test_what_stops_with_a_unit_comes_back_with_it(void **state)
{
    static const struct fake_unit units[] = {
        {"cron.service", .active = true, .tie = "RequiredBy=report.service"},
        {"report.service", .active = true, .tie = "BoundBy=mail.service"},
        {"mail.service", .active = true},
        {0}};
    static const struct fake_unit lives_by_it[] = {
        {"cron.service", .active = true, .tie = "RequiredBy=shop.target"},
        {"shop.target", .active = true},
        {0}};
    struct end_of_taking taken;
    struct host host;

    begin(&host, units);
    assert_int_equal(take(&host), 0);
    assert_true(fake_manager_heard(&host.manager, "StopUnit report.service"));
    assert_true(fake_manager_heard(&host.manager, "StopUnit mail.service"));
    assert_int_equal(release(&host, AGENT_LEASE_QUIESCE), 0);
    assert_true(fake_manager_heard(&host.manager, "StartUnit report.service"));
    assert_true(fake_manager_heard(&host.manager, "StartUnit mail.service"));
    end(&host);

    begin(&host, lives_by_it);
    taken = try_to_take(&host);
    assert_string_equal(taken.outcome.code, "quiesce_protected");
    assert_non_null(strstr(taken.outcome.reason, "shop.target"));
    assert_false(is_there(&host, "leases/quiesce"));
    end(&host);
}

static void test_a_backup_that_cron_started_is_waited_for(void **state)
{
    static const struct fake_unit units[] = {
        {"cron.service", .active = true, .command = "/bin/sh /srv/nightly-backup.sh"}, {0}};
    static const struct fake_unit other[] = {
        {"cron.service", .active = true, .command = "/bin/sh /srv/report.sh"}, {0}};
    struct end_of_taking taken;
    struct host host;

    begin(&host, units);
    taken = try_to_take(&host);
    assert_string_equal(taken.outcome.code, "quiesce_backup_running");
    assert_non_null(
        strstr(taken.outcome.reason, "nightly-backup.sh (process 4711 of cron.service"));
    assert_false(fake_manager_heard(&host.manager, "StopUnit cron.service"));
    end(&host);

    begin(&host, other);
    taken = try_to_take(&host);
    assert_int_equal(taken.result, 0);
    assert_non_null(strstr(taken.outcome.reason, "1 processes of stopped units go on"));
    assert_int_equal(release(&host, AGENT_LEASE_QUIESCE), 0);
    end(&host);
}

static void test_a_unit_that_does_not_stop_is_named_and_its_lease_kept(void **state)
{
    static const struct fake_unit units[] = {{"cron.service", .active = true, .hangs = true}, {0}};
    struct end_of_taking taken;
    struct host host;

    begin(&host, units);
    taken = try_to_take(&host);
    assert_string_equal(taken.outcome.code, "quiesce_stop");
    assert_true(is_there(&host, "leases/quiesce"));
    assert_int_equal(release(&host, AGENT_LEASE_QUIESCE), 0); /* it still runs: nothing to start */
    end(&host);
}

/* F44: a pause outlives a reboot with its job, and ends at the boot when the job is gone. */
static void test_a_reboot_keeps_what_the_job_still_needs(void **state)
{
    static const char another[] = "ffeeddccbbaa99887766554433221100";
    static const char *const armed_for[] = {JOB, another, NULL};

    for (size_t i = 0; i < sizeof(armed_for) / sizeof(armed_for[0]); i++) {
        bool goes_on = i == 0;
        struct bl_error err = {0};
        struct host host;

        begin(&host, cron_runs);
        record_of(&host, "cron.service", "an-earlier-boot");
        if (armed_for[i] != NULL)
            assert_int_equal(agent_silence_arm(&host.places, armed_for[i], 60000, &err), 0);
        assert_int_equal(agent_release_at_boot(&host.places, &err), 0);
        assert_int_equal(is_there(&host, "leases/quiesce"), goes_on);
        assert_int_equal(is_there(&host, DROP_IN), goes_on);
        assert_int_equal(fake_manager_heard(&host.manager, "StopUnit cron.service"), goes_on);
        assert_int_equal(fake_manager_heard(&host.manager, "StartTransientUnit " TIMER), goes_on);
        assert_int_equal(release(&host, AGENT_LEASE_QUIESCE), 0);
        assert_int_equal(fake_manager_heard(&host.manager, "StartUnit cron.service"), goes_on);
        end(&host);
    }
}

/* Whoever comes up only when the way back is long over still has to hear that it was gone. */
static void test_an_agent_that_comes_late_hears_of_the_way_back(void **state)
{
    static const char restore[] = "belay-txn@" JOB "-restore.service";
    static const struct fake_unit dead[] = {
        {"belay-agent.service", .fails = true}, {restore, .active = false}, {0}};
    struct bl_error err = {0};
    struct host host;

    begin(&host, dead);
    assert_int_equal(agent_silence_arm(&host.places, JOB, 1000, &err), 0);
    assert_false(agent_silence_goes_back(&host.places, JOB));
    for (int round = 0; round < 2; round++) { /* the second finds nothing to do */
        assert_int_equal(agent_silence_end(&host.places, &err), 0);
        assert_true(
            fake_manager_heard(&host.manager, "StartUnit belay-txn@" JOB "-restore.service"));
        assert_false(agent_silence_is_of(&host.places, JOB));
        assert_true(agent_silence_goes_back(&host.places, JOB));
    }
    assert_int_equal(agent_silence_disarm(&host.places, &err), 0);
    assert_false(agent_silence_goes_back(&host.places, JOB));
    end(&host);
}

static void test_a_damaged_silence_still_raises_the_agent(void **state)
{
    static const struct fake_unit agent[] = {{"belay-agent.service", false, false}, {0}};
    struct bl_error err = {0};
    struct host host;

    begin(&host, agent);
    assert_int_equal(mkdir(host.lease_dir, 0700), 0);
    write_file(&host, "leases/silence", "?");
    assert_int_equal(agent_silence_rearm(&host.places, &err), -EUCLEAN);
    assert_true(fake_manager_heard(&host.manager, "StartTransientUnit belay-silence.timer"));
    assert_int_equal(agent_silence_end(&host.places, &err), 0);
    assert_true(fake_manager_heard(&host.manager, "StartUnit belay-agent.service"));
    end(&host);
}

static void test_a_damaged_silence_without_agent_gives_leases_back(void **state)
{
    static const struct fake_unit units[] = {
        {"belay-agent.service", false, true}, {"cron.service", false, false}, {0}};
    struct bl_error err = {0};
    struct host host;

    begin(&host, units);
    record(&host, "cron.service");
    write_file(&host, "leases/silence", "?");
    assert_int_equal(agent_silence_end(&host.places, &err), -EUCLEAN);
    assert_true(fake_manager_heard(&host.manager, "StartUnit cron.service"));
    assert_false(is_there(&host, "leases/quiesce"));
    end(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_taken_is_given_back),
        cmocka_unit_test(test_a_joined_lease_has_a_timer),
        cmocka_unit_test(test_no_more_is_held_than_is_recorded),
        cmocka_unit_test(test_a_unit_that_stays_held_keeps_its_lease),
        cmocka_unit_test(test_what_is_not_given_back_at_boot_is_tried_again),
        cmocka_unit_test(test_what_others_keep_beside_the_units_is_no_trouble),
        cmocka_unit_test(test_a_timer_with_nothing_to_give_back_ends),
        cmocka_unit_test(test_what_could_not_be_put_back_is_left_alone),
        cmocka_unit_test(test_what_stops_with_a_unit_comes_back_with_it),
        cmocka_unit_test(test_a_backup_that_cron_started_is_waited_for),
        cmocka_unit_test(test_a_unit_that_does_not_stop_is_named_and_its_lease_kept),
        cmocka_unit_test(test_a_reboot_keeps_what_the_job_still_needs),
        cmocka_unit_test(test_an_agent_that_comes_late_hears_of_the_way_back),
        cmocka_unit_test(test_a_damaged_silence_still_raises_the_agent),
        cmocka_unit_test(test_a_damaged_silence_without_agent_gives_leases_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
