/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/call.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"

enum {
    LABELS_MAX = 64,
    LABEL_VALUE_BYTES_MAX = 128,
    CANDIDATES_MAX = 8,
};

bool ctl_call_text(struct ctl_call *call, const char *key, const char *otherwise,
                   const char **ret_text)
{
    const json_t *value = json_object_get(call->request, key);

    if (value == NULL && otherwise != NULL) {
        *ret_text = otherwise;
        return true;
    }
    *ret_text = json_string_value(value);
    if (*ret_text == NULL)
        ctl_refuse(call, "bad_request", "", "'%s' must be a text", key);

    return *ret_text != NULL;
}

bool ctl_call_int(struct ctl_call *call, const char *key, int64_t otherwise, int64_t max,
                  int64_t *ret_number)
{
    const json_t *value = json_object_get(call->request, key);

    *ret_number = value == NULL ? otherwise : json_integer_value(value);
    if (value != NULL && (!json_is_integer(value) || *ret_number < 1 || *ret_number > max)) {
        ctl_refuse(call, "bad_request", "", "'%s' must be a whole number from 1 to %lld", key,
                   (long long)max);
        return false;
    }

    return true;
}

bool ctl_call_bool(struct ctl_call *call, const char *key, bool *ret_value)
{
    const json_t *value = json_object_get(call->request, key);

    *ret_value = json_is_true(value);
    if (value != NULL && !json_is_boolean(value)) {
        ctl_refuse(call, "bad_request", "", "'%s' must be true or false", key);
        return false;
    }

    return true;
}

bool ctl_call_hex(struct ctl_call *call, const char *key, const char *text, uint8_t *ret_data,
                  size_t size_bytes)
{
    struct bl_error err = {0};

    if (text != NULL && bl_hex_decode(text, ret_data, size_bytes, &err) >= 0)
        return true;
    ctl_refuse(call, "bad_request", "", "'%s' must be %zu hex digits", key, 2 * size_bytes);

    return false;
}

bool ctl_call_base64(struct ctl_call *call, const char *key, size_t bytes_max, uint8_t **ret_data,
                     size_t *ret_bytes)
{
    const char *text = json_string_value(json_object_get(call->request, key));
    size_t text_bytes = text == NULL ? 0 : strlen(text), data_bytes = text_bytes / 4 * 3 + 3;
    uint8_t *data;

    if (text == NULL || data_bytes > bytes_max + 6) {
        ctl_refuse(call, "bad_request", "", "'%s' must be base64 of at most %zu bytes", key,
                   bytes_max);
        return false;
    }
    data = malloc(data_bytes);
    if (data != NULL &&
        sodium_base642bin(data, data_bytes, text, text_bytes, NULL, ret_bytes, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        *ret_bytes <= bytes_max) {
        *ret_data = data;
        return true;
    }
    free(data);
    ctl_refuse(call, "bad_request", "", "'%s' is not base64", key);

    return false;
}

static bool is_label(const char *key, const json_t *value)
{
    const char *text = json_string_value(value);

    return bl_text_is_name(key) && text != NULL && strlen(text) <= LABEL_VALUE_BYTES_MAX &&
           bl_text_is_clean(text, strlen(text)) && strpbrk(text, "\n\t") == NULL;
}

bool ctl_call_labels(struct ctl_call *call, const char *key, const json_t **ret_labels)
{
    json_t *labels = json_object_get(call->request, key), *value;
    const char *name;

    *ret_labels = labels;
    if (labels == NULL)
        return true;
    if (!json_is_object(labels) || json_object_size(labels) > LABELS_MAX) {
        ctl_refuse(call, "bad_request", "", "'%s' must be an object of at most %d labels", key,
                   LABELS_MAX);
        return false;
    }
    json_object_foreach (labels, name, value) {
        if (is_label(name, value))
            continue;
        ctl_refuse(call, "bad_request", "",
                   "label '%s': a name of letters, digits, '_', '.', '-', and a text", name);
        return false;
    }

    return true;
}

/* Labels as an expression: "label.role="web", ...". Values are clean texts; only a quote is refused. */
static bool express_labels(struct ctl_call *call, const json_t *labels, char *ret_text,
                           size_t text_bytes)
{
    size_t used = 0;
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)labels, name, value) {
        int n = snprintf(ret_text + used, text_bytes - used, "%slabel.%s=\"%s\"",
                         used > 0 ? ", " : "", name, json_string_value(value));

        if (n < 0 || (size_t)n >= text_bytes - used) {
            ctl_refuse(call, "bad_request", "", "'match' has too many labels");
            return false;
        }
        used += (size_t)n;
    }

    return true;
}

/* Of packages only hosts can tell, so a verb must say what it does with those that were not asked. */
static bool check_packages(struct ctl_call *call, const struct ctl_select *select)
{
    const char *package;
    uint32_t cursor = 0;

    package = ctl_select_next_package(select, &cursor);
    if (package == NULL || json_is_true(json_object_get(call->request, "undecided")))
        return true;
    ctl_refuse(call, "packages_not_told", "belay preview PLAN",
               "'match': hosts tell which version of '%.64s' they have when a plan is previewed: "
               "write the expression into its 'hosts'",
               package);

    return false;
}

bool ctl_call_match(struct ctl_call *call, struct ctl_select **ret_select)
{
    const json_t *value = json_object_get(call->request, "match"), *labels;
    const char *expression = json_string_value(value);
    char text[CTL_SELECT_TEXT_BYTES_MAX] = "";
    struct bl_error err = {0};

    *ret_select = NULL;
    if (value == NULL || (json_is_object(value) && json_object_size(value) == 0))
        return true;
    if (expression == NULL) {
        if (!ctl_call_labels(call, "match", &labels) ||
            !express_labels(call, labels, text, sizeof(text)))
            return false;
        expression = text;
    }
    *ret_select = malloc(sizeof(**ret_select));
    if (*ret_select == NULL) {
        ctl_refuse(call, "internal", "", "no memory");
        return false;
    }
    if (ctl_select_parse(expression, *ret_select, &err) < 0)
        ctl_refuse(call, "bad_request", "", "'match': %s", err.text);
    else if (check_packages(call, *ret_select))
        return true;
    free(*ret_select);
    *ret_select = NULL;

    return false;
}

/* ---- hosts ---- */

json_t *ctl_call_candidates(const struct ctl_fleet_found *found)
{
    json_t *candidates = json_array();

    for (uint32_t i = 0; i < found->count && i < CTL_FLEET_CANDIDATES_MAX; i++) {
        char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];

        bl_hex_encode(found->hosts[i]->id, PROTO_HOST_ID_BYTES, id);
        (void)json_array_append_new(candidates,
                                    json_sprintf("%s (%.16s)", found->hosts[i]->name, id));
    }

    return candidates;
}

bool ctl_call_find_host(struct ctl_call *call, const char *text, struct ctl_fleet_host **ret_host)
{
    struct ctl_fleet_found found;

    ctl_fleet_resolve(&call->engine->fleet, text, &found);
    if (found.count == 1) {
        *ret_host = found.hosts[0];
        return true;
    }
    if (found.count == 0)
        ctl_refuse(call, "not_found", "belay hosts list", "there is no host '%.64s'", text);
    else
        ctl_refuse_ambiguous(call, text, ctl_call_candidates(&found));

    return false;
}

bool ctl_call_host(struct ctl_call *call, const char *key, struct ctl_fleet_host **ret_host)
{
    const char *text;

    return ctl_call_text(call, key, NULL, &text) && ctl_call_find_host(call, text, ret_host);
}

void ctl_call_hosts_release(struct ctl_call_hosts *hosts)
{
    free(hosts->list);
    free(hosts->undecided);
    *hosts = (struct ctl_call_hosts){0};
}

bool ctl_call_hosts_begin(struct ctl_call *call, struct ctl_call_hosts *hosts)
{
    const size_t count = (size_t)call->engine->fleet.count + 1;

    hosts->list = calloc(count, sizeof(struct ctl_fleet_host *));
    hosts->undecided = calloc(count, sizeof(struct ctl_fleet_host *));
    if (hosts->list != NULL && hosts->undecided != NULL)
        return true;
    ctl_refuse(call, "internal", "", "no memory");

    return false;
}

void ctl_call_hosts_add(struct ctl_call_hosts *hosts, struct ctl_fleet_host *host,
                        const struct ctl_select *match)
{
    enum ctl_select_answer answer = ctl_fleet_ask(host, match);

    if (answer == CTL_SELECT_YES)
        hosts->list[hosts->count++] = host;
    else if (answer == CTL_SELECT_UNASKED)
        hosts->undecided[hosts->undecided_count++] = host;
}

static bool is_in(struct ctl_fleet_host *const *list, uint32_t count,
                  const struct ctl_fleet_host *host)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == host)
            return true;
    }

    return false;
}

static bool select_named(struct ctl_call *call, const json_t *names, const struct ctl_select *match,
                         struct ctl_call_hosts *hosts)
{
    size_t index;
    json_t *name;

    json_array_foreach ((json_t *)(uintptr_t)names, index, name) {
        struct ctl_fleet_host *host;

        if (!json_is_string(name)) {
            ctl_refuse(call, "bad_request", "", "'hosts' must be a list of texts");
            return false;
        }
        if (!ctl_call_find_host(call, json_string_value(name), &host))
            return false;
        if (!is_in(hosts->list, hosts->count, host) &&
            !is_in(hosts->undecided, hosts->undecided_count, host))
            ctl_call_hosts_add(hosts, host, match);
    }

    return true;
}

bool ctl_call_select(struct ctl_call *call, struct ctl_call_hosts *ret_hosts)
{
    const struct ctl_fleet *fleet = &call->engine->fleet;
    const json_t *names = json_object_get(call->request, "hosts");
    BL_AUTO_FREE struct ctl_select *match = NULL;

    if (!ctl_call_match(call, &match))
        return false;
    if (names != NULL && !json_is_array(names)) {
        ctl_refuse(call, "bad_request", "", "'hosts' must be a list of texts");
        return false;
    }
    if (!ctl_call_hosts_begin(call, ret_hosts))
        return false;
    if (names != NULL)
        return select_named(call, names, match, ret_hosts);
    for (uint32_t i = 0; i < fleet->count; i++) {
        if (fleet->hosts[i]->standing == CTL_STANDING_ENROLLED)
            ctl_call_hosts_add(ret_hosts, fleet->hosts[i], match);
    }

    return true;
}

/* ---- rollouts ---- */

struct run_search {
    const char *text;
    uint32_t count;
    uint8_t id[PROTO_ROLLOUT_ID_BYTES]; /* of the first that was found */
    json_t *candidates;
};

static int try_run(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    struct run_search *search = userdata;
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    bool is_latest = strcmp(search->text, "latest") == 0;

    bl_hex_encode(row->id, sizeof(row->id), id);
    if (is_latest ? search->count > 0 : strncmp(id, search->text, strlen(search->text)) != 0)
        return 0;
    if (search->count == 0)
        memcpy(search->id, row->id, sizeof(search->id));
    if (search->count < CANDIDATES_MAX)
        (void)json_array_append_new(search->candidates,
                                    json_sprintf("%s (%s)", id, row->plan_name));
    search->count++;

    return 0;
}

bool ctl_call_find_run(struct ctl_call *call, const char *text, struct ctl_run **ret_run)
{
    struct run_search search = {.text = text, .candidates = json_array()};
    struct bl_error err = {0};
    int r = 0;

    if (text[0] != '\0')
        r = ctl_store_each_rollout(call->engine->store, UINT32_MAX, try_run, &search, &err);
    if (r >= 0 && search.count > 1) {
        ctl_refuse_ambiguous(call, text, search.candidates);
        return false;
    }
    json_decref(search.candidates);
    if (r >= 0 && search.count == 1)
        r = ctl_engine_run(call->engine, search.id, ret_run, &err);
    if (r < 0) {
        ctl_reply_failure(call, &err);
        return false;
    }
    if (search.count == 0 && strcmp(text, "latest") == 0)
        ctl_refuse(call, "not_found", "belay run PLAN", "there was no rollout yet");
    else if (search.count == 0)
        ctl_refuse(call, "not_found", "belay rollouts", "there is no rollout '%.64s'", text);

    return search.count == 1;
}

bool ctl_call_run(struct ctl_call *call, struct ctl_run **ret_run)
{
    const char *text;

    return ctl_call_text(call, "rollout", "latest", &text) &&
           ctl_call_find_run(call, text, ret_run);
}

bool ctl_call_audit(struct ctl_call *call, const char *verb, const char *subject,
                    const char *detail)
{
    struct bl_error err = {0};

    if (ctl_engine_audit(call->engine, call->uid, verb, subject, detail, &err) >= 0)
        return true;
    ctl_reply_failure(call, &err);

    return false;
}
