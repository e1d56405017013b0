/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent_lease/fake_manager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "tests/lib/unit.h"

#define UNIT_PATH    "/org/freedesktop/systemd1/unit"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER      "org.freedesktop.systemd1.Manager"

enum {
    UNITS_MAX = 16,
};

/* What the process knows; nothing of it is seen by the test but the file of the calls. */
static struct {
    struct known {
        char name[128];
        char tie[128], command[128];
        bool active, fails, stops, masked, transient, hangs;
    } units[UNITS_MAX];
    unsigned count, jobs;
    int calls_fd;
} world;

/* In the child, where an assertion of cmocka would run the test's own clean-up. */
static void must(bool holds)
{
    if (!holds)
        _exit(9);
}

static struct known *find(const char *name)
{
    for (unsigned i = 0; i < world.count; i++) {
        if (strcmp(world.units[i].name, name) == 0)
            return &world.units[i];
    }

    return NULL;
}

static void learn(const struct fake_unit *wanted)
{
    struct known *unit = &world.units[world.count++];

    must(world.count <= UNITS_MAX);
    *unit = (struct known){.active = wanted->active,
                           .fails = wanted->fails,
                           .stops = wanted->stops,
                           .masked = wanted->masked,
                           .transient = wanted->transient,
                           .hangs = wanted->hangs};
    (void)snprintf(unit->name, sizeof(unit->name), "%s", wanted->name);
    (void)snprintf(unit->tie, sizeof(unit->tie), "%s", wanted->tie != NULL ? wanted->tie : "");
    (void)snprintf(unit->command, sizeof(unit->command), "%s",
                   wanted->command != NULL ? wanted->command : "");
}

static bool is_tie(const char *property)
{
    static const char *const ties[] = {"TriggeredBy", "RequiredBy", "RequisiteOf",
                                       "BoundBy",     "ConsistsOf", "PropagatesStopTo"};

    for (size_t i = 0; i < sizeof(ties) / sizeof(ties[0]); i++) {
        if (strcmp(property, ties[i]) == 0)
            return true;
    }

    return false;
}

/* `tie` of a unit is "RequiredBy=other.service". */
static int answer_tie(sd_bus_message *call, const struct known *unit, const char *property)
{
    const char *tie = unit != NULL ? unit->tie : "";
    size_t length = strlen(property);

    if (strncmp(tie, property, length) == 0 && tie[length] == '=')
        return sd_bus_reply_method_return(call, "v", "as", 1, tie + length + 1);

    return sd_bus_reply_method_return(call, "v", "as", 0);
}

static int answer_processes(sd_bus_message *call)
{
    const struct known *unit;
    const char *name;

    must(sd_bus_message_read(call, "s", &name) > 0);
    unit = find(name);
    if (unit == NULL || unit->command[0] == '\0')
        return sd_bus_reply_method_return(call, "a(sus)", 0);

    return sd_bus_reply_method_return(call, "a(sus)", 1, "/group", 4711, unit->command);
}

static int answer_property(sd_bus_message *call)
{
    const char *interface, *property;
    char *name = NULL;
    const struct known *unit;
    int r;

    must(sd_bus_message_read(call, "ss", &interface, &property) > 0);
    must(sd_bus_path_decode(sd_bus_message_get_path(call), UNIT_PATH, &name) > 0);
    unit = find(name);
    if (strcmp(property, "LoadState") == 0)
        r = sd_bus_reply_method_return(call, "v", "s",
                                       unit == NULL   ? "not-found"
                                       : unit->masked ? "masked"
                                                      : "loaded");
    else if (strcmp(property, "ActiveState") == 0)
        r = sd_bus_reply_method_return(call, "v", "s",
                                       unit != NULL && unit->active ? "active" : "inactive");
    else if (strcmp(property, "Id") == 0)
        r = sd_bus_reply_method_return(call, "v", "s", name);
    else if (is_tie(property))
        r = answer_tie(call, unit, property);
    else if (strcmp(property, "Transient") == 0 || strcmp(property, "Persistent") == 0)
        r = sd_bus_reply_method_return(call, "v", "b", unit != NULL && unit->transient);
    else if (strcmp(property, "CanStart") == 0 || strcmp(property, "CanStop") == 0)
        r = sd_bus_reply_method_return(call, "v", "b", 1);
    else if (strcmp(property, "MainPID") == 0)
        r = sd_bus_reply_method_return(call, "v", "u", 0);
    else
        r = sd_bus_reply_method_return(call, "v", "t", UINT64_C(0));
    free(name);

    return r;
}

static int list_units(sd_bus_message *call)
{
    sd_bus_message *reply = NULL;
    int r;

    must(sd_bus_message_new_method_return(call, &reply) >= 0);
    must(sd_bus_message_open_container(reply, 'a', "(ssssssouso)") >= 0);
    for (unsigned i = 0; i < world.count; i++) {
        must(sd_bus_message_append(reply, "(ssssssouso)", world.units[i].name, "", "loaded",
                                   world.units[i].active ? "active" : "inactive", "", "",
                                   UNIT_PATH "/x", 0, "", "/") >= 0);
    }
    must(sd_bus_message_close_container(reply) >= 0);
    r = sd_bus_send(NULL, reply, NULL);
    sd_bus_message_unref(reply);

    return r;
}

static int tell_removed(sd_bus *bus, unsigned id, const char *unit, const char *result)
{
    char job[64];

    int r;

    (void)snprintf(job, sizeof(job), MANAGER_PATH "/job/%u", id);
    r = sd_bus_emit_signal(bus, MANAGER_PATH, MANAGER, "JobRemoved", "uoss", id, job, unit, result);

    /* Who only queues a job may be gone already. */
    return r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE ? 0 : r;
}

/* Start, stop and restart; the answer goes out before the word of the job's end. */
static int queue_job(sd_bus_message *call, bool active)
{
    sd_bus *bus = sd_bus_message_get_bus(call);
    const char *name;
    struct known *unit;
    char job[64];
    int r;

    must(sd_bus_message_read(call, "s", &name) > 0);
    unit = find(name);
    if (unit != NULL && unit->stops) {
        must(tell_removed(bus, ++world.jobs, name, "canceled") >= 0);
        unit->stops = false;
    }
    (void)snprintf(job, sizeof(job), MANAGER_PATH "/job/%u", ++world.jobs);
    r = sd_bus_reply_method_return(call, "o", job);
    if (r < 0)
        return r;
    if (unit != NULL && unit->hangs)
        return 0;
    if (unit != NULL && !unit->fails)
        unit->active = active;

    return tell_removed(bus, world.jobs, name, unit != NULL && unit->fails ? "failed" : "done");
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
    const char *member = sd_bus_message_get_member(call);
    const char *unit = "";
    int r;

    if (!sd_bus_message_is_method_call(call, NULL, NULL))
        return 0;
    if (strcmp(member, "Get") == 0)
        r = answer_property(call);
    else if (strcmp(member, "ListUnits") == 0)
        r = list_units(call);
    else if (strcmp(member, "ListUnitFiles") == 0)
        r = sd_bus_reply_method_return(call, "a(ss)", 0);
    else if (strcmp(member, "GetUnitProcesses") == 0)
        r = answer_processes(call);
    else {
        if (strcmp(member, "Reload") != 0)
            must(sd_bus_message_read(call, "s", &unit) > 0);
        must(dprintf(world.calls_fd, "%s %s\n", member, unit) > 0);
        must(sd_bus_message_rewind(call, true) >= 0);
        if (strcmp(member, "StartTransientUnit") == 0 && find(unit) == NULL)
            learn(&(struct fake_unit){.name = unit, .active = true});
        r = strcmp(member, "StartUnit") == 0 || strcmp(member, "RestartUnit") == 0
                ? queue_job(call, true)
            : strcmp(member, "StopUnit") == 0 ? queue_job(call, false)
            : strcmp(member, "StartTransientUnit") == 0
                ? sd_bus_reply_method_return(call, "o", MANAGER_PATH "/job/1")
                : sd_bus_reply_method_return(call, NULL);
    }
    must(r >= 0);

    return 1;
}

static int on_connect(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    int peer_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    sd_id128_t id = SD_ID128_NULL;
    sd_bus *bus = NULL;

    must(peer_fd >= 0 && sd_id128_randomize(&id) >= 0);
    must(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, peer_fd, peer_fd) >= 0);
    must(sd_bus_set_server(bus, 1, id) >= 0 &&
         sd_bus_set_sender(bus, "org.freedesktop.systemd1") >= 0);
    must(sd_bus_start(bus) >= 0 && sd_bus_add_filter(bus, NULL, on_call, NULL) >= 0);
    /* It ends with the process; there are a handful. */
    must(sd_bus_attach_event(bus, sd_event_source_get_event(source), 0) >= 0);

    return 0;
}

static void serve(int listen_fd)
{
    sd_event *event = NULL;

    /* A test that fails does not come to fake_manager_end. */
    must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    must(sd_event_new(&event) >= 0);
    must(sd_event_add_io(event, NULL, listen_fd, EPOLLIN, on_connect, NULL) >= 0);
    (void)sd_event_loop(event);
    _exit(9);
}

void fake_manager_start(struct fake_manager *manager, const struct fake_unit *units)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listen_fd;

    (void)snprintf(manager->directory, sizeof(manager->directory), "/tmp/belay-manager-XXXXXX");
    assert_non_null(mkdtemp(manager->directory));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", manager->directory);
    (void)snprintf(manager->address, sizeof(manager->address), "unix:path=%s/socket",
                   manager->directory);
    (void)snprintf(manager->calls, sizeof(manager->calls), "%s/calls", manager->directory);
    listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listen_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listen_fd, 16), 0);
    world.count = 0;
    for (; units->name != NULL; units++)
        learn(units);
    world.calls_fd = open(manager->calls, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(world.calls_fd >= 0);
    manager->pid = fork();
    if (manager->pid == 0)
        serve(listen_fd);
    assert_true(manager->pid > 0);
    (void)close(listen_fd);
    (void)close(world.calls_fd);
}

bool fake_manager_heard(const struct fake_manager *manager, const char *call)
{
    FILE *calls = fopen(manager->calls, "re");
    char line[256];
    bool heard = false;

    assert_non_null(calls);
    while (!heard && fgets(line, sizeof(line), calls) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        heard = strcmp(line, call) == 0;
    }
    (void)fclose(calls);

    return heard;
}

void fake_manager_end(struct fake_manager *manager)
{
    char path[96];
    int status;

    assert_int_equal(kill(manager->pid, SIGKILL), 0);
    assert_int_equal(waitpid(manager->pid, &status, 0), manager->pid);
    assert_true(WIFSIGNALED(status)); /* it did not end by itself before */
    (void)snprintf(path, sizeof(path), "%s/socket", manager->directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(manager->calls), 0);
    assert_int_equal(rmdir(manager->directory), 0);
}
