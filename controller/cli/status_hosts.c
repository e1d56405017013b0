/* SPDX-License-Identifier: Apache-2.0 */
/* Which hosts of a rollout are worth a line, and what is said of them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/status_view.h"
#include "controller/outside/out.h"

enum {
    STATE_BYTES = 512,
    MORE_BYTES = 2048,
    WAY_BACK_BYTES = 640,
    GROUP_MIN = 3, /* fewer hosts of one cause are a line each */
    GROUP_ROWS_MAX = 3,
    GROUP_INDENT = 6,
    NAMES_MAX = 40, /* of a group: the JSON has all */
    NAMES_BYTES = 4096,
    STATE_COLUMNS_MAX = 44,
    REASON_ROWS_MAX = 6,
    TABLE_ROWS_MIN = 3, /* a gap, the head, a host */
    RANK_WAY_BACK = 5,
    RANK_ENDED_BADLY = 6,
};

/* How urgent a host is; 0: not worth a line. */
static int rank_of(const json_t *host)
{
    static const char *const order[] = {"ready",     "probation",    "staging", "running",
                                        "reverting", "reverted",     "refused", "blocked",
                                        "lost",      "revert_failed"};
    const char *state = ctl_json_text(host, "state");
    bool failed = ctl_json_bool(host, "failed");

    for (int i = (int)(sizeof(order) / sizeof(order[0])) - 1; i >= 1; i--) {
        if (strcmp(state, order[i]) == 0)
            return failed ? i + 10 : i;
    }
    if (failed)
        return 10;
    if (json_is_object(json_object_get(host, "way_back")))
        return RANK_WAY_BACK;

    /* One that waits for its turn is boring; one whose key is held or revoked is not. */
    return ctl_json_text(host, "code")[0] != '\0' &&
                   (strcmp(state, "waiting") == 0 || strcmp(state, "ready") == 0)
               ? 5
               : 0;
}

void ctl_view_describe_host(const json_t *host, char *ret_text, size_t text_bytes)
{
    const char *job_state = ctl_json_text(host, "job_state"), *step = ctl_json_text(host, "step");
    const char *state = ctl_json_text(host, "state");
    bool is_lost = strcmp(state, "lost") == 0;

    (void)snprintf(ret_text, text_bytes, "%s%s%s%s%s%s", state,
                   job_state[0] != '\0' && strcmp(job_state, state) != 0 ? ", " : "",
                   job_state[0] != '\0' && strcmp(job_state, state) != 0 ? job_state : "",
                   step[0] != '\0' ? ": " : "", step,
                   ctl_json_bool(host, "connected") || is_lost ? "" : ", not connected");
}

void ctl_view_describe_more(const json_t *host, char *ret_text, size_t text_bytes)
{
    const char *progress = ctl_json_text(json_object_get(host, "progress"), "text");
    const char *reason = ctl_json_text(host, "reason");
    bool failed = ctl_json_bool(host, "failed");

    const json_t *way_back = json_object_get(host, "way_back");
    char text[WAY_BACK_BYTES] = "";

    if (json_is_object(way_back))
        (void)snprintf(text, sizeof(text), "way back %s: %s%s",
                       strcmp(ctl_json_text(way_back, "state"), "lost") == 0 ? "LOST"
                                                                             : "nearly lost",
                       ctl_json_text(way_back, "reason"),
                       progress[0] != '\0' || reason[0] != '\0' ? " · " : "");
    (void)snprintf(ret_text, text_bytes, "%s%s%s%s", text, failed ? reason : progress,
                   progress[0] != '\0' && reason[0] != '\0' ? " · " : "",
                   failed ? progress : reason);
}

/* ---- groups ---- */

/* "hosts h1, h2, h3, … 55 more": where there is room for it. */
static void put_group_hosts(const json_t *group, struct ctl_canvas *canvas)
{
    const json_t *names = json_object_get(group, "hosts"), *name;
    char text[NAMES_BYTES] = "";
    size_t used = 0, i;

    json_array_foreach (names, i, name) {
        const char *word = json_string_value(name);

        if (i == NAMES_MAX || used + strlen(word) + 32 > sizeof(text)) {
            (void)snprintf(text + used, sizeof(text) - used, ", … %zu more",
                           json_array_size(names) - i);
            break;
        }
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? ", " : "", word);
    }
    ctl_canvas_fill(canvas, GROUP_INDENT);
    ctl_canvas_put(canvas, CTL_STYLE_FAINT, "hosts ");
    ctl_canvas_wrap(canvas, GROUP_INDENT, CTL_CANVAS_ENDLESS, CTL_STYLE_PLAIN, text);
}

static void put_group(const json_t *group, bool is_screen, struct ctl_canvas *canvas)
{
    const char *at = ctl_json_text(group, "first_at"), *reason = ctl_json_text(group, "reason");
    const char *code = ctl_json_text(group, "code");

    ctl_canvas_format(canvas, CTL_STYLE_BAD, "  %" PRId64 " × ", ctl_json_number(group, "count"));
    ctl_canvas_wrap(canvas, GROUP_INDENT, is_screen ? 2 : CTL_CANVAS_ENDLESS, CTL_STYLE_PLAIN,
                    reason[0] != '\0' ? reason
                    : code[0] != '\0' ? code
                                      : "no cause was given");
    ctl_canvas_fill(canvas, GROUP_INDENT);
    ctl_canvas_put(canvas, CTL_STYLE_FAINT, "first ");
    ctl_canvas_put(canvas, CTL_STYLE_PLAIN, ctl_json_text(group, "first"));
    if (ctl_json_instant(group, "first_at") >= 0)
        ctl_canvas_format(canvas, CTL_STYLE_PLAIN, " %.8s", at + strlen("2026-11-21T"));
    ctl_canvas_put(canvas, CTL_STYLE_FAINT, "; next: ");
    ctl_canvas_put(canvas, CTL_STYLE_STRONG, ctl_json_text(group, "next"));
    ctl_canvas_end_line(canvas);
    if (!is_screen)
        put_group_hosts(group, canvas);
}

void ctl_view_groups(const json_t *groups, uint32_t rows_max, struct ctl_canvas *canvas)
{
    const uint32_t first_row = canvas->count;
    uint32_t left_out = 0;
    const json_t *group;
    size_t i;

    json_array_foreach (groups, i, group) {
        uint32_t used = canvas->count - first_row;

        if (ctl_json_number(group, "count") < GROUP_MIN)
            continue;
        if (rows_max < used + GROUP_ROWS_MAX + (used == 0 ? 1 : 0)) {
            left_out++;
            continue;
        }
        if (used == 0)
            ctl_canvas_end_line(canvas);
        put_group(group, rows_max != CTL_CANVAS_ENDLESS, canvas);
    }
    if (left_out > 0 && canvas->count - first_row < rows_max) {
        ctl_canvas_format(canvas, CTL_STYLE_FAINT, "  … and %u more causes", (unsigned)left_out);
        ctl_canvas_end_line(canvas);
    }
}

/* ---- single hosts ---- */

struct ranked {
    const json_t *host;
    int rank;
    size_t place;
};

static int more_urgent_first(const void *a, const void *b)
{
    const struct ranked *one = a, *other = b;

    if (one->rank != other->rank)
        return one->rank > other->rank ? -1 : 1;

    return one->place < other->place ? -1 : one->place > other->place;
}

/* An object whose keys are the hosts that a group has told of. */
static json_t *told_by(const json_t *groups)
{
    json_t *told = json_object();
    const json_t *group, *name;
    size_t i, j;

    json_array_foreach (groups, i, group) {
        if (ctl_json_number(group, "count") < GROUP_MIN)
            continue;
        json_array_foreach (json_object_get(group, "hosts"), j, name)
            (void)json_object_set_new(told, json_string_value(name), json_true());
    }

    return told;
}

static size_t rank_hosts(const json_t *hosts, const json_t *told, struct ranked *ret_list)
{
    const json_t *host;
    size_t count = 0, i;

    json_array_foreach (hosts, i, host) {
        int rank = rank_of(host);

        /* Two hosts may have one name: of the two, a group tells of the one that failed. */
        if (rank == 0 || (rank >= RANK_ENDED_BADLY &&
                          json_object_get(told, ctl_json_text(host, "name")) != NULL))
            continue;
        ret_list[count++] = (struct ranked){host, rank, i};
    }
    if (count > 1)
        qsort(ret_list, count, sizeof(*ret_list), more_urgent_first);

    return count;
}

static enum ctl_style style_of(const char *cell)
{
    char state[32];

    (void)snprintf(state, sizeof(state), "%.*s", (int)strcspn(cell, ","), cell);

    return ctl_view_style(state);
}

static void put_hosts(const struct ranked *list, size_t count, bool wraps,
                      struct ctl_canvas *canvas)
{
    const struct ctl_canvas_table how = {
        .indent = 2,
        .gap = 2,
        .right = 1U << 1,
        .cell_max = canvas->width == CTL_CANVAS_ENDLESS     ? 0
                    : canvas->width / 2 < STATE_COLUMNS_MAX ? canvas->width / 2
                                                            : STATE_COLUMNS_MAX,
        .last_rows_max = wraps ? REASON_ROWS_MAX : 1,
        .style = style_of,
    };
    CTL_AUTO_TABLE table = {0};

    ctl_table_begin(&table, 4);
    ctl_table_row(&table, (const char *const[]){"HOST", "WAVE", "STATE", "WHAT"});
    for (size_t i = 0; i < count; i++) {
        const json_t *host = list[i].host;
        char wave[24], state[STATE_BYTES], more[MORE_BYTES];

        (void)snprintf(wave, sizeof(wave), "%" PRId64, ctl_json_number(host, "wave"));
        ctl_view_describe_host(host, state, sizeof(state));
        ctl_view_describe_more(host, more, sizeof(more));
        ctl_table_row(&table,
                      (const char *const[]){ctl_json_text(host, "name"), wave, state, more});
    }
    ctl_canvas_put_table(canvas, &table, &how);
}

void ctl_view_hosts(const json_t *status, const json_t *groups, uint32_t rows_max, bool wraps,
                    struct ctl_canvas *canvas)
{
    const json_t *hosts = json_object_get(status, "hosts");
    struct ranked *list = calloc(json_array_size(hosts) + 1, sizeof(*list));
    CTL_AUTO_JSON *told = told_by(groups);
    size_t count, shown;

    if (list == NULL || told == NULL) {
        canvas->failed = true;
        free(list);
        return;
    }
    count = shown = rank_hosts(hosts, told, list);
    /* A gap, the head, and when not all have room a line about the others. */
    if (count > 0 && rows_max < TABLE_ROWS_MIN - 1 + count)
        shown = rows_max > TABLE_ROWS_MIN ? rows_max - TABLE_ROWS_MIN : 0;
    if (shown > 0) {
        ctl_canvas_end_line(canvas);
        put_hosts(list, shown, wraps, canvas);
    }
    if (shown < count && rows_max > 0) {
        ctl_canvas_format(canvas, CTL_STYLE_FAINT, "  … and %zu more hosts: belay status %s",
                          count - shown, ctl_json_text(status, "rollout"));
        ctl_canvas_end_line(canvas);
    }
    free(list);
}
