/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/rerun.h"
#include "controller/cli/run_plan.h"
#include "controller/cli/say.h"
#include "controller/outside/out.h"

/* belay standby: the stored plan once more, over the hosts that a complete rollout kept as they were. */

static json_t *hosts_of(const json_t *status)
{
    return json_object_get(json_object_get(status, "standby"), "hosts");
}

static void print_hosts(const json_t *status)
{
    const json_t *host;
    size_t i;

    (void)fprintf(stderr, "standby of rollout %s: %zu host%s kept as before\n",
                  ctl_json_text(status, "rollout"), json_array_size(hosts_of(status)),
                  json_array_size(hosts_of(status)) == 1 ? "" : "s");
    json_array_foreach (hosts_of(status), i, host) {
        (void)fputs("  ", stderr);
        ctl_out_put(stderr, ctl_json_text(host, "name"));
        (void)fputc('\n', stderr);
    }
    (void)fputc('\n', stderr);
}

/* The others of the rollout serve while these change. */
static int narrow(struct ctl_plan *plan, const json_t *status, struct bl_error *err)
{
    plan->meant = (struct ctl_plan_meant){.is_set = true, .hosts = plan->hosts};
    plan->hosts = (struct ctl_plan_hosts){0};
    if (ctl_rerun_ids(json_object_get(status, "hosts"), &plan->meant.rollout, err) < 0)
        return -ENOMEM;

    return ctl_rerun_ids(hosts_of(status), &plan->hosts.list, err);
}

/* Their turn is when the others are known to be well: not before, and not after another end. */
static bool may_go(const json_t *status)
{
    const char *state = ctl_json_text(status, "state"), *rollout = ctl_json_text(status, "rollout");

    if (strcmp(state, "complete") == 0)
        return true;
    if (ctl_json_bool(status, "final")) {
        ctl_cli_say_next(
            "nothing was started: the rollout is %s, so what its standby hosts have is "
            "what is known to work; 'belay report %s' tells why",
            state, rollout);
    } else {
        ctl_cli_say_next("nothing was started: the rollout is %s, and may need its standby hosts; "
                         "'belay watch %s' looks on until it ends",
                         state, rollout);
    }

    return false;
}

static int upgrade(struct ctl_cli_globals *globals, struct ctl_run_wishes *wishes,
                   const char *wanted, const json_t *status, const json_t *plan)
{
    CTL_AUTO_PLAN_FILE file = {0};
    struct bl_error err = {0};

    if (json_array_size(hosts_of(status)) == 0) {
        ctl_cli_say_next("nothing to do: the rollout kept no host as standby");
        return CTL_CLI_DONE;
    }
    if (!may_go(status))
        return CTL_CLI_ERROR;
    if (ctl_rerun_check(globals, wanted, ctl_json_text(status, "rollout"),
                        ctl_json_text(plan, "plan_text"), &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    print_hosts(status);
    if (ctl_plan_file_take("stored plan", ctl_json_text(plan, "plan_text"), &file, &err) < 0 ||
        narrow(file.plan, status, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    wishes->standby_of = ctl_json_text(status, "rollout");

    return ctl_run_plan(globals, &file, wishes);
}

int ctl_cmd_standby(struct ctl_cli_globals *globals, int argc, char **argv)
{
    return ctl_rerun_command(globals, "standby", argc, argv, upgrade);
}
