/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/rerun.h"
#include "controller/cli/run_plan.h"
#include "controller/cli/say.h"
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

/*
 * The plan's own hosts were frozen when it was signed: these are some of them, by id. Whom it means
 * besides is kept, since they serve while these change. Who was kept as standby stays so.
 */
static int narrow(struct ctl_plan *plan, const json_t *status, const json_t *failed,
                  struct bl_error *err)
{
    const json_t *standby = json_object_get(json_object_get(status, "standby"), "hosts");
    json_t *all;
    int r;

    plan->meant = (struct ctl_plan_meant){.is_set = true, .hosts = plan->hosts};
    plan->hosts = (struct ctl_plan_hosts){0};
    if (ctl_rerun_ids(json_object_get(status, "hosts"), &plan->meant.rollout, err) < 0 ||
        ctl_rerun_ids(standby, &plan->hosts.standby, err) < 0)
        return -ENOMEM;
    all = json_copy((json_t *)(uintptr_t)failed);
    (void)json_array_extend(all, (json_t *)(uintptr_t)standby);
    r = ctl_rerun_ids(all, &plan->hosts.list, err); /* the texts are the document's */
    json_decref(all);

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
    if (ctl_rerun_check(globals, wanted, ctl_json_text(status, "rollout"),
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
    return ctl_rerun_command(globals, "retry", argc, argv, retry);
}
