/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"

enum {
    CALL_MS_MAX = 25 * 1000,
    TIMER_MS_MAX = 10 * 1000, /* for PID 1 to drop a timer: it only forgets it */
};

static const uint64_t accuracy_usec = 1000 * 1000;

void agent_manager_close(sd_bus **bus)
{
    *bus = sd_bus_close_unref(*bus);
}

int agent_manager_open(const struct agent_lease_places *places, sd_bus **ret_bus,
                       struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    int r;

    r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_address(bus, places->manager);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r >= 0)
        r = sd_bus_set_method_call_timeout(bus, (uint64_t)CALL_MS_MAX * 1000);
    if (r < 0)
        return bl_fail(err, r, "reach systemd at '%s': %s", places->manager, strerror(-r));
    *ret_bus = BL_TAKE_PTR(bus);

    return 0;
}

static int fail_call(struct bl_error *err, int r, const char *method, sd_bus_error *bus_error)
{
    r = bl_fail(err, r, "systemd %s: %s", method,
                sd_bus_error_is_set(bus_error) ? bus_error->message : strerror(-r));
    sd_bus_error_free(bus_error);

    return r;
}

enum {
    STATE_BYTES = 32, /* more than any state's name has */
};

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    char *ret_text, size_t text_bytes, struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    char *text = NULL;
    int r;

    r = sd_bus_get_property_string(bus, AGENT_MANAGER_NAME, path, interface, property, &bus_error,
                                   &text);
    if (r < 0)
        return fail_call(err, r, property, &bus_error);
    bl_text_copy(ret_text, text_bytes, text);
    free(text);

    return 0;
}

int agent_manager_service_text(sd_bus *bus, const char *unit, const char *property, char *ret_text,
                               size_t text_bytes, struct bl_error *err)
{
    char *path = NULL;
    int r;

    r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
    if (r < 0)
        return bl_fail(err, r, "unit '%s': %s", unit, strerror(-r));
    r = get_text(bus, path, "org.freedesktop.systemd1.Service", property, ret_text, text_bytes,
                 err);
    free(path);
    if (r < 0)
        return bl_wrap(err, "unit '%s'", unit);

    return 0;
}

static int read_addresses(sd_bus_message *reply, struct agent_ssh_listen *listen)
{
    const char *type, *address;
    int r = sd_bus_message_enter_container(reply, 'a', "(ss)");

    while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &type, &address)) > 0) {
        if (strcmp(type, "Stream") == 0)
            agent_ssh_listen_add(listen, address);
    }

    return r;
}

int agent_manager_socket_addresses(sd_bus *bus, const char *unit, struct agent_ssh_listen *listen,
                                   struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    char *path = NULL;
    int r;

    r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
    if (r < 0)
        return bl_fail(err, r, "unit '%s': %s", unit, strerror(-r));
    r = sd_bus_get_property(bus, AGENT_MANAGER_NAME, path, "org.freedesktop.systemd1.Socket",
                            "Listen", &bus_error, &reply, "a(ss)");
    if (r >= 0)
        r = read_addresses(reply, listen);
    sd_bus_message_unref(reply);
    free(path);
    if (r < 0)
        return fail_call(err, r, "Listen", &bus_error);
    sd_bus_error_free(&bus_error);

    return 0;
}

int agent_manager_look(sd_bus *bus, const char *unit, struct agent_manager_unit *ret_unit,
                       struct bl_error *err)
{
    char loaded[STATE_BYTES], active[STATE_BYTES], id[sizeof(ret_unit->id)];
    char *path = NULL;
    int r;

    r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
    if (r < 0)
        return bl_fail(err, r, "unit '%s': %s", unit, strerror(-r));
    /* Reading a property of the unit's path loads the unit, so one never seen is found too. */
    r = get_text(bus, path, UNIT_INTERFACE, "LoadState", loaded, sizeof(loaded), err);
    if (r >= 0)
        r = get_text(bus, path, UNIT_INTERFACE, "ActiveState", active, sizeof(active), err);
    if (r >= 0)
        r = get_text(bus, path, UNIT_INTERFACE, "Id", id, sizeof(id), err);
    free(path);
    if (r < 0)
        return bl_wrap(err, "unit '%s'", unit);
    *ret_unit = (struct agent_manager_unit){
        .loaded = strcmp(loaded, "not-found") != 0,
        .startable = strcmp(loaded, "loaded") == 0,
        .active = strcmp(active, "active") == 0 || strcmp(active, "reloading") == 0 ||
                  strcmp(active, "activating") == 0,
        .ended = strcmp(active, "inactive") == 0 || strcmp(active, "failed") == 0,
    };
    bl_text_copy(ret_unit->id, sizeof(ret_unit->id), id);

    return 0;
}

int agent_manager_queue(sd_bus *bus, const char *method, const char *unit, char ret_job[static 64],
                        struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    const char *job;
    int r;

    r = sd_bus_call_method(bus, AGENT_MANAGER_NAME, AGENT_MANAGER_PATH, AGENT_MANAGER_INTERFACE,
                           method, &bus_error, &reply, "ss", unit, "replace");
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &job);
    if (r >= 0)
        bl_text_copy(ret_job, 64, job);
    sd_bus_message_unref(reply);
    if (r < 0) {
        r = fail_call(err, r, method, &bus_error);
        return bl_wrap(err, "unit '%s'", unit);
    }

    return 0;
}

/* The one job that agent_manager_run waits for. */
struct wait {
    char job[64];
    bool ended;
    char result[32];
};

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    struct wait *wait = userdata;
    const char *job, *unit, *result;
    uint32_t id;

    if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) < 0)
        return 0;
    if (strcmp(job, wait->job) != 0)
        return 0;
    bl_text_copy(wait->result, sizeof(wait->result), result);
    wait->ended = true;

    return 0;
}

static int wait_for_job(sd_bus *bus, struct wait *wait, int64_t timeout_ms, struct bl_error *err)
{
    struct bl_mono deadline = bl_mono_after(bl_mono_now(), timeout_ms);
    int r;

    for (;;) {
        int64_t left_ms = deadline.ms - bl_mono_now().ms;

        r = sd_bus_process(bus, NULL);
        if (r < 0)
            return bl_fail(err, r, "systemd: %s", strerror(-r));
        if (wait->ended)
            break;
        if (r > 0)
            continue;
        if (timeout_ms >= 0 && left_ms <= 0)
            return bl_fail(err, -ETIMEDOUT, "not done after %lld s", (long long)timeout_ms / 1000);
        r = sd_bus_wait(bus, timeout_ms < 0 ? UINT64_MAX : (uint64_t)left_ms * 1000);
        if (r < 0 && r != -EINTR)
            return bl_fail(err, r, "systemd: %s", strerror(-r));
    }
    if (strcmp(wait->result, "done") != 0 && strcmp(wait->result, "skipped") != 0)
        return bl_fail(err, -EPROTO, "the job ended with '%s'", wait->result);

    return 0;
}

int agent_manager_run(sd_bus *bus, const char *method, const char *unit, int64_t timeout_ms,
                      struct bl_error *err)
{
    sd_bus_slot *slot = NULL;
    struct wait wait = {0};
    int r;

    /* First the ear, then the call: the job may end before the answer is read. */
    r = sd_bus_match_signal(bus, &slot, NULL, AGENT_MANAGER_PATH, AGENT_MANAGER_INTERFACE,
                            "JobRemoved", on_job_removed, &wait);
    if (r < 0)
        return bl_fail(err, r, "listen to systemd: %s", strerror(-r));
    r = agent_manager_queue(bus, method, unit, wait.job, err);
    if (r >= 0) {
        r = wait_for_job(bus, &wait, timeout_ms, err);
        if (r < 0)
            r = bl_wrap(err, "%s '%s'", method, unit);
    }
    sd_bus_slot_unref(slot);

    return r;
}

int agent_manager_reset(sd_bus *bus, const char *unit, struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    int r = sd_bus_call_method(bus, AGENT_MANAGER_NAME, AGENT_MANAGER_PATH, AGENT_MANAGER_INTERFACE,
                               "ResetFailedUnit", &bus_error, NULL, "s", unit);

    if (sd_bus_error_has_name(&bus_error, "org.freedesktop.systemd1.NoSuchUnit")) {
        sd_bus_error_free(&bus_error);
        return 0; /* not loaded: nothing to forget */
    }
    if (r < 0)
        return fail_call(err, r, "ResetFailedUnit", &bus_error);

    return 0;
}

int agent_manager_reread(sd_bus *bus, struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    int r = sd_bus_call_method(bus, AGENT_MANAGER_NAME, AGENT_MANAGER_PATH, AGENT_MANAGER_INTERFACE,
                               "Reload", &bus_error, NULL, NULL);

    if (r < 0)
        return fail_call(err, r, "Reload", &bus_error);

    return 0;
}

static int start_timer(sd_bus *bus, const char *timer, int64_t after_ms, sd_bus_error *bus_error)
{
    uint64_t after_usec = (uint64_t)after_ms * 1000;
    sd_bus_message *call = NULL;
    int r;

    r = sd_bus_message_new_method_call(bus, &call, AGENT_MANAGER_NAME, AGENT_MANAGER_PATH,
                                       AGENT_MANAGER_INTERFACE, "StartTransientUnit");
    if (r >= 0)
        r = sd_bus_message_append(call, "ss", timer, "replace");
    /* No argument and no command anywhere in here: the service's own unit file says what runs. */
    if (r >= 0)
        r = sd_bus_message_append(
            call, "a(sv)", 3, "Description", "s", "gives back what belay switched off",
            "AccuracyUSec", "t", accuracy_usec, "TimersMonotonic", "a(st)", 2, "OnActiveSec",
            after_usec, "OnUnitInactiveSec", (uint64_t)AGENT_LEASE_RETRY_MS * 1000);
    if (r >= 0)
        r = sd_bus_message_append(call, "a(sa(sv))", 0);
    if (r >= 0)
        r = sd_bus_call(bus, call, 0, bus_error, NULL);
    sd_bus_message_unref(call);

    return r;
}

int agent_manager_arm(sd_bus *bus, const char *timer, int64_t after_ms, struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    int r;

    BL_ASSERT(after_ms >= 0);

    r = agent_manager_disarm(bus, timer, err);
    if (r < 0)
        return r;
    r = start_timer(bus, timer, after_ms, &bus_error);
    if (r < 0) {
        r = fail_call(err, r, "StartTransientUnit", &bus_error);
        return bl_wrap(err, "timer '%s'", timer);
    }

    return 0;
}

int agent_manager_disarm(sd_bus *bus, const char *timer, struct bl_error *err)
{
    struct agent_manager_unit unit;
    int r;

    r = agent_manager_look(bus, timer, &unit, err);
    if (r < 0)
        return r;
    if (!unit.loaded)
        return 0;

    return agent_manager_run(bus, "StopUnit", timer, TIMER_MS_MAX, err);
}
