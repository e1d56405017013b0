/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/values.h"
#include "controller/outside/out.h"

enum {
    TIMEOUT_MS_MAX = 3600 * 1000,
};

static int compare_hosts(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
    bool left_answered = ctl_json_bool(left, "answered");
    bool right_answered = ctl_json_bool(right, "answered");

    if (left_answered != right_answered)
        return left_answered ? 1 : -1; /* what is wrong comes first */

    return strcmp(ctl_json_text(left, "name"), ctl_json_text(right, "name"));
}

static void print_hosts(json_t **hosts, size_t host_count)
{
    CTL_AUTO_TABLE table = {0};

    ctl_table_begin(&table, 5);
    ctl_table_row(&table, (const char *const[]){"HOST", "ROUND TRIP", "CLOCK", "AGENT", ""});
    for (size_t i = 0; i < host_count; i++) {
        const json_t *host = hosts[i], *offset = json_object_get(host, "clock_offset_ms");
        const char *trouble = ctl_json_text(host, "reason");
        char trip[32] = "-", clock[32] = "-";

        if (ctl_json_bool(host, "answered")) {
            (void)snprintf(trip, sizeof(trip), "%.1f ms",
                           json_number_value(json_object_get(host, "rtt_ms")));
            trouble = "";
        } else if (trouble[0] == '\0') {
            trouble = ctl_json_text(host, "code");
        }
        if (json_is_integer(offset))
            (void)snprintf(clock, sizeof(clock), "%+lld ms", (long long)json_integer_value(offset));
        ctl_table_row(&table, (const char *const[]){ctl_json_text(host, "name"), trip, clock,
                                                    ctl_json_text(host, "agent_version"), trouble});
    }
    ctl_table_print(&table, stdout, "");
}

static int show(const struct ctl_cli_globals *globals, json_t *hosts, json_t *last)
{
    size_t host_count = json_array_size(hosts);
    int64_t answered_count = ctl_json_number(last, "answered_count");
    json_t **sorted = calloc(host_count + 1, sizeof(json_t *));

    if (globals->json) {
        (void)json_object_set(last, "hosts", hosts);
        ctl_cli_out_answer(last);
    } else if (sorted != NULL) {
        for (size_t i = 0; i < host_count; i++)
            sorted[i] = json_array_get(hosts, i);
        qsort(sorted, host_count, sizeof(json_t *), compare_hosts);
        print_hosts(sorted, host_count);
        (void)printf("%lld of %zu hosts answered within %lld ms\n", (long long)answered_count,
                     host_count, (long long)ctl_json_number(last, "elapsed_ms"));
    }
    free(sorted);
    if (host_count == 0) { /* a wrong label is no good answer */
        ctl_cli_say_next("no enrolled host was meant: 'belay hosts list' shows them");
        return CTL_CLI_ERROR;
    }

    return answered_count == (int64_t)host_count ? CTL_CLI_DONE : CTL_CLI_HOSTS_FAILED;
}

static int ping(struct ctl_cli_globals *globals, json_t *request, struct bl_error *err)
{
    CTL_CLI_AUTO_LINK link = {.fd = -1};
    CTL_AUTO_JSON *owned = request, *hosts = json_array(), *end = NULL;
    int r;

    r = ctl_cli_link_open(globals, &link, err);
    if (r < 0)
        return r;
    r = ctl_cli_link_send(&link, BL_TAKE_PTR(owned), err);
    if (r >= 0)
        r = ctl_cli_link_collect_hosts(&link, hosts, &end, err);
    if (r < 0)
        return r;

    return show(globals, hosts, end);
}

int ctl_cmd_ping(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct ctl_cli_values match_values = {0};
    const char *timeout_text = NULL;
    const struct ctl_cli_option options[] = {
        {"match", CTL_CLI_VALUES, &match_values},
        {"timeout", CTL_CLI_VALUE, &timeout_text},
    };
    const struct ctl_cli_usage usage = {"ping", options, 2, 0, CTL_CLI_ARGUMENTS_MAX};
    CTL_AUTO_JSON *request = ctl_values_request("ping");
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    int64_t timeout_ms = 5000;
    int r;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_values_match(&match_values, request, &err) < 0 ||
        (timeout_text != NULL &&
         ctl_values_duration("timeout", timeout_text, TIMEOUT_MS_MAX, &timeout_ms, &err) < 0))
        return ctl_cli_say_usage("ping", &err);
    (void)json_object_set_new(request, "timeout_ms", json_integer(timeout_ms));
    if (arguments.count > 0)
        (void)json_object_set_new(request, "hosts", ctl_values_arguments(&arguments));
    r = ping(globals, BL_TAKE_PTR(request), &err);

    return r < 0 ? ctl_cli_say_failure(globals, &err) : r;
}
