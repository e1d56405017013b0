/* SPDX-License-Identifier: Apache-2.0 */
#include "common/yaml.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static struct bl_yaml *parse(const char *text)
{
    struct bl_yaml *yaml = NULL;
    struct bl_error err = {0};

    assert_int_equal(bl_yaml_parse("p.yaml", text, strlen(text), &yaml, &err), 0);
    return yaml;
}

static void refuses(const char *text, const char *wanted)
{
    struct bl_yaml *yaml = NULL;
    struct bl_error err = {0};

    assert_int_equal(bl_yaml_parse("p.yaml", text, strlen(text), &yaml, &err), -EINVAL);
    assert_null(yaml);
    if (strstr(err.text, wanted) == NULL)
        fail_msg("'%s' lacks '%s'", err.text, wanted);
}

static void knows_lines_and_paths(void **state)
{
    BL_AUTO_YAML struct bl_yaml *yaml = parse("a: 1\nb:\n  c: [x, 'y']\n  d:\n    - e: z\n");
    const struct bl_yaml_node *b = bl_yaml_find(yaml->root, "b");
    const struct bl_yaml_node *c = bl_yaml_find(b, "c");
    const struct bl_yaml_node *e = bl_yaml_find(bl_yaml_find(b, "d")->child, "e");
    char path[64];

    (void)state;
    assert_string_equal(bl_yaml_find(yaml->root, "a")->text, "1");
    assert_int_equal(b->key_line, 2);
    assert_int_equal(c->line, 3);
    assert_false(c->child->quoted);
    assert_true(c->child->next->quoted);
    assert_int_equal(e->line, 5);
    bl_yaml_path(e, path, sizeof(path));
    assert_string_equal(path, "b.d[0].e");
    assert_null(bl_yaml_find(yaml->root, "nothing"));
}

static void an_error_names_file_line_and_field(void **state)
{
    BL_AUTO_YAML struct bl_yaml *yaml = parse("a:\n  b: 7\n");
    struct bl_error err = {0};
    const struct bl_yaml_node *b = bl_yaml_find(bl_yaml_find(yaml->root, "a"), "b");

    (void)state;
    assert_int_equal(bl_yaml_fail(yaml, b, &err, "%d is too much", 7), -EINVAL);
    assert_string_equal(err.text, "p.yaml:2: field 'a.b': 7 is too much");
}

static void refuses_what_would_surprise(void **state)
{
    (void)state;
    refuses("a: 1\nb: 2\na: 3\n", "p.yaml:3: 'a' stands here a second time; first in line 1");
    refuses("a: &x 1\nb: *x\n", "anchors and tags");
    refuses("a: 1\nb: *x\n", "p.yaml:2");
    refuses("a: !!int 1\n", "anchors and tags");
    refuses("- a\n- b\n", "'key: value'");
    refuses("", "empty");
    refuses("a: 1\n---\nb: 2\n", "second document");
    refuses("? [a]\n: b\n", "plain word");
    refuses("a: [1, 2\n", "not valid YAML");
    refuses("a: \"x\\0y\"\n", "NUL");
    refuses("a: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", "deeply");
}

static void every_prefix_is_an_answer(void **state)
{
    static const char text[] = "a: 1\nb:\n  c: [x, 'y', \"z\"]\n  d:\n    - e: |\n        z\n";

    (void)state;
    for (size_t size = 0; size < sizeof(text); size++) {
        BL_AUTO_YAML struct bl_yaml *yaml = NULL;
        struct bl_error err = {0};
        int r = bl_yaml_parse("p.yaml", text, size, &yaml, &err);

        assert_true((r == 0) == (yaml != NULL));
        assert_true(r == 0 || err.text[0] != '\0');
    }
}

static void a_directory_or_nothing_is_an_error(void **state)
{
    struct bl_yaml *yaml = NULL;
    struct bl_error err = {0};

    (void)state;
    assert_int_equal(bl_yaml_load("/", &yaml, &err), -EINVAL);
    assert_int_equal(bl_yaml_load("/nothing/here", &yaml, &err), -ENOENT);
    assert_null(yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_lines_and_paths),
        cmocka_unit_test(an_error_names_file_line_and_field),
        cmocka_unit_test(refuses_what_would_surprise),
        cmocka_unit_test(every_prefix_is_an_answer),
        cmocka_unit_test(a_directory_or_nothing_is_an_error),
    };
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
