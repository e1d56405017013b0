/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/json.h"

#include <string.h>
#include <time.h>

void ctl_json_release(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}

const char *ctl_json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "" : text;
}

int64_t ctl_json_number(const json_t *object, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(object, key));
}

bool ctl_json_bool(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

int64_t ctl_json_instant(const json_t *object, const char *key)
{
    const char *text = ctl_json_text(object, key);
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    int64_t ms = 0;

    if (rest == NULL || strlen(rest) != strlen(".123Z") || rest[0] != '.' || rest[4] != 'Z')
        return -1;
    for (int i = 1; i <= 3; i++) {
        if (rest[i] < '0' || rest[i] > '9')
            return -1;
        ms = ms * 10 + (rest[i] - '0');
    }

    return (int64_t)timegm(&parts) * 1000 + ms;
}
