/* SPDX-License-Identifier: Apache-2.0 */
/* A rollout told line by line, for who looks on through a pipe, and as an exit code. */
#include <string.h>

#include "controller/cli/cli.h"
#include "controller/cli/status_view.h"
#include "controller/outside/out.h"

enum {
    TIME_TEXT_BYTES = 9, /* "06:40:12" */
    STATE_BYTES = 512,   /* of a host, in words */
    MORE_BYTES = 2048,   /* how far it is, and why */
};

static void time_of_day(struct bl_wall now, char ret_text[TIME_TEXT_BYTES])
{
    char text[BL_WALL_TEXT_BYTES];

    bl_wall_to_text(now, text);
    (void)snprintf(ret_text, TIME_TEXT_BYTES, "%.8s", text + strlen("2026-11-21T"));
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
    const json_t *old = json_object_get(before, key), *new = json_object_get(after, key);

    return (old != NULL || new != NULL) && !json_equal(old, new);
}

static const char *hanging_script(const json_t *host)
{
    return ctl_json_text(json_object_get(host, "progress"), "script");
}

void ctl_view_changes(const json_t *before, const json_t *status, struct bl_wall now, FILE *to)
{
    char at[TIME_TEXT_BYTES];
    const json_t *host, *hold;
    size_t i;

    time_of_day(now, at);
    json_array_foreach (json_object_get(status, "hosts"), i, host) {
        const json_t *old = find_host(before, ctl_json_text(host, "id"), i);
        char state[STATE_BYTES], more[MORE_BYTES];

        /* Connections come and go; only what the job does is news, and a script that hangs. */
        if (!differs(old, host, "state") && !differs(old, host, "job_state") &&
            !differs(old, host, "step") && strcmp(hanging_script(old), hanging_script(host)) == 0)
            continue;
        ctl_view_describe_host(host, state, sizeof(state));
        (void)fprintf(to, "%sZ ", at);
        ctl_out_put(to, ctl_json_text(host, "name"));
        (void)fputs(": ", to);
        ctl_out_put(to, state);
        ctl_view_describe_more(host, more, sizeof(more));
        if (more[0] != '\0') {
            (void)fputs(" — ", to);
            ctl_out_put(to, more);
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
    json_array_foreach (json_object_get(status, "holds"), i, hold) {
        (void)fputs("; held: ", to);
        ctl_out_put(to, ctl_json_text(hold, "reason"));
    }
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
