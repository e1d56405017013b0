/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#include "common/hex.h"
#include "controller/cli/commands.h"
#include "controller/cli/desk_place.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/values.h"
#include "controller/outside/out.h"

/* belay desk new, show: this desk and a controller elsewhere. admit, list, revoke: the other end. */

static json_t *view_place(const struct ctl_desk_place *place)
{
    char own[BL_HEX_BYTES(CTL_DESK_KEY_BYTES)], controller[BL_HEX_BYTES(CTL_DESK_KEY_BYTES)];

    bl_hex_encode(place->to.public_key, CTL_DESK_KEY_BYTES, own);
    bl_hex_encode(place->to.controller_key, CTL_DESK_KEY_BYTES, controller);

    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", place->name, "address", place->address,
                     "controller_key", controller, "key", own, "file", place->file);
}

static void print_place(const json_t *place)
{
    (void)printf("controller      %s\naddress         %s\ncontroller key  %s\nown key         %s\n"
                 "file            ",
                 ctl_json_text(place, "name"), ctl_json_text(place, "address"),
                 ctl_json_text(place, "controller_key"), ctl_json_text(place, "key"));
    ctl_out_put(stdout, ctl_json_text(place, "file"));
    (void)fputc('\n', stdout);
}

int ctl_cmd_desk_new(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *address = NULL, *controller_key = NULL;
    const struct ctl_cli_option options[] = {
        {"address", CTL_CLI_VALUE, &address},
        {"controller-key", CTL_CLI_VALUE, &controller_key},
    };
    const struct ctl_cli_usage usage = {"desk new", options, 2, 1, 1};
    struct ctl_cli_arguments arguments;
    CTL_AUTO_JSON *view = NULL;
    struct ctl_desk_place place;
    struct bl_error err = {0};
    int r;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (address == NULL || controller_key == NULL) {
        (void)bl_fail(&err, -EINVAL, "needs --address and --controller-key");
        return ctl_cli_say_usage("desk new", &err);
    }
    r = ctl_desk_place_make(arguments.items[0], address, controller_key, &place, &err);
    if (r == -EINVAL)
        return ctl_cli_say_usage("desk new", &err);
    if (r < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    view = view_place(&place);
    if (globals->json)
        ctl_out_json(view, stdout);
    else
        print_place(view);
    ctl_cli_say_next(
        "on the controller 'belay desk admit YOURNAME %s' lets it in, then here 'belay "
        "--desk %s status'; undone by removing desks/%s.yaml and .key",
        ctl_json_text(view, "key"), place.name, place.name);

    return CTL_CLI_DONE;
}

static int show(void *userdata, const char *name, struct bl_error *err)
{
    struct ctl_desk_place place;
    int r = ctl_desk_place_load(name, &place, err);

    sodium_memzero(place.to.secret_key, sizeof(place.to.secret_key));
    if (r < 0)
        return r;

    return json_array_append_new(userdata, view_place(&place)) < 0
               ? bl_fail(err, -ENOMEM, "out of memory")
               : 0;
}

int ctl_cmd_desk_show(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"desk show", NULL, 0, 0, 1};
    CTL_AUTO_JSON *list = json_array(), *answer = NULL;
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    const json_t *place;
    size_t i;
    int r;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    r = arguments.count > 0 ? show(list, arguments.items[0], &err)
                            : ctl_desk_place_each(show, list, &err);
    if (r < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (globals->json) {
        answer = json_pack("{s:O}", "controllers", list);
        ctl_out_json(answer, stdout);
        return CTL_CLI_DONE;
    }
    if (json_array_size(list) == 0)
        (void)puts("this desk knows no controller elsewhere");
    json_array_foreach (list, i, place) {
        if (i > 0)
            (void)fputc('\n', stdout);
        print_place(place);
    }

    return CTL_CLI_DONE;
}

/* ---- on the controller ---- */

static void print_desks(const json_t *answer)
{
    const json_t *desks = json_object_get(answer, "desks"), *desk;
    CTL_AUTO_TABLE table = {0};
    size_t i;

    ctl_table_begin(&table, 5);
    ctl_table_row(&table,
                  (const char *const[]){"NAME", "STATE", "CONNECTIONS", "LAST SEEN", "KEY"});
    json_array_foreach (desks, i, desk) {
        const char *seen = ctl_json_text(desk, "last_seen");
        char count[24];

        (void)snprintf(count, sizeof(count), "%lld",
                       (long long)ctl_json_number(desk, "connections_count"));
        ctl_table_row(&table, (const char *const[]){
                                  ctl_json_text(desk, "name"), ctl_json_text(desk, "state"), count,
                                  seen[0] != '\0' ? seen : "-", ctl_json_text(desk, "key")});
    }
    if (json_array_size(desks) > 0)
        ctl_table_print(&table, stdout, "");
    else
        (void)puts("no desk elsewhere was ever admitted");
}

/* belayd listens for desks only when it was told where. */
static void say_where(const json_t *answer)
{
    const char *listen = ctl_json_text(answer, "listen");

    if (listen[0] == '\0')
        ctl_cli_say_next(
            "belayd listens for no desk yet: write 'admin: {listen: "
            "\"tcp://*:7314\"}' into controller.yaml, then 'systemctl restart belayd'");
    else
        ctl_cli_say_next("desks come in at %s; 'belay desk revoke' shuts one out", listen);
}

int ctl_cmd_desk_list(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"desk list", NULL, 0, 0, 0};
    struct ctl_cli_arguments arguments;
    CTL_AUTO_JSON *answer = NULL;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_cli_ask(globals, ctl_values_request("desk.list"), &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        ctl_cli_out_answer(answer);
        return CTL_CLI_DONE;
    }
    print_desks(answer);
    say_where(answer);

    return CTL_CLI_DONE;
}

/* Prints the desk that was admitted or revoked. */
static int order(struct ctl_cli_globals *globals, json_t *request, json_t **ret_answer)
{
    struct bl_error err = {0};
    const json_t *desk;

    if (ctl_cli_ask(globals, request, ret_answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json)
        return CTL_CLI_DONE;
    desk = json_object_get(*ret_answer, "desk");
    (void)fputs("desk   ", stdout);
    ctl_out_put(stdout, ctl_json_text(desk, "name"));
    (void)fputs("\nstate  ", stdout);
    ctl_out_put(stdout, ctl_json_text(desk, "state"));
    (void)fputs("\nkey    ", stdout);
    ctl_out_put(stdout, ctl_json_text(desk, "key"));
    (void)fputc('\n', stdout);

    return CTL_CLI_DONE;
}

int ctl_cmd_desk_admit(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"desk admit", NULL, 0, 2, 2};
    struct ctl_cli_arguments arguments;
    CTL_AUTO_JSON *answer = NULL;
    int exit_code;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    exit_code = order(globals,
                      json_pack("{s:s, s:s, s:s}", "verb", "desk.admit", "name", arguments.items[0],
                                "key", arguments.items[1]),
                      &answer);
    if (exit_code == CTL_CLI_DONE)
        say_where(answer);
    if (exit_code == CTL_CLI_DONE && globals->json)
        ctl_cli_out_answer(answer);

    return exit_code;
}

int ctl_cmd_desk_revoke(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"desk revoke", NULL, 0, 1, 1};
    struct ctl_cli_arguments arguments;
    CTL_AUTO_JSON *answer = NULL;
    int exit_code;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    exit_code =
        order(globals, json_pack("{s:s, s:s}", "verb", "desk.revoke", "desk", arguments.items[0]),
              &answer);
    if (exit_code != CTL_CLI_DONE)
        return exit_code;
    ctl_cli_say_next("its connections are cut; what it did is in 'belay audit log'. A new key of "
                     "'belay desk new' may be admitted");
    if (globals->json)
        ctl_cli_out_answer(answer);

    return CTL_CLI_DONE;
}
