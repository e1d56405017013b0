/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_SELECT_SELECT_H
#define CTL_SELECT_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Which hosts are meant: an expression over labels, which people set, and facts, which hosts
 * report. Pure: parsing and asking need nothing but memory that the caller gives.
 *
 *   any  = all { "or" all }
 *   all  = term { ("," | "and") term }
 *   term = "!" term | "(" any ")" | test
 *   test = NAME | NAME OP WORD | NAME [ "not" ] "in" "(" WORD { "," WORD } ")"
 *   OP   = "=" | "!=" | "~" | "!~" | "<" | "<=" | ">" | ">="
 *
 * NAME is a label; the name of a fact means the fact. "label.os" and "fact.os" say which.
 * "package:X" is the version in which a host has the package X installed; hosts are asked for it
 * only where the answer hangs on it.
 */

enum {
    CTL_SELECT_TEXT_BYTES_MAX = 2048,
    CTL_SELECT_NODES_MAX = 128,
    CTL_SELECT_DEPTH_MAX = 16,
    CTL_SELECT_WORD_BYTES_MAX = 128,
};

enum ctl_select_fact {
    CTL_SELECT_NAME = 1, /* of the host */
    CTL_SELECT_ID,
    CTL_SELECT_OS,
    CTL_SELECT_OS_VERSION,
    CTL_SELECT_KERNEL,
    CTL_SELECT_ARCH,
    CTL_SELECT_AGENT,   /* version of belay-agent */
    CTL_SELECT_MANAGER, /* "apt", "dnf": also how versions are compared */
    CTL_SELECT_FACT_LAST = CTL_SELECT_MANAGER,
};

struct ctl_select_node {
    uint32_t kind;    /* of select.c */
    uint32_t fact;    /* enum ctl_select_fact; 0 = a label */
    const char *word; /* the label's name, or a value */
    bool is_bare;     /* a label that is written without "label." */
    bool is_package;  /* `word` is the name of a package */
    struct ctl_select_node *child, *next;
};

/* A parsed expression; large: keep it on the heap. Nodes point into it, so it must not be copied. */
struct ctl_select {
    struct ctl_select_node nodes[CTL_SELECT_NODES_MAX];
    uint32_t node_count;
    char words[2 * CTL_SELECT_TEXT_BYTES_MAX];
    size_t words_bytes;
    const struct ctl_select_node *root;
};

/* What an expression asks of a host. */
struct ctl_select_host {
    const void *userdata;
    const char *(*label)(const void *userdata, const char *name);         /* NULL: has none */
    const char *(*fact)(const void *userdata, enum ctl_select_fact fact); /* "": not known */
    /*
     * The versions in which a package is installed, from 0; NULL behind the last. NULL instead of a
     * function: nobody has asked the host.
     */
    const char *(*package)(const void *userdata, const char *name, uint32_t number);
};

/* The name of a fact in a host's document and among what belayd keeps of it: "os_id". */
const char *ctl_select_fact_key(enum ctl_select_fact fact);

enum ctl_select_answer {
    CTL_SELECT_NO = 0,
    CTL_SELECT_YES,
    CTL_SELECT_UNKNOWN, /* it hangs on a fact that the host has not told: not meant */
    CTL_SELECT_UNASKED, /* it hangs on packages, and nobody has asked the host what it has */
};

/* -EINVAL: "column 7: ...", with what to write instead. `select` need not be zeroed. */
int ctl_select_parse(const char *text, struct ctl_select *ret_select, struct bl_error *err)
    BL_CHECKED;

enum ctl_select_answer ctl_select_ask(const struct ctl_select *select,
                                      const struct ctl_select_host *host);

/*
 * Each label that is written without "label.": what may be a slip of the pen. Begin with *cursor 0;
 * NULL behind the last.
 */
const char *ctl_select_next_bare_label(const struct ctl_select *select, uint32_t *cursor);

/* Each name of a package, as often as it is written; as above. */
const char *ctl_select_next_package(const struct ctl_select *select, uint32_t *cursor);

/* "os_version"; NULL for no such fact. */
const char *ctl_select_fact_name(uint32_t fact);

#endif
