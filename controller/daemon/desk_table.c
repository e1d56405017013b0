/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/desk_table.h"

#include <errno.h>
#include <string.h>

#include "common/hex.h"

enum {
    TIME_COSTS = 3,        /* so many times as long as it held up the loop: hosts come first */
    PREFIX_DIGITS_MIN = 8, /* as of hosts: fewer would be guessed too easily */
};

static int take_row(void *userdata, const struct ctl_store_desk *row, struct bl_error *err)
{
    struct ctl_desks *desks = userdata;

    if (desks->count == CTL_DESKS_MAX)
        return bl_fail(err, -EUCLEAN, "the store has more than %d desks", CTL_DESKS_MAX);
    desks->list[desks->count++] = (struct ctl_desk){.row = *row};

    return 0;
}

int ctl_desks_load(struct ctl_desks *desks, struct ctl_store *store, struct bl_error *err)
{
    desks->count = 0;

    return ctl_store_each_desk(store, take_row, desks, err);
}

bool ctl_desk_is_admitted(const struct ctl_desk *desk)
{
    return desk != NULL && desk->row.revoked.ms == 0;
}

struct ctl_desk *ctl_desks_find(struct ctl_desks *desks, const uint8_t id[CTL_DESK_ID_BYTES])
{
    for (uint32_t i = 0; i < desks->count; i++) {
        if (memcmp(desks->list[i].row.id, id, CTL_DESK_ID_BYTES) == 0)
            return &desks->list[i];
    }

    return NULL;
}

struct ctl_desk *ctl_desks_named(struct ctl_desks *desks, const char *text)
{
    const size_t text_bytes = strlen(text);
    struct ctl_desk *found = NULL;

    for (uint32_t i = 0; i < desks->count; i++) {
        struct ctl_desk *desk = &desks->list[i];
        char id[BL_HEX_BYTES(CTL_DESK_ID_BYTES)];

        if (ctl_desk_is_admitted(desk) && strcmp(desk->row.name, text) == 0)
            return desk;
        bl_hex_encode(desk->row.id, sizeof(desk->row.id), id);
        if (text_bytes < PREFIX_DIGITS_MIN || strncmp(id, text, text_bytes) != 0)
            continue;
        if (found != NULL)
            return NULL;
        found = desk;
    }

    return found;
}

struct ctl_desk *ctl_desks_admit(struct ctl_desks *desks, struct ctl_store *store,
                                 const struct ctl_store_desk *row, struct bl_error *err)
{
    if (desks->count == CTL_DESKS_MAX) {
        (void)bl_fail(err, -ENOSPC, "there are %d desks, revoked ones included", CTL_DESKS_MAX);
        return NULL;
    }
    if (ctl_store_save_desk(store, row, err) < 0)
        return NULL;
    desks->list[desks->count] = (struct ctl_desk){.row = *row};

    return &desks->list[desks->count++];
}

bool ctl_desk_may_ask(struct ctl_desk *desk, struct bl_mono now)
{
    const int64_t from_ms = desk->paid_until_ms > now.ms ? desk->paid_until_ms : now.ms;
    const int64_t until_ms = from_ms + CTL_DESK_REQUEST_EVERY_MS;

    if (until_ms - now.ms > (int64_t)CTL_DESK_REQUESTS_AT_ONCE * CTL_DESK_REQUEST_EVERY_MS)
        return false;
    desk->paid_until_ms = until_ms;

    return true;
}

void ctl_desk_pay(struct ctl_desk *desk, struct bl_mono now, int64_t took_ms)
{
    if (desk->paid_until_ms < now.ms)
        desk->paid_until_ms = now.ms;
    desk->paid_until_ms += TIME_COSTS * took_ms;
}
