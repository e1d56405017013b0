/* SPDX-License-Identifier: Apache-2.0 */
#include "common/condition.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

enum {
    DIGITS_MAX = 15, /* each such number, over a power of ten, is rounded once */
};

static const char *parse_sign(const char *text, enum bl_condition_sign *ret_sign)
{
    bool is_equal;

    if (*text != '<' && *text != '>')
        return NULL;
    is_equal = text[1] == '=';
    if (*text == '<')
        *ret_sign = is_equal ? BL_CONDITION_LESS_EQUAL : BL_CONDITION_LESS;
    else
        *ret_sign = is_equal ? BL_CONDITION_MORE_EQUAL : BL_CONDITION_MORE;
    text += is_equal ? 2 : 1;

    return text + strspn(text, " ");
}

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* NULL: no number stands there. */
static const char *parse_number(const char *text, double *ret_value)
{
    const bool is_negative = *text == '-';
    int64_t digits = 0, divisor = 1;
    unsigned count = 0, decimals = 0;

    text += is_negative ? 1 : 0;
    for (; is_digit(*text) && count <= DIGITS_MAX; text++, count++)
        digits = digits * 10 + (*text - '0');
    if (count > 0 && *text == '.') {
        for (text++; is_digit(*text) && count <= DIGITS_MAX; text++, count++, decimals++) {
            digits = digits * 10 + (*text - '0');
            divisor *= 10;
        }
        if (decimals == 0)
            return NULL;
    }
    if (count == 0 || count > DIGITS_MAX)
        return NULL;
    *ret_value = (double)(is_negative ? -digits : digits) / (double)divisor;

    return text;
}

int bl_condition_parse(const char *text, struct bl_condition *ret_condition, struct bl_error *err)
{
    struct bl_condition condition = {0};
    const char *at = text;

    if (*text == '\0') {
        *ret_condition = condition;
        return 0;
    }
    at = parse_sign(at, &condition.sign);
    if (at != NULL)
        at = parse_number(at, &condition.limit);
    if (at != NULL && *at == 'x' && condition.limit > 0) {
        condition.of_baseline = true;
        at++;
    }
    if (at == NULL || *at != '\0')
        return bl_fail(err, -EINVAL,
                       "'%.40s' is not a comparison such as > 5, >= 0.999, or > 2x of what it was",
                       text);
    *ret_condition = condition;

    return 0;
}

bool bl_condition_holds(const struct bl_condition *condition, double value, double baseline)
{
    const double limit = condition->limit * (condition->of_baseline ? baseline : 1.0);

    switch (condition->sign) {
    case BL_CONDITION_NONE:
        return false;
    case BL_CONDITION_LESS:
        return value < limit;
    case BL_CONDITION_LESS_EQUAL:
        return value <= limit;
    case BL_CONDITION_MORE:
        return value > limit;
    case BL_CONDITION_MORE_EQUAL:
        return value >= limit;
    }

    return false;
}
