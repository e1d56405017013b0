/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/deny.h"
#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"

enum {
    SUBJECT_BYTES = 2 * PROTO_NAME_BYTES_MAX + 2,
};

static int take_row(void *userdata, const struct ctl_store_denied *row, struct bl_error *err)
{
    json_t *view = json_pack(
        "{s:s, s:s, s:o, s:s, s:o, s:I}", "package", row->name, "version", row->version, "rollout",
        row->has_rollout ? ctl_view_hex(row->rollout, sizeof(row->rollout)) : json_null(), "cause",
        row->cause, "since", ctl_view_wall(row->at), "uid", (json_int_t)row->uid);

    if (json_array_append_new(userdata, view) < 0)
        return bl_fail(err, -ENOMEM, "deny list: no memory");

    return 0;
}

static void reply_list(struct ctl_call *call, int lifted_count)
{
    json_t *list = json_array(), *answer;
    struct bl_error err = {0};

    if (ctl_store_each_denied(call->engine->store, "", "", take_row, list, &err) < 0) {
        json_decref(list);
        ctl_reply_failure(call, &err);
        return;
    }
    answer = json_pack("{s:o}", "denied", list);
    if (lifted_count >= 0)
        (void)json_object_set_new(answer, "lifted_count", json_integer(lifted_count));
    ctl_reply(call, answer);
}

void ctl_verb_deny_list(struct ctl_call *call)
{
    reply_list(call, -1);
}

/* "package" and "version" as a package manager writes them. */
static bool read_package(struct ctl_call *call, const char **ret_name, const char **ret_version)
{
    if (!ctl_call_text(call, "package", NULL, ret_name) ||
        !ctl_call_text(call, "version", NULL, ret_version))
        return false;
    if (bl_text_is_package_name(*ret_name) && bl_text_is_version(*ret_version) &&
        strlen(*ret_name) <= PROTO_NAME_BYTES_MAX && strlen(*ret_version) <= PROTO_NAME_BYTES_MAX)
        return true;
    ctl_refuse(call, "bad_request", "belay deny list",
               "'%.80s=%.80s' is not an exact version of a package", *ret_name, *ret_version);

    return false;
}

void ctl_verb_deny_add(struct ctl_call *call)
{
    struct ctl_store_denied row = {.at = bl_wall_now(), .uid = call->uid};
    char subject[SUBJECT_BYTES];
    struct bl_error err = {0};

    if (!read_package(call, &row.name, &row.version) ||
        !ctl_call_text(call, "reason", "a person said so", &row.cause))
        return;
    if (strlen(row.cause) > PROTO_REASON_BYTES_MAX ||
        !bl_text_is_clean(row.cause, strlen(row.cause))) {
        ctl_refuse(call, "bad_request", "", "'reason' is a sentence of at most %d bytes",
                   PROTO_REASON_BYTES_MAX);
        return;
    }
    (void)snprintf(subject, sizeof(subject), "%s=%s", row.name, row.version);
    if (ctl_store_deny(call->engine->store, &row, /* again= */ true, &err) < 0 ||
        ctl_deny_pause_others(call->engine, row.name, row.version, &err) < 0)
        ctl_reply_failure(call, &err);
    else if (ctl_call_audit(call, "deny.add", subject, row.cause))
        reply_list(call, -1);
}

void ctl_verb_deny_lift(struct ctl_call *call)
{
    const bool of_rollout = json_object_get(call->request, "rollout") != NULL;
    char subject[SUBJECT_BYTES], detail[64];
    const char *name = "", *version = "";
    struct ctl_run *run = NULL;
    struct bl_error err = {0};
    int r;

    if (of_rollout ? !ctl_call_run(call, &run) : !read_package(call, &name, &version))
        return;
    if (of_rollout)
        bl_hex_encode(run->id, sizeof(run->id), subject);
    else
        (void)snprintf(subject, sizeof(subject), "%s=%s", name, version);
    r = ctl_store_lift(call->engine->store, name, version, of_rollout ? run->id : NULL,
                       bl_wall_now(), &err);
    if (r < 0) {
        ctl_reply_failure(call, &err);
        return;
    }
    if (r == 0) {
        ctl_refuse(call, "not_found", "belay deny list", "nothing of '%s' is on the deny list",
                   subject);
        return;
    }
    (void)snprintf(detail, sizeof(detail), "%d lifted", r);
    if (ctl_call_audit(call, "deny.lift", subject, detail))
        reply_list(call, r);
}
