/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/denials.h"

#include <string.h>

#include "tests/lib/unit.h"

#define CONTEXTS "scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:shadow_t:s0"

static void test_what_is_a_denial_of_selinux(void **state)
{
    static const struct {
        const char *message, *text; /* NULL: none */
    } cases[] = {
        {"AVC avc:  denied  { read } for  pid=1234 comm=\"httpd\" name=\"shadow\" dev=\"dm-0\" "
         "ino=77 " CONTEXTS " tclass=file permissive=0",
         "{ read } comm=\"httpd\" name=\"shadow\" " CONTEXTS " tclass=file permissive=0"},
        {"avc:  denied  { read write } for  pid=1 comm=\"a b\" path=\"/x y\" " CONTEXTS,
         "{ read write } comm=\"a b\" path=\"/x y\" " CONTEXTS},
        {"avc:  denied  { a } for comm=646f67",
         "{ a } comm=646f67"}, /* as audit writes odd names */
        {"avc: denied { a }", "{ a }"},
        {"AVC avc:  granted  { setenforce } for  pid=1", NULL},
        {"AVC apparmor=\"DENIED\" operation=\"open\" comm=\"x\"", NULL},
        {"avc:  denied  ", NULL},
        {"avc:  denied  { a", NULL},
        {"avc:  denied  { a } for comm=\"unended", "{ a }"},
        {"avc:  denied  { a\033[2J } for comm=\"\033\"", "{ a\\x1b[2J } comm=\"\\x1b\""},
        {"", NULL},
    };
    char text[AGENT_DENIALS_LINE_BYTES];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool is_denial = agent_denials_parse(cases[i].message, text, sizeof(text));

        assert_int_equal(is_denial, cases[i].text != NULL);
        if (is_denial)
            assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_a_denial_of_selinux),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
