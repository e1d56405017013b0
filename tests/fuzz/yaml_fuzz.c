/* SPDX-License-Identifier: Apache-2.0 */
#include "common/yaml.h"
#include "tests/fuzz/fuzz.h"

enum {
    PATH_BYTES = 64
};

/* Walks all that was read, as the plan's reader would. */
static void visit(const struct bl_yaml_node *node, unsigned depth)
{
    char path[PATH_BYTES];

    BL_ASSERT(depth <= BL_YAML_DEPTH_MAX);
    BL_ASSERT(node->line > 0);
    BL_ASSERT(node->kind != BL_YAML_SCALAR || node->text != NULL);
    bl_yaml_path(node, path, sizeof(path));
    for (const struct bl_yaml_node *child = node->child; child != NULL; child = child->next) {
        BL_ASSERT(child->parent == node);
        if (node->kind == BL_YAML_MAP)
            BL_ASSERT(bl_yaml_find(node, child->key) == child);
        visit(child, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    BL_AUTO_YAML struct bl_yaml *yaml = NULL;
    struct bl_error err = {0};

    if (bl_yaml_parse("fuzz.yaml", (const char *)data, size_bytes, &yaml, &err) < 0) {
        BL_ASSERT(err.code < 0 && err.text[0] != '\0');
        return 0;
    }
    visit(yaml->root, 0);

    return 0;
}
