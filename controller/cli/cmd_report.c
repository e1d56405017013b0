/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/outside/out.h"
#include "controller/outside/report.h"

static int choose_format(const struct ctl_cli_globals *globals, const char *name,
                         enum ctl_report_format *ret_format, struct bl_error *err)
{
    if (name == NULL) {
        *ret_format = globals->json ? CTL_REPORT_JSON : CTL_REPORT_TEXT;
    } else if (strcmp(name, "text") == 0) {
        *ret_format = CTL_REPORT_TEXT;
    } else if (strcmp(name, "md") == 0) {
        *ret_format = CTL_REPORT_MARKDOWN;
    } else if (strcmp(name, "json") == 0) {
        *ret_format = CTL_REPORT_JSON;
    } else {
        return bl_fail(err, -EINVAL, "--format must be text, md or json");
    }

    return 0;
}

int ctl_cmd_report(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *format_name = NULL;
    const struct ctl_cli_option options[] = {{"format", CTL_CLI_VALUE, &format_name}};
    const struct ctl_cli_usage usage = {"report", options, 1, 0, 1};
    enum ctl_report_format format = CTL_REPORT_TEXT;
    CTL_AUTO_JSON *answer = NULL;
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (choose_format(globals, format_name, &format, &err) < 0)
        return ctl_cli_say_usage("report", &err);
    if (ctl_cli_ask(globals,
                    json_pack("{s:s, s:s}", "verb", "report", "rollout",
                              arguments.count > 0 ? arguments.items[0] : "latest"),
                    &answer, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    ctl_report_write(answer, format, stdout);

    return CTL_CLI_DONE;
}
