/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/run_plan.h"
#include "controller/cli/say.h"
#include "controller/cli/signed_doc.h"
#include "controller/outside/out.h"

/* belay retry: the stored plan once more, over the hosts only that it did not bring to a good end. */

static bool is_failed(const json_t *host)
{
    static const char *const states[] = {"reverted", "revert_failed", "refused", "blocked", "lost"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(states[i], ctl_json_text(host, "state")) == 0)
            return true;
    }

    return false;
}

static json_t *failed_of(const json_t *status)
{
    json_t *failed = json_array(), *host;
    size_t i;

    json_array_foreach (json_object_get(status, "hosts"), i, host) {
        if (is_failed(host))
            (void)json_array_append(failed, host);
    }

    return failed;
}

static void print_failed(const json_t *status, const json_t *failed)
{
    CTL_AUTO_TABLE table = {0};
    const json_t *host;
    size_t i;

    (void)fprintf(stderr, "retry of rollout %s: %zu of its %lld hosts\n",
                  ctl_json_text(status, "rollout"), json_array_size(failed),
                  (long long)ctl_json_number(status, "hosts_count"));
    ctl_table_begin(&table, 3);
    json_array_foreach (failed, i, host)
        ctl_table_row(&table, (const char *const[]){ctl_json_text(host, "name"),
                                                    ctl_json_text(host, "state"),
                                                    ctl_json_text(host, "reason")});
    ctl_table_print(&table, stderr, "  ");
    (void)fputc('\n', stderr);
}

static int take_ids(const json_t *hosts, struct ctl_plan_texts *ret_ids, struct bl_error *err)
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

/*
 * The plan's own hosts were frozen when it was signed: these are some of them, by id. Whom it means
 * besides is kept, since they serve while these change.
 */
static int narrow(struct ctl_plan *plan, const json_t *status, const json_t *failed,
                  struct bl_error *err)
{
    plan->meant = (struct ctl_plan_meant){.is_set = true, .hosts = plan->hosts};
    plan->hosts = (struct ctl_plan_hosts){0};
    if (take_ids(json_object_get(status, "hosts"), &plan->meant.rollout, err) < 0)
        return -ENOMEM;

    return take_ids(failed, &plan->hosts.list, err);
}

static int ask(struct ctl_cli_globals *globals, const char *rollout, json_t **ret_status,
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

/*
 * The controller kept the plan, and the person would sign what follows from it: it must be what
 * people signed the first time. `wanted` is what the person calls the rollout.
 */
static int check_signed(struct ctl_cli_globals *globals, const char *wanted, const char *rollout,
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

static int retry(struct ctl_cli_globals *globals, struct ctl_run_wishes *wishes, const char *wanted,
                 const json_t *status, const json_t *plan)
{
    CTL_AUTO_JSON *failed = failed_of(status);
    CTL_AUTO_PLAN_FILE file = {0};
    struct bl_error err = {0};

    if (!ctl_json_bool(status, "final")) {
        ctl_cli_say_next("nothing was started: the rollout is %s; 'belay watch' looks on until it "
                         "ends",
                         ctl_json_text(status, "state"));
        return CTL_CLI_ERROR;
    }
    if (json_array_size(failed) == 0) {
        ctl_cli_say_next("nothing to do: no host of it failed, was blocked, lost or taken back");
        return CTL_CLI_DONE;
    }
    if (check_signed(globals, wanted, ctl_json_text(status, "rollout"),
                     ctl_json_text(plan, "plan_text"), &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    print_failed(status, failed);
    if (ctl_plan_file_take("stored plan", ctl_json_text(plan, "plan_text"), &file, &err) < 0 ||
        narrow(file.plan, status, failed, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    wishes->retry_of = ctl_json_text(status, "rollout");

    return ctl_run_plan(globals, &file, wishes);
}

int ctl_cmd_retry(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct ctl_run_wishes wishes = {0};
    const struct ctl_cli_option options[] = {
        {"yes", CTL_CLI_FLAG, &wishes.yes},
        {"watch", CTL_CLI_FLAG, &wishes.watch},
        {"allow-missing", CTL_CLI_FLAG, &wishes.allow_missing},
        {"key", CTL_CLI_VALUES, &wishes.keys},
        {"passphrase-file", CTL_CLI_VALUE, &wishes.passphrase_file},
    };
    const struct ctl_cli_usage usage = {"retry", options, 5, 0, 1};
    CTL_AUTO_JSON *status = NULL, *plan = NULL;
    struct ctl_cli_arguments arguments;
    const char *wanted = "latest";
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (arguments.count > 0)
        wanted = arguments.items[0];
    if (ask(globals, wanted, &status, &plan, &err) < 0)
        return ctl_cli_say_failure(globals, &err);

    return retry(globals, &wishes, wanted, status, plan);
}
