/* SPDX-License-Identifier: Apache-2.0 */
/* Prints docs/states.md from the tables of the decision cores: `build/tests/story/states`. */
#include <stdio.h>

#include "agent/core/job.h"
#include "controller/core/rollout.h"

struct code {
    const char *code, *meaning;
};

static const char *const job_meanings[] = {
    [PROTO_JOB_OFFERED] = "an order came; nothing is decided yet",
    [PROTO_JOB_REFUSED] = "the order is not one that this host follows; the refusal says why",
    [PROTO_JOB_ACCEPTED] = "signatures, times, counter and inclusion proof are right",
    [PROTO_JOB_STAGING] = "fetches, lays the way back, rehearses both ways; touches nothing but, "
                          "when signed, half done packages",
    [PROTO_JOB_BLOCKED] = "staging found what speaks against the change; nothing was changed",
    [PROTO_JOB_READY] = "the way back lies ready; waits for START",
    [PROTO_JOB_CANCELLED] = "ended before the change, on order; nothing is changed",
    [PROTO_JOB_ISOLATING] = "pauses jobs, locks SSH, each as a lease",
    [PROTO_JOB_CHANGING] = "arms the silence timer, then runs the package manager",
    [PROTO_JOB_REBOOTING] = "reserved for planned reboots; nothing leads here yet",
    [PROTO_JOB_VERIFYING] = "compares with the baseline, then gives back what it took",
    [PROTO_JOB_PROBATION] =
        "serves and is watched until COMMIT over a new connection and the watch time; then looks once more",
    [PROTO_JOB_COMMITTED] = "done; the way back is kept for `keep_way_back`",
    [PROTO_JOB_REVERTING] = "goes back: restores what was changed, proves it, gives back leases",
    [PROTO_JOB_REVERTED] = "the former state, proven; every lease given back",
    [PROTO_JOB_REVERT_FAILED] = "restoring, proving or giving back failed: a person is needed",
};

static const char *const rollout_meanings[] = {
    [CTL_ROLLOUT_STAGING] = "all hosts stage; the current wave starts when its hosts are ready",
    [CTL_ROLLOUT_RUNNING] = "the current wave's hosts were started; waits for their ends",
    [CTL_ROLLOUT_SOAKING] = "the wave ended well and is watched, the last one too",
    [CTL_ROLLOUT_STOPPING] = "no new starts; who has not begun is cancelled, the others end",
    [CTL_ROLLOUT_ROLLING_BACK] = "hosts in scope are ordered back, failed ones first",
    [CTL_ROLLOUT_COMPLETE] = "every host committed, or failed within what the plan allows",
    [CTL_ROLLOUT_HALTED] = "ended early by failures",
    [CTL_ROLLOUT_ABORTED] = "ended early by a person",
    [CTL_ROLLOUT_ROLLED_BACK] = "every host in scope is as before",
    [CTL_ROLLOUT_ROLLBACK_INCOMPLETE] = "a host in scope could not go back, or is silent",
};

static const char *const host_meanings[] = {
    [CTL_HOST_WAITING] = "was offered the job and has not answered",
    [CTL_HOST_STAGING] = "accepted; prepares",
    [CTL_HOST_READY] = "waits for its wave",
    [CTL_HOST_RUNNING] = "START was ordered: isolating, changing or verifying",
    [CTL_HOST_PROBATION] = "serves with the new packages; COMMIT is sent with its nonce",
    [CTL_HOST_REVERTING] = "goes back, by itself or because REVERT was ordered",
    [CTL_HOST_COMMITTED] = "said that it is done",
    [CTL_HOST_REVERTED] = "said that it is as before",
    [CTL_HOST_REVERT_FAILED] = "said that it could not go back",
    [CTL_HOST_REFUSED] = "did not accept the order; counts as failed",
    [CTL_HOST_BLOCKED] = "could not stage; counts as failed",
    [CTL_HOST_CANCELLED] = "has not begun, and will not",
    [CTL_HOST_LOST] = "silent beyond its deadline; counts as failed, also if it comes back",
};

static const struct code job_codes[] = {
    {"stage_timeout", "staging did not end within its limit: `blocked`"},
    {"not_started", "START did not come while the order was valid: `cancelled`"},
    {"cancelled", "CANCEL without a code of its own: `cancelled`"},
    {"revert", "REVERT without a code of its own: goes back"},
    {"verify_timeout",
     "a verification, or the last look, did not end within `confirm_within`: goes back"},
    {"cut_off", "no COMMIT in time, and three times in a row no witness answered: goes back"},
    {"link_broken",
     "no COMMIT in time, though the controller's port answered three times in a row: "
     "goes back"},
    {"witnesses_unknown",
     "no COMMIT in time, and ten times in a row the probe gave no answer: goes "
     "back"},
    {"no_cause_given", "a step failed and said nothing"},
};

static const struct code job_notes[] = {
    {"start_wanted", "START came while staging, and is kept"},
    {"cancel_wanted", "CANCEL came while a step ran, and waits for its end"},
    {"revert_wanted", "REVERT came while a step ran, and waits for its end"},
    {"link_new", "the new connection stands; this record carries the nonce"},
    {"commit_seen", "COMMIT came; only the watch time and the last look are left"},
    {"controller_missing", "witnesses answer, the controller does not: holds and keeps asking"},
    {"held", "a person holds the automatic way back"},
    {"released", "and lets it go again"},
    {"way_back_expired", "REVERT came after `keep_way_back`: nothing is done"},
};

static const struct code rollout_codes[] = {
    {"staging", "the current wave waits for its hosts"},
    {"wave_running", "the current wave was started"},
    {"wave_soaking", "the current wave is watched"},
    {"gate_waiting", "the soak is over, and not all gates are good yet"},
    {"gate_bad", "a gate is bad: no wave starts any more"},
    {"rollback_condition", "what the plan's `rollback_when` names is bad: everything goes back"},
    {"gate_inconclusive", "a hold: a gate was measured, and that does not tell"},
    {"gate_not_this_change", "a hold: a gate is bad, and so it is for hosts that are not changed"},
    {"gate_probe_error", "a hold: a gate could not be measured"},
    {"wave_failures", "more hosts of a wave failed than the plan allows"},
    {"budget_used", "hosts that failed use the whole budget, and others were not started yet"},
    {"rollout_failures", "more hosts failed in all waves together than the plan allows"},
    {"approval_missing", "the current wave waits for people who approve it"},
    {"severe_failure", "a host failed with grade severe: stops whatever the plan allows"},
    {"rollback_approved", "a person answered a severe failure: everything goes back"},
    {"rollback_declined", "a person answered a severe failure: what is changed stays so"},
    {"answer_missing", "nobody answered a severe failure in time: the plan's word counted"},
    {"severe_rollback", "a severe failure, after which the plan takes everything back at once"},
    {"traffic_switch",
     "after a severe failure all goes back, and waits for the switch of traffic, but not for long"},
    {"aborted", "a person ended it"},
    {"complete", "it ended by itself"},
    {"rollback_ordered", "a person ordered the way back"},
    {"rolled_back", "all that were started are as before"},
    {"rollback_incomplete", "some are not"},
};

static const char intro[] =
    "# States and reasons\n\n"
    "<!-- Printed by build/tests/story/states from the tables of the decision cores. -->\n\n"
    "What a job on a host and a rollout can be, what may follow, and why it is so. The words are\n"
    "the same on the host, on the wire, in reports and in `--json`. **Bold** states are ends.\n\n";

static const char rules[] =
    "\n## Decisions worth knowing\n\n"
    "- A running step is never broken off; an order to go back waits for its end. Only what changes\n"
    "  nothing in staging (all but the repair) and verification is given up at its limit.\n"
    "- What a step may take is recorded as taken before it runs. Giving back is tried three times,\n"
    "  10 s apart; if it still fails on the way back, the end is `revert_failed`.\n"
    "- Once the change began, CANCEL does nothing and REVERT goes back. Before it, both cancel.\n"
    "- A failed step on the way back never stops the rest of it. Its cause becomes the cause of\n"
    "  `revert_failed`, with the reason for going back named behind it.\n"
    "- A host in `probation` is watched: what is found there turns back like a failed verification,\n"
    "  also when COMMIT came before it. When COMMIT is there and the watch time is over, VERIFY looks\n"
    "  once more; a finding in the middle of that look ends it. Once DISARM has begun the host counts\n"
    "  as committed: what is found from then on changes nothing, and only an order takes it back.\n"
    "- Who could not look in time does not know that the host is good: it goes back. While the\n"
    "  controller is missing the watch goes on, for as long as that is so.\n"
    "- Silence is judged by witnesses, a tenth of `confirm_within` apart (1 s to 60 s), each with\n"
    "  15 s for its answer. Three in a row that blame the change turn back: one alone may be a\n"
    "  gateway that restarts, or a controller that comes back and has not taken the link yet. Others\n"
    "  answer and the controller does not: the host holds for as long as that is so.\n"
    "- A reboot makes the deadlines of the boot before meaningless: each wait begins anew. In\n"
    "  `verifying` and `probation` the host verifies and proves its link again.\n"
    "- `hold` stops the automatic way back, never an ordered one.\n"
    "- A way back from `committed` takes the host out first, as for the change; if that fails it goes\n"
    "  back all the same.\n"
    "- The failures that a plan allows count hosts that failed, refused, were blocked or got lost,\n"
    "  per wave and over all. Beyond them, or at any severe failure, the rollout stops at once.\n"
    "- A host that is found functionally or severely bad after its start has failed from that report on,\n"
    "  whether it goes back yet or a person at the host holds it; one that is committed and says so is\n"
    "  ordered back.\n"
    "- Taking back one host of a rollout that goes on counts it as failed; the rollout goes on if its\n"
    "  allowance bears that, and no wave starts before the host has ended. Taking back a wave or all\n"
    "  ends the rollout.\n"
    "- A host uses the budget from its start to its end, and for good when it failed or got lost. Within\n"
    "  a wave hosts start while there is room, and the first one of a rollout alone if the plan says so.\n"
    "  A hold lets nobody start, in mid-wave, too.\n"
    "- START leaves belayd, for the first time or once more, only while the rollout goes on, nothing\n"
    "  holds it and a whole job's time is left of a window. A host that was told to start and has not\n"
    "  said that it began is told once more when a hold ends (`start_held` until then; its time does\n"
    "  not run), and is told to cancel when nothing starts any more (`called_back`): that it is\n"
    "  cancelled then is no failure. What can't be called back is a START on the wire. It gets there\n"
    "  before the CANCEL behind it, which takes the host back while nothing was changed; later, the\n"
    "  host goes on to its end.\n"
    "- Gates are judged by what was measured after a wave ended; a bad one stops at any time. What is\n"
    "  inconclusive or can't be measured holds the rollout when the soak is over, and what is bad for\n"
    "  unchanged hosts, too, at once. A person's `resume` goes on without the gates for that wave.\n"
    "- After a restart of belayd, deadlines and the soak begin anew, windows and freezes are judged,\n"
    "  and then every order that may not have arrived is sent again. Gates are measured anew, a time that something is bad as well;\n"
    "  what was measured before the first change is kept.\n";

static void print_codes(const char *title, const struct code *codes, size_t count)
{
    (void)printf("\n%s\n\n| code | meaning |\n|---|---|\n", title);
    for (size_t i = 0; i < count; i++)
        (void)printf("| `%s` | %s |\n", codes[i].code, codes[i].meaning);
}

static void print_followers(uint32_t from, uint32_t last, bool (*may_follow)(uint32_t, uint32_t),
                            const char *(*name)(uint32_t))
{
    bool any = false;

    for (uint32_t to = 1; to <= last; to++) {
        if (may_follow(from, to)) {
            (void)printf("%s%s", any ? ", " : "", name(to));
            any = true;
        }
    }
    if (!any)
        (void)printf("–");
    (void)printf(" |");
}

static void print_name(const char *name, bool is_final)
{
    (void)printf(is_final ? "| **%s** |" : "| %s |", name);
}

static bool job_may_follow(uint32_t from, uint32_t to)
{
    return agent_job_may_follow((enum proto_job_state)from, (enum proto_job_state)to);
}

static void print_steps(uint32_t state)
{
    uint32_t steps = agent_job_steps_of((enum proto_job_state)state);
    bool any = false;

    for (uint32_t step = 1; step <= PROTO_STEP_LAST; step++) {
        if ((steps & (UINT32_C(1) << step)) != 0) {
            (void)printf("%s%s", any ? ", " : " ", proto_step_name(step));
            any = true;
        }
    }
    (void)printf(" |\n");
}

static void print_job(void)
{
    (void)printf(
        "## A job on a host\n\n| state | means | may be followed by | steps, in this order |\n"
        "|---|---|---|---|\n");
    for (uint32_t state = 1; state <= PROTO_JOB_STATE_LAST; state++) {
        print_name(proto_job_state_name(state), proto_job_state_is_final(state));
        (void)printf(" %s | ", job_meanings[state]);
        print_followers(state, PROTO_JOB_STATE_LAST, job_may_follow, proto_job_state_name);
        print_steps(state);
    }
}

static bool rollout_is_final(uint32_t state)
{
    struct ctl_rollout rollout = {.state = state};

    return ctl_rollout_is_final(&rollout);
}

static void print_machine(const char *title, uint32_t last, const char *const *meanings,
                          bool (*may_follow)(uint32_t, uint32_t), const char *(*name)(uint32_t),
                          bool (*is_final)(uint32_t))
{
    (void)printf("\n## %s\n\n| state | means | may be followed by |\n|---|---|---|\n", title);
    for (uint32_t state = 1; state <= last; state++) {
        print_name(name(state), is_final(state));
        (void)printf(" %s | ", meanings[state]);
        print_followers(state, last, may_follow, name);
        (void)printf("\n");
    }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
    (void)fputs(intro, stdout);
    print_job();
    print_codes("Causes that the job machine gives by itself (all others come from the steps):",
                job_codes, COUNT(job_codes));
    print_codes("Notes: codes of records that change no state and are no cause of anything:",
                job_notes, COUNT(job_notes));
    print_machine("A rollout on the controller", CTL_ROLLOUT_STATE_LAST, rollout_meanings,
                  ctl_rollout_state_may_follow, ctl_rollout_state_name, rollout_is_final);
    print_codes("Reasons:", rollout_codes, COUNT(rollout_codes));
    (void)fputs(
        "\nExit codes of `belay status --wait`: 0 complete without failed hosts · 3 halted, "
        "aborted, or\ncomplete with failed hosts · 4 waits for a person · 5 rolled back · 6 rollback "
        "incomplete, or any host `revert_failed`.\n",
        stdout);
    print_machine("A host, as the controller knows it", CTL_HOST_STATE_LAST, host_meanings,
                  ctl_host_state_may_follow, ctl_host_state_name, ctl_host_state_is_final);
    (void)fputs(rules, stdout);

    return 0;
}
