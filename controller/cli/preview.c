/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/preview.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/random.h"
#include "controller/cli/preview_standby.h"
#include "proto/manifest.h"
#include "proto/place.h"

void ctl_preview_release(struct ctl_preview *preview)
{
    for (uint32_t i = 0; i < preview->host_count; i++)
        json_decref(preview->hosts[i].changes);
    for (uint32_t i = 0; i < preview->kind_count; i++)
        json_decref(preview->kinds[i]);
    free(preview->hosts);
    free(preview->groups);
    free(preview->kinds);
    json_decref(preview->answers);
    json_decref(preview->fleet);
    json_decref(preview->meant);
    json_decref(preview->standby);
    json_decref(preview->durations);
    json_decref(preview->freeze);
    *preview = (struct ctl_preview){0};
}

static int compare_changes(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
    int r = strcmp(ctl_json_text(left, "name"), ctl_json_text(right, "name"));

    if (r != 0)
        return r;

    return strcmp(ctl_json_text(left, "arch"), ctl_json_text(right, "arch"));
}

/* A host may list its transaction in any order; the manifest has one. NULL when out of memory. */
static json_t *sort_changes(const json_t *changes)
{
    size_t count = json_array_size(changes);
    json_t **list = calloc(count + 1, sizeof(json_t *));
    json_t *sorted = json_array();

    if (list == NULL || sorted == NULL) {
        free(list);
        json_decref(sorted);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        list[i] = json_array_get(changes, i);
    qsort(list, count, sizeof(json_t *), compare_changes);
    for (size_t i = 0; i < count; i++)
        (void)json_array_append(sorted, list[i]);
    free(list);

    return sorted;
}

static json_t *pins_of(const json_t *changes)
{
    json_t *pins = json_array();
    const json_t *change;
    size_t i;

    json_array_foreach (changes, i, change)
        (void)json_array_append_new(
            pins, json_pack("{s:s, s:s, s:s, s:s}", "name", ctl_json_text(change, "name"), "arch",
                            ctl_json_text(change, "arch"), "version", ctl_json_text(change, "to"),
                            "action", ctl_json_text(change, "action")));

    return pins;
}

/* Would a package change that its distribution does not support taking back? */
static const char *find_one_way(const json_t *changes)
{
    const json_t *change;
    size_t i;

    json_array_foreach (changes, i, change) {
        uint32_t action =
            strcmp(ctl_json_text(change, "action"), proto_action_name(PROTO_ACTION_INSTALL)) == 0
                ? PROTO_ACTION_INSTALL
                : PROTO_ACTION_UPGRADE;

        if (proto_pin_is_one_way(ctl_json_text(change, "name"), action))
            return ctl_json_text(change, "name");
    }

    return NULL;
}

/* Known before anybody signs: every host would refuse the manifest. */
static void block_one_way(json_t *answer, struct ctl_preview_host *host)
{
    const char *name = find_one_way(json_object_get(answer, "changes"));

    if (name == NULL || host->standing != CTL_PREVIEW_TARGET)
        return;
    host->standing = CTL_PREVIEW_BLOCKER;
    host->code = "way_back_unsupported";
    (void)json_object_set_new(
        answer, "reason",
        json_sprintf("%.80s would change, and no distribution supports taking that back to its "
                     "former version: write `change: { revert: filesystem }` for a way back by "
                     "snapshot, or `packages` to accept one by packages all the same",
                     name));
    host->reason = ctl_json_text(answer, "reason");
}

static int read_host(json_t *answer, struct ctl_preview_host *ret_host, struct bl_error *err)
{
    struct ctl_preview_host host = {.name = ctl_json_text(answer, "name"),
                                    .id = ctl_json_text(answer, "id"),
                                    .code = ctl_json_text(answer, "code"),
                                    .reason = ctl_json_text(answer, "reason"),
                                    .failed_units = json_object_get(answer, "failed_units")};
    const json_t *changes = json_object_get(answer, "changes");

    if (bl_hex_decode(host.id, host.host_id, sizeof(host.host_id), err) < 0)
        return bl_fail(err, -EBADMSG, "the controller names a host by '%.80s'", host.id);
    if (strcmp(ctl_json_text(answer, "result"), "ok") != 0) {
        host.standing = CTL_PREVIEW_BLOCKER;
    } else if (json_array_size(changes) == 0) {
        host.standing = CTL_PREVIEW_CURRENT;
    } else {
        host.standing = CTL_PREVIEW_TARGET;
    }
    host.changes = sort_changes(changes);
    if (host.changes == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the preview");

    *ret_host = host;
    return 0;
}

/* Targets first, in the order in which they go; the others by name. */
static int compare_hosts(const void *a, const void *b)
{
    const struct ctl_preview_host *left = a, *right = b;

    if (left->standing != right->standing)
        return left->standing < right->standing ? -1 : 1;
    if (left->standing == CTL_PREVIEW_TARGET)
        return left->place < right->place ? -1 : left->place > right->place;

    return strcmp(left->name, right->name);
}

static int find_kind(struct ctl_preview *preview, const json_t *changes, uint32_t *ret_kind,
                     struct bl_error *err)
{
    json_t *pins = pins_of(changes);

    for (uint32_t i = 0; i < preview->kind_count; i++) {
        if (json_equal(preview->kinds[i], pins)) {
            json_decref(pins);
            *ret_kind = i;
            return 0;
        }
    }
    if (preview->kind_count == PROTO_KINDS_MAX) {
        json_decref(pins);
        return bl_fail(err, -EMSGSIZE,
                       "the hosts would do more than %d different things: split the plan",
                       PROTO_KINDS_MAX);
    }
    *ret_kind = preview->kind_count;
    preview->kinds[preview->kind_count++] = pins;

    return 0;
}

static int group_targets(struct ctl_preview *preview, struct bl_error *err)
{
    preview->groups = calloc(preview->target_count + 1, sizeof(*preview->groups));
    preview->kinds = calloc(PROTO_KINDS_MAX, sizeof(json_t *));
    if (preview->groups == NULL || preview->kinds == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the preview");

    for (uint32_t i = 0; i < preview->target_count; i++) {
        struct ctl_preview_host *host = &preview->hosts[i];
        uint32_t group = 0;

        while (group < preview->group_count &&
               !json_equal(preview->groups[group].changes, host->changes))
            group++;
        if (group == preview->group_count) {
            int r = find_kind(preview, host->changes, &preview->groups[group].kind, err);

            if (r < 0)
                return r;
            preview->groups[group].changes = host->changes;
            preview->group_count++;
        }
        preview->groups[group].host_count++;
        host->group = group;
        host->kind = preview->groups[group].kind;
    }

    return 0;
}

/* Targets stand first, each knows its place. */
static int order_targets(const struct ctl_plan *plan, struct ctl_preview *preview,
                         struct bl_error *err)
{
    int r;

    qsort(preview->hosts, preview->host_count, sizeof(*preview->hosts), compare_hosts);
    r = ctl_preview_find_values(plan, preview, err);

    return r < 0 ? r : ctl_preview_find_places(preview, err);
}

static int deal(const struct ctl_plan *plan, struct ctl_preview *preview, struct bl_error *err)
{
    uint32_t next = 0;
    int r;

    if (preview->target_count == 0)
        return 0;
    r = ctl_plan_deal_waves(plan, preview->target_count, preview->waves, &preview->wave_count, err);
    if (r < 0)
        return r;
    for (uint32_t wave = 0; wave < preview->wave_count; wave++) {
        for (uint32_t i = 0; i < preview->waves[wave].host_count; i++)
            preview->hosts[next++].wave = wave;
    }

    return ctl_preview_check_spread(plan, preview, err);
}

int ctl_preview_make(const struct ctl_plan *plan, json_t *answers, struct ctl_preview *preview,
                     struct bl_error *err)
{
    CTL_AUTO_PREVIEW_STANDBY standby = {0};
    size_t count = json_array_size(answers);
    int r;

    preview->answers = answers;
    if (sodium_is_zero(preview->rollout_id, sizeof(preview->rollout_id))) {
        r = bl_random_fill(preview->rollout_id, sizeof(preview->rollout_id), err);
        if (r < 0)
            return r;
    }
    preview->hosts = calloc(count + 1, sizeof(*preview->hosts));
    if (preview->hosts == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the preview");
    for (size_t i = 0; i < count; i++) {
        struct ctl_preview_host *host = &preview->hosts[preview->host_count];

        r = read_host(json_array_get(answers, i), host, err);
        if (r < 0)
            return r;
        if (!plan->revert_accepted)
            block_one_way(json_array_get(answers, i), host);
        preview->host_count++;
        preview->target_count += host->standing == CTL_PREVIEW_TARGET;
        preview->current_count += host->standing == CTL_PREVIEW_CURRENT;
        preview->blocker_count += host->standing == CTL_PREVIEW_BLOCKER;
    }
    r = order_targets(plan, preview, err);
    if (r >= 0)
        r = ctl_preview_keep_standby(plan, preview, err);
    if (r >= 0 && preview->standby_count > 0)
        r = order_targets(plan, preview, err);
    if (r < 0)
        return r;
    qsort(preview->hosts, preview->host_count, sizeof(*preview->hosts), compare_hosts);
    r = group_targets(preview, err);
    if (r < 0)
        return r;

    r = deal(plan, preview, err);

    /* What can't be signed is told now, and not after people have looked. */
    return r < 0 ? r : ctl_preview_put_standby(preview, &standby, err);
}
