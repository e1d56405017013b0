/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/plan/plan.h"
#include "proto/finding.h"
#include "tests/lib/unit.h"

/* docs/plan.md against the table of keys: each is described, each has an example, all are right. */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, 65536);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, file) > 1000);
    (void)fclose(file);

    return text;
}

/* The next ```yaml block, cut out of `*at`; NULL at the end. The caller frees it. */
static char *next_example(const char **at)
{
    static const char fence[] = "```yaml\n";
    const char *begin = strstr(*at, fence);
    const char *end;

    if (begin == NULL)
        return NULL;
    begin += strlen(fence);
    end = strstr(begin, "```");
    assert_non_null(end);
    *at = end + 3;

    return strndup(begin, (size_t)(end - begin));
}

static bool has_line(const char *text, const char *start)
{
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, start, strlen(start)) == 0)
            return true;
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }

    return false;
}

static void each_example_is_a_plan(void **state)
{
    static const char *const needed[] = {"plan: p\n", "risk: low\n", "hosts: { list: [ h ] }\n",
                                         "change: { packages: [ a ] }\n"};
    char *docs = read_file(PLAN_DOCS), *example;
    const char *at = docs;
    unsigned count = 0;

    while ((example = next_example(&at)) != NULL) {
        struct ctl_plan *plan = calloc(1, sizeof(*plan));
        struct ctl_plan_problems *problems = calloc(1, sizeof(*problems));
        struct bl_error err = {0};
        char whole[4096] = "";

        assert_non_null(plan);
        assert_non_null(problems);
        for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
            char key[16];

            (void)snprintf(key, sizeof(key), "%.*s", (int)strcspn(needed[i], ":") + 1, needed[i]);
            if (!has_line(example, key))
                (void)strncat(whole, needed[i], sizeof(whole) - strlen(whole) - 1);
        }
        (void)strncat(whole, example, sizeof(whole) - strlen(whole) - 1);
        if (ctl_plan_read("example", whole, strlen(whole), plan, problems, &err) < 0)
            fail_msg("%s\n%s:\n%s", err.text, problems->count > 0 ? problems->list[0].what : "",
                     whole);
        ctl_plan_release(plan);
        free(plan);
        free(problems);
        free(example);
        count++;
    }
    assert_true(count > 8);
    free(docs);
}

static void each_key_is_described_and_shown(void **state)
{
    char *docs = read_file(PLAN_DOCS);
    char path[CTL_PLAN_FIELD_BYTES_MAX];
    bool later = false;
    uint32_t row = 0;

    for (; ctl_plan_key(row, path, sizeof(path), &later); row++) {
        const char *dot = strrchr(path, '.');
        const char *at = docs;
        char quoted[CTL_PLAN_FIELD_BYTES_MAX + 3], key[CTL_PLAN_FIELD_BYTES_MAX + 2];
        char *example;
        bool shown = later;

        (void)snprintf(quoted, sizeof(quoted), "`%s`", path);
        if (strstr(docs, quoted) == NULL)
            fail_msg("docs/plan.md does not describe %s", quoted);
        (void)snprintf(key, sizeof(key), "%s:", dot == NULL ? path : dot + 1);
        while ((example = next_example(&at)) != NULL) {
            shown = shown || strstr(example, key) != NULL;
            free(example);
        }
        if (!shown)
            fail_msg("docs/plan.md has no example with %s", path);
    }
    assert_true(row > 40);
    free(docs);
}

/* The manual page in scdoc's form: bold keys, underscores escaped. */
static void each_key_is_in_the_manual(void **state)
{
    char *page = read_file(PLAN_MANUAL), *to = page;
    char path[CTL_PLAN_FIELD_BYTES_MAX];
    bool later = false;

    for (const char *from = page; *from != '\0'; from++) {
        if (*from != '\\')
            *to++ = *from;
    }
    *to = '\0';
    for (uint32_t row = 0; ctl_plan_key(row, path, sizeof(path), &later); row++) {
        char bold[CTL_PLAN_FIELD_BYTES_MAX + 3], heading[CTL_PLAN_FIELD_BYTES_MAX + 5];

        (void)snprintf(bold, sizeof(bold), "*%s*", path);
        (void)snprintf(heading, sizeof(heading), "## %s\n", path);
        if (strstr(page, bold) == NULL && strstr(page, heading) == NULL)
            fail_msg("packaging/man/belay-plan.5.scd does not describe %s", path);
    }
    free(page);
}

/* The table of findings, row by row and in its order. */
static void each_finding_is_in_the_table(void **state)
{
    char *docs = read_file(PLAN_DOCS);
    const char *at = strstr(docs, "| finding | grade |");
    const struct proto_finding *finding;

    assert_non_null(at);
    at = strstr(at, "|---|---|---|\n");
    assert_non_null(at);
    at += strlen("|---|---|---|\n");
    for (uint32_t row = 0; (finding = proto_finding_at(row)) != NULL; row++) {
        char line[256];

        (void)snprintf(line, sizeof(line), "| `%s` | %s | %s |\n", finding->code,
                       proto_grade_name(finding->grade), finding->why);
        if (strncmp(at, line, strlen(line)) != 0)
            fail_msg("docs/plan.md: expected %sbut there is %.*s", line, (int)strcspn(at, "\n"),
                     at);
        at += strlen(line);
    }
    assert_int_not_equal(*at, '|');
    free(docs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_example_is_a_plan),
        cmocka_unit_test(each_key_is_described_and_shown),
        cmocka_unit_test(each_key_is_in_the_manual),
        cmocka_unit_test(each_finding_is_in_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
