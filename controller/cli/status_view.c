/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page about one rollout, for somebody who was woken: what is it, why is it so, what may I type;
 * then how far each wave is; then only the hosts that are not boring. The page is made of the status
 * document, the size of the screen and the time, and of nothing else.
 */
#include "controller/cli/status_view.h"

#include <inttypes.h>
#include <string.h>

#include "controller/outside/groups.h"
#include "controller/outside/out.h"
#include "controller/plan/value.h"

enum {
    TIME_TEXT_BYTES = 9, /* "06:40:12" */
    NUMBER_BYTES = 24,
    STATE_BYTES = 96,
    WAVES_ROWS_MIN = 3, /* of the table of waves, however low the screen */
    NARROW_COLUMNS = 76,
    FEW_ROWS = 16,
    ROOMY_ROWS = 10,    /* below the waves */
    HOSTS_ROWS_MIN = 1, /* that there are more */
};

static bool is_any(const char *word, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(word, *words) == 0)
            return true;
    }

    return false;
}

enum ctl_style ctl_view_style(const char *state)
{
    static const char *const good[] = {"complete", "committed", "done", NULL};
    static const char *const bad[] = {"halted",        "rolled_back", "rollback_incomplete",
                                      "rolling_back",  "stopping",    "aborted",
                                      "failed",        "lost",        "blocked",
                                      "revert_failed", "reverted",    "refused",
                                      "reverting",     NULL};
    static const char *const busy[] = {"staging", "running", "soaking", "probation", NULL};

    if (is_any(state, good))
        return CTL_STYLE_GOOD;
    if (is_any(state, bad))
        return CTL_STYLE_BAD;

    return is_any(state, busy) ? CTL_STYLE_BUSY : CTL_STYLE_PLAIN;
}

static bool is_screen(const struct ctl_view *view)
{
    return view->rows_max != 0;
}

/* ---- waves ---- */

struct wave_count {
    uint32_t now, done, good, bad, lost, back;
};

static struct wave_count count_wave(const json_t *hosts, int64_t wave)
{
    static const char *const under_way[] = {"running", "probation", "reverting", NULL};
    static const char *const ended[] = {"committed", "reverted",  "revert_failed", "refused",
                                        "blocked",   "cancelled", "lost",          NULL};
    struct wave_count count = {0};
    const json_t *host;
    size_t i;

    json_array_foreach (hosts, i, host) {
        const char *state = ctl_json_text(host, "state");
        bool is_lost = strcmp(state, "lost") == 0;

        if (ctl_json_number(host, "wave") != wave)
            continue;
        count.now += is_any(state, under_way);
        count.done += is_any(state, ended);
        count.good += strcmp(state, "committed") == 0;
        count.lost += is_lost;
        count.bad += ctl_json_bool(host, "failed") && !is_lost;
        count.back += strcmp(state, "reverted") == 0;
    }

    return count;
}

static const char *number(int64_t value, char ret_text[NUMBER_BYTES])
{
    (void)snprintf(ret_text, NUMBER_BYTES, "%" PRId64, value);

    return ret_text;
}

/* How many people have said that this wave may start, and still mean it. */
static int64_t count_approvals(const json_t *status, int64_t wave, struct bl_wall now)
{
    const json_t *given = json_object_get(json_object_get(status, "approvals"), "given"), *one;
    int64_t count = 0;
    size_t i;

    json_array_foreach (given, i, one) {
        count += strcmp(ctl_json_text(one, "about"), "wave") == 0 &&
                 ctl_json_number(one, "number") == wave &&
                 ctl_json_instant(one, "not_after") > now.ms;
    }

    return count;
}

/* Nothing new starts: that concerns the wave that would start next, if the status knows it. */
static bool is_held_wave(const json_t *status, int64_t wave)
{
    const json_t *blast = json_object_get(status, "blast");

    if (json_array_size(json_object_get(status, "holds")) == 0 && !ctl_json_bool(status, "paused"))
        return false;

    return wave == (json_is_object(blast) ? ctl_json_number(blast, "wave")
                                          : ctl_json_number(status, "wave"));
}

/* For people: what a status calls waiting may wait for them, or be held. */
static void wave_state(const json_t *status, const json_t *wave, struct bl_wall now,
                       char ret_text[STATE_BYTES])
{
    const char *state = ctl_json_text(wave, "state");
    int64_t index = ctl_json_number(wave, "wave");
    int64_t needed = ctl_json_number(json_object_get(status, "approvals"), "needed");
    bool waits = strcmp(state, "waiting") == 0;
    bool is_held = is_held_wave(status, index) && (waits || strcmp(state, "running") == 0);

    if (waits && index > 1 && needed > 0)
        (void)snprintf(ret_text, STATE_BYTES, "%sapproved %" PRId64 "/%" PRId64,
                       is_held ? "held, " : "", count_approvals(status, index, now), needed);
    else
        (void)snprintf(ret_text, STATE_BYTES, "%.40s", is_held ? "held" : state);
}

static void add_wave(const json_t *status, const json_t *wave, const struct ctl_view *view,
                     struct ctl_table *table)
{
    int64_t index = ctl_json_number(wave, "wave");
    struct wave_count count = count_wave(json_object_get(status, "hosts"), index);
    int64_t soak_end_ms = ctl_json_instant(status, "soak_end");
    bool soaks = strcmp(ctl_json_text(wave, "state"), "soaking") == 0;
    char cells[9][NUMBER_BYTES], soak[CTL_VIEW_DURATION_BYTES] = "-", state[STATE_BYTES];

    if (soaks && soak_end_ms > view->now.ms)
        ctl_view_duration(soak_end_ms - view->now.ms, soak);
    wave_state(status, wave, view->now, state);
    ctl_table_row(
        table,
        (const char *const[]){
            number(index, cells[0]), number(ctl_json_number(wave, "hosts_count"), cells[1]),
            number(count.now, cells[2]), number(count.done, cells[3]), number(count.good, cells[4]),
            number(count.bad, cells[5]), number(count.lost, cells[6]), number(count.back, cells[7]),
            number(ctl_json_number(wave, "failures_allowed"), cells[8]), soak, state});
}

/* The waves around the present one, when not all have room. */
static void put_waves(const json_t *status, const struct ctl_view *view, uint32_t rows_max,
                      struct ctl_canvas *canvas)
{
    const json_t *waves = json_object_get(status, "waves");
    const uint32_t count = (uint32_t)json_array_size(waves);
    const bool is_narrow = canvas->width < NARROW_COLUMNS;
    const struct ctl_canvas_table how = {.indent = is_narrow ? 0 : 2,
                                         .gap = is_narrow ? 1 : 2,
                                         .right = 0x3ff,
                                         .style = ctl_view_style};
    uint32_t present = (uint32_t)ctl_json_number(status, "wave"), first = 0, shown = count;
    CTL_AUTO_TABLE table = {0};

    ctl_table_begin(&table, 11);
    ctl_table_row(&table,
                  (const char *const[]){"WAVE", "PLAN", "NOW", "DONE", "OK", "BAD", "LOST", "BACK",
                                        is_narrow ? "MAX" : "ALLOWED", "SOAK", "STATE"});
    if (count + 1 > rows_max) {
        shown = rows_max > 2 ? rows_max - 2 : 1; /* the head, and the line about the others */
        first = present > shown / 2 + 1 ? present - shown / 2 - 1 : 0;
        first = first + shown > count ? count - shown : first;
    }
    for (uint32_t i = first; i < first + shown; i++)
        add_wave(status, json_array_get(waves, i), view, &table);
    ctl_canvas_put_table(canvas, &table, &how);
    if (shown < count) {
        ctl_canvas_format(canvas, CTL_STYLE_FAINT, "  … %u waves before, %u after", (unsigned)first,
                          (unsigned)(count - first - shown));
        ctl_canvas_end_line(canvas);
    }
}

/* ---- footer ---- */

static void put_footer(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas)
{
    const json_t *leases = json_object_get(status, "leases");
    int64_t ssh_lock, quiesce;

    if (view->notice != NULL) {
        ctl_canvas_put(canvas, CTL_STYLE_BAD, view->notice);
        ctl_canvas_end_line(canvas);
    }
    if (!view->is_watched)
        return;
    ssh_lock = ctl_json_number(leases, "ssh_lock");
    quiesce = ctl_json_number(leases, "quiesce");
    if (ssh_lock > 0 || quiesce > 0)
        ctl_canvas_format(canvas, CTL_STYLE_FAINT,
                          "leases: SSH locked on %" PRId64 ", jobs paused on %" PRId64 " · ",
                          ssh_lock, quiesce);
    ctl_canvas_put(canvas, CTL_STYLE_FAINT, "Ctrl-C ends only the watching");
    ctl_canvas_end_line(canvas);
}

static void put_gap(struct ctl_canvas *canvas, bool is_low)
{
    if (!is_low)
        ctl_canvas_end_line(canvas);
}

/* The first line below which nothing of `rows` more is left: what a part of the page may use. */
static uint32_t rows_but(const struct ctl_canvas *canvas, uint32_t rows)
{
    uint32_t left = ctl_canvas_rows_left(canvas);

    return left > rows ? left - rows : 0;
}

void ctl_view_page(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas)
{
    const uint32_t footer = (view->is_watched ? 1U : 0U) + (view->notice != NULL ? 1U : 0U);
    const bool is_low = canvas->rows_max < FEW_ROWS;
    CTL_AUTO_JSON *groups = ctl_groups_of(status);
    uint32_t waves_rows, rows;

    ctl_view_header(status, view, canvas);
    put_gap(canvas, is_low);
    /* Half of what is left for the waves, the rest for hosts. */
    waves_rows = is_screen(view) ? rows_but(canvas, footer) / 2 : CTL_CANVAS_ENDLESS;
    put_waves(status, view, waves_rows > WAVES_ROWS_MIN ? waves_rows : WAVES_ROWS_MIN, canvas);
    rows = rows_but(canvas, footer);
    /* Causes before hosts: where there is little room, a single host is the lesser news. */
    if (json_array_size(groups) > 0 && rows > HOSTS_ROWS_MIN)
        ctl_view_groups(groups,
                        !is_screen(view)     ? CTL_CANVAS_ENDLESS
                        : rows >= ROOMY_ROWS ? rows - rows / 2
                                             : rows - HOSTS_ROWS_MIN,
                        canvas);
    ctl_view_hosts(status, groups, rows_but(canvas, footer), !is_screen(view), canvas);
    if (canvas->failed)
        return;
    put_gap(canvas, !view->is_watched || ctl_canvas_rows_left(canvas) <= footer);
    put_footer(status, view, canvas);
}

void ctl_view_status(const json_t *status, const struct ctl_view *view, FILE *to)
{
    CTL_AUTO_CANVAS canvas = {0};

    ctl_canvas_begin(&canvas, view->width != 0 ? view->width : CTL_CANVAS_ENDLESS,
                     view->rows_max != 0 ? view->rows_max : CTL_CANVAS_ENDLESS, view->colour);
    ctl_view_page(status, view, &canvas);
    ctl_canvas_print(&canvas, to);
}
