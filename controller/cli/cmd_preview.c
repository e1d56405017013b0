/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "controller/cli/commands.h"
#include "controller/cli/plan_file.h"
#include "controller/cli/preview.h"
#include "controller/cli/preview_digest.h"
#include "controller/cli/say.h"
#include "controller/cli/whole_file.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

static void say_next(const struct ctl_preview *preview, const char *plan, const char *save)
{
    if (preview->target_count == 0 && preview->blocker_count == 0) {
        ctl_cli_say_next("nothing to do: all hosts are as the plan wants them");
    } else if (save != NULL) {
        ctl_cli_say_next("nothing was changed; 'belay run %s --as-previewed %s' asks, signs and "
                         "starts this and no more",
                         plan, save);
    } else {
        ctl_cli_say_next("nothing was changed; 'belay run %s' asks, signs and starts it", plan);
    }
}

int ctl_cmd_preview(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *save = NULL;
    const struct ctl_cli_option options[] = {{"save", CTL_CLI_VALUE, &save}};
    const struct ctl_cli_usage usage = {"preview", options, 1, 1, 1};
    CTL_AUTO_PLAN_FILE file = {0};
    CTL_AUTO_PREVIEW preview = {0};
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if ((save != NULL && ctl_whole_file_check(save, &err) < 0) ||
        ctl_plan_file_load(arguments.items[0], false, &file, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (ctl_preview_ask(globals, file.plan, &preview, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        CTL_AUTO_JSON *answer = ctl_preview_to_json(file.plan, &preview);

        ctl_out_json(answer, stdout);
    } else {
        ctl_preview_print(file.plan, &preview, globals->colour, stdout);
    }
    if (save != NULL && ctl_digest_save(save, file.text, file.plan, &preview, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (!globals->json)
        say_next(&preview, arguments.items[0], save);

    return preview.blocker_count > 0 ? CTL_CLI_ERROR : CTL_CLI_DONE;
}
