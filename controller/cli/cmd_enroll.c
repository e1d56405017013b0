/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/base64.h"
#include "controller/cli/commands.h"
#include "controller/cli/keyring.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/values.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"
#include "proto/trust.h"

enum {
    USES_MAX = 10000,
    ANCHOR_BYTES = 16, /* of the anchor, in a token: enough that nobody makes another root for it */
};

#define EXPIRES_MS_MAX (INT64_C(1000) * 3600 * 24 * 90)

/*
 * The anchor comes from the trust file of *this desk*: a controller that was taken over cannot
 * make tokens that let hosts believe other people.
 */
static int read_anchor(uint8_t ret_anchor[PROTO_HASH_BYTES], struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    BL_AUTO_FREE char *data = NULL;
    BL_AUTO_FD int home_fd = -1;
    struct proto_trust trust;
    size_t data_bytes = 0;
    int r;

    r = ctl_home_open(false, &home_fd, err);
    if (r >= 0)
        r = bl_file_read(home_fd, "trust", (size_t)2 * PROTO_TRUST_BYTES_MAX, &data, &data_bytes,
                         err);
    if (r == -ENOENT) {
        return bl_fail(err, -ENOENT,
                       "this desk has no trust file yet, so a host could believe nobody: "
                       "'belay keys new NAME --role operator', then 'belay keys trust'");
    }
    if (r < 0)
        return r;
    r = proto_trust_open(data, data_bytes, &arena, &trust, err);
    if (r < 0)
        return bl_wrap(err, "the trust file of this desk");
    proto_trust_anchor(&trust, ret_anchor);

    return 0;
}

static int print_token(const struct ctl_cli_globals *globals, const json_t *answer,
                       const uint8_t anchor[PROTO_HASH_BYTES], struct bl_error *err)
{
    uint8_t both[PROTO_TOKEN_BYTES + ANCHOR_BYTES];
    char token[96], anchor_text[BL_HEX_BYTES(PROTO_HASH_BYTES)];
    BL_AUTO_FREE char *text = NULL;
    int r;

    bl_hex_encode(anchor, PROTO_HASH_BYTES, anchor_text);
    if (strcmp(ctl_json_text(answer, "anchor"), anchor_text) != 0) {
        return bl_fail(err, -EKEYREJECTED,
                       "the controller hands out another trust file than that of this desk: "
                       "'belay keys trust'");
    }
    r = bl_hex_decode(ctl_json_text(answer, "secret"), both, PROTO_TOKEN_BYTES, err);
    if (r < 0)
        return bl_wrap(err, "the controller's token");
    memcpy(both + PROTO_TOKEN_BYTES, anchor, ANCHOR_BYTES);
    text = ctl_base64_url(both, sizeof(both));
    if (text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    (void)snprintf(token, sizeof(token), "belay1.%s", text);
    if (globals->json) {
        CTL_AUTO_JSON *out = json_pack("{s:s, s:s, s:I}", "token", token, "expires",
                                       ctl_json_text(answer, "expires"), "uses",
                                       (json_int_t)ctl_json_number(answer, "uses"));

        ctl_out_json(out, stdout);
        return 0;
    }
    (void)puts(token);
    ctl_cli_say_next(
        "on the host: 'belay-agent join --controller tcp://… --controller-key KEY --token "
        "TOKEN'; KEY: 'belay enroll key'");

    return 0;
}

int ctl_cmd_enroll_token(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *uses_text = NULL, *expires_text = NULL;
    struct ctl_cli_values label_values = {0};
    const struct ctl_cli_option options[] = {
        {"label", CTL_CLI_VALUES, &label_values},
        {"uses", CTL_CLI_VALUE, &uses_text},
        {"expires", CTL_CLI_VALUE, &expires_text},
    };
    const struct ctl_cli_usage usage = {"enroll token", options, 3, 0, 0};
    CTL_AUTO_JSON *labels = NULL, *answer = NULL;
    uint8_t anchor[PROTO_HASH_BYTES];
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};
    int64_t expires_ms = INT64_C(3600000);
    uint64_t uses = 1;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_values_labels(&label_values, &labels, &err) < 0 ||
        (uses_text != NULL && ctl_values_number("uses", uses_text, 1, USES_MAX, &uses, &err) < 0) ||
        (expires_text != NULL &&
         ctl_values_duration("expires", expires_text, EXPIRES_MS_MAX, &expires_ms, &err) < 0))
        return ctl_cli_say_usage("enroll token", &err);
    if (read_anchor(anchor, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (labels == NULL)
        labels = json_object();
    if (ctl_cli_ask(globals,
                    json_pack("{s:s, s:O, s:I, s:I}", "verb", "enroll.token", "labels", labels,
                              "uses", (json_int_t)uses, "expires_ms", (json_int_t)expires_ms),
                    &answer, &err) < 0 ||
        print_token(globals, answer, anchor, &err) < 0)
        return ctl_cli_say_failure(globals, &err);

    return CTL_CLI_DONE;
}

int ctl_cmd_enroll_key(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"enroll key", NULL, 0, 0, 0};
    struct ctl_cli_arguments arguments;
    CTL_AUTO_JSON *answer = NULL;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_cli_ask(globals, ctl_values_request("enroll.key"), &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        ctl_out_json(answer, stdout);
    } else {
        ctl_out_put(stdout, ctl_json_text(answer, "key"));
        (void)fputc('\n', stdout);
    }

    return CTL_CLI_DONE;
}
