/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/status_view.h"

#include <string.h>

#include "controller/cli/cli.h"
#include "controller/outside/out.h"
#include "controller/plan/value.h"

enum {
    TIME_TEXT_BYTES = 9, /* "06:40:12" */
    STATE_BYTES = 512,   /* of a host, in words */
};

static bool is_any(const char *word, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(word, *words) == 0)
            return true;
    }

    return false;
}

static const char *const ended_well[] = {"committed", NULL};
static const char *const ended_badly[] = {"refused", "blocked", "reverted", "revert_failed", NULL};
static const char *const under_way[] = {"running", "probation", "reverting", NULL};

static void time_of_day(struct bl_wall now, char ret_text[TIME_TEXT_BYTES])
{
    char text[BL_WALL_TEXT_BYTES];

    bl_wall_to_text(now, text);
    (void)snprintf(ret_text, TIME_TEXT_BYTES, "%.8s", text + strlen("2026-11-21T"));
}

static const char *paint(const struct ctl_view *view, const char *state)
{
    static const char *const good[] = {"complete", NULL};
    static const char *const bad[] = {
        "halted",  "rolled_back", "rollback_incomplete", "rolling_back", "stopping",
        "aborted", NULL};

    if (!view->colour)
        return "";
    if (is_any(state, good))
        return "\033[32m";

    return is_any(state, bad) ? "\033[31m" : "\033[33m";
}

static void print_line(FILE *to, const char *label, const char *text)
{
    if (text[0] == '\0')
        return;
    (void)fprintf(to, "  %-5s ", label);
    ctl_out_put(to, text);
    (void)fputc('\n', to);
}

static void print_header(const json_t *status, const struct ctl_view *view, FILE *to)
{
    int64_t created_ms = ctl_json_instant(status, "created");
    int64_t ended_ms = ctl_json_instant(status, "ended");
    int64_t soak_end_ms = ctl_json_instant(status, "soak_end");
    const char *state = ctl_json_text(status, "state");
    const json_t *hold;
    char took[64] = "-";
    size_t i;

    if (created_ms >= 0) {
        int64_t took_ms = (ended_ms >= 0 ? ended_ms : view->now.ms) - created_ms;

        ctl_plan_format_duration(took_ms < 0 ? 0 : took_ms - took_ms % 1000, took, sizeof(took));
    }
    (void)fputs("rollout ", to);
    ctl_out_put(to, ctl_json_text(status, "rollout"));
    (void)fputs("  plan ", to);
    ctl_out_put(to, ctl_json_text(status, "plan"));
    (void)fputs("  risk ", to);
    ctl_out_put(to, ctl_json_text(status, "risk"));
    (void)fprintf(to, "  %s", paint(view, state));
    ctl_out_put(to, state);
    (void)fprintf(to, "%s%s  %s\n", view->colour ? "\033[0m" : "",
                  ctl_json_bool(status, "paused") ? " (PAUSED)" : "", took);
    print_line(to, "why", ctl_json_text(status, "reason"));
    json_array_foreach (json_object_get(status, "holds"), i, hold) {
        print_line(to, "held", ctl_json_text(hold, "reason"));
    }
    print_line(to, "next", ctl_json_text(status, "next"));
    if (soak_end_ms > view->now.ms) {
        char left[64];

        ctl_plan_format_duration((soak_end_ms - view->now.ms) / 1000 * 1000, left, sizeof(left));
        (void)fprintf(to, "  soak  %s left\n", left);
    }
}

struct wave_count {
    uint32_t good, bad, lost, cancelled, under_way;
};

static struct wave_count count_wave(const json_t *hosts, int64_t wave)
{
    struct wave_count count = {0};
    const json_t *host;
    size_t i;

    json_array_foreach (hosts, i, host) {
        const char *state = ctl_json_text(host, "state");

        if (ctl_json_number(host, "wave") != wave)
            continue;
        count.good += is_any(state, ended_well);
        count.bad += is_any(state, ended_badly);
        count.under_way += is_any(state, under_way);
        count.lost += strcmp(state, "lost") == 0;
        count.cancelled += strcmp(state, "cancelled") == 0;
    }

    return count;
}

static const char *number(int64_t value, char ret_text[24])
{
    (void)snprintf(ret_text, 24, "%lld", (long long)value);

    return ret_text;
}

static void print_waves(const json_t *status, FILE *to)
{
    const json_t *hosts = json_object_get(status, "hosts"), *wave;
    CTL_AUTO_TABLE table = {0};
    size_t i;

    ctl_table_begin(&table, 9);
    ctl_table_row(&table, (const char *const[]){"WAVE", "HOSTS", "NOW", "GOOD", "BAD", "LOST",
                                                "NOT RUN", "MAY FAIL", "STATE"});
    json_array_foreach (json_object_get(status, "waves"), i, wave) {
        struct wave_count count = count_wave(hosts, ctl_json_number(wave, "wave"));
        char cells[8][24];

        ctl_table_row(&table, (const char *const[]){
                                  number(ctl_json_number(wave, "wave"), cells[0]),
                                  number(ctl_json_number(wave, "hosts_count"), cells[1]),
                                  number(count.under_way, cells[2]), number(count.good, cells[3]),
                                  number(count.bad, cells[4]), number(count.lost, cells[5]),
                                  number(count.cancelled, cells[6]),
                                  number(ctl_json_number(wave, "failures_allowed"), cells[7]),
                                  ctl_json_text(wave, "state")});
    }
    ctl_table_print(&table, to, "  ");
}

/* Hosts that wait or ended as they should are only counted; all others are worth a line. */
static bool is_interesting(const json_t *host)
{
    static const char *const boring[] = {"waiting", "ready", "committed", "cancelled", NULL};

    return ctl_json_bool(host, "failed") || !is_any(ctl_json_text(host, "state"), boring);
}

/* "running, changing: upgrade, upgrading 34/120, nginx", "waiting, not connected" */
static void describe_host(const json_t *host, char *ret_text, size_t text_bytes)
{
    const char *job_state = ctl_json_text(host, "job_state"), *step = ctl_json_text(host, "step");
    const char *state = ctl_json_text(host, "state");
    const char *progress = ctl_json_text(json_object_get(host, "progress"), "text");
    bool is_lost = strcmp(state, "lost") == 0;

    (void)snprintf(ret_text, text_bytes, "%s%s%s%s%s%s%s%s", state,
                   job_state[0] != '\0' && strcmp(job_state, state) != 0 ? ", " : "",
                   job_state[0] != '\0' && strcmp(job_state, state) != 0 ? job_state : "",
                   step[0] != '\0' ? ": " : "", step, progress[0] != '\0' ? ", " : "", progress,
                   ctl_json_bool(host, "connected") || is_lost ? "" : ", not connected");
}

static void print_hosts(const json_t *status, const struct ctl_view *view, FILE *to)
{
    CTL_AUTO_TABLE table = {0};
    uint32_t shown = 0, left_out = 0;
    const json_t *host;
    size_t i;

    ctl_table_begin(&table, 4);
    ctl_table_row(&table, (const char *const[]){"HOST", "WAVE", "STATE", "REASON"});
    json_array_foreach (json_object_get(status, "hosts"), i, host) {
        char wave[24], state[STATE_BYTES];

        if (!is_interesting(host))
            continue;
        if (shown == view->rows_max) {
            left_out++;
            continue;
        }
        shown++;
        describe_host(host, state, sizeof(state));
        ctl_table_row(&table, (const char *const[]){ctl_json_text(host, "name"),
                                                    number(ctl_json_number(host, "wave"), wave),
                                                    state, ctl_json_text(host, "reason")});
    }
    if (shown == 0)
        return;
    (void)fputc('\n', to);
    ctl_table_print(&table, to, "  ");
    if (left_out > 0)
        (void)fprintf(to, "  … and %u more\n", (unsigned)left_out);
}

void ctl_view_status(const json_t *status, const struct ctl_view *view, FILE *to)
{
    print_header(status, view, to);
    (void)fputc('\n', to);
    print_waves(status, to);
    print_hosts(status, view, to);
}

/* Hosts keep their order in a rollout, so `likely` mostly is the place; else all are looked at. */
static const json_t *find_host(const json_t *status, const char *id, size_t likely)
{
    const json_t *host = json_array_get(json_object_get(status, "hosts"), likely);
    size_t i;

    if (host != NULL && strcmp(ctl_json_text(host, "id"), id) == 0)
        return host;
    json_array_foreach (json_object_get(status, "hosts"), i, host) {
        if (strcmp(ctl_json_text(host, "id"), id) == 0)
            return host;
    }

    return NULL;
}

static bool differs(const json_t *before, const json_t *after, const char *key)
{
    return !json_equal(json_object_get(before, key), json_object_get(after, key));
}

static const char *hanging_script(const json_t *host)
{
    return ctl_json_text(json_object_get(host, "progress"), "script");
}

void ctl_view_changes(const json_t *before, const json_t *status, struct bl_wall now, FILE *to)
{
    char at[TIME_TEXT_BYTES];
    const json_t *host;
    size_t i;

    time_of_day(now, at);
    json_array_foreach (json_object_get(status, "hosts"), i, host) {
        const json_t *old = find_host(before, ctl_json_text(host, "id"), i);
        char state[STATE_BYTES];

        /* Connections come and go; only what the job does is news, and a script that hangs. */
        if (!differs(old, host, "state") && !differs(old, host, "job_state") &&
            !differs(old, host, "step") && strcmp(hanging_script(old), hanging_script(host)) == 0)
            continue;
        describe_host(host, state, sizeof(state));
        (void)fprintf(to, "%sZ ", at);
        ctl_out_put(to, ctl_json_text(host, "name"));
        (void)fputs(": ", to);
        ctl_out_put(to, state);
        if (ctl_json_text(host, "reason")[0] != '\0') {
            (void)fputs(" — ", to);
            ctl_out_put(to, ctl_json_text(host, "reason"));
        }
        (void)fputc('\n', to);
    }
    if (!differs(before, status, "state") && !differs(before, status, "wave") &&
        !differs(before, status, "holds"))
        return;
    (void)fprintf(to, "%sZ rollout ", at);
    ctl_out_put(to, ctl_json_text(status, "state"));
    (void)fprintf(to, "%s, wave %lld of %zu — ", ctl_json_bool(status, "paused") ? " (paused)" : "",
                  (long long)ctl_json_number(status, "wave"),
                  json_array_size(json_object_get(status, "waves")));
    ctl_out_put(to, ctl_json_text(status, "reason"));
    (void)fputc('\n', to);
}

int ctl_view_exit_code(const json_t *status)
{
    const json_t *exit_code = json_object_get(status, "exit_code");
    json_int_t code = json_integer_value(exit_code);

    if (json_is_integer(exit_code))
        return code >= CTL_CLI_DONE && code <= CTL_CLI_UNREACHABLE ? (int)code : CTL_CLI_ERROR;

    return CTL_CLI_DONE;
}
