/* SPDX-License-Identifier: Apache-2.0 */
/* What an expression says of one host. */
#include <string.h>

#include "common/check.h"
#include "common/text.h"
#include "controller/select/node.h"
#include "controller/select/select.h"
#include "controller/select/version.h"

static enum ctl_select_answer truth(bool value)
{
    return value ? CTL_SELECT_YES : CTL_SELECT_NO;
}

/* Below, at or above 0 as versions are to the host's package manager; false when that is not known. */
static bool compare(const struct ctl_select_node *node, const char *value, const char *word,
                    const struct ctl_select_host *host, int *ret_order)
{
    const char *manager = host->fact(host->userdata, CTL_SELECT_MANAGER);

    if (strcmp(manager, "apt") == 0 && node->fact == CTL_SELECT_KERNEL)
        *ret_order = ctl_version_compare_deb_kernel(value, word);
    else if (strcmp(manager, "apt") == 0)
        *ret_order = ctl_version_compare_deb(value, word);
    else if (strcmp(manager, "dnf") == 0)
        *ret_order = ctl_version_compare_rpm(value, word);
    else
        return false;

    return true;
}

static bool is_in_order(uint32_t kind, int order)
{
    switch (kind) {
    case NODE_OLDER:
        return order < 0;
    case NODE_NEWER:
        return order > 0;
    case NODE_OLDER_OR_SAME:
        return order <= 0;
    case NODE_NEWER_OR_SAME:
        return order >= 0;
    default:
        return order == 0;
    }
}

static enum ctl_select_answer ask_order(const struct ctl_select_node *node, const char *value,
                                        const struct ctl_select_host *host)
{
    int order;

    if (!compare(node, value, node->child->word, host, &order))
        return CTL_SELECT_UNKNOWN;

    return truth(is_in_order(node->kind, order));
}

/* One installed version against a test of a package; its words are versions, too. */
static enum ctl_select_answer ask_version(const struct ctl_select_node *node, const char *version,
                                          const struct ctl_select_host *host)
{
    if (node->kind == NODE_HAS)
        return CTL_SELECT_YES;
    if (node->kind == NODE_LIKE)
        return truth(bl_text_matches(node->child->word, version));
    for (const struct ctl_select_node *word = node->child; word != NULL; word = word->next) {
        int order;

        if (!compare(node, version, word->word, host, &order))
            return CTL_SELECT_UNKNOWN;
        if (is_in_order(node->kind, order))
            return CTL_SELECT_YES;
    }

    return CTL_SELECT_NO;
}

/* When several versions are installed, one is enough. */
static enum ctl_select_answer ask_package(const struct ctl_select_node *node,
                                          const struct ctl_select_host *host)
{
    const char *version;

    if (host->package == NULL)
        return CTL_SELECT_UNASKED;
    for (uint32_t i = 0; (version = host->package(host->userdata, node->word, i)) != NULL; i++) {
        enum ctl_select_answer answer = ask_version(node, version, host);

        if (answer != CTL_SELECT_NO)
            return answer;
    }

    return CTL_SELECT_NO;
}

static enum ctl_select_answer ask_test(const struct ctl_select_node *node,
                                       const struct ctl_select_host *host)
{
    const char *value = node->fact != 0 ? host->fact(host->userdata, node->fact)
                                        : host->label(host->userdata, node->word);

    if (node->fact != 0 && value[0] == '\0')
        return CTL_SELECT_UNKNOWN;
    if (node->kind == NODE_HAS || value == NULL)
        return truth(value != NULL);
    if (node->kind == NODE_LIKE)
        return truth(bl_text_matches(node->child->word, value));
    if (node->kind != NODE_EQUAL)
        return ask_order(node, value, host);
    for (const struct ctl_select_node *word = node->child; word != NULL; word = word->next) {
        if (strcmp(value, word->word) == 0)
            return CTL_SELECT_YES;
    }

    return CTL_SELECT_NO;
}

/*
 * What the answer may still be: one bit each of NO, YES and UNKNOWN. More than one while packages are
 * not known that it hangs on.
 */
typedef unsigned answers;

#define MAY(answer) (1u << (answer))

static answers negate_answers(answers child)
{
    return (child & MAY(CTL_SELECT_UNKNOWN)) |
           ((child & MAY(CTL_SELECT_NO)) != 0 ? MAY(CTL_SELECT_YES) : 0) |
           ((child & MAY(CTL_SELECT_YES)) != 0 ? MAY(CTL_SELECT_NO) : 0);
}

/* What decides alone: one NO among all, one YES among any; then what is unknown, then the rest. */
static answers join_answers(bool is_all, answers a, answers b)
{
    const answers alone = MAY(truth(!is_all)), unknown = MAY(CTL_SELECT_UNKNOWN),
                  rest = MAY(truth(is_all));

    return ((a | b) & alone) | (((a & unknown) != 0 && (b & (unknown | rest)) != 0) ? unknown : 0) |
           (((b & unknown) != 0 && (a & (unknown | rest)) != 0) ? unknown : 0) | (a & b & rest);
}

static answers ask(const struct ctl_select_node *node, const struct ctl_select_host *host)
{
    const bool is_all = node->kind == NODE_ALL;
    answers may = MAY(truth(is_all));

    if (node->kind == NODE_NOT)
        return negate_answers(ask(node->child, host));
    if (node->kind != NODE_ALL && node->kind != NODE_ANY) {
        enum ctl_select_answer answer =
            node->is_package ? ask_package(node, host) : ask_test(node, host);

        return answer == CTL_SELECT_UNASKED ? MAY(CTL_SELECT_NO) | MAY(CTL_SELECT_YES)
                                            : MAY(answer);
    }
    for (const struct ctl_select_node *child = node->child; child != NULL; child = child->next)
        may = join_answers(is_all, may, ask(child, host));

    return may;
}

enum ctl_select_answer ctl_select_ask(const struct ctl_select *select,
                                      const struct ctl_select_host *host)
{
    answers may;

    BL_ASSERT(select->root != NULL);
    may = ask(select->root, host);
    if ((may & MAY(CTL_SELECT_YES)) == 0)
        return may == MAY(CTL_SELECT_NO) ? CTL_SELECT_NO : CTL_SELECT_UNKNOWN;

    return may == MAY(CTL_SELECT_YES) ? CTL_SELECT_YES : CTL_SELECT_UNASKED;
}
