/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the controller knows of each host. A host's own word is believed about itself, within what
 * may follow on what it said before; that a host failed is never taken back, and no host can keep a
 * rollout waiting beyond its deadline, whatever it reports.
 */
#include "controller/core/rollout_host.h"

#include <stddef.h>

#include "common/check.h"
#include "common/sm.h"

enum {
    HOST_ROW_COUNT = CTL_HOST_STATE_LAST + 1, /* row 0 is no state */
};

#define TO(name) BL_SM_BIT(CTL_HOST_##name)
/* START was ordered, or the host acts as if: then the store is older than the world. */
#define TO_ACTIVE    (TO(RUNNING) | TO(PROBATION) | TO(REVERTING))
#define TO_DONE      (TO(COMMITTED) | TO(REVERTED) | TO(REVERT_FAILED))
#define TO_UNTOUCHED (TO(REFUSED) | TO(BLOCKED) | TO(CANCELLED))

static const struct bl_sm_row host_rows[HOST_ROW_COUNT] = {
    [CTL_HOST_WAITING] = {"waiting",
                          TO(STAGING) | TO(READY) | TO_ACTIVE | TO_DONE | TO_UNTOUCHED | TO(LOST)},
    [CTL_HOST_STAGING] = {"staging",
                          TO(WAITING) | TO(READY) | TO_ACTIVE | TO_DONE | TO_UNTOUCHED | TO(LOST)},
    [CTL_HOST_READY] = {"ready", TO(WAITING) | TO_ACTIVE | TO_DONE | TO_UNTOUCHED | TO(LOST)},
    [CTL_HOST_RUNNING] = {"running",
                          TO(PROBATION) | TO(REVERTING) | TO_DONE | TO_UNTOUCHED | TO(LOST)},
    /* A host that rebooted in probation verifies again. */
    [CTL_HOST_PROBATION] = {"probation", TO(RUNNING) | TO(REVERTING) | TO_DONE | TO(LOST)},
    [CTL_HOST_REVERTING] = {"reverting",
                            TO(REVERTED) | TO(REVERT_FAILED) | TO_UNTOUCHED | TO(LOST)},
    /* Ends to which only a disk that went back puts an end. */
    [CTL_HOST_COMMITTED] = {"committed",
                            TO(REVERTING) | TO(REVERTED) | TO(REVERT_FAILED) | TO(LOST), true},
    [CTL_HOST_REVERTED] = {"reverted", TO(LOST), true},
    /* Somebody may have removed what was in its way. */
    [CTL_HOST_REVERT_FAILED] = {"revert_failed", TO(REVERTING) | TO(REVERTED) | TO(LOST), true},
    [CTL_HOST_REFUSED] = {"refused", 0, true},
    [CTL_HOST_BLOCKED] = {"blocked", 0, true},
    [CTL_HOST_CANCELLED] = {"cancelled", TO_ACTIVE | TO_DONE, true},
    [CTL_HOST_LOST] = {"lost", TO_ACTIVE | TO_DONE | TO_UNTOUCHED, true},
};

static const uint32_t host_state_of[PROTO_JOB_STATE_LAST + 1] = {
    [PROTO_JOB_OFFERED] = CTL_HOST_WAITING,     [PROTO_JOB_REFUSED] = CTL_HOST_REFUSED,
    [PROTO_JOB_ACCEPTED] = CTL_HOST_STAGING,    [PROTO_JOB_STAGING] = CTL_HOST_STAGING,
    [PROTO_JOB_BLOCKED] = CTL_HOST_BLOCKED,     [PROTO_JOB_READY] = CTL_HOST_READY,
    [PROTO_JOB_CANCELLED] = CTL_HOST_CANCELLED, [PROTO_JOB_ISOLATING] = CTL_HOST_RUNNING,
    [PROTO_JOB_CHANGING] = CTL_HOST_RUNNING,    [PROTO_JOB_REBOOTING] = CTL_HOST_RUNNING,
    [PROTO_JOB_VERIFYING] = CTL_HOST_RUNNING,   [PROTO_JOB_PROBATION] = CTL_HOST_PROBATION,
    [PROTO_JOB_COMMITTED] = CTL_HOST_COMMITTED, [PROTO_JOB_REVERTING] = CTL_HOST_REVERTING,
    [PROTO_JOB_REVERTED] = CTL_HOST_REVERTED,   [PROTO_JOB_REVERT_FAILED] = CTL_HOST_REVERT_FAILED,
};

static bool is_in(const struct ctl_rollout_host *host, uint32_t states)
{
    return (states & BL_SM_BIT(host->state)) != 0;
}

const char *ctl_host_state_name(uint32_t state)
{
    return state == 0 || state > CTL_HOST_STATE_LAST ? "?" : host_rows[state].name;
}

bool ctl_host_state_is_final(uint32_t state)
{
    return state <= CTL_HOST_STATE_LAST && host_rows[state].final;
}

bool ctl_host_state_may_follow(uint32_t from, uint32_t to)
{
    return bl_sm_allows(host_rows, HOST_ROW_COUNT, from, to);
}

bool ctl_host_is_untouched(const struct ctl_rollout_host *host)
{
    return !host->touched && !host_rows[host->state].final;
}

bool ctl_host_is_back(const struct ctl_rollout_host *host)
{
    return is_in(host, TO(REVERTED) | TO_UNTOUCHED) || !host->touched;
}

bool ctl_host_is_unbegun(const struct ctl_rollout_host *host)
{
    return host->started && host->state == CTL_HOST_RUNNING && !host->lost &&
           host->job_state <= PROTO_JOB_READY;
}

struct ctl_rollout_effect *ctl_host_emit(struct ctl_rollout_effects *effects,
                                         enum ctl_rollout_effect_type type, uint32_t host)
{
    struct ctl_rollout_effect *effect;

    BL_ASSERT(effects->count < effects->capacity);

    effect = &effects->list[effects->count++];
    *effect = (struct ctl_rollout_effect){.type = type, .host = host};

    return effect;
}

static bool is_open(const struct ctl_rollout_host *host)
{
    return !host_rows[host->state].final && !host->lost;
}

static bool is_unready(const struct ctl_rollout_host *host)
{
    return is_in(host, TO(WAITING) | TO(STAGING));
}

static bool is_active(const struct ctl_rollout_host *host)
{
    return is_in(host, TO_ACTIVE) && !host->lost;
}

static void count_in(struct ctl_rollout *rollout, const struct ctl_rollout_host *host)
{
    struct ctl_rollout_wave *wave = &rollout->waves[host->wave];

    wave->open_count += is_open(host) ? 1 : 0;
    wave->unready_count += is_unready(host) ? 1 : 0;
    wave->ready_count += host->state == CTL_HOST_READY ? 1 : 0;
    rollout->active_count += is_active(host) ? 1 : 0;
    rollout->used_count += is_active(host) || host->failed ? 1 : 0;
    rollout->unstarted_count += ctl_host_is_untouched(host) ? 1 : 0;
    rollout->unbegun_count += ctl_host_is_unbegun(host) ? 1 : 0;
    rollout->owed_count += host->start_owed ? 1 : 0;
}

static void count_out(struct ctl_rollout *rollout, const struct ctl_rollout_host *host)
{
    struct ctl_rollout_wave *wave = &rollout->waves[host->wave];

    wave->open_count -= is_open(host) ? 1 : 0;
    wave->unready_count -= is_unready(host) ? 1 : 0;
    wave->ready_count -= host->state == CTL_HOST_READY ? 1 : 0;
    rollout->active_count -= is_active(host) ? 1 : 0;
    rollout->used_count -= is_active(host) || host->failed ? 1 : 0;
    rollout->unstarted_count -= ctl_host_is_untouched(host) ? 1 : 0;
    rollout->unbegun_count -= ctl_host_is_unbegun(host) ? 1 : 0;
    rollout->owed_count -= host->start_owed ? 1 : 0;
}

static void clear_deadline(struct ctl_rollout_host *host)
{
    host->deadline = (struct bl_mono){0};
}

/* Tells the watchers once; whoever moves a host sees to its deadline. */
static void move(struct ctl_rollout *rollout, uint32_t host_index, uint32_t to,
                 struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_host *host = &rollout->hosts[host_index];

    count_out(rollout, host);
    bl_sm_move(host_rows, HOST_ROW_COUNT, &host->state, to);
    host->went_back = false;
    host->start_owed = false;
    if (to == CTL_HOST_LOST)
        host->lost = true;
    if (host_rows[to].final)
        clear_deadline(host);
    if (is_in(host, TO_ACTIVE | TO_DONE))
        host->touched = true;
    if (to != CTL_HOST_PROBATION)
        host->nonce = 0;
    count_in(rollout, host);
    if (to == CTL_HOST_READY && host_index < rollout->next_start)
        rollout->next_start = host_index;
    effects->changed = true;
    (void)ctl_host_emit(effects, CTL_ROLLOUT_CHANGED, host_index);
}

void ctl_host_begin(struct ctl_rollout *rollout, uint32_t host_index)
{
    struct ctl_rollout_host *host = &rollout->hosts[host_index];

    BL_ASSERT(host->wave < rollout->wave_count);

    *host = (struct ctl_rollout_host){.state = CTL_HOST_WAITING, .wave = host->wave};
    count_in(rollout, host);
}

void ctl_host_fail(struct ctl_rollout *rollout, uint32_t host_index,
                   struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_host *host = &rollout->hosts[host_index];

    if (host->failed)
        return;

    count_out(rollout, host);
    host->failed = true;
    count_in(rollout, host);
    rollout->waves[host->wave].failed_count++;
    rollout->failed_count++;
    effects->changed = true;
}

void ctl_host_renew_deadline(struct ctl_rollout *rollout, uint32_t host_index, struct bl_mono now)
{
    struct ctl_rollout_host *host = &rollout->hosts[host_index];
    int64_t allowed_ms = rollout->limits.job_ms;

    if (host_rows[host->state].final || host->state == CTL_HOST_READY) {
        clear_deadline(host);
        return;
    }

    if (is_unready(host))
        allowed_ms = rollout->limits.stage_ms;
    if (host->state == CTL_HOST_REVERTING)
        allowed_ms = rollout->limits.revert_ms;
    host->deadline = bl_mono_after(now, allowed_ms);
    if (rollout->wake_at.ms == 0 || host->deadline.ms < rollout->wake_at.ms)
        rollout->wake_at = host->deadline;
}

/* It gives back what it switched off before its change began: what it says at its end is heeded. */
static bool is_called_back(const struct ctl_rollout_host *host)
{
    return host->cancel_wanted &&
           (host->state == CTL_HOST_CANCELLED ||
            (host->state == CTL_HOST_REVERTING && host->grade < PROTO_GRADE_FUNCTIONAL));
}

/* An end that nobody ordered is a failure, whatever the host calls it. */
static bool is_failure(const struct ctl_rollout_host *host)
{
    if (is_in(host, TO(REFUSED) | TO(BLOCKED) | TO(REVERT_FAILED) | TO(LOST)))
        return true;
    if (is_called_back(host))
        return false;

    return is_in(host, TO(REVERTING) | TO(REVERTED) | TO(CANCELLED)) && !host->revert_wanted;
}

static bool is_under_way(uint32_t state)
{
    return state == CTL_HOST_RUNNING || state == CTL_HOST_PROBATION || state == CTL_HOST_COMMITTED;
}

static bool may_report_move(const struct ctl_rollout_host *host, uint32_t to)
{
    /* It says so because REVERT has not reached it yet. */
    if (host->revert_wanted && is_under_way(to))
        return false;

    return host->state != to && bl_sm_allows(host_rows, HOST_ROW_COUNT, host->state, to);
}

static void report_move(struct ctl_rollout *rollout, uint32_t host_index, uint32_t to,
                        struct bl_mono now, struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_host *host = &rollout->hosts[host_index];

    move(rollout, host_index, to, effects);
    /* One job has one deadline: no report prolongs it but the beginning of the way back. */
    if (host->deadline.ms == 0 || to == CTL_HOST_READY || to == CTL_HOST_REVERTING)
        ctl_host_renew_deadline(rollout, host_index, now);
    if (is_failure(host))
        ctl_host_fail(rollout, host_index, effects);
}

static void send_revert(const struct ctl_rollout *rollout, uint32_t host_index,
                        struct ctl_rollout_effects *effects)
{
    ctl_host_emit(effects, CTL_ROLLOUT_SEND_REVERT, host_index)->attempt =
        rollout->hosts[host_index].reverts;
}

/* Whoever is lost is told to go back all the same, and still not waited for. */
static void begin_revert(struct ctl_rollout *rollout, uint32_t host_index, struct bl_mono now,
                         struct ctl_rollout_effects *effects)
{
    if (rollout->hosts[host_index].state != CTL_HOST_REVERTING)
        move(rollout, host_index, CTL_HOST_REVERTING, effects);
    else
        (void)ctl_host_emit(effects, CTL_ROLLOUT_CHANGED, host_index); /* its time begins anew */
    ctl_host_renew_deadline(rollout, host_index, now);
    send_revert(rollout, host_index, effects);
}

/*
 * R21: who is found bad after its start has failed from that report on, whether it goes back already
 * or a person at the host holds it to look. Whoever is committed all the same does not go back by
 * itself: it is ordered to.
 */
static void judge_grade(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                        struct ctl_rollout_effects *effects)
{
    const struct ctl_rollout_host *host = &rollout->hosts[event->host];

    if (event->grade < PROTO_GRADE_FUNCTIONAL || host->revert_wanted ||
        !is_under_way(host_state_of[event->job_state]) || !is_under_way(host->state))
        return;

    ctl_host_fail(rollout, event->host, effects);
    if (host->state == CTL_HOST_COMMITTED)
        ctl_host_order_revert(rollout, event->host, event->now, effects);
}

static void note_said(struct ctl_rollout *rollout, const struct ctl_rollout_event *event)
{
    struct ctl_rollout_host *host = &rollout->hosts[event->host];
    /* In CHANGING it heeds CANCEL still, until its package run begins; its end tells which it was. */
    bool is_changed =
        event->job_state > PROTO_JOB_CHANGING && is_under_way(host_state_of[event->job_state]);

    count_out(rollout, host);
    host->job_state = event->job_state;
    if (event->grade > host->grade)
        host->grade = event->grade;
    if (is_changed)
        host->cancel_wanted = false; /* CANCEL came too late, and it goes on to its end */
    if (host->start_owed && event->job_state > PROTO_JOB_READY) {
        host->start_owed = false; /* the first START had come */
        ctl_host_renew_deadline(rollout, event->host, event->now);
    }
    count_in(rollout, host);
}

void ctl_host_report(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                     struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_host *host = &rollout->hosts[event->host];
    uint32_t to = host_state_of[event->job_state];
    bool is_news = host->job_state != event->job_state || event->grade > host->grade;

    note_said(rollout, event);
    if (may_report_move(host, to)) {
        report_move(rollout, event->host, to, event->now, effects);
    } else if (host->revert_wanted && is_under_way(to) && is_in(host, TO(CANCELLED) | TO(LOST))) {
        begin_revert(rollout, event->host, event->now, effects); /* taken for out, and is not */
    } else if (is_news) {
        (void)ctl_host_emit(effects, CTL_ROLLOUT_CHANGED, event->host);
    }
    /* It took the job after all: CANCEL had passed it already, or it was asked twice and refused once. */
    if (is_news && event->job_state <= PROTO_JOB_READY && is_in(host, TO_UNTOUCHED | TO(LOST)))
        ctl_host_repeat_order(rollout, event->host, effects);

    if (to == CTL_HOST_PROBATION && host->state == CTL_HOST_PROBATION && event->nonce != 0) {
        is_news = is_news || host->nonce != event->nonce;
        host->nonce = event->nonce;
        /* Who tells a failure in the same breath is not told to stay. */
        if (event->grade < PROTO_GRADE_FUNCTIONAL)
            ctl_host_emit(effects, CTL_ROLLOUT_SEND_COMMIT, event->host)->nonce = host->nonce;
    }
    effects->changed = effects->changed || is_news;
    judge_grade(rollout, event, effects);
    if (is_news && host->state == CTL_HOST_COMMITTED)
        rollout->is_proven = true;
}

void ctl_host_order_start(struct ctl_rollout *rollout, uint32_t host_index, struct bl_mono now,
                          struct ctl_rollout_effects *effects)
{
    if (rollout->hosts[host_index].state != CTL_HOST_READY)
        return;

    rollout->hosts[host_index].started = true;
    move(rollout, host_index, CTL_HOST_RUNNING, effects);
    ctl_host_renew_deadline(rollout, host_index, now);
    (void)ctl_host_emit(effects, CTL_ROLLOUT_SEND_START, host_index);
}

void ctl_host_order_cancel(struct ctl_rollout *rollout, uint32_t host_index,
                           struct ctl_rollout_effects *effects)
{
    if (!ctl_host_is_untouched(&rollout->hosts[host_index]))
        return;

    move(rollout, host_index, CTL_HOST_CANCELLED, effects);
    (void)ctl_host_emit(effects, CTL_ROLLOUT_SEND_CANCEL, host_index);
}

void ctl_host_call_back(struct ctl_rollout *rollout, uint32_t host_index, struct bl_mono now,
                        struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_host *host = &rollout->hosts[host_index];

    if (!ctl_host_is_unbegun(host) || host->cancel_wanted)
        return;

    if (host->start_owed) /* what it was not down for begins to count */
        (void)ctl_host_emit(effects, CTL_ROLLOUT_CHANGED, host_index);
    count_out(rollout, host);
    host->cancel_wanted = true;
    host->start_owed = false;
    count_in(rollout, host);
    if (host->deadline.ms == 0)
        ctl_host_renew_deadline(rollout, host_index, now);
    effects->changed = true;
    (void)ctl_host_emit(effects, CTL_ROLLOUT_SEND_CANCEL, host_index);
}

void ctl_host_order_revert(struct ctl_rollout *rollout, uint32_t host_index, struct bl_mono now,
                           struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_host *host = &rollout->hosts[host_index];

    bool is_repeated = host->revert_wanted && host->state == CTL_HOST_REVERTING;
    bool is_due =
        host->touched && is_in(host, TO_ACTIVE | TO(COMMITTED) | TO(REVERT_FAILED) | TO(LOST));

    if (is_repeated) {
        send_revert(rollout, host_index, effects);
        return;
    }
    effects->changed = effects->changed || !host->revert_wanted;
    if ((is_due || !host->revert_wanted) && host->reverts < PROTO_ATTEMPTS_MAX)
        host->reverts++;
    if (!is_due) {
        host->revert_wanted = true; /* nothing to take back, as far as is known */
        return;
    }

    count_out(rollout, host);
    host->revert_wanted = true;
    host->lost = false; /* asked anew, it is waited for anew */
    count_in(rollout, host);
    begin_revert(rollout, host_index, now, effects);
}

/* Who was not started may begin anew; for whoever was, only its own word can tell what it is. */
void ctl_host_go_back(struct ctl_rollout *rollout, uint32_t host_index, struct bl_mono now,
                      struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_host *host = &rollout->hosts[host_index];
    bool is_begun_anew = is_in(host, TO(STAGING) | TO(READY));

    count_out(rollout, host);
    host->job_state = 0;
    count_in(rollout, host);
    effects->changed = true;
    if (is_in(host, TO(WAITING) | TO_UNTOUCHED | TO(LOST)))
        return;

    move(rollout, host_index, is_begun_anew ? CTL_HOST_WAITING : CTL_HOST_LOST, effects);
    host->went_back = !is_begun_anew;
    if (is_begun_anew && host->deadline.ms == 0)
        ctl_host_renew_deadline(rollout, host_index, now);
    if (!is_begun_anew)
        ctl_host_fail(rollout, host_index, effects);
}

/* What is repeated to a host of which nobody knows whether it was told to start. */
static void repeat_start(const struct ctl_rollout *rollout, uint32_t host_index,
                         struct ctl_rollout_effects *effects)
{
    if (!ctl_rollout_is_going(rollout))
        (void)ctl_host_emit(effects, CTL_ROLLOUT_SEND_CANCEL, host_index);
    else if (rollout->holds == 0 && !rollout->hosts[host_index].start_owed)
        (void)ctl_host_emit(effects, CTL_ROLLOUT_SEND_START, host_index);
}

void ctl_host_repeat_order(const struct ctl_rollout *rollout, uint32_t host_index,
                           struct ctl_rollout_effects *effects)
{
    const struct ctl_rollout_host *host = &rollout->hosts[host_index];
    bool job_ended = ctl_host_state_is_final(host_state_of[host->job_state]);

    switch ((enum ctl_host_state)host->state) {
    case CTL_HOST_WAITING:
    case CTL_HOST_STAGING:
        (void)ctl_host_emit(effects, CTL_ROLLOUT_SEND_OFFER, host_index);
        break;
    case CTL_HOST_RUNNING:
        if (ctl_host_is_unbegun(host))
            repeat_start(rollout, host_index, effects);
        break;
    case CTL_HOST_PROBATION:
        /* Also to one that told a failure since: it heeds that no more, and answers with what became of it. */
        if (host->nonce != 0)
            ctl_host_emit(effects, CTL_ROLLOUT_SEND_COMMIT, host_index)->nonce = host->nonce;
        break;
    case CTL_HOST_REVERTING:
        if (host->revert_wanted)
            send_revert(rollout, host_index, effects);
        break;
    case CTL_HOST_REFUSED:
    case CTL_HOST_BLOCKED:
    case CTL_HOST_CANCELLED: /* not heard of yet, or its disk went back to before the end */
        if (!job_ended)
            (void)ctl_host_emit(effects, CTL_ROLLOUT_SEND_CANCEL, host_index);
        break;
    case CTL_HOST_LOST: /* too late to start: what can still be undone without harm is */
        if (host->revert_wanted) {
            send_revert(rollout, host_index, effects);
        } else {
            (void)ctl_host_emit(effects, CTL_ROLLOUT_SEND_CANCEL, host_index);
        }
        break;
    case CTL_HOST_READY:
    case CTL_HOST_COMMITTED:
    case CTL_HOST_REVERTED:
    case CTL_HOST_REVERT_FAILED:
        break;
    }
}

/* A host that is there and kept waiting by us is not silent: its time begins when it is started. */
static void owe_start(struct ctl_rollout *rollout, uint32_t host_index,
                      struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_host *host = &rollout->hosts[host_index];

    if (host->start_owed)
        return;

    count_out(rollout, host);
    host->start_owed = true;
    count_in(rollout, host);
    clear_deadline(host);
    effects->changed = true;
}

void ctl_host_seen(struct ctl_rollout *rollout, uint32_t host_index,
                   struct ctl_rollout_effects *effects)
{
    if (ctl_host_is_unbegun(&rollout->hosts[host_index]) && ctl_rollout_is_going(rollout) &&
        rollout->holds != 0)
        owe_start(rollout, host_index, effects);
    else
        ctl_host_repeat_order(rollout, host_index, effects);
}

bool ctl_host_release_starts(struct ctl_rollout *rollout, struct bl_mono now,
                             struct ctl_rollout_effects *effects)
{
    if (rollout->owed_count == 0 || rollout->holds != 0 || !ctl_rollout_is_going(rollout))
        return false;

    for (uint32_t i = 0; i < rollout->host_count; i++) {
        struct ctl_rollout_host *host = &rollout->hosts[i];

        if (!host->start_owed)
            continue;
        count_out(rollout, host);
        host->start_owed = false;
        count_in(rollout, host);
        (void)ctl_host_emit(effects, CTL_ROLLOUT_CHANGED, i); /* its downtime begins */
        ctl_host_renew_deadline(rollout, i, now);
        (void)ctl_host_emit(effects, CTL_ROLLOUT_SEND_START, i);
    }
    effects->changed = true;

    return true;
}

void ctl_host_expire_all(struct ctl_rollout *rollout, struct bl_mono now,
                         struct ctl_rollout_effects *effects)
{
    if (rollout->wake_at.ms == 0 || !bl_mono_reached(now, rollout->wake_at))
        return;

    rollout->wake_at = (struct bl_mono){0};
    effects->changed = true;
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        struct ctl_rollout_host *host = &rollout->hosts[i];

        if (host->deadline.ms == 0)
            continue;
        if (bl_mono_reached(now, host->deadline)) {
            move(rollout, i, CTL_HOST_LOST, effects);
            ctl_host_fail(rollout, i, effects);
            ctl_host_repeat_order(rollout, i, effects);
        } else if (rollout->wake_at.ms == 0 || host->deadline.ms < rollout->wake_at.ms) {
            rollout->wake_at = host->deadline;
        }
    }
}
