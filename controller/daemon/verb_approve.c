/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people say by their signatures about a rollout that is under way. The socket only carries
 * it: who it is, whether they may, and what it is about is told by the signed bytes and by the
 * trust file alone.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/log.h"
#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"
#include "controller/daemon/view_people.h"

enum {
    SKEW_MS = 5 * 60 * 1000, /* the desk's clock may be that far ahead */
    DETAIL_BYTES = 256,
};

struct request {
    uint8_t *data;
    size_t size_bytes;
    struct proto_approval approval;
    const struct proto_person *person;
    struct ctl_run *run;
};

static void release(struct request *request)
{
    free(request->data);
}

/* ---- may this person say that, about this rollout, now? ---- */

static bool check_person(struct ctl_call *call, struct request *request,
                         const uint8_t key[PROTO_KEY_BYTES])
{
    const struct ctl_trust *trust = &call->engine->trust;

    request->person = ctl_trust_person(trust, key);
    if (request->person != NULL)
        return true;
    ctl_refuse(call, "unknown_signer", "belay keys trust",
               "it is signed with a key that the trust file does not know, or that was revoked");

    return false;
}

static bool check_rollout(struct ctl_call *call, struct request *request)
{
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    uint8_t hash[PROTO_HASH_BYTES];

    bl_hex_encode(request->approval.rollout_id, PROTO_ROLLOUT_ID_BYTES, id);
    if (!ctl_call_find_run(call, id, &request->run))
        return false;
    proto_manifest_hash(request->run->manifest_data, request->run->manifest_bytes, hash);
    if (memcmp(hash, request->approval.manifest_hash, sizeof(hash)) == 0)
        return true;
    ctl_refuse(call, "manifest_differs", "belay approve",
               "it approves another manifest than that of rollout %s", id);

    return false;
}

static bool check_times(struct ctl_call *call, const struct request *request)
{
    const struct proto_approval *approval = &request->approval;
    const int64_t now_ms = bl_wall_now().ms;
    const int64_t longest_ms = (int64_t)request->run->policy.approval_ms;

    if (approval->not_after_ms <= now_ms) {
        ctl_refuse(call, "expired", "belay approve", "the approval is not good any more");
    } else if (approval->given_ms > now_ms + SKEW_MS) {
        ctl_refuse(call, "not_yet", "belay approve",
                   "it was signed %" PRId64 " s in the future: is a clock wrong?",
                   (approval->given_ms - now_ms) / 1000);
    } else if (approval->not_after_ms - approval->given_ms > longest_ms) {
        ctl_refuse(call, "too_long", "belay approve",
                   "it would be good for %" PRId64 " s; the plan allows %" PRId64 " s",
                   (approval->not_after_ms - approval->given_ms) / 1000, longest_ms / 1000);
    } else {
        return true;
    }

    return false;
}

static bool check_role(struct ctl_call *call, const struct request *request, uint32_t role)
{
    if (request->person->role >= role)
        return true;
    ctl_refuse(call, "role", "belay keys trust", "this takes a %s; '%s' is %s",
               proto_role_name(role), request->person->name,
               request->person->role == PROTO_ROLE_OPERATOR ? "an operator" : "?");

    return false;
}

static bool check_wave(struct ctl_call *call, const struct request *request)
{
    const struct ctl_rollout *rollout = &request->run->rollout;
    const uint64_t number = request->approval.number;
    const char *requester = ctl_trust_name_of(&call->engine->trust, request->run->policy.requester);

    if (number > rollout->wave_count) {
        ctl_refuse(call, "not_found", "belay status", "there is no wave %" PRIu64 ": it has %u",
                   number, rollout->wave_count);
    } else if (ctl_approvals_needed(rollout, (uint32_t)number - 1) == 0) {
        ctl_refuse(call, "not_needed", "belay status", "wave %" PRIu64 " needs no approval",
                   number);
    } else if (ctl_rollout_is_final(rollout)) {
        ctl_refuse(call, "final", "belay report", "the rollout has ended: %s",
                   ctl_rollout_state_name(rollout->state));
    } else if (!ctl_rollout_is_going(rollout)) {
        ctl_refuse(call, "not_going", "belay watch",
                   "the rollout is %s: no wave would start in it any more",
                   ctl_rollout_state_name(rollout->state));
    } else if (number - 1 < rollout->wave ||
               (number - 1 == rollout->wave && rollout->state != CTL_ROLLOUT_STAGING)) {
        ctl_refuse(call, "too_late", "belay status", "wave %" PRIu64 " has started already",
                   number);
    } else if (strcmp(requester, request->person->name) == 0) {
        ctl_refuse(call, "own_approval", "belay status",
                   "'%s' requested this rollout: somebody else must approve its waves",
                   request->person->name);
    } else {
        return check_role(call, request, request->run->policy.approvals_by);
    }

    return false;
}

/* To leave what may be broken takes more than to take it back: that anybody may do anyway. */
static bool check_answer(struct ctl_call *call, const struct request *request)
{
    const struct ctl_alarm *alarm = &request->run->rollout.alarm;
    bool is_no = request->approval.about == PROTO_APPROVAL_NO_ROLLBACK;

    if (request->approval.number != alarm->number || !alarm->is_open) {
        ctl_refuse(call, "not_asked", "belay status",
                   "failure %" PRIu64 " is not one that waits for an answer",
                   request->approval.number);
        return false;
    }

    return check_role(call, request, is_no ? PROTO_ROLE_COMMANDER : PROTO_ROLE_OPERATOR);
}

/* ---- storing, and telling the machine ---- */

static struct ctl_rollout_event event_of(const struct request *request)
{
    const struct proto_approval *approval = &request->approval;

    if (approval->about == PROTO_APPROVAL_WAVE) {
        return (struct ctl_rollout_event){
            .type = CTL_ROLLOUT_APPROVE,
            .host = CTL_ROLLOUT_ALL,
            .wave = (uint32_t)approval->number - 1,
            .nonce = ctl_run_person(request->person->name),
            .until = {approval->not_after_ms},
        };
    }

    return (struct ctl_rollout_event){
        .type = CTL_ROLLOUT_ANSWER,
        .host = CTL_ROLLOUT_ALL,
        .number = (uint32_t)approval->number,
        .yes = approval->about == PROTO_APPROVAL_ROLLBACK,
    };
}

static void describe(const struct request *request, char ret_text[DETAIL_BYTES])
{
    const struct proto_approval *approval = &request->approval;
    char until[BL_WALL_TEXT_BYTES];

    bl_wall_to_text((struct bl_wall){approval->not_after_ms}, until);
    if (bl_text_format(ret_text, DETAIL_BYTES, "%s %" PRIu64 " by %s, good until %s",
                       proto_approval_about_name(approval->about), approval->number,
                       request->person->name, until) < 0)
        ret_text[0] = '\0';
}

static int carry_out(struct ctl_call *call, struct request *request, struct bl_error *err)
{
    struct ctl_store_approval row = {
        .received = bl_wall_now(),
        .uid = call->uid,
        .person = request->person->name,
        .file = {request->data, request->size_bytes},
    };
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)], detail[DETAIL_BYTES];
    int r;

    memcpy(row.rollout_id, request->run->id, sizeof(row.rollout_id));
    bl_hex_encode(row.rollout_id, sizeof(row.rollout_id), id);
    describe(request, detail);
    r = ctl_store_add_approval(call->engine->store, &row, err);
    if (r <= 0)
        return r; /* 0: it came before */
    r = ctl_run_add_approval(request->run, &row, err);
    if (r >= 0)
        r = ctl_engine_step(call->engine, request->run, event_of(request), err);
    if (r >= 0)
        r = ctl_engine_audit(call->engine, call->uid, "approve", id, detail, err);
    if (r >= 0)
        ctl_log(CTL_LOG_NOTICE, "rollout %s: approved: %s", id, detail);

    return r;
}

/* Whether the very same bytes were taken in before: then it is done, whatever is so by now. */
static bool came_before(const struct request *request)
{
    for (uint32_t i = 0; i < request->run->approvals_count; i++) {
        const struct ctl_run_approval *kept = &request->run->approvals[i];

        if (kept->about == request->approval.about && kept->number == request->approval.number &&
            kept->given.ms == request->approval.given_ms &&
            kept->not_after.ms == request->approval.not_after_ms &&
            strcmp(kept->person, request->person->name) == 0)
            return true;
    }

    return false;
}

void ctl_verb_approve(struct ctl_call *call)
{
    BL_CLEANUP(release) struct request request = {0};
    uint8_t key[PROTO_KEY_BYTES];
    struct bl_error err = {0};

    if (!ctl_call_base64(call, "approval", PROTO_APPROVAL_BYTES_MAX, &request.data,
                         &request.size_bytes))
        return;
    if (proto_approval_open(request.data, request.size_bytes, &request.approval, key, &err) < 0) {
        ctl_refuse(call, "bad_approval", "", "%s", err.text);
        return;
    }
    if (!check_person(call, &request, key) || !check_rollout(call, &request))
        return;
    if (!came_before(&request)) {
        bool is_wave = request.approval.about == PROTO_APPROVAL_WAVE;

        if (!check_times(call, &request) ||
            !(is_wave ? check_wave(call, &request) : check_answer(call, &request)))
            return;
        if (carry_out(call, &request, &err) < 0) {
            ctl_reply_failure(call, &err);
            return;
        }
    }
    ctl_reply(call, ctl_view_status(call->engine, request.run));
}

/* ---- what was signed, for who wants to see it before signing ---- */

static json_t *base64(const void *data, size_t size_bytes)
{
    const size_t text_bytes = sodium_base64_encoded_len(size_bytes, sodium_base64_VARIANT_ORIGINAL);
    BL_AUTO_FREE char *text = malloc(text_bytes);

    if (text == NULL)
        return NULL;
    (void)sodium_bin2base64(text, text_bytes, data, size_bytes, sodium_base64_VARIANT_ORIGINAL);

    return json_string(text);
}

void ctl_verb_manifest(struct ctl_call *call)
{
    PROTO_AUTO_BUFFER policy = {0};
    json_t *signatures;
    struct bl_error err = {0};
    struct ctl_run *run;

    if (!ctl_call_run(call, &run))
        return;
    if (proto_policy_encode(&run->policy, &policy, &err) < 0) {
        ctl_reply_failure(call, &err);
        return;
    }
    signatures = json_array();
    for (uint32_t i = 0; i < run->signatures_count; i++) {
        const struct proto_signature *signature = &run->signatures[i];

        (void)json_array_append_new(
            signatures,
            json_pack("{s:o, s:o}", "key", ctl_view_hex(signature->key, sizeof(signature->key)),
                      "signature",
                      ctl_view_hex(signature->signature, sizeof(signature->signature))));
    }
    ctl_reply(call,
              json_pack("{s:o, s:o, s:o, s:o}", "rollout", ctl_view_hex(run->id, sizeof(run->id)),
                        "manifest", base64(run->manifest_data, run->manifest_bytes), "policy",
                        base64(policy.data, policy.size_bytes), "signatures", signatures));
}
