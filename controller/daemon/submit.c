/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/submit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/program.h"
#include "controller/daemon/deny.h"
#include "controller/daemon/freeze.h"
#include "controller/daemon/log.h"
#include "controller/daemon/origin.h"
#include "controller/daemon/pace.h"
#include "controller/daemon/severe_hooks.h"
#include "controller/daemon/standby.h"
#include "proto/place.h"
#include "proto/risk.h"
#include "proto/sample.h"

enum {
    PLAN_TEXT_BYTES_MAX = 1024 * 1024,
};

/* Everything a request holds, while it is being checked. */
struct submission {
    const char *plan_name, *plan_text;
    uint8_t *manifest_data;
    size_t manifest_bytes;
    struct proto_arena arena;
    struct proto_manifest manifest;
    struct proto_signature signatures[PROTO_SIGNATURES_MAX];
    uint32_t signatures_count;
    uint8_t *policy_data;
    size_t policy_bytes;
    struct proto_policy policy;
    struct ctl_pace pace;
    struct proto_target *targets;         /* sorted by id once their root is taken */
    struct ctl_store_rollout_host *hosts; /* same order */
    uint32_t host_count;
    struct ctl_origin_wish origin;
};

static void release(struct submission *submission)
{
    proto_arena_release(&submission->arena);
    free(submission->manifest_data);
    free(submission->policy_data);
    free(submission->targets);
    free(submission->hosts);
}

static bool refuse_form(struct ctl_call *call, const char *what)
{
    ctl_refuse(call, "bad_request", "", "%s", what);

    return false;
}

/* A whole number of the object, from 0. */
static bool get_number(const json_t *object, const char *key, int64_t max, int64_t *ret_number)
{
    const json_t *value = json_object_get(object, key);

    *ret_number = json_integer_value(value);

    return json_is_integer(value) && *ret_number >= 0 && *ret_number <= max;
}

static bool has_size(const json_t *object, size_t size)
{
    return json_is_object(object) && json_object_size(object) == size;
}

/* ---- reading ---- */

static bool read_signatures(struct ctl_call *call, struct submission *submission)
{
    const json_t *list = json_object_get(call->request, "signatures");
    const size_t count = json_array_size(list);

    if (count == 0 || count > PROTO_SIGNATURES_MAX)
        return refuse_form(call, "'signatures' must be a list of 1 to 8");
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        struct proto_signature *signature = &submission->signatures[i];

        if (!has_size(item, 2))
            return refuse_form(call, "a signature has 'key' and 'signature'");
        if (!ctl_call_hex(call, "key", json_string_value(json_object_get(item, "key")),
                          signature->key, sizeof(signature->key)) ||
            !ctl_call_hex(call, "signature", json_string_value(json_object_get(item, "signature")),
                          signature->signature, sizeof(signature->signature)))
            return false;
    }
    submission->signatures_count = (uint32_t)count;

    return true;
}

static bool read_policy(struct ctl_call *call, struct submission *submission)
{
    struct bl_error err = {0};

    if (!ctl_call_base64(call, "policy", PROTO_POLICY_BYTES_MAX, &submission->policy_data,
                         &submission->policy_bytes))
        return false;
    if (proto_policy_decode(submission->policy_data, submission->policy_bytes, &submission->arena,
                            &submission->policy, &err) < 0) {
        ctl_refuse(call, "bad_policy", "", "%s", err.text);
        return false;
    }
    ctl_pace_of(&submission->policy, &submission->pace);

    return true;
}

static bool is_busy(const struct ctl_engine *engine, const uint8_t id[PROTO_HOST_ID_BYTES])
{
    for (uint32_t i = 0; i < engine->run_count; i++) {
        const struct ctl_run *run = engine->runs[i];
        uint32_t index = ctl_run_index_of(run, id);

        if (index != CTL_ROLLOUT_ALL && !ctl_rollout_is_final(&run->rollout) &&
            !ctl_host_state_is_final(run->hosts[index].state))
            return true;
    }

    return false;
}

/* A host that another rollout relies on is left alone; that rollout's own ones go when it is complete. */
static bool is_free_of_standby(struct ctl_call *call, const struct submission *submission,
                               const struct ctl_fleet_host *host)
{
    const struct ctl_origin_wish *origin = &submission->origin;
    const struct ctl_run *keeper = ctl_standby_find(call->engine, host->id);

    if (origin->is_standby && proto_policy_standby_of(&origin->of->policy, host->id) == NULL) {
        ctl_refuse(call, "not_standby", "belay status",
                   "host '%s' was not kept as standby by that rollout", host->name);
        return false;
    }
    if (keeper == NULL || ctl_rollout_is_final(&keeper->rollout))
        return true;
    ctl_refuse(call, "host_standby", "belay status",
               "host '%s' is kept as standby by a rollout of plan '%s' that is under way",
               host->name, keeper->plan_name);

    return false;
}

static bool read_host(struct ctl_call *call, struct submission *submission, const json_t *item)
{
    struct ctl_store_rollout_host *host = &submission->hosts[submission->host_count];
    const struct ctl_fleet_host *known;
    int64_t kind, wave;

    if (!has_size(item, 3) ||
        !get_number(item, "kind", (int64_t)submission->manifest.kinds_count - 1, &kind) ||
        !get_number(item, "wave", submission->pace.wave_count, &wave) || wave == 0)
        return refuse_form(call, "a host has 'id', 'kind' (of the manifest) and 'wave' (from 1)");
    if (!ctl_call_hex(call, "id", json_string_value(json_object_get(item, "id")), host->id,
                      sizeof(host->id)))
        return false;
    known = ctl_fleet_find(&call->engine->fleet, host->id);
    if (known == NULL || known->standing != CTL_STANDING_ENROLLED) {
        ctl_refuse(call, "not_found", "belay hosts list", "host '%s' is not enrolled",
                   known != NULL ? known->name : json_string_value(json_object_get(item, "id")));
        return false;
    }
    if (is_busy(call->engine, host->id)) {
        ctl_refuse(call, "host_busy", "belay status", "host '%s' is in a rollout that is under way",
                   known->name);
        return false;
    }
    if (!is_free_of_standby(call, submission, known))
        return false;
    host->kind = (uint32_t)kind;
    host->wave = (uint32_t)wave - 1;
    submission->host_count++;

    return true;
}

static bool read_hosts(struct ctl_call *call, struct submission *submission)
{
    const json_t *list = json_object_get(call->request, "hosts");
    const size_t count = json_array_size(list);

    if (count == 0 || count > CTL_ROLLOUT_HOSTS_MAX)
        return refuse_form(call, "'hosts' must be a list of 1 to 20000");
    submission->hosts = calloc(count, sizeof(*submission->hosts));
    submission->targets = calloc(count, sizeof(*submission->targets));
    if (submission->hosts == NULL || submission->targets == NULL)
        return refuse_form(call, "no memory for so many hosts");
    for (size_t i = 0; i < count; i++) {
        if (!read_host(call, submission, json_array_get(list, i)))
            return false;
    }

    return true;
}

static bool read_manifest(struct ctl_call *call, struct submission *submission)
{
    struct bl_error err = {0};

    if (!ctl_call_base64(call, "manifest", PROTO_MANIFEST_BYTES_MAX, &submission->manifest_data,
                         &submission->manifest_bytes))
        return false;
    if (proto_manifest_decode(submission->manifest_data, submission->manifest_bytes,
                              &submission->arena, &submission->manifest, &err) < 0)
        ctl_refuse(call, "bad_manifest", "", "%s", err.text);
    else if (strcmp(submission->plan_name, submission->manifest.plan) != 0)
        ctl_refuse(call, "bad_manifest", "belay run",
                   "the plan of the request is not '%s', whose manifest was signed",
                   submission->manifest.plan);
    else
        return true;

    return false;
}

/* ---- checking what hosts will check again ---- */

static bool check_signatures(struct ctl_call *call, const struct submission *submission)
{
    for (uint32_t i = 0; i < submission->signatures_count; i++) {
        const struct proto_signature *signature = &submission->signatures[i];
        struct bl_error err = {0};

        if (ctl_trust_person(&call->engine->trust, signature->key) == NULL) {
            ctl_refuse(call, "unknown_signer", "belay keys trust",
                       "signature %u is of a key that the trust file does not know, or of one that "
                       "was revoked",
                       i + 1);
            return false;
        }
        if (proto_verify(PROTO_MANIFEST_DOMAIN, submission->manifest_data,
                         submission->manifest_bytes, signature, &err) < 0) {
            ctl_refuse(call, "bad_signature", "", "signature of '%s': %s",
                       ctl_trust_name_of(&call->engine->trust, signature->key), err.text);
            return false;
        }
    }

    return true;
}

/* Different people, told apart by their names: one person with two keys is one person. */
static bool signed_before(const struct ctl_trust *trust, const struct submission *submission,
                          uint32_t index)
{
    const char *name = ctl_trust_name_of(trust, submission->signatures[index].key);

    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(ctl_trust_name_of(trust, submission->signatures[i].key), name) == 0)
            return true;
    }

    return false;
}

static bool check_quorum(struct ctl_call *call, const struct submission *submission)
{
    const struct ctl_trust *trust = &call->engine->trust;
    const struct proto_quorum *quorum = &trust->trust.quorums[submission->manifest.risk - 1];
    uint64_t people = 0, commanders = 0;

    for (uint32_t i = 0; i < submission->signatures_count; i++) {
        if (signed_before(trust, submission, i))
            continue;
        people++;
        if (ctl_trust_person(trust, submission->signatures[i].key)->role == PROTO_ROLE_COMMANDER)
            commanders++;
    }
    if (commanders >= quorum->commanders && people >= quorum->operators + quorum->commanders)
        return true;
    ctl_refuse(call, "quorum", "belay run PLAN --key NAME --key OTHER",
               "risk %s needs %llu operators and %llu commanders, different people; %llu people "
               "signed, %llu of them commanders",
               proto_risk_name(submission->manifest.risk), (unsigned long long)quorum->operators,
               (unsigned long long)quorum->commanders, (unsigned long long)people,
               (unsigned long long)commanders);

    return false;
}

/*
 * Read from what was signed, and from nothing that was said beside it: the risk grade is what people
 * agreed upon before, and one person alone does not go below it.
 */
static bool check_weaker(struct ctl_call *call, const struct submission *submission)
{
    const struct ctl_trust *trust = &call->engine->trust;
    struct proto_weaker list[PROTO_WEAKER_MAX];
    const uint32_t count = proto_risk_weaker(&submission->manifest, &submission->policy, list);
    char first[PROTO_WEAKER_LINE_BYTES], more[32] = "";
    uint32_t people = 0;

    for (uint32_t i = 0; i < submission->signatures_count; i++)
        people += signed_before(trust, submission, i) ? 0 : 1;
    if (count == 0 || people >= PROTO_RISK_SIGNERS)
        return true;
    proto_weaker_to_text(&list[0], submission->manifest.risk, first);
    if (count > 1)
        (void)snprintf(more, sizeof(more), ", and %u more", count - 1);
    ctl_refuse(call, "weaker_than_risk", "belay run PLAN --request FILE",
               "weaker than its risk grade, and only one person signed: %s%s", first, more);

    return false;
}

/* People signed the policy's hash: nobody on the way can have made the rollout any bolder. */
static bool check_policy(struct ctl_call *call, const struct submission *submission)
{
    uint8_t hash[PROTO_HASH_BYTES];
    struct bl_error err = {0};

    if (proto_policy_hash(submission->policy_data, submission->policy_bytes, hash, &err) < 0) {
        ctl_refuse(call, "internal", "", "%s", err.text);
        return false;
    }
    if (memcmp(hash, submission->manifest.policy_hash, sizeof(hash)) == 0)
        return true;
    ctl_refuse(call, "policy_differs", "belay run",
               "the policy (waves, limits, waits) of the request is not the one that was signed");

    return false;
}

/* Whose rollout it is was signed, unlike the order of the signatures. */
static bool check_requester(struct ctl_call *call, const struct submission *submission)
{
    for (uint32_t i = 0; i < submission->signatures_count; i++) {
        if (memcmp(submission->signatures[i].key, submission->policy.requester, PROTO_KEY_BYTES) ==
            0)
            return true;
    }
    ctl_refuse(call, "requester", "belay run",
               "the person whose rollout it is has not signed it: their signature is missing");

    return false;
}

static bool check_plan(struct ctl_call *call, const struct submission *submission)
{
    uint8_t hash[PROTO_HASH_BYTES];

    proto_plan_hash(submission->plan_text, hash);
    if (memcmp(hash, submission->policy.plan_hash, sizeof(hash)) == 0)
        return true;
    ctl_refuse(call, "plan_differs", "belay run",
               "the text of the plan is not the one that was signed");

    return false;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct ctl_store_rollout_host *)a)->id,
                  ((const struct ctl_store_rollout_host *)b)->id, PROTO_HOST_ID_BYTES);
}

static bool check_targets(struct ctl_call *call, struct submission *submission)
{
    uint8_t root[PROTO_HASH_BYTES];
    struct bl_error err = {0};

    qsort(submission->hosts, submission->host_count, sizeof(*submission->hosts), by_id);
    for (uint32_t i = 0; i < submission->host_count; i++) {
        memcpy(submission->targets[i].host_id, submission->hosts[i].id, PROTO_HOST_ID_BYTES);
        submission->targets[i].kind = submission->hosts[i].kind;
    }
    if (proto_merkle_root(submission->targets, submission->host_count, root, &err) < 0) {
        ctl_refuse(call, "targets_differ", "", "%s", err.text);
        return false;
    }
    if (submission->manifest.targets_count == submission->host_count &&
        memcmp(root, submission->manifest.targets_root, sizeof(root)) == 0)
        return true;
    ctl_refuse(call, "targets_differ", "",
               "the hosts and kinds of the request are not those that were signed");

    return false;
}

static bool check_places(struct ctl_call *call, const struct submission *submission)
{
    BL_AUTO_FREE struct proto_place *places = calloc(submission->host_count, sizeof(*places));
    struct bl_error err = {0};

    if (places == NULL)
        return refuse_form(call, "no memory for so many hosts");
    for (uint32_t i = 0; i < submission->host_count; i++) {
        memcpy(places[i].host_id, submission->hosts[i].id, PROTO_HOST_ID_BYTES);
        places[i].wave = submission->hosts[i].wave;
    }
    if (proto_places_check(places, submission->host_count, submission->manifest.rollout_id,
                           &submission->policy, &err) >= 0 &&
        proto_sample_check(places, &submission->manifest, &submission->policy, &err) >= 0)
        return true;
    ctl_refuse(call, "waves_differ", "belay run", "%s", err.text);

    return false;
}

static bool check_denied(struct ctl_call *call, const struct submission *submission)
{
    char text[PROTO_REASON_BYTES_MAX + 2 * PROTO_NAME_BYTES_MAX], next[2 * PROTO_NAME_BYTES_MAX];
    struct bl_error err = {0};
    int r;

    r = ctl_deny_find(call->engine->store, &submission->manifest, text, sizeof(text), next,
                      sizeof(next), &err);
    if (r < 0)
        ctl_reply_failure(call, &err);
    if (r > 0)
        ctl_refuse(call, "denied", next, "%s", text);

    return r == 0;
}

/* A person signed its name; that it can be called is seen now, and not at three in the morning. */
static bool check_hooks(struct ctl_call *call, const struct submission *submission)
{
    const struct ctl_hook_places *places = call->engine->hook_places;

    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
        const char *program =
            ctl_severe_hook_program(&submission->policy, (enum ctl_hook_kind)kind);
        struct bl_error err = {0};

        if (program[0] == '\0' ||
            bl_program_check(places->root_fd, places->hooks, program, places->owner, &err) >= 0)
            continue;
        ctl_refuse(call, "hook_unknown", "ls -l /etc/belay/controller-hooks.d",
                   "severe.hooks.%s can't be called: %s; the controller's administrator puts it "
                   "into %s/%s, owned by root and executable",
                   ctl_hook_name(kind), err.text, places->root, places->hooks);
        return false;
    }

    return true;
}

static bool check(struct ctl_call *call, struct submission *submission)
{
    if (!call->engine->trust.is_set) {
        ctl_refuse(call, "no_trust", "belay keys trust", "the controller has no trust file yet");
        return false;
    }
    if (submission->manifest.not_after_ms <= bl_wall_now().ms) {
        ctl_refuse(call, "expired", "belay run", "the manifest is not valid any more");
        return false;
    }

    return check_signatures(call, submission) && check_quorum(call, submission) &&
           check_policy(call, submission) && check_requester(call, submission) &&
           check_weaker(call, submission) && check_plan(call, submission) &&
           check_targets(call, submission) &&
           ctl_standby_check(call, &submission->policy, submission->hosts,
                             submission->host_count) &&
           check_places(call, submission) && check_hooks(call, submission) &&
           check_denied(call, submission);
}

/* ---- storing and beginning ---- */

/* 0; -EEXIST when the id was used before, and then nothing was written. */
static int store(struct ctl_call *call, const struct submission *submission, struct bl_error *err)
{
    struct ctl_store_rollout row = {
        .plan_name = submission->plan_name,
        .plan_text = submission->plan_text,
        .manifest = {submission->manifest_data, submission->manifest_bytes},
        .signatures = submission->signatures,
        .signatures_count = submission->signatures_count,
        .policy = {submission->policy_data, submission->policy_bytes},
        .created = bl_wall_now(),
        .submitted_by_uid = call->uid,
        .state = CTL_ROLLOUT_STAGING,
        .host_count = submission->host_count,
    };

    memcpy(row.id, submission->manifest.rollout_id, sizeof(row.id));

    return ctl_store_add_rollout(call->engine->store, &row, submission->hosts, err);
}

static void begin(struct ctl_call *call, const struct submission *submission)
{
    const struct ctl_rollout_event event = {.type = CTL_ROLLOUT_SUBMIT};
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    struct bl_error err = {0};
    struct ctl_run *run;
    int r;

    bl_hex_encode(submission->manifest.rollout_id, PROTO_ROLLOUT_ID_BYTES, id);
    r = store(call, submission, &err);
    if (r == -EEXIST) {
        ctl_engine_abandon(call->engine);
        ctl_refuse(call, "exists", "belay run", "the rollout id %s was used before", id);
        return;
    }
    if (r >= 0)
        r = ctl_origin_add(call, submission->manifest.rollout_id, &submission->origin, &err);
    if (r >= 0)
        r = ctl_engine_run(call->engine, submission->manifest.rollout_id, &run, &err);
    if (r > 0)
        r = ctl_engine_step(call->engine, run, event, &err);
    if (r >= 0)
        r = ctl_freeze_tell(call->engine, run, &err);
    if (r >= 0)
        r = ctl_engine_audit(call->engine, call->uid, "submit", id, submission->plan_name, &err);
    if (r < 0) {
        ctl_reply_failure(call, &err);
        return;
    }
    ctl_log(CTL_LOG_NOTICE, "rollout %s (%s): %u hosts in %u waves", id, submission->plan_name,
            submission->host_count, submission->pace.wave_count);
    ctl_reply(call, json_pack("{s:s, s:i}", "rollout", id, "hosts_count", submission->host_count));
}

void ctl_submit(struct ctl_call *call)
{
    BL_CLEANUP(release) struct submission submission = {0};

    if (!ctl_call_text(call, "plan_name", NULL, &submission.plan_name) ||
        !ctl_call_text(call, "plan_text", NULL, &submission.plan_text))
        return;
    if (strlen(submission.plan_name) > PROTO_NAME_BYTES_MAX ||
        strlen(submission.plan_text) > PLAN_TEXT_BYTES_MAX) {
        ctl_refuse(call, "too_large", "", "the plan is too large");
        return;
    }
    if (read_manifest(call, &submission) && read_signatures(call, &submission) &&
        read_policy(call, &submission) && ctl_origin_read(call, &submission.origin) &&
        read_hosts(call, &submission) && check(call, &submission))
        begin(call, &submission);
}
