/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/core/promise.h"

#include <stddef.h>

#include "common/check.h"
#include "controller/core/rollout_host.h"

const char *ctl_promise_name(enum ctl_promise promise)
{
    static const char *const names[] = {
        [CTL_PROMISE_DOWNTIME] = "downtime",
        [CTL_PROMISE_ROLLBACK_STARTS] = "rollback_starts",
        [CTL_PROMISE_RESTORED] = "restored",
    };

    return names[promise];
}

const char *ctl_promise_state_name(enum ctl_promise_state state)
{
    static const char *const names[] = {
        [CTL_PROMISE_NOT_MADE] = "not_made", [CTL_PROMISE_IDLE] = "idle",
        [CTL_PROMISE_RUNNING] = "running",   [CTL_PROMISE_WARNING] = "warning",
        [CTL_PROMISE_MISSED] = "missed",     [CTL_PROMISE_KEPT] = "kept",
    };

    return names[state];
}

void ctl_promises_init(struct ctl_promises *promises, const int64_t allowed_ms[CTL_PROMISE_COUNT],
                       struct ctl_promise_host *hosts, uint32_t host_count)
{
    *promises = (struct ctl_promises){.hosts = hosts};
    for (uint32_t i = 0; i < CTL_PROMISE_COUNT; i++)
        promises->clocks[i].allowed_ms = allowed_ms[i];
    for (uint32_t i = 0; i < host_count; i++)
        hosts[i] = (struct ctl_promise_host){0};
}

/* It does not serve, or nobody can tell. Whose START is held back has nothing to be down for. */
static bool is_down(const struct ctl_rollout_host *host)
{
    return host->touched && !host->start_owed &&
           (host->state == CTL_HOST_RUNNING || host->state == CTL_HOST_REVERTING ||
            host->state == CTL_HOST_REVERT_FAILED || host->state == CTL_HOST_LOST);
}

static bool is_bad(const struct ctl_rollout_host *host)
{
    return host->touched && (host->failed || host->revert_wanted) && !ctl_host_is_back(host);
}

static bool is_on_its_way(const struct ctl_rollout_host *host)
{
    return host->revert_wanted || host->state == CTL_HOST_REVERTING ||
           host->state == CTL_HOST_REVERT_FAILED;
}

static void count(uint32_t *sum, bool *was, bool is)
{
    *sum += is ? 1 : 0;
    *sum -= *was ? 1 : 0;
    *was = is;
}

static void note_host(struct ctl_promises *promises, const struct ctl_rollout *rollout,
                      uint32_t index)
{
    const struct ctl_rollout_host *host = &rollout->hosts[index];
    struct ctl_promise_host *kept = &promises->hosts[index];
    struct ctl_promise_clock *clock = &promises->clocks[CTL_PROMISE_DOWNTIME];
    bool bad = is_bad(host), down = is_down(host);

    if (down && !kept->is_down) {
        kept->down_since_ms = promises->run_ms;
        clock->ran = true;
    } else if (!down && kept->is_down) {
        kept->down_ms += promises->run_ms - kept->down_since_ms;
        if (kept->down_ms > clock->worst_ms)
            clock->worst_ms = kept->down_ms;
    }
    count(&promises->down_count, &kept->is_down, down);
    count(&promises->bad_count, &kept->is_bad, bad);
    count(&promises->waiting_count, &kept->is_waiting, bad && !is_on_its_way(host));
}

static void run(struct ctl_promise_clock *clock, bool runs, int64_t run_ms)
{
    if (runs && !clock->runs) {
        clock->since_ms = run_ms;
        clock->ran = true;
    } else if (!runs && clock->runs) {
        int64_t took_ms = run_ms - clock->since_ms;

        if (took_ms > clock->worst_ms)
            clock->worst_ms = took_ms;
    }
    clock->runs = runs;
}

void ctl_promises_note(struct ctl_promises *promises, const struct ctl_rollout *rollout,
                       const struct ctl_rollout_event *event,
                       const struct ctl_rollout_effects *effects)
{
    const struct ctl_moment now = ctl_moment_of(event);
    struct ctl_promise_clock *starts = &promises->clocks[CTL_PROMISE_ROLLBACK_STARTS];
    struct ctl_promise_clock *restored = &promises->clocks[CTL_PROMISE_RESTORED];
    /* Who waits for the traffic is not on the way back either. */
    bool is_asked = rollout->alarm.is_open || rollout->alarm.waits;
    bool is_bad_now;

    promises->run_ms += ctl_moment_between_ms(&promises->last, &now);
    promises->last = now;
    if (event->host < rollout->host_count)
        note_host(promises, rollout, event->host);
    for (uint32_t i = 0; i < effects->count; i++) {
        if (effects->list[i].type == CTL_ROLLOUT_CHANGED &&
            effects->list[i].host < rollout->host_count)
            note_host(promises, rollout, effects->list[i].host);
    }

    is_bad_now = promises->bad_count > 0 || is_asked || rollout->state == CTL_ROLLOUT_ROLLING_BACK;
    /* Who goes back in the very report that tells the fault has started in no time. */
    if (is_bad_now && !restored->runs)
        starts->ran = true;
    run(starts, promises->waiting_count > 0 || is_asked, promises->run_ms);
    run(restored, is_bad_now, promises->run_ms);
}

static int64_t worst_downtime_ms(const struct ctl_promises *promises,
                                 const struct ctl_rollout *rollout, int64_t run_ms)
{
    int64_t worst_ms = promises->clocks[CTL_PROMISE_DOWNTIME].worst_ms;

    for (uint32_t i = 0; promises->down_count > 0 && i < rollout->host_count; i++) {
        const struct ctl_promise_host *host = &promises->hosts[i];
        int64_t down_ms = host->down_ms;

        if (host->is_down)
            down_ms += run_ms - host->down_since_ms;
        if (down_ms > worst_ms)
            worst_ms = down_ms;
    }

    return worst_ms;
}

int64_t ctl_promise_used_ms(const struct ctl_promises *promises, const struct ctl_rollout *rollout,
                            enum ctl_promise promise, const struct ctl_moment *now)
{
    const struct ctl_promise_clock *clock = &promises->clocks[promise];
    int64_t run_ms = promises->run_ms + ctl_moment_between_ms(&promises->last, now);
    int64_t used_ms = clock->runs ? run_ms - clock->since_ms : 0;

    if (promise == CTL_PROMISE_DOWNTIME)
        return worst_downtime_ms(promises, rollout, run_ms);

    return used_ms > clock->worst_ms ? used_ms : clock->worst_ms;
}

enum ctl_promise_state ctl_promise_state(const struct ctl_promises *promises,
                                         const struct ctl_rollout *rollout,
                                         enum ctl_promise promise, const struct ctl_moment *now)
{
    const struct ctl_promise_clock *clock = &promises->clocks[promise];
    int64_t used_ms = ctl_promise_used_ms(promises, rollout, promise, now);
    bool runs = promise == CTL_PROMISE_DOWNTIME ? promises->down_count > 0 : clock->runs;

    if (clock->allowed_ms == 0)
        return CTL_PROMISE_NOT_MADE;
    if (used_ms > clock->allowed_ms)
        return CTL_PROMISE_MISSED;
    if (runs && used_ms >= clock->allowed_ms / 100 * CTL_PROMISE_WARNING_PERCENT)
        return CTL_PROMISE_WARNING;
    if (!clock->ran)
        return CTL_PROMISE_IDLE;

    return ctl_rollout_is_final(rollout) && !runs ? CTL_PROMISE_KEPT : CTL_PROMISE_RUNNING;
}
