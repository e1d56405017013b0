/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/base64.h"
#include "controller/cli/commands.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/signed_doc.h"
#include "controller/cli/terminal.h"
#include "controller/cli/values.h"
#include "controller/outside/groups.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"
#include "controller/plan/plan.h"

#define ANSWER_EXPIRES_MS (INT64_C(3600) * 1000) /* a question is open for minutes only */

enum {
    QUESTION_BYTES = 160,
};

struct wishes {
    const char *wave, *expires, *key, *passphrase_file;
    bool rollback, no_rollback, yes;
};

/* What is approved, once it is known. */
struct subject {
    uint32_t about; /* enum proto_approval_about */
    uint64_t number;
    int64_t good_for_ms;
};

static bool holds_for(const json_t *status, const char *code)
{
    const json_t *hold;
    size_t i;

    json_array_foreach (json_object_get(status, "holds"), i, hold) {
        if (strcmp(ctl_json_text(hold, "code"), code) == 0)
            return true;
    }

    return false;
}

static int choose_wave(const struct wishes *wishes, const json_t *status, struct subject *subject,
                       struct bl_error *err)
{
    subject->about = PROTO_APPROVAL_WAVE;
    if (wishes->wave != NULL)
        return ctl_values_number("wave", wishes->wave, 1, CTL_PLAN_WAVES_MAX, &subject->number,
                                 err);
    if (ctl_json_bool(json_object_get(status, "alarm"), "open"))
        return bl_fail(err, -EINVAL,
                       "something failed severely: say --rollback or --no-rollback, or --wave N");
    if (!holds_for(status, "approval"))
        return bl_fail(err, -EINVAL, "nothing waits for an approval: name the wave with --wave N");
    subject->number = (uint64_t)ctl_json_number(status, "wave");

    return 0;
}

static int choose(const struct wishes *wishes, const json_t *status,
                  const struct proto_policy *policy, struct subject *subject, struct bl_error *err)
{
    int64_t longest_ms = (int64_t)policy->approval_ms;
    int r;

    *subject = (struct subject){.good_for_ms = longest_ms};
    if (wishes->rollback + wishes->no_rollback + (wishes->wave != NULL) > 1)
        return bl_fail(err, -EINVAL, "--wave, --rollback and --no-rollback exclude each other");
    if (wishes->rollback || wishes->no_rollback) {
        const json_t *alarm = json_object_get(status, "alarm");

        if (!ctl_json_bool(alarm, "open"))
            return bl_fail(err, -EINVAL,
                           "nothing waits for an answer; 'belay rollback' takes back what was "
                           "changed at any time");
        subject->about = wishes->rollback ? PROTO_APPROVAL_ROLLBACK : PROTO_APPROVAL_NO_ROLLBACK;
        subject->number = (uint64_t)ctl_json_number(alarm, "number");
        if (subject->good_for_ms > ANSWER_EXPIRES_MS)
            subject->good_for_ms = ANSWER_EXPIRES_MS;
    } else {
        r = choose_wave(wishes, status, subject, err);
        if (r < 0)
            return r;
    }
    if (wishes->expires == NULL)
        return 0;

    return ctl_values_duration("expires", wishes->expires, longest_ms, &subject->good_for_ms, err);
}

/* How far it has come and how far it would go: by the controller's word, which nobody signed. */
static void show_reach(const json_t *status, const struct subject *subject, FILE *to)
{
    const json_t *counts = json_object_get(status, "counts");
    int64_t changed = ctl_json_number(counts, "running") + ctl_json_number(counts, "probation") +
                      ctl_json_number(counts, "committed");

    (void)fprintf(to, "  %-9s %" PRId64 " of %" PRId64 " hosts changed, %" PRId64 " failed; ",
                  "so far", changed, ctl_json_number(status, "hosts_count"),
                  ctl_json_number(status, "failed_count"));
    ctl_out_put(to, ctl_json_text(status, "reason"));
    (void)fputc('\n', to);
    if (subject->about == PROTO_APPROVAL_WAVE) {
        const json_t *wave = json_array_get(json_object_get(status, "waves"), subject->number - 1);
        const json_t *blast = json_object_get(status, "blast");

        (void)fprintf(to, "  %-9s ", "then");
        if (ctl_json_number(blast, "wave") == (int64_t)subject->number)
            ctl_out_put(to, ctl_json_text(blast, "text"));
        else
            (void)fprintf(to, "%" PRId64 " more hosts", ctl_json_number(wave, "hosts_count"));
        (void)fputc('\n', to);
    }
}

static void ask_what(const struct subject *subject, char ret_text[QUESTION_BYTES])
{
    char until[64];

    ctl_plan_format_duration(subject->good_for_ms, until, sizeof(until));
    if (subject->about == PROTO_APPROVAL_WAVE)
        (void)snprintf(ret_text, QUESTION_BYTES,
                       "sign that wave %" PRIu64 " may start, within %s from now?", subject->number,
                       until);
    else if (subject->about == PROTO_APPROVAL_ROLLBACK)
        (void)snprintf(ret_text, QUESTION_BYTES,
                       "sign that every host that was changed goes back, the bad ones first?");
    else
        (void)snprintf(ret_text, QUESTION_BYTES,
                       "sign that no other host goes back, and the rollout ends?");
}

static int seal(const struct wishes *wishes, const struct ctl_signed_doc *doc,
                const struct subject *subject, int home_fd, struct proto_buffer *ret_file,
                struct bl_error *err)
{
    BL_AUTO_FREE struct ctl_key_list *list = calloc(1, sizeof(*list));
    const int64_t now_ms = bl_wall_now().ms;
    struct proto_approval approval = {
        .format = PROTO_APPROVAL_FORMAT,
        .about = subject->about,
        .number = subject->number,
        .given_ms = now_ms,
        .not_after_ms = now_ms + subject->good_for_ms,
    };
    CTL_AUTO_SIGNER signer = {0};
    struct proto_signer by;
    int r;

    if (list == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    memcpy(approval.rollout_id, doc->manifest.rollout_id, sizeof(approval.rollout_id));
    memcpy(approval.manifest_hash, doc->hash, sizeof(approval.manifest_hash));
    r = ctl_key_list_read(home_fd, list, err);
    if (r >= 0)
        r = ctl_desk_unlock(home_fd, list, wishes->key, wishes->passphrase_file, &signer, err);
    if (r < 0)
        return r;
    by = ctl_signer_by(&signer);

    return proto_approval_seal_by(&approval, &by, ret_file, err);
}

static void say_next(const struct subject *subject, const char *rollout)
{
    if (subject->about == PROTO_APPROVAL_WAVE)
        ctl_cli_say_next("the wave starts when enough people said so and its turn has come; it "
                         "cannot be taken back, but 'belay pause %s' holds all starts",
                         rollout);
    else if (subject->about == PROTO_APPROVAL_ROLLBACK)
        ctl_cli_say_next("hosts go back to their former state, bad ones first; 'belay watch %s' "
                         "looks on",
                         rollout);
    else
        ctl_cli_say_next("the rollout ends when the hosts under way have ended; 'belay rollback "
                         "%s' still takes everything back",
                         rollout);
}

static int send(struct ctl_cli_globals *globals, const struct proto_buffer *file,
                const struct subject *subject, const char *rollout)
{
    const struct ctl_view view = ctl_terminal_view(globals);
    BL_AUTO_FREE char *text = ctl_base64(file->data, file->size_bytes);
    CTL_AUTO_JSON *answer = NULL;
    struct bl_error err = {0};

    if (text == NULL) {
        (void)bl_fail(&err, -ENOMEM, "out of memory");
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    }
    if (ctl_cli_ask(globals, json_pack("{s:s, s:s}", "verb", "approve", "approval", text), &answer,
                    &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (globals->json) {
        (void)json_object_set_new(answer, "groups", ctl_groups_of(answer));
        ctl_cli_out_answer(answer);
    } else {
        ctl_view_status(answer, &view, stdout);
    }
    say_next(subject, rollout);

    return CTL_CLI_DONE;
}

/* True: go on. */
static bool is_agreed(const struct wishes *wishes, const struct subject *subject)
{
    char question[QUESTION_BYTES];
    int r;

    ask_what(subject, question);
    r = wishes->yes ? 1 : ctl_desk_ask(question);
    if (r == -ENOTTY)
        ctl_cli_say_next("nothing was signed: standard input is no terminal to ask on; --yes goes "
                         "on without asking");
    else if (r == 0)
        ctl_cli_say_next("nothing was signed");

    return r == 1;
}

static int approve(struct ctl_cli_globals *globals, const struct wishes *wishes, const char *wanted)
{
    CTL_AUTO_SIGNED_DOC doc = {0};
    CTL_AUTO_JSON *manifest = NULL, *status = NULL;
    PROTO_AUTO_BUFFER file = {0};
    BL_AUTO_FD int home_fd = -1;
    char rollout[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    struct subject subject;
    struct bl_error err = {0};

    if (ctl_cli_ask(globals, json_pack("{s:s, s:s}", "verb", "manifest", "rollout", wanted),
                    &manifest, &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (ctl_home_open(false, &home_fd, &err) < 0 ||
        ctl_signed_doc_read(manifest, home_fd, &doc, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    bl_hex_encode(doc.manifest.rollout_id, PROTO_ROLLOUT_ID_BYTES, rollout);
    if (ctl_cli_ask(globals, json_pack("{s:s, s:s}", "verb", "status", "rollout", rollout), &status,
                    &err) < 0)
        return ctl_cli_say_failure(globals, &err);
    if (choose(wishes, status, &doc.policy, &subject, &err) < 0)
        return ctl_cli_say_usage("approve", &err);
    ctl_signed_doc_print(&doc, stderr);
    show_reach(status, &subject, stderr);
    if (!is_agreed(wishes, &subject))
        return CTL_CLI_ERROR;
    if (seal(wishes, &doc, &subject, home_fd, &file, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);

    return send(globals, &file, &subject, rollout);
}

int ctl_cmd_approve(struct ctl_cli_globals *globals, int argc, char **argv)
{
    struct wishes wishes = {0};
    const struct ctl_cli_option options[] = {
        {"wave", CTL_CLI_VALUE, &wishes.wave},
        {"rollback", CTL_CLI_FLAG, &wishes.rollback},
        {"no-rollback", CTL_CLI_FLAG, &wishes.no_rollback},
        {"expires", CTL_CLI_VALUE, &wishes.expires},
        {"yes", CTL_CLI_FLAG, &wishes.yes},
        {"key", CTL_CLI_VALUE, &wishes.key},
        {"passphrase-file", CTL_CLI_VALUE, &wishes.passphrase_file},
    };
    const struct ctl_cli_usage usage = {"approve", options, 7, 0, 1};
    struct ctl_cli_arguments arguments;

    if (!ctl_cli_begin(&usage, argc, argv, &arguments))
        return CTL_CLI_USAGE;

    return approve(globals, &wishes, arguments.count > 0 ? arguments.items[0] : "latest");
}
