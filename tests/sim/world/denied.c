/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/denied.h"

#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "tests/sim/world/belayd.h"
#include "tests/sim/world/world.h"

enum {
    LIFTED_MAX = 256,
};

static struct {
    char package[PROTO_NAME_BYTES_MAX];
    char rollout[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    bool known;
} lifted[LIFTED_MAX];
static uint32_t lifted_count;

void sim_denied_open(void)
{
    lifted_count = 0;
}

static bool is_on(const json_t *list, const char *rollout)
{
    const json_t *row;
    size_t i;

    json_array_foreach (json_object_get(list, "denied"), i, row) {
        const char *id = json_string_value(json_object_get(row, "rollout"));

        /* Or a person denied it before. */
        if (id == NULL || strcmp(id, rollout) == 0)
            return true;
    }

    return false;
}

static bool is_lifted(const char *rollout)
{
    for (uint32_t i = 0; i < lifted_count; i++) {
        if (strcmp(lifted[i].rollout, rollout) == 0)
            return true;
    }

    return false;
}

/* This row was there before, and belayd said that it is no more. */
static bool is_surely_lifted(const json_t *row)
{
    const char *package = json_string_value(json_object_get(row, "package"));
    const char *rollout = json_string_value(json_object_get(row, "rollout"));

    for (uint32_t i = 0; package != NULL && rollout != NULL && i < lifted_count; i++) {
        if (lifted[i].known && strcmp(lifted[i].rollout, rollout) == 0 &&
            strcmp(lifted[i].package, package) == 0)
            return true;
    }

    return false;
}

/* It went back or stopped, and a host that is back again had begun its package run. */
static bool took_back(const struct ctl_run *run)
{
    const struct ctl_rollout *rollout = &run->rollout;

    if (rollout->state != CTL_ROLLOUT_ROLLED_BACK &&
        rollout->state != CTL_ROLLOUT_ROLLBACK_INCOMPLETE &&
        (rollout->state != CTL_ROLLOUT_HALTED || rollout->aborted))
        return false;
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        if (run->hosts[i].state == CTL_HOST_REVERTED && run->members[i].upgraded)
            return true;
    }

    return false;
}

bool sim_denied_look(const json_t *list)
{
    const struct ctl_engine *engine = sim_belayd_engine();
    const json_t *row;
    size_t place;

    if (list == NULL || engine == NULL)
        return false;
    for (uint32_t i = 0; i < engine->run_count; i++) {
        char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];

        bl_hex_encode(engine->runs[i]->id, PROTO_ROLLOUT_ID_BYTES, id);
        SIM_LAW(!took_back(engine->runs[i]) || is_on(list, id) || is_lifted(id),
                "rollout %s took versions back, and they are not denied", id);
    }
    json_array_foreach (json_object_get(list, "denied"), place, row)
        SIM_LAW(!is_surely_lifted(row), "a version that was lifted is denied again by %s",
                json_string_value(json_object_get(row, "rollout")));

    return json_array_size(json_object_get(list, "denied")) > 0;
}

void sim_denied_lifted(const json_t *row, bool known)
{
    const char *package = json_string_value(json_object_get(row, "package"));
    const char *rollout = json_string_value(json_object_get(row, "rollout"));

    if (package == NULL || rollout == NULL || lifted_count == LIFTED_MAX)
        return;
    bl_text_copy(lifted[lifted_count].package, sizeof(lifted[0].package), package);
    bl_text_copy(lifted[lifted_count].rollout, sizeof(lifted[0].rollout), rollout);
    lifted[lifted_count++].known = known;
}
