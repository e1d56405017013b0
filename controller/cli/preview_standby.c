/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/preview_standby.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "controller/outside/out.h"

enum {
    NAMES_SHOWN_MAX = 12,
};

/* ---- which they are ---- */

static bool is_listed(const struct ctl_plan_texts *list, const struct ctl_preview_host *host)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], host->name) == 0 || strcmp(list->items[i], host->id) == 0)
            return true;
    }

    return false;
}

/* `drawn`: how many by lot; 0: they are named. */
static bool is_meant(const struct ctl_plan *plan, const struct ctl_preview *preview,
                     const struct ctl_preview_host *host, uint32_t drawn)
{
    if (drawn > 0)
        return host->place < drawn;

    if (plan->hosts.standby_expression != NULL)
        return json_object_get(preview->standby, host->id) == NULL;

    return is_listed(&plan->hosts.standby, host);
}

static int fail_none(const struct ctl_preview *preview, struct bl_error *err)
{
    if (preview->target_count == 0 && preview->current_count > 0) {
        return bl_fail(
            err, -ENODATA,
            "hosts.standby: all hosts that it leaves are as the plan wants them already: "
            "upgrade the others with a plan without 'standby'");
    }
    if (preview->target_count == 0) {
        return bl_fail(
            err, -ENODATA,
            "hosts.standby: it keeps every host that would change, so none is left: keep "
            "fewer, or name them");
    }

    return bl_fail(
        err, -ENODATA,
        "hosts.standby: it is true of no host that would change, so nothing would be kept "
        "for the traffic: name hosts of the plan ('belay hosts list'), or how many");
}

int ctl_preview_keep_standby(const struct ctl_plan *plan, struct ctl_preview *preview,
                             struct bl_error *err)
{
    const uint32_t all = preview->target_count;
    const uint32_t drawn = ctl_plan_standby_count(&plan->hosts, all);

    if (!ctl_plan_has_standby(&plan->hosts) || all == 0)
        return 0; /* nothing would change anywhere */
    for (uint32_t i = 0; i < all; i++) {
        struct ctl_preview_host *host = &preview->hosts[i];

        if (!is_meant(plan, preview, host, drawn))
            continue;
        host->standing = CTL_PREVIEW_STANDBY;
        preview->standby_count++;
        preview->target_count--;
    }
    /* Of a retry both may be: standby hosts were upgraded since, or those that failed were. */
    if (!plan->meant.is_set && (preview->standby_count == 0 || preview->target_count == 0))
        return fail_none(preview, err);
    if (preview->standby_count > PROTO_POLICY_STANDBY_MAX) {
        return bl_fail(err, -EMSGSIZE, "hosts.standby: %u hosts; %d at most",
                       (unsigned)preview->standby_count, PROTO_POLICY_STANDBY_MAX);
    }

    return 0;
}

/* ---- what is signed ---- */

/* Packages are watched by name: one that is there in another architecture can't be "not there". */
static bool is_there_too(const struct ctl_preview_host *host, const json_t *change)
{
    const json_t *other;
    size_t i;

    if (ctl_json_text(change, "from")[0] != '\0')
        return false;
    json_array_foreach (host->changes, i, other) {
        if (strcmp(ctl_json_text(other, "name"), ctl_json_text(change, "name")) == 0 &&
            ctl_json_text(other, "from")[0] != '\0')
            return true;
    }

    return false;
}

/* What the plan would change of the host, as it is there; arrays of {name, version}. */
static json_t *packages_of(const struct ctl_preview_host *host)
{
    json_t *packages = json_array();
    const json_t *change;
    size_t i;

    json_array_foreach (host->changes, i, change) {
        const size_t count = json_array_size(packages);
        json_t *package;

        if (is_there_too(host, change))
            continue;
        package = json_pack("{s:s, s:s}", "name", ctl_json_text(change, "name"), "version",
                            ctl_json_text(change, "from"));
        /* Changes are sorted by name: the same of another architecture stands beside it. */
        if (count > 0 && json_equal(json_array_get(packages, count - 1), package))
            json_decref(package);
        else
            (void)json_array_append_new(packages, package);
    }

    return packages;
}

void ctl_preview_standby_release(struct ctl_preview_standby *standby)
{
    free(standby->kinds);
    free(standby->ids);
    free(standby->packages);
    free(standby->failed_units);
    *standby = (struct ctl_preview_standby){0};
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, PROTO_HOST_ID_BYTES);
}

/* An empty one can't be signed. */
static const char *text_of(const json_t *text)
{
    return json_is_string(text) ? json_string_value(text) : "";
}

/* Room for all: hosts of a kind stand one behind the other, kinds as they are found first. */
static int begin_put(const struct ctl_preview *preview, struct ctl_preview_standby *standby)
{
    size_t packages_count = 1, failed_count = 1;

    for (uint32_t i = 0; i < preview->host_count; i++) {
        if (preview->hosts[i].standing != CTL_PREVIEW_STANDBY)
            continue;
        packages_count += json_array_size(preview->hosts[i].changes);
        failed_count += json_array_size(preview->hosts[i].failed_units);
    }
    standby->kinds = calloc(preview->standby_count, sizeof(*standby->kinds));
    standby->ids = calloc(preview->standby_count, PROTO_HOST_ID_BYTES);
    standby->packages = calloc(packages_count, sizeof(*standby->packages));
    standby->failed_units = calloc(failed_count, sizeof(*standby->failed_units));

    return standby->kinds == NULL || standby->ids == NULL || standby->packages == NULL ||
                   standby->failed_units == NULL
               ? -ENOMEM
               : 0;
}

static bool is_of_kind(const struct proto_policy_standby *kind, const json_t *packages,
                       const json_t *failed)
{
    const json_t *package, *unit;
    size_t i;

    if (json_array_size(packages) != kind->packages_count ||
        json_array_size(failed) != kind->failed_units_count)
        return false;
    json_array_foreach (failed, i, unit) {
        if (strcmp(kind->failed_units[i].text, text_of(unit)) != 0)
            return false;
    }
    json_array_foreach (packages, i, package) {
        if (strcmp(kind->packages[i].name, ctl_json_text(package, "name")) != 0 ||
            strcmp(kind->packages[i].version, ctl_json_text(package, "version")) != 0)
            return false;
    }

    return true;
}

/* The texts belong to the changes of the host. */
static void add_kind(const struct ctl_preview_host *host, const json_t *packages,
                     struct ctl_preview_standby *standby)
{
    const struct proto_policy_standby *before =
        standby->count > 0 ? &standby->kinds[standby->count - 1] : NULL;
    struct proto_policy_standby *kind = &standby->kinds[standby->count++];
    const json_t *change, *unit;
    size_t i, number = 0;

    kind->packages = before == NULL ? standby->packages : before->packages + before->packages_count;
    kind->failed_units =
        before == NULL ? standby->failed_units : before->failed_units + before->failed_units_count;
    json_array_foreach (host->failed_units, i, unit)
        kind->failed_units[kind->failed_units_count++].text = text_of(unit);
    json_array_foreach (host->changes, i, change) {
        if (number == json_array_size(packages) ||
            strcmp(ctl_json_text(json_array_get(packages, number), "name"),
                   ctl_json_text(change, "name")) != 0 ||
            strcmp(ctl_json_text(json_array_get(packages, number), "version"),
                   ctl_json_text(change, "from")) != 0)
            continue; /* of another architecture */
        kind->packages[number++] = (struct proto_package){.name = ctl_json_text(change, "name"),
                                                          .version = ctl_json_text(change, "from")};
    }
    kind->packages_count = (uint32_t)number;
}

static int find_kind(const struct ctl_preview_host *host, uint32_t *ret_kind,
                     struct ctl_preview_standby *standby, struct bl_error *err)
{
    CTL_AUTO_JSON *packages = packages_of(host);

    if (packages == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the standby hosts");
    if (json_array_size(packages) > PROTO_PACKAGES_MAX) {
        return bl_fail(err, -EMSGSIZE,
                       "hosts.standby: %zu packages would change on %.128s; only %d can be watched "
                       "there: split the plan",
                       json_array_size(packages), host->name, PROTO_PACKAGES_MAX);
    }
    for (uint32_t i = 0; i < standby->count; i++) {
        *ret_kind = i;
        if (is_of_kind(&standby->kinds[i], packages, host->failed_units))
            return 0;
    }
    if (standby->count == PROTO_POLICY_STANDBY_KINDS_MAX) {
        return bl_fail(
            err, -EMSGSIZE,
            "hosts.standby: they differ from each other in more than %d ways: keep fewer",
            PROTO_POLICY_STANDBY_KINDS_MAX);
    }
    *ret_kind = standby->count;
    add_kind(host, packages, standby);

    return 0;
}

int ctl_preview_put_standby(const struct ctl_preview *preview,
                            struct ctl_preview_standby *ret_standby, struct bl_error *err)
{
    BL_AUTO_FREE uint32_t *kinds = calloc((size_t)preview->host_count + 1, sizeof(*kinds));
    CTL_AUTO_PREVIEW_STANDBY standby = {0};
    uint32_t hosts_count = 0;

    if (preview->standby_count == 0)
        return 0;
    if (kinds == NULL || begin_put(preview, &standby) < 0)
        return bl_fail(err, -ENOMEM, "out of memory for the standby hosts");
    for (uint32_t i = 0; i < preview->host_count; i++) {
        int r = 0;

        if (preview->hosts[i].standing == CTL_PREVIEW_STANDBY)
            r = find_kind(&preview->hosts[i], &kinds[i], &standby, err);
        if (r < 0)
            return r;
    }
    for (uint32_t kind = 0; kind < standby.count; kind++) {
        uint8_t *first = standby.ids + (size_t)hosts_count * PROTO_HOST_ID_BYTES;
        const uint32_t before = hosts_count;

        for (uint32_t i = 0; i < preview->host_count; i++) {
            if (preview->hosts[i].standing == CTL_PREVIEW_STANDBY && kinds[i] == kind)
                memcpy(standby.ids + (size_t)hosts_count++ * PROTO_HOST_ID_BYTES,
                       preview->hosts[i].host_id, PROTO_HOST_ID_BYTES);
        }
        qsort(first, hosts_count - before, PROTO_HOST_ID_BYTES, compare_ids);
        standby.kinds[kind].hosts =
            (struct proto_bytes){first, (size_t)(hosts_count - before) * PROTO_HOST_ID_BYTES};
    }
    *ret_standby = standby;
    standby = (struct ctl_preview_standby){0};

    return 0;
}

/* ---- for people ---- */

static void print_former(const struct ctl_preview_host *host, FILE *to)
{
    CTL_AUTO_JSON *packages = packages_of(host);
    const json_t *package;
    size_t i;

    (void)fputs("  ", to);
    ctl_out_put(to, host->name);
    json_array_foreach (packages, i, package) {
        if (i == NAMES_SHOWN_MAX) {
            (void)fprintf(to, ", … %zu more", json_array_size(packages) - i);
            break;
        }
        (void)fputs(i == 0 ? ": keeps " : ", ", to);
        (void)fputs(ctl_json_text(package, "version")[0] == '\0' ? "no " : "", to);
        ctl_out_put(to, ctl_json_text(package, "name"));
        (void)fputs(ctl_json_text(package, "version")[0] == '\0' ? "" : " ", to);
        ctl_out_put(to, ctl_json_text(package, "version"));
    }
    (void)fputc('\n', to);
}

void ctl_preview_print_standby(const struct ctl_plan *plan, const struct ctl_preview *preview,
                               FILE *to)
{
    uint32_t shown = 0;

    if (preview->standby_count > 0) {
        (void)fprintf(to,
                      "\n%u host%s kept as standby: in no wave, never started, and for the traffic "
                      "to go to:\n",
                      (unsigned)preview->standby_count,
                      preview->standby_count == 1 ? " is" : "s are");
        for (uint32_t i = 0; i < preview->host_count && shown < NAMES_SHOWN_MAX; i++) {
            if (preview->hosts[i].standing != CTL_PREVIEW_STANDBY)
                continue;
            print_former(&preview->hosts[i], to);
            shown++;
        }
        if (preview->standby_count > shown)
            (void)fprintf(to, "  … %u more\n", (unsigned)(preview->standby_count - shown));
        (void)fputs("  when the rollout is complete, 'belay standby' upgrades them\n", to);
    }
    if (ctl_plan_lacks_standby(plan) && !plan->meant.is_set)
        (void)fputs("\nnote: " CTL_LACKS_STANDBY "\n", to);
}

json_t *ctl_preview_standby_to_json(const struct ctl_preview *preview)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < preview->host_count; i++) {
        const struct ctl_preview_host *host = &preview->hosts[i];

        if (host->standing == CTL_PREVIEW_STANDBY)
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", host->name, "id",
                                                        host->id, "packages", packages_of(host)));
    }

    return list;
}
