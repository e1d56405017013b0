/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan says of times and of what is measured outside: each mistake, with its line. */
#include <stdlib.h>
#include <string.h>

#include "controller/plan/plan.h"
#include "tests/lib/unit.h"

#define GOOD                            \
    "plan: p\n"                         \
    "risk: low\n"                       \
    "hosts: { match: { role: web } }\n" \
    "change: { packages: [ openssl ] }\n"

static const struct mistake {
    const char *text, *told;
} mistakes[] = {
    {GOOD "windows: []\n",
     "p.yaml:5: field 'windows': is empty: without 'windows' hosts start at any time"},
    {GOOD "windows: [ { days: [ mon, tues ], from: '22:00', for: 4h } ]\n",
     "p.yaml:5: field 'windows[0].days[1]': is not one of mon, tue, wed, thu, fri, sat, sun; did you "
     "mean 'tue'?"},
    {GOOD "windows: [ { from: '24:00', for: 4h } ]\n",
     "p.yaml:5: field 'windows[0].from': is no time of the day such as \"22:00\""},
    {GOOD "windows: [ { form: '22:00' } ]\n",
     "p.yaml:5: field 'windows[0].form': there is no such field; did you mean 'from'?"},
    {GOOD "windows: [ { for: 4h } ]\n", "p.yaml:5: field 'windows[0]': lacks 'from'"},
    {GOOD "windows: [ { from: '22:00' } ]\n", "p.yaml:5: field 'windows[0]': lacks 'for'"},
    {GOOD "windows: [ { from: '22:00', for: 8d } ]\n",
     "p.yaml:5: field 'windows[0].for': must be whole minutes, at most 7d"},
    {GOOD "windows: [ { from: '22:00', for: 4h, zone: CET } ]\n",
     "p.yaml:5: field 'windows[0].zone': must be what is to be added to UTC, such as \"+02:00\"; "
     "names of zones would make windows longer or shorter with summer time"},
    {GOOD "windows: [ { from: '22:00', for: 30m } ]\n",
     "p.yaml:5: field 'windows': the longest is 30m, and a host may need 1h 15m 20s at worst "
     "(quiesce.wait, change_within, verify, twice confirm_within, watch, lost_after)"},
    {GOOD "gates: [ { name: a, prometheus: q } ]\n",
     "p.yaml:5: field 'gates[0]': lacks 'good' or 'bad': a comparison such as > 5"},
    {GOOD "gates: [ { name: a, prometheus: q, bad: '> 5%' } ]\n",
     "p.yaml:5: field 'gates[0]': 'bad' is not a comparison such as > 5, or > 2x of what it was"},
    {GOOD "gates: [ { name: a, bad: '> 5' } ]\n",
     "p.yaml:5: field 'gates[0]': asks nothing: prometheus, http, tcp, command or hosts"},
    {GOOD "gates: [ { name: a, command: ../x } ]\n",
     "p.yaml:5: field 'gates[0]': 'command' is not the name of a program in "
     "/etc/belay/controller-hooks.d"},
    {GOOD "gates: [ { name: a, tcp: 'h:1', for: 1m } ]\n",
     "p.yaml:5: field 'gates[0]': 'for' is for rollback_when; a gate has 'samples'"},
    {GOOD "gates: [ { name: a, tcp: 'h:1' } ]\nrollback_when: [ { name: a, tcp: 'h:2' } ]\n",
     "p.yaml:6: field 'rollback_when[0]': there are two of this name"},
    {GOOD "gates: [ { name: a, tcp: 'h:1', smaples: 1 of 1 } ]\n",
     "p.yaml:5: field 'gates[0].smaples': there is no such field; did you mean 'samples'?"},
    {GOOD "gates: [ { name: a, hosts: cpu } ]\n",
     "p.yaml:5: field 'gates[0]': 'bad' must be a comparison that fits the figure: > 80%, > 50ms, "
     "> 8, or > 2x of what the host had before"},
    {GOOD "gates: [ { name: a, hosts: disk, bad: '< 2GiB' } ]\n",
     "p.yaml:5: field 'gates[0]': 'bad' must be a comparison that fits the figure: > 80%, > 50ms, "
     "> 8, or > 2x of what the host had before"},
    {GOOD "gates: [ { name: a, hosts: unit_crashed, bad: '> 1' } ]\n",
     "p.yaml:5: field 'gates[0]': 'bad' is for figures: a finding is there or not"},
    {GOOD "gates: [ { name: a, hosts: unit_crash } ]\n",
     "p.yaml:5: field 'gates[0]': 'hosts' is no figure (cpu, memory, load, await, disk, "
     "pressure_…), no finding, and not 'minor'"},
    {GOOD "gates: [ { name: a, hosts: minor, share: 100% } ]\n",
     "p.yaml:5: field 'gates[0]': 'share' is all hosts: it could never be bad"},
    {GOOD "gates: [ { name: a, hosts: minor, stale: 1m } ]\n",
     "p.yaml:5: field 'gates[0]': 'stale' and 'within' are not for hosts: what is older than 90s "
     "is unknown"},
    {GOOD "gates: [ { name: a, tcp: 'h:1', share: 10% } ]\n",
     "p.yaml:5: field 'gates[0]': 'share' is for hosts"},
    {GOOD "gates: [ { name: a, hosts: minor, control: q } ]\n",
     "p.yaml:5: field 'gates[0]': 'good', 'control' and 'at' are not for hosts, and 'minimum' is a "
     "number of hosts"},
    {GOOD "gates: [ { name: a, prometheus: q, bad: '> 1', minimum: 3 } ]\n",
     "p.yaml:5: field 'gates[0]': 'minimum' must be { of: QUERY, least: NUMBER }"},
};

static void each_mistake_is_told_with_its_line(void **state)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct ctl_plan *plan = calloc(1, sizeof(*plan));
        struct ctl_plan_problems *problems = calloc(1, sizeof(*problems));
        struct bl_error err = {0};
        char told[512];

        assert_true(ctl_plan_read("p.yaml", mistakes[i].text, strlen(mistakes[i].text), plan,
                                  problems, &err) < 0);
        assert_int_equal(problems->count, 1);
        ctl_plan_format_problem("p.yaml", &problems->list[0], told, sizeof(told));
        assert_string_equal(told, mistakes[i].told);
        ctl_plan_release(plan);
        free(plan);
        free(problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_mistake_is_told_with_its_line)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
