/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/run_people.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/log.h"

uint64_t ctl_run_person(const char *name)
{
    uint8_t hash[PROTO_HASH_BYTES];
    uint64_t person;

    (void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)name, strlen(name), NULL, 0);
    memcpy(&person, hash, sizeof(person));

    return person;
}

int ctl_run_add_approval(struct ctl_run *run, const struct ctl_store_approval *stored,
                         struct bl_error *err)
{
    struct ctl_run_approval *list =
        reallocarray(run->approvals, (size_t)run->approvals_count + 1, sizeof(*list));
    struct ctl_run_approval *kept;
    struct proto_approval approval;
    uint8_t key[PROTO_KEY_BYTES];
    int r;

    if (list == NULL)
        return bl_fail(err, -ENOMEM, "approvals: no memory");
    run->approvals = list;
    r = proto_approval_open(stored->file.data, stored->file.size_bytes, &approval, key, err);
    if (r < 0)
        return ctl_run_damaged("an approval", err);
    kept = &list[run->approvals_count++];
    *kept = (struct ctl_run_approval){
        .about = approval.about,
        .number = (uint32_t)approval.number,
        .given = {approval.given_ms},
        .not_after = {approval.not_after_ms},
        .received = stored->received,
    };
    bl_text_copy(kept->person, sizeof(kept->person), stored->person);

    return 0;
}

struct approval_walk {
    struct ctl_run *run;
};

static int take_approval(void *userdata, const struct ctl_store_approval *stored,
                         struct bl_error *err)
{
    return ctl_run_add_approval(((struct approval_walk *)userdata)->run, stored, err);
}

int ctl_run_load_approvals(struct ctl_run *run, struct ctl_store *store, struct bl_error *err)
{
    struct approval_walk walk = {.run = run};

    return ctl_store_each_approval(store, run->id, take_approval, &walk, err);
}

void ctl_run_free_approvals(struct ctl_run *run)
{
    free(run->approvals);
    free(run->promise_hosts);
}

int ctl_run_begin_promises(struct ctl_run *run, struct bl_error *err)
{
    const int64_t allowed_ms[CTL_PROMISE_COUNT] = {
        [CTL_PROMISE_DOWNTIME] = (int64_t)run->policy.downtime_ms,
        [CTL_PROMISE_ROLLBACK_STARTS] = (int64_t)run->policy.rollback_starts_ms,
        [CTL_PROMISE_RESTORED] = (int64_t)run->policy.restored_ms,
    };

    run->promise_hosts = calloc(run->rollout.host_count, sizeof(*run->promise_hosts));
    if (run->promise_hosts == NULL)
        return bl_fail(err, -ENOMEM, "promises: no memory");
    ctl_promises_init(&run->promises, allowed_ms, run->promise_hosts, run->rollout.host_count);

    return 0;
}

struct ctl_moment ctl_run_now(const struct ctl_run *run)
{
    return (struct ctl_moment){.now = bl_mono_now(), .wall = bl_wall_now(), .boot = run->boot};
}

bool ctl_run_watch_promises(struct ctl_run *run)
{
    const struct ctl_moment now = ctl_run_now(run);
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    bool is_news = false;

    for (uint32_t i = 0; i < CTL_PROMISE_COUNT; i++) {
        enum ctl_promise promise = (enum ctl_promise)i;
        uint32_t state = ctl_promise_state(&run->promises, &run->rollout, promise, &now);

        /* Before the first look nothing was told; a warning that is over is told again next time. */
        if (state == run->promises_told[i])
            continue;
        run->promises_told[i] = state;
        if (state != CTL_PROMISE_WARNING && state != CTL_PROMISE_MISSED)
            continue;
        is_news = true;
        bl_hex_encode(run->id, sizeof(run->id), id);
        ctl_log(CTL_LOG_WARNING, "rollout %s: promise '%s' %s: %" PRId64 " s of %" PRId64 " s", id,
                ctl_promise_name(promise),
                state == CTL_PROMISE_MISSED ? "is missed" : "is about to be missed",
                ctl_promise_used_ms(&run->promises, &run->rollout, promise, &now) / 1000,
                run->promises.clocks[i].allowed_ms / 1000);
    }
    run->changed = run->changed || is_news;

    return is_news;
}
