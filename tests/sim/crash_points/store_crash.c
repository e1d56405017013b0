/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/crash_points/crash.h"
#include "tests/sim/crash_points/rows.h"
#include "tests/sim/crash_points/store_turns.h"

/* The controller's store at every crash point. */
enum {
    LIMIT = 1000, /* of lists: more than there is */
};

struct world {
    struct ctl_store *store;
    struct store_turns turns;
};

/* What is walked through: its text and how much it was. */
struct reading {
    FILE *into;
    struct store_counts counts;
};

static int open_store(void *userdata, const char *directory, struct bl_error *err)
{
    struct world *world = userdata;

    return ctl_store_open(directory, &world->store, err);
}

static void close_store(void *userdata)
{
    struct world *world = userdata;

    world->store = ctl_store_close(world->store);
}

static int run_turn(void *userdata, unsigned number, struct bl_error *err)
{
    struct world *world = userdata;

    return store_turn_run(world->store, &world->turns.list[number], err);
}

static unsigned count_accepted(void *userdata)
{
    struct world *world = userdata;
    unsigned count = 0;

    /* As it was left, and as after giving the turn up. */
    for (unsigned i = 0; i < 2; i++) {
        struct bl_error err = {0};
        int r;

        ctl_store_begin(world->store);
        r = store_turn_audit(world->store, "late", i, &err);
        if (r >= 0)
            r = ctl_store_commit(world->store, &err);
        count += r >= 0;
        ctl_store_rollback(world->store);
    }
    return count;
}

/* ---- reading ------------------------------------------------------------------------------ */

static int tell_host(void *userdata, const struct ctl_store_host *host, struct bl_error *err)
{
    struct reading *reading = userdata;

    reading->counts.hosts++;
    (void)fprintf(reading->into, "host %u %u %s %s %s %lld %lld %d %lld\n", host->id[0],
                  host->standing, host->name, host->labels, host->facts,
                  (long long)host->first_seen.ms, (long long)host->last_seen.ms,
                  host->clock_offset_known, (long long)host->clock_offset_ms);
    return 0;
}

static int tell_rollout(void *userdata, const struct ctl_store_rollout *rollout,
                        struct bl_error *err)
{
    struct reading *reading = userdata;

    reading->counts.rollouts++;
    (void)fprintf(reading->into,
                  "rollout %u %s %llx %llx policy %llx signatures %u hosts %u state %u exit %d "
                  "holds %u ended %lld\n",
                  rollout->id[1], rollout->plan_name,
                  crash_hash(rollout->plan_text, strlen(rollout->plan_text)),
                  crash_hash(rollout->manifest.data, rollout->manifest.size_bytes),
                  crash_hash(rollout->policy.data, rollout->policy.size_bytes),
                  rollout->signatures_count, rollout->host_count, rollout->state,
                  rollout->exit_code, rollout->holds, (long long)rollout->ended.ms);
    return 0;
}

static int tell_rollout_host(void *userdata, uint32_t index,
                             const struct ctl_store_rollout_host *host, struct bl_error *err)
{
    struct reading *reading = userdata;

    (void)fprintf(reading->into, "host %u of it: %u kind %u wave %u\n", index, host->id[0],
                  host->kind, host->wave);
    return 0;
}

static int tell_event(void *userdata, const struct ctl_rollout_event *event, struct bl_wall at,
                      struct bl_error *err)
{
    struct reading *reading = userdata;

    reading->counts.events++;
    (void)fprintf(reading->into, "event %u host %u state %u nonce %llu at %lld\n", event->type,
                  event->host, event->job_state, (unsigned long long)event->nonce,
                  (long long)at.ms);
    return 0;
}

static int tell_report(void *userdata, const struct ctl_store_report *stored, struct bl_error *err)
{
    struct reading *reading = userdata;

    reading->counts.reports++;
    (void)fprintf(reading->into, "report %u %llu %s %s %s\n", stored->host_id[0],
                  (unsigned long long)stored->report.seq, stored->report.code,
                  stored->report.reason, stored->report.boot_id);
    return 0;
}

static int tell_audit(void *userdata, const struct ctl_store_audit *row, struct bl_error *err)
{
    struct reading *reading = userdata;

    reading->counts.audits++;
    (void)fprintf(reading->into, "audit %llu %s %lld\n", (unsigned long long)row->seq, row->verb,
                  (long long)row->at.ms);
    return 0;
}

static int read_rollout(struct world *world, uint32_t number, struct reading *reading,
                        struct bl_error *err)
{
    uint8_t id[PROTO_ROLLOUT_ID_BYTES];
    int r;

    store_turn_rollout_id(number, id);
    r = ctl_store_load_rollout(world->store, id, tell_rollout, reading, err);
    if (r == 0)
        return crash_wrong(err, "a rollout is missing");
    if (r >= 0)
        r = ctl_store_each_rollout_host(world->store, id, tell_rollout_host, reading, err);
    if (r >= 0)
        r = ctl_store_each_event(world->store, id, tell_event, reading, err);
    if (r >= 0)
        r = ctl_store_each_report(world->store, id, tell_report, reading, err);
    return r;
}

static int check_counts(const struct store_counts *found, const struct store_counts *wanted,
                        struct bl_error *err)
{
    if (found->hosts != wanted->hosts)
        return crash_wrong(err, "hosts are missing or too many");
    if (found->rollouts != wanted->rollouts)
        return crash_wrong(err, "rollouts are missing or too many");
    if (found->events != wanted->events)
        return crash_wrong(err, "events are missing or too many");
    if (found->reports != wanted->reports)
        return crash_wrong(err, "reports are missing or too many");
    if (found->audits != wanted->audits)
        return crash_wrong(err, "audit rows are missing or too many");
    return 0;
}

static int read_store(void *userdata, unsigned turns_done, FILE *into, struct bl_error *err)
{
    static const struct store_counts nothing;
    struct world *world = userdata;
    const struct store_counts *wanted =
        turns_done == 0 ? &nothing : &world->turns.list[turns_done - 1].counts;
    const uint8_t host_id[PROTO_HOST_ID_BYTES] = {1};
    struct reading listed = {.into = into}, reading = {.into = into};
    struct ctl_store_chain chain;
    int r;

    r = ctl_store_each_host(world->store, tell_host, &reading, err);
    if (r >= 0)
        r = ctl_store_each_rollout(world->store, LIMIT, tell_rollout, &listed, err);
    if (r >= 0) {
        r = ctl_store_each_rollout_of_host(world->store, host_id, LIMIT, tell_rollout, &listed,
                                           err);
    }
    if (r >= 0 && listed.counts.rollouts != 2 * wanted->rollouts)
        r = crash_wrong(err, "a list of rollouts is not whole");
    for (uint32_t number = 1; r >= 0 && number <= wanted->rollouts; number++)
        r = read_rollout(world, number, &reading, err);
    if (r >= 0)
        r = ctl_store_each_audit(world->store, NULL, LIMIT, tell_audit, &reading, err);
    if (r >= 0)
        r = ctl_store_verify_audit(world->store, &chain, err);
    if (r >= 0 && (chain.broken_at != 0 || chain.rows_count != wanted->audits))
        r = crash_wrong(err, "the audit trail is broken");
    return r < 0 ? r : check_counts(&reading.counts, wanted, err);
}

/* ---- damage ------------------------------------------------------------------------------- */

static const char *const damages[] = {
    "PRAGMA user_version = 99",
    "PRAGMA user_version = -1",
    "PRAGMA user_version = 0",
    "DROP TABLE hosts",
    "DROP TABLE events",
    "DROP TABLE audit",
    "UPDATE hosts SET id = x'00' WHERE id = (SELECT min(id) FROM hosts)",
    "UPDATE hosts SET name = x'00', labels = zeroblob(100000), facts = ''",
    "UPDATE hosts SET standing = -1, first_seen_ms = 'x', clock_offset_ms = 1e300",
    "UPDATE tokens SET uses = -1, labels = x'ff'",
    "UPDATE rollouts SET manifest = ''",
    "UPDATE rollouts SET manifest = 7, plan_text = x'00ff', plan_name = zeroblob(70000)",
    "UPDATE rollouts SET host_count = 4294967296, state = -1, exit_code = 1e300",
    "UPDATE rollouts SET id = x'0102' WHERE number = 1",
    "UPDATE rollouts SET number = 9223372036854775807 WHERE number = 1",
    "UPDATE rollout_signatures SET key = x'00'",
    "UPDATE rollout_signatures SET signature = 'text'",
    "INSERT INTO rollout_signatures SELECT rollout, place + 2, key, signature"
    " FROM rollout_signatures, (SELECT 0 AS a UNION SELECT 1) LIMIT 1",
    "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
    " INSERT INTO rollout_signatures SELECT DISTINCT rollout, i, key, signature"
    " FROM rollout_signatures, n WHERE place = 0",
    "UPDATE rollouts SET policy = x'', holds = 4294967295",
    "UPDATE rollouts SET policy = substr(policy, 2) || x'00'",
    "UPDATE rollouts SET policy = 'text', owes = -1",
    "UPDATE rollout_hosts SET host = x''",
    "UPDATE rollout_hosts SET kind = -1, wave = 4294967295",
    "UPDATE events SET type = 9999, host = -1, nonce = 'x'",
    "UPDATE events SET number = 9223372036854775807"
    " WHERE number = (SELECT max(number) FROM events)",
    "UPDATE reports SET code = zeroblob(5), reason = zeroblob(100000), boot_id = 3",
    "UPDATE reports SET rollout = rollout || 'x'",
    "UPDATE audit SET hash = x'00'",
    "UPDATE audit SET hash = 'x' WHERE seq = (SELECT max(seq) FROM audit)",
    "UPDATE audit SET verb = x'', subject = 4, detail = zeroblob(100000)",
    "UPDATE audit SET seq = 9223372036854775807 WHERE seq = (SELECT max(seq) FROM audit)",
    "UPDATE audit SET seq = -seq",
    "CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM audit; END",
    "CREATE TRIGGER t BEFORE INSERT ON events BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    "CREATE TRIGGER t BEFORE UPDATE ON tokens BEGIN SELECT RAISE(IGNORE); END",
    "DROP TABLE hosts; CREATE VIEW hosts AS SELECT 1 AS id",
    "DROP TABLE reports; CREATE TABLE reports(host, seq, rollout)",
    NULL,
};

int main(int argc, char **argv)
{
    static struct world world;
    struct crash_subject subject = {.name = "controller store",
                                    .file = "store.db",
                                    .world = &world,
                                    .open = open_store,
                                    .close = close_store,
                                    .turn = run_turn,
                                    .read = read_store,
                                    .count_accepted = count_accepted,
                                    .damages = damages};

    BL_ASSERT(sodium_init() >= 0);
    store_turns_make(&world.turns);
    subject.turn_count = world.turns.count;
    subject.lives = world.turns.lives;
    subject.life_count = world.turns.life_count;
    return crash_main(argc, argv, &subject);
}
