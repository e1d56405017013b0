/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "common/hex.h"
#include "controller/daemon/client.h"
#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"

enum {
    AUDIT_ROWS_DEFAULT = 100,
    AUDIT_ROWS_MAX = 100000,
};

struct rows {
    json_t *list;
    struct ctl_desks *desks;
};

static json_t *view_desk(const struct rows *rows, const struct ctl_store_audit *row)
{
    uint8_t id[CTL_DESK_ID_BYTES];
    struct bl_error err = {0};
    const struct ctl_desk *desk;

    if (row->desk[0] == '\0' || bl_hex_decode(row->desk, id, sizeof(id), &err) < 0)
        return json_null();
    desk = ctl_desks_find(rows->desks, id);

    return json_pack("{s:s, s:s}", "key", row->desk, "name", desk != NULL ? desk->row.name : "");
}

static int take_row(void *userdata, const struct ctl_store_audit *row, struct bl_error *err)
{
    const struct rows *rows = userdata;
    json_t *view =
        json_pack("{s:I, s:o, s:I, s:o, s:s, s:s, s:s, s:o}", "seq", (json_int_t)row->seq, "at",
                  ctl_view_wall(row->at), "uid", (json_int_t)row->uid, "desk", view_desk(rows, row),
                  "verb", row->verb, "subject", row->subject, "detail", row->detail, "hash",
                  ctl_view_hex(row->hash, sizeof(row->hash)));

    if (json_array_append_new(rows->list, view) < 0)
        return bl_fail(err, -ENOMEM, "audit: no memory");

    return 0;
}

static json_t *view_head(const struct ctl_fleet_host *host, const struct ctl_store_head *head)
{
    const bool is_broken = head->broken[0] != '\0';

    return json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "id", host->id_text, "name", host->name,
                     "rows", (json_int_t)head->rows, "head",
                     ctl_view_hex(head->hash, sizeof(head->hash)), "at", ctl_view_wall(head->at),
                     "broken", is_broken ? json_string(head->broken) : json_null(), "broken_at",
                     is_broken ? ctl_view_wall(head->broken_at) : json_null());
}

static int view_heads(struct ctl_engine *engine, json_t **ret_hosts, struct bl_error *err)
{
    json_t *hosts = json_array();

    for (uint32_t i = 0; i < engine->fleet.count; i++) {
        const struct ctl_fleet_host *host = engine->fleet.hosts[i];
        struct ctl_store_head head;
        int r;

        if (host->standing != CTL_STANDING_ENROLLED)
            continue;
        r = ctl_store_load_head(engine->store, host->id, &head, err);
        if (r < 0) {
            json_decref(hosts);
            return r;
        }
        (void)json_array_append_new(hosts, view_head(host, &head));
    }
    *ret_hosts = hosts;

    return 0;
}

void ctl_verb_audit(struct ctl_call *call)
{
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    const char *subject = NULL;
    struct ctl_store_chain chain;
    struct bl_error err = {0};
    struct ctl_run *run;
    struct rows rows = {.desks = call->control->desks};
    json_t *hosts = NULL;
    int64_t limit;
    bool wants_heads;
    int r;

    if (!ctl_call_bool(call, "heads", &wants_heads) ||
        !ctl_call_int(call, "limit", AUDIT_ROWS_DEFAULT, AUDIT_ROWS_MAX, &limit))
        return;
    if (json_object_get(call->request, "rollout") != NULL) {
        if (!ctl_call_run(call, &run))
            return;
        bl_hex_encode(run->id, sizeof(run->id), id);
        subject = id;
    }
    rows.list = json_array();
    r = ctl_store_each_audit(call->engine->store, subject, (uint32_t)limit, take_row, &rows, &err);
    if (r >= 0)
        r = ctl_store_verify_audit(call->engine->store, &chain, &err);
    if (r >= 0 && wants_heads)
        r = view_heads(call->engine, &hosts, &err);
    if (r < 0) {
        json_decref(rows.list);
        ctl_reply_failure(call, &err);
        return;
    }
    ctl_reply(
        call,
        json_pack("{s:o, s:I, s:b, s:o, s:o, s:o*}", "rows", rows.list, "rows_count",
                  (json_int_t)chain.rows_count, "verified", chain.broken_at == 0, "broken_at",
                  chain.broken_at != 0 ? json_integer((json_int_t)chain.broken_at) : json_null(),
                  "head", ctl_view_hex(chain.head, sizeof(chain.head)), "hosts", hosts));
}

void ctl_verb_audit_accept(struct ctl_call *call)
{
    struct ctl_engine *engine = call->engine;
    struct ctl_fleet_host *host;
    struct ctl_store_head head;
    struct bl_error err = {0};
    bool is_broken;
    int r;

    if (!ctl_call_host(call, "host", &host))
        return;
    r = ctl_store_load_head(engine->store, host->id, &head, &err);
    is_broken = r > 0 && head.broken[0] != '\0';
    if (is_broken) {
        head.broken[0] = '\0';
        head.broken_at = (struct bl_wall){0};
        r = ctl_store_save_head(engine->store, host->id, &head, &err);
    }
    if (r < 0)
        ctl_reply_failure(call, &err);
    else if (!is_broken || ctl_call_audit(call, "audit.accept", host->name, ""))
        ctl_reply(call, json_pack("{s:b}", "cleared", is_broken));
}
