/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/daemon/enroll.h"
#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"

enum {
    APPROVE_DIGITS_MIN = 8,
    TOKEN_MS_DEFAULT = 3600 * 1000,
    ROLLOUTS_SHOWN_MAX = 20,
};

#define TOKEN_MS_MAX (INT64_C(1000) * 3600 * 24 * 90)

static int by_name(const void *a, const void *b)
{
    const struct ctl_fleet_host *first = *(struct ctl_fleet_host *const *)a;
    const struct ctl_fleet_host *second = *(struct ctl_fleet_host *const *)b;
    int order = strcmp(first->name, second->name);

    return order != 0 ? order : memcmp(first->id, second->id, sizeof(first->id));
}

/* Lists show who waits and who is out, too; commands that act take the enrolled only. */
static bool select_to_list(struct ctl_call *call, struct ctl_call_hosts *hosts)
{
    const struct ctl_fleet *fleet = &call->engine->fleet;
    BL_AUTO_FREE struct ctl_select *match = NULL;

    if (json_object_get(call->request, "hosts") != NULL)
        return ctl_call_select(call, hosts);
    if (!ctl_call_match(call, &match))
        return false;
    if (!ctl_call_hosts_begin(call, hosts))
        return false;
    for (uint32_t i = 0; i < fleet->count; i++)
        ctl_call_hosts_add(hosts, fleet->hosts[i], match);

    return true;
}

static json_t *view_list(struct ctl_fleet_host **hosts, uint32_t count, const char *state)
{
    json_t *list = json_array();

    qsort(hosts, count, sizeof(hosts[0]), by_name);
    for (uint32_t i = 0; i < count; i++) {
        json_t *view = ctl_view_host(hosts[i]);

        if (state[0] == '\0' ||
            strcmp(state, json_string_value(json_object_get(view, "state"))) == 0)
            (void)json_array_append(list, view);
        json_decref(view);
    }

    return list;
}

void ctl_verb_hosts_list(struct ctl_call *call)
{
    CTL_CALL_AUTO_HOSTS hosts = {0};
    const char *state;
    bool undecided;

    if (!ctl_call_text(call, "state", "", &state) || !ctl_call_bool(call, "undecided", &undecided))
        return;
    if (state[0] != '\0' && strcmp(state, "pending") != 0 && strcmp(state, "enrolled") != 0 &&
        strcmp(state, "revoked") != 0) {
        ctl_refuse(call, "bad_request", "", "'state' must be pending, enrolled or revoked");
        return;
    }
    if (!select_to_list(call, &hosts))
        return;
    ctl_reply(
        call,
        json_pack("{s:o, s:o*}", "hosts", view_list(hosts.list, hosts.count, state), "undecided",
                  undecided ? view_list(hosts.undecided, hosts.undecided_count, state) : NULL));
}

struct host_rollouts {
    struct ctl_call *call;
    const struct ctl_fleet_host *host;
    json_t *list;
};

static int take_rollout(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    const struct host_rollouts *walk = userdata;
    struct ctl_run *run;
    uint32_t index;
    int r;

    r = ctl_engine_run(walk->call->engine, row->id, &run, err);
    if (r <= 0)
        return r;
    index = ctl_run_index_of(run, walk->host->id);
    if (index == CTL_ROLLOUT_ALL)
        return 0;

    return json_array_append_new(
        walk->list,
        json_pack("{s:o, s:s, s:s}", "rollout", ctl_view_hex(row->id, sizeof(row->id)), "plan",
                  row->plan_name, "state", ctl_host_state_name(run->hosts[index].state)));
}

void ctl_verb_hosts_show(struct ctl_call *call)
{
    struct host_rollouts walk = {.call = call};
    struct ctl_fleet_host *host;
    struct bl_error err = {0};
    json_t *view;

    if (!ctl_call_host(call, "host", &host))
        return;
    walk.host = host;
    walk.list = json_array();
    if (ctl_store_each_rollout_of_host(call->engine->store, host->id, ROLLOUTS_SHOWN_MAX,
                                       take_rollout, &walk, &err) < 0) {
        json_decref(walk.list);
        ctl_reply_failure(call, &err);
        return;
    }
    view = ctl_view_host(host);
    if (view != NULL) {
        (void)json_object_set_new(view, "rollouts", walk.list);
        (void)json_object_set_new(view, "figures", ctl_view_figures(host));
    }
    ctl_reply(call, json_pack("{s:o}", "host", view));
}

static void reply_changed(struct ctl_call *call, const char *verb, struct ctl_fleet_host *host,
                          int result, struct bl_error *err)
{
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];

    bl_hex_encode(host->id, sizeof(host->id), id);
    if (result < 0)
        ctl_reply_failure(call, err);
    else if (ctl_call_audit(call, verb, host->name, id))
        ctl_reply(call, json_pack("{s:o}", "host", ctl_view_host(host)));
}

void ctl_verb_hosts_label(struct ctl_call *call)
{
    const json_t *unset = json_object_get(call->request, "unset"), *set;
    struct ctl_fleet_host *host;
    struct bl_error err = {0};
    json_t *key;
    size_t index;

    if (!ctl_call_labels(call, "set", &set))
        return;
    if (unset != NULL && !json_is_array(unset)) {
        ctl_refuse(call, "bad_request", "", "'unset' must be a list of label names");
        return;
    }
    if (!ctl_call_host(call, "host", &host))
        return;
    if (set != NULL)
        (void)json_object_update(host->labels, (json_t *)(uintptr_t)set);
    json_array_foreach ((json_t *)(uintptr_t)unset, index, key) {
        if (json_is_string(key))
            (void)json_object_del(host->labels, json_string_value(key));
    }
    reply_changed(call, "hosts.label", host, ctl_fleet_save(call->engine->store, host, &err), &err);
}

/* By its id only: a stranger can call itself what it likes, also what another's id begins with. */
static void find_by_id(const struct ctl_fleet *fleet, const char *text,
                       struct ctl_fleet_found *ret_found)
{
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];

    *ret_found = (struct ctl_fleet_found){0};
    for (uint32_t i = 0; i < fleet->count; i++) {
        bl_hex_encode(fleet->hosts[i]->id, sizeof(fleet->hosts[i]->id), id);
        if (strncmp(id, text, strlen(text)) != 0)
            continue;
        if (ret_found->count < CTL_FLEET_CANDIDATES_MAX)
            ret_found->hosts[ret_found->count] = fleet->hosts[i];
        ret_found->count++;
    }
}

static bool find_pending(struct ctl_call *call, struct ctl_fleet_host **ret_host)
{
    struct ctl_fleet_found found;
    const char *text;

    if (!ctl_call_text(call, "host", NULL, &text))
        return false;
    if (strlen(text) < APPROVE_DIGITS_MIN || text[strspn(text, "0123456789abcdef")] != '\0') {
        ctl_refuse(call, "bad_request", "belay hosts list",
                   "name the host by at least %d digits of its id, as 'belay-agent join' shows it",
                   APPROVE_DIGITS_MIN);
        return false;
    }
    find_by_id(&call->engine->fleet, text, &found);
    if (found.count > 1) {
        ctl_refuse_ambiguous(call, text, ctl_call_candidates(&found));
        return false;
    }
    if (found.count == 0) {
        ctl_refuse(call, "not_found", "belay hosts list", "there is no host '%.64s'", text);
        return false;
    }
    if (found.hosts[0]->standing != CTL_STANDING_PENDING) {
        ctl_refuse(call, "not_pending", "belay hosts list", "host '%s' does not wait for approval",
                   found.hosts[0]->name);
        return false;
    }
    *ret_host = found.hosts[0];

    return true;
}

void ctl_verb_hosts_approve(struct ctl_call *call)
{
    struct ctl_fleet_host *host;
    struct bl_error err = {0};

    if (find_pending(call, &host))
        reply_changed(call, "hosts.approve", host, ctl_enroll_approve(call->engine, host, &err),
                      &err);
}

void ctl_verb_hosts_revoke(struct ctl_call *call)
{
    struct ctl_fleet_host *host;
    struct bl_error err = {0};

    if (ctl_call_host(call, "host", &host))
        reply_changed(call, "hosts.revoke", host, ctl_enroll_revoke(call->engine, host, &err),
                      &err);
}

void ctl_verb_enroll_token(struct ctl_call *call)
{
    struct ctl_engine *engine = call->engine;
    json_t *none = json_object();
    const json_t *labels;
    uint8_t secret[PROTO_TOKEN_BYTES];
    struct bl_error err = {0};
    struct bl_wall expires;
    int64_t uses, expires_ms;
    int r;

    if (!ctl_call_labels(call, "labels", &labels) ||
        !ctl_call_int(call, "uses", 1, CTL_ENROLL_USES_MAX, &uses) ||
        !ctl_call_int(call, "expires_ms", TOKEN_MS_DEFAULT, TOKEN_MS_MAX, &expires_ms)) {
        json_decref(none);
        return;
    }
    if (!engine->trust.is_set) {
        json_decref(none);
        ctl_refuse(call, "no_trust", "belay keys trust", "the controller has no trust file yet");
        return;
    }
    expires = (struct bl_wall){bl_wall_now().ms + expires_ms};
    r = ctl_enroll_make_token(engine, labels != NULL ? labels : none, (uint32_t)uses, expires,
                              secret, &err);
    json_decref(none);
    if (r < 0)
        ctl_reply_failure(call, &err);
    else if (ctl_call_audit(call, "enroll.token", "token", ""))
        ctl_reply(call,
                  json_pack("{s:o, s:o, s:I, s:o}", "secret", ctl_view_hex(secret, sizeof(secret)),
                            "expires", ctl_view_wall(expires), "uses", (json_int_t)uses, "anchor",
                            ctl_view_hex(engine->trust.anchor, PROTO_HASH_BYTES)));
    explicit_bzero(secret, sizeof(secret));
}

void ctl_verb_enroll_key(struct ctl_call *call)
{
    const struct ctl_engine *engine = call->engine;

    ctl_reply(call, json_pack("{s:o, s:s, s:s}", "key",
                              ctl_view_hex(engine->public_key, sizeof(engine->public_key)),
                              "listen", ctl_link_endpoint(engine->link, CTL_LINK_FLEET),
                              "enroll_listen", ctl_link_endpoint(engine->link, CTL_LINK_ENROLL)));
}
