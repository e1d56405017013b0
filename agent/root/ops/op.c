/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/op.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

static const struct agent_op *const ops[PROTO_STEP_LAST + 1] = {
    [PROTO_STEP_REPAIR] = &agent_op_repair,     [PROTO_STEP_STAGE] = &agent_op_stage,
    [PROTO_STEP_BASELINE] = &agent_op_baseline, [PROTO_STEP_PRECHECK] = &agent_op_precheck,
    [PROTO_STEP_QUIESCE] = &agent_op_quiesce,   [PROTO_STEP_SSH_LOCK] = &agent_op_ssh_lock,
    [PROTO_STEP_ARM] = &agent_op_arm,           [PROTO_STEP_UPGRADE] = &agent_op_upgrade,
    [PROTO_STEP_VERIFY] = &agent_op_verify,     [PROTO_STEP_RESTORE] = &agent_op_restore,
    [PROTO_STEP_PROVE] = &agent_op_prove,       [PROTO_STEP_SSH_UNLOCK] = &agent_op_ssh_unlock,
    [PROTO_STEP_RESUME] = &agent_op_resume,     [PROTO_STEP_DISARM] = &agent_op_disarm,
};

static int on_end(sd_event_source *source, void *userdata)
{
    struct agent_op_run *run = userdata;
    struct agent_op_outcome outcome = run->outcome;

    outcome.notes = run->notes;
    outcome.notes_count = run->notes_count;
    run->caller.done(run->caller.userdata, run->op->step, &outcome);
    return 0;
}

int agent_op_start(struct agent_host *host, const struct agent_work *work, enum proto_step step,
                   const struct agent_op_caller *caller, struct agent_op_run **ret_run,
                   struct bl_error *err)
{
    const struct agent_op *op = ops[step];
    struct agent_op_run *run = calloc(1, sizeof(*run));
    struct bl_error why = {0};
    int r;

    BL_ASSERT(op != NULL && op->step == step);
    if (run == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a step");
    run->op = op;
    run->host = host;
    run->work = work;
    run->caller = *caller;
    run->state = calloc(1, op->state_bytes > 0 ? op->state_bytes : 1);
    r = run->state != NULL ? sd_event_add_defer(host->loop, &run->end, on_end, run) : -ENOMEM;
    if (r >= 0)
        r = sd_event_source_set_enabled(run->end, SD_EVENT_OFF);
    if (r < 0) {
        free(run->state);
        sd_event_source_disable_unref(run->end);
        free(run);
        return bl_fail(err, r, "begin a step: %s", strerror(-r));
    }
    *ret_run = run;

    r = op->start(run, &why);
    if (r < 0)
        agent_op_fail(run, "step_not_begun", "%s", why.text);

    return 0;
}

struct agent_op_run *agent_op_free(struct agent_op_run *run)
{
    if (run == NULL)
        return NULL;
    if (run->op->stop != NULL)
        run->op->stop(run);
    sd_event_source_disable_unref(run->end);
    free(run->notes);
    free(run->state);
    free(run);
    return NULL;
}

void agent_op_note(struct agent_op_run *run, const struct agent_findings *findings)
{
    size_t count = (size_t)run->notes_count + findings->list_count;
    struct agent_finding *notes;

    if (run->outcome.result != 0 || findings->list_count == 0)
        return;
    notes = reallocarray(run->notes, count, sizeof(*notes));
    if (notes == NULL)
        return;
    run->notes = notes;
    for (uint32_t i = 0; i < findings->list_count; i++) {
        const struct agent_finding *from = &findings->list[i];
        struct agent_finding *to = &notes[run->notes_count++];

        to->grade = from->grade;
        bl_text_escape(to->code, sizeof(to->code), from->code, strlen(from->code));
        bl_text_escape(to->text, sizeof(to->text), from->text, strlen(from->text));
    }
}

void agent_op_end(struct agent_op_run *run, enum proto_result result, enum proto_grade grade,
                  const char *code, const char *reason)
{
    if (run->outcome.result != 0)
        return;

    run->outcome.result = result;
    run->outcome.grade = grade;
    bl_text_escape(run->outcome.code, sizeof(run->outcome.code), code, strlen(code));
    bl_text_escape(run->outcome.reason, sizeof(run->outcome.reason), reason, strlen(reason));
    (void)sd_event_source_set_enabled(run->end, SD_EVENT_ONESHOT);
}

void agent_op_succeed(struct agent_op_run *run, const char *fmt, ...)
{
    char reason[AGENT_JOB_REASON_BYTES_MAX + 1];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    agent_op_end(run, PROTO_RESULT_OK, 0, "", reason);
}

void agent_op_fail(struct agent_op_run *run, const char *code, const char *fmt, ...)
{
    char reason[AGENT_JOB_REASON_BYTES_MAX + 1];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    agent_op_end(run, PROTO_RESULT_FAILED, 0, code, reason);
}
