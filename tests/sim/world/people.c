/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People: they submit plans one after another or beside each other, press buttons, and ask again
 * whenever no answer came.
 */
#include "tests/sim/world/people.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/denied.h"
#include "tests/sim/world/host.h"

enum {
    LOOK_MS = 60 * 1000, /* between two looks at what goes on */
    /* Until every host is connected again in the calm, and has got what was owed to it. */
    CALM_LOOKS = 5,
    FIRST_MS_MAX = 10 * 60 * 1000,
    NEXT_MS_MAX = 2 * 3600 * 1000,
    REPEAT_MS_MAX = 5 * 60 * 1000,
    BUSY_TRIES_MAX = 6,
    WISHES_MAX = 64,
    REVOKED_SHARE = 4, /* of so many hosts one may be taken out */
};

enum desk_state {
    DESK_ASKED = 1, /* submitted, and not known to be taken */
    DESK_TAKEN,
    DESK_REFUSED,
};

struct desk { /* one plan and what people know of it */
    struct sim_plan plan;
    enum desk_state state;
    uint32_t tries;
    bool is_at_rest, is_paused, is_ended;
    struct sim_seen seen;
    uint32_t helped;   /* looks of the calm at which it waited for people */
    sim_ticket ticket; /* to ask again */
};

struct wish { /* an order that was not answered yet */
    bool is_open;
    enum sim_fault button;
    uint32_t desk, host, wave; /* CTL_ROLLOUT_ALL: all */
    bool is_last;              /* pressed in the calm: nothing else would end that rollout */
    sim_ticket ticket;
};

static struct {
    struct desk desks[SIM_PLANS_MAX];
    uint32_t desk_count, planned_count;
    sim_ticket next, look;
    uint32_t calm_looks;
    struct wish wishes[WISHES_MAX];
    bool *is_revoked; /* hosts */
    uint32_t revoked_count;
} people;

static int64_t draw_log(int64_t low, int64_t high)
{
    return sim_draw_log(SIM_DRAW_PERSON, SIM_CONTROLLER, low, high);
}

static uint32_t draw_below(uint32_t bound)
{
    return sim_draw_below(SIM_DRAW_PERSON, SIM_CONTROLLER, bound);
}

static bool is_ok(const json_t *answer)
{
    return json_is_true(json_object_get(answer, "ok"));
}

static const char *code_of(const json_t *answer)
{
    const char *code = json_string_value(json_object_get(answer, "code"));

    return code != NULL ? code : "";
}

/* ---- plans ---- */

static bool may_take(uint32_t host)
{
    return !people.is_revoked[host];
}

/* True when belayd knows it: whoever got no answer looks before asking again. */
static bool is_known(const struct desk *desk)
{
    json_t *answer =
        sim_belayd_ask(json_pack("{s:s, s:o}", "verb", "status", "rollout",
                                 sim_hex(desk->plan.rollout.id, PROTO_ROLLOUT_ID_BYTES)));
    bool known = is_ok(answer);

    json_decref(answer);

    return known;
}

static void on_submit(void *userdata, uint64_t argument);

static void submit_after(struct desk *desk, int64_t after_ms)
{
    sim_cancel(&desk->ticket);
    desk->ticket = sim_after(after_ms, on_submit, desk, SIM_CONTROLLER);
}

static void submit_twice(const struct desk *desk)
{
    json_t *answer = sim_belayd_ask(sim_plan_request(&desk->plan));

    SIM_LAW(!is_ok(answer), "a rollout was taken twice");
    sim_tell(SIM_CONTROLLER, "submitted again: %s", code_of(answer));
    json_decref(answer);
}

/* The versions were taken back before; a person has looked into it and wants them all the same. */
static void lift_all(void)
{
    json_t *list = sim_belayd_ask(json_pack("{s:s}", "verb", "deny.list"));
    const json_t *row;
    size_t i;

    json_array_foreach (json_object_get(list, "denied"), i, row) {
        json_t *answer = sim_belayd_ask(json_pack("{s:s, s:O, s:O}", "verb", "deny.lift", "package",
                                                  json_object_get(row, "package"), "version",
                                                  json_object_get(row, "version")));

        sim_denied_lifted(row, is_ok(answer));
        json_decref(answer);
    }
    json_decref(list);
}

/* What became of hosts, keys and versions meanwhile; the plan itself is as belay makes it. */
static bool is_due_to_others(const char *code)
{
    return code[0] != '\0' &&
           strstr("denied exists expired host_busy not_found unknown_signer", code) != NULL;
}

static void take_answer(struct desk *desk, const json_t *answer)
{
    const char *code = code_of(answer);

    if (is_ok(answer)) {
        desk->state = DESK_TAKEN;
        sim_law_taken_in(desk->plan.rollout.id);
        if (sim_fault(SIM_FAULT_PERSON_SUBMITS_TWICE, SIM_CONTROLLER))
            submit_twice(desk);
        return;
    }
    if (answer == NULL || strcmp(code, "internal") == 0) {
        submit_after(desk, draw_log(1000, REPEAT_MS_MAX));
        return;
    }
    if (desk->tries > 1 && is_known(desk)) {
        desk->state = DESK_TAKEN;
        return;
    }
    if (desk->tries > 1 && sim_belayd_engine() == NULL) {
        submit_after(desk, draw_log(1000, REPEAT_MS_MAX));
        return;
    }
    if (strcmp(code, "host_busy") == 0 && desk->tries < BUSY_TRIES_MAX) {
        submit_after(desk, draw_log(LOOK_MS, NEXT_MS_MAX));
        return;
    }
    if (strcmp(code, "denied") == 0 && desk->tries < BUSY_TRIES_MAX) {
        lift_all();
        submit_after(desk, draw_log(1000, LOOK_MS));
        return;
    }
    SIM_LAW(is_due_to_others(code) ||
                (desk->plan.rollout.takes_whole_zone && strcmp(code, "waves_differ") == 0),
            "plan %u was refused, and it is as people make them: %s", desk->plan.rollout.id[0],
            code);
    desk->state = DESK_REFUSED;
}

static void on_submit(void *userdata, uint64_t argument)
{
    struct desk *desk = userdata;
    json_t *list, *answer;
    bool is_denied;

    desk->ticket = 0;
    if (desk->state != DESK_ASKED)
        return;
    desk->tries++;
    list = sim_belayd_ask(json_pack("{s:s}", "verb", "deny.list"));
    is_denied = sim_denied_look(list);
    json_decref(list);
    answer = sim_belayd_ask(sim_plan_request(&desk->plan));
    SIM_LAW(!is_denied || !is_ok(answer), "versions that are denied were taken in");
    sim_tell(SIM_CONTROLLER, "plan %u over %u hosts in %u waves is submitted: %s",
             desk->plan.rollout.id[0], desk->plan.rollout.hosts_count,
             desk->plan.rollout.waves_count,
             answer == NULL  ? "no answer"
             : is_ok(answer) ? "ok"
                             : code_of(answer));
    take_answer(desk, answer);
    json_decref(answer);
}

static void on_next(void *userdata, uint64_t argument);

static void plan_next(int64_t after_ms)
{
    sim_cancel(&people.next);
    people.next = sim_after(after_ms, on_next, NULL, SIM_CONTROLLER);
}

static bool is_over(const struct desk *desk)
{
    return desk->state == DESK_REFUSED || (desk->state == DESK_TAKEN && desk->is_at_rest);
}

bool sim_people_are_busy(void)
{
    for (uint32_t i = 0; i < people.desk_count; i++) {
        if (!is_over(&people.desks[i]))
            return true;
    }

    return false;
}

/* Half of the next ones come while the ones before are under way. */
static void on_next(void *userdata, uint64_t argument)
{
    struct desk *desk = &people.desks[people.desk_count];

    people.next = 0;
    if (people.desk_count == people.planned_count)
        return;
    if (!sim_plan_draw(&desk->plan, SIM_DRAW_WORLD, people.desk_count, may_take)) {
        people.planned_count--;
        plan_next(0);
        return;
    }
    people.desk_count++;
    desk->state = DESK_ASKED;
    sim_law_submitted(&desk->plan.rollout);
    submit_after(desk, 0);
    if (draw_below(2) == 0)
        plan_next(draw_log(1000, NEXT_MS_MAX));
}

/* It has ended, and no host of it is waited for (one may be ordered back after the end). */
static bool is_at_rest(const struct ctl_rollout *rollout)
{
    if (!ctl_rollout_is_final(rollout))
        return false;
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        if (!ctl_host_state_is_final(rollout->hosts[i].state))
            return false;
    }

    return true;
}

/* Committed by belayd: it has the plan, whether an answer came or not. */
void sim_people_note(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                     const struct ctl_rollout *rollout)
{
    struct sim_seen former;

    for (uint32_t i = 0; i < people.desk_count; i++) {
        struct desk *desk = &people.desks[i];

        if (memcmp(desk->plan.rollout.id, rollout_id, PROTO_ROLLOUT_ID_BYTES) != 0)
            continue;
        desk->is_at_rest = is_at_rest(rollout);
        desk->is_paused = (rollout->holds & (CTL_HOLD_PERSON | CTL_HOLD_GATE)) != 0;
        desk->is_ended = ctl_rollout_is_final(rollout);
        former = desk->seen;
        desk->seen = (struct sim_seen){
            .state = rollout->state,
            .wave = rollout->wave,
            .holds = rollout->holds,
            .is_asked = rollout->alarm.is_open,
            .question = rollout->alarm.number,
        };
        sim_sayings_note(i, &former, &desk->seen);
    }
}

/* ---- buttons ---- */

static const struct button {
    enum sim_fault button;
    const char *verb;
    enum ctl_rollout_event_type order;
} buttons[] = {
    {SIM_FAULT_PERSON_PAUSES, "pause", CTL_ROLLOUT_PAUSE},
    {SIM_FAULT_PERSON_RESUMES, "resume", CTL_ROLLOUT_RESUME},
    {SIM_FAULT_PERSON_ABORTS, "abort", CTL_ROLLOUT_ABORT},
    {SIM_FAULT_PERSON_ROLLS_BACK, "rollback", CTL_ROLLOUT_ROLLBACK},
    {SIM_FAULT_PERSON_ROLLS_BACK_WAVE, "rollback", CTL_ROLLOUT_ROLLBACK},
    {SIM_FAULT_PERSON_ROLLS_BACK_HOST, "rollback", CTL_ROLLOUT_ROLLBACK},
};

static const struct button *find_button(enum sim_fault button)
{
    for (size_t i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++) {
        if (buttons[i].button == button)
            return &buttons[i];
    }
    sim_broken("there is no button %s", sim_fault_name(button));
}

static json_t *make_request(const struct wish *wish, const char *verb)
{
    const uint8_t *id = people.desks[wish->desk].plan.rollout.id;
    json_t *request =
        json_pack("{s:s, s:o}", "verb", verb, "rollout", sim_hex(id, PROTO_ROLLOUT_ID_BYTES));

    if (wish->host != CTL_ROLLOUT_ALL)
        (void)json_object_set_new(request, "host",
                                  sim_hex(sim_host_id(wish->host), PROTO_HOST_ID_BYTES));
    if (wish->wave != CTL_ROLLOUT_ALL)
        (void)json_object_set_new(request, "wave", json_integer((json_int_t)wish->wave + 1));

    return request;
}

static json_t *give_order(const struct wish *wish)
{
    const struct button *button = find_button(wish->button);
    const uint8_t *id = people.desks[wish->desk].plan.rollout.id;
    json_t *answer;

    sim_law_person_asks(id, button->order, wish->host, wish->wave);
    answer = sim_belayd_ask(make_request(wish, button->verb));
    if (is_ok(answer))
        sim_law_person_ordered(id, button->order, wish->host, wish->wave);

    return answer;
}

static json_t *revoke_host(const struct wish *wish)
{
    json_t *answer =
        sim_belayd_ask(json_pack("{s:s, s:o}", "verb", "hosts.revoke", "host",
                                 sim_hex(sim_host_id(wish->host), PROTO_HOST_ID_BYTES)));

    if (is_ok(answer))
        sim_law_host_revoked(wish->host);

    return answer;
}

static void on_wish(void *userdata, uint64_t argument)
{
    struct wish *wish = userdata;
    const bool is_revocation = wish->button == SIM_FAULT_HOST_REVOKED;
    json_t *answer;

    wish->ticket = 0;
    wish->is_open = false;
    /* In the calm nobody insists on what was never answered, but on what must go on or be out. */
    if (sim_is_calm() && wish->button != SIM_FAULT_PERSON_RESUMES && !wish->is_last &&
        !is_revocation)
        return;
    answer = is_revocation ? revoke_host(wish) : give_order(wish);
    sim_tell(SIM_CONTROLLER, "%s: %s", sim_fault_name(wish->button),
             answer == NULL  ? "no answer"
             : is_ok(answer) ? "ok"
                             : code_of(answer));
    if (answer == NULL || strcmp(code_of(answer), "internal") == 0) {
        wish->is_open = true;
        wish->ticket = sim_after(draw_log(1000, REPEAT_MS_MAX), on_wish, wish, SIM_CONTROLLER);
    }
    json_decref(answer);
}

static void want(enum sim_fault button, uint32_t desk, uint32_t host, uint32_t wave)
{
    struct wish *wish = NULL;

    for (uint32_t i = 0; i < WISHES_MAX && wish == NULL; i++) {
        if (!people.wishes[i].is_open)
            wish = &people.wishes[i];
    }
    if (wish == NULL)
        return;
    *wish = (struct wish){.is_open = true,
                          .button = button,
                          .desk = desk,
                          .host = host,
                          .wave = wave,
                          .is_last = sim_is_calm()};
    wish->ticket = sim_after(0, on_wish, wish, SIM_CONTROLLER);
}

/* Mostly the newest that goes on; now and then any, ended ones too. */
static int64_t draw_desk(void)
{
    if (people.desk_count == 0)
        return -1;
    if (draw_below(4) > 0) {
        for (uint32_t i = people.desk_count; i > 0; i--) {
            if (!is_over(&people.desks[i - 1]))
                return i - 1;
        }
    }

    return draw_below(people.desk_count);
}

static void press_order(enum sim_fault button)
{
    const int64_t desk = draw_desk();
    const struct sim_law_rollout *rollout;
    uint32_t host = CTL_ROLLOUT_ALL, wave = CTL_ROLLOUT_ALL;

    if (desk < 0)
        return;
    rollout = &people.desks[desk].plan.rollout;
    if (button == SIM_FAULT_PERSON_ROLLS_BACK_HOST)
        host = rollout->hosts[draw_below(rollout->hosts_count)];
    if (button == SIM_FAULT_PERSON_ROLLS_BACK_WAVE)
        wave = draw_below(rollout->waves_count);
    want(button, (uint32_t)desk, host, wave);
}

/* Any that is older than the newest: what it changed may lie below something that is under way. */
static void press_former(void)
{
    const struct sim_law_rollout *rollout;
    uint32_t desk, place;

    if (people.desk_count < 2)
        return;
    desk = sim_draw_below(SIM_DRAW_LATER, SIM_CONTROLLER, people.desk_count - 1);
    rollout = &people.desks[desk].plan.rollout;
    place = sim_draw_below(SIM_DRAW_LATER, SIM_CONTROLLER, rollout->hosts_count);
    want(SIM_FAULT_PERSON_ROLLS_BACK_HOST, desk, rollout->hosts[place], CTL_ROLLOUT_ALL);
}

static void press_revoke_host(void)
{
    const uint32_t host = draw_below(sim_host_count());

    if (people.is_revoked[host] || people.revoked_count >= sim_host_count() / REVOKED_SHARE)
        return;
    people.is_revoked[host] = true;
    people.revoked_count++;
    want(SIM_FAULT_HOST_REVOKED, 0, host, CTL_ROLLOUT_ALL);
}

void sim_people_trust_came(void *userdata, uint64_t host)
{
    sim_host_set_trust((uint32_t)host, sim_keys_trust());
    for (uint32_t i = 0; i < people.desk_count; i++) {
        const struct sim_plan *plan = &people.desks[i].plan;

        if (sim_keys_is_revoked(plan->signers[0]))
            sim_law_distrusted((uint32_t)host, plan->rollout.id);
    }
}

/* An administrator brings the new trust file to most hosts; all get it from belayd, after its next start. */
static void press_revoke_key(void)
{
    if (!sim_keys_revoke(draw_below(SIM_CARLA)))
        return;
    sim_tell(SIM_CONTROLLER, "a person's key is revoked");
    for (uint32_t host = 0; host < sim_host_count(); host++) {
        if (sim_draw_percent(SIM_DRAW_PERSON, SIM_CONTROLLER, 80))
            (void)sim_after(draw_log(1, NEXT_MS_MAX), sim_people_trust_came, NULL, host);
    }
}

void sim_people_press(enum sim_fault button)
{
    if (button == SIM_FAULT_FORGED_ORDER)
        sim_forge();
    else if (button == SIM_FAULT_FORGED_AIMED)
        sim_forge_aimed();
    else if (button == SIM_FAULT_PERSON_ROLLS_BACK_FORMER)
        press_former();
    else if (button == SIM_FAULT_KEY_REVOKED)
        press_revoke_key();
    else if (button == SIM_FAULT_HOST_REVOKED)
        press_revoke_host();
    else if (button >= SIM_FAULT_PERSON_FREEZES && button <= SIM_FAULT_PERSON_DENIES)
        sim_sayings_press(button);
    else
        press_order(button);
}

/* ---- the day's work ---- */

/* In the calm people do what is waited for; where nobody is left who may, they give it up. */
static void help(uint32_t number)
{
    struct desk *desk = &people.desks[number];

    if (desk->is_paused)
        want(SIM_FAULT_PERSON_RESUMES, number, CTL_ROLLOUT_ALL, CTL_ROLLOUT_ALL);
    if (desk->is_ended ||
        (desk->seen.holds & (CTL_HOLD_APPROVAL | CTL_HOLD_FREEZE | CTL_HOLD_GATE)) == 0) {
        desk->helped = 0;
        return;
    }
    if (sim_sayings_help(number, desk->helped++))
        want(SIM_FAULT_PERSON_ABORTS, number, CTL_ROLLOUT_ALL, CTL_ROLLOUT_ALL);
}

static void on_look(void *userdata, uint64_t argument)
{
    people.look = sim_after(LOOK_MS, on_look, NULL, SIM_CONTROLLER);
    if (sim_is_calm() && !sim_options()->is_calm) {
        people.planned_count = people.desk_count;
        people.calm_looks++;
        for (uint32_t i = 0; i < people.desk_count; i++)
            help(i);
        return;
    }
    if (people.next == 0 && people.desk_count < people.planned_count &&
        is_over(&people.desks[people.desk_count - 1]))
        plan_next(draw_log(1000, NEXT_MS_MAX));
}

const struct sim_plan *sim_people_any_plan(void)
{
    const int64_t desk = draw_desk();

    return desk < 0 || people.desks[desk].state != DESK_TAKEN ? NULL : &people.desks[desk].plan;
}

const struct sim_plan *sim_people_drawn(uint32_t number)
{
    return number < people.desk_count ? &people.desks[number].plan : NULL;
}

const struct sim_plan *sim_people_plan(uint32_t number)
{
    if (number >= people.desk_count)
        return NULL;

    return people.desks[number].state == DESK_TAKEN ? &people.desks[number].plan : NULL;
}

uint32_t sim_people_plans(void)
{
    return people.desk_count;
}

const struct sim_seen *sim_people_seen(uint32_t number)
{
    if (sim_people_plan(number) == NULL || people.desks[number].is_ended ||
        people.desks[number].seen.state == 0)
        return NULL;

    return &people.desks[number].seen;
}

void sim_people_open(void)
{
    memset(&people, 0, sizeof(people));
    sim_keys_open();
    sim_denied_open();
    sim_measure_open();
    people.is_revoked = calloc(sim_host_count(), sizeof(*people.is_revoked));
    if (people.is_revoked == NULL)
        sim_broken("no memory for people");
    people.planned_count = 1 + draw_below(SIM_PLANS_MAX);
    plan_next(draw_log(1000, FIRST_MS_MAX));
    people.look = sim_after(LOOK_MS, on_look, NULL, SIM_CONTROLLER);
}

void sim_people_close(void)
{
    for (uint32_t i = 0; i < people.desk_count; i++)
        sim_plan_release(&people.desks[i].plan);
    free(people.is_revoked);
    sim_keys_close();
}

bool sim_people_are_done(void)
{
    if (people.calm_looks < CALM_LOOKS && !sim_options()->is_calm)
        return false;
    for (uint32_t i = 0; i < people.desk_count; i++) {
        if (!is_over(&people.desks[i]))
            return false;
    }

    return people.desk_count == people.planned_count;
}

uint64_t sim_people_rollouts(void)
{
    return people.desk_count;
}
