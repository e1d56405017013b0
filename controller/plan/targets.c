/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/text.h"
#include "common/yaml.h"
#include "controller/plan/check.h"
#include "controller/select/select.h"

int ctl_plan_read_expression(const struct bl_yaml_node *node, const char **ret_text,
                             struct ctl_plan_problems *problems)
{
    BL_AUTO_FREE struct ctl_select *select = malloc(sizeof(*select));
    struct bl_error err = {0};

    if (select == NULL)
        return -ENOMEM;
    if (ctl_select_parse(node->text, select, &err) < 0)
        ctl_plan_add_problem_at(problems, node, NULL, "%s", err.text);
    else
        *ret_text = node->text;

    return 0;
}

bool ctl_plan_matches(const struct ctl_plan_hosts *hosts)
{
    return hosts->match_count > 0 || hosts->expression != NULL;
}

static void add_match(const struct ctl_plan_hosts *hosts, struct bl_text *text)
{
    if (hosts->expression != NULL) {
        bl_text_add(text, "(");
        bl_text_add(text, hosts->expression);
        bl_text_add(text, ")");
    }
    for (uint32_t i = 0; i < hosts->match_count; i++) {
        bl_text_add(text, i > 0 ? ", label." : "label.");
        bl_text_add(text, hosts->match[i].key);
        bl_text_add(text, "=");
        bl_text_add(text, hosts->match[i].value);
    }
}

int ctl_plan_targets(const struct ctl_plan_hosts *hosts, bool only_exclude, char *ret_text,
                     size_t text_bytes, struct bl_error *err)
{
    struct bl_text text;

    bl_text_init(&text, ret_text, text_bytes);
    if (!only_exclude && !ctl_plan_matches(hosts))
        return 0;
    if (!only_exclude)
        add_match(hosts, &text);
    if (hosts->exclude_expression != NULL) {
        bl_text_add(&text, only_exclude ? "!(" : ", !(");
        bl_text_add(&text, hosts->exclude_expression);
        bl_text_add(&text, ")");
    }
    if (text.used_bytes + 1 < text.size_bytes) /* otherwise it was cut */
        return 0;

    return bl_fail(err, -EMSGSIZE,
                   "'hosts.match' and 'hosts.exclude' are %zu bytes or more as one expression: set "
                   "a label on those hosts and name it",
                   text_bytes);
}
