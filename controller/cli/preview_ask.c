/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "common/yaml.h"
#include "controller/cli/hooks_view.h"
#include "controller/cli/preview.h"
#include "controller/outside/out.h"
#include "controller/select/select.h"
#include "proto/manifest.h"

/* Finds a plan's hosts and asks them, over one connection to the controller. */

static bool is_named(const json_t *host, const struct ctl_plan_texts *names)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], ctl_json_text(host, "name")) == 0 ||
            strcmp(names->items[i], ctl_json_text(host, "id")) == 0)
            return true;
    }

    return false;
}

static bool is_host(const json_t *hosts, const char *name_or_id)
{
    const json_t *host;
    size_t i;

    json_array_foreach (hosts, i, host) {
        if (strcmp(name_or_id, ctl_json_text(host, "name")) == 0 ||
            strcmp(name_or_id, ctl_json_text(host, "id")) == 0)
            return true;
    }

    return false;
}

static int fail_name(const struct ctl_plan *plan, const struct bl_yaml_node *item,
                     const json_t *hosts, struct bl_error *err)
{
    BL_AUTO_FREE const char **names = calloc(json_array_size(hosts) + 1, sizeof(*names));
    const char *meant;
    const json_t *host;
    size_t i;

    if (names == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the preview");
    json_array_foreach (hosts, i, host)
        names[i] = ctl_json_text(host, "name");
    meant = bl_text_nearest(item->text, names, json_array_size(hosts));
    if (meant == NULL) {
        return bl_yaml_fail(plan->yaml, item, err,
                            "'%.64s' is the name or id of no host: 'belay hosts list'", item->text);
    }

    return bl_yaml_fail(plan->yaml, item, err,
                        "'%.64s' is the name or id of no host; did you mean '%.64s'?", item->text,
                        meant);
}

static int check_names(const struct ctl_plan *plan, const struct bl_yaml_node *list,
                       const json_t *hosts, struct bl_error *err)
{
    for (const struct bl_yaml_node *item = list->child; item != NULL; item = item->next) {
        if (!is_host(hosts, item->text))
            return fail_name(plan, item, hosts, err);
    }

    return 0;
}

/*
 * A slip of the pen in 'exclude' or 'standby' would upgrade the very host that was to be left alone. A host that
 * this plan does not mean, or that was revoked meanwhile, may be excluded for good measure.
 */
static int check_slips(struct ctl_cli_link *link, const struct ctl_plan *plan, struct bl_error *err)
{
    const struct bl_yaml_node *item = bl_yaml_find(plan->yaml->root, "hosts");
    CTL_AUTO_JSON *answer = NULL;
    const json_t *hosts;
    int r;

    if (plan->hosts.exclude.count == 0 && plan->hosts.expression == NULL &&
        plan->hosts.exclude_expression == NULL && plan->hosts.standby_expression == NULL &&
        plan->hosts.standby.count == 0)
        return 0;
    r = ctl_cli_link_send(link, json_pack("{s:s}", "verb", "hosts.list"), err);
    if (r >= 0)
        r = ctl_cli_link_receive(link, &answer, err);
    if (r < 0)
        return r;
    hosts = json_object_get(answer, "hosts");
    r = ctl_preview_check_labels(plan, hosts, err);
    if (r >= 0 && plan->hosts.exclude.count > 0)
        r = check_names(plan, bl_yaml_find(item, "exclude"), hosts, err);
    if (r >= 0 && plan->hosts.standby.count > 0 && !plan->meant.is_set)
        r = check_names(plan, bl_yaml_find(item, "standby"), hosts, err);

    return r;
}

/* Whom `standby`, as an expression, does not mean: who has not told a fact of it is kept, too. It
 * hangs on no packages. */
static int find_standby(struct ctl_cli_link *link, const struct ctl_plan *plan, json_t **ret_ids,
                        struct bl_error *err)
{
    CTL_AUTO_JSON *answer = NULL, *ids = NULL;
    BL_AUTO_FREE char *others = NULL;
    const json_t *host;
    size_t i;
    int r;

    if (plan->hosts.standby_expression == NULL)
        return 0;
    if (asprintf(&others, "!(%s)", plan->hosts.standby_expression) < 0) {
        others = NULL;
        return bl_fail(err, -ENOMEM, "out of memory for the preview");
    }
    r = ctl_cli_link_send(
        link,
        json_pack("{s:s, s:s, s:s}", "verb", "hosts.list", "state", "enrolled", "match", others),
        err);
    if (r >= 0)
        r = ctl_cli_link_receive(link, &answer, err);
    if (r < 0)
        return r;
    ids = json_object();
    json_array_foreach (json_object_get(answer, "hosts"), i, host)
        (void)json_object_set_new(ids, ctl_json_text(host, "id"), json_true());
    *ret_ids = BL_TAKE_PTR(ids);

    return 0;
}

/* An exclusion of nobody may be right today; it is told, so that one that never was right is seen. */
static int look_for_excluded(struct ctl_cli_link *link, const struct ctl_plan *plan,
                             bool *ret_excludes_nobody, struct bl_error *err)
{
    CTL_AUTO_JSON *answer = NULL;
    int r;

    if (plan->hosts.exclude_expression == NULL)
        return 0;
    r = ctl_cli_link_send(link,
                          json_pack("{s:s, s:s, s:b}", "verb", "hosts.list", "match",
                                    plan->hosts.exclude_expression, "undecided", true),
                          err);
    if (r >= 0)
        r = ctl_cli_link_receive(link, &answer, err);
    if (r >= 0)
        *ret_excludes_nobody = json_array_size(json_object_get(answer, "hosts")) == 0 &&
                               json_array_size(json_object_get(answer, "undecided")) == 0;

    return r;
}

struct found {
    json_t *ids;     /* of hosts that are meant, as keys */
    json_t *unknown; /* answers of hosts that do not tell what it hangs on */
};

/* Without those that are excluded by name. */
static json_t *keep_named(const struct ctl_plan_hosts *hosts, const json_t *list)
{
    json_t *kept = json_array(), *host;
    size_t i;

    json_array_foreach (list, i, host) {
        if (!is_named(host, &hosts->exclude))
            (void)json_array_append(kept, host);
    }

    return kept;
}

/* Adds the hosts of one hosts.list answer, each once, without those that are excluded by name. */
static int add_hosts(struct ctl_cli_link *link, const struct ctl_plan_hosts *hosts, json_t *request,
                     struct found *found, struct bl_error *err)
{
    BL_AUTO_FREE char *match = NULL;
    CTL_AUTO_JSON *answer = NULL, *meant = NULL, *undecided = NULL;
    const json_t *host;
    size_t i;
    int r;

    match = strdup(ctl_json_text(request, "match"));
    (void)json_object_set_new(request, "undecided", json_true());
    r = ctl_cli_link_send(link, request, err);
    if (r < 0)
        return r;
    r = ctl_cli_link_receive(link, &answer, err);
    if (r < 0)
        return r;
    meant = keep_named(hosts, json_object_get(answer, "hosts"));
    undecided = keep_named(hosts, json_object_get(answer, "undecided"));
    if (match == NULL || meant == NULL || undecided == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the preview");
    json_array_foreach (meant, i, host)
        (void)json_object_set_new(found->ids, ctl_json_text(host, "id"), json_true());

    return ctl_preview_ask_packages(link, match, undecided, found->ids, found->unknown, err);
}

static json_t *texts_to_json(const struct ctl_plan_texts *texts)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < texts->count; i++)
        (void)json_array_append_new(list, json_string(texts->items[i]));

    return list;
}

static int find_hosts(struct ctl_cli_link *link, const struct ctl_plan_hosts *hosts,
                      struct found *found, struct bl_error *err)
{
    char match[CTL_SELECT_TEXT_BYTES_MAX], left[CTL_SELECT_TEXT_BYTES_MAX];
    int r;

    r = ctl_plan_targets(hosts, false, match, sizeof(match), err);
    if (r >= 0)
        r = ctl_plan_targets(hosts, true, left, sizeof(left), err);
    if (r >= 0 && match[0] != '\0') {
        r = add_hosts(
            link, hosts,
            json_pack("{s:s, s:s, s:s}", "verb", "hosts.list", "state", "enrolled", "match", match),
            found, err);
    }
    /* Who is named and not enrolled stands in the way, rather than be left out in silence. */
    if (r >= 0 && hosts->list.count > 0) {
        json_t *request =
            json_pack("{s:s, s:o}", "verb", "hosts.list", "hosts", texts_to_json(&hosts->list));

        if (left[0] != '\0')
            (void)json_object_set_new(request, "match", json_string(left));
        r = add_hosts(link, hosts, request, found, err);
    }

    return r;
}

/* A host of `list` may be one that matches, too, and be unknown twice, or meant by the other. */
static void drop_doubles(struct found *found)
{
    CTL_AUTO_JSON *seen = json_object();
    size_t i = 0;

    while (i < json_array_size(found->unknown)) {
        const char *id = ctl_json_text(json_array_get(found->unknown, i), "id");

        if (json_object_get(found->ids, id) != NULL || json_object_get(seen, id) != NULL) {
            (void)json_array_remove(found->unknown, i);
            continue;
        }
        (void)json_object_set_new(seen, id, json_true());
        i++;
    }
}

static int find_targets(struct ctl_cli_link *link, const struct ctl_plan *plan, struct found *found,
                        struct bl_error *err)
{
    int r = check_slips(link, plan, err);

    if (r >= 0)
        r = find_hosts(link, &plan->hosts, found, err);
    if (r < 0)
        return r;
    drop_doubles(found);
    if (json_object_size(found->ids) == 0 && json_array_size(found->unknown) == 0) {
        return bl_fail(err, -ENODATA,
                       "the plan's 'hosts' name no enrolled host: 'belay hosts list'");
    }

    return r;
}

/*
 * Of a retry with `spread`: whom the plan means now, and whom the rollout had: a host that got what
 * it should may not be what the plan's expression is true of any more.
 */
static int find_meant(struct ctl_cli_link *link, const struct ctl_plan *plan, json_t **ret_ids,
                      struct bl_error *err)
{
    CTL_AUTO_JSON *ids = NULL, *unknown = NULL;
    struct found found;
    int r;

    if (!plan->meant.is_set || plan->spread == NULL)
        return 0;
    ids = json_object();
    unknown = json_array();
    if (ids == NULL || unknown == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the preview");
    found = (struct found){.ids = ids, .unknown = unknown}; /* who is not known does not count */
    r = find_hosts(link, &plan->meant.hosts, &found, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < plan->meant.rollout.count; i++)
        (void)json_object_set_new(ids, plan->meant.rollout.items[i], json_true());
    *ret_ids = BL_TAKE_PTR(ids);

    return 0;
}

static json_t *query_request(const struct ctl_plan *plan, json_t *ids)
{
    json_t *hosts = json_array(), *packages = json_array();
    bool ignore_phasing = plan->phased == CTL_PLAN_PHASED_IGNORE;
    json_t *ignored;
    const char *id;

    json_object_foreach (ids, id, ignored)
        (void)json_array_append_new(hosts, json_string(id));
    for (uint32_t i = 0; i < plan->packages_count; i++) {
        (void)json_array_append_new(packages,
                                    json_pack("{s:s, s:s}", "name", plan->packages[i].name,
                                              "version", plan->packages[i].version));
    }

    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:b, s:b, s:b, s:b}", "verb", "query", "hosts",
                     hosts, "package_set", proto_package_set_name(plan->package_set), "packages",
                     packages, "excludes", texts_to_json(&plan->exclude), "allow_remove",
                     plan->allow_remove, "allow_downgrade", plan->allow_downgrade, "deny_new",
                     !plan->allow_new, "ignore_phasing", ignore_phasing);
}

/* All enrolled hosts: what a wave touches is told as a share of them. */
static int ask_fleet(struct ctl_cli_link *link, json_t **ret_hosts, struct bl_error *err)
{
    CTL_AUTO_JSON *answer = NULL;
    int r;

    r = ctl_cli_link_send(link, json_pack("{s:s, s:s}", "verb", "hosts.list", "state", "enrolled"),
                          err);
    if (r >= 0)
        r = ctl_cli_link_receive(link, &answer, err);
    if (r >= 0)
        *ret_hosts = json_incref(json_object_get(answer, "hosts"));

    return r;
}

int ctl_preview_ask(struct ctl_cli_globals *globals, const struct ctl_plan *plan,
                    struct ctl_preview *preview, struct bl_error *err)
{
    CTL_CLI_AUTO_LINK link = {.fd = -1};
    CTL_AUTO_JSON *fleet = NULL, *ids = json_object(), *unknown = json_array(),
                  *answers = json_array(), *end = NULL, *denied = NULL, *info = NULL;
    struct found found = {.ids = ids, .unknown = unknown};
    bool excludes_nobody = false;
    int r;

    r = ctl_cli_link_open(globals, &link, err);
    if (r < 0)
        return r;
    r = ctl_hooks_ask(&link, plan, err);
    if (r >= 0)
        r = find_targets(&link, plan, &found, err);
    if (r >= 0)
        r = find_meant(&link, plan, &preview->meant, err);
    if (r >= 0)
        r = find_standby(&link, plan, &preview->standby, err);
    if (r >= 0)
        r = look_for_excluded(&link, plan, &excludes_nobody, err);
    if (r < 0)
        return r;
    r = ctl_cli_link_send(&link, query_request(plan, ids), err);
    if (r < 0)
        return r;
    r = ctl_cli_link_collect_hosts(&link, answers, &end, err);
    if (r < 0)
        return r;
    if (json_array_size(answers) != json_object_size(ids)) {
        return bl_fail(err, -EBADMSG, "the controller answered for %zu of %zu hosts",
                       json_array_size(answers), json_object_size(ids));
    }
    (void)json_array_extend(answers, unknown);

    r = ctl_cli_link_send(&link, json_pack("{s:s}", "verb", "deny.list"), err);
    if (r >= 0)
        r = ctl_cli_link_receive(&link, &denied, err);
    if (r < 0)
        return r;
    ctl_preview_block_denied(answers, json_object_get(denied, "denied"));
    r = ctl_cli_link_send(&link, json_pack("{s:s}", "verb", "durations"), err);
    if (r >= 0)
        r = ctl_cli_link_receive(&link, &preview->durations, err);
    if (r < 0)
        return r;
    r = ask_fleet(&link, &fleet, err);
    if (r >= 0)
        r = ctl_cli_link_send(&link, json_pack("{s:s}", "verb", "info"), err);
    if (r >= 0)
        r = ctl_cli_link_receive(&link, &info, err);
    if (r < 0)
        return r;
    preview->freeze = json_incref(json_object_get(info, "freeze"));
    preview->fleet = BL_TAKE_PTR(fleet);
    r = ctl_preview_make(plan, BL_TAKE_PTR(answers), preview, err);
    preview->excludes_nobody = excludes_nobody;

    return r;
}
