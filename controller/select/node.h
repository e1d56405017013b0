/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_SELECT_NODE_H
#define CTL_SELECT_NODE_H

/* What parser and asking share: `kind` of struct ctl_select_node. */

enum node_kind {
    NODE_ANY = 1, /* of children */
    NODE_ALL,
    NODE_NOT,
    NODE_HAS,   /* the label is there */
    NODE_EQUAL, /* to one of the children, which are NODE_WORD */
    NODE_LIKE,  /* matches the child's pattern */
    NODE_OLDER,
    NODE_NEWER,
    NODE_OLDER_OR_SAME, /* this and the next of packages only: with none installed it is no */
    NODE_NEWER_OR_SAME,
    NODE_WORD,
};

#endif
