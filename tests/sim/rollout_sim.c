/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a rollout against a made-up fleet. The fault model: belayd dies before it stored an event or
 * between any two effects, and comes back by replaying what it stored; hosts go offline, lose the
 * orders sent meanwhile, keep their reports, come back late or never; they refuse, block, fail in
 * every grade, can't go back; their disks are put back to snapshots; reports come twice; some hosts report nonsense. People pause, resume,
 * abort and roll back at any time.
 *
 * Rules are checked at the moment an order leaves, against what was observed in the made-up world.
 */
#include <string.h>

#include "tests/sim/rollout_world.h"

/* --- the controller's process --- */

static void note_stored(struct world *w, const struct ctl_rollout_event *event)
{
    if (event->type == CTL_ROLLOUT_PAUSE || event->type == CTL_ROLLOUT_RESUME)
        w->is_paused = event->type == CTL_ROLLOUT_PAUSE;
    if (event->type == CTL_ROLLOUT_FREEZE) {
        w->is_frozen = event->yes;
        w->frozen_until_ms = event->until.ms;
    }
    if (event->type == CTL_ROLLOUT_ABORT)
        w->is_stopped = true;
    if (event->type == CTL_ROLLOUT_ROLLBACK && event->host == CTL_ROLLOUT_ALL)
        w->is_stopped = true;
    if (event->type == CTL_ROLLOUT_APPROVE &&
        w->approved_until_ms[event->wave][event->nonce] < event->until.ms &&
        event->until.ms > world_wall_ms(w))
        w->approved_until_ms[event->wave][event->nonce] = event->until.ms;
    if (event->type == CTL_ROLLOUT_ROLLBACK) {
        for (uint32_t i = 0; i < w->host_count; i++) {
            bool in_scope =
                event->host == CTL_ROLLOUT_ALL
                    ? event->wave == CTL_ROLLOUT_ALL || w->live_hosts[i].wave == event->wave
                    : event->host == i;

            if (in_scope)
                w->hosts[i].was_told_back = true;
        }
    }
}

static void deliver(struct world *w, struct ctl_rollout_event event);

static const int64_t allowed_ms[CTL_PROMISE_COUNT] = {3600000, 3600000, 3600000};

static void replay(struct world *w)
{
    struct ctl_rollout_effect list[EFFECTS_MAX];
    struct ctl_rollout_effects effects = {.capacity = EFFECTS_MAX, .list = list};

    for (uint32_t i = 0; i < w->host_count; i++)
        w->replayed_hosts[i].wave = w->live_hosts[i].wave;
    ctl_rollout_init(&w->replayed, &w->limits, w->waves, w->wave_count, w->replayed_hosts,
                     w->host_count);
    ctl_promises_init(&w->promises, allowed_ms, w->promise_hosts, w->host_count);
    for (uint32_t i = 0; i < w->stored_count; i++) {
        ctl_rollout_step(&w->replayed, &w->stored[i], &effects);
        ctl_promises_note(&w->promises, &w->replayed, &w->stored[i], &effects);
    }
    ctl_rollout_check(&w->replayed);
}

static void be_away(struct world *w, uint32_t most_ms)
{
    replay(w);
    memcpy(w->live_hosts, w->replayed_hosts, sizeof(w->live_hosts));
    w->live = w->replayed;
    w->live.hosts = w->live_hosts;
    w->wake_ms = SIM_NEVER;
    world_kill_hooks(w);
    w->now_ms += 1 + sim_below(&w->chance, most_ms);
    if (sim_percent(&w->chance, 50))
        world_boot(w);
    if (w->live.state == CTL_ROLLOUT_SOAKING)
        w->watched_ms = w->now_ms; /* nobody watched meanwhile */
    world_observe(w);
    if (w->stored_count == 0) {
        deliver(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_SUBMIT});
        return;
    }
    deliver(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_RESTART});
}

static void crash(struct world *w)
{
    be_away(w, AWAY_MS_MAX);
}

static bool is_struck(struct world *w)
{
    return !w->is_calm && sim_below(&w->chance, 150) == 0;
}

static void tell(const struct world *w, const struct ctl_rollout_event *event,
                 const struct ctl_rollout_effects *effects)
{
    if (!sim_is_told)
        return;

    (void)printf("%lld ms: event %d host %u job_state %u grade %u -> %s wave %u: %s\n",
                 (long long)w->now_ms, (int)event->type, event->host, event->job_state,
                 event->grade, ctl_rollout_state_name(w->live.state), w->live.wave, w->live.reason);
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct ctl_rollout_effect *effect = &effects->list[i];
        bool has_host = effect->host != CTL_ROLLOUT_ALL;

        (void)printf("    effect %d host %d %s\n", (int)effect->type, (int)effect->host,
                     has_host ? ctl_host_state_name(w->live_hosts[effect->host].state) : "");
    }
}

/* True once the event needs no repeating: it is stored, or it changed nothing. */
static bool take_event(struct world *w, struct ctl_rollout_event event)
{
    struct ctl_rollout_effect list[EFFECTS_MAX];
    struct ctl_rollout_effects effects = {.capacity = EFFECTS_MAX, .list = list};
    struct ctl_rollout_host hosts_before[HOSTS_MAX];
    struct ctl_rollout before = w->live;
    const struct ctl_moment now = world_moment(w);

    event.now = now.now;
    event.wall = now.wall;
    event.boot = now.boot;
    memcpy(hosts_before, w->live_hosts, sizeof(hosts_before));
    before.hosts = hosts_before;
    ctl_rollout_step(&w->live, &event, &effects);
    ctl_rollout_check(&w->live);
    tell(w, &event, &effects);
    (void)fflush(stdout);
    if (!effects.changed)
        world_check_same(w, &before, &w->live);
    if (is_struck(w)) {
        crash(w);
        return false;
    }

    if (effects.changed) {
        SIM_CHECK(&w->chance, w->stored_count < STORED_MAX);
        w->stored[w->stored_count++] = event;
        ctl_promises_note(&w->promises, &w->live, &event, &effects);
        w->is_clock_untold = false;
    }
    note_stored(w, &event);
    world_observe_clocks(w);
    world_observe_gates(w, &before, &event);
    world_observe_alarm(w, &before.alarm, &event);
    world_observe_hooks(w, &before, &event);
    /* When it is decided: the order itself may have to be repeated after they are over. */
    if (before.state == CTL_ROLLOUT_STAGING && w->live.state == CTL_ROLLOUT_RUNNING &&
        w->live.wave > 0)
        SIM_CHECK(&w->chance, world_count_approvals(w, w->live.wave) >= w->limits.approvals);
    if (event.type != CTL_ROLLOUT_RESTART) /* repeats what was ordered, host by host */
        world_check_order_of_reverts(w, &effects);
    world_observe(w);
    for (uint32_t i = 0; i < effects.count; i++) {
        if (effects.list[i].type == CTL_ROLLOUT_WAKE) {
            const int64_t wake_ms = effects.list[i].wake_at.ms + w->boot_ms;

            w->wake_ms = wake_ms < w->wake_ms ? wake_ms : w->wake_ms;
        }
        if (effects.list[i].host >= w->host_count && effects.list[i].type != CTL_ROLLOUT_CALL_HOOK)
            continue;
        if (is_struck(w)) {
            crash(w);
            return true;
        }
        if (effects.list[i].type == CTL_ROLLOUT_CALL_HOOK) {
            world_call_hook(w, &effects.list[i]);
            continue;
        }
        world_check_order(w, &effects.list[i]);
        world_host_send(w, &effects.list[i]);
    }

    return true;
}

bool world_deliver(struct world *w, struct ctl_rollout_event event)
{
    w->events++;
    if (w->events == CHAOS_EVENTS)
        w->is_calm = true;

    return take_event(w, event);
}

static void deliver(struct world *w, struct ctl_rollout_event event)
{
    (void)world_deliver(w, event);
}

/* A report leaves the outbox when it was stored, as the host's link does it. */
static void deliver_report(struct world *w, uint32_t index)
{
    struct host *host = &w->hosts[index];
    struct ctl_rollout_event event = {.type = CTL_ROLLOUT_HOST_REPORT,
                                      .host = index,
                                      .job_state = host->outbox[0].job_state,
                                      .grade = host->outbox[0].grade,
                                      .nonce = host->outbox[0].nonce};

    w->events++;
    if (w->events == CHAOS_EVENTS)
        w->is_calm = true;
    host->deliver_ms = SIM_NEVER;
    if (take_event(w, event) && (w->is_calm || !sim_percent(&w->chance, 10))) {
        host->outbox_count--;
        memmove(host->outbox, host->outbox + 1, host->outbox_count * sizeof(host->outbox[0]));
    }
    if (host->outbox_count > 0)
        host->deliver_ms = world_soon_ms(w);
}

/* --- people, liars, and the passing of time --- */

static void people_act(struct world *w)
{
    static const enum ctl_rollout_event_type acts[] = {
        CTL_ROLLOUT_PAUSE,  CTL_ROLLOUT_RESUME, CTL_ROLLOUT_RESUME,   CTL_ROLLOUT_TIME,
        CTL_ROLLOUT_SUBMIT, CTL_ROLLOUT_ABORT,  CTL_ROLLOUT_ROLLBACK, CTL_ROLLOUT_ROLLBACK,
        CTL_ROLLOUT_ANSWER, CTL_ROLLOUT_ANSWER, CTL_ROLLOUT_APPROVE,  CTL_ROLLOUT_APPROVE,
        CTL_ROLLOUT_FREEZE, CTL_ROLLOUT_FREEZE};
    struct ctl_rollout_event event = {
        .type = acts[sim_below(&w->chance, (uint32_t)(sizeof(acts) / sizeof(acts[0])))],
        .host = CTL_ROLLOUT_ALL,
        .wave = CTL_ROLLOUT_ALL,
    };

    if (event.type == CTL_ROLLOUT_ANSWER) {
        event.number = w->live.alarm.number + sim_below(&w->chance, 2);
        event.yes = sim_percent(&w->chance, 50);
    }
    if (event.type == CTL_ROLLOUT_FREEZE && sim_percent(&w->chance, 50)) {
        event.yes = true;
        event.until.ms =
            sim_percent(&w->chance, 50) ? 0 : world_wall_ms(w) + 1 + sim_below(&w->chance, 100000);
    }
    if (event.type == CTL_ROLLOUT_APPROVE) {
        event.wave = sim_below(&w->chance, w->wave_count);
        event.nonce = sim_below(&w->chance, PEOPLE);
        event.until = (struct bl_wall){world_wall_ms(w) + sim_below(&w->chance, 200000)};
    }
    if (event.type == CTL_ROLLOUT_ROLLBACK && sim_percent(&w->chance, 40)) {
        event.host = sim_below(&w->chance, w->host_count);
    } else if (event.type == CTL_ROLLOUT_ROLLBACK && sim_percent(&w->chance, 30)) {
        event.wave = sim_below(&w->chance, w->wave_count);
    }
    deliver(w, event);
}

static void everybody_approves(struct world *w)
{
    for (uint32_t person = 0; person < PEOPLE; person++) {
        deliver(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_APPROVE,
                                              .wave = w->live.wave,
                                              .nonce = person,
                                              .until = {world_wall_ms(w) + 3600000}});
    }
}

/* belayd looks at its clocks each second; other events may come before. */
static void clock_is_set(struct world *w)
{
    world_set_clock(w);
    if (sim_percent(&w->chance, 50))
        deliver(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_SEEN,
                                              .host = sim_below(&w->chance, w->host_count)});
    while (w->is_clock_untold && w->live.submitted)
        deliver(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME});
    deliver(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME});
}

static void all_gates_are_good(struct world *w)
{
    for (uint32_t i = 0; i < w->limits.gate_count; i++)
        deliver(w, (struct ctl_rollout_event){
                       .type = CTL_ROLLOUT_GATE, .number = i, .verdict = CTL_GATE_GOOD});
}

static void lie(struct world *w)
{
    uint32_t index = sim_below(&w->chance, w->host_count);

    if (!w->hosts[index].lies)
        return;

    deliver(w,
            (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_REPORT,
                                       .host = index,
                                       .job_state = 1 + sim_below(&w->chance, PROTO_JOB_STATE_LAST),
                                       .grade = sim_below(&w->chance, PROTO_GRADE_SEVERE + 1),
                                       .nonce = sim_below(&w->chance, 2)});
}

/*
 * A host comes back with the disk of some time before, what it has not delivered is gone, and its
 * HELLO tells so, again after each crash until that is stored.
 */
static void go_back(struct world *w)
{
    uint32_t index = sim_below(&w->chance, w->host_count);
    struct host *host = &w->hosts[index];
    bool was_committed = host->truth == PROTO_JOB_COMMITTED;

    if (!host->is_online || host->dies || host->lies || host->truth == 0)
        return;

    host->truth =
        host->truth > PROTO_JOB_READY && sim_percent(&w->chance, 30) ? PROTO_JOB_READY : 0;
    world_host_cut(host);
    host->outbox_count = 0;
    host->deliver_ms = host->next_ms = SIM_NEVER;
    host->nonce = 0;
    host->is_cancelled = false;
    host->commit_got = false;
    if (was_committed && sim_percent(&w->chance, 50)) {
        host->truth = PROTO_JOB_PROBATION;
        host->next_ms = world_soon_ms(w);
    }
    host->went_back = true;
    while (!take_event(
        w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_WENT_BACK, .host = index}))
        continue;
    host->went_back = false;
    deliver(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_SEEN, .host = index});
}

static void turn_host(struct world *w, uint32_t index)
{
    struct host *host = &w->hosts[index];

    host->is_online = !host->is_online || w->is_calm;
    host->turn_ms = SIM_NEVER;
    if (!host->is_online) {
        world_host_cut(host);
        host->turn_ms =
            w->now_ms + 1000 + sim_below(&w->chance, sim_percent(&w->chance, 10) ? 2000000 : 60000);
    } else if (!w->is_calm) {
        host->turn_ms = w->now_ms + 1000 + sim_below(&w->chance, 60000);
    }
    if (!host->is_online || host->dies)
        return;
    if (host->outbox_count > 0)
        host->deliver_ms = world_soon_ms(w);
    deliver(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_SEEN, .host = index});
}

static bool pass_time(struct world *w)
{
    int64_t best_ms = w->wake_ms;
    uint32_t best = HOSTS_MAX, what = 0, kind = CTL_HOOK_COUNT;

    for (uint32_t i = 0; i < w->host_count; i++) {
        const struct host *host = &w->hosts[i];
        int64_t times_ms[] = {host->dies ? SIM_NEVER : host->next_ms, host->turn_ms,
                              host->is_online && !host->dies ? host->deliver_ms : SIM_NEVER,
                              host->hear_ms};

        for (uint32_t k = 0; k < 4; k++) {
            if (times_ms[k] < best_ms) {
                best_ms = times_ms[k];
                best = i;
                what = k;
            }
        }
    }
    for (uint32_t i = 0; i < CTL_HOOK_COUNT; i++) {
        if (w->called[i].runs != 0 && w->called[i].end_ms < best_ms) {
            best_ms = w->called[i].end_ms;
            kind = i;
        }
    }
    if (best_ms == SIM_NEVER)
        return false;

    w->now_ms = best_ms > w->now_ms ? best_ms : w->now_ms;
    if (kind != CTL_HOOK_COUNT) {
        world_end_hook(w, (enum ctl_hook_kind)kind);
    } else if (best == HOSTS_MAX) {
        w->wake_ms = SIM_NEVER;
        deliver(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME});
    } else if (what == 0) {
        world_host_act(w, best);
    } else if (what == 1) {
        turn_host(w, best);
    } else if (what == 2) {
        deliver_report(w, best);
    } else {
        world_host_hear(w, best);
    }
    return true;
}

static void choose_fates(struct world *w)
{
    uint32_t bad_pct = sim_percent(&w->chance, 50) ? 3 : 15;

    w->wave_count = 1 + sim_below(&w->chance, WAVES_MAX);
    w->limits = (struct ctl_rollout_limits){
        .soak_ms = sim_percent(&w->chance, 30) ? 0 : sim_below(&w->chance, 100000),
        .stage_ms = 60000,
        .job_ms = 600000,
        .revert_ms = 300000,
        .failures_allowed = sim_below(&w->chance, 4),
        .approvals = sim_percent(&w->chance, 40) ? 1 + sim_below(&w->chance, 2) : 0,
        .answer_ms = sim_percent(&w->chance, 30) ? 0 : 1 + sim_below(&w->chance, 60000),
        .otherwise = 1 + sim_below(&w->chance, CTL_OTHERWISE_ROLLBACK),
        .budget = sim_percent(&w->chance, 40) ? 0 : 1 + sim_below(&w->chance, 5),
        .first_alone = sim_percent(&w->chance, 40),
        .gate_count = sim_percent(&w->chance, 50) ? 0 : 1 + sim_below(&w->chance, 3),
    };
    w->limits.gates_rollback = sim_below(&w->chance, 1U << w->limits.gate_count);
    if (sim_percent(&w->chance, 50)) {
        w->limits.hooks = sim_below(&w->chance, 1U << CTL_HOOK_COUNT);
        w->limits.page_every_ms = 1 + sim_below(&w->chance, 20000);
        w->limits.traffic_ms = 1 + sim_below(&w->chance, 20000);
        if (w->limits.answer_ms > 0 && w->limits.traffic_ms > w->limits.answer_ms / 2)
            w->limits.traffic_ms = w->limits.answer_ms / 2;
        if (w->limits.traffic_ms == 0) /* an answer within a millisecond has no half */
            w->limits.hooks &= ~(1U << CTL_HOOK_TRAFFIC);
    }
    if (sim_percent(&w->chance, 30)) {
        w->limits.windows_count = 1;
        w->limits.windows[0] =
            (struct ctl_window){.days = 1 + sim_below(&w->chance, 127),
                                .from_minutes = sim_below(&w->chance, CTL_WINDOW_DAY_MINUTES),
                                .for_minutes = 10 + sim_below(&w->chance, 120)};
    }
    for (uint32_t v = 0; v < w->wave_count; v++) {
        w->waves[v].host_count = 1 + sim_below(&w->chance, HOSTS_MAX / WAVES_MAX);
        w->waves[v].failures_allowed = sim_below(&w->chance, 3);
        for (uint32_t i = 0; i < w->waves[v].host_count; i++)
            w->live_hosts[w->host_count++].wave = v;
    }
    for (uint32_t i = 0; i < w->host_count; i++) {
        struct host *host = &w->hosts[i];

        *host = (struct host){.next_ms = SIM_NEVER,
                              .turn_ms = SIM_NEVER,
                              .deliver_ms = SIM_NEVER,
                              .hear_ms = SIM_NEVER};
        host->is_online = true;
        if (sim_percent(&w->chance, 40))
            host->turn_ms = 1000 + sim_below(&w->chance, 60000);
        host->dies = sim_percent(&w->chance, bad_pct / 3);
        host->lies = sim_percent(&w->chance, bad_pct / 5);
        host->refuses = sim_percent(&w->chance, bad_pct / 3);
        host->blocks = sim_percent(&w->chance, bad_pct / 3);
        host->fails = sim_percent(&w->chance, bad_pct);
        host->is_held = sim_percent(&w->chance, 30);
        host->commits_bad = !host->fails && sim_percent(&w->chance, bad_pct / 3);
        host->cannot_go_back = sim_percent(&w->chance, bad_pct);
        host->grade = host->fails ? sim_below(&w->chance, 4) : 0;
    }
}

static void check_end(const struct world *w)
{
    uint32_t failed = 0;

    SIM_CHECK(&w->chance, ctl_rollout_is_final(&w->live) && ctl_rollout_exit_code(&w->live) >= 0);
    for (uint32_t i = 0; i < w->host_count; i++) {
        const struct host *host = &w->hosts[i];
        const struct ctl_rollout_host *known = &w->live_hosts[i];

        failed += known->failed ? 1 : 0;
        if (host->lies)
            continue;
        /* Nobody is left with a job that goes on, and what is shown is what is. */
        SIM_CHECK(&w->chance, host->dies || host->truth == 0 || world_is_final(host->truth));
        SIM_CHECK(&w->chance,
                  known->state != CTL_HOST_COMMITTED || host->truth == PROTO_JOB_COMMITTED);
        SIM_CHECK(&w->chance, !host->is_known_failed || known->failed);
        SIM_CHECK(&w->chance,
                  !host->was_told_back || host->dies || host->truth != PROTO_JOB_COMMITTED);
        if (w->live.state == CTL_ROLLOUT_COMPLETE)
            SIM_CHECK(&w->chance, known->state == CTL_HOST_COMMITTED || known->failed);
        if (w->live.state == CTL_ROLLOUT_ROLLED_BACK && host->was_told_back && !host->dies) {
            SIM_CHECK(&w->chance,
                      host->truth != PROTO_JOB_COMMITTED && host->truth != PROTO_JOB_REVERT_FAILED);
        }
        /* Who was called back in time has not failed. */
        if (host->was_called_back && host->truth == PROTO_JOB_CANCELLED && !host->is_known_failed &&
            !host->was_told_back)
            SIM_CHECK(&w->chance, !known->failed && known->state == CTL_HOST_CANCELLED);
        if (host->truth == PROTO_JOB_REVERT_FAILED)
            SIM_CHECK(&w->chance, ctl_rollout_exit_code(&w->live) == 6);
    }
    world_check_hooks_at_end(w);
    SIM_CHECK(&w->chance, failed == w->live.failed_count);
    SIM_CHECK(&w->chance, failed == 0 || ctl_rollout_exit_code(&w->live) != 0);
}

static void run_seed(uint64_t seed)
{
    static struct world w; /* large, and each run begins with a fresh one */
    bool goes_on = true;

    memset(&w, 0, sizeof(w));
    w.chance = sim_chance_from(seed);
    w.now_ms = 1000;
    w.wake_ms = SIM_NEVER;
    choose_fates(&w);
    ctl_rollout_init(&w.live, &w.limits, w.waves, w.wave_count, w.live_hosts, w.host_count);
    ctl_promises_init(&w.promises, allowed_ms, w.promise_hosts, w.host_count);
    deliver(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_SUBMIT});

    while (goes_on && w.events < EVENTS_MAX) {
        uint32_t people_pct = w.is_calm ? 0 : 2;

        if (!w.is_calm && w.limits.gate_count > 0 && sim_percent(&w.chance, 5))
            deliver(&w, world_draw_gate(&w));
        if (!w.is_calm && sim_percent(&w.chance, 1))
            clock_is_set(&w);

        if (sim_percent(&w.chance, people_pct))
            people_act(&w);
        if (!w.is_calm && sim_percent(&w.chance, 5))
            lie(&w);
        if (!w.is_calm && sim_percent(&w.chance, 1))
            go_back(&w);
        if (!w.is_calm && w.live.alarm.is_open && sim_percent(&w.chance, 3))
            be_away(&w, LONG_AWAY_MS_MAX); /* beyond the time in which people were to answer */
        if (w.is_calm && (w.live.holds & (CTL_HOLD_PERSON | CTL_HOLD_GATE)) != 0)
            deliver(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_RESUME});
        if (w.is_calm && (w.live.holds & CTL_HOLD_FREEZE) != 0)
            deliver(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_FREEZE});
        if (w.is_calm &&
            (w.live.holds & (CTL_HOLD_APPROVAL | CTL_HOLD_WINDOW)) == CTL_HOLD_APPROVAL)
            everybody_approves(&w); /* in the window: what they give ends within the hour */
        if (w.is_calm && w.live.gates.waits)
            all_gates_are_good(&w);
        goes_on = pass_time(&w);
        w.is_calm = w.is_calm || !goes_on;
        goes_on = goes_on || w.live.gates.waits;
        goes_on = goes_on || w.live.holds != 0; /* nothing happens until a person resumes */
    }

    replay(&w);
    world_check_same(&w, &w.live, &w.replayed);
    check_end(&w);
}

int main(int argc, char **argv)
{
    return sim_main(argc, argv, 20000, run_seed);
}
