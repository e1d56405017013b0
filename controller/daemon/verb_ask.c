/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "controller/daemon/verbs.h"
#include "controller/daemon/view.h"

enum {
    PING_MS_DEFAULT = 5 * 1000,
    QUERY_MS_DEFAULT = 120 * 1000,
    ASK_MS_MAX = 3600 * 1000,
};

static json_t *view_offset(const struct ctl_fleet_host *host)
{
    return host->clock_offset_known ? json_integer(host->clock_offset_ms) : json_null();
}

static void on_pong(void *userdata, const struct ctl_ask_answer *answer)
{
    const struct ctl_fleet_host *host = answer->host;
    const char *version = json_string_value(json_object_get(host->facts, "agent_version"));
    json_t *view = json_pack(
        "{s:o, s:s, s:b, s:o, s:o, s:s, s:s, s:s}", "id", ctl_view_hex(host->id, sizeof(host->id)),
        "name", host->name, "answered", answer->answered, "rtt_ms",
        answer->answered ? json_real(answer->rtt_ms) : json_null(), "clock_offset_ms",
        view_offset(host), "agent_version", version != NULL ? version : "", "code", answer->code,
        "reason", answer->reason);

    ctl_stream_send(userdata, json_pack("{s:o}", "host", view), /* end= */ false);
}

static void on_done(void *userdata, uint32_t hosts_count, uint32_t answered_count,
                    double elapsed_ms)
{
    ctl_stream_send(userdata,
                    json_pack("{s:i, s:i, s:I}", "hosts_count", hosts_count, "answered_count",
                              answered_count, "elapsed_ms", (json_int_t)(elapsed_ms + 0.5)),
                    /* end= */ true);
}

static json_t *view_changes(const struct proto_query_result *result)
{
    json_t *changes = json_array();

    for (uint32_t i = 0; result != NULL && i < result->changes_count; i++) {
        const struct proto_change *change = &result->changes[i];

        (void)json_array_append_new(changes, json_pack("{s:s, s:s, s:s, s:s, s:s}", "name",
                                                       change->name, "arch", change->arch, "from",
                                                       change->from, "to", change->to, "action",
                                                       proto_action_name(change->action)));
    }

    return changes;
}

static json_t *view_notes(const struct proto_query_result *result)
{
    json_t *notes = json_array();

    for (uint32_t i = 0; result != NULL && i < result->notes_count; i++)
        (void)json_array_append_new(notes, json_string(result->notes[i].text));

    return notes;
}

static json_t *view_installed(const struct proto_query_result *result)
{
    json_t *installed = json_array();

    for (uint32_t i = 0; result != NULL && i < result->installed_count; i++)
        (void)json_array_append_new(installed,
                                    json_pack("{s:s, s:s}", "name", result->installed[i].name,
                                              "version", result->installed[i].version));

    return installed;
}

static json_t *view_failed(const struct proto_query_result *result)
{
    json_t *failed = json_array();

    for (uint32_t i = 0; result != NULL && i < result->failed_units_count; i++)
        (void)json_array_append_new(failed, json_string(result->failed_units[i].text));

    return failed;
}

static void on_result(void *userdata, const struct ctl_ask_answer *answer)
{
    const struct ctl_fleet_host *host = answer->host;
    const struct proto_query_result *result = answer->result;
    json_t *view =
        json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "id",
                  ctl_view_hex(host->id, sizeof(host->id)), "name", host->name, "result",
                  proto_result_name(result != NULL ? result->result : PROTO_RESULT_UNKNOWN), "code",
                  result != NULL ? result->code : answer->code, "reason",
                  result != NULL ? result->reason : answer->reason, "changes", view_changes(result),
                  "notes", view_notes(result), "installed", view_installed(result), "failed_units",
                  view_failed(result));

    ctl_stream_send(userdata, json_pack("{s:o}", "host", view), /* end= */ false);
}

static void start(struct ctl_call *call, const struct proto_query *query, int64_t timeout_ms)
{
    const struct ctl_ask_handler handler = {
        .userdata = call->client,
        .answer = query != NULL ? on_result : on_pong,
        .done = on_done,
    };
    CTL_CALL_AUTO_HOSTS hosts = {0};
    struct ctl_asking *asking = NULL;
    struct bl_error err = {0};

    if (!ctl_call_select(call, &hosts))
        return;
    if (ctl_ask_start(call->engine, hosts.list, hosts.count, query, timeout_ms, &handler, &asking,
                      &err) < 0)
        ctl_reply_failure(call, &err);
    else
        ctl_stream_set_asking(call->client, asking);
}

void ctl_verb_ping(struct ctl_call *call)
{
    int64_t timeout_ms;

    if (ctl_call_int(call, "timeout_ms", PING_MS_DEFAULT, ASK_MS_MAX, &timeout_ms))
        start(call, NULL, timeout_ms);
}

/* The set is one of three words; without one, packages are named. */
static bool read_set(struct ctl_call *call, uint32_t *ret_set)
{
    const json_t *value = json_object_get(call->request, "package_set");
    const char *word = value == NULL ? "named" : json_string_value(value);

    for (uint32_t set = PROTO_SET_NAMED; word != NULL && set <= PROTO_SET_ALL; set++) {
        if (strcmp(word, proto_package_set_name(set)) == 0) {
            *ret_set = set;
            return true;
        }
    }
    ctl_refuse(call, "bad_request", "", "'package_set' must be named, security or all");

    return false;
}

static bool read_excludes(struct ctl_call *call, struct proto_text *excludes, uint32_t *ret_count)
{
    const json_t *list = json_object_get(call->request, "excludes");
    const size_t count = json_array_size(list);

    if ((list != NULL && !json_is_array(list)) || count > PROTO_EXCLUDES_MAX) {
        ctl_refuse(call, "bad_request", "", "'excludes' must be a list of up to %d",
                   PROTO_EXCLUDES_MAX);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        excludes[i].text = json_string_value(json_array_get(list, i));
        if (excludes[i].text == NULL) {
            ctl_refuse(call, "bad_request", "", "exclude %zu must be a text", i + 1);
            return false;
        }
    }
    *ret_count = (uint32_t)count;

    return true;
}

/* Every package is a name, and a version or "". */
static bool read_packages(struct ctl_call *call, struct proto_package *packages,
                          uint32_t *ret_count)
{
    const json_t *list = json_object_get(call->request, "packages");
    const size_t count = json_array_size(list);

    if ((list != NULL && !json_is_array(list)) || count > PROTO_PACKAGES_MAX) {
        ctl_refuse(call, "bad_request", "", "'packages' must be a list of up to %d",
                   PROTO_PACKAGES_MAX);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(item, "name"));
        const json_t *version = json_object_get(item, "version");

        packages[i].name = name;
        packages[i].version = version == NULL ? "" : json_string_value(version);
        if (name == NULL || packages[i].version == NULL) {
            ctl_refuse(call, "bad_request", "", "package %zu: 'name' and 'version' must be texts",
                       i + 1);
            return false;
        }
    }
    *ret_count = (uint32_t)count;

    return true;
}

static void start_query(struct ctl_call *call, const struct proto_query *query, int64_t timeout_ms)
{
    struct bl_error err = {0};

    if (proto_check_request(query->package_set, query->packages, query->packages_count,
                            query->excludes, query->excludes_count, -EINVAL, &err) < 0) {
        ctl_refuse(call, "bad_request", "", "%s", err.text);
        return;
    }
    start(call, query, timeout_ms);
}

void ctl_verb_query(struct ctl_call *call)
{
    struct proto_package packages[PROTO_PACKAGES_MAX];
    struct proto_text excludes[PROTO_EXCLUDES_MAX];
    struct proto_query query = {.packages = packages, .excludes = excludes};
    bool deny_new;
    int64_t timeout_ms;

    if (ctl_call_int(call, "timeout_ms", QUERY_MS_DEFAULT, ASK_MS_MAX, &timeout_ms) &&
        ctl_call_bool(call, "allow_remove", &query.allow_remove) &&
        ctl_call_bool(call, "allow_downgrade", &query.allow_downgrade) &&
        ctl_call_bool(call, "deny_new", &deny_new) &&
        ctl_call_bool(call, "ignore_phasing", &query.ignore_phasing) &&
        ctl_call_bool(call, "only_installed", &query.only_installed) &&
        read_set(call, &query.package_set) &&
        read_packages(call, packages, &query.packages_count) &&
        read_excludes(call, excludes, &query.excludes_count)) {
        query.allow_new = !deny_new;
        start_query(call, &query, timeout_ms);
    }
}
