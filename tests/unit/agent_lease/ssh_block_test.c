/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_block.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lease/ssh_text.h"
#include "common/file.h"
#include "tests/lib/unit.h"

#define DENY "    DenyUsers *\n"

static void make_lock(bool keeps, char text[AGENT_SSH_TEXT_BYTES_MAX])
{
    struct proto_text from[] = {{"10.0.9.5"}}, groups[] = {{"breakglass"}};
    const struct proto_manifest manifest = {
        .ssh_keep_from = from,
        .ssh_keep_from_count = keeps,
        .ssh_keep_groups = groups,
        .ssh_keep_groups_count = keeps,
    };
    struct bl_error err = {0};

    assert_int_equal(agent_ssh_text_lock(&manifest, text, AGENT_SSH_TEXT_BYTES_MAX, &err), 0);
}

static char *lock(const char *config, bool keeps)
{
    char text[AGENT_SSH_TEXT_BYTES_MAX], *locked;
    struct bl_error err = {0};
    size_t bytes;

    make_lock(keeps, text);
    assert_int_equal(agent_ssh_block_add(config, strlen(config), text, &locked, &bytes, &err), 0);
    assert_int_equal(strlen(locked), bytes);
    assert_true(agent_ssh_block_is_in(locked, bytes));

    return locked;
}

static void assert_cuts_to(char *locked, const char *wanted)
{
    size_t bytes = strlen(locked);

    assert_true(agent_ssh_block_cut(locked, &bytes));
    assert_int_equal(bytes, strlen(wanted));
    assert_string_equal(locked, wanted);
    assert_false(agent_ssh_block_is_in(locked, bytes));
    assert_false(agent_ssh_block_cut(locked, &bytes));
    free(locked);
}

static const char *const configs[] = {
    "",
    "\n",
    "Port 22",
    "Port 22\n",
    "Port 22\n\n\n",
    "Port 22\r\nUsePAM yes\r\n",
    "Match User ops\n    X11Forwarding no",
    "# Match all\nMatch all\n    DenyUsers *\nMatch all\n",
    "# Written by belay-agent while a job holds the SSH lock; it goes by itself.\n",
};

static void test_what_is_cut_again_is_what_was_there_byte_for_byte(void **state)
{
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
        for (int keeps = 0; keeps < 2; keeps++)
            assert_cuts_to(lock(configs[i], keeps), configs[i]);
}

static void test_the_lock_stands_at_the_end(void **state)
{
    char *locked = lock("Match User ops\n    X11Forwarding no", true);

    assert_non_null(strstr(locked, "no\n# belay-lock begin"));
    assert_non_null(strstr(locked, "\nMatch Address *,!10.0.9.5 Group *,!breakglass\n" DENY
                                   "Match all\n# belay-lock end\n"));
    assert_cuts_to(locked, "Match User ops\n    X11Forwarding no");
}

/* `locked` with the first `what` replaced. */
static char *edit(char *locked, const char *what, const char *by)
{
    char *at = strstr(locked, what), *edited;

    assert_non_null(at);
    *at = '\0';
    assert_true(asprintf(&edited, "%s%s%s", locked, by, at + strlen(what)) > 0);
    free(locked);

    return edited;
}

static void test_what_others_wrote_meanwhile_stays(void **state)
{
    static const char own[] = "Match all\n    DenyUsers *\nMatch all\n";
    char wanted[128];

    /* behind it, before it, within it */
    assert_cuts_to(edit(lock("Port 22\n", true), "lock end\n", "lock end\nPort 23\n"),
                   "Port 22\nPort 23\n");
    assert_cuts_to(edit(lock("Port 22", true), "lock end\n", "lock end\nPort 23"),
                   "Port 22\nPort 23");
    assert_cuts_to(edit(lock("Port 22", true), "lock end\n", "lock end\nPort 23\n"),
                   "Port 22\nPort 23\n");
    assert_cuts_to(edit(lock("Port 22\n", true), "Port 22\n", "Port 24\n"), "Port 24\n");
    assert_cuts_to(edit(lock("Port 22\n", true), DENY, "Port 25\n" DENY), "Port 22\nPort 25\n");
    assert_cuts_to(edit(lock("Port 22\n", false), DENY, DENY "Port 25\n"), "Port 22\nPort 25\n");
    /* without its marks, with lines like ours behind */
    (void)snprintf(wanted, sizeof(wanted), "Port 22\n%s", own);
    assert_cuts_to(edit(lock("Port 22\n", true), "# belay-lock end\n", own), wanted);
    assert_cuts_to(edit(lock("Port 22\n", false), "# belay-lock end\n", ""), "Port 22\n");
    assert_cuts_to(edit(lock("Port 22\n", true), "lock end\n", "lock end"), "Port 22\n");
}

static void test_two_blocks_are_never_made_and_both_are_cut(void **state)
{
    char text[AGENT_SSH_TEXT_BYTES_MAX], *once = lock("Port 22\n", true), *again, *both;
    struct bl_error err = {0};
    size_t bytes;

    make_lock(true, text);
    assert_int_equal(agent_ssh_block_add(once, strlen(once), text, &again, &bytes, &err), -EPROTO);
    assert_true(asprintf(&both, "%s%s", once, once) > 0);
    assert_cuts_to(both, "Port 22\nPort 22\n");
    free(once);
}

static void test_a_file_that_is_no_text_is_left_alone(void **state)
{
    struct bl_error err = {0};
    size_t bytes;
    char *locked;

    assert_int_equal(agent_ssh_block_add("a\0b", 3, "Match all\n", &locked, &bytes, &err), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_cut_again_is_what_was_there_byte_for_byte),
        cmocka_unit_test(test_the_lock_stands_at_the_end),
        cmocka_unit_test(test_what_others_wrote_meanwhile_stays),
        cmocka_unit_test(test_two_blocks_are_never_made_and_both_are_cut),
        cmocka_unit_test(test_a_file_that_is_no_text_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
