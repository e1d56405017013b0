/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/quiesce_units.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lease/manager.h"
#include "agent/lease/quiesce_plan.h"
#include "common/file.h"
#include "common/text.h"

#define DROP_IN "50-belay-quiesce.conf"

enum {
    DROP_IN_BYTES_MAX = 512,
};

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

static int next_run_ms(sd_bus *bus, const char *timer, int64_t *ret_ms, struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    char *path = NULL;
    uint64_t usec = 0;
    int r;

    r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", timer, &path);
    if (r >= 0)
        r = sd_bus_get_property_trivial(bus, AGENT_MANAGER_NAME, path,
                                        "org.freedesktop.systemd1.Timer", "NextElapseUSecRealtime",
                                        &bus_error, 't', &usec);
    free(path);
    if (r < 0)
        return fail_bus(err, r, timer, &bus_error);
    *ret_ms = usec >= INT64_MAX ? 0 : (int64_t)(usec / 1000);

    return 0;
}

static int add(sd_bus *bus, struct agent_quiesce_list *list, const char *name, struct bl_error *err)
{
    struct agent_quiesce_unit *unit = &list->units[list->count];
    struct agent_manager_unit state;
    int r;

    r = agent_manager_look(bus, name, &state, err);
    if (r < 0)
        return r;
    if (!state.loaded || has(list, state.id) || !bl_text_is_unit_name(state.id))
        return 0;
    if (list->count == AGENT_LEASE_UNITS_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d units to pause", AGENT_LEASE_UNITS_MAX);
    *unit = (struct agent_quiesce_unit){.was_active = state.active};
    bl_text_copy(unit->name, sizeof(unit->name), state.id);
    if (agent_quiesce_kind(unit->name) == AGENT_QUIESCE_TIMER && state.active)
        r = next_run_ms(bus, unit->name, &unit->next_run_ms, err);
    list->count++;

    return r;
}

/* What would start a paused service is paused with it: a socket would run into its own limits. */
static int add_triggers(sd_bus *bus, struct agent_quiesce_list *list, const char *service,
                        struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    char *path = NULL, **triggers = NULL;
    int r;

    r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", service, &path);
    if (r >= 0)
        r = sd_bus_get_property_strv(bus, AGENT_MANAGER_NAME, path, "org.freedesktop.systemd1.Unit",
                                     "TriggeredBy", &bus_error, &triggers);
    free(path);
    if (r < 0)
        return fail_bus(err, r, service, &bus_error);
    r = 0;
    for (char **trigger = triggers; trigger != NULL && *trigger != NULL; trigger++) {
        if (r >= 0 && agent_quiesce_kind(*trigger) != AGENT_QUIESCE_OTHER &&
            !agent_quiesce_is_protected(*trigger))
            r = add(bus, list, *trigger, err);
        free(*trigger);
    }
    free(triggers);

    return r;
}

/* Calls `visit` for each loaded unit until it returns below 0. */
static int visit_units(sd_bus *bus,
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
    r = add_named(bus, manifest, ret_list, err);
    if (r >= 0)
        r = visit_units(bus, visit_to_collect, &collection, err);
    for (uint32_t i = 0; r >= 0 && i < ret_list->count; i++)
        if (agent_quiesce_kind(ret_list->units[i].name) == AGENT_QUIESCE_SERVICE)
            r = add_triggers(bus, ret_list, ret_list->units[i].name, err);
    if (r < 0)
        return r;
    qsort(ret_list->units, ret_list->count, sizeof(ret_list->units[0]), compare_units);

    return 0;
}

struct search {
    const struct proto_manifest *manifest;
    char *name;
    int count;
};

static int visit_to_search(void *userdata, const char *name, const char *active,
                           struct bl_error *err)
{
    struct search *search = userdata;

    if (strcmp(active, "inactive") == 0 || strcmp(active, "failed") == 0 ||
        !agent_quiesce_is_backup(search->manifest, name))
        return 0;
    if (search->count++ == 0)
        bl_text_copy(search->name, AGENT_LEASE_UNIT_BYTES_MAX + 1, name);

    return 0;
}

int agent_quiesce_find_backups(sd_bus *bus, const struct proto_manifest *manifest,
                               char ret_name[AGENT_LEASE_UNIT_BYTES_MAX + 1], struct bl_error *err)
{
    struct search search = {manifest, ret_name, 0};
    int r = visit_units(bus, visit_to_search, &search, err);

    return r < 0 ? r : search.count;
}

int agent_quiesce_hold(const struct agent_lease_places *places,
                       const struct agent_quiesce_list *list, struct bl_error *err)
{
    BL_AUTO_FD int units_fd = -1;
    char text[DROP_IN_BYTES_MAX];
    int r;

    r = agent_quiesce_drop_in(places, text, sizeof(text), err);
    if (r < 0)
        return r;
    units_fd = bl_dir_open(AT_FDCWD, places->unit_dir, err);
    if (units_fd < 0)
        return units_fd;
    for (uint32_t i = 0; i < list->count; i++) {
        BL_AUTO_FD int dir_fd = -1;
        char name[NAME_MAX + 1];

        r = bl_text_format(name, sizeof(name), "%s.d", list->units[i].name);
        if (r < 0)
            return bl_fail(err, r, "unit '%s': name too long", list->units[i].name);
        r = bl_dir_make(units_fd, name, 0755, err);
        if (r >= 0)
            r = dir_fd = bl_dir_open(units_fd, name, err);
        if (r >= 0)
            r = bl_file_replace_mode(dir_fd, DROP_IN, text, strlen(text), 0644, err);
        if (r < 0)
            return bl_wrap(err, "hold unit '%s'", list->units[i].name);
    }

    return 0;
}

/* 1 when there was a drop-in of ours, which is gone now. */
static int unhold_one(int units_fd, const char *name, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = bl_dir_open(units_fd, name, err);
    int r;

    if (dir_fd == -ENOTDIR || dir_fd == -ENOENT)
        return 0; /* nothing that belay made, or it has just gone */
    if (dir_fd < 0)
        return dir_fd;
    r = bl_file_remove(dir_fd, DROP_IN, err);
    if (r < 0)
        return r;
    /* Others may have drop-ins in there; then it stays. */
    if (r == 0)
        (void)unlinkat(units_fd, name, AT_REMOVEDIR);

    return r == 0;
}

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

int agent_quiesce_unhold(const struct agent_lease_places *places, struct bl_error *err)
{
    BL_CLEANUP(close_dir) DIR *dir = NULL;
    const struct dirent *entry;
    int count = 0, first_failure = 0;

    dir = opendir(places->unit_dir);
    if (dir == NULL)
        return bl_fail(err, -errno, "'%s': %s", places->unit_dir, strerror(errno));
    while ((errno = 0, entry = readdir(dir)) != NULL) {
        size_t name_bytes = strlen(entry->d_name);
        struct bl_error own = {0};
        int r;

        if (name_bytes < 3 || strcmp(entry->d_name + name_bytes - 2, ".d") != 0)
            continue;
        r = unhold_one(dirfd(dir), entry->d_name, &own);
        count += r > 0;
        if (r < 0 && first_failure == 0) {
            first_failure = bl_wrap(&own, "unit directory '%s'", entry->d_name);
            *err = own;
        }
    }
    if (errno != 0)
        return bl_fail(err, -errno, "'%s': %s", places->unit_dir, strerror(errno));

    return first_failure < 0 ? first_failure : count;
}
