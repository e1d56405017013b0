/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_CONDITION_H
#define BL_COMMON_CONDITION_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/error.h"

/* What a number is compared with: "> 5", ">= 0.999", "< -3", or "> 2x": two times what it was before. */
enum bl_condition_sign {
    BL_CONDITION_NONE = 0, /* there is no condition */
    BL_CONDITION_LESS,
    BL_CONDITION_LESS_EQUAL,
    BL_CONDITION_MORE,
    BL_CONDITION_MORE_EQUAL,
};

struct bl_condition {
    enum bl_condition_sign sign;
    double limit;
    bool of_baseline; /* `limit` is a factor */
};

/* At most 15 digits, no exponent, blanks only behind the sign. "" is no condition. -EINVAL. */
int bl_condition_parse(const char *text, struct bl_condition *ret_condition, struct bl_error *err)
    BL_CHECKED;

/* `baseline` is used when the condition is of one. False for no condition, and for no number (NaN). */
bool bl_condition_holds(const struct bl_condition *condition, double value, double baseline);

#endif
