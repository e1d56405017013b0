/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/commands.h"
#include "controller/cli/request_file.h"
#include "controller/cli/say.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

struct wishes {
    const char *key, *passphrase_file;
    bool yes;
};

static void tell_json(const char *path, const json_t *request, const struct ctl_signed_doc *doc)
{
    char rollout[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)], digest[BL_HEX_BYTES(PROTO_HASH_BYTES)];
    CTL_AUTO_JSON *answer = NULL;

    bl_hex_encode(doc->manifest.rollout_id, PROTO_ROLLOUT_ID_BYTES, rollout);
    bl_hex_encode(doc->hash, sizeof(doc->hash), digest);
    answer = json_pack("{s:s, s:s, s:s, s:s, s:I}", "file", path, "rollout", rollout, "plan",
                       doc->manifest.plan, "digest", digest, "signatures_count",
                       (json_int_t)json_array_size(json_object_get(request, "signatures")));
    ctl_out_json(answer, stdout);
}

static int sign(const char *path, const struct wishes *wishes, bool json, struct bl_error *err)
{
    BL_AUTO_FREE struct ctl_key_list *list = calloc(1, sizeof(*list));
    CTL_AUTO_SIGNED_DOC doc = {0};
    CTL_AUTO_JSON *request = NULL;
    CTL_AUTO_SIGNER signer = {0};
    BL_AUTO_FD int home_fd = -1;
    int r;

    if (list == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    r = ctl_home_open(false, &home_fd, err);
    if (r >= 0)
        r = ctl_request_read(path, home_fd, &request, &doc, err);
    if (r < 0)
        return r;
    if (doc.manifest.not_after_ms <= bl_wall_now().ms)
        return bl_fail(err, -ESTALE, "it is not valid any more: run the plan again");
    ctl_signed_doc_print(&doc, stderr);
    r = wishes->yes ? 1 : ctl_desk_ask("sign this?");
    if (r == -ENOTTY)
        return bl_fail(err, -ENOTTY,
                       "nothing was signed: standard input is no terminal to ask on; --yes goes on "
                       "without asking");
    if (r == 0)
        return bl_fail(err, -ECANCELED, "nothing was signed");
    r = ctl_key_list_read(home_fd, list, err);
    if (r >= 0)
        r = ctl_desk_unlock(home_fd, list, wishes->key, wishes->passphrase_file, &signer, err);
    if (r >= 0)
        r = ctl_request_sign(request, &doc, &signer, err);

    if (r >= 0)
        r = ctl_request_write(path, request, err);
    if (r >= 0 && json)
        tell_json(path, request, &doc);

    return r;
}

int ctl_cmd_sign(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct wishes wishes = {0};
    const struct ctl_cli_option options[] = {
        {"yes", CTL_CLI_FLAG, &wishes.yes},
        {"key", CTL_CLI_VALUE, &wishes.key},
        {"passphrase-file", CTL_CLI_VALUE, &wishes.passphrase_file},
    };
    const struct ctl_cli_usage usage = {"sign", options, 3, 1, 1};
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (sign(arguments.items[0], &wishes, globals->json, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    ctl_cli_say_next(
        "carry '%s' to the next desk, or start it with 'belay run --signed %s'; to undo, "
        "throw it away",
        arguments.items[0], arguments.items[0]);

    return CTL_CLI_DONE;
}
