/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/rerun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/say.h"
#include "controller/cli/signed_doc.h"

int ctl_rerun_ids(const json_t *hosts, struct ctl_plan_texts *ret_ids, struct bl_error *err)
{
    size_t count = json_array_size(hosts);
    const char **ids = calloc(count + 1, sizeof(*ids));

    if (ids == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the plan");
    for (size_t i = 0; i < count; i++)
        ids[i] = ctl_json_text(json_array_get(hosts, i), "id");
    *ret_ids = (struct ctl_plan_texts){.items = ids, .count = (uint32_t)count, .owned = ids};

    return 0;
}

int ctl_rerun_ask(struct ctl_cli_globals *globals, const char *rollout, json_t **ret_status,
                  json_t **ret_plan, struct bl_error *err)
{
    int r;

    r = ctl_cli_ask(globals, json_pack("{s:s, s:s}", "verb", "status", "rollout", rollout),
                    ret_status, err);
    if (r < 0)
        return r;

    /* By its id: "latest" may be another one by now. */
    return ctl_cli_ask(
        globals,
        json_pack("{s:s, s:s}", "verb", "plan", "rollout", ctl_json_text(*ret_status, "rollout")),
        ret_plan, err);
}

int ctl_rerun_check(struct ctl_cli_globals *globals, const char *wanted, const char *rollout,
                    const char *plan_text, struct bl_error *err)
{
    char signed_rollout[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    CTL_AUTO_SIGNED_DOC doc = {0};
    CTL_AUTO_JSON *manifest = NULL;
    BL_AUTO_FD int home_fd = -1;
    int r;

    r = ctl_cli_ask(globals, json_pack("{s:s, s:s}", "verb", "manifest", "rollout", rollout),
                    &manifest, err);
    if (r >= 0)
        r = ctl_home_open(false, &home_fd, err);
    if (r >= 0)
        r = ctl_signed_doc_read(manifest, home_fd, &doc, err);
    if (r < 0)
        return r;
    bl_hex_encode(doc.manifest.rollout_id, PROTO_ROLLOUT_ID_BYTES, signed_rollout);
    if (strcmp(signed_rollout, rollout) != 0 ||
        (strcmp(wanted, "latest") != 0 && strncmp(wanted, rollout, strlen(wanted)) != 0))
        return bl_fail(err, -EUCLEAN, "the controller answers with another rollout, %s",
                       signed_rollout);
    r = ctl_signed_doc_check_plan(&doc, plan_text, err);
    if (r >= 0)
        r = ctl_signed_doc_check_vouched(&doc, err);

    return r;
}

int ctl_rerun_command(struct ctl_cli_globals *globals, const char *name, int argc, char **argv,
                      ctl_rerun_fn run)
{
    struct ctl_run_wishes wishes = {0};
    const struct ctl_cli_option options[] = {
        {"yes", CTL_CLI_FLAG, &wishes.yes},
        {"watch", CTL_CLI_FLAG, &wishes.watch},
        {"allow-missing", CTL_CLI_FLAG, &wishes.allow_missing},
        {"key", CTL_CLI_VALUES, &wishes.keys},
        {"passphrase-file", CTL_CLI_VALUE, &wishes.passphrase_file},
    };
    const struct ctl_cli_usage usage = {name, options, 5, 0, 1};
    CTL_AUTO_JSON *status = NULL, *plan = NULL;
    struct ctl_cli_arguments arguments;
    const char *wanted = "latest";
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (arguments.count > 0)
        wanted = arguments.items[0];
    if (ctl_rerun_ask(globals, wanted, &status, &plan, &err) < 0)
        return ctl_cli_say_failure(globals, &err);

    return run(globals, &wishes, wanted, status, plan);
}
