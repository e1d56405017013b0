/* SPDX-License-Identifier: Apache-2.0 */
/* The head of the page about a rollout: what it is, why it is so, what may be typed, what it costs. */
#include <inttypes.h>
#include <string.h>

#include "controller/cli/status_view.h"
#include "controller/outside/out.h"
#include "controller/plan/value.h"

enum {
    LABEL_COLUMNS = 8,   /* "  clock " */
    PROMISE_BYTES = 240, /* one clock in words */
    LOW_ROWS = 30,
    GATE_BYTES = 1024,
};

void ctl_view_duration(int64_t ms, char ret_text[CTL_VIEW_DURATION_BYTES])
{
    ctl_plan_format_duration(ms < 0 ? 0 : ms - ms % 1000, ret_text, CTL_VIEW_DURATION_BYTES);
}

/* Goes on behind what the line has, or on a new one when it does not fit. */
static void put_word(struct ctl_canvas *canvas, const char *label, enum ctl_style style,
                     const char *word)
{
    uint32_t columns = (uint32_t)(ctl_out_width(label) + ctl_out_width(word)) + 3;

    if (word[0] == '\0')
        return;
    if (ctl_canvas_column(canvas) > 0 && ctl_canvas_column(canvas) + columns > canvas->width) {
        ctl_canvas_end_line(canvas);
        ctl_canvas_fill(canvas, LABEL_COLUMNS);
    } else if (ctl_canvas_column(canvas) > 0) {
        ctl_canvas_fill(canvas, ctl_canvas_column(canvas) + 2);
    }
    if (label[0] != '\0') {
        ctl_canvas_put(canvas, CTL_STYLE_FAINT, label);
        ctl_canvas_fill(canvas, ctl_canvas_column(canvas) + 1);
    }
    ctl_canvas_put(canvas, style, word);
}

static void put_field(struct ctl_canvas *canvas, const struct ctl_view *view, const char *label,
                      enum ctl_style style, const char *text)
{
    uint32_t rows_max = view->rows_max != 0 ? 2 : CTL_CANVAS_ENDLESS;

    if (text[0] == '\0')
        return;
    ctl_canvas_format(canvas, CTL_STYLE_FAINT, "  %s", label);
    ctl_canvas_fill(canvas, LABEL_COLUMNS);
    ctl_canvas_wrap(canvas, LABEL_COLUMNS, rows_max, style, text);
}

static void put_title(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas)
{
    int64_t created_ms = ctl_json_instant(status, "created");
    int64_t ended_ms = ctl_json_instant(status, "ended");
    const char *state = ctl_json_text(status, "state");
    char took[CTL_VIEW_DURATION_BYTES] = "";

    if (created_ms >= 0)
        ctl_view_duration((ended_ms >= 0 ? ended_ms : view->now.ms) - created_ms, took);
    put_word(canvas, "rollout", CTL_STYLE_STRONG, ctl_json_text(status, "rollout"));
    put_word(canvas, "plan", CTL_STYLE_STRONG, ctl_json_text(status, "plan"));
    put_word(canvas, "risk", CTL_STYLE_PLAIN, ctl_json_text(status, "risk"));
    put_word(canvas, "", ctl_view_style(state), state);
    if (ctl_json_bool(status, "paused"))
        put_word(canvas, "", CTL_STYLE_BUSY, "(PAUSED)");
    else if (json_array_size(json_object_get(status, "holds")) > 0)
        put_word(canvas, "", CTL_STYLE_BUSY, "(HELD)");
    put_word(canvas, "", CTL_STYLE_PLAIN, took);
    ctl_canvas_end_line(canvas);
}

/* Why nothing new starts, one line each. */
static void put_holds(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas)
{
    const json_t *hold;
    size_t i;

    json_array_foreach (json_object_get(status, "holds"), i, hold) {
        const char *until = ctl_json_text(hold, "until");
        char text[512];

        (void)snprintf(text, sizeof(text), "%s%s%s", ctl_json_text(hold, "reason"),
                       until[0] != '\0' ? "; until " : "", until);
        put_field(canvas, view, "held", CTL_STYLE_BUSY, text);
    }
}

/* Each gate with its numbers; on a screen only what is not good. */
static void put_gates(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas)
{
    const json_t *gate;
    size_t i;

    json_array_foreach (json_object_get(status, "gates"), i, gate) {
        const char *verdict = ctl_json_text(gate, "verdict"), *note = ctl_json_text(gate, "note");
        const bool is_good = strcmp(verdict, "good") == 0;
        enum ctl_style style = is_good ? CTL_STYLE_GOOD : CTL_STYLE_BAD;
        char text[GATE_BYTES];

        if (view->rows_max != 0 && is_good)
            continue;
        if (strcmp(verdict, "undecided") == 0)
            style = CTL_STYLE_BUSY;
        (void)snprintf(text, sizeof(text), "%s: %s%s%s", verdict, ctl_json_text(gate, "text"),
                       note[0] != '\0' ? "; " : "", note);
        put_field(canvas, view, "gate", style, text);
    }
}

/* "2 of a budget of 5: under way, failed or lost"; nothing without a budget. */
static void put_budget(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas)
{
    char text[96];

    if (!json_is_integer(json_object_get(status, "budget")))
        return;
    (void)snprintf(text, sizeof(text), "%lld of a budget of %lld: under way, failed or lost",
                   (long long)ctl_json_number(status, "budget_used"),
                   (long long)ctl_json_number(status, "budget"));
    put_field(canvas, view, "used", CTL_STYLE_PLAIN, text);
}

/* "soak  4m 10s left": what ends by itself, and when. */
static void put_time_left(const char *label, int64_t end_ms, const struct ctl_view *view,
                          struct ctl_canvas *canvas)
{
    char left[CTL_VIEW_DURATION_BYTES], text[CTL_VIEW_DURATION_BYTES + 8];

    ctl_view_duration(end_ms - view->now.ms, left);
    (void)snprintf(text, sizeof(text), "%s left", left);
    put_field(canvas, view, label, CTL_STYLE_PLAIN, text);
}

/* What this rollout does again, what does it again, and who came too late to be in it. */
static void put_origin(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas)
{
    int64_t joined = ctl_json_number(status, "joined_count");
    char text[256];

    put_field(canvas, view, "again", CTL_STYLE_PLAIN, ctl_json_text(status, "retried_by"));
    put_field(canvas, view, "retry", CTL_STYLE_PLAIN, ctl_json_text(status, "retry_of"));
    put_field(canvas, view, "of", CTL_STYLE_PLAIN, ctl_json_text(status, "standby_of"));
    if (joined <= 0)
        return;
    (void)snprintf(text, sizeof(text),
                   "%" PRId64 " host%s joined since and %s not in this rollout: belay preview PLAN "
                   "shows what the plan would do there",
                   joined, joined == 1 ? "" : "s", joined == 1 ? "is" : "are");
    put_field(canvas, view, "joined", CTL_STYLE_PLAIN, text);
}

/* "2m 10s left to answer, then rollback": the question that a severe failure leaves open. */
static void put_alarm(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas)
{
    const json_t *alarm = json_object_get(status, "alarm");
    const char *otherwise = ctl_json_text(alarm, "otherwise");
    char left[CTL_VIEW_DURATION_BYTES], text[CTL_VIEW_DURATION_BYTES * 4];

    if (!ctl_json_bool(alarm, "open"))
        return;
    ctl_view_duration(ctl_json_instant(alarm, "deadline") - view->now.ms, left);
    (void)snprintf(text, sizeof(text),
                   "%s left to answer with --rollback or --no-rollback, then %s", left,
                   strcmp(otherwise, "rollback") == 0 ? "everything goes back" : "it ends");
    put_field(canvas, view, "ask", CTL_STYLE_BAD, text);
}

/* "1 of 2 ready; h3: it is not connected": where the traffic can go; once complete, how they go on. */
static void put_standby(const json_t *status, const struct ctl_view *view,
                        struct ctl_canvas *canvas)
{
    const json_t *standby = json_object_get(status, "standby");
    const int64_t count = ctl_json_number(standby, "hosts_count");
    const bool is_bad = ctl_json_number(standby, "ready_count") < count;
    const char *by = ctl_json_text(status, "standby_by");
    char text[1024];

    if (!json_is_object(standby))
        return;
    if (by[0] != '\0')
        (void)snprintf(text, sizeof(text), "%" PRId64 " kept; then their own rollout: %s", count,
                       by);
    else if (strcmp(ctl_json_text(status, "state"), "complete") == 0)
        (void)snprintf(text, sizeof(text), "%" PRId64 " kept until now: belay standby %s", count,
                       ctl_json_text(status, "rollout"));
    else
        (void)snprintf(text, sizeof(text), "standby %s", ctl_json_text(standby, "text"));
    put_field(canvas, view, "kept",
              is_bad && !ctl_json_bool(status, "final") ? CTL_STYLE_BAD : CTL_STYLE_PLAIN, text);
}

/* "page page-team: 2 calls, ended with 0: sent": what was called beside it, and what came of that. */
static void put_hooks(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas)
{
    const json_t *hook;
    size_t i;

    json_array_foreach (json_object_get(status, "hooks"), i, hook) {
        const int64_t calls = ctl_json_number(hook, "calls");
        const char *outcome = ctl_json_text(hook, "outcome");
        const bool is_running = ctl_json_bool(hook, "running");
        const bool is_bad = outcome[0] != '\0' && strcmp(outcome, "good") != 0;
        char text[512], since[CTL_VIEW_DURATION_BYTES] = "";

        if (calls <= 0)
            continue;
        if (is_running)
            ctl_view_duration(view->now.ms - ctl_json_instant(hook, "called"), since);
        (void)snprintf(text, sizeof(text), "%.20s %.128s: %" PRId64 " call%s%s%s%s%.220s",
                       ctl_json_text(hook, "name"), ctl_json_text(hook, "program"), calls,
                       calls == 1 ? "" : "s", is_running ? ", runs for " : "", since,
                       outcome[0] != '\0' ? (is_running ? "; before: " : ", ") : "",
                       ctl_json_text(hook, "text"));
        put_field(canvas, view, "hook", is_bad ? CTL_STYLE_BAD : CTL_STYLE_PLAIN, text);
    }
}

/* "restored running: 3m of 2h" */
static void describe_promise(const json_t *promise, const struct ctl_view *view,
                             char ret_text[PROMISE_BYTES])
{
    const char *state = ctl_json_text(promise, "state");
    int64_t allowed_ms = ctl_json_number(promise, "allowed_ms");
    int64_t used_ms = ctl_json_number(promise, "used_ms");
    int64_t end_ms = ctl_json_instant(promise, "deadline");
    char used[CTL_VIEW_DURATION_BYTES], allowed[CTL_VIEW_DURATION_BYTES];

    if (end_ms >= 0)
        used_ms = allowed_ms - (end_ms - view->now.ms);
    ctl_view_duration(used_ms, used);
    ctl_view_duration(allowed_ms, allowed);
    (void)snprintf(ret_text, PROMISE_BYTES, "%.40s %.20s: %s of %s", ctl_json_text(promise, "name"),
                   strcmp(state, "warning") == 0 ? "runs out" : state, used, allowed);
}

/* All clocks that say something, in one field: it is as urgent as the worst of them. */
static void put_promises(const json_t *status, const struct ctl_view *view,
                         struct ctl_canvas *canvas)
{
    enum ctl_style style = CTL_STYLE_PLAIN;
    char text[PROMISE_BYTES * 3] = "";
    const json_t *promise;
    size_t used = 0, i;

    json_array_foreach (json_object_get(status, "promises"), i, promise) {
        const char *state = ctl_json_text(promise, "state");
        char one[PROMISE_BYTES];

        if (strcmp(state, "idle") == 0 || used + PROMISE_BYTES > sizeof(text))
            continue;
        describe_promise(promise, view, one);
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? " · " : "", one);
        if (strcmp(state, "missed") == 0)
            style = CTL_STYLE_BAD;
        else if (strcmp(state, "warning") == 0 && style == CTL_STYLE_PLAIN)
            style = CTL_STYLE_BUSY;
    }
    put_field(canvas, view, "clock", style, text);
}

/*
 * What a woken person needs first stands first, and on a low screen what can be asked for elsewhere is
 * left out: the hosts below must have room.
 */
void ctl_view_header(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas)
{
    const bool is_low = view->rows_max != 0 && view->rows_max < LOW_ROWS;
    int64_t soak_end_ms = ctl_json_instant(status, "soak_end");
    const json_t *blast = json_object_get(status, "blast");

    put_title(status, view, canvas);
    put_field(canvas, view, "why", CTL_STYLE_PLAIN, ctl_json_text(status, "reason"));
    put_holds(status, view, canvas);
    put_alarm(status, view, canvas);
    put_hooks(status, view, canvas);
    put_standby(status, view, canvas);
    put_field(canvas, view, "next", CTL_STYLE_STRONG, ctl_json_text(status, "next"));
    put_field(canvas, view, "then", CTL_STYLE_PLAIN, ctl_json_text(blast, "text"));
    put_promises(status, view, canvas);
    put_budget(status, view, canvas);
    put_gates(status, view, canvas);
    if (is_low)
        return;
    if (soak_end_ms > view->now.ms)
        put_time_left("soak", soak_end_ms, view, canvas);
    put_origin(status, view, canvas);
}
