/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "controller/cli/commands.h"
#include "controller/cli/say.h"
#include "controller/cli/signed_doc.h"
#include "controller/cli/trust_change.h"
#include "controller/cli/trust_desk.h"
#include "controller/cli/trust_request.h"
#include "controller/cli/values.h"

/* belay roots change, sign, take: the next trust file, signed by roots of one desk or of several. */

static int choose_roots(const struct ctl_key_list *list, const struct ctl_cli_values *names,
                        const struct ctl_key **ret_roots, struct bl_error *err)
{
    for (uint32_t i = 0; i < names->count; i++) {
        ret_roots[i] = NULL;
        for (uint32_t j = 0; j < list->count; j++) {
            if (strcmp(list->keys[j].name, names->items[i]) == 0)
                ret_roots[i] = &list->keys[j];
        }
        if (ret_roots[i] == NULL) {
            return bl_fail(err, -ENOENT,
                           "no root key '%.80s' here: 'belay roots new' makes one, 'belay roots "
                           "import' takes in one of another desk",
                           names->items[i]);
        }
    }

    return 0;
}

int ctl_cmd_roots_change(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_key *added[CTL_CLI_VALUES_MAX];
    struct ctl_trust_change change = {.wish = {.add_roots = added}};
    struct ctl_cli_values add = {0}, remove = {0};
    const char *needed_text = NULL;
    const struct ctl_cli_option options[] = {
        {"add", CTL_CLI_VALUES, &add},
        {"remove", CTL_CLI_VALUES, &remove},
        {"needed", CTL_CLI_VALUE, &needed_text},
        {"request", CTL_CLI_VALUE, &change.request_path},
        {"passphrase-file", CTL_CLI_VALUE, &change.passphrase_file},
    };
    const struct ctl_cli_usage usage = {"roots change", options, 5, 0, 0};
    BL_AUTO_FREE struct ctl_key_list *list = calloc(1, sizeof(*list));
    struct ctl_cli_arguments arguments;
    PROTO_AUTO_BUFFER former = {0};
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};
    int r = 0;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (needed_text != NULL)
        r = ctl_values_number("needed", needed_text, 1, PROTO_ROOTS_MAX, &change.wish.roots_needed,
                              &err);
    else if (add.count + remove.count == 0)
        r = bl_fail(&err, -EINVAL, "say what changes: --add, --remove or --needed");
    if (r < 0)
        return ctl_cli_say_usage("roots change", &err);
    r = list == NULL ? bl_fail(&err, -ENOMEM, "out of memory") : 0;
    if (r >= 0)
        r = ctl_home_open(false, &home_fd, &err);
    if (r >= 0)
        r = ctl_trust_desk_read(home_fd, &former, &err);
    if (r == 0)
        r = bl_fail(&err, -ENOENT,
                    "this desk has no trust file yet: 'belay keys trust' writes the "
                    "first one, 'belay roots take FILE' takes one of another desk");
    if (r >= 0)
        r = ctl_root_list_read(home_fd, list, &err);
    if (r >= 0)
        r = choose_roots(list, &add, added, &err);
    if (r < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    change.wish.add_roots_count = add.count;
    change.wish.remove_roots = remove.items;
    change.wish.remove_roots_count = remove.count;

    return ctl_trust_change(globals, home_fd, &change);
}

/* A desk that has a trust file of its own knows which one is to be followed. */
static int compare_before(int home_fd, const struct ctl_trust_request *request,
                          struct bl_error *err)
{
    PROTO_AUTO_BUFFER own = {0};
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust here, before;
    int r = ctl_trust_desk_read(home_fd, &own, err);

    if (r < 0)
        return r;
    if (r == 0) {
        ctl_cli_say_next("this desk has no trust file to compare with, so compare all of "
                         "this with whoever wrote it");
        return 0;
    }
    /* The signature is on the file alone: hosts would count it as that of a former root. */
    if (request->before.size_bytes == 0) {
        return bl_fail(err, -EKEYREJECTED,
                       "it does not say which trust file it follows, and this desk has one: "
                       "nothing was signed; a new chain needs no signature of another desk");
    }
    r = proto_trust_open(own.data, own.size_bytes, &arena, &here, err);
    if (r >= 0)
        r = proto_trust_open(request->before.data, request->before.size_bytes, &arena, &before,
                             err);
    if (r < 0)
        return r;
    if (memcmp(here.hash, before.hash, sizeof(here.hash)) != 0) {
        return bl_fail(err, -EKEYREJECTED,
                       "it follows another trust file (version %llu) than this desk has (version "
                       "%llu): sign neither before you know which one hosts have",
                       (unsigned long long)before.version, (unsigned long long)here.version);
    }

    return 0;
}

static int sign(const struct ctl_cli_globals *globals, const char *path,
                const char *passphrase_file, bool yes, struct bl_error *err)
{
    CTL_AUTO_TRUST_STANDING standing = {0};
    CTL_AUTO_TRUST_REQUEST request = {0};
    BL_AUTO_FD int home_fd = -1;
    int r;

    r = ctl_home_open(false, &home_fd, err);
    if (r >= 0)
        r = ctl_trust_request_read(path, &request, err);
    if (r >= 0)
        r = ctl_trust_stand(request.before.data, request.before.size_bytes, &request.file,
                            &standing, err);
    if (r >= 0)
        r = compare_before(home_fd, &request, err);
    if (r < 0)
        return r;
    ctl_trust_print_changes(&standing, stderr);
    r = yes ? 1 : ctl_desk_ask("sign this?");
    if (r == -ENOTTY)
        return bl_fail(err, -ENOTTY,
                       "nothing was signed: standard input is no terminal to ask on; --yes goes on "
                       "without asking");
    if (r == 0)
        return bl_fail(err, -ECANCELED, "nothing was signed");
    r = ctl_trust_sign_here(home_fd, passphrase_file, &request.before, &request.file, err);
    if (r == 0) {
        char missing[CTL_TRUST_MISSING_BYTES];

        return bl_fail(err, -ENOENT, "no root key of this desk is missing on it: %.800s",
                       ctl_trust_missing(&standing, missing));
    }
    if (r >= 0)
        r = ctl_trust_request_write(path, &request, err);

    return r < 0 ? r : ctl_trust_request_tell(globals, path, &request, err);
}

int ctl_cmd_roots_sign(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const char *passphrase_file = NULL;
    bool yes = false;
    const struct ctl_cli_option options[] = {
        {"yes", CTL_CLI_FLAG, &yes},
        {"passphrase-file", CTL_CLI_VALUE, &passphrase_file},
    };
    const struct ctl_cli_usage usage = {"roots sign", options, 2, 1, 1};
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if (sign(globals, arguments.items[0], passphrase_file, yes, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);

    return CTL_CLI_DONE;
}

/* 1: taken; 0: this desk has it already. */
static int take(int home_fd, const struct ctl_trust_request *request,
                const struct ctl_trust_standing *standing, struct bl_error *err)
{
    char missing[CTL_TRUST_MISSING_BYTES];
    PROTO_AUTO_BUFFER own = {0};
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust here, next;
    int r = ctl_trust_desk_read(home_fd, &own, err);

    if (r < 0)
        return r;
    if (!ctl_trust_is_whole(standing)) {
        return bl_fail(err, -EKEYREJECTED, "%.800s: 'belay roots sign' where that is",
                       ctl_trust_missing(standing, missing));
    }
    if (r > 0) {
        r = proto_trust_open(own.data, own.size_bytes, &arena, &here, err);
        if (r < 0)
            return r;
        if (memcmp(here.hash, standing->next.hash, sizeof(here.hash)) == 0)
            return 0;
        r = proto_trust_follow(&here, request->file.data, request->file.size_bytes, &arena, &next,
                               err);
        if (r < 0)
            return bl_wrap(err, "it does not follow the trust file of this desk");
    }
    r = ctl_trust_desk_keep(home_fd, &request->before, &request->file, err);

    return r < 0 ? r : 1;
}

int ctl_cmd_roots_take(struct ctl_cli_globals *globals, int argc, char **argv)
{
    const struct ctl_cli_usage usage = {"roots take", NULL, 0, 1, 1};
    CTL_AUTO_TRUST_STANDING standing = {0};
    CTL_AUTO_TRUST_REQUEST request = {0};
    struct ctl_cli_arguments arguments;
    BL_AUTO_FD int home_fd = -1;
    struct bl_error err = {0};
    int r;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    r = ctl_home_open(true, &home_fd, &err);
    if (r >= 0)
        r = ctl_trust_request_read(arguments.items[0], &request, &err);
    if (r >= 0)
        r = ctl_trust_stand(request.before.data, request.before.size_bytes, &request.file,
                            &standing, &err);
    if (r >= 0)
        r = take(home_fd, &request, &standing, &err);
    if (r < 0 || ctl_trust_desk_tell(globals, &request.file, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);

    return ctl_trust_desk_deliver(globals, home_fd, &request.file, request.before.size_bytes == 0);
}
