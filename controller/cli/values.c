/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "controller/outside/json.h"
#include "controller/plan/plan.h"
#include "controller/select/select.h"

static int add_label(json_t *labels, const char *text, size_t text_bytes, struct bl_error *err)
{
    char label[2 * CTL_PLAN_NAME_BYTES_MAX + 2];
    char *equals;

    if (text_bytes >= sizeof(label))
        return bl_fail(err, -EINVAL, "label '%.40s...' is too long", text);
    memcpy(label, text, text_bytes);
    label[text_bytes] = '\0';
    equals = strchr(label, '=');
    if (equals == NULL)
        return bl_fail(err, -EINVAL, "'%s' is not a label: write KEY=VALUE", label);
    *equals = '\0';
    if (ctl_plan_check_word(label, CTL_PLAN_NAME_BYTES_MAX, err) < 0 ||
        ctl_plan_check_word(equals + 1, CTL_PLAN_NAME_BYTES_MAX, err) < 0)
        return bl_wrap(err, "label");
    if (json_object_get(labels, label) != NULL)
        return bl_fail(err, -EINVAL, "label '%s' is given twice", label);
    (void)json_object_set_new(labels, label, json_string(equals + 1));

    return 0;
}

int ctl_values_add_labels(json_t *labels, const char *text, struct bl_error *err)
{
    const char *at = text;

    for (;;) {
        size_t label_bytes = strcspn(at, ",");
        int r = add_label(labels, at, label_bytes, err);

        if (r < 0)
            return r;
        if (at[label_bytes] == '\0')
            return 0;
        at += label_bytes + 1;
    }
}

int ctl_values_labels(const struct ctl_cli_values *values, json_t **ret_labels,
                      struct bl_error *err)
{
    CTL_AUTO_JSON *labels = values->count == 0 ? NULL : json_object();

    for (uint32_t i = 0; i < values->count; i++) {
        int r = ctl_values_add_labels(labels, values->items[i], err);

        if (r < 0)
            return r;
    }
    *ret_labels = BL_TAKE_PTR(labels);

    return 0;
}

int ctl_values_match(const struct ctl_cli_values *values, json_t *request, struct bl_error *err)
{
    BL_AUTO_FREE struct ctl_select *select = malloc(sizeof(*select));
    char text[CTL_SELECT_TEXT_BYTES_MAX] = "";
    size_t used = 0;

    if (values->count == 0)
        return 0;
    if (select == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    for (uint32_t i = 0; i < values->count; i++) {
        int n;

        /* By itself: a mistake is told with its place in what was typed. */
        if (ctl_select_parse(values->items[i], select, err) < 0)
            return bl_wrap(err, "--match");
        n = snprintf(text + used, sizeof(text) - used, "%s%s%s%s", i > 0 ? ", " : "",
                     values->count > 1 ? "(" : "", values->items[i], values->count > 1 ? ")" : "");
        if (n < 0 || (size_t)n >= sizeof(text) - used)
            return bl_fail(err, -EINVAL, "--match: more than %zu bytes in all", sizeof(text) - 1);
        used += (size_t)n;
    }
    (void)json_object_set_new(request, "match", json_string(text));

    return 0;
}

int ctl_values_number(const char *option, const char *text, uint64_t min, uint64_t max,
                      uint64_t *ret_number, struct bl_error *err)
{
    struct bl_error ignored = {0};
    uint64_t number = 0;

    if (bl_text_to_u64(text, max, &number, &ignored) < 0 || number < min) {
        return bl_fail(err, -EINVAL, "--%s must be a whole number from %llu to %llu, not '%.40s'",
                       option, (unsigned long long)min, (unsigned long long)max, text);
    }
    *ret_number = number;

    return 0;
}

int ctl_values_duration(const char *option, const char *text, int64_t max_ms, int64_t *ret_ms,
                        struct bl_error *err)
{
    char most[64];
    int64_t ms = 0;

    if (ctl_plan_parse_duration(text, &ms, err) < 0)
        return bl_wrap(err, "--%s", option);
    if (ms == 0 || ms > max_ms) {
        ctl_plan_format_duration(max_ms, most, sizeof(most));
        return bl_fail(err, -EINVAL, "--%s must be above 0 and at most %s", option, most);
    }
    *ret_ms = ms;

    return 0;
}

json_t *ctl_values_arguments(const struct ctl_cli_arguments *arguments)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < arguments->count; i++)
        (void)json_array_append_new(list, json_string(arguments->items[i]));

    return list;
}

json_t *ctl_values_request(const char *verb)
{
    return json_pack("{s:s}", "verb", verb);
}
