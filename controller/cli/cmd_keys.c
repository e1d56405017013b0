/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_file.h"
#include "controller/cli/keyring.h"
#include "controller/cli/say.h"
#include "controller/cli/ssh_agent.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

/* belay keys new, list, import, export, passphrase: what concerns only this desk. */

static int make_sealed(int home_fd, const char *name, uint32_t role, const char *passphrase_file,
                       enum ctl_key_kdf kdf, struct ctl_key *ret_key, struct bl_error *err)
{
    CTL_AUTO_SECRET passphrase = {0}, secret = {0};
    char purpose[96];
    int r;

    r = ctl_key_make(name, role, ret_key, &secret, err);
    if (r < 0)
        return r;
    (void)snprintf(purpose, sizeof(purpose), "key '%s'", ret_key->name);
    r = ctl_passphrase_get(passphrase_file, purpose, true, &passphrase, err);
    if (r < 0)
        return r;

    return ctl_key_store(home_fd, ret_key, &secret, &passphrase, kdf, err);
}

/* The key is not made here: `ssh_key` is its public half, and ssh-agent must hold the other. */
static int take_from_agent(int home_fd, const char *name, uint32_t role, const char *ssh_key,
                           struct ctl_key *ret_key, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    struct ctl_ssh_agent agent;
    size_t text_bytes = 0;
    int r;

    if (!bl_text_is_name(name) || strlen(name) > CTL_KEY_NAME_BYTES_MAX)
        return bl_fail(err, -EINVAL, "'%.80s' is not a name for a key", name);
    *ret_key = (struct ctl_key){.role = role};
    memcpy(ret_key->name, name, strlen(name) + 1);
    r = bl_file_read(AT_FDCWD, ssh_key, CTL_SSH_PUBLIC_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0)
        return r;
    r = ctl_ssh_public_read(text, ret_key->public_key, err);
    if (r < 0)
        return bl_wrap(err, "'%.100s'", ssh_key);
    r = ctl_ssh_agent_find(&agent, err);
    if (r >= 0)
        r = ctl_ssh_agent_check(&agent, ret_key->public_key, err);

    return r < 0 ? r : ctl_key_store_in_agent(home_fd, ret_key, err);
}

static void out_key(const struct ctl_key *key, const char *public_key)
{
    CTL_AUTO_JSON *answer = json_pack("{s:s, s:s, s:s}", "name", key->name, "role",
                                      ctl_key_role_name(key->role), "public", public_key);

    ctl_out_json(answer, stdout);
}

int ctl_cmd_keys_new(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *role_name = NULL, *kdf_name = NULL, *passphrase_file = NULL, *ssh_key = NULL;
    const struct ctl_cli_option options[] = {
        {"role", CTL_CLI_VALUE, &role_name},
        {"kdf", CTL_CLI_VALUE, &kdf_name},
        {"passphrase-file", CTL_CLI_VALUE, &passphrase_file},
        {"ssh-key", CTL_CLI_VALUE, &ssh_key},
    };
    const struct ctl_cli_usage usage = {"keys new", options, 4, 1, 1};
    char text[BL_HEX_BYTES(PROTO_KEY_BYTES)], home[CTL_CLI_PATH_BYTES_MAX];
    struct ctl_cli_arguments arguments;
    enum ctl_key_kdf kdf = CTL_KEY_KDF_MODERATE;
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
    if (ssh_key != NULL && (kdf_name != NULL || passphrase_file != NULL)) {
        (void)bl_fail(&err, -EINVAL,
                      "--ssh-key goes without --kdf and --passphrase-file: ssh-agent "
                      "has the secret");
        return ctl_cli_say_usage("keys new", &err);
    }
    if (ctl_home_open(true, &home_fd, &err) < 0 || ctl_home_path(home, sizeof(home), &err) < 0 ||
        (ssh_key != NULL ? take_from_agent(home_fd, arguments.items[0], role, ssh_key, &key, &err)
                         : make_sealed(home_fd, arguments.items[0], role, passphrase_file, kdf,
                                       &key, &err)) < 0)
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
                                                    list->in_agent[i] ? "ssh-agent"
                                                    : list->own[i]    ? "own"
                                                                      : "-",
                                                    text});
        (void)json_array_append_new(keys, json_pack("{s:s, s:s, s:b, s:b, s:s}", "name", key->name,
                                                    "role", ctl_key_role_name(key->role), "own",
                                                    list->own[i], "ssh_agent", list->in_agent[i],
                                                    "public", text));
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
        ctl_key_import(home_fd, arguments.items[0], false, &key, &err) < 0)
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

int ctl_cmd_keys_export(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"keys export", NULL, 0, 1, 1};
    BL_AUTO_FREE struct ctl_key_list *list = calloc(1, sizeof(*list));
    struct ctl_cli_arguments arguments;
    const struct ctl_key *key = NULL;
    CTL_AUTO_JSON *file = NULL;
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};

    (void)globals; /* the file is JSON anyway */
    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (list == NULL) {
        (void)bl_fail(&err, -ENOMEM, "out of memory");
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    }
    if (ctl_home_open(false, &home_fd, &err) < 0 || ctl_key_list_read(home_fd, list, &err) < 0 ||
        ctl_key_list_find(list, arguments.items[0], &key, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    file = ctl_key_file_public(key);
    ctl_out_json(file, stdout);
    ctl_cli_say_next("bring it to the desk with root.key: 'belay keys import FILE' there, compare "
                     "the public key by voice, then 'belay keys trust'");

    return CTL_CLI_DONE;
}

struct change {
    const char *former_file, *next_file;
    bool is_root;
    enum ctl_key_kdf kdf;
};

static int change_passphrase(int home_fd, const char *name, const struct change *change,
                             struct bl_error *err)
{
    BL_AUTO_FREE struct ctl_key_list *list = calloc(1, sizeof(*list));
    CTL_AUTO_SECRET former = {0}, next = {0};
    const struct ctl_key *key = NULL;
    struct ctl_key root;
    char purpose[96];
    int r;

    if (list == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    if (change->is_root) {
        key = &root;
        r = name == NULL ? ctl_key_read_root(home_fd, &root, err)
                         : ctl_root_list_read(home_fd, list, err);
        if (r >= 0 && name != NULL)
            r = ctl_key_choose(list, name, &key, err);
    } else {
        r = ctl_key_list_read(home_fd, list, err);
        if (r >= 0)
            r = ctl_key_choose(list, name, &key, err);
        if (r >= 0 && ctl_key_is_in_agent(home_fd, key, err) > 0)
            r = bl_fail(err, -EINVAL,
                        "ssh-agent has the secret of '%.80s': 'ssh-keygen -p' changes the "
                        "passphrase of its file",
                        key->name);
    }
    if (r < 0)
        return r;
    (void)snprintf(purpose, sizeof(purpose), "key '%s'", key->name);
    r = ctl_passphrase_get(change->former_file, purpose, false, &former, err);
    if (r >= 0)
        r = ctl_passphrase_get_next(change->next_file, purpose, &next, err);

    return r < 0 ? r : ctl_key_reseal(home_fd, key, &former, &next, change->kdf, err);
}

int ctl_cmd_keys_passphrase(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct change change = {0};
    const char *kdf_name = NULL;
    const struct ctl_cli_option options[] = {
        {"root", CTL_CLI_FLAG, &change.is_root},
        {"kdf", CTL_CLI_VALUE, &kdf_name},
        {"passphrase-file", CTL_CLI_VALUE, &change.former_file},
        {"new-passphrase-file", CTL_CLI_VALUE, &change.next_file},
    };
    const struct ctl_cli_usage usage = {"keys passphrase", options, 4, 0, 1};
    struct ctl_cli_arguments arguments;
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};
    const char *name;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    name = arguments.count > 0 ? arguments.items[0] : NULL;
    if (ctl_key_kdf_from_name(kdf_name, &change.kdf, &err) < 0)
        return ctl_cli_say_usage("keys passphrase", &err);
    if (ctl_home_open(false, &home_fd, &err) < 0 ||
        change_passphrase(home_fd, name, &change, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (globals->json) {
        CTL_AUTO_JSON *answer = json_pack("{s:b}", "changed", true);

        ctl_out_json(answer, stdout);
    }
    ctl_cli_say_next(
        "the key is the same, and copies of its former file still open with the former "
        "passphrase: if somebody has one, make another key and 'belay keys trust "
        "--revoke NAME'");

    return CTL_CLI_DONE;
}
