/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/figures.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"

enum {
    FIRST_MS = 2 * 1000,    /* whoever has just started knows something soon */
    ACCURACY_MS = 500,      /* wakes up with others */
    TEXT_BYTES = 16 * 1024, /* the beginning of /proc/stat; all of the others */
};

struct agent_figures {
    const struct agent_figures_handler *handler;
    sd_event_source *timer;
    int64_t every_ms;
    struct bl_mono before_taken;
    struct agent_figures_counts before, now;
    char text[TEXT_BYTES];
};

/* What can't be read is the empty text: no kernel has all of it, and a container has less. */
static const char *read_text(struct agent_figures *figures, const char *path)
{
    BL_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t used_bytes = 0;

    while (fd >= 0 && used_bytes < sizeof(figures->text) - 1) {
        ssize_t bytes =
            read(fd, figures->text + used_bytes, sizeof(figures->text) - 1 - used_bytes);

        if (bytes <= 0)
            break;
        used_bytes += (size_t)bytes;
    }
    figures->text[used_bytes] = '\0';

    return figures->text;
}

/* Local in every layout that boots; network file systems could keep us waiting. */
static void look_at_room(struct agent_figures_values *values)
{
    for (uint32_t mount = PROTO_MOUNT_ROOT; mount <= PROTO_MOUNT_LAST; mount++) {
        struct statvfs room;

        if (statvfs(proto_mount_path(mount), &room) == 0)
            agent_figures_add_room(room.f_blocks, room.f_bfree, room.f_bavail, values);
    }
}

bool agent_figures_room(enum proto_mount mount, uint64_t *ret_share, uint64_t *ret_free_mib)
{
    uint32_t first = mount != 0 ? mount : PROTO_MOUNT_ROOT;
    uint32_t last = mount != 0 ? mount : PROTO_MOUNT_LAST;
    struct agent_figures_values values = {0};

    *ret_free_mib = UINT64_MAX;
    for (uint32_t i = first; i <= last; i++) {
        struct statvfs room;
        uint64_t free_mib;

        if (statvfs(proto_mount_path(i), &room) != 0 || room.f_blocks == 0)
            continue;
        agent_figures_add_room(room.f_blocks, room.f_bfree, room.f_bavail, &values);
        free_mib = (uint64_t)room.f_bavail * room.f_frsize >> 20;
        if (free_mib < *ret_free_mib)
            *ret_free_mib = free_mib;
    }

    return agent_figures_get(&values, PROTO_FIGURE_DISK, ret_share);
}

static void look(struct agent_figures *figures, struct agent_figures_sample *sample)
{
    struct agent_figures_values *values = &sample->now;

    agent_figures_read_stat(read_text(figures, "/proc/stat"), &figures->now);
    agent_figures_read_diskstats(read_text(figures, "/proc/diskstats"), &figures->now);
    agent_figures_compare(&figures->before, &figures->now, values);
    agent_figures_read_meminfo(read_text(figures, "/proc/meminfo"), values);
    agent_figures_read_loadavg(read_text(figures, "/proc/loadavg"), values);
    agent_figures_read_pressure(read_text(figures, "/proc/pressure/cpu"), PROTO_FIGURE_PRESSURE_CPU,
                                values);
    agent_figures_read_pressure(read_text(figures, "/proc/pressure/memory"),
                                PROTO_FIGURE_PRESSURE_MEMORY, values);
    agent_figures_read_pressure(read_text(figures, "/proc/pressure/io"), PROTO_FIGURE_PRESSURE_IO,
                                values);
    look_at_room(values);
    figures->before = figures->now;
}

static int set_timer(struct agent_figures *figures, int64_t after_ms)
{
    int r = sd_event_source_set_time_relative(figures->timer, (uint64_t)after_ms * 1000);

    return r < 0 ? r : sd_event_source_set_enabled(figures->timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_figures *figures = userdata;
    struct agent_figures_sample sample = {.taken = bl_mono_now(), .wall = bl_wall_now()};
    int r;

    sample.span_ms = sample.taken.ms - figures->before_taken.ms;
    look(figures, &sample);
    figures->before_taken = sample.taken;
    r = set_timer(figures, figures->every_ms);
    figures->handler->sampled(figures->handler->userdata, &sample); /* may free us */

    return r;
}

int agent_figures_new(sd_event *loop, int64_t every_ms, const struct agent_figures_handler *handler,
                      struct agent_figures **ret_figures, struct bl_error *err)
{
    struct agent_figures *figures = calloc(1, sizeof(*figures));
    struct agent_figures_sample first = {0};
    int r;

    if (figures == NULL)
        return bl_fail(err, -ENOMEM, "no memory for figures");
    figures->handler = handler;
    figures->every_ms = every_ms;
    r = sd_event_add_time_relative(loop, &figures->timer, CLOCK_BOOTTIME, 0,
                                   (uint64_t)ACCURACY_MS * 1000, on_time, figures);
    if (r >= 0)
        r = set_timer(figures, every_ms < FIRST_MS ? every_ms : FIRST_MS);
    if (r < 0) {
        (void)agent_figures_free(figures);
        return bl_fail(err, r, "a timer for figures: %s", strerror(-r));
    }
    look(figures, &first); /* what the first sample is compared with */
    figures->before_taken = bl_mono_now();

    *ret_figures = figures;
    return 0;
}

struct agent_figures *agent_figures_free(struct agent_figures *figures)
{
    if (figures == NULL)
        return NULL;
    sd_event_source_disable_unref(figures->timer);
    free(figures);
    return NULL;
}
