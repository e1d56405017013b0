/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/store.h"

#include <errno.h>
#include <sqlite3.h>

#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/temp.h"

static char dir[TEMP_BYTES];
static struct ctl_store *store;
static struct bl_error err;

static int open_store(void **state)
{
    temp_make(dir);
    return ctl_store_open(dir, &store, &err);
}

static int close_store(void **state)
{
    store = ctl_store_close(store);
    temp_remove(dir);
    return 0;
}

static void open_again(void)
{
    store = ctl_store_close(store);
    assert_int_equal(ctl_store_open(dir, &store, &err), 0);
}

static void test_one_daemon_at_a_time(void **state)
{
    struct ctl_store *second = NULL;

    assert_int_equal(ctl_store_open(dir, &second, &err), -EBUSY);
    assert_non_null(strstr(err.text, "another belayd"));
    open_again();
}

static int take_host(void *userdata, const struct ctl_store_host *host, struct bl_error *e)
{
    unsigned *count = userdata;

    (*count)++;
    assert_int_equal(host->id[0], 7);
    assert_int_equal(host->standing, CTL_STANDING_REVOKED);
    assert_string_equal(host->name, "web1");
    assert_string_equal(host->labels, "{\"a\":\"b\"}");
    assert_string_equal(host->facts, "{}");
    assert_int_equal(host->first_seen.ms, 5);
    assert_int_equal(host->last_seen.ms, 6);
    assert_true(host->clock_offset_known);
    assert_int_equal(host->clock_offset_ms, -8);
    assert_int_equal(host->life, 3);
    return 0;
}

static void test_hosts_outlive_the_daemon(void **state)
{
    struct ctl_store_host host = {
        .id = {7},
        .standing = CTL_STANDING_ENROLLED,
        .name = "web1",
        .labels = "{\"a\":\"b\"}",
        .facts = "{}",
        .first_seen = {5},
        .last_seen = {6},
    };
    unsigned count = 0;

    ctl_store_begin(store);
    assert_int_equal(ctl_store_save_host(store, &host, &err), 0);
    ctl_store_begin(store);
    host.standing = CTL_STANDING_REVOKED;
    host.clock_offset_known = true;
    host.clock_offset_ms = -8;
    host.life = 3;
    assert_int_equal(ctl_store_save_host(store, &host, &err), 0);
    assert_int_equal(ctl_store_commit(store, &err), 0);
    open_again();
    assert_int_equal(ctl_store_each_host(store, take_host, &count, &err), 0);
    assert_int_equal(count, 1);
}

static void test_tokens_are_used_up_and_expire(void **state)
{
    const uint8_t twice[PROTO_HASH_BYTES] = {1}, late[PROTO_HASH_BYTES] = {2};
    const uint8_t unknown[PROTO_HASH_BYTES] = {3};
    char *labels = NULL;

    assert_int_equal(
        ctl_store_add_token(store, twice, "{\"r\":\"w\"}", 2, (struct bl_wall){1000}, &err), 0);
    assert_int_equal(ctl_store_add_token(store, late, "{}", 2, (struct bl_wall){100}, &err), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ctl_store_use_token(store, twice, (struct bl_wall){500}, &labels, &err),
                         1);
        assert_string_equal(labels, "{\"r\":\"w\"}");
        free(labels);
    }
    assert_int_equal(ctl_store_use_token(store, twice, (struct bl_wall){500}, &labels, &err), 0);
    assert_int_equal(ctl_store_use_token(store, late, (struct bl_wall){100}, &labels, &err), 0);
    assert_int_equal(ctl_store_use_token(store, unknown, (struct bl_wall){0}, &labels, &err), 0);
}

static const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES] = {9, 9};

static void add_rollout(void)
{
    static const struct proto_signature signatures[2] = {{{1}, {2}}, {{3}, {4}}};
    static const struct ctl_store_rollout_host hosts[3] = {{{1}, 0, 0}, {{2}, 1, 1}, {{3}, 0, 1}};
    struct ctl_store_rollout rollout = {
        .plan_name = "openssl",
        .plan_text = "plan: openssl\n",
        .manifest = {(const uint8_t *)"bytes", 5},
        .signatures = signatures,
        .signatures_count = 2,
        .policy = {(const uint8_t *)"pace", 4},
        .created = {1000},
        .submitted_by_uid = 42,
        .state = CTL_ROLLOUT_STAGING,
        .host_count = 3,
    };

    memcpy(rollout.id, rollout_id, sizeof(rollout.id));
    ctl_store_begin(store);
    assert_int_equal(ctl_store_add_rollout(store, &rollout, hosts, &err), 0);
    assert_int_equal(ctl_store_commit(store, &err), 0);
    ctl_store_begin(store);
    assert_int_equal(ctl_store_add_rollout(store, &rollout, hosts, &err), -EEXIST);
    ctl_store_rollback(store);
}

static int take_rollout(void *userdata, const struct ctl_store_rollout *rollout, struct bl_error *e)
{
    unsigned *count = userdata;

    (*count)++;
    assert_memory_equal(rollout->id, rollout_id, sizeof(rollout_id));
    assert_string_equal(rollout->plan_text, "plan: openssl\n");
    assert_int_equal(rollout->manifest.size_bytes, 5);
    assert_memory_equal(rollout->manifest.data, "bytes", 5);
    assert_int_equal(rollout->signatures_count, 2);
    assert_int_equal(rollout->signatures[1].key[0], 3);
    assert_int_equal(rollout->signatures[1].signature[0], 4);
    assert_int_equal(rollout->policy.size_bytes, 4);
    assert_memory_equal(rollout->policy.data, "pace", 4);
    assert_int_equal(rollout->submitted_by_uid, 42);
    assert_int_equal(rollout->state, CTL_ROLLOUT_HALTED);
    assert_int_equal(rollout->ended.ms, 77);
    assert_int_equal(rollout->exit_code, 3);
    return 0;
}

static int count_rollout(void *userdata, const struct ctl_store_rollout *rollout,
                         struct bl_error *e)
{
    unsigned *count = userdata;

    (*count)++;
    assert_string_equal(rollout->plan_name, "openssl");
    return 0;
}

static int take_rollout_host(void *userdata, uint32_t index,
                             const struct ctl_store_rollout_host *host, struct bl_error *e)
{
    unsigned *count = userdata;

    assert_int_equal(index, *count);
    assert_int_equal(host->id[0], index + 1);
    assert_int_equal(host->kind, index == 1);
    assert_int_equal(host->wave, index != 0);
    (*count)++;
    return 0;
}

static void test_rollouts_outlive_the_daemon(void **state)
{
    const uint8_t host_id[PROTO_HOST_ID_BYTES] = {2}, other_id[PROTO_HOST_ID_BYTES] = {4};
    struct ctl_store_rollout marked = {
        .state = CTL_ROLLOUT_HALTED, .ended = {77}, .exit_code = 3, .id = {9, 9}};
    unsigned count = 0;

    add_rollout();
    assert_int_equal(ctl_store_mark_rollout(store, &marked, &err), 0);
    open_again();
    assert_int_equal(ctl_store_load_rollout(store, rollout_id, take_rollout, &count, &err), 1);
    assert_int_equal(count, 1);
    assert_int_equal(ctl_store_load_rollout(store, host_id, take_rollout, &count, &err), 0);
    count = 0;
    assert_int_equal(
        ctl_store_each_rollout_host(store, rollout_id, take_rollout_host, &count, &err), 0);
    assert_int_equal(count, 3);
    count = 0;
    assert_int_equal(ctl_store_each_rollout(store, 10, count_rollout, &count, &err), 0);
    assert_int_equal(
        ctl_store_each_rollout_of_host(store, host_id, 10, count_rollout, &count, &err), 0);
    assert_int_equal(
        ctl_store_each_rollout_of_host(store, other_id, 10, count_rollout, &count, &err), 0);
    assert_int_equal(count, 2);
}

static int take_event(void *userdata, const struct ctl_rollout_event *event, struct bl_wall at,
                      struct bl_error *e)
{
    struct ctl_rollout_event *last = userdata;

    assert_true(event->now.ms > last->now.ms);
    assert_int_equal(at.ms, event->now.ms + 1);
    *last = *event;
    return 0;
}

static void test_events_come_back_in_order(void **state)
{
    struct ctl_rollout_event last = {0};

    for (int64_t i = 1; i <= 20; i++) {
        const struct ctl_rollout_event event = {
            .now = {i},
            .type = CTL_ROLLOUT_HOST_REPORT,
            .host = (uint32_t)i,
            .wave = UINT32_MAX,
            .job_state = PROTO_JOB_PROBATION,
            .grade = 2,
            .nonce = UINT64_MAX,
        };

        assert_int_equal(
            ctl_store_add_event(store, rollout_id, &event, (struct bl_wall){i + 1}, &err), 0);
    }
    assert_int_equal(ctl_store_each_event(store, rollout_id, take_event, &last, &err), 0);
    assert_int_equal(last.host, 20);
    assert_int_equal(last.wave, UINT32_MAX);
    assert_true(last.nonce == UINT64_MAX);
    assert_int_equal(last.job_state, PROTO_JOB_PROBATION);
}

static int take_report(void *userdata, const struct ctl_store_report *stored, struct bl_error *e)
{
    unsigned *count = userdata;

    (*count)++;
    assert_int_equal(stored->report.seq, *count);
    assert_string_equal(stored->report.code, "service_down");
    assert_string_equal(stored->report.reason, "nginx is not active");
    assert_string_equal(stored->report.boot_id, "boot");
    assert_int_equal(stored->clock_offset_ms, -3);
    assert_true(stored->report.nonce == UINT64_MAX);
    assert_int_equal(stored->report.step, PROTO_STEP_VERIFY);
    return 0;
}

static void test_double_reports_are_dropped(void **state)
{
    struct ctl_store_report stored = {
        .host_id = {1},
        .report = {.seq = 1,
                   .rollout_id = {9, 9},
                   .moment = PROTO_MOMENT_END,
                   .state = PROTO_JOB_VERIFYING,
                   .step = PROTO_STEP_VERIFY,
                   .code = "service_down",
                   .reason = "nginx is not active",
                   .boot_id = "boot",
                   .nonce = UINT64_MAX},
        .clock_offset_ms = -3,
    };
    unsigned count = 0;

    assert_int_equal(ctl_store_add_report(store, &stored, &err), 1);
    assert_int_equal(ctl_store_add_report(store, &stored, &err), 0);
    stored.report.seq = 2;
    assert_int_equal(ctl_store_add_report(store, &stored, &err), 1);
    assert_int_equal(ctl_store_each_report(store, rollout_id, take_report, &count, &err), 0);
    assert_int_equal(count, 2);
}

static struct ctl_store_report report_of(uint32_t life, uint64_t seq, uint8_t rollout)
{
    return (struct ctl_store_report){
        .host_id = {1},
        .life = life,
        .report = {.seq = seq,
                   .rollout_id = {rollout, 9},
                   .moment = PROTO_MOMENT_END,
                   .state = PROTO_JOB_VERIFYING,
                   .step = PROTO_STEP_VERIFY,
                   .mono_ms = 1000 + seq,
                   .code = "",
                   .reason = "",
                   .boot_id = "boot"},
    };
}

static int add_report(uint32_t life, uint64_t seq, uint8_t rollout)
{
    const struct ctl_store_report stored = report_of(life, seq, rollout);

    return ctl_store_add_report(store, &stored, &err);
}

static uint64_t last_seq(uint32_t life)
{
    const uint8_t host_id[PROTO_HOST_ID_BYTES] = {1};
    uint64_t seq = UINT64_MAX;

    assert_int_equal(ctl_store_last_seq(store, host_id, life, &seq, &err), 0);
    return seq;
}

/* A number is used once in each life of a host. */
static void test_another_report_under_a_used_number_contradicts(void **state)
{
    struct ctl_store_report other = report_of(0, 1, 9);

    assert_int_equal(last_seq(0), 0);
    assert_int_equal(add_report(0, 1, 9), CTL_STORED_NOW);
    assert_int_equal(add_report(0, 7, 9), CTL_STORED_NOW);
    assert_int_equal(add_report(0, 1, 9), CTL_STORED_BEFORE);
    assert_int_equal(add_report(0, 1, 8), CTL_STORED_CONTRADICTS);
    other.report.mono_ms++;
    assert_int_equal(ctl_store_add_report(store, &other, &err), CTL_STORED_CONTRADICTS);
    other = report_of(0, 1, 9);
    other.report.boot_id = "next";
    assert_int_equal(ctl_store_add_report(store, &other, &err), CTL_STORED_CONTRADICTS);
    other = report_of(0, 1, 9);
    other.report.state = PROTO_JOB_PROBATION;
    assert_int_equal(ctl_store_add_report(store, &other, &err), CTL_STORED_CONTRADICTS);
    assert_int_equal(add_report(1, 1, 8), CTL_STORED_NOW);
    open_again();
    assert_int_equal(last_seq(0), 7);
    assert_int_equal(last_seq(1), 1);
    assert_int_equal(last_seq(2), 0);
}

static int take_told(void *userdata, const uint8_t id[PROTO_ROLLOUT_ID_BYTES], struct bl_error *e)
{
    unsigned *sum = userdata;

    *sum += id[0];
    return 0;
}

static void test_the_rollouts_of_lost_reports_are_each_named_once(void **state)
{
    const uint8_t host_id[PROTO_HOST_ID_BYTES] = {1};
    unsigned sum = 0;

    (void)add_report(0, 1, 100);
    (void)add_report(0, 2, 10);
    (void)add_report(0, 3, 10);
    (void)add_report(0, 4, 1);
    (void)add_report(1, 5, 50);
    assert_int_equal(ctl_store_each_rollout_told(store, host_id, 0, 1, take_told, &sum, &err), 0);
    assert_int_equal(sum, 11);
}

static int take_life(void *userdata, const struct ctl_store_report *stored, struct bl_error *e)
{
    unsigned *count = userdata;

    (*count)++;
    assert_int_equal(stored->life, 0);
    assert_int_equal(stored->report.seq, 5);
    assert_int_equal(stored->report.state, PROTO_JOB_PROBATION);
    assert_string_equal(stored->report.reason, "served");
    assert_int_equal(stored->clock_offset_ms, -2);
    return 0;
}

/* As the version before left it: its reports are those of the first life. */
static void test_reports_of_an_older_store_are_kept(void **state)
{
    unsigned count = 0;
    char path[TEMP_BYTES + 16];
    sqlite3 *db;

    store = ctl_store_close(store);
    (void)snprintf(path, sizeof(path), "%s/store.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(
            db,
            "DROP TABLE denied; DROP TABLE freeze; DROP TABLE origins; DROP TABLE gate_samples; DROP TABLE gate_bases; DROP TABLE reports;"
            " DROP TABLE trust_files; DROP TABLE host_heads;"
            " DROP TABLE desks; ALTER TABLE audit DROP COLUMN desk;"
            " ALTER TABLE hosts DROP COLUMN life;"
            "CREATE TABLE reports (host BLOB NOT NULL, seq INTEGER NOT NULL,"
            " rollout BLOB NOT NULL, moment INTEGER NOT NULL, state INTEGER NOT NULL,"
            " step INTEGER NOT NULL, result INTEGER NOT NULL, grade INTEGER NOT NULL,"
            " code TEXT NOT NULL, reason TEXT NOT NULL, wall_ms INTEGER NOT NULL,"
            " mono_ms INTEGER NOT NULL, boot_id TEXT NOT NULL, nonce INTEGER NOT NULL,"
            " received_ms INTEGER NOT NULL, clock_offset_ms INTEGER NOT NULL,"
            " PRIMARY KEY (host, seq)) WITHOUT ROWID;"
            "CREATE INDEX reports_by_rollout ON reports (rollout, host, seq);"
            "INSERT INTO reports VALUES (zeroblob(32), 5, x'0909000000000000', 1, 12, 0, 0, 0,"
            " 'c', 'served', 1, 2, 'boot', 3, 4, -2);"
            "PRAGMA user_version = 2;",
            NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    if (ctl_store_open(dir, &store, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(ctl_store_each_report(store, rollout_id, take_life, &count, &err), 0);
    assert_int_equal(count, 1);
}

static void add_audit(const char *verb)
{
    const struct ctl_store_audit row = {
        .at = {1}, .uid = 1000, .verb = verb, .subject = "s", .detail = "{}"};

    assert_int_equal(ctl_store_add_audit(store, &row, &err), 0);
}

static int take_audit(void *userdata, const struct ctl_store_audit *row, struct bl_error *e)
{
    uint64_t *last = userdata;

    assert_int_equal(row->seq, *last + 1);
    *last = row->seq;
    return 0;
}

/* Somebody with the disk in his hands changes a row: the chain tells which. */
static void test_audit_chain_tells_of_a_change(void **state)
{
    struct ctl_store_chain chain;
    uint64_t last = 1;
    char path[TEMP_BYTES + 16];
    sqlite3 *db;

    add_audit("submit");
    add_audit("pause");
    add_audit("abort");
    assert_int_equal(ctl_store_verify_audit(store, &chain, &err), 0);
    assert_int_equal(chain.rows_count, 3);
    assert_int_equal(chain.broken_at, 0);
    assert_int_equal(ctl_store_each_audit(store, NULL, 2, take_audit, &last, &err), 0);
    assert_int_equal(last, 3);
    store = ctl_store_close(store);
    (void)snprintf(path, sizeof(path), "%s/store.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE audit SET verb='pausE' WHERE seq=2", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(ctl_store_open(dir, &store, &err), 0);
    assert_int_equal(ctl_store_verify_audit(store, &chain, &err), 0);
    assert_int_equal(chain.broken_at, 2);
}

static void test_uncommitted_is_gone(void **state)
{
    struct ctl_store_chain chain;

    ctl_store_begin(store);
    add_audit("submit");
    open_again();
    assert_int_equal(ctl_store_verify_audit(store, &chain, &err), 0);
    assert_int_equal(chain.rows_count, 0);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_one_daemon_at_a_time),
        STORE_TEST(test_hosts_outlive_the_daemon),
        STORE_TEST(test_tokens_are_used_up_and_expire),
        STORE_TEST(test_rollouts_outlive_the_daemon),
        STORE_TEST(test_events_come_back_in_order),
        STORE_TEST(test_double_reports_are_dropped),
        STORE_TEST(test_another_report_under_a_used_number_contradicts),
        STORE_TEST(test_the_rollouts_of_lost_reports_are_each_named_once),
        STORE_TEST(test_reports_of_an_older_store_are_kept),
        STORE_TEST(test_audit_chain_tells_of_a_change),
        STORE_TEST(test_uncommitted_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
