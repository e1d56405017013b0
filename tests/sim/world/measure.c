/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gates measure, and the programs that do: belay-gate and those of the controller's administrator.
 * Whether what they measure is good is a thing of this world; what they say of it may be nonsense.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/outside/hook.h"
#include "tests/sim/world/people.h"

enum {
    ANSWER_MS_MAX = 5000,
    SPELL_MAX = 12, /* so often it stays what it is once it is not good */
    STATUS_UNSURE = 21,
    TEXT_BYTES = 256,
};

/* One that asks. Both kinds of handles of the shell are this one. */
struct ask {
    ctl_child_fn child_ended;
    ctl_hook_fn hook_ended;
    void *userdata;
    sim_ticket ticket;
    const struct sim_plan *plan; /* NULL: of no gate of this world */
    uint32_t gate;
    int64_t asked_ms;
    enum sim_measured is;
    uint32_t nonsense; /* how it fails */
    bool is_late;
    struct sim_called called; /* by a severe failure; then nothing is measured */
};

struct ctl_child {
    struct ask ask;
};
struct ctl_hook_run {
    struct ask ask;
};

int __wrap_ctl_child_start(sd_event *event, const struct ctl_child_program *program,
                           ctl_child_fn ended, void *userdata, struct ctl_child **ret_child,
                           struct bl_error *err);
struct ctl_child *__wrap_ctl_child_free(struct ctl_child *child);
int __wrap_ctl_hook_start(sd_event *event, const struct ctl_hook_places *places,
                          const struct ctl_hook *hook, ctl_hook_fn ended, void *userdata,
                          struct ctl_hook_run **ret_run, struct bl_error *err);
struct ctl_hook_run *__wrap_ctl_hook_free(struct ctl_hook_run *run);

static struct spell {
    enum sim_measured is;
    uint32_t left;
} spells[SIM_PLANS_MAX][SIM_PLAN_GATES_MAX];

void sim_measure_open(void)
{
    memset(spells, 0, sizeof(spells));
}

static uint32_t draw_below(uint32_t bound)
{
    return sim_draw_below(SIM_DRAW_RULES, SIM_CONTROLLER, bound);
}

/* ---- what is so ---- */

static enum sim_measured measure(struct spell *spell)
{
    static const struct {
        enum sim_fault fault;
        enum sim_measured is;
    } kinds[] = {
        {SIM_FAULT_GATE_BAD, SIM_MEASURED_BAD},
        {SIM_FAULT_GATE_UNSURE, SIM_MEASURED_UNSURE},
        {SIM_FAULT_GATE_STALE, SIM_MEASURED_NOTHING},
        {SIM_FAULT_GATE_FAILS, SIM_MEASURED_ERROR},
    };

    if (spell->left > 0) {
        spell->left--;
        return spell->is;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!sim_fault(kinds[i].fault, SIM_CONTROLLER))
            continue;
        *spell = (struct spell){kinds[i].is, draw_below(SPELL_MAX)};
        return spell->is;
    }

    return SIM_MEASURED_GOOD;
}

static double number_of(enum sim_measured is)
{
    const uint32_t percent = draw_below(100);
    const double within = percent / 100.0;

    if (is == SIM_MEASURED_BAD)
        return SIM_GATE_BAD_ABOVE + 1 + within;

    return is == SIM_MEASURED_UNSURE ? SIM_GATE_GOOD_BELOW + 1 + within : within;
}

/* "p1-g0" somewhere in what is asked. */
static void find_gate(struct ask *ask, const char *text)
{
    unsigned plan, gate;

    for (const char *at = strchr(text, 'p'); at != NULL; at = strchr(at + 1, 'p')) {
        if (sscanf(at, "p%u-g%u", &plan, &gate) == 2 && plan < SIM_PLANS_MAX &&
            gate < SIM_PLAN_GATES_MAX) {
            ask->plan = sim_people_drawn(plan);
            ask->gate = gate;
            ask->is = measure(&spells[plan][gate]);
            return;
        }
    }
}

/* ---- what is said ---- */

static struct ctl_child_end answer(const struct ask *ask, char ret_text[TEXT_BYTES])
{
    static const char *const words[] = {[SIM_MEASURED_GOOD] = "good",
                                        [SIM_MEASURED_BAD] = "bad",
                                        [SIM_MEASURED_UNSURE] = "unsure",
                                        [SIM_MEASURED_NOTHING] = "no_data",
                                        [SIM_MEASURED_ERROR] = "error"};
    const bool is_number = ask->plan != NULL && ask->plan->gates[ask->gate].good[0] != '\0' &&
                           ask->is <= SIM_MEASURED_UNSURE;
    struct ctl_child_end end = {.result = CTL_CHILD_EXITED, .output = ret_text};

    /* An old number stands beside the word that there is none. */
    (void)snprintf(ret_text, TEXT_BYTES,
                   "{\"answer\":{\"outcome\":\"%s\",\"value\":%.2f,\"text\":\"\"}}",
                   is_number ? "number" : words[ask->is], number_of(ask->is));
    if (ask->is == SIM_MEASURED_ERROR && ask->nonsense == 1)
        (void)snprintf(ret_text, TEXT_BYTES,
                       "{\"answer\":{\"outcome\":\"number\",\"value\":\"1\"}}");
    else if (ask->is == SIM_MEASURED_ERROR && ask->nonsense == 2) /* it answers twice */
        (void)snprintf(ret_text, TEXT_BYTES,
                       "{\"answer\":{\"outcome\":\"good\"}}{\"answer\":{\"outcome\":\"good\"}}");
    else if (ask->is == SIM_MEASURED_ERROR && ask->nonsense == 3)
        (void)snprintf(ret_text, TEXT_BYTES,
                       "{\"answer\":{\"outcome\":\"good\"},\"answer\":{\"outcome\":\"good\"}}");
    else if (ask->is == SIM_MEASURED_ERROR && ask->nonsense == 4) /* it answers, and dies */
        (void)snprintf(ret_text, TEXT_BYTES, "{\"answer\":{\"outcome\":\"good\"}}");
    if (ask->is == SIM_MEASURED_ERROR && ask->nonsense == 4)
        end.status = 3;
    if (ask->is == SIM_MEASURED_ERROR && ask->nonsense == 5)
        end.result = CTL_CHILD_KILLED;
    if (ask->is_late)
        end.result = CTL_CHILD_TIMED_OUT;
    end.output_bytes = strlen(ret_text);

    return end;
}

static struct ctl_hook_end answer_by_status(const struct ask *ask)
{
    static const int statuses[] = {[SIM_MEASURED_GOOD] = 0,
                                   [SIM_MEASURED_BAD] = 1,
                                   [SIM_MEASURED_UNSURE] = STATUS_UNSURE,
                                   [SIM_MEASURED_NOTHING] = 2,
                                   [SIM_MEASURED_ERROR] = 3};
    struct ctl_hook_end end = {.result = CTL_CHILD_EXITED, .status = statuses[ask->is]};

    if (ask->is == SIM_MEASURED_ERROR && ask->nonsense == 5)
        end = (struct ctl_hook_end){.result = CTL_CHILD_KILLED, .status = 0};
    if (ask->is_late)
        end = (struct ctl_hook_end){.result = CTL_CHILD_TIMED_OUT, .status = 0};

    return end;
}

static void on_called_ended(void *userdata, uint64_t argument)
{
    struct ask *ask = userdata;
    struct sim_process *process = sim_belayd_process();
    const struct ask was = *ask;

    free(ask);
    sim_process_enter(process);
    sim_law_hook_ended(was.called.plan->rollout.id, was.called.kind);
    was.hook_ended(was.userdata, &was.called.end);
    sim_process_leave(process);
}

static void on_ended(void *userdata, uint64_t argument)
{
    struct ask *ask = userdata;
    struct sim_process *process = sim_belayd_process();
    const struct ask was = *ask;
    const struct sim_law_measured told = {.gate = was.gate,
                                          .asked_ms = was.asked_ms,
                                          .is = was.is_late ? SIM_MEASURED_ERROR : was.is};
    char text[TEXT_BYTES];

    free(ask); /* the shell knows it no more once it is told */
    sim_process_enter(process);
    if (was.plan != NULL)
        sim_law_measured(was.plan->rollout.id, &told);
    if (was.child_ended != NULL) {
        const struct ctl_child_end end = answer(&was, text);

        was.child_ended(was.userdata, &end);
    } else {
        const struct ctl_hook_end end = answer_by_status(&was);

        was.hook_ended(was.userdata, &end);
    }
    if (was.plan != NULL && !process->is_dead && !process->is_dying && !process->is_exiting)
        sim_law_measured_heard(was.plan->rollout.id, was.gate);
    sim_process_leave(process);
}

/* ---- the programs ---- */

static struct ask *make(const struct ask *wanted)
{
    struct ask *ask = calloc(1, sizeof(struct ctl_child));

    if (ask == NULL)
        sim_broken("no memory for who measures");
    *ask = *wanted;

    return ask;
}

static struct ask *start(const struct ask *wanted, const char *text, int64_t limit_ms)
{
    struct ask *ask = make(wanted);

    ask->asked_ms = sim_now_ms();
    ask->is = SIM_MEASURED_GOOD;
    find_gate(ask, text);
    ask->nonsense = ask->is == SIM_MEASURED_ERROR ? draw_below(6) : 0;
    ask->is_late = sim_fault(SIM_FAULT_GATE_SLOW, SIM_CONTROLLER);
    ask->ticket = sim_after(
        ask->is_late ? limit_ms : sim_draw_log(SIM_DRAW_RULES, SIM_CONTROLLER, 1, ANSWER_MS_MAX),
        on_ended, ask, SIM_CONTROLLER);

    return ask;
}

static void drop(struct ask *ask)
{
    sim_cancel(&ask->ticket);
    free(ask);
}

int __wrap_ctl_child_start(sd_event *event, const struct ctl_child_program *program,
                           ctl_child_fn ended, void *userdata, struct ctl_child **ret_child,
                           struct bl_error *err)
{
    const struct ask wanted = {.child_ended = ended, .userdata = userdata};

    if (!sim_process_may_act())
        return bl_fail(err, -EIO, "the program could not be started");
    *ret_child = (struct ctl_child *)start(&wanted, program->input, program->limit_ms);

    return 0;
}

struct ctl_child *__wrap_ctl_child_free(struct ctl_child *child)
{
    if (child != NULL)
        drop(&child->ask);

    return NULL;
}

int __wrap_ctl_hook_start(sd_event *event, const struct ctl_hook_places *places,
                          const struct ctl_hook *hook, ctl_hook_fn ended, void *userdata,
                          struct ctl_hook_run **ret_run, struct bl_error *err)
{
    struct ask wanted = {.hook_ended = ended, .userdata = userdata}, *called;

    if (!sim_process_may_act())
        return bl_fail(err, -EIO, "the program could not be started");
    if (sim_hook_call(hook, &wanted.called)) {
        called = make(&wanted);
        called->ticket = sim_at(wanted.called.ends_ms, on_called_ended, called, SIM_CONTROLLER);
        *ret_run = (struct ctl_hook_run *)called;
        return 0;
    }
    *ret_run = (struct ctl_hook_run *)start(&wanted, hook->name, hook->limit_ms);

    return 0;
}

struct ctl_hook_run *__wrap_ctl_hook_free(struct ctl_hook_run *run)
{
    if (run != NULL)
        drop(&run->ask);

    return NULL;
}
