/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/enroll.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/random.h"
#include "common/text.h"
#include "controller/daemon/inbound.h"
#include "controller/daemon/log.h"

static void hash_secret(const uint8_t secret[PROTO_TOKEN_BYTES], uint8_t ret_hash[PROTO_HASH_BYTES])
{
    (void)crypto_generichash(ret_hash, PROTO_HASH_BYTES, secret, PROTO_TOKEN_BYTES, NULL, 0);
}

int ctl_enroll_make_token(struct ctl_engine *engine, const json_t *labels, uint32_t uses,
                          struct bl_wall expires, uint8_t ret_secret[PROTO_TOKEN_BYTES],
                          struct bl_error *err)
{
    BL_AUTO_FREE char *text = json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS);
    uint8_t hash[PROTO_HASH_BYTES];
    int r;

    if (text == NULL)
        return bl_fail(err, -ENOMEM, "token: no memory");
    r = bl_random_fill(ret_secret, PROTO_TOKEN_BYTES, err);
    if (r < 0)
        return r;
    hash_secret(ret_secret, hash);

    return ctl_store_add_token(engine->store, hash, text, uses, expires, err);
}

int ctl_enroll_approve(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
{
    ctl_fleet_set_standing(&engine->fleet, host, CTL_STANDING_ENROLLED);

    return ctl_fleet_save(engine->store, host, err);
}

int ctl_enroll_revoke(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
{
    /* The connection lives on, but from here on nothing that comes over it is taken in. */
    ctl_fleet_set_standing(&engine->fleet, host, CTL_STANDING_REVOKED);
    ctl_inbound_lost(engine, host);

    return ctl_fleet_save(engine->store, host, err);
}

static void reply(struct ctl_engine *engine, const struct ctl_link_peer *peer, uint32_t outcome,
                  const char *reason)
{
    struct proto_message message = {
        .kind = PROTO_ENROLL_REPLY,
        .enroll_reply = {.outcome = outcome, .reason = reason},
    };
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};
    int r;

    if (outcome == PROTO_ENROLL_ACCEPTED)
        message.enroll_reply.trust =
            (struct proto_bytes){engine->trust.data, engine->trust.size_bytes};
    r = proto_message_encode(&message, &buffer, &err);
    if (r < 0) {
        ctl_log(CTL_LOG_ERROR, "answer to an enrolment: %s", err.text);
        return;
    }
    /* Whoever asked has gone or does not read: it asks again. */
    (void)ctl_link_send(engine->link, CTL_LINK_ENROLL, peer, buffer.data, buffer.size_bytes);
}

static int describe(struct ctl_fleet_host *host, const struct proto_enroll *enroll,
                    struct bl_error *err)
{
    bl_text_escape(host->name, sizeof(host->name), enroll->host_name, strlen(enroll->host_name));
    if (json_object_set_new(host->facts, "os_id", json_string(enroll->os_id)) < 0 ||
        json_object_set_new(host->facts, "os_version", json_string(enroll->os_version)) < 0 ||
        json_object_set_new(host->facts, "arch", json_string(enroll->arch)) < 0 ||
        json_object_set_new(host->facts, "agent_version", json_string(enroll->agent_version)) < 0)
        return bl_fail(err, -ENOMEM, "enrolment: no memory");

    return 0;
}

/* 1: the token was good and `host` has its labels now; 0: it was not. */
static int use_token(struct ctl_engine *engine, const struct proto_enroll *enroll,
                     json_t **ret_labels, struct bl_error *err)
{
    uint8_t hash[PROTO_HASH_BYTES];
    BL_AUTO_FREE char *text = NULL;
    int r;

    hash_secret(enroll->token, hash);
    r = ctl_store_use_token(engine->store, hash, bl_wall_now(), &text, err);
    if (r <= 0)
        return r;
    *ret_labels = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (*ret_labels == NULL)
        return bl_fail(err, -EUCLEAN, "store: the labels of a token are damaged");

    return 1;
}

static struct ctl_fleet_host *find_or_add(struct ctl_engine *engine,
                                          const uint8_t id[PROTO_HOST_ID_BYTES])
{
    struct ctl_fleet_host *host = ctl_fleet_find(&engine->fleet, id);

    if (host != NULL)
        return host;
    host = ctl_fleet_add(&engine->fleet, id);
    if (host != NULL)
        host->first_seen = bl_wall_now();

    return host;
}

static int enroll_by_token(struct ctl_engine *engine, const uint8_t id[PROTO_HOST_ID_BYTES],
                           const struct proto_enroll *enroll, uint32_t *ret_outcome,
                           struct bl_error *err)
{
    struct ctl_fleet_host *host;
    json_t *labels = NULL;
    int r;

    *ret_outcome = PROTO_ENROLL_REFUSED;
    r = use_token(engine, enroll, &labels, err);
    if (r <= 0)
        return r;
    host = find_or_add(engine, id);
    if (host == NULL) {
        json_decref(labels);
        return bl_fail(err, -ENOMEM, "enrolment: no memory");
    }
    json_decref(host->labels);
    host->labels = labels;
    r = describe(host, enroll, err);
    if (r >= 0)
        r = ctl_enroll_approve(engine, host, err);
    if (r >= 0)
        r = ctl_engine_audit(engine, -1, "enrolled", host->name, "by token", err);
    if (r < 0)
        return r;
    ctl_log(CTL_LOG_NOTICE, "host '%s' enrolled by token", host->name);
    *ret_outcome = PROTO_ENROLL_ACCEPTED;

    return 0;
}

/* 0 with *ret_outcome REFUSED when too many wait already. */
static int wait_for_approval(struct ctl_engine *engine, const uint8_t id[PROTO_HOST_ID_BYTES],
                             const struct proto_enroll *enroll, uint32_t *ret_outcome,
                             struct bl_error *err)
{
    struct ctl_fleet_host *host = ctl_fleet_find(&engine->fleet, id);
    char text[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];
    int r;

    *ret_outcome = PROTO_ENROLL_PENDING;
    if (host != NULL)
        return 0; /* waits already; what it says of itself is not taken twice */
    *ret_outcome = PROTO_ENROLL_REFUSED;
    if (engine->fleet.pending_count >= CTL_ENROLL_PENDING_MAX)
        return 0;
    host = find_or_add(engine, id);
    if (host == NULL)
        return bl_fail(err, -ENOMEM, "enrolment: no memory");
    r = describe(host, enroll, err);
    if (r < 0)
        return r;
    ctl_fleet_set_standing(&engine->fleet, host, CTL_STANDING_PENDING);
    bl_hex_encode(id, PROTO_HOST_ID_BYTES, text);
    ctl_log(CTL_LOG_NOTICE, "host '%s' waits for approval: belay hosts approve %.16s", host->name,
            text);
    *ret_outcome = PROTO_ENROLL_PENDING;

    return ctl_fleet_save(engine->store, host, err);
}

static int decide(struct ctl_engine *engine, const uint8_t id[PROTO_HOST_ID_BYTES],
                  const struct proto_enroll *enroll, uint32_t *ret_outcome, const char **ret_reason,
                  struct bl_error *err)
{
    const struct ctl_fleet_host *host = ctl_fleet_find(&engine->fleet, id);
    bool has_token = !sodium_is_zero(enroll->token, sizeof(enroll->token));
    int r;

    *ret_outcome = PROTO_ENROLL_REFUSED;
    if (host != NULL && host->standing == CTL_STANDING_REVOKED) {
        *ret_reason = "this host's key was revoked: join with --force --new-key";
        return 0;
    }
    if (!engine->trust.is_set) {
        *ret_reason = "the controller has no trust file yet: run 'belay keys trust' first";
        return 0;
    }
    if (host != NULL && host->standing == CTL_STANDING_ENROLLED) {
        *ret_outcome = PROTO_ENROLL_ACCEPTED; /* the answer to its first try got lost */
        *ret_reason = "";
        return 0;
    }
    if (has_token) {
        r = enroll_by_token(engine, id, enroll, ret_outcome, err);
        *ret_reason = *ret_outcome == PROTO_ENROLL_ACCEPTED
                          ? ""
                          : "the token is unknown, used up or expired: make a new one with 'belay "
                            "enroll token'";
        return r;
    }
    r = wait_for_approval(engine, id, enroll, ret_outcome, err);
    *ret_reason = *ret_outcome == PROTO_ENROLL_PENDING
                      ? "waits for 'belay hosts approve' on the controller"
                      : "too many hosts wait for approval";

    return r;
}

/* The answer goes out only when what it promises is on disk, so this is a transaction of its own. */
void ctl_enroll_message(struct ctl_engine *engine, const uint8_t sender[PROTO_HOST_ID_BYTES],
                        const struct ctl_link_peer *peer, const struct proto_message *message)
{
    const char *reason = "";
    struct bl_error err = {0};
    uint32_t outcome;

    if (decide(engine, sender, &message->enroll, &outcome, &reason, &err) < 0 ||
        ctl_store_commit(engine->store, &err) < 0) {
        ctl_engine_fail(engine, &err);
        return;
    }
    reply(engine, peer, outcome, reason);
    (void)ctl_engine_begin(engine);
}
