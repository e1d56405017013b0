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

#define NO  CTL_SELECT_NO
#define YES CTL_SELECT_YES
#define UN  CTL_SELECT_UNKNOWN

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

static enum ctl_select_answer ask(const char *text, const char *const (*pairs)[2])
{
    const struct host host = {pairs};
    const struct ctl_select_host asked = {.userdata = &host, .label = label, .fact = fact};
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

#define LITERAL(column)                                                                         \
    "column " #column ": = compares every letter: write NAME~PATTERN or NAME!~PATTERN, or put " \
    "the value in quotes"

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
        {"role<3", "column 1: 'role' is no version: < and > are for os_version, kernel and agent"},
        {"os", "column 1: every host has the fact 'os': compare it, as in os=…"},
        {"note=\"two", "column 6: this quote is not closed: add \" behind the value"},
        {"env!=prod*", LITERAL(6)},
        {"env=~prod.*", LITERAL(5)},
        {"env == web-?", LITERAL(8)},
        {"env=web-[ab]", LITERAL(5)},
        {"env in (test, prod*)", LITERAL(15)},
        {"env not in (~prod)", LITERAL(13)},
        {"package:openssl<3",
         "column 1: versions of packages are not built yet: select by label or "
         "fact, and name the package in 'change.packages'; hosts that have it "
         "already are left out"},
        {"a:b=3", "column 1: a name has no ':'"},
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
        cmocka_unit_test(each_mistake_is_told_with_its_column_and_a_remedy),
        cmocka_unit_test(whatever_is_too_large_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
