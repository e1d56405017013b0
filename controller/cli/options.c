/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "controller/cli/cli.h"
#include "controller/daemon/config.h"

enum {
    NAMES_MAX = 32,
};

static const struct ctl_cli_option *find_option(const struct ctl_cli_option *options,
                                                uint32_t option_count, const char *name,
                                                size_t name_bytes)
{
    for (uint32_t i = 0; i < option_count; i++) {
        if (strlen(options[i].name) == name_bytes && memcmp(options[i].name, name, name_bytes) == 0)
            return &options[i];
    }

    return NULL;
}

static const char *const global_names[] = {"socket", "config", "desk", "color", "json", "help"};

static int fail_unknown(const struct ctl_cli_option *options, uint32_t option_count,
                        const char *argument, struct bl_error *err)
{
    const char *names[NAMES_MAX];
    const char *meant;
    char word[64];
    size_t word_bytes = strcspn(argument + 2, "=");
    uint32_t name_count = 0;

    for (size_t i = 0; i < sizeof(global_names) / sizeof(global_names[0]); i++)
        names[name_count++] = global_names[i];
    for (uint32_t i = 0; i < option_count && name_count < NAMES_MAX; i++)
        names[name_count++] = options[i].name;
    if (word_bytes >= sizeof(word))
        word_bytes = sizeof(word) - 1;
    memcpy(word, argument + 2, word_bytes);
    word[word_bytes] = '\0';
    meant = bl_text_nearest(word, names, name_count);
    if (meant != NULL)
        return bl_fail(err, -EINVAL, "no option '--%s'; did you mean '--%s'?", word, meant);

    return bl_fail(err, -EINVAL, "no option '--%s' here", word);
}

/* Stores one option; *index moves on when the value is the next argument. */
static int take_option(const struct ctl_cli_option *option, int argc, char **argv, int *index,
                       struct bl_error *err)
{
    const char *equals = strchr(argv[*index], '=');
    const char *value;
    struct ctl_cli_values *values;

    if (option->kind == CTL_CLI_FLAG) {
        if (equals != NULL)
            return bl_fail(err, -EINVAL, "'--%s' takes no value", option->name);
        *(bool *)option->target = true;
        return 0;
    }
    if (equals != NULL) {
        value = equals + 1;
    } else if (*index + 1 < argc) {
        value = argv[++*index];
    } else {
        return bl_fail(err, -EINVAL, "'--%s' needs a value", option->name);
    }
    if (option->kind == CTL_CLI_VALUE) {
        if (*(const char **)option->target != NULL)
            return bl_fail(err, -EINVAL, "'--%s' is given twice", option->name);
        *(const char **)option->target = value;
        return 0;
    }
    values = option->target;
    if (values->count == CTL_CLI_VALUES_MAX) {
        return bl_fail(err, -EINVAL, "'--%s' is given more than %d times", option->name,
                       CTL_CLI_VALUES_MAX);
    }
    values->items[values->count++] = value;

    return 0;
}

int ctl_cli_parse(int argc, char **argv, const struct ctl_cli_option *options,
                  uint32_t option_count, struct ctl_cli_arguments *ret_arguments,
                  struct bl_error *err)
{
    bool options_ended = false;

    ret_arguments->count = 0;
    for (int i = 0; i < argc; i++) {
        const struct ctl_cli_option *option;
        int r;

        if (!options_ended && strcmp(argv[i], "--") == 0) {
            options_ended = true;
            continue;
        }
        if (options_ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            if (ret_arguments->count == CTL_CLI_ARGUMENTS_MAX)
                return bl_fail(err, -EINVAL, "too many arguments");
            ret_arguments->items[ret_arguments->count++] = argv[i];
            continue;
        }
        if (argv[i][1] != '-')
            return bl_fail(err, -EINVAL, "no option '%.40s': options begin with '--'", argv[i]);
        option = find_option(options, option_count, argv[i] + 2, strcspn(argv[i] + 2, "="));
        if (option == NULL)
            return fail_unknown(options, option_count, argv[i], err);
        r = take_option(option, argc, argv, &i, err);
        if (r < 0)
            return r;
    }

    return 0;
}

/* A configuration that cannot be read matters only to who named it. */
static int choose_socket(const char *given, const char *config_path,
                         struct ctl_cli_globals *globals, struct bl_error *err)
{
    struct ctl_config config;
    int r;

    ctl_config_init(&config);
    globals->socket_given = given != NULL;
    if (given == NULL) {
        r = ctl_config_load(config_path != NULL ? config_path : CTL_CONFIG_PATH, &config, err);
        if (r < 0 && config_path != NULL && r != -ENOENT)
            return r;
        globals->config_missing = r < 0 && config_path != NULL; /* 'belay init' makes it */
        given = config.control_socket;
    }
    r = bl_text_format(globals->socket, sizeof(globals->socket), "%s", given);
    if (r < 0) {
        return bl_fail(err, -EINVAL, "socket path '%.60s...' is longer than %zu bytes", given,
                       sizeof(globals->socket) - 1);
    }

    return 0;
}

/* What is named on the line wins over the environment. */
static int choose_desk(const char *desk, const char *socket, const char *config,
                       struct ctl_cli_globals *globals, struct bl_error *err)
{
    const char *usual = getenv("BELAY_DESK");

    if (desk != NULL && (socket != NULL || config != NULL))
        return bl_fail(err, -EINVAL, "--desk is for a controller elsewhere, --%s for one here",
                       socket != NULL ? "socket" : "config");
    globals->desk = desk;
    if (desk == NULL && socket == NULL && config == NULL && usual != NULL && usual[0] != '\0')
        globals->desk = usual;

    return 0;
}

static int choose_colour(const char *when, struct ctl_cli_globals *globals, struct bl_error *err)
{
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");

    if (strcmp(when, "auto") == 0) {
        globals->colour = isatty(STDOUT_FILENO) == 1 &&
                          (no_colour == NULL || no_colour[0] == '\0') && terminal != NULL &&
                          strcmp(terminal, "dumb") != 0;
        return 0;
    }
    if (strcmp(when, "always") != 0 && strcmp(when, "never") != 0)
        return bl_fail(err, -EINVAL, "--color must be auto, never or always");
    globals->colour = strcmp(when, "always") == 0;

    return 0;
}

int ctl_cli_take_globals(int *argc, char **argv, struct ctl_cli_globals *globals,
                         struct bl_error *err)
{
    const char *socket = NULL, *config = NULL, *colour = NULL, *desk = NULL;
    const struct ctl_cli_option options[] = {
        {"socket", CTL_CLI_VALUE, &socket},     {"config", CTL_CLI_VALUE, &config},
        {"color", CTL_CLI_VALUE, &colour},      {"json", CTL_CLI_FLAG, &globals->json},
        {"help", CTL_CLI_FLAG, &globals->help}, {"desk", CTL_CLI_VALUE, &desk},
    };
    int kept = 0;
    int r;

    for (int i = 0; i < *argc; i++) {
        const struct ctl_cli_option *option = NULL;

        if (strcmp(argv[i], "--") == 0) {
            while (i < *argc)
                argv[kept++] = argv[i++];
            break;
        }
        if (strcmp(argv[i], "-h") == 0) {
            globals->help = true;
            continue;
        }
        if (strncmp(argv[i], "--", 2) == 0) {
            option = find_option(options, sizeof(options) / sizeof(options[0]), argv[i] + 2,
                                 strcspn(argv[i] + 2, "="));
        }
        if (option == NULL) {
            argv[kept++] = argv[i];
            continue;
        }
        r = take_option(option, *argc, argv, &i, err);
        if (r < 0)
            return r;
    }
    *argc = kept;
    globals->config = config;
    r = choose_desk(desk, socket, config, globals, err);
    if (r < 0)
        return r;
    r = choose_socket(socket != NULL ? socket : getenv("BELAY_SOCKET"), config, globals, err);
    if (r < 0)
        return r;

    return choose_colour(colour != NULL ? colour : "auto", globals, err);
}
