/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/lib/unit.h"

#define JOB "00112233445566778899aabbccddeeff"

struct store {
    char directory[64], lease_dir[96];
    struct agent_lease_places places;
};

static void make(struct store *store)
{
    (void)snprintf(store->directory, sizeof(store->directory), "/tmp/belay-lease.XXXXXX");
    assert_non_null(mkdtemp(store->directory));
    (void)snprintf(store->lease_dir, sizeof(store->lease_dir), "%s/leases", store->directory);
    store->places = agent_lease_places_default;
    store->places.lease_dir = store->lease_dir;
}

static void end(struct store *store)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/quiesce", store->lease_dir);
    (void)unlink(path);
    (void)rmdir(store->lease_dir);
    assert_int_equal(rmdir(store->directory), 0); /* and nothing else was left */
}

static int load(struct store *store, struct proto_arena *arena, struct agent_lease_record *record)
{
    struct bl_error err = {0};

    return agent_lease_load(&store->places, AGENT_LEASE_QUIESCE, arena, record, &err);
}

static void save(struct store *store)
{
    struct agent_lease_unit units[] = {{"a.timer", true, 1234567, true}, {"b.service", false, 0}};
    struct agent_lease_record record;
    struct bl_error err = {0};
    char boot_id[BL_BOOT_ID_BYTES];

    assert_int_equal(agent_lease_fill(&record, JOB, 5000, boot_id, &err), 0);
    record.units = units;
    record.units_count = 2;
    assert_int_equal(agent_lease_save(&store->places, AGENT_LEASE_QUIESCE, &record, &err), 0);
}

static void test_what_is_saved_is_loaded(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record record;
    struct agent_lease_info infos[AGENT_LEASE_KINDS];
    struct store store;
    struct bl_error err = {0};
    struct stat status;
    char path[160];
    size_t count;

    make(&store);
    assert_int_equal(load(&store, &arena, &record), 0);
    save(&store);
    assert_int_equal(load(&store, &arena, &record), 1);
    assert_string_equal(record.job, JOB);
    assert_int_equal(record.until_ms - record.taken_ms, 5000);
    assert_int_equal(record.units_count, 2);
    assert_string_equal(record.units[0].name, "a.timer");
    assert_true(record.units[0].was_active);
    assert_int_equal(record.units[0].next_run_ms, 1234567);
    assert_true(record.units[0].catches_up);
    assert_false(record.units[1].catches_up);
    assert_false(record.units[1].was_active);

    (void)snprintf(path, sizeof(path), "%s/quiesce", store.lease_dir);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(store.lease_dir, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);

    assert_int_equal(agent_lease_list(&store.places, infos, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_string_equal(infos[0].name, AGENT_LEASE_QUIESCE);
    assert_string_equal(infos[0].job, JOB);

    assert_int_equal(agent_lease_remove(&store.places, AGENT_LEASE_QUIESCE, &err), 0);
    assert_int_equal(agent_lease_remove(&store.places, AGENT_LEASE_QUIESCE, &err), 0);
    assert_int_equal(load(&store, &arena, &record), 0);
    end(&store);
}

static void test_every_cut_of_a_record_is_damage_and_still_a_lease(void **state)
{
    BL_AUTO_FREE char *whole = NULL;
    struct agent_lease_info infos[AGENT_LEASE_KINDS];
    struct bl_error err = {0};
    struct store store;
    size_t whole_bytes, count;
    int dir_fd;

    make(&store);
    save(&store);
    dir_fd = open(store.lease_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir_fd >= 0);
    assert_int_equal(bl_file_read(dir_fd, AGENT_LEASE_QUIESCE, 4096, &whole, &whole_bytes, &err),
                     0);
    for (size_t cut = 0; cut < whole_bytes; cut++) {
        PROTO_AUTO_ARENA arena = {0};
        struct agent_lease_record record;

        assert_int_equal(bl_file_replace(dir_fd, AGENT_LEASE_QUIESCE, whole, cut, &err), 0);
        assert_int_equal(
            agent_lease_load(&store.places, AGENT_LEASE_QUIESCE, &arena, &record, &err), -EUCLEAN);
        assert_int_equal(err.code, -EUCLEAN);
        /* The name, then what the decoder found. */
        assert_non_null(strstr(err.text, "lease 'quiesce' is damaged: lease_record: "));
        assert_int_equal(agent_lease_list(&store.places, infos, &count, &err), 0);
        assert_int_equal(count, 1);
        assert_string_equal(infos[0].job, "");
    }
    (void)close(dir_fd);
    end(&store);
}

static void test_unsound_records_are_found(void **state)
{
    struct agent_lease_unit unit = {"a.timer", true, 0};
    const struct agent_lease_record good = {.format = AGENT_LEASE_FORMAT,
                                            .job = JOB,
                                            .taken_ms = 1,
                                            .until_ms = 2,
                                            .boot_id = "b",
                                            .units = &unit,
                                            .units_count = 1};
    struct agent_lease_record record = good;

    assert_true(agent_lease_record_is_sound(&record));
    record.format = 2;
    assert_false(agent_lease_record_is_sound(&record));
    record = good;
    record.job = "../../etc";
    assert_false(agent_lease_record_is_sound(&record));
    record.job = "00112233445566778899AABBCCDDEEFF";
    assert_false(agent_lease_record_is_sound(&record));
    record = good;
    record.until_ms = 0;
    assert_false(agent_lease_record_is_sound(&record));
    record = good;
    unit.name = "../a.timer";
    assert_false(agent_lease_record_is_sound(&record));
}

static void test_no_clock_makes_a_lease_longer(void **state)
{
    const int64_t now_ms = bl_wall_now().ms, mono_ms = bl_mono_now().ms;
    struct agent_lease_record record = {.taken_ms = now_ms,
                                        .until_ms = now_ms + 5000,
                                        .boot_id = "this",
                                        .until_mono_ms = (uint64_t)mono_ms + 3000};

    /* In the boot that took it the wall clock does not matter. */
    assert_in_range(agent_lease_left_ms(&record, "this"), 2000, 3000);
    assert_in_range(agent_lease_left_ms(&record, "another"), 4000, 5000);
    /* The clock went back by ten years: it lasts as long as it was given for, at most. */
    record.taken_ms += INT64_C(315360000000);
    record.until_ms += INT64_C(315360000000);
    assert_int_equal(agent_lease_left_ms(&record, "another"), 5000);
    /* It went forward: the lease is over. */
    record.taken_ms = 0;
    record.until_ms = 5000;
    assert_int_equal(agent_lease_left_ms(&record, "another"), 0);
}

static void test_only_known_names_are_leases(void **state)
{
    assert_true(agent_lease_is_name("ssh_lock"));
    assert_true(agent_lease_is_name("quiesce"));
    assert_false(agent_lease_is_name("silence"));
    assert_false(agent_lease_is_name(""));
    assert_false(agent_lease_is_name("../agent/journal.db"));
}

static void test_a_lease_needs_a_job_and_a_time(void **state)
{
    struct agent_lease_record record;
    struct bl_error err = {0};
    char boot_id[BL_BOOT_ID_BYTES];

    assert_true(agent_lease_fill(&record, JOB, 0, boot_id, &err) < 0);
    assert_true(agent_lease_fill(&record, "x", 1, boot_id, &err) < 0);
    assert_true(agent_lease_fill(&record, JOB "0", 1, boot_id, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_saved_is_loaded),
        cmocka_unit_test(test_every_cut_of_a_record_is_damage_and_still_a_lease),
        cmocka_unit_test(test_unsound_records_are_found),
        cmocka_unit_test(test_no_clock_makes_a_lease_longer),
        cmocka_unit_test(test_only_known_names_are_leases),
        cmocka_unit_test(test_a_lease_needs_a_job_and_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
