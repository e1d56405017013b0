/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays stories of one job on one host. The words of an event:
 *
 *   limits confirm=10m watch=1m quiesce ssh_lock       before the first event
 *   offer | start | commit | commit wrong | cancel | revert CODE | hold | release
 *   STEP ended ok | STEP ended failed|unknown [minor|functional|severe] [CODE]
 *   link up | witnesses none|answers|missing|unknown | time | restart | reboot
 *   found minor|functional|severe CODE
 *
 * The job that an answer tells of is the one last recorded, so a restart begins from that.
 */
#include <stdio.h>
#include <string.h>

#include "agent/core/job.h"
#include "tests/story/story.h"

enum {
    NONCE = 4711
};

struct machine {
    struct agent_job live, disk;
    char code[64];
};

static uint32_t number_of(const struct story *story, const char *word, uint32_t last,
                          const char *(*name)(uint32_t))
{
    for (uint32_t i = 1; i <= last; i++) {
        if (strcmp(name(i), word) == 0)
            return i;
    }

    story_bad_line(story, word);
}

static void answer(struct story *story, const struct agent_job_effect *effect)
{
    const char *space = effect->code[0] != '\0' ? " " : "";

    switch (effect->type) {
    case AGENT_JOB_RECORD:
        if (effect->moment == PROTO_MOMENT_STATE) {
            story_answer(story, "record %s%s%s%s", proto_job_state_name(effect->state),
                         effect->nonce != 0 ? " with nonce" : "", space, effect->code);
        } else if (effect->moment == PROTO_MOMENT_NOTE) {
            story_answer(story, "record that %s finds %s: %s", proto_step_name(effect->step),
                         effect->code, proto_grade_name(effect->grade));
        } else if (effect->moment == PROTO_MOMENT_BEGIN) {
            story_answer(story, "record begin of %s", proto_step_name(effect->step));
        } else {
            story_answer(story, "record end of %s: %s%s%s", proto_step_name(effect->step),
                         proto_result_name(effect->result), space, effect->code);
        }
        break;
    case AGENT_JOB_RUN:
        story_answer(story, "run %s", proto_step_name(effect->step));
        break;
    case AGENT_JOB_RECONNECT:
        story_answer(story, "reconnect");
        break;
    case AGENT_JOB_ASK_WITNESSES:
        story_answer(story, "ask the witnesses");
        break;
    case AGENT_JOB_WAKE:
        story_answer(story, "wake at %s", story_duration_text(effect->wake_at.ms - 1));
        break;
    }
}

static void set_limits(const struct story *story, struct machine *m, const char *line)
{
    struct agent_job_limits limits = {
        .stage_ms = story_option_ms(story, line, "stage", 3600000),
        .ready_ms = story_option_ms(story, line, "ready", 0),
        .confirm_within_ms = story_option_ms(story, line, "confirm", 600000),
        .watch_ms = story_option_ms(story, line, "watch", 60000),
        .keep_way_back_ms = story_option_ms(story, line, "keep", 604800000),
        .quiesce = strstr(line, " quiesce") != NULL,
        .ssh_lock = strstr(line, " ssh_lock") != NULL,
    };

    agent_job_init(&m->live, &limits);
    m->disk = m->live;
}

static bool parse_ended(const struct story *story, struct machine *m, const char *line,
                        struct agent_job_event *event)
{
    char step[32], result[32], grade[32] = "";
    int count =
        sscanf(line, "%31[a-z_] ended %31[a-z_] %31[a-z_] %63[a-z_]", step, result, grade, m->code);

    if (count < 2)
        return false;

    event->type = AGENT_JOB_STEP_ENDED;
    event->step = number_of(story, step, PROTO_STEP_LAST, proto_step_name);
    event->result = number_of(story, result, PROTO_RESULT_UNKNOWN, proto_result_name);
    if (count < 3)
        return true;

    event->code = m->code;
    if (strcmp(grade, "minor") == 0 || strcmp(grade, "functional") == 0 ||
        strcmp(grade, "severe") == 0) {
        event->grade = number_of(story, grade, PROTO_GRADE_SEVERE, proto_grade_name);
    } else {
        memcpy(m->code, grade, sizeof(grade));
    }

    return true;
}

static bool parse_found(const struct story *story, struct machine *m, const char *line,
                        struct agent_job_event *event)
{
    char grade[32];

    if (sscanf(line, "found %31[a-z] %63[a-z_]", grade, m->code) != 2)
        return false;
    *event = (struct agent_job_event){
        .type = AGENT_JOB_FOUND,
        .grade = number_of(story, grade, PROTO_GRADE_SEVERE, proto_grade_name),
        .code = m->code};

    return true;
}

static bool parse_plain(const char *line, struct agent_job_event *event)
{
    static const struct {
        const char *words;
        struct agent_job_event event;
    } plain[] = {
        {"offer", {.type = AGENT_JOB_OFFER, .nonce = NONCE}},
        {"start", {.type = AGENT_JOB_START}},
        {"commit", {.type = AGENT_JOB_COMMIT, .nonce = NONCE}},
        {"commit wrong", {.type = AGENT_JOB_COMMIT, .nonce = NONCE + 1}},
        {"cancel", {.type = AGENT_JOB_CANCEL, .code = "cancelled_by_person"}},
        {"hold", {.type = AGENT_JOB_HOLD}},
        {"release", {.type = AGENT_JOB_RELEASE}},
        {"link up", {.type = AGENT_JOB_LINK_UP}},
        {"witnesses none",
         {.type = AGENT_JOB_WITNESSES, .witnesses = AGENT_JOB_WITNESSES_NONE_ANSWERS}},
        {"witnesses answers",
         {.type = AGENT_JOB_WITNESSES, .witnesses = AGENT_JOB_WITNESSES_CONTROLLER_ANSWERS}},
        {"witnesses missing",
         {.type = AGENT_JOB_WITNESSES, .witnesses = AGENT_JOB_WITNESSES_CONTROLLER_MISSING}},
        {"witnesses unknown",
         {.type = AGENT_JOB_WITNESSES, .witnesses = AGENT_JOB_WITNESSES_UNKNOWN}},
        {"time", {.type = AGENT_JOB_TIME}},
        {"restart", {.type = AGENT_JOB_RESTART}},
        {"reboot", {.type = AGENT_JOB_RESTART, .rebooted = true}},
    };

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strcmp(plain[i].words, line) == 0) {
            *event = plain[i].event;
            return true;
        }
    }

    return false;
}

static void tell(struct story *story, void *machine, int64_t now_ms, const char *line)
{
    struct machine *m = machine;
    struct agent_job_event event = {0};
    struct agent_job_effects effects;

    if (now_ms < 0 && strncmp(line, "limits", 6) == 0) {
        set_limits(story, m, line);
        return;
    }

    m->code[0] = '\0';
    if (sscanf(line, "revert %63[a-z_]", m->code) == 1) {
        event = (struct agent_job_event){.type = AGENT_JOB_REVERT, .code = m->code};
    } else if (!parse_plain(line, &event) && !parse_ended(story, m, line, &event) &&
               !parse_found(story, m, line, &event)) {
        story_bad_line(story, line);
    }

    if (event.type == AGENT_JOB_RESTART)
        m->live = m->disk;
    event.now.ms = now_ms + 1; /* an instant of 0 means "not set" */
    agent_job_step(&m->live, &event, &effects);
    for (uint32_t i = 0; i < effects.count; i++) {
        if (effects.list[i].type == AGENT_JOB_RECORD)
            m->disk = m->live;
        answer(story, &effects.list[i]);
    }
}

int main(int argc, char **argv)
{
    static struct machine machine;

    return story_main(argc, argv, tell, &machine);
}
