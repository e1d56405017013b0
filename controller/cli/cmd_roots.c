/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_file.h"
#include "controller/cli/keyring.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/trust_desk.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

/* belay roots new, list, import, export: what concerns only this desk. */

static int make_root(int home_fd, const char *name, const char *passphrase_file,
                     enum ctl_key_kdf kdf, struct ctl_key *ret_key, struct bl_error *err)
{
    CTL_AUTO_SECRET passphrase = {0}, secret = {0};
    char purpose[96];
    int r;

    if (strcmp(name, "root") == 0)
        return bl_fail(err, -EINVAL, "'root' is root.key, which 'belay keys trust' makes");
    r = bl_dir_make(home_fd, "roots", 0700, err);
    if (r >= 0)
        r = ctl_key_make(name, CTL_KEY_ROLE_ROOT, ret_key, &secret, err);
    if (r < 0)
        return r;
    (void)snprintf(purpose, sizeof(purpose), "root key '%s'", ret_key->name);
    r = ctl_passphrase_get(passphrase_file, purpose, true, &passphrase, err);

    return r < 0 ? r : ctl_key_store(home_fd, ret_key, &secret, &passphrase, kdf, err);
}

static void tell_key(const struct ctl_cli_globals *globals, const struct ctl_key *key)
{
    char text[BL_HEX_BYTES(PROTO_KEY_BYTES)];

    bl_hex_encode(key->public_key, sizeof(key->public_key), text);
    if (globals->json) {
        CTL_AUTO_JSON *answer = json_pack("{s:s, s:s}", "name", key->name, "public", text);

        ctl_out_json(answer, stdout);
        return;
    }
    (void)printf("root    %s\npublic  %s\n", key->name, text);
}

int ctl_cmd_roots_new(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *kdf_name = NULL, *passphrase_file = NULL;
    const struct ctl_cli_option options[] = {
        {"kdf", CTL_CLI_VALUE, &kdf_name},
        {"passphrase-file", CTL_CLI_VALUE, &passphrase_file},
    };
    const struct ctl_cli_usage usage = {"roots new", options, 2, 1, 1};
    struct ctl_cli_arguments arguments;
    enum ctl_key_kdf kdf = CTL_KEY_KDF_MODERATE;
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};
    struct ctl_key key;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_key_kdf_from_name(kdf_name, &kdf, &err) < 0)
        return ctl_cli_say_usage("roots new", &err);
    if (ctl_home_open(true, &home_fd, &err) < 0 ||
        make_root(home_fd, arguments.items[0], passphrase_file, kdf, &key, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    tell_key(globals, &key);
    ctl_cli_say_next(
        "hosts believe it after 'belay roots change --add %s' here; or at the desk that "
        "writes the trust file, which takes in what 'belay roots export %s' prints",
        key.name, key.name);
    ctl_cli_say_next("a root that is in no trust file is undone by removing its two files");

    return CTL_CLI_DONE;
}

int ctl_cmd_roots_import(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"roots import", NULL, 0, 1, 1};
    struct ctl_cli_arguments arguments;
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};
    struct ctl_key key;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_home_open(true, &home_fd, &err) < 0 || bl_dir_make(home_fd, "roots", 0700, &err) < 0 ||
        ctl_key_import(home_fd, arguments.items[0], true, &key, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    tell_key(globals, &key);
    ctl_cli_say_next("compare the public key with its owner by voice, then "
                     "'belay roots change --add %s --request FILE'",
                     key.name);

    return CTL_CLI_DONE;
}

int ctl_cmd_roots_export(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"roots export", NULL, 0, 1, 1};
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
    if (ctl_home_open(false, &home_fd, &err) < 0 || ctl_root_list_read(home_fd, list, &err) < 0 ||
        ctl_key_list_find(list, arguments.items[0], &key, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    file = ctl_key_file_public(key);
    ctl_out_json(file, stdout);
    ctl_cli_say_next(
        "at the desk that writes the trust file: 'belay roots import FILE'; compare the "
        "public key by voice");

    return CTL_CLI_DONE;
}

/* ---- list: those of the trust file, and those that only this desk has ---- */

struct listing {
    struct ctl_table table;
    json_t *roots;
    uint64_t own_count; /* of those in the trust file */
};

static void list_one(struct listing *listing, const char *name, const uint8_t *key, bool own,
                     bool trusted)
{
    char text[BL_HEX_BYTES(PROTO_KEY_BYTES)];

    bl_hex_encode(key, PROTO_KEY_BYTES, text);
    listing->own_count += own && trusted;
    ctl_table_row(&listing->table, (const char *const[]){name, own ? "own" : "-",
                                                         trusted ? "yes" : "not yet", text});
    (void)json_array_append_new(listing->roots,
                                json_pack("{s:s, s:b, s:b, s:s}", "name", name, "own", own,
                                          "trusted", trusted, "public", text));
}

static bool is_own(const struct ctl_key_list *list, const uint8_t *key)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->own[i] && memcmp(list->keys[i].public_key, key, PROTO_KEY_BYTES) == 0)
            return true;
    }

    return false;
}

static void list_all(struct listing *listing, const struct ctl_key_list *list,
                     const struct proto_trust *trust)
{
    for (uint32_t i = 0; i < trust->roots_count; i++) {
        const struct proto_root *root = &trust->roots[i];

        list_one(listing, root->name, root->key, is_own(list, root->key), true);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        const struct ctl_key *key = &list->keys[i];

        if (!proto_trust_is_root(trust, key->public_key))
            list_one(listing, key->name, key->public_key, list->own[i], false);
    }
}

static int64_t ask_behind(struct ctl_cli_globals *globals)
{
    CTL_AUTO_JSON *present = NULL;
    struct bl_error ignored = {0};

    if (ctl_cli_ask(globals, json_pack("{s:s}", "verb", "trust.get"), &present, &ignored) < 0)
        return -1;

    return ctl_json_number(present, "hosts_behind_count");
}

static void tell_list(struct ctl_cli_globals *globals, struct listing *listing,
                      const struct proto_trust *trust)
{
    int64_t behind_count = ask_behind(globals);

    if (globals->json) {
        CTL_AUTO_JSON *answer =
            json_pack("{s:O, s:I, s:I, s:I, s:o}", "roots", listing->roots, "version",
                      (json_int_t)trust->version, "needed", (json_int_t)trust->roots_needed,
                      "own_count", (json_int_t)listing->own_count, "hosts_behind_count",
                      behind_count < 0 ? json_null() : json_integer((json_int_t)behind_count));

        ctl_out_json(answer, stdout);
        return;
    }
    ctl_table_print(&listing->table, stdout, "");
    if (trust->version == 0) {
        ctl_cli_say_next("'belay keys trust' writes the first trust file, with root.key");
        return;
    }
    (void)printf("%llu of %u roots must sign what follows trust file version %llu; this desk has "
                 "%llu of them\n",
                 (unsigned long long)trust->roots_needed, trust->roots_count,
                 (unsigned long long)trust->version, (unsigned long long)listing->own_count);
    if (behind_count > 0)
        (void)printf("%lld hosts judge by another trust file than the controller has\n",
                     (long long)behind_count);
}

int ctl_cmd_roots_list(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"roots list", NULL, 0, 0, 0};
    BL_AUTO_FREE struct ctl_key_list *list = calloc(1, sizeof(*list));
    CTL_AUTO_JSON *roots = json_array();
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER file = {0};
    struct listing listing = {.roots = roots};
    struct ctl_cli_arguments arguments;
    struct proto_trust trust = {0};
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};
    int r;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    r = list == NULL ? bl_fail(&err, -ENOMEM, "out of memory") : 0;
    if (r >= 0)
        r = ctl_home_open(false, &home_fd, &err);
    if (r >= 0)
        r = ctl_root_list_read(home_fd, list, &err);
    if (r >= 0)
        r = ctl_trust_desk_read(home_fd, &file, &err);
    if (r > 0)
        r = proto_trust_open(file.data, file.size_bytes, &arena, &trust, &err);
    if (r < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    ctl_table_begin(&listing.table, 4);
    ctl_table_row(&listing.table, (const char *const[]){"ROOT", "OWN", "TRUSTED", "PUBLIC KEY"});
    list_all(&listing, list, &trust);
    tell_list(globals, &listing, &trust);
    ctl_table_release(&listing.table);

    return CTL_CLI_DONE;
}
