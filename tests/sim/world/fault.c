/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/chance.h"
#include "tests/sim/world/faults.h"

enum {
    RATE_UNIT = 1000 * 1000, /* rates are in millionths of an opportunity */
    RULES_WORLDS_PCT = 25,
    RULES_KINDS_PCT = 70,
    SEVERE_WORLDS_PCT = 30,
    SEVERE_PCT = 50, /* of the changes, in these */
    SEVERE_PLANS_PCT = 85,
};

/* The usual rate of a fault at one opportunity, in millionths; what has none here cannot happen. */
static const uint32_t usual[SIM_FAULT_COUNT] = {
    [SIM_FAULT_AGENT_KILLED] = 2000,
    [SIM_FAULT_COURIER_KILLED] = 20000,
    [SIM_FAULT_BELAYD_KILLED] = 800,
    [SIM_FAULT_UNIT_KILLED] = 20000,
    [SIM_FAULT_POWER_CUT] = 20000,
    [SIM_FAULT_CONTROLLER_POWER_CUT] = 15000,
    [SIM_FAULT_CONTROLLER_AWAY] = 15000,
    [SIM_FAULT_REBOOT] = 20000,
    [SIM_FAULT_REBOOT_LOOP] = 8000,
    [SIM_FAULT_BOOT_NEVER] = 2000,
    [SIM_FAULT_SYNC_FAILED] = 500,
    [SIM_FAULT_DISK_FULL] = 500,
    [SIM_FAULT_READ_FAILED] = 200,
    [SIM_FAULT_WRITE_FAILED] = 300,
    [SIM_FAULT_MESSAGE_LOST] = 8000,
    [SIM_FAULT_MESSAGE_DOUBLED] = 8000,
    [SIM_FAULT_MESSAGE_SWAPPED] = 40000,
    [SIM_FAULT_MESSAGE_DELAYED] = 10000,
    [SIM_FAULT_PARTITION] = 20000,
    [SIM_FAULT_PARTITION_UP] = 15000,
    [SIM_FAULT_PARTITION_DOWN] = 15000,
    [SIM_FAULT_LINK_RESET] = 20000,
    [SIM_FAULT_CLOCK_JUMPED] = 20000,
    [SIM_FAULT_CLOCK_STOPPED] = 8000,
    [SIM_FAULT_CLOCK_YEARS_OFF] = 100000,
    [SIM_FAULT_SNAPSHOT_RESTORED] = 3000,
    [SIM_FAULT_HOST_CLONED] = 3000,
    [SIM_FAULT_CHILD_HANGS] = 40000,
    [SIM_FAULT_CHILD_LIES] = 40000,
    [SIM_FAULT_CHILD_DIES] = 40000,
    [SIM_FAULT_CHANGE_BREAKS_SERVICE] = 120000,
    [SIM_FAULT_CHANGE_FAILS] = 120000,
    [SIM_FAULT_CHANGE_CUTS_OFF] = 120000,
    [SIM_FAULT_WAY_BACK_FAILS] = 300000,
    [SIM_FAULT_RELEASE_FAILS] = 60000,
    [SIM_FAULT_STAGE_FAILS] = 60000,
    [SIM_FAULT_PROBE_FAILS] = 60000,
    [SIM_FAULT_KEY_REVOKED] = 1500,
    [SIM_FAULT_HOST_REVOKED] = 2000,
    [SIM_FAULT_PERSON_PAUSES] = 8000,
    [SIM_FAULT_PERSON_RESUMES] = 30000,
    [SIM_FAULT_PERSON_ABORTS] = 2000,
    [SIM_FAULT_PERSON_ROLLS_BACK] = 3000,
    [SIM_FAULT_PERSON_ROLLS_BACK_WAVE] = 4000,
    [SIM_FAULT_PERSON_ROLLS_BACK_HOST] = 6000,
    [SIM_FAULT_PERSON_RESCUES] = 10000,
    [SIM_FAULT_PERSON_SUBMITS_TWICE] = 100000,
    [SIM_FAULT_FORGED_ORDER] = 6000,
    [SIM_FAULT_AGENT_UPGRADED] = 8000,
    [SIM_FAULT_SAME_TICK] = 50000,
    [SIM_FAULT_POWER_CUT_WRITING] = 500,
    [SIM_FAULT_PERSON_ROLLS_BACK_FORMER] = 12000,
    [SIM_FAULT_FORGED_AIMED] = 12000,
    [SIM_FAULT_COURIER_FULL] = 10000,
    [SIM_FAULT_FORGED_ACK] = 300000,
    [SIM_FAULT_WAY_BACK_LIES] = 120000,
    [SIM_FAULT_SERVICE_BREAKS_LATE] = 120000,
    [SIM_FAULT_FIGURE_GETS_BAD] = 200000,
    [SIM_FAULT_PLAN_WINDOWS] = 400000,
    [SIM_FAULT_PLAN_APPROVALS] = 600000,
    [SIM_FAULT_PLAN_ASKS] = 600000,
    [SIM_FAULT_PERSON_FREEZES] = 4000,
    [SIM_FAULT_PERSON_UNFREEZES] = 20000,
    [SIM_FAULT_PERSON_APPROVES] = 300000,
    [SIM_FAULT_PERSON_ANSWERS] = 200000,
    [SIM_FAULT_FORGED_APPROVAL] = 60000,
    [SIM_FAULT_PERSON_DENIES] = 2000,
    [SIM_FAULT_CHANGE_BREAKS_MORE] = 200000,
    [SIM_FAULT_PLAN_GATES] = 500000,
    [SIM_FAULT_GATE_BAD] = 100000,
    [SIM_FAULT_GATE_UNSURE] = 120000,
    [SIM_FAULT_GATE_STALE] = 250000,
    [SIM_FAULT_GATE_FAILS] = 250000,
    [SIM_FAULT_GATE_SLOW] = 200000,
    [SIM_FAULT_PERSON_ANSWERS_SOON] = 1000000,
    [SIM_FAULT_WORD_NEARLY_FITS] = 1000000,
    [SIM_FAULT_PLAN_SAMPLE] = 600000,
    [SIM_FAULT_PLAN_HOOKS] = 700000,
    [SIM_FAULT_HOOK_FAILS] = 300000,
    [SIM_FAULT_HOOK_HANGS] = 250000,
    [SIM_FAULT_PLAN_SPREAD] = 600000,
};

static const char *const names[SIM_FAULT_COUNT] = {
#define X(name, text) text,
    SIM_FAULTS(X)
#undef X
};

static struct {
    uint32_t rates[SIM_FAULT_COUNT];
    uint32_t hosts;
    uint32_t *chances; /* opportunities so far, of each kind for each machine */
    struct sim_fault_done *done;
    uint32_t done_count, done_capacity;
} faults;

/* What is asked of people and gates, what they say, and what makes that matter. */
static bool is_of_rules(uint32_t fault)
{
    return fault == SIM_FAULT_CHANGE_BREAKS_SERVICE ||
           (fault >= SIM_FAULT_SERVICE_BREAKS_LATE && fault <= SIM_FAULT_PLAN_ASKS) ||
           fault >= SIM_FAULT_PERSON_APPROVES;
}

/*
 * Where machines and networks fail, hardly a rollout comes so far that people are asked. In these
 * worlds nothing else fails.
 */
static void draw_rules_only(uint32_t kinds)
{
    for (uint32_t i = 0; i < kinds; i++) {
        const bool is_on = sim_draw_percent(SIM_DRAW_LATER, SIM_CONTROLLER, RULES_KINDS_PCT);

        faults.rates[i] = is_of_rules(i) && is_on ? usual[i] : 0;
    }
}

/*
 * What a severe failure sets going is seen only when something fails so, and most of what else fails
 * hides it: in these worlds services break, belayd and its machine end now and then, and people
 * answer or sleep on.
 */
static void draw_severe_only(void)
{
    static const enum sim_fault often[] = {SIM_FAULT_PLAN_ASKS, SIM_FAULT_PLAN_HOOKS,
                                           SIM_FAULT_PLAN_SPREAD};
    static const enum sim_fault now_and_then[] = {
        SIM_FAULT_HOOK_FAILS,           SIM_FAULT_HOOK_HANGS,       SIM_FAULT_PERSON_ANSWERS_SOON,
        SIM_FAULT_CONTROLLER_POWER_CUT, SIM_FAULT_BELAYD_KILLED,    SIM_FAULT_CLOCK_JUMPED,
        SIM_FAULT_SERVICE_BREAKS_LATE,  SIM_FAULT_FIGURE_GETS_BAD,  SIM_FAULT_WAY_BACK_FAILS,
        SIM_FAULT_PERSON_ANSWERS,       SIM_FAULT_PERSON_ROLLS_BACK};

    memset(faults.rates, 0, sizeof(faults.rates));
    faults.rates[SIM_FAULT_CHANGE_BREAKS_SERVICE] = RATE_UNIT / 100 * SEVERE_PCT;
    faults.rates[SIM_FAULT_CHANGE_BREAKS_MORE] = usual[SIM_FAULT_CHANGE_BREAKS_MORE];
    for (size_t i = 0; i < sizeof(often) / sizeof(often[0]); i++)
        faults.rates[often[i]] = RATE_UNIT / 100 * SEVERE_PLANS_PCT;
    for (size_t i = 0; i < sizeof(now_and_then) / sizeof(now_and_then[0]); i++) {
        if (sim_draw_percent(SIM_DRAW_LATER, SIM_CONTROLLER, RULES_KINDS_PCT / 2))
            faults.rates[now_and_then[i]] = usual[now_and_then[i]];
    }
}

/* Most worlds have a handful of kinds, some have all: rare pairs need both. */
void sim_faults_open(uint32_t hosts)
{
    uint32_t kinds_pct = (uint32_t)sim_draw_between(SIM_DRAW_WORLD, SIM_CONTROLLER, 5, 70);
    const uint32_t kinds = sim_options()->kinds != 0 ? sim_options()->kinds : SIM_FAULT_COUNT;

    memset(&faults, 0, sizeof(faults));
    faults.hosts = hosts;
    faults.chances = calloc((size_t)SIM_FAULT_COUNT * (hosts + 1), sizeof(*faults.chances));
    if (faults.chances == NULL)
        sim_broken("no memory for faults");
    for (uint32_t i = 0; i < kinds; i++) {
        const enum sim_draw what = i < SIM_FAULT_FIRST_KINDS ? SIM_DRAW_WORLD : SIM_DRAW_LATER;
        uint32_t eighths = 1U << sim_draw_below(what, SIM_CONTROLLER, 6);

        if (sim_draw_percent(what, SIM_CONTROLLER, kinds_pct))
            faults.rates[i] = usual[i] / 8 * eighths;
    }
    if (kinds > SIM_FAULT_WORD_NEARLY_FITS &&
        sim_draw_percent(SIM_DRAW_LATER, SIM_CONTROLLER, RULES_WORLDS_PCT))
        draw_rules_only(kinds);
    else if (kinds > SIM_FAULT_PLAN_SPREAD &&
             sim_draw_percent(SIM_DRAW_LATER, SIM_CONTROLLER, SEVERE_WORLDS_PCT))
        draw_severe_only();
    if (sim_options()->is_calm)
        memset(faults.rates, 0, sizeof(faults.rates));
}

void sim_faults_close(void)
{
    free(faults.chances);
    free(faults.done);
    memset(&faults, 0, sizeof(faults));
}

static bool is_wanted(const struct sim_fault_id *id)
{
    const struct sim_options *options = sim_options();

    if (options->only == NULL)
        return true;
    for (uint32_t i = 0; i < options->only_count; i++) {
        const struct sim_fault_id *only = &options->only[i];

        if (only->fault == id->fault && only->machine == id->machine && only->number == id->number)
            return true;
    }

    return false;
}

static void list(const struct sim_fault_id *id)
{
    if (faults.done_count == faults.done_capacity) {
        uint32_t capacity = faults.done_capacity == 0 ? 64 : 2 * faults.done_capacity;
        struct sim_fault_done *done = reallocarray(faults.done, capacity, sizeof(*done));

        if (done == NULL)
            sim_broken("no memory for faults");
        faults.done = done;
        faults.done_capacity = capacity;
    }
    faults.done[faults.done_count++] = (struct sim_fault_done){*id, sim_now_ms()};
}

bool sim_fault(enum sim_fault fault, uint32_t machine)
{
    uint32_t place = sim_dense(machine);
    struct sim_fault_id id = {fault, machine, 0};
    uint64_t drawn;

    if (faults.rates[fault] == 0 || sim_is_calm())
        return false;
    id.number = faults.chances[(size_t)fault * (faults.hosts + 1) + place]++;
    drawn =
        sim_mix(sim_chance_seed() ^ UINT64_C(0xfa017), (uint64_t)fault << 32 | place, id.number);
    if (drawn % RATE_UNIT >= faults.rates[fault] || !is_wanted(&id))
        return false;
    list(&id);
    sim_fold(fault, (uint64_t)machine << 32 | id.number);
    sim_tell(machine, "FAULT %s", names[fault]);

    return true;
}

const char *sim_fault_name(enum sim_fault fault)
{
    return names[fault];
}

const struct sim_fault_done *sim_fault_list(uint32_t *ret_count)
{
    *ret_count = faults.done_count;

    return faults.done;
}
