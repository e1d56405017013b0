/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/quiesce_units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lease/manager.h"
#include "agent/lease/quiesce_plan.h"
#include "common/clock.h"
#include "common/text.h"

#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"

static int fail_bus(struct bl_error *err, int r, const char *what, sd_bus_error *bus_error)
{
    r = bl_fail(err, r, "systemd %s: %s", what,
                sd_bus_error_is_set(bus_error) ? bus_error->message : strerror(-r));
    sd_bus_error_free(bus_error);

    return r;
}

static bool has(const struct agent_quiesce_list *list, const char *unit)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->units[i].name, unit) == 0)
            return true;

    return false;
}

/* For the properties that an older systemd may not have, `if_unknown` stands. */
static bool get_bool(sd_bus *bus, const char *path, const char *interface, const char *property,
                     bool if_unknown)
{
    int value = 0;

    if (sd_bus_get_property_trivial(bus, AGENT_MANAGER_NAME, path, interface, property, NULL, 'b',
                                    &value) < 0)
        return if_unknown;

    return value != 0;
}

static uint64_t get_usec(sd_bus *bus, const char *path, const char *property)
{
    uint64_t usec = 0;

    if (sd_bus_get_property_trivial(bus, AGENT_MANAGER_NAME, path, "org.freedesktop.systemd1.Timer",
                                    property, NULL, 't', &usec) < 0)
        return 0;

    return usec >= INT64_MAX ? 0 : usec;
}

/* While what it starts runs, a timer has no next run. */
static bool is_under_way(sd_bus *bus, const char *path)
{
    char *state = NULL;
    bool found;

    if (sd_bus_get_property_string(bus, AGENT_MANAGER_NAME, path, UNIT_INTERFACE, "SubState", NULL,
                                   &state) < 0)
        return false;
    found = strcmp(state, "running") == 0;
    free(state);

    return found;
}

/* A timer may have runs by the calendar and runs after some time: the earlier one comes next. */
static void look_at_timer(sd_bus *bus, const char *path, struct agent_quiesce_unit *unit)
{
    int64_t by_calendar_ms = (int64_t)(get_usec(bus, path, "NextElapseUSecRealtime") / 1000);
    int64_t after_time_ms = (int64_t)(get_usec(bus, path, "NextElapseUSecMonotonic") / 1000);

    if (after_time_ms > 0)
        after_time_ms = bl_wall_of_monotonic(after_time_ms).ms;
    unit->next_run_ms = by_calendar_ms;
    if (after_time_ms > 0 && (by_calendar_ms == 0 || after_time_ms < by_calendar_ms))
        unit->next_run_ms = after_time_ms;
    unit->runs_unknown = unit->next_run_ms == 0 && is_under_way(bus, path);
    /* Time that has passed since the last run is seen to have passed at the start of the timer. */
    unit->catches_up = unit->next_run_ms != by_calendar_ms ||
                       get_bool(bus, path, "org.freedesktop.systemd1.Timer", "Persistent", false);
}

void agent_quiesce_look_at_timers(sd_bus *bus, struct agent_quiesce_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct agent_quiesce_unit *unit = &list->units[i];
        char *path = NULL;

        if (!unit->was_active || agent_quiesce_kind(unit->name) != AGENT_QUIESCE_TIMER ||
            sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit->name, &path) < 0)
            continue;
        look_at_timer(bus, path, unit);
        free(path);
    }
}

/* Why a unit that runs could not be put back once it is stopped; NULL: it could. */
static const char *why_left(sd_bus *bus, const char *path, const struct agent_manager_unit *state)
{
    if (!state->startable)
        return "masked or broken, it would not start again";
    if (get_bool(bus, path, UNIT_INTERFACE, "Transient", false))
        return "transient, it would be gone";
    if (!get_bool(bus, path, UNIT_INTERFACE, "CanStart", true) ||
        !get_bool(bus, path, UNIT_INTERFACE, "CanStop", true))
        return "not to be started or stopped by hand";

    return NULL;
}

static void leave(struct agent_quiesce_list *list, const char *name, const char *why)
{
    size_t used_bytes = strlen(list->left);

    (void)snprintf(list->left + used_bytes, sizeof(list->left) - used_bytes, "%s%s (%s)",
                   used_bytes > 0 ? ", " : "", name, why);
}

static int add(sd_bus *bus, struct agent_quiesce_list *list, const char *name, struct bl_error *err)
{
    struct agent_quiesce_unit *unit = &list->units[list->count];
    struct agent_manager_unit state;
    const char *why = NULL;
    char *path = NULL;
    int r;

    r = agent_manager_look(bus, name, &state, err);
    if (r < 0)
        return r;
    if (!state.loaded || has(list, state.id) || !bl_text_is_unit_name(state.id))
        return 0;
    if (state.ended && !state.startable)
        return 0; /* as it is found, so it stays by itself */
    r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", state.id, &path);
    if (r < 0)
        return bl_fail(err, r, "unit '%s': %s", state.id, strerror(-r));
    if (!state.ended)
        why = why_left(bus, path, &state);
    if (why != NULL) {
        leave(list, state.id, why);
    } else if (list->count == AGENT_LEASE_UNITS_MAX) {
        r = bl_fail(err, -EMSGSIZE, "more than %d units to pause", AGENT_LEASE_UNITS_MAX);
    } else {
        *unit = (struct agent_quiesce_unit){.was_active = state.active};
        bl_text_copy(unit->name, sizeof(unit->name), state.id);
        if (agent_quiesce_kind(unit->name) == AGENT_QUIESCE_TIMER && state.active)
            look_at_timer(bus, path, unit);
        list->count++;
    }
    free(path);

    return r;
}

/* Units that another one is tied to. A tie that this systemd does not know, it does not have. */
static int add_tied(sd_bus *bus, struct agent_quiesce_list *list, const char *unit, const char *tie,
                    struct bl_error *err)
{
    bool is_trigger = strcmp(tie, "TriggeredBy") == 0;
    char *path = NULL, **others = NULL;
    int r;

    r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
    if (r < 0)
        return bl_fail(err, r, "unit '%s': %s", unit, strerror(-r));
    if (sd_bus_get_property_strv(bus, AGENT_MANAGER_NAME, path, UNIT_INTERFACE, tie, NULL,
                                 &others) < 0)
        others = NULL;
    free(path);
    for (char **other = others; other != NULL && *other != NULL; other++) {
        bool may_pause = agent_quiesce_kind(*other) != AGENT_QUIESCE_OTHER &&
                         !agent_quiesce_is_protected(*other);
        struct agent_manager_unit state = {0};

        if (r >= 0 && !is_trigger)
            r = agent_manager_look(bus, *other, &state, err);
        if (r >= 0 && !is_trigger && state.active && !may_pause)
            r = bl_fail(err, -EPROTO, "'%.100s' can't be paused: '%.100s' would stop with it", unit,
                        *other);
        else if (r >= 0 && may_pause && (is_trigger || state.active))
            r = add(bus, list, *other, err);
        free(*other);
    }
    free(others);

    return r < 0 ? r : 0;
}

/*
 * What would start a paused service is paused with it: a socket would run into its own limits. And
 * what PID 1 stops with it is in the list, so that it is started again, too.
 */
static int add_all_tied(sd_bus *bus, struct agent_quiesce_list *list, struct bl_error *err)
{
    static const char *const ties[] = {"RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf",
                                       "PropagatesStopTo"};
    int r = 0;

    for (uint32_t i = 0; r >= 0 && i < list->count; i++) {
        char name[AGENT_LEASE_UNIT_BYTES_MAX + 1];
        bool was_active = list->units[i].was_active;

        bl_text_copy(name, sizeof(name), list->units[i].name);
        if (agent_quiesce_kind(name) == AGENT_QUIESCE_SERVICE)
            r = add_tied(bus, list, name, "TriggeredBy", err);
        for (size_t tie = 0; r >= 0 && was_active && tie < sizeof(ties) / sizeof(ties[0]); tie++)
            r = add_tied(bus, list, name, ties[tie], err);
    }

    return r;
}

int agent_quiesce_visit_units(sd_bus *bus,
                              int (*visit)(void *userdata, const char *name, const char *active,
                                           struct bl_error *err),
                              void *userdata, struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    const char *name, *active;
    int r, visited = 0;

    r = sd_bus_call_method(bus, AGENT_MANAGER_NAME, AGENT_MANAGER_PATH, AGENT_MANAGER_INTERFACE,
                           "ListUnits", &bus_error, &reply, NULL);
    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
    while (r >= 0 && visited >= 0 &&
           (r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, &active, NULL, NULL,
                                    NULL, NULL, NULL, NULL)) > 0)
        visited = visit(userdata, name, active, err);
    sd_bus_message_unref(reply);
    if (r < 0)
        return fail_bus(err, r, "ListUnits", &bus_error);

    return visited;
}

/* Units that no one has loaded: a package's script could start them all the same. */
static int visit_files(sd_bus *bus,
                       int (*visit)(void *userdata, const char *name, const char *active,
                                    struct bl_error *err),
                       void *userdata, struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    const char *path, *state;
    int r, visited = 0;

    r = sd_bus_call_method(bus, AGENT_MANAGER_NAME, AGENT_MANAGER_PATH, AGENT_MANAGER_INTERFACE,
                           "ListUnitFiles", &bus_error, &reply, NULL);
    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "(ss)");
    while (r >= 0 && visited >= 0 && (r = sd_bus_message_read(reply, "(ss)", &path, &state)) > 0) {
        const char *slash = strrchr(path, '/');
        const char *name = slash != NULL ? slash + 1 : path;

        if (strstr(name, "@.") == NULL) /* a template is no unit */
            visited = visit(userdata, name, "", err);
    }
    sd_bus_message_unref(reply);
    if (r < 0)
        return fail_bus(err, r, "ListUnitFiles", &bus_error);

    return visited;
}

struct collection {
    sd_bus *bus;
    const struct proto_manifest *manifest;
    struct agent_quiesce_list *list;
};

static int visit_to_collect(void *userdata, const char *name, const char *active,
                            struct bl_error *err)
{
    struct collection *collection = userdata;

    if (!agent_quiesce_wants(collection->manifest, name))
        return 0;

    return add(collection->bus, collection->list, name, err);
}

/* Units that are named exactly, loaded or not. */
static int add_named(sd_bus *bus, const struct proto_manifest *manifest,
                     struct agent_quiesce_list *list, struct bl_error *err)
{
    for (uint32_t i = 0; i < manifest->quiesce_units_count; i++) {
        const char *name = manifest->quiesce_units[i].text;
        int r;

        if (agent_quiesce_is_glob(name))
            continue;
        if (agent_quiesce_is_protected(name) || !bl_text_is_unit_name(name) ||
            agent_quiesce_kind(name) == AGENT_QUIESCE_OTHER)
            return bl_fail(err, -EPROTO, "'%.100s' can't be paused: the host needs it", name);
        r = add(bus, list, name, err);
        if (r < 0)
            return r;
    }

    return 0;
}

static int compare_units(const void *a, const void *b)
{
    const struct agent_quiesce_unit *left = a, *right = b;
    enum agent_quiesce_kind left_kind = agent_quiesce_kind(left->name);
    enum agent_quiesce_kind right_kind = agent_quiesce_kind(right->name);

    if (left_kind != right_kind)
        return left_kind < right_kind ? -1 : 1;

    return strcmp(left->name, right->name);
}

int agent_quiesce_collect(sd_bus *bus, const struct proto_manifest *manifest,
                          struct agent_quiesce_list *ret_list, struct bl_error *err)
{
    struct collection collection = {bus, manifest, ret_list};
    int r;

    ret_list->count = 0;
    ret_list->left[0] = '\0';
    r = add_named(bus, manifest, ret_list, err);
    if (r >= 0)
        r = agent_quiesce_visit_units(bus, visit_to_collect, &collection, err);
    if (r >= 0)
        r = visit_files(bus, visit_to_collect, &collection, err);
    if (r >= 0)
        r = add_all_tied(bus, ret_list, err);
    if (r < 0)
        return r;
    qsort(ret_list->units, ret_list->count, sizeof(ret_list->units[0]), compare_units);

    return 0;
}
