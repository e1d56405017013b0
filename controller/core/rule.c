/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/core/rule.h"

static const struct ctl_rule rollout_rules[] = {
    [CTL_ROLLOUT_STAGING] = {"a wave starts when each of its hosts is ready, or is out of it",
                             "the last of its hosts gets ready, fails, or is silent beyond its "
                             "deadline"},
    [CTL_ROLLOUT_RUNNING] = {"a wave runs until each of its hosts has come to an end",
                             "its last host ends; or one failure more than is allowed"},
    [CTL_ROLLOUT_SOAKING] = {"a wave that ended well is watched before the next one starts",
                             "the time is over; or a host that has to go back after all"},
    [CTL_ROLLOUT_STOPPING] = {"nothing new starts; hosts that are under way go on to their end",
                              "the last of them ends"},
    [CTL_ROLLOUT_ROLLING_BACK] = {"hosts are taken back until each is as before, cannot be, or is "
                                  "silent beyond its deadline",
                                  "the last of them ends"},
    [CTL_ROLLOUT_COMPLETE] = {"all waves ended within what the plan allows", "a rollback"},
    [CTL_ROLLOUT_HALTED] = {"more hosts failed than the plan allows, and all that were under way "
                            "have ended",
                            "a rollback; a host that ended well stays changed until then"},
    [CTL_ROLLOUT_ABORTED] = {"a person ended it, and all that were under way have ended",
                             "a rollback; a host that ended well stays changed until then"},
    [CTL_ROLLOUT_ROLLED_BACK] = {"every host that was to go back is as before",
                                 "nothing; the plan can be run again"},
    [CTL_ROLLOUT_ROLLBACK_INCOMPLETE] = {"a host that was to go back could not, or was not heard "
                                         "of until its deadline",
                                         "the rollback once more, or the host's own word"},
};

static const struct ctl_rule host_rules[] = {
    [CTL_HOST_WAITING] = {"it was offered the job and has not answered yet",
                          "its answer; silence beyond its deadline makes it lost"},
    [CTL_HOST_STAGING] = {"it fetches and rehearses, and changes nothing yet",
                          "the end of staging: ready or blocked"},
    [CTL_HOST_READY] = {"it is prepared, and starts when it is the turn of its wave",
                        "the start of its wave; or the end of the rollout, which leaves it as it "
                        "is"},
    [CTL_HOST_RUNNING] = {"it was told to start, and has not come to an end",
                          "its own end: committed or as before; silence beyond its deadline makes "
                          "it lost. If it has not begun when nothing starts any more, it is called "
                          "back: cancelled"},
    [CTL_HOST_PROBATION] = {"it serves with the change and is watched before that is final",
                            "the end of its watch; a fault in it takes it back"},
    [CTL_HOST_REVERTING] = {"it goes back, by its own judgement or since it was told to",
                            "the proof that it is as before, or that it cannot be"},
    [CTL_HOST_COMMITTED] = {"it verified the change, and its watch is over", "a rollback"},
    [CTL_HOST_REVERTED] = {"it went back, and proved that it is as before",
                           "nothing; the plan can be run again"},
    [CTL_HOST_REVERT_FAILED] = {"it could not go back, or could not prove it: counts as failed",
                                "a rollback of this host once more, or a person at its console"},
    [CTL_HOST_REFUSED] = {"it does not follow this order: counts as failed, and nothing was "
                          "changed",
                          "nothing in this rollout; a run of the mended plan"},
    [CTL_HOST_BLOCKED] = {"staging found what speaks against the change: counts as failed, and "
                          "nothing was changed",
                          "nothing in this rollout; a run of the plan after it was mended"},
    [CTL_HOST_CANCELLED] = {"the rollout ended before it had begun: nothing was changed",
                            "nothing; the plan can be run again"},
    [CTL_HOST_LOST] = {"a host that is silent beyond its deadline counts as failed",
                       "its next report: what became of it is shown, but it stays failed"},
};

struct ctl_rule ctl_rule_of_rollout(uint32_t state)
{
    if (state < CTL_ROLLOUT_STAGING || state > CTL_ROLLOUT_STATE_LAST)
        return (struct ctl_rule){"", ""};

    return rollout_rules[state];
}

struct ctl_rule ctl_rule_of_host(uint32_t state)
{
    if (state < CTL_HOST_WAITING || state > CTL_HOST_STATE_LAST)
        return (struct ctl_rule){"", ""};

    return host_rules[state];
}
