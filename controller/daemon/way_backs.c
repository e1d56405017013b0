/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/way_backs.h"

#include <errno.h>
#include <string.h>

#include "common/hex.h"
#include "controller/outside/json.h"

static json_t *find(const json_t *list, const char *rollout)
{
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        if (strcmp(ctl_json_text(item, "rollout"), rollout) == 0)
            return item;
    }

    return NULL;
}

/* A list of the host's own words plus what was known before is bounded by what it says anew. */
static json_t *merge(const json_t *known, json_t *said)
{
    json_t *item;
    size_t i;

    json_array_foreach (known, i, item) {
        if (json_array_size(said) < PROTO_WAY_BACKS_MAX &&
            find(said, ctl_json_text(item, "rollout")) == NULL &&
            json_array_append(said, item) < 0) {
            json_decref(said);
            return NULL;
        }
    }

    return said;
}

int ctl_way_backs_take(struct ctl_fleet_host *host, const struct proto_figures *said,
                       struct bl_error *err)
{
    json_t *list = NULL;

    if (said->way_backs_count > 0 || (!said->way_backs_known && host->way_backs != NULL)) {
        list = json_array();
        for (uint32_t i = 0; list != NULL && i < said->way_backs_count; i++) {
            const struct proto_way_back *is = &said->way_backs[i];
            char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];

            bl_hex_encode(is->rollout_id, sizeof(is->rollout_id), id);
            if (json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "rollout", id, "state",
                                                      proto_way_back_state_name(is->state),
                                                      "reason", is->reason)) < 0) {
                json_decref(list);
                list = NULL;
            }
        }
        if (list != NULL && !said->way_backs_known)
            list = merge(host->way_backs, list);
        if (list == NULL)
            return bl_fail(err, -ENOMEM, "no memory for what '%s' says of its ways back",
                           host->name);
    }
    json_decref(host->way_backs);
    host->way_backs = list;

    return 0;
}

json_t *ctl_way_backs_view(const struct ctl_fleet_host *host)
{
    return host->way_backs != NULL ? json_incref(host->way_backs) : json_array();
}

json_t *ctl_way_back_view(const struct ctl_fleet_host *host,
                          const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    json_t *found;

    if (host->way_backs == NULL)
        return json_null();
    bl_hex_encode(rollout_id, PROTO_ROLLOUT_ID_BYTES, id);
    found = find(host->way_backs, id);

    return found != NULL ? json_incref(found) : json_null();
}
