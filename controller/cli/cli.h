/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_CLI_H
#define CTL_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * The frame of `belay`: one process runs one subcommand and ends. Answers go to standard output,
 * all else (questions, progress, previews of a run, errors) to standard error.
 */

/* Exit codes: scripts rely on them, so they are never renumbered. */
enum ctl_cli_exit {
    CTL_CLI_DONE = 0,
    CTL_CLI_ERROR = 1,
    CTL_CLI_USAGE = 2,
    CTL_CLI_HOSTS_FAILED = 3,
    CTL_CLI_WAITS = 4, /* for a person */
    CTL_CLI_ROLLED_BACK = 5,
    CTL_CLI_ROLLBACK_INCOMPLETE = 6,
    CTL_CLI_UNREACHABLE = 7, /* the controller */
    CTL_CLI_SIGNAL = 128,    /* and its number: it ended the looking on, as shells count it */
};

enum {
    CTL_CLI_ARGUMENTS_MAX = 16,
    CTL_CLI_VALUES_MAX = 64, /* how often an option that may be repeated is given */
    CTL_CLI_PATH_BYTES_MAX = 512,
    CTL_CLI_SOCKET_BYTES = 108, /* as sockaddr_un has it */
};

/* What every subcommand accepts, wherever it stands on the line. */
struct ctl_cli_globals {
    char socket[CTL_CLI_SOCKET_BYTES];
    bool socket_given;   /* by --socket or BELAY_SOCKET */
    const char *config;  /* --config, or NULL */
    bool config_missing; /* there is no such file, and no socket was named either */
    const char *desk;    /* --desk or BELAY_DESK: the controller is elsewhere; NULL = here */
    bool socket_denied;  /* the last attempt to reach it failed for want of rights */
    bool json;
    bool help;
    bool colour; /* of standard output: --color; else NO_COLOR, pipes and TERM=dumb turn it off */
    /* Of the controller's last refusal, not escaped: its stable code, and what to do next. */
    char code[64], advice[384];
};

struct ctl_cli_command {
    const char *name;     /* "keys new" */
    const char *line;     /* one line for the overview */
    const char *synopsis; /* what follows the name */
    const char *text;     /* the rest of --help: options, what it prints, what to do next */
    int (*run)(struct ctl_cli_globals *globals, int argc, char **argv);
};

enum ctl_cli_option_kind {
    CTL_CLI_FLAG = 1, /* bool */
    CTL_CLI_VALUE,    /* const char * */
    CTL_CLI_VALUES,   /* struct ctl_cli_values */
};

struct ctl_cli_values {
    const char *items[CTL_CLI_VALUES_MAX];
    uint32_t count;
};

struct ctl_cli_option {
    const char *name; /* without the dashes */
    enum ctl_cli_option_kind kind;
    void *target;
};

struct ctl_cli_arguments {
    const char *items[CTL_CLI_ARGUMENTS_MAX];
    uint32_t count;
};

/*
 * Takes "--name value" and "--name=value" apart; "--" ends the options. -EINVAL names what is
 * wrong, with a suggestion for an option that does not exist.
 */
int ctl_cli_parse(int argc, char **argv, const struct ctl_cli_option *options,
                  uint32_t option_count, struct ctl_cli_arguments *ret_arguments,
                  struct bl_error *err) BL_CHECKED;

/*
 * Moves the global options out of argv, which keeps its order and gets shorter. The socket is the
 * first of: --socket, BELAY_SOCKET, control_socket in --config (default: that of belayd).
 */
int ctl_cli_take_globals(int *argc, char **argv, struct ctl_cli_globals *globals,
                         struct bl_error *err) BL_CHECKED;

/* The row whose name is the first one or two words, and how many of them; NULL when none is. */
const struct ctl_cli_command *ctl_cli_find(int argc, char **argv, int *ret_words);
/* By number, in the order of the overview; NULL behind the last. */
const struct ctl_cli_command *ctl_cli_command_at(uint32_t index);

/* "belay: TEXT" on standard error; returns `exit_code`, so that commands end with it. */
int ctl_cli_say_error(int exit_code, const struct bl_error *err);

/*
 * What every subcommand starts with: takes its arguments apart and counts those that are no
 * options. False: a sentence about the right use was written, and the command ends with
 * CTL_CLI_USAGE.
 */
struct ctl_cli_usage {
    const char *command; /* as in the table: "keys new" */
    const struct ctl_cli_option *options;
    uint32_t option_count;
    uint32_t arguments_min, arguments_max;
};
bool ctl_cli_begin(const struct ctl_cli_usage *usage, int argc, char **argv,
                   struct ctl_cli_arguments *ret_arguments);

/* The same sentence for a value that only the command itself can judge; CTL_CLI_USAGE. */
int ctl_cli_say_usage(const char *command, const struct bl_error *err);

#endif
