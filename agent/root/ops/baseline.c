/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/baseline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/root/kernel_log.h"
#include "agent/root/probe.h"
#include "agent/txn/task.h"

#define FILE_NAME "baseline"

enum {
    PROBE_TIMEOUT_MS = 10000,
};

#define T struct agent_unit
static const struct proto_field unit_rows[] = {
    PROTO_FIELD_TEXT(T, name, AGENT_BASELINE_UNIT_BYTES_MAX),
    PROTO_FIELD_ENUM(T, state, AGENT_UNIT_STATE_LAST),
    PROTO_FIELD_U64(T, main_pid),
    PROTO_FIELD_U64(T, restarts),
    PROTO_FIELD_BOOL(T, enabled),
};
static const struct proto_schema unit_schema = PROTO_SCHEMA(T, unit_rows);
#undef T

#define T struct agent_baseline
static const struct proto_field rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_BASELINE_FORMAT),
    PROTO_FIELD_I64(T, wall_ms),
    PROTO_FIELD_TEXT(T, boot_id, PROTO_BOOT_ID_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, cursor, AGENT_BASELINE_CURSOR_BYTES_MAX),
    PROTO_FIELD_LIST(T, units, AGENT_BASELINE_UNITS_MAX, &unit_schema),
    PROTO_FIELD_LIST(T, listeners, AGENT_PROBE_LISTENERS_MAX, &agent_probe_listener_schema),
};
static const struct proto_schema baseline_schema = PROTO_SCHEMA(T, rows);
#undef T

struct baseline_state {
    struct agent_units_call *call;
    struct agent_probe_ask *probe;
    /* Lent by the answer of the probe, which is asked first and kept until the units are known. */
    struct agent_probe_listener *listeners;
    uint32_t listeners_count;
};

int agent_baseline_load(int dir_fd, struct proto_arena *arena, struct agent_baseline *ret_baseline,
                        struct bl_error *err)
{
    int r = agent_txn_record_load(dir_fd, FILE_NAME, &baseline_schema, arena, ret_baseline, err);

    if (r == -ENOENT)
        return bl_fail(err, -EUCLEAN, "the job has no baseline");
    if (r < 0)
        return bl_wrap(err, "baseline");

    return 0;
}

const struct agent_unit *agent_baseline_find(const struct agent_baseline *baseline,
                                             const char *name)
{
    const struct agent_units_list list = {baseline->units, baseline->units_count};

    return agent_units_find(&list, name);
}

static void on_units(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_op_run *run = userdata;
    struct baseline_state *state = run->state;
    char cursor[AGENT_BASELINE_CURSOR_BYTES_MAX + 1];
    struct agent_baseline baseline = {.format = AGENT_BASELINE_FORMAT,
                                      .wall_ms = bl_wall_now().ms,
                                      .boot_id = run->host->boot_id,
                                      .cursor = cursor,
                                      .listeners = state->listeners,
                                      .listeners_count = state->listeners_count};
    uint32_t active = 0, failed = 0;
    struct bl_error err = {0};
    int r;

    state->call = NULL;
    if (answer->end != AGENT_UNITS_OK) {
        agent_op_fail(run, "units_unknown", "%s", answer->why);
        return;
    }
    baseline.units = answer->list->items;
    baseline.units_count = answer->list->count;
    for (uint32_t i = 0; i < baseline.units_count; i++) {
        active += baseline.units[i].state == AGENT_UNIT_ACTIVE ? 1 : 0;
        failed += baseline.units[i].state == AGENT_UNIT_FAILED ? 1 : 0;
    }
    r = agent_kernel_log_end(cursor, sizeof(cursor), &err);
    if (r >= 0)
        r = agent_txn_record_save(run->work->dir_fd, FILE_NAME, &baseline_schema, &baseline, &err);
    if (r < 0) {
        agent_op_fail(run, "baseline_not_saved", "%s", err.text);
    } else {
        agent_op_succeed(run, "%u units active, %u failed, %u sockets listen", active, failed,
                         state->listeners_count);
    }
}

/* Copies what listens: the probe's memory ends with the call. */
static int keep_listeners(struct baseline_state *state, const struct agent_probe_result *result)
{
    state->listeners = calloc(result->listeners_count + 1, sizeof(*state->listeners));
    if (state->listeners == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < result->listeners_count; i++) {
        const struct agent_probe_listener *listener = &result->listeners[i];

        state->listeners[i] = *listener;
        state->listeners[i].address = strdup(listener->address);
        if (state->listeners[i].address == NULL)
            return -ENOMEM;
        state->listeners_count++;
    }

    return 0;
}

static void on_probe(void *userdata, const struct agent_probe_result *result, const char *why)
{
    struct agent_op_run *run = userdata;
    struct baseline_state *state = run->state;
    int r;

    if (result == NULL) {
        agent_op_fail(run, "ports_unknown", "%s", why);
        return;
    }
    r = keep_listeners(state, result);
    if (r >= 0)
        r = agent_units_list(run->host->units, on_units, run, &state->call);
    if (r < 0)
        agent_op_fail(run, "step_not_begun", "%s", strerror(-r));
}

static int start(struct agent_op_run *run, struct bl_error *err)
{
    const struct agent_probe_task task = {
        .format = AGENT_PROBE_FORMAT, .what = AGENT_PROBE_PORTS, .timeout_ms = PROBE_TIMEOUT_MS};
    const struct agent_probe_caller caller = {run, on_probe};
    struct baseline_state *state = run->state;

    return agent_probe_start(run->host, &task, &caller, &state->probe, err);
}

static void stop(struct agent_op_run *run)
{
    struct baseline_state *state = run->state;

    state->call = agent_units_drop(state->call);
    state->probe = agent_probe_free(state->probe);
    for (uint32_t i = 0; i < state->listeners_count; i++) {
        union { /* the copy is ours; the struct lends it as const */
            const char *lent;
            void *own;
        } address = {.lent = state->listeners[i].address};

        free(address.own);
    }
    free(state->listeners);
}

const struct agent_op agent_op_baseline = {PROTO_STEP_BASELINE, sizeof(struct baseline_state),
                                           start, stop};
