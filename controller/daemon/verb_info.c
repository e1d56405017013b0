/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/daemon/client.h"
#include "controller/daemon/freeze.h"
#include "controller/daemon/trust_spread.h"
#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"

enum {
    TRUST_TEXT_BYTES =
        sodium_base64_ENCODED_LEN(PROTO_TRUST_BYTES_MAX, sodium_base64_VARIANT_ORIGINAL),
};

void ctl_verb_info(struct ctl_call *call)
{
    const struct ctl_engine *engine = call->engine;
    uint32_t connected_count = 0, open_count = 0;

    for (uint32_t i = 0; i < engine->fleet.count; i++)
        connected_count += ctl_fleet_is_connected(engine->fleet.hosts[i]) ? 1 : 0;
    for (uint32_t i = 0; i < engine->run_count; i++)
        open_count += ctl_rollout_is_final(&engine->runs[i]->rollout) ? 0 : 1;
    ctl_reply(
        call,
        json_pack(
            "{s:s, s:o, s:s, s:s, s:o, s:s, s:o, s:i, s:i, s:i, s:o, s:o}", "version",
            BELAY_VERSION, "key", ctl_view_hex(engine->public_key, sizeof(engine->public_key)),
            "listen", ctl_link_endpoint(engine->link, CTL_LINK_FLEET), "enroll_listen",
            ctl_link_endpoint(engine->link, CTL_LINK_ENROLL), "admin_listen",
            call->control->door != NULL ? json_string(ctl_desk_door_endpoint(call->control->door))
                                        : json_null(),
            "state_dir", engine->config.state_dir, "started", ctl_view_wall(engine->started),
            "hosts_count", engine->fleet.count, "connected_count", connected_count,
            "rollouts_open_count", open_count, "trust_version",
            engine->trust.is_set ? json_integer((json_int_t)engine->trust.trust.version)
                                 : json_null(),
            "freeze", ctl_freeze_view(engine)));
}

/* ---- trust ---- */

void ctl_verb_trust_set(struct ctl_call *call)
{
    struct ctl_engine *engine = call->engine;
    BL_AUTO_FREE uint8_t *data = NULL;
    struct bl_error err = {0};
    size_t data_bytes;
    bool had_trust = engine->trust.is_set, anew;
    char detail[64];
    int r;

    if (!ctl_call_base64(call, "trust", PROTO_TRUST_BYTES_MAX, &data, &data_bytes) ||
        !ctl_call_bool(call, "anew", &anew))
        return;
    r = ctl_trust_set(&engine->trust, engine->config.state_dir, data, data_bytes, anew, &err);
    if (r == -ESTALE) {
        ctl_refuse(call, "stale_trust", "belay keys trust", "%s", err.text);
        return;
    }
    if (r == -EXDEV) {
        ctl_refuse(call, "trust_gap", "belay keys trust", "%s", err.text);
        return;
    }
    if (r == -EKEYREJECTED && had_trust) {
        ctl_refuse(call, "foreign_trust", "belay keys trust", "%s", err.text);
        return;
    }
    if (r < 0) {
        ctl_refuse(call, "bad_trust", "belay keys trust", "%s", err.text);
        return;
    }
    (void)snprintf(detail, sizeof(detail), "version %llu%s",
                   (unsigned long long)engine->trust.trust.version,
                   anew ? ", a new chain of roots" : "");
    if (ctl_trust_keep(engine, &err) < 0 || ctl_trust_spread_all(engine, &err) < 0) {
        ctl_reply_failure(call, &err);
        return;
    }
    if (ctl_call_audit(call, "trust.set", "trust", detail))
        ctl_reply(call, json_pack("{s:I, s:o}", "version", (json_int_t)engine->trust.trust.version,
                                  "anchor", ctl_view_hex(engine->trust.anchor, PROTO_HASH_BYTES)));
}

static json_t *view_people(const struct proto_trust *trust)
{
    json_t *people = json_array();

    for (uint32_t i = 0; i < trust->people_count; i++) {
        const struct proto_person *person = &trust->people[i];

        (void)json_array_append_new(
            people, json_pack("{s:s, s:o, s:s, s:b}", "name", person->name, "key",
                              ctl_view_hex(person->key, sizeof(person->key)), "role",
                              person->role == PROTO_ROLE_COMMANDER ? "commander" : "operator",
                              "revoked", person->revoked));
    }

    return people;
}

void ctl_verb_trust_get(struct ctl_call *call)
{
    const struct ctl_trust *trust = &call->engine->trust;
    BL_AUTO_FREE char *text = NULL;

    if (!trust->is_set) {
        ctl_refuse(call, "no_trust", "belay keys trust", "the controller has no trust file yet");
        return;
    }
    text = malloc(TRUST_TEXT_BYTES);
    if (text != NULL)
        (void)sodium_bin2base64(text, TRUST_TEXT_BYTES, trust->data, trust->size_bytes,
                                sodium_base64_VARIANT_ORIGINAL);
    ctl_reply(call, json_pack("{s:s, s:I, s:o, s:I, s:i, s:i, s:o}", "trust",
                              text != NULL ? text : "", "version", (json_int_t)trust->trust.version,
                              "anchor", ctl_view_hex(trust->anchor, sizeof(trust->anchor)),
                              "roots_needed", (json_int_t)trust->trust.roots_needed, "roots_count",
                              trust->trust.roots_count, "hosts_behind_count",
                              ctl_trust_behind_count(call->engine), "people",
                              view_people(&trust->trust)));
}
