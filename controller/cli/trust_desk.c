/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/trust_desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/base64.h"
#include "controller/cli/keyring.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/trust_request.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

#define TRUST_FILE "trust"

enum {
    NAME_BYTES = 32,
};

static void name_version(uint64_t version, char ret_name[NAME_BYTES])
{
    (void)snprintf(ret_name, NAME_BYTES, TRUST_FILE "-%llu", (unsigned long long)version);
}

/* As the version it is, so that hosts which have the one before it can get it later. */
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

int ctl_trust_desk_read(int home_fd, struct proto_buffer *ret_file, struct bl_error *err)
{
    struct bl_error missing = {0};
    char *data = NULL;
    int r = bl_file_read(home_fd, TRUST_FILE, (size_t)2 * PROTO_TRUST_BYTES_MAX, &data,
                         &ret_file->size_bytes, &missing);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return bl_fail(err, r, "%s", missing.text);
    ret_file->data = (uint8_t *)data;
    ret_file->capacity_bytes = ret_file->size_bytes;

    return 1;
}

int ctl_trust_desk_keep(int home_fd, const struct proto_buffer *former,
                        const struct proto_buffer *file, struct bl_error *err)
{
    int r = 0;

    /* The one before as well: a desk that was copied may have it without its number. */
    if (former->size_bytes > 0)
        r = keep_version(home_fd, former, err);
    /* The numbered one first: each version must be there for hosts that have the one before. */
    if (r >= 0)
        r = keep_version(home_fd, file, err);

    return r < 0 ? r : bl_file_replace(home_fd, TRUST_FILE, file->data, file->size_bytes, err);
}

/* Not only one of its version: the controller may have another one, of another desk. */
static bool is_same(const json_t *present, const void *data, size_t size_bytes)
{
    PROTO_AUTO_BUFFER theirs = {0};
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust here, there;
    struct bl_error ignored = {0};

    return ctl_trust_request_decode(ctl_json_text(present, "trust"), &theirs, &ignored) >= 0 &&
           proto_trust_open(theirs.data, theirs.size_bytes, &arena, &there, &ignored) >= 0 &&
           proto_trust_open(data, size_bytes, &arena, &here, &ignored) >= 0 &&
           memcmp(here.hash, there.hash, sizeof(here.hash)) == 0;
}

static bool controller_has(struct ctl_cli_globals *globals, const struct proto_buffer *file)
{
    CTL_AUTO_JSON *present = NULL;
    struct bl_error ignored = {0};

    return ctl_cli_ask(globals, json_pack("{s:s}", "verb", "trust.get"), &present, &ignored) >= 0 &&
           is_same(present, file->data, file->size_bytes);
}

/*
 * A version alone tells no file: what another desk wrote in between would be lost, such as that
 * somebody was revoked. -ESTALE. Whatever can't be compared is left to trust.set.
 */
static int check_before(struct ctl_cli_globals *globals, int home_fd,
                        const struct proto_buffer *file, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    BL_AUTO_FREE char *data = NULL;
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
        bl_file_read(home_fd, name, PROTO_TRUST_BYTES_MAX, &data, &data_bytes, &ignored) < 0 ||
        is_same(present, data, data_bytes))
        return 0;

    return bl_fail(err, -ESTALE,
                   "version %llu of the controller is not the one that this desk goes on from: "
                   "what another desk changed, such as who was revoked, would be lost",
                   (unsigned long long)trust.version - 1);
}

static int hand_over(struct ctl_cli_globals *globals, int home_fd, const struct proto_buffer *file,
                     bool anew, struct bl_error *err)
{
    CTL_AUTO_JSON *answer = NULL;
    BL_AUTO_FREE char *text = ctl_base64(file->data, file->size_bytes);
    json_t *request;
    int r;

    if (text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    r = anew ? 0 : check_before(globals, home_fd, file, err);
    if (r < 0)
        return r;
    request = json_pack("{s:s, s:s}", "verb", "trust.set", "trust", text);
    if (anew && request != NULL)
        (void)json_object_set_new(request, "anew", json_true());

    return ctl_cli_ask(globals, request, &answer, err);
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
        r = hand_over(globals, home_fd, &former, false, err);
        if (r < 0)
            return r;
    }

    return 0;
}

static int hand_over_all(struct ctl_cli_globals *globals, int home_fd,
                         const struct proto_buffer *file, bool anew, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust trust = {0};
    int r;

    r = hand_over(globals, home_fd, file, anew, err);
    if (r >= 0 || strcmp(globals->code, "trust_gap") != 0)
        return r;
    *err = (struct bl_error){0};
    r = proto_trust_open(file->data, file->size_bytes, &arena, &trust, err);
    if (r >= 0)
        r = hand_over_former(globals, home_fd, trust.version, err);

    return r < 0 ? r : hand_over(globals, home_fd, file, anew, err);
}

static void tell_json(const struct proto_trust *trust, const char *anchor)
{
    CTL_AUTO_JSON *answer =
        json_pack("{s:I, s:s, s:[], s:I, s:[]}", "version", (json_int_t)trust->version, "anchor",
                  anchor, "people", "roots_needed", (json_int_t)trust->roots_needed, "roots");

    for (uint32_t i = 0; i < trust->people_count; i++) {
        char key[BL_HEX_BYTES(PROTO_KEY_BYTES)];

        bl_hex_encode(trust->people[i].key, PROTO_KEY_BYTES, key);
        (void)json_array_append_new(json_object_get(answer, "people"),
                                    json_pack("{s:s, s:s, s:s, s:b}", "name", trust->people[i].name,
                                              "role", ctl_key_role_name(trust->people[i].role),
                                              "key", key, "revoked", trust->people[i].revoked));
    }
    for (uint32_t i = 0; i < trust->roots_count; i++) {
        char key[BL_HEX_BYTES(PROTO_KEY_BYTES)];

        bl_hex_encode(trust->roots[i].key, PROTO_KEY_BYTES, key);
        (void)json_array_append_new(
            json_object_get(answer, "roots"),
            json_pack("{s:s, s:s}", "name", trust->roots[i].name, "key", key));
    }
    ctl_out_json(answer, stdout);
}

int ctl_trust_desk_tell(const struct ctl_cli_globals *globals, const struct proto_buffer *file,
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
    (void)printf("  %llu of %u roots sign the next one:", (unsigned long long)trust.roots_needed,
                 trust.roots_count);
    for (uint32_t i = 0; i < trust.roots_count; i++) {
        (void)fputs(i > 0 ? ", " : " ", stdout);
        ctl_out_put(stdout, trust.roots[i].name);
    }
    (void)fputc('\n', stdout);
    for (uint32_t i = 0; i < trust.people_count; i++) {
        (void)printf("  %-10s ", ctl_key_role_name(trust.people[i].role));
        ctl_out_put(stdout, trust.people[i].name);
        (void)puts(trust.people[i].revoked ? "  (revoked)" : "");
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

/* The trust file is written; handing it over may be repeated at any time. */
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

int ctl_trust_desk_deliver(struct ctl_cli_globals *globals, int home_fd,
                           const struct proto_buffer *file, bool anew)
{
    struct bl_error err = {0};
    bool is_stale;
    int r;

    r = hand_over_all(globals, home_fd, file, anew, &err);
    is_stale = r == -ESTALE || (r < 0 && strcmp(globals->code, "stale_trust") == 0);
    if (is_stale && !anew && controller_has(globals, file)) {
        ctl_cli_say_next("nothing: the trust file is unchanged and the controller has it already");
        return CTL_CLI_DONE;
    }
    if (r < 0) {
        int exit_code = ctl_cli_say_failure(globals, &err);

        if (anew)
            ctl_cli_say_next(
                "the new chain is written on this desk, and the controller has not got "
                "it: 'belay keys trust --anew' again hands over the next one");
        else
            tell_not_delivered(globals, is_stale, exit_code);
        return exit_code;
    }
    if (anew) {
        ctl_cli_say_next(
            "hosts that are in keep the roots that they know and get nothing new: let each join "
            "anew by way of a bastion, 'belay-agent join --force' with a new token; "
            "'hosts_behind_count' of 'belay roots list --json' counts those that are left");
        return CTL_CLI_DONE;
    }
    ctl_cli_say_next(
        "hosts that are connected get it now, others when they come back ('belay hosts show HOST' "
        "tells its version), new ones when they join; --revoke NAME takes somebody out again");

    return CTL_CLI_DONE;
}
