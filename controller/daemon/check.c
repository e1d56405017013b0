/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "controller/daemon/run.h"
#include "controller/daemon/setup.h"

struct ids {
    uint8_t (*list)[PROTO_ROLLOUT_ID_BYTES];
    uint32_t count, capacity;
};

static void problem(struct ctl_check_result *result, const char *fmt, ...) BL_PRINTF(2, 3);

static void problem(struct ctl_check_result *result, const char *fmt, ...)
{
    va_list arguments;

    result->problems_count++;
    va_start(arguments, fmt);
    (void)vfprintf(stderr, fmt, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

static int take_id(void *userdata, const struct ctl_store_rollout *rollout, struct bl_error *err)
{
    struct ids *ids = userdata;

    if (ids->count == ids->capacity) {
        uint32_t capacity = ids->capacity == 0 ? 64 : 2 * ids->capacity;
        uint8_t(*list)[PROTO_ROLLOUT_ID_BYTES] = reallocarray(ids->list, capacity, sizeof(*list));

        if (list == NULL)
            return bl_fail(err, -ENOMEM, "no memory");
        ids->list = list;
        ids->capacity = capacity;
    }
    memcpy(ids->list[ids->count++], rollout->id, PROTO_ROLLOUT_ID_BYTES);

    return 0;
}

struct listed {
    const struct ctl_run *run;
    struct ctl_check_result *result;
    const char *id;
};

/* The store's copy, which lists show, against the replay. */
static int compare(void *userdata, const struct ctl_store_rollout *stored, struct bl_error *err)
{
    const struct listed *listed = userdata;
    const struct ctl_rollout *rollout = &listed->run->rollout;

    if (stored->state != rollout->state) {
        problem(listed->result, "rollout %s: listed as %s, its events make it %s", listed->id,
                ctl_rollout_state_name(stored->state), ctl_rollout_state_name(rollout->state));
    } else if (stored->exit_code != ctl_rollout_exit_code(rollout) ||
               stored->holds != rollout->holds || stored->owes != listed->run->owes ||
               (stored->ended.ms == 0) != (listed->run->ended.ms == 0)) {
        problem(listed->result, "rollout %s: its list entry is not what its events make of it",
                listed->id);
    }

    return 0;
}

static int check_rollout(struct ctl_store *store, const struct ctl_fleet *fleet,
                         const uint8_t id[PROTO_ROLLOUT_ID_BYTES], struct ctl_check_result *result,
                         struct bl_error *err)
{
    char text[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    struct listed listed = {.result = result, .id = text};
    struct bl_error load_err = {0};
    struct ctl_run *run = NULL;
    int r;

    bl_hex_encode(id, PROTO_ROLLOUT_ID_BYTES, text);
    r = ctl_run_load(store, fleet, id, &run, &load_err);
    if (r == -EUCLEAN || r == 0) {
        problem(result, "rollout %s: %s", text, r == 0 ? "is not there" : load_err.text);
        return 0;
    }
    if (r < 0)
        return bl_fail(err, r, "%s", load_err.text);
    listed.run = run;
    r = ctl_store_load_rollout(store, id, compare, &listed, err);
    result->rollouts_count++;
    (void)ctl_run_free(run);

    return r < 0 ? r : 0;
}

static int check_audit(struct ctl_store *store, struct ctl_check_result *result,
                       struct bl_error *err)
{
    struct ctl_store_chain chain;
    int r = ctl_store_verify_audit(store, &chain, err);

    if (r < 0)
        return r;
    result->audit_rows_count = chain.rows_count;
    if (chain.broken_at != 0) {
        problem(result, "audit: row %llu does not fit what came before it: somebody changed it",
                (unsigned long long)chain.broken_at);
    }

    return 0;
}

static int check_store(struct ctl_store *store, struct ctl_check_result *result,
                       struct bl_error *err)
{
    struct ctl_fleet fleet = {0};
    struct ids ids = {0};
    int r = ctl_fleet_load(&fleet, store, err);

    result->hosts_count = fleet.count;
    if (r >= 0)
        r = check_audit(store, result, err);
    if (r >= 0)
        r = ctl_store_each_rollout(store, UINT32_MAX, take_id, &ids, err);
    for (uint32_t i = 0; i < ids.count && r >= 0; i++)
        r = check_rollout(store, &fleet, ids.list[i], result, err);
    free(ids.list);
    ctl_fleet_release(&fleet);

    return r;
}

int ctl_check_state(const char *state_dir, struct ctl_check_result *ret_result,
                    struct bl_error *err)
{
    uint8_t secret[PROTO_HOST_ID_BYTES], public_key[PROTO_HOST_ID_BYTES];
    struct bl_error key_err = {0};
    struct ctl_store *store = NULL;
    int r;

    *ret_result = (struct ctl_check_result){0};
    r = ctl_store_open(state_dir, &store, err);
    if (r < 0)
        return r;
    if (ctl_setup_load_key(state_dir, secret, public_key, &key_err) < 0)
        problem(ret_result, "key: %s", key_err.text);
    explicit_bzero(secret, sizeof(secret));
    r = check_store(store, ret_result, err);
    (void)ctl_store_close(store);

    return r;
}
