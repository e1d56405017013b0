/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/root/trust.h"
#include "common/text.h"

/* Who takes over the controller may send what it likes: the former roots' signatures count. */
int agent_trust_hear(const struct agent_host *host, const struct proto_bytes *file,
                     struct agent_refusal_bucket *refusals, struct bl_error *err)
{
    struct agent_journal_row row = {.wall_ms = bl_wall_now().ms,
                                    .mono_ms = bl_mono_now().ms,
                                    .boot_id = host->boot_id,
                                    .what = "trust",
                                    .who = "controller",
                                    .code = "taken",
                                    .reason = ""};
    struct bl_error why = {0};
    char reason[sizeof(why.text)];
    uint64_t version = 0;
    int r;

    if (agent_trust_take(host->config_dir, host->state_dir, file->data, file->size_bytes, &version,
                         &why) >= 0) {
        (void)snprintf(reason, sizeof(reason), "version %llu", (unsigned long long)version);
        sd_journal_print(LOG_NOTICE, "Trust file version %llu decides from now on.",
                         (unsigned long long)version);
    } else if (agent_refusal_may_tell(refusals, bl_mono_now())) {
        row.code = "refused";
        /* It may hold words of a file that nobody signed. */
        bl_text_escape(reason, sizeof(reason), why.text, strlen(why.text));
        sd_journal_print(LOG_WARNING, "A trust file was refused: %s", reason);
    } else {
        return 0;
    }
    row.reason = reason;
    r = agent_journal_note(host->journal, &row, err);

    return r < 0 ? r : 1;
}
