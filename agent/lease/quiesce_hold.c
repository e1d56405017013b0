/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/quiesce_hold.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/lease/manager.h"
#include "agent/lease/quiesce.h"
#include "agent/lease/quiesce_op.h"
#include "agent/lease/quiesce_plan.h"
#include "agent/lease/store.h"
#include "common/file.h"
#include "common/text.h"

#define DROP_IN "50-belay-quiesce.conf"

enum {
    DROP_IN_BYTES_MAX = 512,
};

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

/*
 * What was started before this could hold it is stopped again. Nothing waits for that: a job may
 * be ordered after the very unit that this runs in. Start jobs that wait are left, and skipped.
 */
static int hold_in_this_boot(const struct agent_lease_places *places,
                             const struct agent_quiesce_list *list, struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    int r = agent_quiesce_hold(places, list, err);

    if (r >= 0)
        r = agent_manager_open(places, &bus, err);
    if (r >= 0)
        r = agent_manager_reread(bus, err);
    for (uint32_t i = 0; r >= 0 && i < list->count; i++) {
        struct agent_manager_unit state;
        char job[64];

        r = agent_manager_look(bus, list->units[i].name, &state, err);
        if (r >= 0 && state.loaded && !state.ended)
            r = agent_manager_queue(bus, "StopUnit", list->units[i].name, job, err);
    }

    return r;
}

int agent_quiesce_keep(const struct agent_lease_places *places, struct agent_lease_record *record,
                       const char *boot_id, struct bl_error *err)
{
    BL_AUTO_FREE struct agent_quiesce_list *list = calloc(1, sizeof(*list));
    int64_t left_ms = agent_lease_left_ms(record, boot_id);
    int r;

    if (list == NULL)
        return bl_fail(err, -ENOMEM, "no memory to hold units");
    list->count = record->units_count;
    for (uint32_t i = 0; i < record->units_count; i++)
        bl_text_copy(list->units[i].name, sizeof(list->units[i].name), record->units[i].name);

    /* From now on it is a lease of this boot: what ran is started at its end. */
    record->boot_id = boot_id;
    record->until_mono_ms = (uint64_t)bl_mono_after(bl_mono_now(), left_ms).ms;
    r = agent_lease_save(places, AGENT_LEASE_QUIESCE, record, err);
    if (r >= 0)
        r = agent_quiesce_set_lease_timer(places, left_ms, err);
    if (r >= 0)
        r = hold_in_this_boot(places, list, err);

    return r;
}
