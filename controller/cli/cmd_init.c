/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"
#include "controller/cli/commands.h"
#include "controller/cli/say.h"
#include "controller/daemon/setup.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

/* The daemon may be started from anywhere, so no relative path gets into the configuration. */
static int put_path(const char *given, char *ret_path, size_t path_bytes, struct bl_error *err)
{
    char here[PATH_MAX] = "";
    int r;

    if (given[0] != '/' && getcwd(here, sizeof(here)) == NULL)
        return bl_fail(err, -errno, "the present directory: %s", strerror(errno));
    r = bl_text_format(ret_path, path_bytes, "%s%s%s", here, here[0] != '\0' ? "/" : "", given);
    if (r < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%.80s' is too long", given);

    return 0;
}

static int put_endpoint(const char *given, char *ret_text, struct bl_error *err)
{
    if (bl_text_format(ret_text, CTL_CONFIG_ENDPOINT_BYTES, "%s", given) < 0)
        return bl_fail(err, -EINVAL, "'%.60s' is too long", given);

    return 0;
}

struct wishes {
    const char *listen, *enroll_listen, *state_dir;
    const char *socket;
};

static int make_config(const struct wishes *wishes, struct ctl_config *ret_config,
                       struct bl_error *err)
{
    int r = 0;

    ctl_config_init(ret_config);
    ret_config->enroll_listen[0] = '\0'; /* follows listen */
    r = put_endpoint(wishes->listen, ret_config->listen, err);
    if (r >= 0 && wishes->enroll_listen != NULL)
        r = put_endpoint(wishes->enroll_listen, ret_config->enroll_listen, err);
    if (r >= 0 && wishes->state_dir != NULL)
        r = put_path(wishes->state_dir, ret_config->state_dir, sizeof(ret_config->state_dir), err);
    if (r >= 0 && wishes->socket != NULL) {
        r = put_path(wishes->socket, ret_config->control_socket, sizeof(ret_config->control_socket),
                     err);
    }
    if (r < 0)
        return r;

    return ctl_config_check(ret_config, err);
}

static void tell(const struct ctl_cli_globals *globals, const struct ctl_setup_request *request,
                 const char *key)
{
    const struct ctl_config *config = &request->config;

    if (globals->json) {
        CTL_AUTO_JSON *answer = json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:s}", "config", request->config_path, "controller_key", key,
            "listen", config->listen, "enroll_listen", config->enroll_listen, "state_dir",
            config->state_dir, "socket", config->control_socket);

        ctl_out_json(answer, stdout);
        return;
    }
    (void)printf("controller key  %s\nlisten          %s\nenrolment       %s\nstate           %s\n"
                 "control socket  %s\nconfiguration   %s\n",
                 key, config->listen, config->enroll_listen, config->state_dir,
                 config->control_socket, request->config_path);
    ctl_cli_say_next("start it: 'systemctl enable --now belayd', or 'belayd --config %s'",
                     request->config_path);
    ctl_cli_say_next(
        "then 'belay keys new NAME --role operator', 'belay keys trust', 'belay enroll "
        "token'");
}

int ctl_cmd_init(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct wishes wishes = {0};
    const struct ctl_cli_option options[] = {
        {"listen", CTL_CLI_VALUE, &wishes.listen},
        {"enroll-listen", CTL_CLI_VALUE, &wishes.enroll_listen},
        {"state-dir", CTL_CLI_VALUE, &wishes.state_dir},
    };
    const struct ctl_cli_usage usage = {"init", options, 3, 0, 0};
    struct ctl_setup_request request = {.owner = CTL_SETUP_OWNER};
    char key[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)], config_path[CTL_CLI_PATH_BYTES_MAX];
    struct ctl_cli_arguments arguments;
    struct ctl_setup_result result;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (wishes.listen == NULL) {
        (void)bl_fail(&err, -EINVAL, "--listen tcp://ADDRESS:PORT is missing");
        return ctl_cli_say_usage("init", &err);
    }
    wishes.socket = globals->socket_given ? globals->socket : NULL;
    if (make_config(&wishes, &request.config, &err) < 0)
        return ctl_cli_say_usage("init", &err);
    if (put_path(globals->config != NULL ? globals->config : CTL_CONFIG_PATH, config_path,
                 sizeof(config_path), &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    request.config_path = config_path;
    if (ctl_setup_create(&request, &result, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    bl_hex_encode(result.public_key, sizeof(result.public_key), key);
    tell(globals, &request, key);

    return CTL_CLI_DONE;
}
