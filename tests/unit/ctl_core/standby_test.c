/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/core/standby.h"

#include <string.h>

#include "tests/lib/unit.h"

static struct ctl_standby_facts good(void)
{
    return (struct ctl_standby_facts){.is_enrolled = true,
                                      .is_connected = true,
                                      .has_told = true,
                                      .why_not = "",
                                      .package = "",
                                      .signed_as = "",
                                      .installed = "",
                                      .failed_unit = ""};
}

static void assert_judged(struct ctl_standby_facts facts, const char *state, const char *says)
{
    char reason[512];
    const enum ctl_standby_state judged = ctl_standby_judge(&facts, reason, sizeof(reason));

    assert_string_equal(ctl_standby_state_name(judged), state);
    if (strstr(reason, says) == NULL)
        fail_msg("%s: not in: %s", says, reason);
}

static void only_what_is_known_to_be_as_it_was_is_ready(void **state)
{
    struct ctl_standby_facts facts = good();

    assert_judged(facts, "ready", "as it was");
    facts.has_told = false;
    assert_judged(facts, "unknown", "has not told what it has yet");
    facts.why_not = "the host is busy";
    assert_judged(facts, "unknown", "has not told what it has: the host is busy");
}

static void what_differs_is_named_with_both(void **state)
{
    struct ctl_standby_facts facts = good();

    facts.failed_unit = "cron.service";
    assert_judged(facts, "failed", "cron.service has failed there, and had not");
    facts.package = "nginx";
    facts.signed_as = "1.0";
    facts.installed = "2.0";
    assert_judged(facts, "changed", "nginx is 2.0 there, signed was 1.0");
    facts.installed = "";
    assert_judged(facts, "changed", "nginx is not installed there, signed was 1.0");
    facts.signed_as = "";
    facts.installed = "2.0";
    assert_judged(facts, "changed", "nginx is 2.0 there, signed was none");
}

/* What it told before says nothing of a host that is away, or that nobody believes. */
static void who_is_away_is_absent_whatever_it_told(void **state)
{
    struct ctl_standby_facts facts = good();

    facts.is_connected = false;
    assert_judged(facts, "absent", "not connected");
    facts.is_held = true;
    assert_judged(facts, "absent", "two machines");
    facts.is_enrolled = false;
    assert_judged(facts, "absent", "revoked");
    facts = good();
    facts.is_held = true;
    assert_judged(facts, "absent", "two machines");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_known_to_be_as_it_was_is_ready),
        cmocka_unit_test(what_differs_is_named_with_both),
        cmocka_unit_test(who_is_away_is_absent_whatever_it_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
