/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/client.h"
#include "controller/daemon/log.h"
#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"
#include "controller/daemon/zap.h"

/* Which desks may come in over the admin endpoint. None of these verbs is open to a desk. */

static json_t *view_desk(const struct ctl_desk *desk)
{
    const struct ctl_store_desk *row = &desk->row;

    return json_pack("{s:s, s:o, s:s, s:o, s:I, s:o, s:o, s:i}", "name", row->name, "key",
                     ctl_view_hex(row->id, sizeof(row->id)), "state",
                     ctl_desk_is_admitted(desk) ? "admitted" : "revoked", "admitted",
                     ctl_view_wall(row->admitted), "uid", (json_int_t)row->uid, "revoked",
                     row->revoked.ms != 0 ? ctl_view_wall(row->revoked) : json_null(), "last_seen",
                     desk->last_seen.ms != 0 ? ctl_view_wall(desk->last_seen) : json_null(),
                     "connections_count", (int)desk->conversations);
}

static json_t *view_listen(const struct ctl_call *call)
{
    const struct ctl_desk_door *door = call->control->door;

    return door != NULL ? json_string(ctl_desk_door_endpoint(door)) : json_null();
}

void ctl_verb_desk_list(struct ctl_call *call)
{
    struct ctl_desks *desks = call->control->desks;
    json_t *list = json_array();

    for (uint32_t i = 0; i < desks->count; i++)
        (void)json_array_append_new(list, view_desk(&desks->list[i]));
    ctl_reply(call, json_pack("{s:o, s:o}", "desks", list, "listen", view_listen(call)));
}

/* Refuses what must not become a desk. `key` is its public key. */
static bool may_become_desk(struct ctl_call *call, const uint8_t *key, const char *name)
{
    struct ctl_desks *desks = call->control->desks;
    const struct ctl_desk *known = ctl_desks_find(desks, key);
    const struct ctl_fleet_host *host = ctl_fleet_find(&call->engine->fleet, key);

    if (!bl_text_is_name(name) || strlen(name) > CTL_DESK_NAME_BYTES_MAX)
        ctl_refuse(call, "bad_request", "",
                   "'%.80s' is no name: letters, digits, '_', '.', '-', at most %d", name,
                   CTL_DESK_NAME_BYTES_MAX);
    else if (ctl_zap_is_published_key(key) ||
             memcmp(key, call->engine->public_key, CTL_DESK_ID_BYTES) == 0)
        ctl_refuse(call, "bad_request", "belay desk new", "this key is no desk's own");
    else if (host != NULL)
        ctl_refuse(call, "exists", "belay desk new", "this is the key of host '%s'", host->name);
    else if (known != NULL && !ctl_desk_is_admitted(known))
        ctl_refuse(call, "exists", "belay desk new",
                   "this key was revoked, and a revoked key never comes back");
    else if (known != NULL && strcmp(known->row.name, name) != 0)
        ctl_refuse(call, "exists", "belay desk list", "this is the key of desk '%s'",
                   known->row.name);
    else if (known == NULL && ctl_desk_is_admitted(ctl_desks_named(desks, name)))
        ctl_refuse(call, "exists", "belay desk list", "there is another desk '%s'", name);
    else
        return true;

    return false;
}

void ctl_verb_desk_admit(struct ctl_call *call)
{
    struct ctl_store_desk row = {.admitted = bl_wall_now(), .uid = call->uid};
    struct ctl_desk *desk;
    struct bl_error err = {0};
    const char *name, *key;

    if (!ctl_call_text(call, "name", NULL, &name) || !ctl_call_text(call, "key", NULL, &key) ||
        !ctl_call_hex(call, "key", key, row.id, sizeof(row.id)) ||
        !may_become_desk(call, row.id, name))
        return;
    bl_text_copy(row.name, sizeof(row.name), name);
    desk = ctl_desks_find(call->control->desks, row.id);
    if (desk == NULL) {
        desk = ctl_desks_admit(call->control->desks, call->engine->store, &row, &err);
        if (desk == NULL && err.code == -ENOSPC) {
            ctl_refuse(call, "busy", "belay desk list", "%s", err.text);
            return;
        }
        if (desk == NULL) {
            ctl_reply_failure(call, &err);
            return;
        }
        if (!ctl_call_audit(call, "desk.admit", name, key))
            return;
        ctl_log(CTL_LOG_NOTICE, "desk '%s' (%s) may come in", name, key);
    }
    ctl_reply(call, json_pack("{s:o, s:o}", "desk", view_desk(desk), "listen", view_listen(call)));
}

void ctl_verb_desk_revoke(struct ctl_call *call)
{
    char id[BL_HEX_BYTES(CTL_DESK_ID_BYTES)];
    struct bl_error err = {0};
    struct ctl_desk *desk;
    const char *text;

    if (!ctl_call_text(call, "desk", NULL, &text))
        return;
    desk = ctl_desks_named(call->control->desks, text);
    if (desk == NULL) {
        ctl_refuse(call, "not_found", "belay desk list", "there is no desk '%.80s'", text);
        return;
    }
    if (ctl_desk_is_admitted(desk)) {
        desk->row.revoked = bl_wall_now();
        ctl_desk_door_cut(call->control->door, desk);
        bl_hex_encode(desk->row.id, sizeof(desk->row.id), id);
        if (ctl_store_save_desk(call->engine->store, &desk->row, &err) < 0) {
            ctl_reply_failure(call, &err);
            return;
        }
        if (!ctl_call_audit(call, "desk.revoke", desk->row.name, id))
            return;
        ctl_log(CTL_LOG_NOTICE, "desk '%s' (%s) may no longer come in", desk->row.name, id);
    }
    ctl_reply(call, json_pack("{s:o, s:o}", "desk", view_desk(desk), "listen", view_listen(call)));
}
