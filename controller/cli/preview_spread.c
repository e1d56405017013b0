/* SPDX-License-Identifier: Apache-2.0 */
/* `spread`: the waves take their hosts evenly over the values of a label. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "controller/cli/preview.h"
#include "proto/place.h"

/* ---- values ---- */

static int compare_values(const void *a, const void *b)
{
    return strcmp(((const struct ctl_preview_value *)a)->value,
                  ((const struct ctl_preview_value *)b)->value);
}

static struct ctl_preview_value *find_value(struct ctl_preview *preview, const char *value)
{
    for (uint32_t i = 0; i < preview->value_count; i++) {
        if (strcmp(preview->values[i].value, value) == 0)
            return &preview->values[i];
    }

    return NULL;
}

/* Each host's value as a text, by its id; NULL when memory is out. */
static json_t *values_by_id(const struct ctl_plan *plan, const struct ctl_preview *preview)
{
    json_t *values = json_object();
    const json_t *host;
    size_t i;

    json_array_foreach (preview->fleet, i, host) {
        json_t *value = json_object_get(json_object_get(host, "labels"), plan->spread);

        if (json_is_string(value))
            (void)json_object_set(values, ctl_json_text(host, "id"), value);
    }

    return values;
}

static int add_values(const struct ctl_plan *plan, struct ctl_preview *preview, const json_t *by_id,
                      struct bl_error *err)
{
    for (uint32_t i = 0; i < preview->target_count; i++) {
        const char *value = json_string_value(json_object_get(by_id, preview->hosts[i].id));

        if (value == NULL || find_value(preview, value) != NULL)
            continue;
        if (preview->value_count == PROTO_POLICY_VALUES_MAX)
            return bl_fail(err, -EMSGSIZE, "spread: the hosts have more than %d values of '%s'",
                           PROTO_POLICY_VALUES_MAX, plan->spread);
        preview->values[preview->value_count++] = (struct ctl_preview_value){.value = value};
    }
    if (preview->value_count == 0 && preview->target_count > 0)
        return bl_fail(err, -ENODATA,
                       "spread: no host of the plan has the label '%s': 'belay hosts label'",
                       plan->spread);
    qsort(preview->values, preview->value_count, sizeof(preview->values[0]), compare_values);

    return 0;
}

static void count_value(struct ctl_preview *preview, const json_t *by_id, const char *id)
{
    const char *value = json_string_value(json_object_get(by_id, id));
    struct ctl_preview_value *found = value == NULL ? NULL : find_value(preview, value);

    if (found != NULL)
        found->host_count++;
}

static void count_values(struct ctl_preview *preview, const json_t *by_id)
{
    const char *id;
    json_t *ignored;

    for (uint32_t i = 0; i < preview->host_count; i++) {
        /* Of a retry these are among those that the plan means; who may not be meant does not count. */
        if (preview->meant == NULL &&
            strcmp(preview->hosts[i].code, CTL_PREVIEW_PACKAGES_UNKNOWN) != 0)
            count_value(preview, by_id, preview->hosts[i].id);
    }
    json_object_foreach (preview->meant, id, ignored)
        count_value(preview, by_id, id);
    for (uint32_t i = 0; i < preview->target_count; i++) {
        const char *value = json_string_value(json_object_get(by_id, preview->hosts[i].id));
        struct ctl_preview_value *found = value == NULL ? NULL : find_value(preview, value);

        if (found == NULL)
            continue;
        found->target_count++;
        preview->hosts[i].value = (uint32_t)(found - preview->values) + 1;
    }
}

int ctl_preview_find_values(const struct ctl_plan *plan, struct ctl_preview *preview,
                            struct bl_error *err)
{
    CTL_AUTO_JSON *by_id = NULL;
    int r;

    preview->value_count = 0;
    if (plan->spread == NULL)
        return 0;
    by_id = values_by_id(plan, preview);
    if (by_id == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the preview");
    r = add_values(plan, preview, by_id, err);
    if (r >= 0)
        count_values(preview, by_id);

    return r;
}

/* ---- places ---- */

static struct proto_place *make_places(const struct ctl_preview *preview, struct bl_error *err)
{
    struct proto_place *places = calloc(preview->target_count + 1, sizeof(*places));

    if (places == NULL) {
        (void)bl_fail(err, -ENOMEM, "out of memory for the preview");
        return NULL;
    }
    for (uint32_t i = 0; i < preview->target_count; i++) {
        memcpy(places[i].host_id, preview->hosts[i].host_id, PROTO_HOST_ID_BYTES);
        places[i].value = preview->hosts[i].value;
        places[i].wave = preview->hosts[i].wave;
        places[i].index = i;
    }

    return places;
}

int ctl_preview_find_places(struct ctl_preview *preview, struct bl_error *err)
{
    BL_AUTO_FREE struct proto_place *places = make_places(preview, err);

    if (places == NULL)
        return -ENOMEM;
    proto_places_sort(places, preview->target_count, preview->rollout_id);
    for (uint32_t i = 0; i < preview->target_count; i++)
        preview->hosts[places[i].index].place = i;

    return 0;
}

int ctl_preview_check_spread(const struct ctl_plan *plan, const struct ctl_preview *preview,
                             struct bl_error *err)
{
    BL_AUTO_FREE struct proto_place *places = NULL;
    BL_AUTO_FREE uint8_t *hosts = NULL;
    struct proto_policy_value values[PROTO_POLICY_VALUES_MAX];
    struct proto_policy_spread spread;
    const struct proto_policy policy = {.spread = &spread,
                                        .spread_count = preview->value_count > 0 ? 1 : 0,
                                        .waves_count = preview->wave_count,
                                        .budget = ctl_plan_budget(plan, preview->target_count)};
    int r;

    places = make_places(preview, err);
    if (places == NULL)
        return -ENOMEM;
    r = ctl_preview_put_spread(plan, preview, &spread, values, &hosts, err);

    return r < 0 ? r : proto_places_check_spread(places, preview->target_count, &policy, err);
}

/* ---- what is signed ---- */

static int compare_ids(const void *a, const void *b)
{
    return memcmp(((const struct proto_place *)a)->host_id,
                  ((const struct proto_place *)b)->host_id, PROTO_HOST_ID_BYTES);
}

int ctl_preview_put_spread(const struct ctl_plan *plan, const struct ctl_preview *preview,
                           struct proto_policy_spread *ret_spread,
                           struct proto_policy_value ret_values[PROTO_POLICY_VALUES_MAX],
                           uint8_t **ret_hosts, struct bl_error *err)
{
    BL_AUTO_FREE struct proto_place *places = NULL;
    uint8_t *hosts;

    *ret_hosts = NULL;
    if (preview->value_count == 0)
        return 0;
    places = make_places(preview, err);
    hosts = calloc(preview->target_count, 1);
    if (places == NULL || hosts == NULL) {
        free(hosts);
        return bl_fail(err, -ENOMEM, "out of memory for the preview");
    }
    qsort(places, preview->target_count, sizeof(*places), compare_ids);
    for (uint32_t i = 0; i < preview->target_count; i++)
        hosts[i] = (uint8_t)places[i].value;
    for (uint32_t i = 0; i < preview->value_count; i++)
        ret_values[i] = (struct proto_policy_value){.value = preview->values[i].value,
                                                    .hosts_count = preview->values[i].host_count};
    *ret_spread = (struct proto_policy_spread){.label = plan->spread,
                                               .values = ret_values,
                                               .values_count = preview->value_count,
                                               .hosts = {hosts, preview->target_count}};
    *ret_hosts = hosts;

    return 0;
}

/* ---- for people ---- */

json_t *ctl_preview_spread_of(const struct ctl_preview *preview, uint32_t wave)
{
    uint32_t counts[PROTO_POLICY_VALUES_MAX + 1] = {0};
    json_t *spread;

    if (preview->value_count == 0)
        return NULL;
    spread = json_object();
    for (uint32_t i = 0; i < preview->target_count; i++)
        counts[preview->hosts[i].value] += preview->hosts[i].wave == wave ? 1 : 0;
    for (uint32_t i = 0; i < preview->value_count; i++)
        (void)json_object_set_new(spread, preview->values[i].value, json_integer(counts[i + 1]));
    if (counts[0] > 0)
        (void)json_object_set_new(spread, "", json_integer(counts[0]));

    return spread;
}
