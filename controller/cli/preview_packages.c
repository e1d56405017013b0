/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts of which only their packages can tell whether a plan means them. They are asked anew for each
 * preview, so nothing that is known here is ever old; who does not tell stands in the way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "controller/cli/preview.h"
#include "controller/outside/out.h"
#include "controller/select/select.h"

struct asked {
    const json_t *host;      /* as hosts.list tells of it */
    const json_t *installed; /* as query tells */
};

static const char *label_of(const void *userdata, const char *name)
{
    const struct asked *asked = userdata;

    return json_string_value(json_object_get(json_object_get(asked->host, "labels"), name));
}

static const char *fact_of(const void *userdata, enum ctl_select_fact fact)
{
    const struct asked *asked = userdata;
    const char *value = ctl_json_text(asked->host, ctl_select_fact_key(fact));

    return strcmp(value, "unknown") == 0 ? "" : value;
}

static const char *package_of(const void *userdata, const char *name, uint32_t number)
{
    const struct asked *asked = userdata;
    const json_t *package;
    size_t i;

    json_array_foreach (asked->installed, i, package) {
        if (strcmp(ctl_json_text(package, "name"), name) == 0 && number-- == 0)
            return ctl_json_text(package, "version");
    }

    return NULL;
}

static json_t *query_request(const struct ctl_select *select, const json_t *hosts)
{
    CTL_AUTO_JSON *names = json_object();
    json_t *ids = json_array(), *packages = json_array(), *ignored;
    const json_t *host;
    const char *name;
    uint32_t cursor = 0;
    size_t i;

    json_array_foreach (hosts, i, host)
        (void)json_array_append_new(ids, json_string(ctl_json_text(host, "id")));
    while ((name = ctl_select_next_package(select, &cursor)) != NULL)
        (void)json_object_set_new(names, name, json_true());
    json_object_foreach (names, name, ignored)
        (void)json_array_append_new(packages, json_pack("{s:s}", "name", name));

    return json_pack("{s:s, s:o, s:o, s:b}", "verb", "query", "hosts", ids, "packages", packages,
                     "only_installed", true);
}

static const json_t *find_host(const json_t *hosts, const char *id)
{
    const json_t *host;
    size_t i;

    json_array_foreach (hosts, i, host) {
        if (strcmp(ctl_json_text(host, "id"), id) == 0)
            return host;
    }

    return NULL;
}

/* In the words of a host's own answer, so that the preview shows it among what is in the way. */
static json_t *say_unknown(const json_t *answer)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:[], s:[]}", "id", ctl_json_text(answer, "id"),
                     "name", ctl_json_text(answer, "name"), "result", "unknown", "code",
                     CTL_PREVIEW_PACKAGES_UNKNOWN, "reason",
                     json_sprintf("whether the plan means it hangs on its packages, which it does "
                                  "not tell: %s", /* never cut: half a character is no text */
                                  ctl_json_text(answer, "reason")),
                     "changes", "notes");
}

static int sort_in(const struct ctl_select *select, const json_t *hosts, const json_t *answers,
                   json_t *ids, json_t *unknown, struct bl_error *err)
{
    const json_t *answer;
    size_t i;

    json_array_foreach (answers, i, answer) {
        const struct asked asked = {.host = find_host(hosts, ctl_json_text(answer, "id")),
                                    .installed = json_object_get(answer, "installed")};
        const struct ctl_select_host host = {
            .userdata = &asked, .label = label_of, .fact = fact_of, .package = package_of};

        if (asked.host == NULL)
            continue;
        if (strcmp(ctl_json_text(answer, "result"), "ok") != 0) {
            if (json_array_append_new(unknown, say_unknown(answer)) < 0)
                return bl_fail(err, -ENOMEM, "out of memory for the preview");
        } else if (ctl_select_ask(select, &host) == CTL_SELECT_YES) {
            (void)json_object_set_new(ids, ctl_json_text(answer, "id"), json_true());
        }
    }

    return 0;
}

int ctl_preview_ask_packages(struct ctl_cli_link *link, const char *expression, const json_t *hosts,
                             json_t *ids, json_t *unknown, struct bl_error *err)
{
    BL_AUTO_FREE struct ctl_select *select = malloc(sizeof(*select));
    CTL_AUTO_JSON *answers = json_array(), *end = NULL;
    int r;

    if (json_array_size(hosts) == 0)
        return 0;
    if (select == NULL || answers == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the preview");
    r = ctl_select_parse(expression, select, err);
    if (r >= 0)
        r = ctl_cli_link_send(link, query_request(select, hosts), err);
    if (r >= 0)
        r = ctl_cli_link_collect_hosts(link, answers, &end, err);
    if (r < 0)
        return r;
    if (json_array_size(answers) != json_array_size(hosts)) {
        return bl_fail(err, -EBADMSG, "the controller answered for %zu of %zu hosts",
                       json_array_size(answers), json_array_size(hosts));
    }
    return sort_in(select, hosts, answers, ids, unknown, err);
}
