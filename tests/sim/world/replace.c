/* SPDX-License-Identifier: Apache-2.0 */
/* Clock, randomness, log and the files of journals, as real code finds them in the world. */
#include "tests/sim/world/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <systemd/sd-journal.h>

#include "common/clock.h"
#include "common/random.h"
#include "controller/daemon/log.h"
#include "tests/sim/world/hosts.h"
#include "tests/sim/world/world.h"

enum {
    LINE_BYTES = 1024,
};

/* People have no machine of their own: their clock is right. */
static const struct sim_machine *machine(void)
{
    return sim_current != NULL ? sim_machine(sim_current->machine) : NULL;
}

struct bl_mono __wrap_bl_mono_now(void)
{
    return (struct bl_mono){.ms = machine() != NULL ? sim_machine_mono_ms(machine())
                                                    : sim_now_ms() + 1};
}

int64_t __wrap_bl_mono_now_us(void)
{
    return __wrap_bl_mono_now().ms * 1000;
}

struct bl_wall __wrap_bl_wall_now(void)
{
    return (struct bl_wall){.ms = machine() != NULL ? sim_machine_wall_ms(machine())
                                                    : sim_true_wall_ms()};
}

static uint32_t here(void)
{
    return sim_current != NULL ? sim_current->machine : SIM_CONTROLLER;
}

int __wrap_bl_random_u64(uint64_t *ret_value, struct bl_error *err)
{
    *ret_value = sim_draw(SIM_DRAW_RANDOM, here());

    return 0;
}

int __wrap_bl_random_fill(void *ret_data, size_t size_bytes, struct bl_error *err)
{
    uint8_t *bytes = ret_data;

    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = (uint8_t)sim_draw(SIM_DRAW_RANDOM, here());

    return 0;
}

/*
 * Databases are made by open(2) before SQLite opens them; in the world the VFS makes them. With large
 * files its name is open64.
 */
int __wrap_open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    if (strncmp(path, "/sim/", 5) == 0)
        return __real_open64("/dev/null", O_RDWR | O_CLOEXEC);
    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);

    return __real_open64(path, flags, mode);
}

/* ---- logs ---- */

static void BL_PRINTF(1, 0) tell(const char *fmt, va_list args)
{
    char line[LINE_BYTES];

    if (!sim_options()->is_told)
        return;
    (void)vsnprintf(line, sizeof(line), fmt, args);
    sim_tell(here(), "log: %s", line);
}

int sd_journal_print_with_location(int priority, const char *file, const char *line,
                                   const char *func, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(format, args);
    va_end(args);
    /* What is that bad somebody reads. */
    if (priority <= LOG_CRIT && !sim_current->is_dead && here() != SIM_CONTROLLER)
        sim_agent_call_person(sim_host(here()));

    return 0;
}

/* Only the first field is told, which is the message. */
int sd_journal_send_with_location(const char *file, const char *line, const char *func,
                                  const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(format, args);
    va_end(args);

    return 0;
}

void ctl_log(enum ctl_log_level level, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    tell(fmt, args);
    va_end(args);
}
