/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_text.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static int make(struct proto_text *from, uint32_t from_count, struct proto_text *groups,
                uint32_t groups_count, char *text, size_t text_bytes)
{
    const struct proto_manifest manifest = {
        .ssh_keep_from = from,
        .ssh_keep_from_count = from_count,
        .ssh_keep_groups = groups,
        .ssh_keep_groups_count = groups_count,
    };
    struct bl_error err = {0};

    return agent_ssh_text_lock(&manifest, text, text_bytes, &err);
}

/* All but the comments. */
static const char *body(const char *text)
{
    while (*text == '#')
        text = strchr(text, '\n') + 1;

    return text;
}

static void test_either_an_address_or_a_group_is_enough(void **state)
{
    struct proto_text from[] = {{"10.0.9.5"}, {"2001:db8::/32"}}, groups[] = {{"breakglass"}};
    char text[AGENT_SSH_TEXT_BYTES_MAX];

    assert_int_equal(make(from, 2, groups, 1, text, sizeof(text)), 0);
    assert_string_equal(body(text), "Match Address *,!10.0.9.5,!2001:db8::/32 Group *,!breakglass\n"
                                    "    DenyUsers *\nMatch all\n");
    assert_int_equal(make(from, 1, NULL, 0, text, sizeof(text)), 0);
    assert_string_equal(body(text), "Match Address *,!10.0.9.5\n    DenyUsers *\nMatch all\n");
    assert_int_equal(make(NULL, 0, groups, 1, text, sizeof(text)), 0);
    assert_string_equal(body(text), "Match Group *,!breakglass\n    DenyUsers *\nMatch all\n");
    assert_int_equal(make(NULL, 0, NULL, 0, text, sizeof(text)), 0);
    assert_string_equal(body(text), "Match all\n    DenyUsers *\nMatch all\n");
}

static void test_nothing_that_sshd_would_read_otherwise_gets_in(void **state)
{
    static const char *const groups[] = {
        "",     " ",     "a b",
        "a,b",  "a\nb",  "!a",
        "*",    "a*",    "a?",
        "#a",   "\"a\"", "a\t",
        "a=b",  "-a",    ".a",
        "a\\b", "a/b",   "a'b",
        "$a",   "%a",    "a;b",
        "a|b",  "(a)",   "\x7f",
        "\xc3", "a\r",   "a\n\nMatch all\nDenyUsers nobody",
    };
    static const char *const networks[] = {
        "",
        " ",
        "10.0.0.1 ",
        " 10.0.0.1",
        "10.0.0.1,!x",
        "10.0.0.1\n",
        "10.0.0",
        "10.0.0.1/",
        "10.0.0.1/33",
        "10.0.0.1/8",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "::/129",
        "::1/64",
        "fe80::1%e",
        "*",
        "!10.0.0.1",
        "010.0.0.1",
        "bastion",
        "10.0.0.1/255.255.255.255",
        "0x0a.0.0.1",
        "1.2.3.4/32/32",
    };
    char text[AGENT_SSH_TEXT_BYTES_MAX];

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        struct proto_text list[] = {{"good"}, {groups[i]}};

        assert_int_equal(make(NULL, 0, list, 2, text, sizeof(text)), -EPROTO);
    }
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        struct proto_text list[] = {{"10.0.0.1"}, {networks[i]}};

        assert_int_equal(make(list, 2, NULL, 0, text, sizeof(text)), -EPROTO);
    }
}

static void test_what_does_not_fit_is_an_error_and_not_a_shorter_list(void **state)
{
    struct proto_text groups[] = {{"breakglass"}};
    char text[AGENT_SSH_TEXT_BYTES_MAX];
    size_t whole;

    assert_int_equal(make(NULL, 0, groups, 1, text, sizeof(text)), 0);
    whole = strlen(text) + 1;
    for (size_t size = 1; size < whole; size++)
        assert_int_equal(make(NULL, 0, groups, 1, text, size), -EPROTO);
    assert_int_equal(make(NULL, 0, groups, 1, text, whole + 1), 0);
}

static void test_networks_contain_addresses(void **state)
{
    assert_true(agent_ssh_text_contains("10.0.9.5", "10.0.9.5"));
    assert_false(agent_ssh_text_contains("10.0.9.5", "10.0.9.6"));
    assert_true(agent_ssh_text_contains("10.0.9.4/31", "10.0.9.5"));
    assert_false(agent_ssh_text_contains("10.0.9.4/31", "10.0.9.6"));
    assert_true(agent_ssh_text_contains("0.0.0.0/0", "192.0.2.1"));
    assert_false(agent_ssh_text_contains("0.0.0.0/0", "2001:db8::1"));
    assert_true(agent_ssh_text_contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(agent_ssh_text_contains("2001:db8::/33", "2001:db8:8000::1"));
    assert_false(agent_ssh_text_contains("10.0.0.0/8", "host.example.org"));
    assert_false(agent_ssh_text_contains("10.0.0.0/8", ""));
    assert_false(agent_ssh_text_contains("10.0.0.0/8", "10.0.0.0/8"));
}

static void test_an_include_counts_only_before_the_first_match(void **state)
{
    static const char directory[] = "/etc/ssh/sshd_config.d";
    static const char *const good[] = {
        "Include /etc/ssh/sshd_config.d/*.conf\n",
        "# comment\n\n   include\t/etc/ssh/sshd_config.d/*.conf",
        "INCLUDE=/etc/ssh/sshd_config.d/*.conf\n",
        "Include \"/etc/ssh/sshd_config.d/*.conf\"\r\n",
        "Include /etc/other.conf /etc/ssh/sshd_config.d/*.conf\n",
        "Include sshd_config.d/*.conf\n",
        "Port 22\nInclude /etc/ssh/sshd_config.d/*.conf\nMatch all\n",
    };
    static const char *const bad[] = {
        "",
        "#Include /etc/ssh/sshd_config.d/*.conf\n",
        "Included /etc/ssh/sshd_config.d/*.conf\n",
        "Include /etc/ssh/sshd_config.d/10-*.conf\n",
        "Include /etc/ssh/sshd_config.dd/*.conf\n",
        "Include /etc/ssh/*.conf\n",
        "Match User x\nInclude /etc/ssh/sshd_config.d/*.conf\n",
        "match all\nInclude /etc/ssh/sshd_config.d/*.conf\n",
        "Banner Include /etc/ssh/sshd_config.d/*.conf\n",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(agent_ssh_text_includes(good[i], directory));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(agent_ssh_text_includes(bad[i], directory));
}

static void test_only_the_whole_line_denies_all(void **state)
{
    assert_true(agent_ssh_text_denies_all("port 22\ndenyusers *\nusepam yes\n"));
    assert_true(agent_ssh_text_denies_all("denyusers *"));
    assert_false(agent_ssh_text_denies_all("port 22\n"));
    assert_false(agent_ssh_text_denies_all("denyusers *@10.0.0.1\n"));
    assert_false(agent_ssh_text_denies_all("xdenyusers *\n"));
    assert_false(agent_ssh_text_denies_all(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_either_an_address_or_a_group_is_enough),
        cmocka_unit_test(test_nothing_that_sshd_would_read_otherwise_gets_in),
        cmocka_unit_test(test_what_does_not_fit_is_an_error_and_not_a_shorter_list),
        cmocka_unit_test(test_networks_contain_addresses),
        cmocka_unit_test(test_an_include_counts_only_before_the_first_match),
        cmocka_unit_test(test_only_the_whole_line_denies_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
