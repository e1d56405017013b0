/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/commands.h"
#include "controller/cli/manifest_build.h"
#include "controller/cli/plan_file.h"
#include "controller/cli/preview.h"
#include "controller/cli/preview_digest.h"
#include "controller/cli/request_file.h"
#include "controller/cli/run_plan.h"
#include "controller/cli/say.h"
#include "controller/cli/whole_file.h"
#include "controller/outside/out.h"
#include "controller/select/select.h"

enum answer {
    ANSWER_NO,
    ANSWER_YES,
    ANSWER_NOBODY, /* there is no terminal to ask on */
};

static enum answer ask_person(const struct ctl_preview *preview)
{
    char line[16] = "";

    if (isatty(STDIN_FILENO) != 1)
        return ANSWER_NOBODY;
    (void)fprintf(stderr, "\nsign this and start it on %u host%s? [y/N] ",
                  (unsigned)preview->target_count, preview->target_count == 1 ? "" : "s");
    (void)fflush(stderr);
    if (fgets(line, sizeof(line), stdin) == NULL)
        return ANSWER_NO;

    return strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0 ? ANSWER_YES : ANSWER_NO;
}

static int sign_once(int home_fd, const struct ctl_key *key, const struct ctl_run_wishes *wishes,
                     const struct proto_buffer *manifest, struct proto_signature *ret_signature,
                     struct bl_error *err)
{
    CTL_AUTO_SIGNER signer = {0};
    int r = ctl_signer_open(home_fd, key, wishes->passphrase_file, &signer, err);

    return r < 0 ? r : ctl_manifest_sign(manifest, &signer, ret_signature, err);
}

static int choose_keys(const struct ctl_key_list *list, const struct ctl_cli_values *wanted,
                       const struct ctl_key **ret_keys, uint32_t *ret_count, struct bl_error *err)
{
    uint32_t count = wanted->count > 0 ? wanted->count : 1;

    if (count > PROTO_SIGNATURES_MAX)
        return bl_fail(err, -EINVAL, "more than %d keys", PROTO_SIGNATURES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        int r =
            ctl_key_choose(list, wanted->count > 0 ? wanted->items[i] : NULL, &ret_keys[i], err);

        if (r < 0)
            return r;
    }
    *ret_count = count;

    return 0;
}

/*
 * Builds, signs with every wanted key, and makes the request; *ret_request is new. The rollout is
 * that of the first key: its person cannot approve the waves.
 */
static int prepare(const struct ctl_plan_file *file, const struct ctl_preview *preview,
                   const struct ctl_run_wishes *wishes, json_t **ret_request, struct bl_error *err)
{
    BL_AUTO_FREE struct ctl_key_list *list = calloc(1, sizeof(*list));
    struct ctl_issue issue = {.now = bl_wall_now(), .plan_text = file->text};
    struct proto_signature signatures[PROTO_SIGNATURES_MAX];
    const struct ctl_key *keys[PROTO_SIGNATURES_MAX];
    uint32_t signature_count = 0;
    CTL_AUTO_BUNDLE bundle = {0};
    BL_AUTO_FD int home_fd = -1;
    int r;

    if (list == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    r = ctl_home_open(false, &home_fd, err);
    if (r >= 0)
        r = ctl_key_list_read(home_fd, list, err);
    if (r >= 0)
        r = choose_keys(list, &wishes->keys, keys, &signature_count, err);
    if (r >= 0)
        r = ctl_counter_next(home_fd, issue.now, &issue.counter, err);
    if (r < 0)
        return r;
    memcpy(issue.requester, keys[0]->public_key, sizeof(issue.requester));
    r = ctl_manifest_build(file->plan, preview, &issue, &bundle, err);
    for (uint32_t i = 0; r >= 0 && i < signature_count; i++)
        r = sign_once(home_fd, keys[i], wishes, &bundle.manifest, &signatures[i], err);
    if (r < 0)
        return r;
    *ret_request =
        ctl_submission(file->plan->name, file->text, preview, &bundle, signatures, signature_count);

    return *ret_request == NULL ? bl_fail(err, -ENOMEM, "out of memory for the rollout") : 0;
}

/* Known before anybody types a passphrase: belayd would refuse it. Keys may be one person's. */
static bool needs_second(const struct ctl_plan *plan, const struct ctl_preview *preview,
                         const struct ctl_run_wishes *wishes)
{
    struct ctl_plan_weaker weaker[PROTO_WEAKER_MAX];

    return wishes->request == NULL && wishes->keys.count < PROTO_RISK_SIGNERS &&
           ctl_plan_weaker(plan, preview->target_count, weaker) > 0;
}

/* 0: go on. Otherwise the command ends: *ret_exit tells how. */
static int decide(const struct ctl_plan *plan, const struct ctl_preview *preview,
                  const struct ctl_run_wishes *wishes, int *ret_exit)
{
    enum answer answer;

    *ret_exit = CTL_CLI_ERROR;
    if (preview->blocker_count > 0 && !wishes->allow_missing) {
        ctl_cli_say_next("nothing was started: mend the hosts in the way, or leave them out with "
                         "--allow-missing");
        return -ECANCELED;
    }
    if (preview->target_count == 0) {
        *ret_exit = preview->blocker_count > 0 ? CTL_CLI_ERROR : CTL_CLI_DONE;
        ctl_cli_say_next("nothing was started: no host has anything to change");
        return -ECANCELED;
    }
    if (needs_second(plan, preview, wishes)) {
        ctl_cli_say_next("nothing was started: it is weaker than its risk grade, and one person "
                         "can't sign that alone; what is weaker, and what to type, is told above");
        return -ECANCELED;
    }
    answer = wishes->yes ? ANSWER_YES : ask_person(preview);
    if (answer == ANSWER_YES)
        return 0;
    if (answer == ANSWER_NOBODY) {
        ctl_cli_say_next("nothing was started: standard input is no terminal to ask on; --yes goes "
                         "on without asking");
    } else {
        ctl_cli_say_next("nothing was started");
    }

    return -ECANCELED;
}

/* Which hosts were meant, and what is done again: for people who look at it later. */
static int add_origin(const struct ctl_plan *plan, const struct ctl_run_wishes *wishes,
                      json_t *request, struct bl_error *err)
{
    char targets[CTL_SELECT_TEXT_BYTES_MAX];
    int r = ctl_plan_targets(&plan->hosts, false, targets, sizeof(targets), err);

    if (r < 0)
        return r;
    (void)json_object_set_new(request, "targets", json_string(targets));
    if (wishes->retry_of != NULL)
        (void)json_object_set_new(request, "retry_of", json_string(wishes->retry_of));
    if (wishes->standby_of != NULL)
        (void)json_object_set_new(request, "standby_of", json_string(wishes->standby_of));

    return 0;
}

/* Hands it to the controller; `request` is taken over. */
static int submit(struct ctl_cli_globals *globals, json_t *request, const char *rollout,
                  const struct ctl_run_wishes *wishes)
{
    CTL_AUTO_JSON *answer = NULL;
    struct bl_error err = {0};

    if (ctl_cli_ask(globals, request, &answer, &err) < 0) {
        int exit_code = ctl_cli_say_failure(globals, &err);

        if (exit_code == CTL_CLI_UNREACHABLE)
            ctl_cli_say_next("it may have been taken in all the same: 'belay status %s' tells",
                             rollout);
        return exit_code;
    }
    (void)puts(rollout);
    (void)fflush(stdout);
    ctl_cli_say_next(
        "it runs by itself: 'belay watch %s' looks on, 'belay pause %s' starts no more "
        "hosts, 'belay rollback %s' takes everything back",
        rollout, rollout, rollout);

    return wishes->watch ? ctl_watch_rollout(globals, rollout) : CTL_CLI_DONE;
}

static int start(struct ctl_cli_globals *globals, const struct ctl_plan_file *file,
                 const struct ctl_preview *preview, const struct ctl_run_wishes *wishes)
{
    CTL_AUTO_JSON *request = NULL;
    char rollout[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    struct bl_error err = {0};

    if (prepare(file, preview, wishes, &request, &err) < 0 ||
        add_origin(file->plan, wishes, request, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    bl_hex_encode(preview->rollout_id, sizeof(preview->rollout_id), rollout);
    if (wishes->request != NULL) {
        if (ctl_request_write(wishes->request, request, &err) < 0)
            return ctl_cli_say_error(CTL_CLI_ERROR, &err);
        ctl_cli_say_next("nothing was started: who is to sign it types 'belay sign %s', and then "
                         "'belay run --signed %s' starts it",
                         wishes->request, wishes->request);
        return CTL_CLI_DONE;
    }

    return submit(globals, BL_TAKE_PTR(request), rollout, wishes);
}

/* What went from desk to desk, with all its signatures. */
static int start_signed(struct ctl_cli_globals *globals, const char *path,
                        const struct ctl_run_wishes *wishes)
{
    CTL_AUTO_SIGNED_DOC doc = {0};
    CTL_AUTO_JSON *request = NULL;
    BL_AUTO_FD int home_fd = -1;
    char rollout[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    struct bl_error err = {0};
    int r;

    if (ctl_home_open(false, &home_fd, &err) < 0 ||
        ctl_request_read(path, home_fd, &request, &doc, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    ctl_signed_doc_print(&doc, stderr);
    r = wishes->yes ? 1 : ctl_desk_ask("start this?");
    if (r <= 0) {
        ctl_cli_say_next("nothing was started%s",
                         r < 0 ? ": standard input is no terminal to ask on; --yes goes on without "
                                 "asking"
                               : "");
        return CTL_CLI_ERROR;
    }
    bl_hex_encode(doc.manifest.rollout_id, PROTO_ROLLOUT_ID_BYTES, rollout);

    return submit(globals, BL_TAKE_PTR(request), rollout, wishes);
}

/* False after it has told why not. */
static bool is_as_previewed(const struct ctl_plan_file *file, const struct ctl_preview *preview,
                            const json_t *digest, const char *path)
{
    struct bl_error err = {0};
    int r = ctl_digest_compare(digest, file->text, preview, stderr, &err);

    if (r < 0)
        (void)ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (r > 0) {
        ctl_cli_say_next("nothing was started: it goes beyond what was previewed; look at it anew "
                         "with 'belay preview %s --save %s'",
                         file->path, path);
    }

    return r == 0;
}

int ctl_run_plan(struct ctl_cli_globals *globals, const struct ctl_plan_file *file,
                 const struct ctl_run_wishes *wishes)
{
    CTL_AUTO_PREVIEW preview = {0};
    CTL_AUTO_JSON *digest = NULL;
    struct bl_error err = {0};
    int exit_code = CTL_CLI_ERROR;

    if (wishes->as_previewed != NULL &&
        ctl_digest_load(wishes->as_previewed, &digest, preview.rollout_id, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (ctl_preview_ask(globals, file->plan, &preview, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    ctl_preview_print(file->plan, &preview, globals->colour && isatty(STDERR_FILENO) == 1, stderr);
    if (digest != NULL && !is_as_previewed(file, &preview, digest, wishes->as_previewed))
        return CTL_CLI_ERROR;
    if (decide(file->plan, &preview, wishes, &exit_code) < 0)
        return exit_code;

    return start(globals, file, &preview, wishes);
}

/* What is signed already is started as it is: no other wish may seem to have been heard. */
static bool is_only_started(const struct ctl_run_wishes *wishes)
{
    return !wishes->allow_missing && wishes->passphrase_file == NULL &&
           wishes->as_previewed == NULL && wishes->request == NULL && wishes->keys.count == 0;
}

int ctl_cmd_run(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct ctl_run_wishes wishes = {0};
    const char *signed_path = NULL;
    const struct ctl_cli_option options[] = {
        {"yes", CTL_CLI_FLAG, &wishes.yes},
        {"watch", CTL_CLI_FLAG, &wishes.watch},
        {"allow-missing", CTL_CLI_FLAG, &wishes.allow_missing},
        {"key", CTL_CLI_VALUES, &wishes.keys},
        {"passphrase-file", CTL_CLI_VALUE, &wishes.passphrase_file},
        {"as-previewed", CTL_CLI_VALUE, &wishes.as_previewed},
        {"request", CTL_CLI_VALUE, &wishes.request},
        {"signed", CTL_CLI_VALUE, &signed_path},
    };
    const struct ctl_cli_usage usage = {"run", options, 8, 0, 1};
    CTL_AUTO_PLAN_FILE file = {0};
    struct ctl_cli_arguments arguments;
    struct bl_error err = {0};

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;
    if ((signed_path == NULL) != (arguments.count == 1)) {
        (void)bl_fail(&err, -EINVAL, "needs either a plan or --signed FILE");
        return ctl_cli_say_usage("run", &err);
    }
    if (signed_path != NULL && !is_only_started(&wishes)) {
        (void)bl_fail(&err, -EINVAL, "--signed goes only with --yes and --watch");
        return ctl_cli_say_usage("run", &err);
    }
    if (signed_path != NULL)
        return start_signed(globals, signed_path, &wishes);
    if ((wishes.request != NULL && ctl_whole_file_check(wishes.request, &err) < 0) ||
        ctl_plan_file_load(arguments.items[0], false, &file, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);

    return ctl_run_plan(globals, &file, &wishes);
}
