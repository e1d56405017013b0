/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/quiesce_running.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lease/manager.h"
#include "agent/lease/quiesce_plan.h"
#include "common/file.h"
#include "common/text.h"

enum {
    COMMAND_BYTES_MAX = 4096,
    CHILDREN_BYTES_MAX = 16 * 1024,
    DEPTH_MAX = 16, /* of descendants: more than any job has, less than would cost anything */
};

struct search {
    const struct proto_manifest *manifest;
    char *name; /* of AGENT_QUIESCE_BACKUP_BYTES */
    int count;
};

static int visit_unit(void *userdata, const char *name, const char *active, struct bl_error *err)
{
    struct search *search = userdata;

    if (strcmp(active, "inactive") == 0 || strcmp(active, "failed") == 0 ||
        !agent_quiesce_is_backup(search->manifest, name))
        return 0;
    if (search->count++ == 0)
        bl_text_copy(search->name, AGENT_QUIESCE_BACKUP_BYTES, name);

    return 0;
}

static void look_at_command(struct search *search, const char *unit, uint32_t pid,
                            const char *command)
{
    char shown[96];

    if (!agent_quiesce_is_backup_command(search->manifest, command))
        return;
    if (search->count++ > 0)
        return;
    bl_text_escape(shown, sizeof(shown), command, strlen(command));
    (void)snprintf(search->name, AGENT_QUIESCE_BACKUP_BYTES, "%s (process %u of %.60s)", shown, pid,
                   unit);
}

static uint32_t main_pid_of(sd_bus *bus, const char *unit)
{
    char *path = NULL;
    uint32_t pid = 0;

    if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path) < 0 ||
        sd_bus_get_property_trivial(bus, AGENT_MANAGER_NAME, path,
                                    "org.freedesktop.systemd1.Service", "MainPID", NULL, 'u',
                                    &pid) < 0)
        pid = 0;
    free(path);

    return pid;
}

/* Processes of the unit's control group. A unit that PID 1 has forgotten has none. */
static uint32_t look_at_group(sd_bus *bus, struct search *search, const char *unit,
                              uint32_t main_pid)
{
    sd_bus_message *reply = NULL;
    const char *group, *command;
    uint32_t pid, count = 0;

    if (sd_bus_call_method(bus, AGENT_MANAGER_NAME, AGENT_MANAGER_PATH, AGENT_MANAGER_INTERFACE,
                           "GetUnitProcesses", NULL, &reply, "s", unit) < 0 ||
        sd_bus_message_enter_container(reply, 'a', "(sus)") < 0) {
        sd_bus_message_unref(reply);
        return 0;
    }
    while (sd_bus_message_read(reply, "(sus)", &group, &pid, &command) > 0) {
        if (pid == main_pid)
            continue;
        count++;
        if (search != NULL)
            look_at_command(search, unit, pid, command);
    }
    sd_bus_message_unref(reply);

    return count;
}

/* A process that has just ended has neither command nor children. */
static size_t read_of_process(uint32_t pid, const char *file, size_t bytes_max, char **ret_text)
{
    struct bl_error gone = {0};
    char path[64];
    size_t bytes = 0;

    (void)snprintf(path, sizeof(path), "/proc/%u/%s", pid, file);

    return bl_file_read(AT_FDCWD, path, bytes_max, ret_text, &bytes, &gone) < 0 ? 0 : bytes;
}

static void look_at_descendants(struct search *search, const char *unit, uint32_t pid,
                                unsigned depth)
{
    BL_AUTO_FREE char *children = NULL;
    char file[48], *rest = NULL;

    (void)snprintf(file, sizeof(file), "task/%u/children", pid);
    if (depth == DEPTH_MAX || read_of_process(pid, file, CHILDREN_BYTES_MAX, &children) == 0)
        return;
    for (char *word = strtok_r(children, " \n", &rest); word != NULL;
         word = strtok_r(NULL, " \n", &rest)) {
        BL_AUTO_FREE char *command = NULL;
        struct bl_error ignored = {0};
        uint64_t child;
        size_t bytes;

        if (bl_text_to_u64(word, UINT32_MAX, &child, &ignored) < 0)
            continue;
        bytes = read_of_process((uint32_t)child, "cmdline", COMMAND_BYTES_MAX, &command);
        for (size_t i = 0; i + 1 < bytes; i++)
            if (command[i] == '\0')
                command[i] = ' ';
        if (bytes > 0)
            look_at_command(search, unit, (uint32_t)child, command);
        look_at_descendants(search, unit, (uint32_t)child, depth + 1);
    }
}

int agent_quiesce_find_backups(sd_bus *bus, const struct proto_manifest *manifest,
                               const struct agent_quiesce_list *list,
                               char ret_name[static AGENT_QUIESCE_BACKUP_BYTES],
                               struct bl_error *err)
{
    struct search search = {manifest, ret_name, 0};
    int r = agent_quiesce_visit_units(bus, visit_unit, &search, err);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < list->count && search.count == 0; i++) {
        const struct agent_quiesce_unit *unit = &list->units[i];
        uint32_t main_pid;

        if (!unit->was_active || agent_quiesce_kind(unit->name) != AGENT_QUIESCE_SERVICE)
            continue;
        main_pid = main_pid_of(bus, unit->name);
        (void)look_at_group(bus, &search, unit->name, main_pid);
        if (main_pid > 0 && search.count == 0)
            look_at_descendants(&search, unit->name, main_pid, 0);
    }

    return search.count;
}

uint32_t agent_quiesce_count_left(sd_bus *bus, const struct agent_quiesce_list *list)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < list->count; i++)
        if (list->units[i].was_active &&
            agent_quiesce_kind(list->units[i].name) == AGENT_QUIESCE_SERVICE)
            count += look_at_group(bus, NULL, list->units[i].name, 0);

    return count;
}
