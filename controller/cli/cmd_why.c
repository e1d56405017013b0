/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/terminal.h"
#include "controller/outside/canvas.h"
#include "controller/plan/value.h"

enum {
    DEADLINE_BYTES = 128,
    ROWS_MAX = 8, /* of one sentence */
};

/* "08:30:05Z, 4m 10s left", or how long ago it was. */
static void deadline_text(const json_t *answer, struct bl_wall now, char ret_text[DEADLINE_BYTES])
{
    int64_t deadline_ms = ctl_json_instant(answer, "deadline"), left_ms = deadline_ms - now.ms;
    const char *at = ctl_json_text(answer, "deadline") + strlen("2026-11-21T");
    char left[64];

    ret_text[0] = '\0';
    if (deadline_ms < 0)
        return;
    ctl_plan_format_duration((left_ms < 0 ? -left_ms : left_ms) / 1000 * 1000, left, sizeof(left));
    (void)snprintf(ret_text, DEADLINE_BYTES, "%.8sZ, %s %s", at, left,
                   left_ms < 0 ? "ago" : "left");
}

static void add_row(struct ctl_table *table, const char *name, const char *text)
{
    if (text[0] != '\0')
        ctl_table_row(table, (const char *const[]){name, text});
}

/* The rule, what moves it, until when; then the numbers that were compared. */
static void put_facts(const json_t *answer, struct bl_wall now, struct ctl_canvas *canvas)
{
    const struct ctl_canvas_table how = {
        .indent = 2, .gap = 2, .last_rows_max = ROWS_MAX, .has_no_head = true};
    const json_t *fact;
    char deadline[DEADLINE_BYTES];
    CTL_AUTO_TABLE table = {0};
    size_t i;

    deadline_text(answer, now, deadline);
    ctl_table_begin(&table, 2);
    add_row(&table, "rule", ctl_json_text(answer, "rule"));
    add_row(&table, "moved by", ctl_json_text(answer, "moves"));
    add_row(&table, "deadline", deadline);
    json_array_foreach (json_object_get(answer, "facts"), i, fact) {
        const char *name = json_string_value(json_array_get(fact, 0));
        const char *text = json_string_value(json_array_get(fact, 1));

        if (name != NULL && text != NULL)
            add_row(&table, name, text);
    }
    ctl_canvas_put_table(canvas, &table, &how);
}

/* Each by itself: the reason above is cut when there are many. */
static void put_findings(const json_t *findings, struct ctl_canvas *canvas)
{
    const json_t *finding;
    size_t i;

    json_array_foreach (findings, i, finding) {
        const char *grade = ctl_json_text(finding, "grade");

        ctl_canvas_put(canvas, CTL_STYLE_PLAIN, "  found by ");
        ctl_canvas_put(canvas, CTL_STYLE_PLAIN, ctl_json_text(finding, "step"));
        ctl_canvas_put(canvas, CTL_STYLE_PLAIN, ", ");
        ctl_canvas_put(canvas, CTL_STYLE_PLAIN, grade[0] != '\0' ? grade : "no fault");
        ctl_canvas_put(canvas, CTL_STYLE_PLAIN, " (");
        ctl_canvas_put(canvas, CTL_STYLE_PLAIN, ctl_json_text(finding, "code"));
        ctl_canvas_put(canvas, CTL_STYLE_PLAIN, "): ");
        ctl_canvas_wrap(canvas, 4, ROWS_MAX, CTL_STYLE_PLAIN, ctl_json_text(finding, "reason"));
    }
}

static void put_why(const json_t *answer, struct bl_wall now, struct ctl_canvas *canvas)
{
    const char *next = ctl_json_text(answer, "next"), *state = ctl_json_text(answer, "state");

    ctl_canvas_put(canvas, CTL_STYLE_PLAIN, ctl_json_text(answer, "kind"));
    ctl_canvas_put(canvas, CTL_STYLE_PLAIN, " ");
    ctl_canvas_put(canvas, CTL_STYLE_STRONG, ctl_json_text(answer, "name"));
    ctl_canvas_put(canvas, CTL_STYLE_PLAIN, " is ");
    ctl_canvas_put(canvas, ctl_view_style(state), state);
    ctl_canvas_put(canvas, CTL_STYLE_PLAIN, " (");
    ctl_canvas_put(canvas, CTL_STYLE_PLAIN, ctl_json_text(answer, "code"));
    ctl_canvas_put(canvas, CTL_STYLE_PLAIN, "): ");
    ctl_canvas_wrap(canvas, 2, ROWS_MAX, CTL_STYLE_PLAIN, ctl_json_text(answer, "reason"));
    put_facts(answer, now, canvas);
    put_findings(json_object_get(answer, "findings"), canvas);
    if (next[0] == '\0')
        return;
    ctl_canvas_put(canvas, CTL_STYLE_PLAIN, "next: ");
    ctl_canvas_wrap(canvas, 2, ROWS_MAX, CTL_STYLE_STRONG, next);
}

static void print_why(const struct ctl_cli_globals *globals, const json_t *answer)
{
    const struct ctl_view view = ctl_terminal_view(globals);
    CTL_AUTO_CANVAS canvas = {0};

    ctl_canvas_begin(&canvas, view.width != 0 ? view.width : CTL_CANVAS_ENDLESS, CTL_CANVAS_ENDLESS,
                     view.colour);
    put_why(answer, view.now, &canvas);
    ctl_canvas_print(&canvas, stdout);
}

int ctl_cmd_why(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"why", NULL, 0, 0, 1};
    CTL_AUTO_JSON *answer = NULL;
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_cli_ask(globals,
                    json_pack("{s:s, s:s}", "verb", "why", "subject",
                              arguments.count > 0 ? arguments.items[0] : "latest"),
                    &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json)
        ctl_cli_out_answer(answer);
    else
        print_why(globals, answer);

    return CTL_CLI_DONE;
}
