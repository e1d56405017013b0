/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/way_backs.h"

#include <string.h>

#include "common/text.h"

static uint32_t state_of(const char *code)
{
    if (strcmp(code, "snapshot_lost") == 0)
        return PROTO_WAY_BACK_LOST;

    return strcmp(code, "snapshot_nearly_full") == 0 ? PROTO_WAY_BACK_NEARLY_LOST : 0;
}

bool agent_way_back_judge(const struct agent_txn_result *found, struct agent_way_back *ret_is)
{
    *ret_is = (struct agent_way_back){0};
    for (uint32_t i = 0; i < found->findings_count; i++) {
        const uint32_t state = state_of(found->findings[i].code);

        if (state > ret_is->state) {
            ret_is->state = state;
            bl_text_copy(ret_is->reason, sizeof(ret_is->reason), found->findings[i].reason);
        }
    }

    return ret_is->state != 0;
}

void agent_way_backs_add(struct agent_way_backs *way_backs, const struct agent_way_back *is)
{
    uint32_t place = way_backs->count;

    while (place > 0 && way_backs->items[place - 1].state < is->state)
        place--;
    if (place == PROTO_WAY_BACKS_MAX)
        return;
    if (way_backs->count < PROTO_WAY_BACKS_MAX)
        way_backs->count++;
    memmove(&way_backs->items[place + 1], &way_backs->items[place],
            (way_backs->count - 1 - place) * sizeof(*is));
    way_backs->items[place] = *is;
}
