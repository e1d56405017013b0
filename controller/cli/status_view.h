/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_STATUS_VIEW_H
#define CTL_CLI_STATUS_VIEW_H

#include <stdio.h>

#include "common/clock.h"
#include "controller/outside/canvas.h"
#include "controller/outside/json.h"

/* A status document for people: docs/control.md tells what is in it. */

struct ctl_view {
    bool colour;
    uint32_t width;    /* columns; 0 = a pipe: nothing is cut or broken over lines */
    uint32_t rows_max; /* lines of the whole page; 0 = as many as it takes */
    struct bl_wall now;
    const char *notice; /* of the desk itself, above the last line; NULL = none */
    bool is_watched;    /* a screen that is drawn anew: the last line tells how to leave it */
};

/*
 * Header with state, why, what holds it and next; a table of waves; failed hosts by their cause; the
 * hosts that are worth a look, bad ones first. `canvas` is begun with the view's width and rows.
 */
void ctl_view_page(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas);

/* The page written out. */
void ctl_view_status(const json_t *status, const struct ctl_view *view, FILE *to);

/* ---- parts of the page ---- */

enum {
    CTL_VIEW_DURATION_BYTES = 64,
};

/* "4m 10s": to the second, a page is not read faster than that. */
void ctl_view_duration(int64_t ms, char ret_text[CTL_VIEW_DURATION_BYTES]);

void ctl_view_header(const json_t *status, const struct ctl_view *view, struct ctl_canvas *canvas);

/* Failed hosts that more than two others failed like, as a line each: at most `rows_max` lines. */
void ctl_view_groups(const json_t *groups, uint32_t rows_max, struct ctl_canvas *canvas);
/* The hosts that no such group tells of and that do not just wait or are done; bad ones first. */
void ctl_view_hosts(const json_t *status, const json_t *groups, uint32_t rows_max, bool wraps,
                    struct ctl_canvas *canvas);
/* "running, changing: upgrade", "waiting, not connected" */
void ctl_view_describe_host(const json_t *host, char *ret_text, size_t text_bytes);
/* Of a bad host first why, of one that works first how far it is; "" when there is nothing to say. */
void ctl_view_describe_more(const json_t *host, char *ret_text, size_t text_bytes);

/* The colour of a state of a rollout, a wave or a host; of any other word none. */
enum ctl_style ctl_view_style(const char *state);

/* ---- not on a screen ---- */

/* What changed since `before` (NULL: everything is new), a line each, with the time. */
void ctl_view_changes(const json_t *before, const json_t *status, struct bl_wall now, FILE *to);

/* The exit code for the end of this rollout, or for where it stands: 4 while it waits for a person. */
int ctl_view_exit_code(const json_t *status);

#endif
