/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "controller/daemon/store_db.h"

/* The states in which hosts may still be started. */
#define GOING "(1, 2, 3)"
/* That in which people may be asked about a severe failure. */
#define ASKED "(4)"

_Static_assert(CTL_ROLLOUT_STAGING == 1 && CTL_ROLLOUT_RUNNING == 2 && CTL_ROLLOUT_SOAKING == 3,
               "the states in GOING");
_Static_assert(CTL_ROLLOUT_STOPPING == 4, "the state in ASKED");

enum {
    WAITS = 4, /* what ctl_rollout_exit_code makes of such a hold */
};

static int forget_tokens(struct ctl_store *store, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(store, "DELETE FROM tokens", err);

    return ctl_query_run(&query);
}

/* At the instant of its last event: the clocks of now may be of another boot or machine. */
#define ADD_EVENT(states)                                                                       \
    "INSERT INTO events (rollout, wall_ms, mono_ms, type, host, wave, job_state, grade, nonce," \
    " subject, yes, until_ms, verdict, text, boot)"                                             \
    " SELECT e.rollout, e.wall_ms, e.mono_ms, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', e.boot"         \
    " FROM events e JOIN rollouts r ON r.id = e.rollout WHERE r.state IN " states               \
    " AND e.number = (SELECT max(number) FROM events WHERE rollout = r.id)"

static int add_event(struct ctl_store *store, const char *sql, enum ctl_rollout_event_type type,
                     struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(store, sql, err);

    ctl_query_bind_i64(&query, type);

    return ctl_query_run(&query);
}

static int mark_paused(struct ctl_store *store, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store, "UPDATE rollouts SET holds = holds | ?, exit_code = ? WHERE state IN " GOING, err);

    ctl_query_bind_i64(&query, CTL_HOLD_PERSON);
    ctl_query_bind_i64(&query, WAITS);

    return ctl_query_run(&query);
}

int ctl_store_mark_restored(struct ctl_store *store, struct bl_wall made, struct bl_error *err)
{
    char instant[BL_WALL_TEXT_BYTES];
    struct ctl_store_audit row = {
        .at = bl_wall_now(), .uid = getuid(), .verb = "restore", .subject = "", .detail = instant};
    int r;

    bl_wall_to_text(made, instant);
    ctl_store_begin(store);
    r = forget_tokens(store, err);
    if (r >= 0)
        r = add_event(store, ADD_EVENT(GOING), CTL_ROLLOUT_PAUSE, err);
    if (r >= 0)
        r = add_event(store, ADD_EVENT(ASKED), CTL_ROLLOUT_RESTORED, err);
    if (r >= 0)
        r = mark_paused(store, err);
    if (r >= 0)
        r = ctl_store_add_audit(store, &row, err);

    return r < 0 ? r : ctl_store_commit(store, err);
}
