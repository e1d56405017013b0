/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "controller/daemon/freeze.h"
#include "controller/daemon/verbs.h"

/* freeze, unfreeze */

enum {
    DETAIL_BYTES = sizeof(((struct ctl_store_freeze *)0)->reason) + BL_WALL_TEXT_BYTES + 16,
};

#define UNTIL_MS_MAX (INT64_C(366) * 24 * 3600 * 1000)

static void reply(struct ctl_call *call)
{
    ctl_reply(call, json_pack("{s:o}", "freeze", ctl_freeze_view(call->engine)));
}

void ctl_verb_freeze(struct ctl_call *call)
{
    struct ctl_store_freeze freeze = {.is_set = true, .since = bl_wall_now(), .uid = call->uid};
    char detail[DETAIL_BYTES], until[BL_WALL_TEXT_BYTES] = "unfreeze";
    struct bl_error err = {0};
    int64_t for_ms = 0;
    const char *reason;

    if (!ctl_call_text(call, "reason", "", &reason) ||
        !ctl_call_int(call, "for_ms", 0, UNTIL_MS_MAX, &for_ms))
        return;
    if (strlen(reason) >= sizeof(freeze.reason) || !bl_text_is_clean(reason, strlen(reason))) {
        ctl_refuse(call, "bad_request", "", "'reason' is a sentence of at most %d bytes",
                   (int)sizeof(freeze.reason) - 1);
        return;
    }
    bl_text_copy(freeze.reason, sizeof(freeze.reason), reason);
    if (for_ms > 0)
        freeze.until.ms = freeze.since.ms + for_ms;
    if (for_ms > 0)
        bl_wall_to_text(freeze.until, until);
    (void)snprintf(detail, sizeof(detail), "until %s%s%s", until, reason[0] != '\0' ? ": " : "",
                   freeze.reason);
    if (ctl_freeze_set(call->engine, &freeze, &err) < 0)
        ctl_reply_failure(call, &err);
    else if (ctl_call_audit(call, "freeze", "", detail))
        reply(call);
}

void ctl_verb_unfreeze(struct ctl_call *call)
{
    const struct ctl_store_freeze none = {0};
    struct bl_error err = {0};

    if (ctl_freeze_set(call->engine, &none, &err) < 0)
        ctl_reply_failure(call, &err);
    else if (ctl_call_audit(call, "unfreeze", "", ""))
        reply(call);
}
