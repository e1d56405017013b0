/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <locale.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "controller/cli/cli.h"
#include "controller/cli/folded.h"
#include "controller/cli/say.h"

enum {
    NAMES_MAX = 64,
};

static void print_overview(FILE *to)
{
    (void)fputs("belay upgrades Linux hosts in waves, and holds the way back ready on each.\n\n"
                "usage: belay COMMAND [ARGUMENT …] [OPTION …]\n\n",
                to);
    for (uint32_t i = 0; ctl_cli_command_at(i) != NULL; i++)
        (void)fprintf(to, "  %-14s %s\n", ctl_cli_command_at(i)->name, ctl_cli_command_at(i)->line);
    (void)fputs(
        "\nHOST is a name, an id or the unique beginning of one; ROLLOUT an id, its beginning,\n"
        "or 'latest', which may be left out. 'belay COMMAND --help' tells more. Everywhere:\n"
        "--json, --color auto|never|always, --socket PATH, --config FILE, --desk NAME.\n\n"
        "exit codes: 0 done well · 1 own error · 2 usage · 3 finished with failed hosts ·\n"
        "4 waits for a person · 5 rolled back · 6 rollback incomplete · 7 controller unreachable\n",
        to);
}

static void print_help(const struct ctl_cli_command *command)
{
    (void)printf("usage: belay %s%s%s\n\n%s.\n\n%s", command->name,
                 command->synopsis[0] != '\0' ? " " : "", command->synopsis, command->line,
                 command->text);
}

/* A group's own name ("hosts"), or a word that is none. */
static int unknown_command(int argc, char **argv, bool help)
{
    const char *names[NAMES_MAX];
    char typed[96];
    size_t word_bytes = strlen(argv[0]);
    uint32_t count = 0, group_count = 0;
    const char *meant;

    for (; ctl_cli_command_at(count) != NULL && count < NAMES_MAX; count++) {
        names[count] = ctl_cli_command_at(count)->name;
        if (strncmp(names[count], argv[0], word_bytes) == 0 && names[count][word_bytes] == ' ') {
            if (group_count++ == 0 && !help)
                (void)fprintf(stderr, "belay: '%s' what?\n", argv[0]);
            (void)fprintf(help ? stdout : stderr, "  belay %-14s %s\n", names[count],
                          ctl_cli_command_at(count)->line);
        }
    }
    if (group_count > 0)
        return help ? ctl_cli_finish(CTL_CLI_DONE) : CTL_CLI_USAGE;
    (void)snprintf(typed, sizeof(typed), "%.40s%s%.40s", argv[0], argc > 1 ? " " : "",
                   argc > 1 ? argv[1] : "");
    meant = bl_text_nearest(typed, names, count);
    if (meant == NULL)
        meant = bl_text_nearest(argv[0], names, count);
    (void)fprintf(stderr, "belay: no command '%.40s'%s%s%s; 'belay --help' lists them\n", argv[0],
                  meant != NULL ? "; did you mean '" : "", meant != NULL ? meant : "",
                  meant != NULL ? "'?" : "");

    return CTL_CLI_USAGE;
}

/* These touch files of the controller, which a desk elsewhere does not have. */
static bool works_here_only(const char *name)
{
    static const char *const names[] = {"init", "backup", "restore"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }

    return false;
}

int main(int argc, char **argv)
{
    static struct ctl_cli_globals globals; /* large, and as long-lived as the process */
    struct bl_error err = {0};
    const struct ctl_cli_command *command;
    int words = 0;

    (void)setlocale(LC_CTYPE, "");
    argc--;
    argv++;
    if (sodium_init() < 0) {
        (void)fputs("belay: libsodium does not start\n", stderr);
        return CTL_CLI_ERROR;
    }
    if (ctl_cli_take_globals(&argc, argv, &globals, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_USAGE, &err);
    if (!globals.json)
        ctl_folded_begin();
    if (argc > 0 && strcmp(argv[0], "--version") == 0) {
        (void)puts("belay " BELAY_VERSION);
        return CTL_CLI_DONE;
    }
    if (argc == 0 || strcmp(argv[0], "help") == 0) {
        print_overview(argc == 0 && !globals.help ? stderr : stdout);
        return argc == 0 && !globals.help ? CTL_CLI_USAGE : CTL_CLI_DONE;
    }
    command = ctl_cli_find(argc, argv, &words);
    if (command == NULL)
        return unknown_command(argc, argv, globals.help);
    if (globals.help) {
        print_help(command);
        return CTL_CLI_DONE;
    }

    if (globals.desk != NULL && works_here_only(command->name)) {
        (void)bl_fail(&err, -EINVAL,
                      "'%s' works on the controller itself: without --desk and BELAY_DESK, there",
                      command->name);
        return ctl_cli_say_error(CTL_CLI_USAGE, &err);
    }

    return ctl_cli_finish(command->run(&globals, argc - words, argv + words));
}
