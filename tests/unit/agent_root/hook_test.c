/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/hook.h"

#include <string.h>

#include "agent/root/containers.h"
#include "tests/lib/unit.h"

static void test_only_three_exit_statuses_are_words(void **state)
{
    static const struct {
        uint32_t end;
        uint64_t status;
        enum agent_hook_end means;
        const char *line;
    } cases[] = {
        {AGENT_ERRAND_EXITED, 0, AGENT_HOOK_SAYS_GO, "said"},
        {AGENT_ERRAND_EXITED, 1, AGENT_HOOK_SAYS_STOP, "said"},
        {AGENT_ERRAND_EXITED, 21, AGENT_HOOK_SAYS_LATER, "said"},
        {AGENT_ERRAND_EXITED, 2, AGENT_HOOK_IS_BROKEN, "exit status 2: said"},
        {AGENT_ERRAND_EXITED, 127, AGENT_HOOK_IS_BROKEN, "exit status 127: said"},
        {AGENT_ERRAND_KILLED, 1, AGENT_HOOK_IS_BROKEN, "ended by signal 1: said"},
        {AGENT_ERRAND_KILLED, 0, AGENT_HOOK_IS_BROKEN, "ended by signal 0: said"},
        {AGENT_ERRAND_TIMED_OUT, 0, AGENT_HOOK_IS_BROKEN, "ran longer than 120 s: said"},
        {AGENT_ERRAND_REFUSED, 0, AGENT_HOOK_IS_BROKEN, "not run: said"},
        {0, 0, AGENT_HOOK_IS_BROKEN, "no answer of a hook"},
    };
    char text[256];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct agent_errand_result result = {
            .end = cases[i].end, .status = cases[i].status, .line = "said", .output = "all"};
        const struct agent_hook_answer answer = agent_hook_read(&result, text, sizeof(text));

        assert_int_equal(answer.end, cases[i].means);
        assert_string_equal(answer.line, cases[i].line);
        assert_string_equal(answer.output, "all");
    }
}

static void test_a_container_is_good_when_it_runs_and_nobody_calls_it_ill(void **state)
{
    static const struct agent_errand_container items[] = {
        {AGENT_ERRAND_DOCKER, "a", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTH_NONE},
        {AGENT_ERRAND_DOCKER, "b", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTHY},
        {AGENT_ERRAND_DOCKER, "c", AGENT_ERRAND_RUNNING, AGENT_ERRAND_UNHEALTHY},
        {AGENT_ERRAND_DOCKER, "d", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTH_STARTING},
        {AGENT_ERRAND_PODMAN, "e", AGENT_ERRAND_NOT_RUNNING, AGENT_ERRAND_HEALTH_NONE},
    };
    static const bool is_good[] = {true, true, false, false, false};
    const struct agent_containers containers = {.items = items, .count = 5};

    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(agent_containers_is_good(&items[i]), is_good[i]);
    assert_ptr_equal(agent_containers_find(&containers, 0, "e"), &items[4]);
    assert_ptr_equal(agent_containers_find(&containers, AGENT_ERRAND_PODMAN, "e"), &items[4]);
    assert_null(agent_containers_find(&containers, AGENT_ERRAND_DOCKER, "e"));
    assert_null(agent_containers_find(&containers, 0, "f"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_three_exit_statuses_are_words),
        cmocka_unit_test(test_a_container_is_good_when_it_runs_and_nobody_calls_it_ill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
