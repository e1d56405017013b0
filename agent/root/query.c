/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/root/ops/compare.h"
#include "agent/root/phase.h"
#include "common/file.h"

/* No job can have this id: its directory is for queries, and is used again by the next. */
#define QUERY_ID "00000000000000000000000000000000"

enum {
    WAITING_MAX = 4,
    DEADLINE_MS = 120 * 1000,
    LOCK_WAIT_MS = 10 * 1000,
};

/* A question is kept as its encoding: that is one block of memory and is decoded when its turn is. */
struct question {
    struct proto_buffer bytes;
};

struct agent_query {
    struct agent_host *host;
    agent_query_done_fn done;
    void *userdata;
    struct agent_phase_job job;
    struct agent_units_call *call; /* for the first question, before its phase */
    struct agent_txn_task task;    /* of the first question; points into `arena` */
    struct proto_arena arena;
    struct proto_text failed[PROTO_UNITS_MAX]; /* owned */
    uint32_t failed_count;
    struct agent_phase *phase; /* of the first question */
    uint64_t query_id;         /* of the first question */
    struct question waiting[WAITING_MAX];
    unsigned waiting_count;
};

static void begin_next(struct agent_query *query);

static void answer(struct agent_query *query, uint64_t query_id, const char *code,
                   const char *reason)
{
    const struct proto_query_result result = {
        .query_id = query_id, .result = PROTO_RESULT_FAILED, .code = code, .reason = reason};

    query->done(query->userdata, &result);
}

static void answer_with(struct agent_query *query, const struct agent_txn_result *result)
{
    const uint32_t installed_count = result->inventory_count;
    BL_AUTO_FREE struct proto_package *installed =
        calloc((size_t)installed_count + 1, sizeof(*installed));
    struct proto_query_result message = {
        .query_id = query->query_id,
        .result = result->result,
        .code = result->code,
        .reason = result->reason,
        .changes = result->changes,
        .changes_count = result->changes_count,
        .notes = result->notes,
        .notes_count =
            result->notes_count < PROTO_NOTES_MAX ? result->notes_count : PROTO_NOTES_MAX,
        .installed = installed,
        .installed_count = installed_count,
        .failed_units = query->failed,
        .failed_units_count = query->failed_count,
    };

    if (installed == NULL) {
        answer(query, query->query_id, "query_failed", "out of memory for the answer");
        return;
    }
    for (uint32_t i = 0; i < installed_count; i++)
        installed[i] = (struct proto_package){.name = result->inventory[i].name,
                                              .version = result->inventory[i].version};
    if (message.changes_count > PROTO_PINS_MAX || installed_count > PROTO_PINS_MAX) {
        answer(query, query->query_id, "too_many_packages",
               "this change is larger than one manifest may be");
        return;
    }
    query->done(query->userdata, &message);
}

static void forget_failed(struct agent_query *query)
{
    for (uint32_t i = 0; i < query->failed_count; i++) {
        union { /* ours, though lent as const */
            const char *lent;
            char *own;
        } text = {.lent = query->failed[i].text};

        free(text.own);
    }
    query->failed_count = 0;
}

static void forget_first(struct agent_query *query)
{
    query->call = agent_units_drop(query->call);
    forget_failed(query);
    proto_arena_release(&query->arena);
    query->phase = agent_phase_free(query->phase);
    proto_buffer_release(&query->waiting[0].bytes);
    query->waiting_count--;
    memmove(&query->waiting[0], &query->waiting[1],
            query->waiting_count * sizeof(query->waiting[0]));
    query->waiting[query->waiting_count] = (struct question){0};
}

static void on_phase(void *userdata, enum agent_phase_end end,
                     const struct agent_txn_result *result, const char *why)
{
    struct agent_query *query = userdata;

    if (end == AGENT_PHASE_RESULT) {
        answer_with(query, result);
    } else {
        answer(query, query->query_id, "query_failed", why);
    }
    forget_first(query);
    begin_next(query);
}

static int start_phase(struct agent_query *query, struct bl_error *err)
{
    const struct agent_phase_caller caller = {query, on_phase};

    if (query->job.dir_fd < 0) {
        int r = agent_txn_job_make(query->host->state_dir, QUERY_ID, &query->job.dir_fd, err);

        if (r < 0)
            return r;
    }

    return agent_phase_start(query->host, &query->job, &query->task, &caller, &query->phase, err);
}

static int take_failed(struct agent_query *query, const struct agent_units_list *list)
{
    for (uint32_t i = 0; i < list->count && query->failed_count < PROTO_UNITS_MAX; i++) {
        if (list->items[i].state != AGENT_UNIT_FAILED ||
            agent_compare_is_exempt(list->items[i].name, NULL))
            continue;
        query->failed[query->failed_count].text = strdup(list->items[i].name);
        if (query->failed[query->failed_count].text == NULL)
            return -ENOMEM;
        query->failed_count++;
    }

    return 0;
}

/* What runs badly already is part of what a host is: asked first, since the phase may take long. */
static void on_units(void *userdata, const struct agent_units_answer *units)
{
    struct agent_query *query = userdata;
    struct bl_error err = {0};
    int r = 0;

    query->call = NULL;
    if (units->end != AGENT_UNITS_OK)
        r = bl_fail(&err, -EIO, "units: %s", units->why);
    else if (take_failed(query, units->list) < 0)
        r = bl_fail(&err, -ENOMEM, "no memory for units");
    if (r >= 0)
        r = start_phase(query, &err);
    if (r >= 0)
        return;
    answer(query, query->query_id, "query_failed", err.text);
    forget_first(query);
    begin_next(query);
}

static int begin_first(struct agent_query *query, struct bl_error *err)
{
    const struct proto_buffer *bytes = &query->waiting[0].bytes;
    struct proto_message message;
    struct agent_txn_task task = {.format = AGENT_TXN_FORMAT,
                                  .phase = AGENT_TXN_QUERY,
                                  .deadline_ms = DEADLINE_MS,
                                  .lock_wait_ms = LOCK_WAIT_MS};
    int r;

    r = proto_message_decode(bytes->data, bytes->size_bytes, &query->arena, &message, err);
    if (r < 0)
        return r;
    query->query_id = message.query.query_id;
    task.package_set = message.query.package_set;
    task.packages = message.query.packages;
    task.packages_count = message.query.packages_count;
    task.excludes = message.query.excludes;
    task.excludes_count = message.query.excludes_count;
    task.allow_remove = message.query.allow_remove;
    task.allow_downgrade = message.query.allow_downgrade;
    task.allow_new = message.query.allow_new;
    task.ignore_phasing = message.query.ignore_phasing;
    task.only_installed = message.query.only_installed;
    query->task = task;
    r = agent_units_list(query->host->units, on_units, query, &query->call);

    return r < 0 ? bl_fail(err, r, "units: %s", strerror(-r)) : 0;
}

static void begin_next(struct agent_query *query)
{
    struct bl_error err = {0};

    while (query->waiting_count > 0 && begin_first(query, &err) < 0) {
        answer(query, query->query_id, "query_failed", err.text);
        forget_first(query);
    }
}

void agent_query_take(struct agent_query *query, const struct proto_query *question, bool busy)
{
    const struct proto_message message = {.kind = PROTO_QUERY, .query = *question};
    struct bl_error err = {0};

    if (busy || query->waiting_count == WAITING_MAX) {
        answer(query, question->query_id, "busy", "this host is busy with packages; ask again");
        return;
    }
    if (proto_message_encode(&message, &query->waiting[query->waiting_count].bytes, &err) < 0) {
        answer(query, question->query_id, "query_failed", err.text);
        return;
    }
    query->waiting_count++;
    if (query->waiting_count == 1)
        begin_next(query);
}

int agent_query_new(struct agent_host *host, agent_query_done_fn done, void *userdata,
                    struct agent_query **ret_query, struct bl_error *err)
{
    struct agent_query *query = calloc(1, sizeof(*query));

    if (query == NULL)
        return bl_fail(err, -ENOMEM, "no memory for queries");
    query->host = host;
    query->done = done;
    query->userdata = userdata;
    query->job = (struct agent_phase_job){.id_text = QUERY_ID, .dir_fd = -1};

    *ret_query = query;
    return 0;
}

struct agent_query *agent_query_free(struct agent_query *query)
{
    if (query == NULL)
        return NULL;
    while (query->waiting_count > 0)
        forget_first(query);
    bl_close_fd(&query->job.dir_fd);
    free(query);
    return NULL;
}
