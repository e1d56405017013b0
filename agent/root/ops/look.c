/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/root/ops/txn.h"

enum {
    PROBE_TIMEOUT_MS = 10000,
    INSPECT_DEADLINE_MS = 10 * 60 * 1000,
};

struct agent_look {
    struct agent_host *host;
    const struct agent_work *work;
    struct agent_look_task task;
    struct agent_look_caller caller;
    struct agent_phase_job job;
    struct agent_phase *phase;
    struct agent_units_call *call;
    struct agent_probe_ask *probe;
    struct proto_arena arena;
    struct agent_baseline baseline;
    struct agent_findings findings;
};

static void end(struct agent_look *look, const char *why)
{
    look->caller.done(look->caller.userdata, &look->findings, why);
}

static void on_probe(void *userdata, const struct agent_probe_result *result, const char *why)
{
    struct agent_look *look = userdata;
    struct agent_kernel_log log;
    struct bl_error err = {0};

    if (result == NULL) {
        end(look, why);
        return;
    }
    agent_compare_ports(&look->baseline, result, &look->work->manifest, &look->findings);
    if (agent_kernel_log_read(look->baseline.cursor, look->baseline.wall_ms, &log, &err) < 0) {
        end(look, err.text);
        return;
    }
    /* After the way back the kernel's log still tells of the change; it proves nothing then. */
    if (!look->task.restored)
        agent_compare_kernel_log(&log, &look->findings);
    end(look, "");
}

static void on_units(void *userdata, const struct agent_units_answer *answer)
{
    static const struct agent_probe_task task = {
        .format = AGENT_PROBE_FORMAT, .what = AGENT_PROBE_PORTS, .timeout_ms = PROBE_TIMEOUT_MS};
    struct agent_look *look = userdata;
    const struct agent_probe_caller caller = {look, on_probe};
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record quiesced;
    struct bl_error err = {0};
    int r;

    look->call = NULL;
    if (answer->end != AGENT_UNITS_OK) {
        end(look, answer->why);
        return;
    }
    r = agent_lease_load(look->host->places, AGENT_LEASE_QUIESCE, &arena, &quiesced, &err);
    if (r >= 0) {
        agent_compare_units(&look->baseline, answer->list, r > 0 ? &quiesced : NULL,
                            &look->findings);
        r = agent_probe_start(look->host, &task, &caller, &look->probe, &err);
    }
    if (r < 0)
        end(look, err.text);
}

static int compare_packages(struct agent_look *look, const struct agent_txn_result *now,
                            struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_txn_result before;
    int r;

    if (!look->task.restored) {
        agent_compare_pins(&look->work->transaction, now, &look->findings);
        return 0;
    }
    r = agent_txn_result_load(look->work->dir_fd, AGENT_TXN_STAGE, &arena, &before, err);
    if (r < 0)
        return bl_wrap(err, "the state before the change");
    agent_compare_restored(&before, now, &look->findings);

    return 0;
}

static void on_phase(void *userdata, enum agent_phase_end phase_end,
                     const struct agent_txn_result *result, const char *why)
{
    struct agent_look *look = userdata;
    struct bl_error err = {0};
    int r;

    if (phase_end != AGENT_PHASE_RESULT) {
        end(look, why);
        return;
    }
    r = compare_packages(look, result, &err);
    if (r >= 0) {
        r = agent_units_list(look->host->units, on_units, look, &look->call);
        if (r < 0)
            r = bl_fail(&err, r, "ask systemd: %s", strerror(-r));
    }
    if (r < 0)
        end(look, err.text);
}

int agent_look_start(struct agent_host *host, const struct agent_work *work,
                     const struct agent_look_task *task, const struct agent_look_caller *caller,
                     struct agent_look **ret_look, struct bl_error *err)
{
    const struct agent_txn_task inspect = {.format = AGENT_TXN_FORMAT,
                                           .phase = AGENT_TXN_INSPECT,
                                           .pins = work->transaction.pins,
                                           .pins_count = work->transaction.pins_count,
                                           .verify_files = task->verify_files,
                                           .prove = task->restored,
                                           .deadline_ms = INSPECT_DEADLINE_MS};
    struct agent_look *look = calloc(1, sizeof(*look));
    const struct agent_phase_caller phase_caller = {look, on_phase};
    int r;

    if (look == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a look at the host");
    look->host = host;
    look->work = work;
    look->task = *task;
    look->findings.manifest = &work->manifest;
    look->findings.restored = task->restored;
    look->caller = *caller;
    look->job = (struct agent_phase_job){work->id_text, work->dir_fd};
    r = agent_baseline_load(work->dir_fd, &look->arena, &look->baseline, err);
    if (r >= 0)
        r = agent_phase_start(host, &look->job, &inspect, &phase_caller, &look->phase, err);
    if (r < 0) {
        (void)agent_look_free(look);
        return r;
    }

    *ret_look = look;
    return 0;
}

struct agent_look *agent_look_free(struct agent_look *look)
{
    if (look == NULL)
        return NULL;
    look->phase = agent_phase_free(look->phase);
    look->call = agent_units_drop(look->call);
    look->probe = agent_probe_free(look->probe);
    proto_arena_release(&look->arena);
    free(look);
    return NULL;
}
