/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/units_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[AGENT_UNIT_STATE_LAST + 1] = {
    [AGENT_UNIT_INACTIVE] = "inactive",
    [AGENT_UNIT_ACTIVE] = "active",
    [AGENT_UNIT_FAILED] = "failed",
    [AGENT_UNIT_ACTIVATING] = "activating",
    [AGENT_UNIT_DEACTIVATING] = "deactivating",
};

const char *agent_unit_state_name(uint32_t state)
{
    return state >= AGENT_UNIT_INACTIVE && state <= AGENT_UNIT_STATE_LAST ? state_names[state]
                                                                          : "?";
}

/* "reloading" counts as active; what a later systemd may add counts as inactive. */
enum agent_unit_state agent_unit_state_from_text(const char *text)
{
    if (strcmp(text, "reloading") == 0)
        return AGENT_UNIT_ACTIVE;
    for (uint32_t i = AGENT_UNIT_INACTIVE; i <= AGENT_UNIT_STATE_LAST; i++) {
        if (strcmp(text, state_names[i]) == 0)
            return (enum agent_unit_state)i;
    }

    return AGENT_UNIT_INACTIVE;
}

static int compare_units(const void *left, const void *right)
{
    return strcmp(((const struct agent_unit *)left)->name,
                  ((const struct agent_unit *)right)->name);
}

const struct agent_unit *agent_units_find(const struct agent_units_list *list, const char *name)
{
    struct agent_unit key = {.name = name};

    if (list->count == 0)
        return NULL;
    return bsearch(&key, list->items, list->count, sizeof(*list->items), compare_units);
}

int agent_units_list_read(struct agent_units_list *list, sd_bus_message *message)
{
    uint32_t capacity = 0;
    int r;

    r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "(ssssssouso)");
    while (r >= 0) {
        const char *name, *state;

        r = sd_bus_message_read(message, "(ssssssouso)", &name, NULL, NULL, &state, NULL, NULL,
                                NULL, NULL, NULL, NULL);
        if (r <= 0)
            break;
        if (list->count == capacity) {
            struct agent_unit *items;

            capacity = capacity == 0 ? 64 : 2 * capacity;
            items = reallocarray(list->items, capacity, sizeof(*items));
            if (items == NULL)
                return -ENOMEM;
            list->items = items;
        }
        list->items[list->count] =
            (struct agent_unit){.name = strdup(name), .state = agent_unit_state_from_text(state)};
        if (list->items[list->count].name == NULL)
            return -ENOMEM;
        list->count++;
    }

    if (r >= 0 && list->count > 0)
        qsort(list->items, list->count, sizeof(*list->items), compare_units);

    return r;
}

bool agent_unit_is_running_service(const struct agent_unit *unit)
{
    size_t length = strlen(unit->name), suffix = strlen(".service");

    return length > suffix && strcmp(unit->name + length - suffix, ".service") == 0 &&
           unit->state != AGENT_UNIT_FAILED;
}

void agent_units_list_release(struct agent_units_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        union { /* the names are ours; the struct lends them as const */
            const char *lent;
            void *own;
        } name = {.lent = list->items[i].name};

        free(name.own);
    }
    free(list->items);
    *list = (struct agent_units_list){0};
}

bool agent_unit_says_failed(sd_bus_message *message)
{
    const char *interface = NULL, *key = NULL, *text = NULL;
    bool failed = false;

    if (sd_bus_message_read(message, "s", &interface) < 0 ||
        strcmp(interface, "org.freedesktop.systemd1.Unit") != 0 ||
        sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "{sv}") < 0)
        return false;
    while (sd_bus_message_enter_container(message, SD_BUS_TYPE_DICT_ENTRY, "sv") > 0) {
        if (sd_bus_message_read(message, "s", &key) < 0)
            return false;
        if (strcmp(key, "ActiveState") == 0) {
            if (sd_bus_message_read(message, "v", "s", &text) < 0)
                return false;
            failed = strcmp(text, "failed") == 0;
        } else if (sd_bus_message_skip(message, "v") < 0) {
            return false;
        }
        if (sd_bus_message_exit_container(message) < 0)
            return false;
    }

    return failed;
}
