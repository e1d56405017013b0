/* SPDX-License-Identifier: Apache-2.0 */
/*
 * These definitions come before those of libsystemd when the program is linked. What a shell may
 * ask of the loop but nothing here can bring about (descriptors, signals) is accepted and silent:
 * sockets are replaced one level above.
 */
#include "tests/sim/world/loop.h"

#include <stdlib.h>
#include <systemd/sd-event.h>
#include <time.h>

enum source_type {
    SOURCE_TIME = 1,
    SOURCE_DEFER,
    SOURCE_SILENT,
};

struct sd_event {
    struct sim_process *process;
    struct sd_event_source *sources; /* a list */
};

struct sd_event_source {
    struct sd_event *loop;
    struct sd_event_source *next, *former;
    enum source_type type;
    int enabled;
    uint64_t time_us; /* of the machine's CLOCK_BOOTTIME */
    sd_event_time_handler_t on_time;
    sd_event_handler_t on_defer;
    void *userdata;
    sim_ticket ticket;
};

struct sd_event *sim_loop_new(struct sim_process *process)
{
    struct sd_event *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        sim_broken("no memory for a loop");
    loop->process = process;

    return loop;
}

static void unlink_source(struct sd_event_source *source)
{
    if (source->former != NULL)
        source->former->next = source->next;
    else
        source->loop->sources = source->next;
    if (source->next != NULL)
        source->next->former = source->former;
}

struct sd_event *sim_loop_free(struct sd_event *loop)
{
    if (loop == NULL)
        return NULL;
    while (loop->sources != NULL)
        (void)sd_event_source_disable_unref(loop->sources);
    free(loop);

    return NULL;
}

int64_t sim_process_next_timer(const struct sim_process *process)
{
    const struct sim_machine *machine = sim_machine(process->machine);
    int64_t next_ms = SIM_NEVER;

    for (const struct sd_event_source *s = process->loop->sources; s != NULL; s = s->next) {
        int64_t at_ms = sim_machine_when(machine, (int64_t)(s->time_us / 1000));

        if (s->type == SOURCE_TIME && s->enabled != SD_EVENT_OFF && at_ms < next_ms)
            next_ms = at_ms;
    }

    return next_ms;
}

/* ---- dispatching ---- */

static void dispatch(void *userdata, uint64_t argument)
{
    struct sd_event_source *source = userdata;
    struct sim_process *process = source->loop->process;

    source->ticket = 0;
    if (process->is_dead || source->enabled == SD_EVENT_OFF)
        return;
    if (source->enabled == SD_EVENT_ONESHOT || source->type == SOURCE_DEFER)
        source->enabled = SD_EVENT_OFF;
    sim_process_enter(process);
    if (source->type == SOURCE_TIME)
        (void)source->on_time(source, source->time_us, source->userdata);
    else
        (void)source->on_defer(source, source->userdata);
    /* The source may be gone by now. */
    sim_process_leave(process);
}

static void schedule(struct sd_event_source *source)
{
    const struct sim_machine *machine = sim_machine(source->loop->process->machine);

    sim_cancel(&source->ticket);
    if (source->enabled == SD_EVENT_OFF || source->type == SOURCE_SILENT)
        return;
    if (source->type == SOURCE_DEFER) {
        source->ticket = sim_after(0, dispatch, source, machine->index);
        return;
    }
    if (source->time_us / 1000 >= INT64_MAX / 4)
        return;
    source->ticket = sim_at(sim_machine_when(machine, (int64_t)((source->time_us + 999) / 1000)),
                            dispatch, source, machine->index);
}

static struct sd_event_source *add(sd_event *loop, enum source_type type, void *userdata,
                                   sd_event_source **ret)
{
    struct sd_event_source *source = calloc(1, sizeof(*source));

    if (source == NULL)
        sim_broken("no memory for a source");
    source->loop = loop;
    source->type = type;
    source->userdata = userdata;
    source->next = loop->sources;
    if (loop->sources != NULL)
        loop->sources->former = source;
    loop->sources = source;
    if (ret != NULL)
        *ret = source;

    return source;
}

/* ---- what the shells call ---- */

int sd_event_add_time(sd_event *e, sd_event_source **s, clockid_t clock, uint64_t usec,
                      uint64_t accuracy, sd_event_time_handler_t callback, void *userdata)
{
    struct sd_event_source *source = add(e, SOURCE_TIME, userdata, s);

    SIM_LAW(clock == CLOCK_BOOTTIME, "a timer of a clock that may be set");
    source->on_time = callback;
    source->time_us = usec;
    source->enabled = SD_EVENT_ONESHOT;
    schedule(source);

    return 0;
}

int sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock, uint64_t usec,
                               uint64_t accuracy, sd_event_time_handler_t callback, void *userdata)
{
    int64_t now_ms = sim_machine_mono_ms(sim_machine(e->process->machine));

    return sd_event_add_time(e, s, clock, (uint64_t)now_ms * 1000 + usec, accuracy, callback,
                             userdata);
}

int sd_event_add_defer(sd_event *e, sd_event_source **s, sd_event_handler_t callback,
                       void *userdata)
{
    struct sd_event_source *source = add(e, SOURCE_DEFER, userdata, s);

    source->on_defer = callback;
    source->enabled = SD_EVENT_ONESHOT;
    schedule(source);

    return 0;
}

int sd_event_add_io(sd_event *e, sd_event_source **s, int fd, uint32_t events,
                    sd_event_io_handler_t callback, void *userdata)
{
    (void)add(e, SOURCE_SILENT, userdata, s);

    return 0;
}

int sd_event_source_set_io_events(sd_event_source *s, uint32_t events)
{
    return 0;
}

int sd_event_source_set_time(sd_event_source *s, uint64_t usec)
{
    s->time_us = usec;
    schedule(s);

    return 0;
}

int sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec)
{
    int64_t now_ms = sim_machine_mono_ms(sim_machine(s->loop->process->machine));

    return sd_event_source_set_time(s, (uint64_t)now_ms * 1000 + usec);
}

int sd_event_source_set_enabled(sd_event_source *s, int enabled)
{
    s->enabled = enabled;
    schedule(s);

    return 0;
}

int sd_event_source_get_enabled(sd_event_source *s, int *enabled)
{
    if (enabled != NULL)
        *enabled = s->enabled;

    return s->enabled != SD_EVENT_OFF;
}

sd_event_source *sd_event_source_disable_unref(sd_event_source *s)
{
    if (s == NULL)
        return NULL;
    sim_cancel(&s->ticket);
    unlink_source(s);
    free(s);

    return NULL;
}

int sd_event_exit(sd_event *e, int code)
{
    e->process->is_exiting = true;
    e->process->exit_code = code;

    return 0;
}

/* The process owns its loop: references count for nothing. */
sd_event *sd_event_ref(sd_event *e)
{
    return e;
}

sd_event *sd_event_unref(sd_event *e)
{
    return NULL;
}
