/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/text.h"
#include "common/yaml.h"
#include "controller/cli/preview.h"
#include "controller/select/select.h"

/*
 * A label that no host has is no mistake by itself: one may exclude those in quarantine while there
 * are none. One letter beside a label or a fact that hosts do have, it is taken for a slip of the
 * pen: in an exclusion or a negation it would mean the very hosts that were to be left alone.
 */
static int check_expression(const struct ctl_plan *plan, const char *field, const char *text,
                            json_t *labels, struct bl_error *err)
{
    const struct bl_yaml_node *hosts = bl_yaml_find(plan->yaml->root, "hosts");
    BL_AUTO_FREE struct ctl_select *select = malloc(sizeof(*select));
    BL_AUTO_FREE const char **names =
        calloc(json_object_size(labels) + CTL_SELECT_FACT_LAST + 1, sizeof(*names));
    const char *label;
    uint32_t cursor = 0;
    size_t names_count = 0;
    json_t *ignored;
    int r;

    if (select == NULL || names == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the preview");
    r = ctl_select_parse(text, select, err);
    if (r < 0)
        return bl_wrap(err, "hosts.%s", field);
    json_object_foreach (labels, label, ignored)
        names[names_count++] = label;
    for (uint32_t fact = 1; fact <= CTL_SELECT_FACT_LAST; fact++)
        names[names_count++] = ctl_select_fact_name(fact);
    while ((label = ctl_select_next_bare_label(select, &cursor)) != NULL) {
        const char *meant = json_object_get(labels, label) != NULL
                                ? NULL
                                : bl_text_nearest(label, names, names_count);

        if (meant != NULL)
            return bl_yaml_fail(plan->yaml, bl_yaml_find(hosts, field), err,
                                "no host has the label '%.64s'; did you mean '%.64s'? "
                                "'label.%.64s' says that no other is meant",
                                label, meant, label);
    }

    return 0;
}

int ctl_preview_check_labels(const struct ctl_plan *plan, const json_t *hosts, struct bl_error *err)
{
    CTL_AUTO_JSON *labels = json_object();
    const json_t *host;
    size_t i;
    int r = 0;

    if (labels == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the preview");
    json_array_foreach (hosts, i, host)
        (void)json_object_update(labels, json_object_get(host, "labels"));
    if (plan->hosts.expression != NULL)
        r = check_expression(plan, "match", plan->hosts.expression, labels, err);
    if (r >= 0 && plan->hosts.exclude_expression != NULL)
        r = check_expression(plan, "exclude", plan->hosts.exclude_expression, labels, err);
    if (r >= 0 && plan->hosts.standby_expression != NULL)
        r = check_expression(plan, "standby", plan->hosts.standby_expression, labels, err);

    return r;
}
