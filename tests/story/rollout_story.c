/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays stories of one rollout. The words:
 *
 *   waves 1/0 10/1                     hosts/failures allowed, wave by wave; hosts are h1, h2, ...
 *   limits soak=30m failures=1 approvals=2 answer=150s otherwise=rollback   before the first event
 *   submit | restart | time | pause | resume | abort | rollback [h2 | wave 1]
 *   limits hooks=page,traffic,vendor every=1m wait=30s    programs that a severe failure calls
 *   page 1 ended 0 | traffic 1 timed out      call 1 of that hook
 *   approve wave 2 by 1 for=24h | answer 1 yes|no        person 1; to severe failure 1
 *   h1 says STATE [nonce] [minor|functional|severe] | h1 seen | h1 went back | exit code?
 */
#include <stdio.h>
#include <string.h>

#include "controller/core/rollout.h"
#include "tests/story/story.h"

enum {
    HOSTS_MAX = 128,
    NONCE = 4711,
    WALL_MS = 1000000, /* of the wall clock, when the story begins */
    EFFECTS_MAX = 8 + 4 * HOSTS_MAX,
};

struct machine {
    struct ctl_rollout rollout;
    struct ctl_rollout_host hosts[HOSTS_MAX];
    struct ctl_rollout_wave waves[CTL_ROLLOUT_WAVES_MAX];
    struct ctl_rollout_effect list[EFFECTS_MAX];
    uint32_t wave_count, host_count;
};

static void answer(struct story *story, const struct machine *m,
                   const struct ctl_rollout_effect *effect)
{
    static const char *const orders[] = {
        [CTL_ROLLOUT_SEND_OFFER] = "offer",   [CTL_ROLLOUT_SEND_START] = "start",
        [CTL_ROLLOUT_SEND_COMMIT] = "commit", [CTL_ROLLOUT_SEND_CANCEL] = "cancel",
        [CTL_ROLLOUT_SEND_REVERT] = "revert",
    };
    const struct ctl_rollout *rollout = &m->rollout;

    if (effect->type == CTL_ROLLOUT_WAKE) {
        story_answer(story, "wake at %s", story_duration_text(effect->wake_at.ms - 1));
    } else if (effect->type == CTL_ROLLOUT_CALL_HOOK) {
        story_answer(story, "call %s, number %u", ctl_hook_name(effect->attempt),
                     (unsigned)effect->nonce);
    } else if (effect->type == CTL_ROLLOUT_CHANGED && effect->host == CTL_ROLLOUT_ALL) {
        story_answer(story, "rollout %s%s [%s] %s", ctl_rollout_state_name(rollout->state),
                     rollout->holds != 0 ? ", paused" : "", rollout->code, rollout->reason);
    } else if (effect->type == CTL_ROLLOUT_CHANGED) {
        story_answer(story, "h%u %s%s", effect->host + 1,
                     ctl_host_state_name(m->hosts[effect->host].state),
                     m->hosts[effect->host].failed ? ", failed" : "");
    } else {
        story_answer(story, "%s h%u", orders[effect->type], effect->host + 1);
    }
}

static void set_waves(const struct story *story, struct machine *m, const char *line)
{
    unsigned hosts, allowed;
    int used;

    line += strlen("waves");
    while (sscanf(line, " %u/%u%n", &hosts, &allowed, &used) == 2) {
        if (m->host_count + hosts > HOSTS_MAX || m->wave_count == CTL_ROLLOUT_WAVES_MAX)
            story_bad_line(story, line);
        m->waves[m->wave_count] =
            (struct ctl_rollout_wave){.host_count = hosts, .failures_allowed = allowed};
        for (unsigned i = 0; i < hosts; i++)
            m->hosts[m->host_count++].wave = m->wave_count;
        m->wave_count++;
        line += used;
    }
}

static void set_limits(const struct story *story, struct machine *m, const char *line)
{
    struct ctl_rollout_limits limits = {
        .soak_ms = story_option_ms(story, line, "soak", 0),
        .stage_ms = story_option_ms(story, line, "stage", 3600000),
        .job_ms = story_option_ms(story, line, "job", 7200000),
        .revert_ms = story_option_ms(story, line, "revert", 3600000),
        .answer_ms = story_option_ms(story, line, "answer", 0),
        .otherwise = strstr(line, "otherwise=rollback") != NULL ? CTL_OTHERWISE_ROLLBACK
                                                                : CTL_OTHERWISE_STOP,
        .page_every_ms = story_option_ms(story, line, "every", 60000),
        .traffic_ms = story_option_ms(story, line, "wait", 30000),
        .first_alone = strstr(line, "first=alone") != NULL,
    };
    const char *failures = strstr(line, "failures="), *approvals = strstr(line, "approvals=");
    const char *hooks = strstr(line, "hooks=");
    const char *budget = strstr(line, "budget="), *window = strstr(line, "window=");
    unsigned hour, minute, hours;

    for (uint32_t kind = 0; hooks != NULL && kind < CTL_HOOK_COUNT; kind++)
        limits.hooks |= strstr(hooks, ctl_hook_name(kind)) != NULL ? 1U << kind : 0;
    if (approvals != NULL)
        (void)sscanf(approvals, "approvals=%u", &limits.approvals);
    if (failures != NULL)
        (void)sscanf(failures, "failures=%u", &limits.failures_allowed);
    if (window != NULL && sscanf(window, "window=%u:%u/%uh", &hour, &minute, &hours) == 3) {
        limits.windows[limits.windows_count++] = (struct ctl_window){
            .days = 127, .from_minutes = hour * 60 + minute, .for_minutes = hours * 60};
    }
    if (budget != NULL)
        (void)sscanf(budget, "budget=%u", &limits.budget);
    ctl_rollout_init(&m->rollout, &limits, m->waves, m->wave_count, m->hosts, m->host_count);
}

static uint32_t word_number(const char *line, uint32_t last, const char *(*name)(uint32_t))
{
    char word[32];
    int used;

    while (sscanf(line, " %31[a-z_]%n", word, &used) == 1) {
        for (uint32_t i = 1; i <= last; i++) {
            if (strcmp(name(i), word) == 0)
                return i;
        }
        line += used;
    }

    return 0;
}

static bool parse_host(const struct machine *m, const char *line, struct ctl_rollout_event *event)
{
    unsigned number;
    int used = 0;

    if (sscanf(line, "h%u %n", &number, &used) != 1 || used == 0 || number == 0 ||
        number > m->host_count)
        return false;

    event->host = number - 1;
    line += used;
    if (strcmp(line, "seen") == 0) {
        event->type = CTL_ROLLOUT_HOST_SEEN;
        return true;
    }
    if (strcmp(line, "went back") == 0) {
        event->type = CTL_ROLLOUT_HOST_WENT_BACK;
        return true;
    }

    event->type = CTL_ROLLOUT_HOST_REPORT;
    event->job_state = word_number(line, PROTO_JOB_STATE_LAST, proto_job_state_name);
    event->grade = word_number(line, PROTO_GRADE_SEVERE, proto_grade_name);
    event->nonce = strstr(line, "nonce") != NULL ? NONCE : 0;

    return strncmp(line, "says ", 5) == 0 && event->job_state != 0;
}

static bool parse_order(const char *line, struct ctl_rollout_event *event)
{
    static const char *const names[] = {
        [CTL_ROLLOUT_SUBMIT] = "submit",     [CTL_ROLLOUT_RESTART] = "restart",
        [CTL_ROLLOUT_TIME] = "time",         [CTL_ROLLOUT_PAUSE] = "pause",
        [CTL_ROLLOUT_RESUME] = "resume",     [CTL_ROLLOUT_ABORT] = "abort",
        [CTL_ROLLOUT_ROLLBACK] = "rollback", [CTL_ROLLOUT_RESTORED] = "restored",
    };
    unsigned number;

    event->host = event->wave = CTL_ROLLOUT_ALL;
    if (strcmp(line, "freeze") == 0 || strcmp(line, "unfreeze") == 0) {
        event->type = CTL_ROLLOUT_FREEZE;
        event->yes = line[0] == 'f';
        return true;
    }
    if (sscanf(line, "freeze for %u s", &number) == 1) {
        event->type = CTL_ROLLOUT_FREEZE;
        event->yes = true;
        event->until.ms = event->wall.ms + (int64_t)number * 1000;
        return true;
    }
    if (sscanf(line, "rollback h%u", &number) == 1) {
        event->type = CTL_ROLLOUT_ROLLBACK;
        event->host = number - 1;
        return true;
    }
    if (sscanf(line, "rollback wave %u", &number) == 1) {
        event->type = CTL_ROLLOUT_ROLLBACK;
        event->wave = number - 1;
        return true;
    }
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i] != NULL && strcmp(names[i], line) == 0) {
            event->type = (enum ctl_rollout_event_type)i;
            return true;
        }
    }

    return false;
}

/* "page 1 ended 3", "traffic 1 timed out" */
static bool parse_hook(const char *line, struct ctl_rollout_event *event)
{
    unsigned call, status = 0;
    char word[16];
    int used = 0;

    if (sscanf(line, "%15[a-z] %u %n", word, &call, &used) != 2 || used == 0)
        return false;
    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
        if (strcmp(word, ctl_hook_name(kind)) != 0)
            continue;
        event->type = CTL_ROLLOUT_HOOK_ENDED;
        event->number = kind;
        event->nonce = call;
        event->verdict = CTL_HOOK_TIMED_OUT;
        if (sscanf(line + used, "ended %u", &status) == 1)
            event->verdict = status == 0 ? CTL_HOOK_GOOD : CTL_HOOK_FAILED;
        event->grade = status;
        return event->verdict != CTL_HOOK_TIMED_OUT || strcmp(line + used, "timed out") == 0;
    }

    return false;
}

/* What people sign: it needs the time. */
static bool parse_signed(const struct story *story, const char *line,
                         struct ctl_rollout_event *event)
{
    unsigned wave, person, number;
    char word[8];

    if (sscanf(line, "approve wave %u by %u", &wave, &person) == 2) {
        event->type = CTL_ROLLOUT_APPROVE;
        event->wave = wave - 1;
        event->nonce = person;
        event->until = (struct bl_wall){event->wall.ms + story_option_ms(story, line, "for", 0)};
        return true;
    }
    if (sscanf(line, "answer %u %7s", &number, word) == 2) {
        event->type = CTL_ROLLOUT_ANSWER;
        event->number = number;
        event->yes = strcmp(word, "yes") == 0;
        return event->yes || strcmp(word, "no") == 0;
    }

    return false;
}

static void tell(struct story *story, void *machine, int64_t now_ms, const char *line)
{
    struct machine *m = machine;
    struct ctl_rollout_effects effects = {.capacity = EFFECTS_MAX, .list = m->list};
    struct ctl_rollout_event event = {.now = {.ms = now_ms + 1}, .wall = {.ms = now_ms + WALL_MS}};

    if (now_ms < 0 && strncmp(line, "waves ", 6) == 0) {
        set_waves(story, m, line);
        return;
    }
    if (now_ms < 0 && strncmp(line, "limits", 6) == 0) {
        set_limits(story, m, line);
        return;
    }
    if (strcmp(line, "exit code?") == 0) {
        story_answer(story, "%d", ctl_rollout_exit_code(&m->rollout));
        return;
    }
    if (!parse_host(m, line, &event) && !parse_signed(story, line, &event) &&
        !parse_hook(line, &event) && !parse_order(line, &event))
        story_bad_line(story, line);

    ctl_rollout_step(&m->rollout, &event, &effects);
    ctl_rollout_check(&m->rollout);
    for (uint32_t i = 0; i < effects.count; i++)
        answer(story, m, &effects.list[i]);
}

int main(int argc, char **argv)
{
    static struct machine machine;

    return story_main(argc, argv, tell, &machine);
}
