/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/commands.h"
#include "controller/cli/keyring.h"
#include "controller/cli/say.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

/* belay keys new, list, import: what concerns only this desk. */

static int store_sealed(int home_fd, const struct ctl_key *key, const struct ctl_secret *secret,
                        const char *passphrase_file, enum ctl_key_kdf kdf, struct bl_error *err)
{
    CTL_AUTO_SECRET passphrase = {0};
    char purpose[96];
    int r;

    (void)snprintf(purpose, sizeof(purpose), "key '%s'", key->name);
    r = ctl_passphrase_get(passphrase_file, purpose, true, &passphrase, err);
    if (r < 0)
        return r;

    return ctl_key_store(home_fd, key, secret, &passphrase, kdf, err);
}

static void out_key(const struct ctl_key *key, const char *public_key)
{
    CTL_AUTO_JSON *answer = json_pack("{s:s, s:s, s:s}", "name", key->name, "role",
                                      ctl_key_role_name(key->role), "public", public_key);

    ctl_out_json(answer, stdout);
}

int ctl_cmd_keys_new(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *role_name = NULL, *kdf_name = NULL, *passphrase_file = NULL;
    const struct ctl_cli_option options[] = {
        {"role", CTL_CLI_VALUE, &role_name},
        {"kdf", CTL_CLI_VALUE, &kdf_name},
        {"passphrase-file", CTL_CLI_VALUE, &passphrase_file},
    };
    const struct ctl_cli_usage usage = {"keys new", options, 3, 1, 1};
    char text[BL_HEX_BYTES(PROTO_KEY_BYTES)], home[CTL_CLI_PATH_BYTES_MAX];
    struct ctl_cli_arguments arguments;
    enum ctl_key_kdf kdf = CTL_KEY_KDF_MODERATE;
    CTL_AUTO_SECRET secret = {0};
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};
    struct ctl_key key;
    uint32_t role;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    role = role_name == NULL ? 0 : ctl_key_role_from_name(role_name);
    if (role == 0) {
        (void)bl_fail(&err, -EINVAL, "--role must be operator or commander");
        return ctl_cli_say_usage("keys new", &err);
    }
    if (ctl_key_kdf_from_name(kdf_name, &kdf, &err) < 0)
        return ctl_cli_say_usage("keys new", &err);
    if (ctl_home_open(true, &home_fd, &err) < 0 || ctl_home_path(home, sizeof(home), &err) < 0 ||
        ctl_key_make(arguments.items[0], role, &key, &secret, &err) < 0 ||
        store_sealed(home_fd, &key, &secret, passphrase_file, kdf, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);

    bl_hex_encode(key.public_key, sizeof(key.public_key), text);
    if (globals->json) {
        out_key(&key, text);
        return CTL_CLI_DONE;
    }
    (void)printf("key     %s\nrole    %s\npublic  %s\nfile    %s/keys/%s.key\n", key.name,
                 ctl_key_role_name(key.role), text, home, key.name);
    ctl_cli_say_next(
        "'belay keys trust' makes hosts believe it; a key of this desk is undone by removing "
        "its two files");

    return CTL_CLI_DONE;
}

int ctl_cmd_keys_list(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"keys list", NULL, 0, 0, 0};
    BL_AUTO_FREE struct ctl_key_list *list = calloc(1, sizeof(*list));
    CTL_AUTO_TABLE table = {0};
    CTL_AUTO_JSON *keys = json_array();
    struct ctl_cli_arguments arguments;
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (list == NULL) {
        (void)bl_fail(&err, -ENOMEM, "out of memory");
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    }
    if (ctl_home_open(false, &home_fd, &err) < 0 || ctl_key_list_read(home_fd, list, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);

    ctl_table_begin(&table, 4);
    ctl_table_row(&table, (const char *const[]){"NAME", "ROLE", "OWN", "PUBLIC KEY"});
    for (uint32_t i = 0; i < list->count; i++) {
        const struct ctl_key *key = &list->keys[i];
        char text[BL_HEX_BYTES(PROTO_KEY_BYTES)];

        bl_hex_encode(key->public_key, sizeof(key->public_key), text);
        ctl_table_row(&table, (const char *const[]){key->name, ctl_key_role_name(key->role),
                                                    list->own[i] ? "own" : "-", text});
        (void)json_array_append_new(keys, json_pack("{s:s, s:s, s:b, s:s}", "name", key->name,
                                                    "role", ctl_key_role_name(key->role), "own",
                                                    list->own[i], "public", text));
    }
    if (globals->json) {
        CTL_AUTO_JSON *answer = json_pack("{s:O}", "keys", keys);

        ctl_out_json(answer, stdout);
    } else {
        ctl_table_print(&table, stdout, "");
    }

    return CTL_CLI_DONE;
}

int ctl_cmd_keys_import(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"keys import", NULL, 0, 1, 1};
    char text[BL_HEX_BYTES(PROTO_KEY_BYTES)];
    struct ctl_cli_arguments arguments;
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};
    struct ctl_key key;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_home_open(true, &home_fd, &err) < 0 ||
        ctl_key_import(home_fd, arguments.items[0], &key, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    bl_hex_encode(key.public_key, sizeof(key.public_key), text);
    if (globals->json) {
        out_key(&key, text);
        return CTL_CLI_DONE;
    }
    (void)printf("key     %s\nrole    %s\npublic  %s\n", key.name, ctl_key_role_name(key.role),
                 text);
    ctl_cli_say_next("compare the public key with its owner by voice, then 'belay keys trust'");

    return CTL_CLI_DONE;
}
