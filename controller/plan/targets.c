/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* "2", "10%": no label begins with a digit. */
static void read_share(const struct bl_yaml_node *node, struct ctl_plan_hosts *hosts,
                       struct ctl_plan_problems *problems)
{
    struct bl_error err = {0};

    if (ctl_plan_parse_share(node->text, &hosts->standby_share, &err) < 0)
        ctl_plan_add_problem_at(problems, node, NULL, "%s", err.text);
    else if (hosts->standby_share.value == 0)
        ctl_plan_add_problem_at(problems, node, NULL, "keeps no host: leave the key out");
    else if (hosts->standby_share.is_percent && hosts->standby_share.value == CTL_PLAN_SHARE_ALL)
        ctl_plan_add_problem_at(problems, node, NULL, "keeps all hosts, so that none changes");
}

/* What is installed is what changes: an expression over it would mean others an hour later. */
static int check_packages(const struct bl_yaml_node *node, struct ctl_plan_problems *problems)
{
    BL_AUTO_FREE struct ctl_select *select = malloc(sizeof(*select));
    struct bl_error err = {0};
    uint32_t cursor = 0;

    if (select == NULL)
        return -ENOMEM;
    if (ctl_select_parse(node->text, select, &err) >= 0 &&
        ctl_select_next_package(select, &cursor) != NULL)
        ctl_plan_add_problem_at(problems, node, NULL,
                                "can't hang on packages, since these change: name a label, facts, "
                                "or how many hosts");

    return 0;
}

int ctl_plan_read_some(bool is_standby, const struct bl_yaml_node *node,
                       struct ctl_plan_hosts *hosts, struct ctl_plan_problems *problems)
{
    int r;

    if (node->kind != BL_YAML_SCALAR) {
        if (is_standby || node->kind != BL_YAML_LIST)
            ctl_plan_add_problem_at(problems, node, NULL,
                                    is_standby ? "keeps no host: leave the key out"
                                               : "a list of hosts, or an expression");
        return 0;
    }
    if (!is_standby)
        return ctl_plan_read_expression(node, &hosts->exclude_expression, problems);
    if (strcmp(node->text, "rest") == 0) {
        ctl_plan_add_problem_at(problems, node, NULL, "'rest' is for waves");
        return 0;
    }
    if (node->text[0] >= '0' && node->text[0] <= '9') {
        read_share(node, hosts, problems);
        return 0;
    }
    r = ctl_plan_read_expression(node, &hosts->standby_expression, problems);

    return r < 0 ? r : check_packages(node, problems);
}

bool ctl_plan_has_standby(const struct ctl_plan_hosts *hosts)
{
    return hosts->standby.count > 0 || hosts->standby_expression != NULL ||
           hosts->standby_share.value > 0;
}

bool ctl_plan_lacks_standby(const struct ctl_plan *plan)
{
    return plan->risk == PROTO_RISK_HIGH && plan->severe.traffic != NULL &&
           !ctl_plan_has_standby(&plan->hosts);
}

uint32_t ctl_plan_standby_count(const struct ctl_plan_hosts *hosts, uint32_t host_count)
{
    const struct ctl_plan_share *share = &hosts->standby_share;

    if (!share->is_percent)
        return share->value;

    return (uint32_t)(((uint64_t)share->value * host_count + CTL_PLAN_SHARE_ALL - 1) /
                      CTL_PLAN_SHARE_ALL);
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
