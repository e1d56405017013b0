/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "controller/cli/commands.h"
#include "controller/cli/trust_change.h"

int ctl_cmd_keys_trust(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct ctl_trust_change change = {0};
    struct ctl_cli_values revoke = {0};
    const char *kdf_name = NULL;
    const struct ctl_cli_option options[] = {
        {"quorum-low", CTL_CLI_VALUE, &change.wish.quorums[0]},
        {"quorum-medium", CTL_CLI_VALUE, &change.wish.quorums[1]},
        {"quorum-high", CTL_CLI_VALUE, &change.wish.quorums[2]},
        {"revoke", CTL_CLI_VALUES, &revoke},
        {"anew", CTL_CLI_FLAG, &change.wish.anew},
        {"request", CTL_CLI_VALUE, &change.request_path},
        {"kdf", CTL_CLI_VALUE, &kdf_name},
        {"passphrase-file", CTL_CLI_VALUE, &change.passphrase_file},
    };
    const struct ctl_cli_usage usage = {"keys trust", options, 8, 0, 0};
    BL_AUTO_FREE struct ctl_key_list *list = calloc(1, sizeof(*list));
    struct ctl_cli_arguments arguments;
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};
    int r;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (ctl_key_kdf_from_name(kdf_name, &change.kdf, &err) < 0)
        return ctl_cli_say_usage("keys trust", &err);
    r = list == NULL ? bl_fail(&err, -ENOMEM, "out of memory") : 0;
    if (r >= 0)
        r = ctl_home_open(true, &home_fd, &err);
    if (r >= 0)
        r = ctl_key_list_read(home_fd, list, &err);
    if (r < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    change.wish.keys = list;
    change.wish.revoke = revoke.items;
    change.wish.revoke_count = revoke.count;

    return ctl_trust_change(globals, home_fd, &change);
}
