/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/values.h"
#include "controller/outside/out.h"
#include "controller/plan/plan.h"

/* belay hosts list, show, label, approve, revoke */

static void join_labels(json_t *labels, char *ret_text, size_t text_bytes)
{
    const json_t *value;
    const char *key;
    size_t used = 0;

    ret_text[0] = '\0';
    json_object_foreach (labels, key, value) {
        int n = snprintf(ret_text + used, text_bytes - used, "%s%s=%s", used > 0 ? "," : "", key,
                         json_is_string(value) ? json_string_value(value) : "?");

        if (n < 0 || (size_t)n >= text_bytes - used)
            return; /* cut */
        used += (size_t)n;
    }
}

static const char *standing(const json_t *host)
{
    if (ctl_json_text(host, "held")[0] != '\0')
        return ctl_json_text(host, "held");
    if (strcmp(ctl_json_text(host, "state"), "enrolled") != 0)
        return ctl_json_text(host, "state");

    if (!ctl_json_bool(host, "connected"))
        return "absent";

    return json_is_object(json_object_get(host, "foreign_job")) ? "foreign job" : "connected";
}

static void print_list(const json_t *hosts)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *host;
    size_t i;

    ctl_table_begin(&table, 6);
    ctl_table_row(&table, (const char *const[]){"NAME", "ID", "STATE", "OS", "AGENT", "LABELS"});
    json_array_foreach (hosts, i, host) {
        char id[13] = "", os[96], labels[256];

        (void)snprintf(id, sizeof(id), "%s", ctl_json_text(host, "id"));
        (void)snprintf(os, sizeof(os), "%s %s", ctl_json_text(host, "os_id"),
                       ctl_json_text(host, "os_version"));
        join_labels(json_object_get(host, "labels"), labels, sizeof(labels));
        ctl_table_row(&table,
                      (const char *const[]){ctl_json_text(host, "name"), id, standing(host), os,
                                            ctl_json_text(host, "agent_version"), labels});
    }
    ctl_table_print(&table, stdout, "");
}

int ctl_cmd_hosts_list(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct ctl_cli_values match_values = {0};
    const char *state = NULL;
    const struct ctl_cli_option options[] = {
        {"match", CTL_CLI_VALUES, &match_values},
        {"state", CTL_CLI_VALUE, &state},
    };
    const struct ctl_cli_usage usage = {"hosts list", options, 2, 0, 0};
    CTL_AUTO_JSON *answer = NULL, *request = ctl_values_request("hosts.list");
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_values_match(&match_values, request, &err) < 0)
        return ctl_cli_say_usage("hosts list", &err);
    if (state != NULL)
        (void)json_object_set_new(request, "state", json_string(state));
    if (ctl_cli_ask(globals, BL_TAKE_PTR(request), &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        ctl_cli_out_answer(answer);
    } else {
        print_list(json_object_get(answer, "hosts"));
    }
    if (json_array_size(json_object_get(answer, "hosts")) == 0)
        ctl_cli_say_next("there is none of this kind; 'belay enroll token' lets hosts join");

    return CTL_CLI_DONE;
}

static void print_field(const char *name, const char *value)
{
    (void)printf("%-13s ", name);
    ctl_out_put(stdout, value[0] != '\0' ? value : "-");
    (void)fputc('\n', stdout);
}

/* "cpu 12.5%, load 0.3, await 1.2 ms": unknown ones are said to be so. */
static void print_figures(const json_t *figures)
{
    static const struct {
        const char *key, *unit;
    } shown[] = {
        {"cpu", "%"}, {"memory", "%"},       {"disk", "%"},        {"await", " ms"},
        {"load", ""}, {"pressure_cpu", "%"}, {"pressure_io", "%"}, {"pressure_memory", "%"},
    };

    if (!json_is_object(figures))
        return;
    if (!json_is_true(json_object_get(figures, "fresh"))) {
        const char *at = ctl_json_text(figures, "at");

        (void)printf("%-13s unknown", "load");
        if (at[0] != '\0') {
            (void)fputs("; last heard ", stdout);
            ctl_out_put(stdout, at);
        }
        (void)fputc('\n', stdout);
        return;
    }
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        const json_t *value = json_object_get(figures, shown[i].key);

        (void)printf("%-13s %-16s ", i == 0 ? "load" : "", shown[i].key);
        if (json_is_number(value))
            (void)printf("%.1f%s\n", json_number_value(value), shown[i].unit);
        else
            (void)puts("unknown");
    }
}

/* What an administrator must know before a rollback is asked for. */
static void print_way_backs(const json_t *way_backs)
{
    const json_t *item;
    size_t i;

    json_array_foreach (way_backs, i, item) {
        (void)printf("%-13s ", i == 0 ? "way back" : "");
        ctl_out_put(stdout,
                    strcmp(ctl_json_text(item, "state"), "lost") == 0 ? "LOST" : "nearly lost");
        (void)fputs(", of rollout ", stdout);
        ctl_out_put(stdout, ctl_json_text(item, "rollout"));
        (void)fputs(": ", stdout);
        ctl_out_put(stdout, ctl_json_text(item, "reason"));
        (void)fputc('\n', stdout);
    }
}

static void print_host(const json_t *host)
{
    static const char *const fields[][2] = {
        {"kernel", "kernel"},       {"architecture", "arch"},     {"packages", "package_manager"},
        {"agent", "agent_version"}, {"first seen", "first_seen"}, {"last seen", "last_seen"},
    };
    const json_t *offset = json_object_get(host, "clock_offset_ms");
    const json_t *foreign = json_object_get(host, "foreign_job");
    const json_t *rollout;
    char labels[512], os[128];
    size_t i;

    join_labels(json_object_get(host, "labels"), labels, sizeof(labels));
    (void)snprintf(os, sizeof(os), "%s %s", ctl_json_text(host, "os_id"),
                   ctl_json_text(host, "os_version"));
    print_field("name", ctl_json_text(host, "name"));
    print_field("id", ctl_json_text(host, "id"));
    print_field("state", standing(host));
    print_field("labels", labels);
    print_field("system", os);
    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        print_field(fields[i][0], ctl_json_text(host, fields[i][1]));
    if (json_is_integer(offset))
        (void)printf("%-13s %+lld ms\n", "clock", (long long)json_integer_value(offset));
    if (json_is_integer(json_object_get(host, "trust_version")))
        (void)printf("%-13s version %lld\n", "trust file",
                     (long long)ctl_json_number(host, "trust_version"));
    if (json_is_object(foreign)) {
        (void)printf("%-13s ", "foreign job");
        ctl_out_put(stdout, ctl_json_text(foreign, "state"));
        (void)fputs(", of rollout ", stdout);
        ctl_out_put(stdout, ctl_json_text(foreign, "rollout"));
        (void)fputs(", which this controller does not know: belay why ", stdout);
        ctl_out_put(stdout, ctl_json_text(host, "name"));
        (void)fputc('\n', stdout);
    }
    print_way_backs(json_object_get(host, "way_backs"));
    print_figures(json_object_get(host, "figures"));
    json_array_foreach (json_object_get(host, "rollouts"), i, rollout) {
        (void)printf("%-13s ", i == 0 ? "rollouts" : "");
        ctl_out_put(stdout, ctl_json_text(rollout, "rollout"));
        (void)fputs("  ", stdout);
        ctl_out_put(stdout, ctl_json_text(rollout, "plan"));
        (void)fputs("  ", stdout);
        ctl_out_put(stdout, ctl_json_text(rollout, "state"));
        (void)fputc('\n', stdout);
    }
}

/* Sends a request about one host and shows the host that comes back. */
static int ask_about_host(struct ctl_cli_globals *globals, json_t *request)
{
    CTL_AUTO_JSON *answer = NULL;
    struct bl_error err = {0};

    if (ctl_cli_ask(globals, request, &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        ctl_cli_out_answer(answer);
    } else {
        print_host(json_object_get(answer, "host"));
    }

    return CTL_CLI_DONE;
}

/* A verb about the one host that is named: hosts show, approve, revoke. */
static int one_host_verb(struct ctl_cli_globals *globals, int argc, char **argv, const char *name,
                         const char *verb)
{
    const struct ctl_cli_usage usage = {name, NULL, 0, 1, 1};
    struct ctl_cli_arguments arguments;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;

    return ask_about_host(globals,
                          json_pack("{s:s, s:s}", "verb", verb, "host", arguments.items[0]));
}

int ctl_cmd_hosts_show(struct ctl_cli_globals *globals, int argc, char **argv)
{
    return one_host_verb(globals, argc, argv, "hosts show", "hosts.show");
}

/* "KEY=VALUE" or "KEY-" */
static int read_label_changes(const struct ctl_cli_arguments *arguments, json_t *set, json_t *unset,
                              struct bl_error *err)
{
    for (uint32_t i = 1; i < arguments->count; i++) {
        const char *text = arguments->items[i];
        size_t text_bytes = strlen(text);
        int r;

        if (strchr(text, '=') != NULL) {
            r = ctl_values_add_labels(set, text, err);
            if (r < 0)
                return r;
            continue;
        }
        if (text_bytes < 2 || text[text_bytes - 1] != '-')
            return bl_fail(err, -EINVAL, "'%.60s' is neither KEY=VALUE nor KEY-", text);
        (void)json_array_append_new(unset, json_stringn(text, text_bytes - 1));
    }

    return 0;
}

int ctl_cmd_hosts_label(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"hosts label", NULL, 0, 2, CTL_CLI_ARGUMENTS_MAX};
    CTL_AUTO_JSON *set = json_object(), *unset = json_array();
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    int exit_code;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (read_label_changes(&arguments, set, unset, &err) < 0)
        return ctl_cli_say_usage("hosts label", &err);
    exit_code =
        ask_about_host(globals, json_pack("{s:s, s:s, s:O, s:O}", "verb", "hosts.label", "host",
                                          arguments.items[0], "set", set, "unset", unset));
    if (exit_code == CTL_CLI_DONE) {
        ctl_cli_say_next(
            "plans that match labels see it from now on; open rollouts keep their hosts. "
            "KEY- takes a label away again");
    }

    return exit_code;
}

int ctl_cmd_hosts_approve(struct ctl_cli_globals *globals, int argc, char **argv)
{
    int exit_code = one_host_verb(globals, argc, argv, "hosts approve", "hosts.approve");

    if (exit_code == CTL_CLI_DONE) {
        ctl_cli_say_next("the host gets the trust file when it asks again; 'belay hosts revoke' "
                         "undoes this");
    }

    return exit_code;
}

int ctl_cmd_hosts_revoke(struct ctl_cli_globals *globals, int argc, char **argv)
{
    int exit_code = one_host_verb(globals, argc, argv, "hosts revoke", "hosts.revoke");

    if (exit_code == CTL_CLI_DONE) {
        ctl_cli_say_next(
            "its messages are refused from now on; a job under way ends by its own timers. To let "
            "it in again, as another host: 'belay-agent join --force --new-key' with a token");
    }

    return exit_code;
}
