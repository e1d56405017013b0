/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "controller/cli/cli.h"
#include "controller/outside/out.h"

int ctl_cli_say_error(int exit_code, const struct bl_error *err)
{
    (void)fputs("belay: ", stderr);
    ctl_out_put(stderr, err->text);
    (void)fputc('\n', stderr);

    return exit_code;
}

int ctl_cli_say_usage(const char *command, const struct bl_error *err)
{
    (void)fprintf(stderr, "belay %s: ", command);
    ctl_out_put(stderr, err->text);
    (void)fprintf(stderr, "; 'belay %s --help' tells more\n", command);

    return CTL_CLI_USAGE;
}

bool ctl_cli_begin(const struct ctl_cli_usage *usage, int argc, char **argv,
                   struct ctl_cli_arguments *ret_arguments)
{
    struct bl_error err = {0};
    int r;

    r = ctl_cli_parse(argc, argv, usage->options, usage->option_count, ret_arguments, &err);
    if (r >= 0 && ret_arguments->count < usage->arguments_min) {
        r = bl_fail(&err, -EINVAL, "an argument is missing");
    } else if (r >= 0 && ret_arguments->count > usage->arguments_max) {
        r = bl_fail(&err, -EINVAL, "'%.60s' is one argument too many",
                    ret_arguments->items[usage->arguments_max]);
    }
    if (r < 0)
        (void)ctl_cli_say_usage(usage->command, &err);

    return r >= 0;
}

void ctl_cli_say_next(const char *fmt, ...)
{
    BL_AUTO_FREE char *text = NULL;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        text = NULL;
    va_end(args);
    (void)fputs("next: ", stderr);
    ctl_out_put(stderr, text != NULL ? text : "(out of memory)"); /* it may hold a peer's words */
    (void)fputc('\n', stderr);
}

int ctl_cli_finish(int exit_code)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return exit_code;
    (void)fputs("belay: standard output could not be written\n", stderr);

    return exit_code == CTL_CLI_DONE ? CTL_CLI_ERROR : exit_code;
}
