/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "controller/cli/preview.h"

/* The row of the deny list that this change would go against, or NULL. */
static const json_t *find_denied(const json_t *denied, const json_t *change)
{
    const json_t *row;
    size_t i;

    if (ctl_json_text(change, "to")[0] == '\0')
        return NULL;
    json_array_foreach (denied, i, row) {
        if (strcmp(ctl_json_text(row, "package"), ctl_json_text(change, "name")) == 0 &&
            strcmp(ctl_json_text(row, "version"), ctl_json_text(change, "to")) == 0)
            return row;
    }

    return NULL;
}

void ctl_preview_block_denied(json_t *answers, const json_t *denied)
{
    json_t *answer;
    size_t i;

    json_array_foreach (answers, i, answer) {
        const json_t *change, *row = NULL;
        size_t place;

        json_array_foreach (json_object_get(answer, "changes"), place, change) {
            row = find_denied(denied, change);
            if (row != NULL)
                break;
        }
        if (row == NULL || strcmp(ctl_json_text(answer, "result"), "ok") != 0)
            continue;
        (void)json_object_set_new(answer, "result", json_string("failed"));
        (void)json_object_set_new(answer, "code", json_string("denied"));
        (void)json_object_set_new(
            answer, "reason",
            json_sprintf("%s=%s is denied%s%s: %s: 'belay deny lift %s=%s' lets it be installed "
                         "again",
                         ctl_json_text(row, "package"), ctl_json_text(row, "version"),
                         ctl_json_text(row, "rollout")[0] != '\0' ? " since rollout " : "",
                         ctl_json_text(row, "rollout"), ctl_json_text(row, "cause"),
                         ctl_json_text(row, "package"), ctl_json_text(row, "version")));
    }
}
