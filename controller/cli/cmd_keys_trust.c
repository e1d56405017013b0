/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/base64.h"
#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/trust_build.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

#define TRUST_FILE "trust"

enum {
    NAME_BYTES = 32,
};

struct wishes {
    const char *passphrase_file;
    enum ctl_key_kdf kdf;
    struct ctl_trust_wish trust;
};

/* Opens root.key, or makes it: then `secret` is ready without another question. */
static int open_root(int home_fd, const struct wishes *wishes, struct ctl_key *ret_root,
                     struct ctl_secret *ret_secret, struct bl_error *err)
{
    CTL_AUTO_SECRET passphrase = {0};
    int r;

    r = ctl_key_read_root(home_fd, ret_root, err);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r >= 0)
        return 0; /* unlocked only when there is something to sign */

    r = ctl_key_make("root", CTL_KEY_ROLE_ROOT, ret_root, ret_secret, err);
    if (r < 0)
        return r;
    r = ctl_passphrase_get(wishes->passphrase_file, "root.key, which decides whom hosts believe",
                           true, &passphrase, err);
    if (r < 0)
        return r;

    return ctl_key_store(home_fd, ret_root, ret_secret, &passphrase, wishes->kdf, err);
}

static int unlock_root(int home_fd, const struct wishes *wishes, const struct ctl_key *root,
                       struct ctl_secret *secret, struct bl_error *err)
{
    CTL_AUTO_SECRET passphrase = {0};
    int r;

    if (secret->bytes != NULL)
        return 0;
    r = ctl_passphrase_get(wishes->passphrase_file, "root.key", false, &passphrase, err);
    if (r < 0)
        return r;

    return ctl_key_unlock(home_fd, root, &passphrase, secret, err);
}

static void name_version(uint64_t version, char ret_name[NAME_BYTES])
{
    (void)snprintf(ret_name, NAME_BYTES, TRUST_FILE "-%llu", (unsigned long long)version);
}

static int keep_version(int home_fd, const struct proto_buffer *file, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust trust = {0};
    char name[NAME_BYTES];
    int r;

    r = proto_trust_open(file->data, file->size_bytes, &arena, &trust, err);
    if (r < 0)
        return r;
    name_version(trust.version, name);

    return bl_file_replace(home_fd, name, file->data, file->size_bytes, err);
}

/* Leaves the newest trust file in *ret_file and on disk. 1: it is a new one. */
static int renew(int home_fd, const struct wishes *wishes, struct proto_buffer *ret_file,
                 struct bl_error *err)
{
    PROTO_AUTO_BUFFER body = {0};
    CTL_AUTO_SECRET secret = {0};
    BL_AUTO_FREE char *before = NULL;
    struct ctl_key root;
    size_t before_bytes = 0;
    int r;

    r = open_root(home_fd, wishes, &root, &secret, err);
    if (r < 0)
        return r;
    r = bl_file_read(home_fd, TRUST_FILE, (size_t)2 * PROTO_TRUST_BYTES_MAX, &before, &before_bytes,
                     err);
    if (r < 0 && r != -ENOENT)
        return r;
    r = ctl_trust_next(before, before_bytes, &root, &wishes->trust, &body, err);
    if (r < 0)
        return r;
    if (r == 0) { /* nothing to change: hand over what is there */
        ret_file->data = (uint8_t *)BL_TAKE_PTR(before);
        ret_file->size_bytes = ret_file->capacity_bytes = before_bytes;
        return 0;
    }
    r = unlock_root(home_fd, wishes, &root, &secret, err);
    if (r < 0)
        return r;
    r = ctl_trust_sign(&body, &root, &secret, ret_file, err);
    if (r < 0)
        return r;
    /* The one before as well: a desk that was copied may have it without its number. */
    if (before_bytes > 0) {
        const struct proto_buffer former = {.data = (uint8_t *)before, .size_bytes = before_bytes};

        r = keep_version(home_fd, &former, err);
        if (r < 0)
            return r;
    }
    /* The numbered one first: each version must be there for hosts that have the one before. */
    r = keep_version(home_fd, ret_file, err);
    if (r >= 0)
        r = bl_file_replace(home_fd, TRUST_FILE, ret_file->data, ret_file->size_bytes, err);

    return r < 0 ? r : 1;
}

/*
 * A version alone tells no file: what another desk wrote in between would be lost, such as that
 * somebody was revoked. -ESTALE. Whatever can't be compared is left to trust.set.
 */
static int check_before(struct ctl_cli_globals *globals, int home_fd,
                        const struct proto_buffer *file, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    BL_AUTO_FREE char *data = NULL, *text = NULL;
    CTL_AUTO_JSON *present = NULL;
    struct proto_trust trust = {0};
    struct bl_error ignored = {0};
    char name[NAME_BYTES];
    size_t data_bytes = 0;
    int r;

    r = proto_trust_open(file->data, file->size_bytes, &arena, &trust, err);
    if (r < 0)
        return r;
    name_version(trust.version - 1, name);
    if (ctl_cli_ask(globals, json_pack("{s:s}", "verb", "trust.get"), &present, &ignored) < 0 ||
        (uint64_t)ctl_json_number(present, "version") != trust.version - 1 ||
        ctl_json_text(present, "trust")[0] == '\0' ||
        bl_file_read(home_fd, name, PROTO_TRUST_BYTES_MAX, &data, &data_bytes, &ignored) < 0)
        return 0;
    text = ctl_base64(data, data_bytes);
    if (text != NULL && strcmp(ctl_json_text(present, "trust"), text) == 0)
        return 0;

    return bl_fail(err, -ESTALE,
                   "version %llu of the controller is not the one that this desk goes on from: "
                   "what another desk changed, such as who was revoked, would be lost",
                   (unsigned long long)trust.version - 1);
}

static int hand_over(struct ctl_cli_globals *globals, int home_fd, const struct proto_buffer *file,
                     struct bl_error *err)
{
    CTL_AUTO_JSON *answer = NULL;
    BL_AUTO_FREE char *text = ctl_base64(file->data, file->size_bytes);
    int r;

    if (text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    r = check_before(globals, home_fd, file, err);
    if (r < 0)
        return r;

    return ctl_cli_ask(globals, json_pack("{s:s, s:s}", "verb", "trust.set", "trust", text),
                       &answer, err);
}

/*
 * The controller lacks versions before the newest, which hosts need one by one: hands over those
 * that it has not got. The newest is handed over by the caller.
 */
static int hand_over_former(struct ctl_cli_globals *globals, int home_fd, uint64_t newest,
                            struct bl_error *err)
{
    CTL_AUTO_JSON *present = NULL;
    int r;

    r = ctl_cli_ask(globals, json_pack("{s:s}", "verb", "trust.get"), &present, err);
    if (r < 0)
        return r;
    for (uint64_t version = (uint64_t)ctl_json_number(present, "version") + 1; version < newest;
         version++) {
        struct proto_buffer former = {0};
        BL_AUTO_FREE char *data = NULL;
        char name[NAME_BYTES];

        name_version(version, name);
        r = bl_file_read(home_fd, name, PROTO_TRUST_BYTES_MAX, &data, &former.size_bytes, err);
        if (r < 0)
            return bl_wrap(err, "the controller lacks trust file version %llu",
                           (unsigned long long)version);
        former.data = (uint8_t *)data;
        r = hand_over(globals, home_fd, &former, err);
        if (r < 0)
            return r;
    }

    return 0;
}

static int hand_over_all(struct ctl_cli_globals *globals, int home_fd,
                         const struct proto_buffer *file, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust trust = {0};
    int r;

    r = hand_over(globals, home_fd, file, err);
    if (r >= 0 || strcmp(globals->code, "trust_gap") != 0)
        return r;
    *err = (struct bl_error){0};
    r = proto_trust_open(file->data, file->size_bytes, &arena, &trust, err);
    if (r >= 0)
        r = hand_over_former(globals, home_fd, trust.version, err);

    return r < 0 ? r : hand_over(globals, home_fd, file, err);
}

static void tell_json(const struct proto_trust *trust, const char *anchor)
{
    CTL_AUTO_JSON *answer = json_pack("{s:I, s:s, s:[]}", "version", (json_int_t)trust->version,
                                      "anchor", anchor, "people");

    for (uint32_t i = 0; i < trust->people_count; i++) {
        char key[BL_HEX_BYTES(PROTO_KEY_BYTES)];

        bl_hex_encode(trust->people[i].key, PROTO_KEY_BYTES, key);
        (void)json_array_append_new(json_object_get(answer, "people"),
                                    json_pack("{s:s, s:s, s:s, s:b}", "name", trust->people[i].name,
                                              "role", ctl_key_role_name(trust->people[i].role),
                                              "key", key, "revoked", trust->people[i].revoked));
    }
    ctl_out_json(answer, stdout);
}

static int tell(const struct ctl_cli_globals *globals, const struct proto_buffer *file,
                struct bl_error *err)
{
    static const char *const risks[] = {"low", "medium", "high"};
    PROTO_AUTO_ARENA arena = {0};
    uint8_t anchor[PROTO_HASH_BYTES];
    char anchor_text[BL_HEX_BYTES(PROTO_HASH_BYTES)];
    struct proto_trust trust = {0};
    int r;

    r = proto_trust_open(file->data, file->size_bytes, &arena, &trust, err);
    if (r < 0)
        return r;
    proto_trust_anchor(&trust, anchor);
    bl_hex_encode(anchor, sizeof(anchor), anchor_text);
    if (globals->json) {
        tell_json(&trust, anchor_text);
        return 0;
    }
    (void)printf("trust file version %llu, anchor %s\n", (unsigned long long)trust.version,
                 anchor_text);
    for (uint32_t i = 0; i < trust.people_count; i++) {
        (void)printf("  %-10s %s%s\n", ctl_key_role_name(trust.people[i].role),
                     trust.people[i].name, trust.people[i].revoked ? "  (revoked)" : "");
    }
    for (uint32_t i = 0; i < trust.quorums_count; i++) {
        (void)printf("  %s risk needs %llu operator%s and %llu commander%s\n", risks[i],
                     (unsigned long long)trust.quorums[i].operators,
                     trust.quorums[i].operators == 1 ? "" : "s",
                     (unsigned long long)trust.quorums[i].commanders,
                     trust.quorums[i].commanders == 1 ? "" : "s");
    }

    return 0;
}

/* Not only one of its version: it may have another one, of another desk. */
static bool controller_has(struct ctl_cli_globals *globals, const struct proto_buffer *file)
{
    BL_AUTO_FREE char *text = ctl_base64(file->data, file->size_bytes);
    CTL_AUTO_JSON *present = NULL;
    struct bl_error ignored = {0};

    return text != NULL &&
           ctl_cli_ask(globals, json_pack("{s:s}", "verb", "trust.get"), &present, &ignored) >= 0 &&
           strcmp(ctl_json_text(present, "trust"), text) == 0;
}

static void tell_not_delivered(const struct ctl_cli_globals *globals, bool is_stale, int exit_code)
{
    if (is_stale) {
        ctl_cli_say_next("the controller has another trust file, which this desk did not write: no "
                         "host gets this one; go on at the desk that wrote the newest");
    } else if (exit_code == CTL_CLI_UNREACHABLE) {
        ctl_cli_say_next(
            "the trust file is written on this desk; 'belay keys trust' again hands it over");
    } else if (globals->desk != NULL) {
        ctl_cli_say_next("the trust file is written on this desk, and NO host has it: a desk "
                         "elsewhere may not hand it over; 'belay keys trust' with this BELAY_HOME "
                         "on the controller does");
    } else {
        ctl_cli_say_next("the trust file is written on this desk, and NO host has it: see above "
                         "for why");
    }
}

/* The trust file is written; handing it over may be repeated at any time. */
static int deliver(struct ctl_cli_globals *globals, int home_fd, const struct proto_buffer *file,
                   bool is_new)
{
    struct bl_error err = {0};
    bool is_stale;
    int r;

    r = hand_over_all(globals, home_fd, file, &err);
    is_stale = r == -ESTALE || (r < 0 && strcmp(globals->code, "stale_trust") == 0);
    if (is_stale && !is_new && controller_has(globals, file)) {
        ctl_cli_say_next("nothing: the trust file is unchanged and the controller has it already");
        return CTL_CLI_DONE;
    }
    if (r < 0) {
        int exit_code = ctl_cli_say_failure(globals, &err);

        tell_not_delivered(globals, is_stale, exit_code);
        return exit_code;
    }
    ctl_cli_say_next(
        "hosts that are connected get it now, others when they come back ('belay hosts show HOST' "
        "tells its version), new ones when they join; --revoke NAME takes somebody out again");

    return CTL_CLI_DONE;
}

int ctl_cmd_keys_trust(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct wishes wishes = {0};
    struct ctl_cli_values revoke = {0};
    const char *kdf_name = NULL;
    const struct ctl_cli_option options[] = {
        {"quorum-low", CTL_CLI_VALUE, &wishes.trust.quorums[0]},
        {"quorum-medium", CTL_CLI_VALUE, &wishes.trust.quorums[1]},
        {"quorum-high", CTL_CLI_VALUE, &wishes.trust.quorums[2]},
        {"revoke", CTL_CLI_VALUES, &revoke},
        {"kdf", CTL_CLI_VALUE, &kdf_name},
        {"passphrase-file", CTL_CLI_VALUE, &wishes.passphrase_file},
    };
    const struct ctl_cli_usage usage = {"keys trust", options, 6, 0, 0};
    BL_AUTO_FREE struct ctl_key_list *list = calloc(1, sizeof(*list));
    PROTO_AUTO_BUFFER file = {0};
    struct ctl_cli_arguments arguments;
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};
    int r;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_key_kdf_from_name(kdf_name, &wishes.kdf, &err) < 0)
        return ctl_cli_say_usage("keys trust", &err);
    r = list == NULL ? bl_fail(&err, -ENOMEM, "out of memory") : 0;
    if (r >= 0)
        r = ctl_home_open(true, &home_fd, &err);
    if (r >= 0)
        r = ctl_key_list_read(home_fd, list, &err);
    wishes.trust.keys = list;
    wishes.trust.revoke = revoke.items;
    wishes.trust.revoke_count = revoke.count;
    if (r >= 0)
        r = renew(home_fd, &wishes, &file, &err);
    if (r < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (tell(globals, &file, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);

    return deliver(globals, home_fd, &file, r > 0);
}
