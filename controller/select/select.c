/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/select/select.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"
#include "controller/select/node.h"

static const char *const fact_names[CTL_SELECT_FACT_LAST + 1] = {
    [CTL_SELECT_NAME] = "name",     [CTL_SELECT_ID] = "id",
    [CTL_SELECT_OS] = "os",         [CTL_SELECT_OS_VERSION] = "os_version",
    [CTL_SELECT_KERNEL] = "kernel", [CTL_SELECT_ARCH] = "arch",
    [CTL_SELECT_AGENT] = "agent",   [CTL_SELECT_MANAGER] = "manager",
};

const char *ctl_select_fact_key(enum ctl_select_fact fact)
{
    static const char *const keys[CTL_SELECT_FACT_LAST + 1] = {
        [CTL_SELECT_NAME] = "name",
        [CTL_SELECT_ID] = "id",
        [CTL_SELECT_OS] = "os_id",
        [CTL_SELECT_OS_VERSION] = "os_version",
        [CTL_SELECT_KERNEL] = "kernel",
        [CTL_SELECT_ARCH] = "arch",
        [CTL_SELECT_AGENT] = "agent_version",
        [CTL_SELECT_MANAGER] = "package_manager",
    };

    return keys[fact];
}

const char *ctl_select_fact_name(uint32_t fact)
{
    return fact >= 1 && fact <= CTL_SELECT_FACT_LAST ? fact_names[fact] : NULL;
}

/* ---- parsing: one function a rule of the grammar ---- */

struct parser {
    const char *text, *at;
    struct ctl_select *select;
    struct bl_error *err;
    unsigned depth;
};

/* A rule gives the node it made, or NULL after it has failed. */
static struct ctl_select_node *parse_any(struct parser *parser);

static BL_PRINTF(3, 4) struct ctl_select_node *fail(struct parser *parser, const char *at,
                                                    const char *fmt, ...)
{
    char what[256];
    va_list arguments;

    va_start(arguments, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, arguments);
    va_end(arguments);
    (void)bl_fail(parser->err, -EINVAL, "column %zu: %s", (size_t)(at - parser->text) + 1, what);

    return NULL;
}

static void skip_blanks(struct parser *parser)
{
    parser->at += strspn(parser->at, " \t\n");
}

static bool is_name_sign(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._-", c) != NULL);
}

static bool is_value_sign(char c)
{
    return is_name_sign(c) || (c != '\0' && strchr(":+~^*?[]/@%", c) != NULL);
}

/* The sign or word `token` stands here: steps over it. */
static bool take(struct parser *parser, const char *token)
{
    size_t bytes = strlen(token);

    skip_blanks(parser);
    if (strncmp(parser->at, token, bytes) != 0 ||
        (is_name_sign(token[0]) && is_name_sign(parser->at[bytes])))
        return false;
    parser->at += bytes;

    return true;
}

static struct ctl_select_node *add_node(struct parser *parser, enum node_kind kind)
{
    struct ctl_select *select = parser->select;
    struct ctl_select_node *node;

    if (select->node_count == CTL_SELECT_NODES_MAX)
        return fail(parser, parser->at, "has more than %d parts: set a label that says the same",
                    CTL_SELECT_NODES_MAX);
    node = &select->nodes[select->node_count++];
    *node = (struct ctl_select_node){.kind = kind};

    return node;
}

/* Keeps a word of the text; there is room for each of them and its end. */
static const char *keep(struct parser *parser, const char *from, size_t bytes)
{
    struct ctl_select *select = parser->select;
    char *word = select->words + select->words_bytes;

    BL_ASSERT(select->words_bytes + bytes + 1 <= sizeof(select->words));
    memcpy(word, from, bytes);
    word[bytes] = '\0';
    select->words_bytes += bytes + 1;

    return word;
}

/* A value: bare, or in double quotes when it has other signs. */
static struct ctl_select_node *parse_word(struct parser *parser)
{
    struct ctl_select_node *node;
    const char *begin;
    size_t bytes = 0;
    bool is_quoted;

    skip_blanks(parser);
    is_quoted = *parser->at == '"';
    begin = parser->at + (is_quoted ? 1 : 0);
    if (is_quoted) {
        bytes = strcspn(begin, "\"");
        if (begin[bytes] == '\0')
            return fail(parser, parser->at, "this quote is not closed: add \" behind the value");
    } else {
        while (is_value_sign(begin[bytes]))
            bytes++;
        if (bytes == 0)
            return fail(parser, parser->at, "a value is missing: write it, or \"\" in quotes");
    }
    if (bytes > CTL_SELECT_WORD_BYTES_MAX)
        return fail(parser, parser->at, "a value of more than %d bytes", CTL_SELECT_WORD_BYTES_MAX);
    node = add_node(parser, NODE_WORD);
    if (node == NULL)
        return NULL;
    node->word = keep(parser, begin, bytes);
    parser->at = begin + bytes + (is_quoted ? 1 : 0);

    return node;
}

/*
 * A value behind =, != or in, which compare letter by letter. A bare pattern there would be equal to
 * nothing, and so, negated, select every host.
 */
static struct ctl_select_node *parse_literal(struct parser *parser)
{
    struct ctl_select_node *node;
    const char *begin;

    skip_blanks(parser);
    begin = parser->at;
    node = parse_word(parser);
    if (node != NULL && *begin != '"' && (*begin == '~' || strpbrk(node->word, "*?[") != NULL))
        return fail(parser, begin,
                    "= compares every letter: write NAME~PATTERN or NAME!~PATTERN, or put the "
                    "value in quotes");

    return node;
}

/* Behind "package:". */
static bool parse_package(struct parser *parser, struct ctl_select_node *test)
{
    size_t bytes = 0;

    while (is_name_sign(parser->at[bytes]) || parser->at[bytes] == '+')
        bytes++;
    if (bytes > 0 && bytes <= CTL_SELECT_WORD_BYTES_MAX) {
        test->word = keep(parser, parser->at, bytes);
        test->is_package = bl_text_is_package_name(test->word);
    }
    if (!test->is_package)
        (void)fail(parser, parser->at,
                   "expected the name of a package, such as package:openssl<3.0.11; no pattern");
    parser->at += bytes;

    return test->is_package;
}

/* "label.X", "fact.X", or X: a fact if there is one of that name. */
static bool parse_name(struct parser *parser, struct ctl_select_node *test)
{
    const char *begin = parser->at, *name, *meant;
    size_t bytes = 0;

    while (is_name_sign(begin[bytes]))
        bytes++;
    if (bytes == 0 || bytes > CTL_SELECT_WORD_BYTES_MAX) {
        (void)fail(parser, begin, "expected the name of a label or fact, such as role=web");
        return false;
    }
    parser->at += bytes;
    if (*parser->at == ':') {
        parser->at++;
        if (bytes == 7 && strncmp(begin, "package", bytes) == 0)
            return parse_package(parser, test);
        (void)fail(parser, begin, "a name has no ':'; did you mean 'package:%.40s'?", parser->at);
        return false;
    }
    name = keep(parser, begin, bytes);
    if (strncmp(name, "label.", 6) == 0 && name[6] != '\0') {
        test->word = name + 6;
        return true;
    }
    test->word = strncmp(name, "fact.", 5) == 0 ? name + 5 : name;
    for (uint32_t fact = 1; fact <= CTL_SELECT_FACT_LAST; fact++) {
        if (strcmp(test->word, fact_names[fact]) == 0)
            test->fact = fact;
    }
    test->is_bare = test->word == name && test->fact == 0;
    if (test->is_bare || test->fact != 0)
        return true;
    meant = bl_text_nearest(test->word, fact_names + 1, CTL_SELECT_FACT_LAST);
    (void)fail(parser, begin, "there is no fact '%.40s'%s%s%s", test->word,
               meant != NULL ? "; did you mean '" : ": name, id, os, os_version, kernel, arch, ",
               meant != NULL ? meant : "agent or manager", meant != NULL ? "'?" : "");

    return false;
}

static struct ctl_select_node *negate(struct parser *parser, struct ctl_select_node *child)
{
    struct ctl_select_node *node = child == NULL ? NULL : add_node(parser, NODE_NOT);

    if (node != NULL)
        node->child = child;

    return node;
}

/* "( a, b )" behind "in"; the test gets the words as children. */
static struct ctl_select_node *parse_list(struct parser *parser, struct ctl_select_node *test)
{
    struct ctl_select_node **end = &test->child;

    if (!take(parser, "("))
        return fail(parser, parser->at, "expected '(' behind 'in': env in (prod, stage)");
    do {
        *end = parse_literal(parser);
        if (*end == NULL)
            return NULL;
        end = &(*end)->next;
    } while (take(parser, ","));
    if (!take(parser, ")"))
        return fail(parser, parser->at, "expected ',' or ')' in this list");
    test->kind = NODE_EQUAL;

    return test;
}

static bool has_versions(const struct ctl_select_node *test)
{
    return test->is_package || test->fact == CTL_SELECT_OS_VERSION ||
           test->fact == CTL_SELECT_KERNEL || test->fact == CTL_SELECT_AGENT;
}

/* `package:x>=2` is no negation of `package:x<2`: who has no x at all is neither. */
static bool make_existing(struct ctl_select_node *test)
{
    if (!test->is_package || (test->kind != NODE_OLDER && test->kind != NODE_NEWER))
        return false;
    test->kind = test->kind == NODE_OLDER ? NODE_NEWER_OR_SAME : NODE_OLDER_OR_SAME;

    return true;
}

static struct ctl_select_node *parse_test(struct parser *parser)
{
    static const struct {
        const char *sign;
        enum node_kind kind;
        bool negated;
    } signs[] = {
        {"==", NODE_EQUAL, false}, {"=", NODE_EQUAL, false}, {"!=", NODE_EQUAL, true},
        {"!~", NODE_LIKE, true},   {"~", NODE_LIKE, false},  {"<=", NODE_NEWER, true},
        {"<", NODE_OLDER, false},  {">=", NODE_OLDER, true}, {">", NODE_NEWER, false},
    };
    struct ctl_select_node *test = add_node(parser, NODE_HAS);
    const char *begin = parser->at;

    if (test == NULL || !parse_name(parser, test))
        return NULL;
    if (take(parser, "in"))
        return parse_list(parser, test);
    if (take(parser, "not")) {
        if (!take(parser, "in"))
            return fail(parser, parser->at, "expected 'in' behind 'not': env not in (test)");
        return negate(parser, parse_list(parser, test));
    }
    skip_blanks(parser);
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (!take(parser, signs[i].sign))
            continue;
        test->kind = signs[i].kind;
        if ((test->kind == NODE_OLDER || test->kind == NODE_NEWER) && !has_versions(test))
            return fail(parser, begin,
                        "'%.40s' is no version: < and > are for os_version, kernel, agent and "
                        "package:NAME",
                        test->word);
        test->child = test->kind == NODE_EQUAL ? parse_literal(parser) : parse_word(parser);
        if (test->child == NULL)
            return NULL;
        return signs[i].negated && !make_existing(test) ? negate(parser, test) : test;
    }
    if (test->fact != 0)
        return fail(parser, begin, "every host has the fact '%.40s': compare it, as in %.40s=…",
                    test->word, test->word);

    return test;
}

static struct ctl_select_node *parse_term(struct parser *parser)
{
    struct ctl_select_node *node;

    skip_blanks(parser);
    if (parser->depth == CTL_SELECT_DEPTH_MAX)
        return fail(parser, parser->at, "nested more than %d deep", CTL_SELECT_DEPTH_MAX);
    parser->depth++;
    if (take(parser, "!")) {
        node = negate(parser, parse_term(parser));
    } else if (take(parser, "(")) {
        node = parse_any(parser);
        if (node != NULL && !take(parser, ")"))
            node = fail(parser, parser->at, "expected ',', 'or' or ')' here");
    } else {
        node = parse_test(parser);
    }
    parser->depth--;

    return node;
}

static struct ctl_select_node *parse_all(struct parser *parser)
{
    struct ctl_select_node *all = add_node(parser, NODE_ALL), **end;

    if (all == NULL)
        return NULL;
    end = &all->child;
    do {
        *end = parse_term(parser);
        if (*end == NULL)
            return NULL;
        end = &(*end)->next;
    } while (take(parser, ",") || take(parser, "and"));

    return all;
}

static struct ctl_select_node *parse_any(struct parser *parser)
{
    struct ctl_select_node *any = add_node(parser, NODE_ANY), **end;

    if (any == NULL)
        return NULL;
    end = &any->child;
    do {
        *end = parse_all(parser);
        if (*end == NULL)
            return NULL;
        end = &(*end)->next;
    } while (take(parser, "or"));

    return any;
}

int ctl_select_parse(const char *text, struct ctl_select *ret_select, struct bl_error *err)
{
    struct parser parser = {.text = text, .at = text, .select = ret_select, .err = err};

    ret_select->node_count = 0;
    ret_select->words_bytes = 0;
    ret_select->root = NULL;
    if (strlen(text) >= CTL_SELECT_TEXT_BYTES_MAX) {
        return bl_fail(err, -EINVAL, "an expression of %zu bytes; %d at most: set a label instead",
                       strlen(text), CTL_SELECT_TEXT_BYTES_MAX - 1);
    }
    if (!bl_text_is_clean(text, strlen(text)))
        return bl_fail(err, -EINVAL, "an expression with control characters");
    ret_select->root = parse_any(&parser);
    if (ret_select->root == NULL)
        return -EINVAL;
    skip_blanks(&parser);
    if (*parser.at != '\0') {
        ret_select->root = NULL;
        (void)fail(&parser, parser.at, "expected ',' or 'or' before '%.20s'", parser.at);
        return -EINVAL;
    }

    return 0;
}

const char *ctl_select_next_bare_label(const struct ctl_select *select, uint32_t *cursor)
{
    while (*cursor < select->node_count) {
        const struct ctl_select_node *node = &select->nodes[(*cursor)++];

        if (node->is_bare)
            return node->word;
    }

    return NULL;
}

const char *ctl_select_next_package(const struct ctl_select *select, uint32_t *cursor)
{
    while (*cursor < select->node_count) {
        const struct ctl_select_node *node = &select->nodes[(*cursor)++];

        if (node->is_package)
            return node->word;
    }

    return NULL;
}
