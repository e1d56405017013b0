/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people say of rollouts that are under way: this wave may start, a severe failure is answered so.
 * Some of it is good and some is not; also freezes, and versions that somebody denies.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/people.h"

enum {
    MINUTE_MS = 60 * 1000,
    FREEZE_MS_MAX = 6 * 3600 * 1000,
    TEXT_BYTES = 2 * PROTO_APPROVAL_BYTES_MAX,
    SOON_MS_MIN = 2000,
    SOON_MS_MAX = 5 * MINUTE_MS,
    ABORT_AFTER_LOOKS = 10, /* that brought nothing: of those who may approve too few are left */
};

enum flaw {
    FLAW_NONE,
    FLAW_STRANGER, /* a key that no trust file names */
    FLAW_OVER,
    FLAW_TOO_LONG,
    FLAW_FUTURE,
    FLAW_MANIFEST, /* of another manifest */
    FLAW_COUNT,
    FLAW_NUMBER = FLAW_COUNT, /* of another failure */
};

struct saying {
    const struct sim_plan *plan;
    uint32_t about, number, person;
    enum flaw flaw;
    int64_t given_ms, not_after_ms; /* by belayd's clock, which the desk has, too */
};

static uint32_t draw_below(uint32_t bound)
{
    return sim_draw_below(SIM_DRAW_RULES, SIM_CONTROLLER, bound);
}

static int64_t draw_log(int64_t low, int64_t high)
{
    return sim_draw_log(SIM_DRAW_RULES, SIM_CONTROLLER, low, high);
}

static bool is_ok(const json_t *answer)
{
    return json_is_true(json_object_get(answer, "ok"));
}

static void tell(const char *what, const json_t *answer)
{
    const char *code = json_string_value(json_object_get(answer, "code"));

    sim_tell(SIM_CONTROLLER, "%s: %s", what,
             answer == NULL  ? "no answer"
             : is_ok(answer) ? "ok"
                             : code);
}

/* ---- one that is signed ---- */

static void seal(const struct saying *saying, struct proto_buffer *ret_file)
{
    struct proto_approval approval = {
        .format = PROTO_APPROVAL_FORMAT,
        .about = saying->about,
        .number = saying->number,
        .given_ms = saying->given_ms,
        .not_after_ms = saying->not_after_ms,
    };

    memcpy(approval.rollout_id, saying->plan->rollout.id, PROTO_ROLLOUT_ID_BYTES);
    proto_manifest_hash(saying->plan->manifest.data, saying->plan->manifest.size_bytes,
                        approval.manifest_hash);
    if (saying->flaw == FLAW_MANIFEST)
        approval.manifest_hash[0] ^= 1;
    sim_keys_seal(saying->flaw == FLAW_STRANGER ? SIM_PEOPLE : saying->person, &approval, ret_file);
}

/* A word of nobody who may say it: belayd must not take it, whenever it comes. */
static bool is_good(const struct saying *saying)
{
    const uint32_t role = sim_keys_role(saying->person);
    const bool is_wave = saying->about == PROTO_APPROVAL_WAVE;

    if (saying->flaw != FLAW_NONE || sim_keys_was_revoked(saying->person))
        return false;
    if (is_wave)
        return saying->person != saying->plan->signers[0] && role >= saying->plan->approvals_by;

    return saying->about == PROTO_APPROVAL_ROLLBACK || role >= PROTO_ROLE_COMMANDER;
}

static json_t *send(const struct saying *saying)
{
    PROTO_AUTO_BUFFER file = {0};
    char text[TEXT_BYTES];

    seal(saying, &file);
    (void)sodium_bin2base64(text, sizeof(text), file.data, file.size_bytes,
                            sodium_base64_VARIANT_ORIGINAL);

    return sim_belayd_ask(json_pack("{s:s, s:s}", "verb", "approve", "approval", text));
}

static void say(const struct saying *saying)
{
    const uint8_t *id = saying->plan->rollout.id;
    const struct sim_law_word word = {
        .about = saying->about,
        .number = saying->number,
        .person = saying->person,
        .until_wall_ms = saying->not_after_ms,
        .is_good = is_good(saying),
    };
    json_t *answer;

    sim_law_word_asks(id, &word);
    answer = send(saying);
    if (is_ok(answer))
        sim_law_word_taken(id, &word);
    sim_tell(SIM_CONTROLLER, "plan %u, person %u%s:", id[0], saying->person,
             word.is_good ? "" : " (not good)");
    tell(proto_approval_about_name(saying->about), answer);
    json_decref(answer);
}

static struct saying begin(const struct sim_plan *plan, uint32_t about, uint32_t number)
{
    const int64_t now_ms = sim_controller_wall_ms();

    return (struct saying){
        .plan = plan,
        .about = about,
        .number = number,
        .given_ms = now_ms,
        .not_after_ms = now_ms + plan->approval_ms,
    };
}

/* ---- by chance ---- */

static void make_flaw(struct saying *saying)
{
    const int64_t good_ms = saying->plan->approval_ms;

    saying->flaw = FLAW_STRANGER + draw_below(FLAW_COUNT - FLAW_STRANGER);
    if (saying->flaw == FLAW_OVER) {
        saying->not_after_ms = saying->given_ms - draw_log(1, good_ms);
        saying->given_ms = saying->not_after_ms - good_ms;
    } else if (saying->flaw == FLAW_TOO_LONG) {
        saying->not_after_ms = saying->given_ms + good_ms + draw_log(1, MINUTE_MS);
    } else if (saying->flaw == FLAW_FUTURE) {
        saying->given_ms += 6 * MINUTE_MS;
        saying->not_after_ms += 6 * MINUTE_MS;
    }
}

/* Any that goes on; UINT32_MAX: there is none. */
static uint32_t draw_plan(void)
{
    const uint32_t count = sim_people_plans();
    const uint32_t first = count == 0 ? 0 : draw_below(count);

    for (uint32_t i = 0; i < count; i++) {
        if (sim_people_seen((first + i) % count) != NULL)
            return (first + i) % count;
    }

    return UINT32_MAX;
}

/* Ahead of time, in time, or of a wave that has begun; now and then the same twice. */
static void press_approval(bool is_flawed)
{
    const uint32_t number = draw_plan();
    const struct sim_plan *plan;
    struct saying saying;

    if (number == UINT32_MAX || sim_people_plan(number)->rollout.limits.approvals == 0)
        return;
    plan = sim_people_plan(number);
    saying = begin(plan, PROTO_APPROVAL_WAVE, 1 + draw_below(plan->rollout.waves_count));
    if (draw_below(4) > 0)
        saying.number = sim_people_seen(number)->wave + (sim_people_seen(number)->wave > 0 ? 1 : 2);
    saying.person = draw_below(SIM_PEOPLE);
    saying.not_after_ms = saying.given_ms + draw_log(1000, plan->approval_ms);
    if (is_flawed && draw_below(3) > 0)
        make_flaw(&saying);
    else if (is_flawed)
        saying.person = plan->signers[0];
    say(&saying);
    if (draw_below(4) == 0)
        say(&saying);
}

static void press_answer(bool is_flawed)
{
    const uint32_t number = draw_plan();
    const struct sim_seen *seen;
    struct saying saying;

    seen = number == UINT32_MAX ? NULL : sim_people_seen(number);
    if (seen == NULL || (!seen->is_asked && draw_below(40) > 0))
        return;
    saying = begin(sim_people_plan(number),
                   draw_below(2) == 0 ? PROTO_APPROVAL_ROLLBACK : PROTO_APPROVAL_NO_ROLLBACK,
                   seen->question > 0 ? seen->question : 1);
    saying.person = draw_below(2) == 0 ? (uint32_t)SIM_CARLA : draw_below(SIM_PEOPLE);
    if (is_flawed && draw_below(4) > 0) {
        make_flaw(&saying);
    } else if (is_flawed) {
        saying.number += 1 + draw_below(2);
        saying.flaw = FLAW_NUMBER;
    }
    say(&saying);
    if (draw_below(4) == 0)
        say(&saying);
}

/* ---- in time ---- */

/* Somebody who may say it, or all but may; `is_flawed` is of that moment. */
static uint32_t choose(const struct sim_plan *plan, uint32_t about, bool is_flawed)
{
    const uint32_t first = sim_draw_below(SIM_DRAW_LATER, SIM_CONTROLLER, SIM_PEOPLE);
    struct saying saying = begin(plan, about, 1);

    for (uint32_t i = 0; i < SIM_PEOPLE; i++) {
        saying.person = (first + i) % SIM_PEOPLE;
        if (is_good(&saying) != is_flawed)
            return saying.person;
    }

    return first;
}

/* Everything fits but one thing: who says it, or what is wrong with it. */
static void come_near(struct saying *saying)
{
    const bool is_person = sim_draw_below(SIM_DRAW_LATER, SIM_CONTROLLER, 2) == 0;

    saying->person = choose(saying->plan, saying->about, is_person);
    if (!is_person)
        make_flaw(saying);
}

static uint64_t note_of(uint32_t number, bool is_flawed)
{
    return (uint64_t)number << 1 | (is_flawed ? 1 : 0);
}

static void on_soon(void *userdata, uint64_t note)
{
    const uint32_t number = (uint32_t)(note >> 1);
    const struct sim_seen *seen = sim_people_seen(number);
    const bool is_flawed = (note & 1) != 0;
    uint32_t about = PROTO_APPROVAL_WAVE;
    struct saying saying;

    if (seen == NULL || (!seen->is_asked && (seen->holds & CTL_HOLD_APPROVAL) == 0))
        return;
    if (seen->is_asked)
        about = sim_draw_below(SIM_DRAW_LATER, SIM_CONTROLLER, 2) == 0 ? PROTO_APPROVAL_ROLLBACK
                                                                       : PROTO_APPROVAL_NO_ROLLBACK;
    saying =
        begin(sim_people_plan(number), about, seen->is_asked ? seen->question : seen->wave + 1);
    if (is_flawed)
        come_near(&saying);
    else
        saying.person = choose(saying.plan, about, false);
    say(&saying);
    if (sim_draw_below(SIM_DRAW_LATER, SIM_CONTROLLER, 2) == 0)
        (void)sim_after(sim_draw_log(SIM_DRAW_LATER, SIM_CONTROLLER, 1, SOON_MS_MAX), on_soon, NULL,
                        note);
}

void sim_sayings_note(uint32_t number, const struct sim_seen *former, const struct sim_seen *seen)
{
    const bool waits = (seen->holds & CTL_HOLD_APPROVAL) != 0;
    const bool is_new = (seen->is_asked && seen->question != former->question) ||
                        (waits && (former->holds & CTL_HOLD_APPROVAL) == 0);

    if (!is_new)
        return;
    if (sim_fault(SIM_FAULT_PERSON_ANSWERS_SOON, SIM_CONTROLLER))
        (void)sim_after(sim_draw_log(SIM_DRAW_LATER, SIM_CONTROLLER, SOON_MS_MIN, SOON_MS_MAX),
                        on_soon, NULL, note_of(number, false));
    if (sim_fault(SIM_FAULT_WORD_NEARLY_FITS, SIM_CONTROLLER))
        (void)sim_after(sim_draw_log(SIM_DRAW_LATER, SIM_CONTROLLER, 1, SOON_MS_MIN), on_soon, NULL,
                        note_of(number, true));
}

/* ---- the controller as a whole ---- */

static void freeze(void)
{
    const int64_t for_ms = draw_below(5) == 0 ? 0 : draw_log(MINUTE_MS, FREEZE_MS_MAX);
    const int64_t until_ms = for_ms == 0 ? 0 : sim_controller_wall_ms() + for_ms;
    json_t *request = json_pack("{s:s}", "verb", "freeze"), *answer;

    if (for_ms > 0)
        (void)json_object_set_new(request, "for_ms", json_integer((json_int_t)for_ms));
    sim_law_freeze_asks();
    answer = sim_belayd_ask(request);
    if (is_ok(answer))
        sim_law_frozen(until_ms);
    tell("freeze", answer);
    json_decref(answer);
}

static void unfreeze(void)
{
    json_t *answer;

    sim_law_freeze_asks();
    answer = sim_belayd_ask(json_pack("{s:s}", "verb", "unfreeze"));
    tell("unfreeze", answer);
    json_decref(answer);
}

/* All plans of this world install it. */
static void deny(void)
{
    json_t *answer = sim_belayd_ask(
        json_pack("{s:s, s:s, s:s}", "verb", "deny.add", "package", "nginx", "version", "2"));

    if (is_ok(answer))
        sim_law_all_paused();
    tell("deny", answer);
    json_decref(answer);
}

void sim_sayings_press(enum sim_fault button)
{
    if (button == SIM_FAULT_PERSON_FREEZES)
        freeze();
    else if (button == SIM_FAULT_PERSON_UNFREEZES)
        unfreeze();
    else if (button == SIM_FAULT_PERSON_DENIES)
        deny();
    else if (button == SIM_FAULT_PERSON_APPROVES)
        press_approval(/* is_flawed= */ false);
    else if (button == SIM_FAULT_PERSON_ANSWERS)
        press_answer(/* is_flawed= */ false);
    else if (draw_below(2) == 0)
        press_approval(/* is_flawed= */ true);
    else
        press_answer(/* is_flawed= */ true);
}

/* ---- the calm ---- */

/* What a rollout waits for, it tells: how, by whom, and what to type. */
static void look_at_holds(const struct sim_plan *plan)
{
    json_t *status = sim_belayd_ask(json_pack("{s:s, s:o}", "verb", "status", "rollout",
                                              sim_hex(plan->rollout.id, PROTO_ROLLOUT_ID_BYTES)));
    const json_t *holds = json_object_get(status, "holds"), *hold;
    const char *next = json_string_value(json_object_get(status, "next"));
    size_t i;

    if (is_ok(status) && !json_is_true(json_object_get(status, "final"))) {
        SIM_LAW(json_array_size(holds) > 0 && next != NULL && strncmp(next, "belay ", 6) == 0,
                "rollout %u waits, and does not tell for what: next is '%s'", plan->rollout.id[0],
                next != NULL ? next : "");
        SIM_LAW(json_integer_value(json_object_get(status, "exit_code")) == 4,
                "rollout %u waits for a person, and its exit code is not 4", plan->rollout.id[0]);
        json_array_foreach (holds, i, hold)
            SIM_LAW(json_string_length(json_object_get(hold, "code")) > 0 &&
                        json_string_length(json_object_get(hold, "reason")) > 0,
                    "rollout %u is held for no reason", plan->rollout.id[0]);
    }
    json_decref(status);
}

bool sim_sayings_help(uint32_t number, uint32_t times)
{
    const struct sim_seen *seen = sim_people_seen(number);
    const struct sim_plan *plan = sim_people_plan(number);
    struct saying saying;
    uint32_t wave;

    if (seen == NULL || plan == NULL)
        return false;
    if ((seen->holds & CTL_HOLD_FREEZE) != 0)
        unfreeze();
    if (times == 0 && (seen->holds & (CTL_HOLD_APPROVAL | CTL_HOLD_GATE)) != 0)
        look_at_holds(plan);
    if ((seen->holds & CTL_HOLD_APPROVAL) == 0)
        return false;
    wave = seen->wave;
    for (uint32_t person = 0; person < SIM_PEOPLE; person++) {
        saying = begin(plan, PROTO_APPROVAL_WAVE, wave + 1);
        saying.person = person;
        if (is_good(&saying) && !sim_keys_is_revoked(person))
            say(&saying);
    }

    return times >= ABORT_AFTER_LOOKS;
}
