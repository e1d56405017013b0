/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/select/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

/* A host as a list of "label.x", "fact.x" and their values, in pairs. */
struct host {
    const char *const (*pairs)[2];
};

static const char *find(const struct host *host, const char *prefix, const char *name)
{
    char key[64];

    (void)snprintf(key, sizeof(key), "%s%s", prefix, name);
    for (size_t i = 0; host->pairs[i][0] != NULL; i++) {
        if (strcmp(host->pairs[i][0], key) == 0)
            return host->pairs[i][1];
    }

    return NULL;
}

static const char *label(const void *userdata, const char *name)
{
    return find(userdata, "label.", name);
}

static const char *fact(const void *userdata, enum ctl_select_fact which)
{
    const char *value = find(userdata, "fact.", ctl_select_fact_name(which));

    return value != NULL ? value : "";
}

/* The pair of this number that tells of the package. */
static const char *package(const void *userdata, const char *name, uint32_t number)
{
    const struct host *host = userdata;
    char key[64];

    (void)snprintf(key, sizeof(key), "package:%s", name);
    for (size_t i = 0; host->pairs[i][0] != NULL; i++) {
        if (strcmp(host->pairs[i][0], key) == 0 && number-- == 0)
            return host->pairs[i][1];
    }

    return NULL;
}

#define NO  CTL_SELECT_NO
#define YES CTL_SELECT_YES
#define UN  CTL_SELECT_UNKNOWN
#define ASK CTL_SELECT_UNASKED

static const char *const deb[][2] = {
    {"label.role", "web"},   {"label.env", "prod"},       {"label.zone", "b"},
    {"label.os", "a-label"}, {"label.note", "two words"}, {"fact.name", "web-1"},
    {"fact.os", "debian"},   {"fact.os_version", "12"},   {"fact.kernel", "6.1.0-18-amd64"},
    {"fact.manager", "apt"}, {"fact.arch", "x86_64"},     {NULL, NULL},
};
static const char *const rpm[][2] = {
    {"label.role", "db"},       {"label.canary", ""},
    {"fact.name", "db-1"},      {"fact.os", "rocky"},
    {"fact.os_version", "9.4"}, {"fact.kernel", "5.14.0-427.el9.x86_64"},
    {"fact.manager", "dnf"},    {NULL, NULL},
};
static const char *const fresh[][2] = {{"label.role", "web"}, {NULL, NULL}};

static enum ctl_select_answer ask_with(const char *text, const char *const (*pairs)[2],
                                       bool is_asked)
{
    const struct host host = {pairs};
    const struct ctl_select_host asked = {
        .userdata = &host, .label = label, .fact = fact, .package = is_asked ? package : NULL};
    struct ctl_select *select = malloc(sizeof(*select));
    enum ctl_select_answer answer;
    struct bl_error err = {0};

    assert_non_null(select);
    if (ctl_select_parse(text, select, &err) < 0)
        fail_msg("'%s': %s", text, err.text);
    answer = ctl_select_ask(select, &asked);
    free(select);

    return answer;
}

static enum ctl_select_answer ask(const char *text, const char *const (*pairs)[2])
{
    return ask_with(text, pairs, /* is_asked= */ false);
}

static void each_test_means_what_the_manual_says(void **state)
{
    static const struct {
        const char *text;
        enum ctl_select_answer deb, rpm, fresh;
    } rows[] = {
        {"role=web", YES, NO, YES},
        {"role==web", YES, NO, YES},
        {"role != web", NO, YES, NO},
        {"zone!=c", YES, YES, YES}, /* who has no zone is in no zone c either */
        {"zone=b", YES, NO, NO},
        {"canary", NO, YES, NO},
        {"!canary", YES, NO, YES},
        {"env in (prod, stage)", YES, NO, NO},
        {"env not in (prod,stage)", NO, YES, YES},
        {"role~w*", YES, NO, YES},
        {"role!~w*", NO, YES, NO},
        {"note=\"two words\"", YES, NO, NO},
        {"os=debian", YES, NO, UN},
        {"os!=debian", NO, YES, UN}, /* what nobody knows is no reason to upgrade a host */
        {"label.os=a-label", YES, NO, NO},
        {"fact.os=debian", YES, NO, UN},
        {"os_version~9.*", NO, YES, UN},
        {"os_version<10", NO, YES, UN},
        {"os_version>=12", YES, NO, UN},
        {"kernel<6.1", NO, YES, UN},
        {"kernel>6.1", YES, NO, UN},
        {"kernel<=5.14.0-427.el9.x86_64", NO, YES, UN},
        {"kernel<6.1.0-20", YES, YES, UN}, /* the flavour behind the last '-' is no revision */
        {"kernel>=6.1.0-20", NO, NO, UN},
        {"kernel<6.1.0-100-amd64", YES, YES, UN},
        {"kernel<=6.1.0-18-amd64", YES, YES, UN},
        {"note=\"tw*\"", NO, NO, NO}, /* in quotes also these signs are letters */
        {"note!=\"~x\"", YES, YES, YES},
        {"zone=a~b", NO, NO, NO},
        {"name=web-1", YES, NO, UN},
        {"role=web, env=prod", YES, NO, NO},
        {"role=web and os=debian", YES, NO, UN},
        {"role=db, os=debian", NO, NO, NO}, /* one no is enough, whatever else is unknown */
        {"role=web or os=debian", YES, NO, YES},
        {"role=db or os=debian", YES, YES, UN},
        {"role=db or role=web, env=prod", YES, YES, NO}, /* the comma binds */
        {"(role=db or role=web), env=prod", YES, NO, NO},
        {"!(role=web, env=prod)", NO, YES, YES},
        {"!(os=debian)", NO, YES, UN},
        {"!!canary", NO, YES, NO},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (ask(rows[i].text, deb) != rows[i].deb || ask(rows[i].text, rpm) != rows[i].rpm ||
            ask(rows[i].text, fresh) != rows[i].fresh)
            fail_msg("'%s': %d %d %d", rows[i].text, ask(rows[i].text, deb), ask(rows[i].text, rpm),
                     ask(rows[i].text, fresh));
    }
}

static const char *const deb_with[][2] = {
    {"label.role", "web"},
    {"fact.manager", "apt"},
    {"package:openssl", "3.0.11-1~deb12u2"},
    {"package:libstdc++6", "12.2.0-14"},
    {"package:lib", "1:1.0-1"},
    {"package:lib", "1:2.0-1"}, /* of another architecture */
    {NULL, NULL},
};
static const char *const rpm_with[][2] = {
    {"label.role", "db"},
    {"fact.manager", "dnf"},
    {"package:openssl", "1:3.0.7-27.el9"},
    {NULL, NULL},
};
static const char *const nobody[][2] = {{"package:openssl", "3"}, {NULL, NULL}}; /* no manager */

static void packages_are_compared_as_their_own_host_would(void **state)
{
    static const struct {
        const char *text;
        enum ctl_select_answer deb, rpm, nobody;
    } rows[] = {
        {"package:openssl", YES, YES, YES},
        {"!package:openssl", NO, NO, NO},
        {"package:nginx", NO, NO, NO},
        {"package:libstdc++6>=12", YES, NO, NO},
        {"package:openssl<3.0.11-1", YES, NO, UN}, /* '~' is before the end; 1: is an epoch */
        {"package:openssl < 3.0.11-1~deb12u2", NO, NO, UN},
        {"package:openssl<=3.0.11-1~deb12u2", YES, NO, UN},
        {"package:openssl>=3.0.11-1~deb12u2", YES, YES, UN},
        {"package:openssl>3.0.11-1~deb12u2", NO, YES, UN},
        {"package:openssl<1:3.0.7-28", YES, YES, UN},
        {"package:openssl=1:3.0.7", NO, YES, UN},            /* rpm compares no release then */
        {"package:openssl=0:3.0.11-1~deb12u2", YES, NO, UN}, /* as versions, not as letters */
        {"package:openssl in (1:3.0.7, 3.0.11-1~deb12u2)", YES, YES, UN},
        {"package:openssl!=3.0.11-1~deb12u2", NO, YES, UN},
        {"package:openssl~3.0.*", YES, NO, NO},
        {"package:lib<1:1.5", YES, NO, NO}, /* one of several is enough */
        {"package:lib>1:1.5", YES, NO, NO},
        {"package:nginx<1", NO, NO, NO},  /* who has none is neither older ... */
        {"package:nginx>=1", NO, NO, NO}, /* ... nor not older */
        {"package:nginx<=1", NO, NO, NO},
        {"package:nginx!=1", YES, YES, YES},
        {"role=web, package:openssl<3.0.12", YES, NO, NO},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum ctl_select_answer got[] = {ask_with(rows[i].text, deb_with, true),
                                        ask_with(rows[i].text, rpm_with, true),
                                        ask_with(rows[i].text, nobody, true)};

        if (got[0] != rows[i].deb || got[1] != rows[i].rpm || got[2] != rows[i].nobody)
            fail_msg("'%s': %d %d %d", rows[i].text, got[0], got[1], got[2]);
    }
}

/* Only whom the rest does not decide; and never a guess. */
static void hosts_are_asked_for_packages_only_where_it_hangs_on_them(void **state)
{
    static const struct {
        const char *text;
        enum ctl_select_answer deb, fresh;
    } rows[] = {
        {"package:nginx", ASK, ASK},
        {"!package:nginx", ASK, ASK},
        {"package:nginx<2", ASK, ASK},
        {"role=web, package:nginx", ASK, ASK},
        {"role=db, package:nginx", NO, NO},
        {"role=web or package:nginx", YES, YES},
        {"role=db or package:nginx", ASK, ASK},
        {"package:nginx, role=db", NO, NO},
        {"!(role=db, package:nginx)", YES, YES},
        {"os=debian, package:nginx", ASK, UN}, /* whatever it has, it is not meant */
        {"os=debian or package:nginx", YES, ASK},
        {"!(os=debian, package:nginx)", ASK, ASK}, /* who has none is meant, whatever its os is */
        {"!(os=debian or package:nginx)", NO, UN},
        {"package:a, package:b", ASK, ASK},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (ask(rows[i].text, deb) != rows[i].deb || ask(rows[i].text, fresh) != rows[i].fresh)
            fail_msg("'%s': %d %d", rows[i].text, ask(rows[i].text, deb), ask(rows[i].text, fresh));
    }
}

/* What is known never contradicts what could still be: over all small expressions. */
static void an_answer_that_needs_no_packages_holds_whatever_they_are(void **state)
{
    static const char *const leaves[] = {"role=web",  "role=db",    "os=debian",
                                         "package:p", "!package:q", "!(os=debian)"};
    static const char *const joins[] = {", ", " or "};
    static const char *const with[][2][2] = {{{"package:p", "1"}, {"package:q", "1"}},
                                             {{"package:p", "1"}, {NULL, NULL}},
                                             {{"package:q", "1"}, {NULL, NULL}},
                                             {{NULL, NULL}, {NULL, NULL}}};
    const size_t count = sizeof(leaves) / sizeof(leaves[0]);
    char text[128];

    for (size_t i = 0; i < count * count * count * 8; i++) {
        enum ctl_select_answer before;
        unsigned yes = 0;

        (void)snprintf(text, sizeof(text), "%s(%s%s%s)%s%s",
                       i / (count * count * count) % 2 ? "!" : "", leaves[i % count],
                       joins[i / (count * count * count) / 2 % 2], leaves[i / count % count],
                       joins[i / (count * count * count) / 4], leaves[i / count / count % count]);
        before = ask(text, fresh);
        for (size_t j = 0; j < 4; j++) {
            const char *const pairs[][2] = {{"label.role", "web"},
                                            {with[j][0][0], with[j][0][1]},
                                            {with[j][1][0], with[j][1][1]},
                                            {NULL, NULL}};

            yes += ask_with(text, pairs, true) == YES;
        }
        if ((before == YES && yes != 4) || ((before == NO || before == UN) && yes != 0))
            fail_msg("'%s': %d, and then %u of 4", text, before, yes);
    }
}

#define LITERAL(column)                                                                         \
    "column " #column ": = compares every letter: write NAME~PATTERN or NAME!~PATTERN, or put " \
    "the value in quotes"

#define PACKAGE(column)                                                                       \
    "column " #column ": expected the name of a package, such as package:openssl<3.0.11; no " \
    "pattern"

static void each_mistake_is_told_with_its_column_and_a_remedy(void **state)
{
    static const char *const rows[][2] = {
        {"", "column 1: expected the name of a label or fact, such as role=web"},
        {"role=", "column 6: a value is missing: write it, or \"\" in quotes"},
        {"role=web env=prod", "column 10: expected ',' or 'or' before 'env=prod'"},
        {"role=web,", "column 10: expected the name of a label or fact, such as role=web"},
        {"(role=web", "column 10: expected ',', 'or' or ')' here"},
        {"role=web)", "column 9: expected ',' or 'or' before ')'"},
        {"env in prod", "column 8: expected '(' behind 'in': env in (prod, stage)"},
        {"env in (prod", "column 13: expected ',' or ')' in this list"},
        {"env not prod", "column 9: expected 'in' behind 'not': env not in (test)"},
        {"x=1, fact.kernal=6", "column 6: there is no fact 'kernal'; did you mean 'kernel'?"},
        {"fact.colour=red",
         "column 1: there is no fact 'colour': name, id, os, os_version, kernel, "
         "arch, agent or manager"},
        {"role<3",
         "column 1: 'role' is no version: < and > are for os_version, kernel, agent and package:NAME"},
        {"os", "column 1: every host has the fact 'os': compare it, as in os=…"},
        {"note=\"two", "column 6: this quote is not closed: add \" behind the value"},
        {"env!=prod*", LITERAL(6)},
        {"env=~prod.*", LITERAL(5)},
        {"env == web-?", LITERAL(8)},
        {"env=web-[ab]", LITERAL(5)},
        {"env in (test, prod*)", LITERAL(15)},
        {"env not in (~prod)", LITERAL(13)},
        {"package:", PACKAGE(9)},
        {"package:openssl*", "column 16: expected ',' or 'or' before '*'"},
        {"package:-x", PACKAGE(9)},
        {"role=web, package: openssl", PACKAGE(19)},
        {"package:openssl=3*", LITERAL(17)},
        {"packages:openssl<3", "column 1: a name has no ':'; did you mean 'package:openssl<3'?"},
    };
    struct ctl_select *select = malloc(sizeof(*select));

    assert_non_null(select);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bl_error err = {0};

        assert_true(ctl_select_parse(rows[i][0], select, &err) < 0);
        assert_string_equal(err.text, rows[i][1]);
    }
    free(select);
}

/* No text may make it write beyond its arrays or call itself without end. */
static void whatever_is_too_large_is_refused(void **state)
{
    static const char *const parts[] = {"(", "!", "a,", "a or ", "\"\",", "a in (b,", "a=\"\","};
    struct ctl_select *select = malloc(sizeof(*select));
    char text[2 * CTL_SELECT_TEXT_BYTES_MAX];

    assert_non_null(select);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        for (size_t bytes = 100; bytes < sizeof(text); bytes += 400) {
            struct bl_error err = {0};
            size_t used = 0;

            while (used + strlen(parts[i]) + 2 < bytes)
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", parts[i]);
            (void)snprintf(text + used, sizeof(text) - used, "z");
            if (ctl_select_parse(text, select, &err) >= 0)
                assert_true(used <= CTL_SELECT_NODES_MAX * strlen(parts[i]));
        }
    }
    free(select);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_test_means_what_the_manual_says),
        cmocka_unit_test(packages_are_compared_as_their_own_host_would),
        cmocka_unit_test(hosts_are_asked_for_packages_only_where_it_hangs_on_them),
        cmocka_unit_test(an_answer_that_needs_no_packages_holds_whatever_they_are),
        cmocka_unit_test(each_mistake_is_told_with_its_column_and_a_remedy),
        cmocka_unit_test(whatever_is_too_large_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
