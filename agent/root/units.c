/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "agent/root/units_list.h"

/*
 * A call is a small object in the list of `units` until it ends. It survives the loss of the
 * connection: what only reads is marked unsent and goes out again with the next connection.
 */
#define SYSTEMD           "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define MANAGER           SYSTEMD ".Manager"
#define UNIT              SYSTEMD ".Unit"
#define SERVICE           SYSTEMD ".Service"
#define PROPERTIES        "org.freedesktop.DBus.Properties"
#define RECONNECT_US      (UINT64_C(250) * 1000)
#define DETAILS_A_SERVICE 3

enum call_type {
    CALL_STATE = 1,
    CALL_RUN,
    CALL_LIST,
    CALL_WATCH
};

struct agent_units_call {
    struct agent_units *units;
    struct agent_units_call *previous, *next;
    enum call_type type;
    char *name;
    agent_units_done_fn done;
    agent_units_failed_fn failed;
    void *userdata;
    sd_bus_slot *slot; /* of the reply that is waited for */
    bool sent;
    char *job; /* CALL_RUN: the object path of the job whose end is waited for */
    struct agent_units_list list;
    struct detail *details; /* CALL_LIST: what is asked of each service */
    uint32_t details_count, details_open;
};

/* One property of one service in a list. */
struct detail {
    struct agent_units_call *call;
    struct agent_unit *unit;
    const char *property;
    sd_bus_slot *slot;
};

struct agent_units {
    sd_event *loop;
    const char *address;
    sd_bus *bus;
    sd_event_source *kick;  /* sends what is unsent, from the loop */
    sd_event_source *retry; /* connects again */
    struct agent_units_call *calls;
};

/* ---- calls ------------------------------------------------------------------------------- */

static void forget_answers(struct agent_units_call *call)
{
    call->slot = sd_bus_slot_unref(call->slot);
    for (uint32_t i = 0; i < call->details_count; i++)
        sd_bus_slot_unref(call->details[i].slot);
    free(call->details);
    call->details = NULL;
    call->details_count = call->details_open = 0;
    agent_units_list_release(&call->list);
    call->sent = false;
}

static void disconnect(struct agent_units *units)
{
    if (units->bus != NULL) {
        (void)sd_bus_detach_event(units->bus);
        units->bus = sd_bus_close_unref(units->bus);
    }
}

struct agent_units_call *agent_units_drop(struct agent_units_call *call)
{
    struct agent_units *units;

    if (call == NULL)
        return NULL;
    units = call->units;
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        units->calls = call->next;
    }
    if (call->next != NULL)
        call->next->previous = call->previous;
    forget_answers(call);
    free(call->name);
    free(call->job);
    free(call);
    /* The connection is closed from the loop: a reply of its own may be what led here. */
    if (units->calls == NULL)
        (void)sd_event_source_set_enabled(units->kick, SD_EVENT_ONESHOT);

    return NULL;
}

/* The callback may do anything, a new call included, but not free `units`. */
static void end_call(struct agent_units_call *call, const struct agent_units_answer *answer)
{
    agent_units_done_fn done = call->done;
    struct agent_units_list list = call->list;
    struct agent_units_answer copy = *answer;
    void *userdata = call->userdata;

    call->list = (struct agent_units_list){0};
    copy.list = &list;
    (void)agent_units_drop(call);
    done(userdata, &copy);

    agent_units_list_release(&list);
}

static const struct agent_units_answer good = {.end = AGENT_UNITS_OK, .why = ""};

static void fail_call(struct agent_units_call *call, const char *why)
{
    const struct agent_units_answer answer = {.end = AGENT_UNITS_FAILED, .why = why};

    end_call(call, &answer);
}

static int on_state(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    struct agent_units_call *call = userdata;
    struct agent_units_answer answer = {.end = AGENT_UNITS_OK, .why = ""};
    const sd_bus_error *failure = sd_bus_message_get_error(message);
    const char *text = NULL;

    if (failure != NULL) {
        fail_call(call, failure->message != NULL ? failure->message : failure->name);
    } else if (sd_bus_message_read(message, "v", "s", &text) < 0) {
        fail_call(call, "systemd gave an answer that cannot be read");
    } else {
        answer.state = agent_unit_state_from_text(text);
        end_call(call, &answer);
    }

    return 0;
}

/* The job is queued or was merged with the one that runs; JobRemoved tells its end, later. */
static int on_started(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    struct agent_units_call *call = userdata;
    const sd_bus_error *failure = sd_bus_message_get_error(message);
    const char *job = NULL;

    if (failure != NULL) {
        fail_call(call, failure->message != NULL ? failure->message : failure->name);
    } else if (sd_bus_message_read(message, "o", &job) < 0) {
        fail_call(call, "systemd gave an answer that cannot be read");
    } else {
        call->job = strdup(job);
        if (call->job == NULL)
            fail_call(call, strerror(ENOMEM));
    }

    return 0;
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    struct agent_units *units = userdata;
    const char *job = NULL, *result = NULL;

    if (sd_bus_message_read(message, "uoss", NULL, &job, NULL, &result) < 0)
        return 0;
    for (struct agent_units_call *call = units->calls; call != NULL; call = call->next) {
        /* By the unit's name it could be a job that ended or was replaced before ours began. */
        if (call->job == NULL || strcmp(call->job, job) != 0)
            continue;
        if (strcmp(result, "done") == 0) {
            end_call(call, &good);
        } else {
            fail_call(call, result);
        }
        /* The callback may have changed the list, and no unit is run twice at once. */
        break;
    }

    return 0;
}

/* ---- the list of units, then the details of each service --------------------------------- */

static int on_detail(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    struct detail *detail = userdata;
    struct agent_units_call *call = detail->call;
    uint32_t number = 0;
    const char *text = "";

    /* A unit may vanish between list and question; then nothing is known of it, which is true. */
    if (sd_bus_message_get_error(message) == NULL) {
        if (strcmp(detail->property, "UnitFileState") == 0) {
            if (sd_bus_message_read(message, "v", "s", &text) >= 0)
                detail->unit->enabled = strncmp(text, "enabled", strlen("enabled")) == 0;
        } else if (sd_bus_message_read(message, "v", "u", &number) >= 0) {
            if (strcmp(detail->property, "MainPID") == 0) {
                detail->unit->main_pid = number;
            } else {
                detail->unit->restarts = number;
            }
        }
    }
    if (--call->details_open == 0)
        end_call(call, &good);

    return 0;
}

static int ask_detail(struct detail *detail, const char *path, const char *interface,
                      const char *property)
{
    detail->property = property;
    return sd_bus_call_method_async(detail->call->units->bus, &detail->slot, SYSTEMD, path,
                                    PROPERTIES, "Get", on_detail, detail, "ss", interface,
                                    property);
}

static int ask_details(struct agent_units_call *call)
{
    uint32_t services_count = 0, at = 0;

    for (uint32_t i = 0; i < call->list.count; i++)
        services_count += agent_unit_is_running_service(&call->list.items[i]) ? 1 : 0;
    if (services_count == 0) {
        end_call(call, &good);
        return 0;
    }
    call->details = calloc((size_t)services_count * DETAILS_A_SERVICE, sizeof(*call->details));
    if (call->details == NULL)
        return -ENOMEM;
    call->details_count = call->details_open = services_count * DETAILS_A_SERVICE;

    for (uint32_t i = 0; i < call->list.count; i++) {
        struct agent_unit *unit = &call->list.items[i];
        char *path = NULL;
        int r;

        if (!agent_unit_is_running_service(unit))
            continue;
        for (uint32_t k = 0; k < DETAILS_A_SERVICE; k++)
            call->details[at + k] = (struct detail){.call = call, .unit = unit};
        r = sd_bus_path_encode(SYSTEMD_PATH "/unit", unit->name, &path);
        if (r >= 0)
            r = ask_detail(&call->details[at], path, SERVICE, "MainPID");
        if (r >= 0)
            r = ask_detail(&call->details[at + 1], path, SERVICE, "NRestarts");
        if (r >= 0)
            r = ask_detail(&call->details[at + 2], path, UNIT, "UnitFileState");
        free(path);
        if (r < 0)
            return r;
        at += DETAILS_A_SERVICE;
    }

    return 0;
}

static int on_list(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    struct agent_units_call *call = userdata;
    const sd_bus_error *failure = sd_bus_message_get_error(message);
    int r;

    if (failure != NULL) {
        fail_call(call, failure->message != NULL ? failure->message : failure->name);
        return 0;
    }
    r = agent_units_list_read(&call->list, message);
    if (r >= 0 && call->list.count > 0) {
        r = ask_details(call);
    } else if (r >= 0) {
        end_call(call, &good);
    }
    if (r < 0)
        fail_call(call, strerror(-r));

    return 0;
}

/* ---- watching ---------------------------------------------------------------------------- */

static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    struct agent_units *units = userdata;
    char *name = NULL;

    if (sd_bus_path_decode(sd_bus_message_get_path(message), SYSTEMD_PATH "/unit", &name) <= 0)
        return 0;
    if (agent_unit_says_failed(message)) {
        for (struct agent_units_call *call = units->calls; call != NULL; call = call->next) {
            if (call->type != CALL_WATCH)
                continue;
            /* One watcher at a time, and it may drop itself: the list is not looked at again. */
            call->failed(call->userdata, name);
            break;
        }
    }
    free(name);

    return 0;
}

/* ---- the connection ---------------------------------------------------------------------- */

static struct agent_units_call *find_sent_run(struct agent_units *units)
{
    struct agent_units_call *call = units->calls;

    while (call != NULL && !(call->type == CALL_RUN && call->sent))
        call = call->next;

    return call;
}

/* Reads are asked again, runs end with LOST; then the connection is tried for until it stands. */
static void lose_connection(struct agent_units *units)
{
    const struct agent_units_answer lost = {.end = AGENT_UNITS_LOST,
                                            .why = "the connection to systemd was lost"};
    struct agent_units_call *call;

    disconnect(units);
    (void)sd_event_source_set_time_relative(units->retry, RECONNECT_US);
    (void)sd_event_source_set_enabled(units->retry, SD_EVENT_ONESHOT);
    for (call = units->calls; call != NULL; call = call->next) {
        if (call->type != CALL_RUN)
            forget_answers(call);
    }

    /* A callback may make new calls; these are unsent, so that this comes to an end. */
    while ((call = find_sent_run(units)) != NULL)
        end_call(call, &lost);
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    lose_connection(userdata);
    return 0;
}

static int connect_systemd(struct agent_units *units)
{
    sd_bus *bus = NULL;
    int r;

    r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_address(bus, units->address);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r >= 0)
        r = sd_bus_attach_event(bus, units->loop, SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0) {
        r = sd_bus_add_match(bus, NULL, "type='signal',interface='" MANAGER "',member='JobRemoved'",
                             on_job_removed, units);
    }
    if (r >= 0) {
        r = sd_bus_add_match(bus, NULL,
                             "type='signal',interface='" PROPERTIES "',member='PropertiesChanged'",
                             on_changed, units);
    }
    if (r >= 0) {
        r = sd_bus_add_match(bus, NULL,
                             "type='signal',interface='org.freedesktop.DBus.Local',"
                             "member='Disconnected'",
                             on_disconnected, units);
    }
    if (r < 0) {
        (void)sd_bus_close_unref(bus);
        return r;
    }
    units->bus = bus;

    return 0;
}

static int send_list(struct agent_units_call *call)
{
    sd_bus_message *message = NULL;
    int r;

    r = sd_bus_message_new_method_call(call->units->bus, &message, SYSTEMD, SYSTEMD_PATH, MANAGER,
                                       "ListUnitsByPatterns");
    if (r >= 0) {
        r = sd_bus_message_append(message, "asas", 5, "active", "reloading", "failed", "activating",
                                  "deactivating", 6, "*.service", "*.socket", "*.mount", "*.timer",
                                  "*.path", "*.swap");
    }
    if (r >= 0)
        r = sd_bus_call_async(call->units->bus, &call->slot, message, on_list, call, 0);
    (void)sd_bus_message_unref(message);

    return r;
}

static int send_call(struct agent_units_call *call)
{
    char *path = NULL;
    int r = -EINVAL;

    switch (call->type) {
    case CALL_STATE:
        r = sd_bus_path_encode(SYSTEMD_PATH "/unit", call->name, &path);
        if (r >= 0) {
            r = sd_bus_call_method_async(call->units->bus, &call->slot, SYSTEMD, path, PROPERTIES,
                                         "Get", on_state, call, "ss", UNIT, "ActiveState");
        }
        free(path);
        break;
    case CALL_RUN:
        /* A unit that crashed too often would not be started; that it never failed is fine too. */
        (void)sd_bus_call_method_async(call->units->bus, NULL, SYSTEMD, SYSTEMD_PATH, MANAGER,
                                       "ResetFailedUnit", NULL, NULL, "s", call->name);
        r = sd_bus_call_method_async(call->units->bus, &call->slot, SYSTEMD, SYSTEMD_PATH, MANAGER,
                                     "StartUnit", on_started, call, "ss", call->name, "replace");
        break;
    case CALL_LIST:
        r = send_list(call);
        break;
    case CALL_WATCH:
        r = 0;
        break;
    }
    call->sent = r >= 0;

    return r;
}

static struct agent_units_call *find_unsent(struct agent_units *units)
{
    struct agent_units_call *call = units->calls;

    while (call != NULL && call->sent)
        call = call->next;

    return call;
}

static int on_kick(sd_event_source *source, void *userdata)
{
    struct agent_units *units = userdata;
    struct agent_units_call *call;

    if (units->calls == NULL) {
        (void)sd_event_source_set_enabled(units->retry, SD_EVENT_OFF);
        disconnect(units);
        return 0;
    }
    if (units->bus == NULL && connect_systemd(units) < 0) {
        (void)sd_event_source_set_time_relative(units->retry, RECONNECT_US);
        (void)sd_event_source_set_enabled(units->retry, SD_EVENT_ONESHOT);
        return 0;
    }
    while ((call = find_unsent(units)) != NULL && units->bus != NULL) {
        int r = send_call(call);

        if (r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE) {
            lose_connection(units);
        } else if (r < 0) {
            fail_call(call, strerror(-r));
        }
    }

    return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    return on_kick(source, userdata);
}

int agent_units_new(sd_event *loop, const char *address, struct agent_units **ret_units,
                    struct bl_error *err)
{
    struct agent_units *units = calloc(1, sizeof(*units));
    int r;

    if (units == NULL)
        return bl_fail(err, -ENOMEM, "no memory for the connection to systemd");
    units->loop = sd_event_ref(loop);
    units->address = address;
    r = sd_event_add_defer(loop, &units->kick, on_kick, units);
    if (r >= 0)
        r = sd_event_source_set_enabled(units->kick, SD_EVENT_OFF);
    if (r >= 0) {
        r = sd_event_add_time_relative(loop, &units->retry, CLOCK_BOOTTIME, RECONNECT_US, 0,
                                       on_retry, units);
    }
    if (r >= 0)
        r = sd_event_source_set_enabled(units->retry, SD_EVENT_OFF);
    if (r < 0) {
        (void)agent_units_free(units);
        return bl_fail(err, r, "prepare the connection to systemd: %s", strerror(-r));
    }

    *ret_units = units;
    return 0;
}

struct agent_units *agent_units_free(struct agent_units *units)
{
    if (units == NULL)
        return NULL;
    while (units->calls != NULL)
        (void)agent_units_drop(units->calls);
    disconnect(units);
    sd_event_source_disable_unref(units->kick);
    sd_event_source_disable_unref(units->retry);
    sd_event_unref(units->loop);
    free(units);
    return NULL;
}

static int add_call(struct agent_units *units, enum call_type type, const char *name,
                    struct agent_units_call **ret_call)
{
    struct agent_units_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return -ENOMEM;
    if (name != NULL && (call->name = strdup(name)) == NULL) {
        free(call);
        return -ENOMEM;
    }
    call->units = units;
    call->type = type;
    call->next = units->calls;
    if (call->next != NULL)
        call->next->previous = call;
    units->calls = call;
    (void)sd_event_source_set_enabled(units->kick, SD_EVENT_ONESHOT);

    *ret_call = call;
    return 0;
}

static int add_done_call(struct agent_units *units, struct agent_units_call **ret_call,
                         enum call_type type, const char *name, agent_units_done_fn done,
                         void *userdata)
{
    int r = add_call(units, type, name, ret_call);

    if (r < 0)
        return r;
    (*ret_call)->done = done;
    (*ret_call)->userdata = userdata;
    return 0;
}

int agent_units_state(struct agent_units *units, const char *name, agent_units_done_fn done,
                      void *userdata, struct agent_units_call **ret_call)
{
    return add_done_call(units, ret_call, CALL_STATE, name, done, userdata);
}

int agent_units_run(struct agent_units *units, const char *name, agent_units_done_fn done,
                    void *userdata, struct agent_units_call **ret_call)
{
    return add_done_call(units, ret_call, CALL_RUN, name, done, userdata);
}

int agent_units_list(struct agent_units *units, agent_units_done_fn done, void *userdata,
                     struct agent_units_call **ret_call)
{
    return add_done_call(units, ret_call, CALL_LIST, NULL, done, userdata);
}

int agent_units_watch(struct agent_units *units, agent_units_failed_fn failed, void *userdata,
                      struct agent_units_call **ret_call)
{
    int r = add_call(units, CALL_WATCH, NULL, ret_call);

    if (r < 0)
        return r;
    (*ret_call)->failed = failed;
    (*ret_call)->userdata = userdata;
    return 0;
}
