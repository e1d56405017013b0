/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/preview.h"
#include "controller/outside/blast.h"

/* The labels of each host of `hosts` that `ids` has as a key; NULL: of all. */
static json_t *labels_of(const json_t *hosts, const json_t *ids)
{
    json_t *list = json_array();
    const json_t *host;
    size_t i;

    json_array_foreach (hosts, i, host) {
        if (ids == NULL || json_object_get(ids, ctl_json_text(host, "id")) != NULL)
            (void)json_array_append(list, json_object_get(host, "labels"));
    }

    return list;
}

json_t *ctl_preview_blast(const struct ctl_preview *preview, uint32_t wave)
{
    CTL_AUTO_JSON *ids = json_object(), *touched = NULL, *fleet = NULL;
    json_t *blast;

    for (uint32_t i = 0; i < preview->target_count; i++) {
        if (preview->hosts[i].wave == wave)
            (void)json_object_set_new(ids, preview->hosts[i].id, json_true());
    }
    touched = labels_of(preview->fleet, ids);
    fleet = labels_of(preview->fleet, NULL);

    blast = ctl_blast_make(touched, fleet, preview->waves[wave].failures_allowed);
    if (blast != NULL && preview->standby_count > 0)
        (void)json_object_set_new(blast, "text",
                                  json_sprintf("%s; %u standby", ctl_json_text(blast, "text"),
                                               (unsigned)preview->standby_count));

    return blast;
}
