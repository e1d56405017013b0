/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/file.h"
#include "controller/daemon/client.h"
#include "controller/daemon/setup.h"
#include "tests/sim/world/belayd.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/laws.h"
#include "tests/sim/world/net.h"

enum {
    /* As packaging/systemd/belayd.service: RestartSec, and some time to start. */
    RESTART_MS_MIN = 200,
    RESTART_MS_MAX = 3000,
    POWER_MS_MIN = 5000,
    POWER_MS_MAX = 10 * 60 * 1000,
    AWAY_MS_MIN = 60 * 1000,
    AWAY_MS_MAX = 12 * 3600 * 1000,
    LOOK_MS = 10 * 1000, /* whoever is away looks for the calm that often */
    NAME_BYTES = 24,
};

struct known {
    uint8_t id[PROTO_HOST_ID_BYTES];
    uint32_t machine;
};

static struct {
    struct sim_process process;
    bool is_running;  /* a process is there */
    bool is_prepared; /* its store knows the hosts */
    struct ctl_engine *engine;
    int64_t back_ms; /* not before then */
    sim_ticket start;
    struct known *hosts; /* by id */
    uint32_t host_count;
} belayd;

int __wrap_bl_dir_lock(const char *path, struct bl_error *err);
int __wrap_ctl_setup_load_key(const char *state_dir, uint8_t ret_secret[PROTO_HOST_ID_BYTES],
                              uint8_t ret_public[PROTO_HOST_ID_BYTES], struct bl_error *err);

struct ctl_engine *sim_belayd_engine(void)
{
    return belayd.engine;
}

struct sim_process *sim_belayd_process(void)
{
    return &belayd.process;
}

int64_t sim_controller_wall_ms(void)
{
    return sim_machine_wall_ms(sim_machine(SIM_CONTROLLER));
}

uint32_t sim_controller_boot(void)
{
    return sim_machine(SIM_CONTROLLER)->boots;
}

int64_t sim_belayd_deadline_ms(void)
{
    int64_t next_ms = SIM_NEVER;

    for (uint32_t i = 0; belayd.engine != NULL && i < belayd.engine->run_count; i++) {
        const struct ctl_run *run = belayd.engine->runs[i];
        int64_t at_ms = sim_machine_when(sim_machine(SIM_CONTROLLER), run->wake_at.ms);

        if (run->wake_at.ms != 0 && at_ms >= sim_now_ms() && at_ms < next_ms)
            next_ms = at_ms;
    }

    return next_ms;
}

/* ---- what is not of this world ---- */

/* One belayd at a time is what the world starts; the descriptor is for closing. */
int __wrap_bl_dir_lock(const char *path, struct bl_error *err)
{
    int fd = memfd_create("lock", MFD_CLOEXEC);

    return fd >= 0 ? fd : bl_fail(err, -errno, "'%s'", path);
}

int __wrap_ctl_setup_load_key(const char *state_dir, uint8_t ret_secret[PROTO_HOST_ID_BYTES],
                              uint8_t ret_public[PROTO_HOST_ID_BYTES], struct bl_error *err)
{
    memset(ret_secret, 1, PROTO_HOST_ID_BYTES);
    memset(ret_public, 2, PROTO_HOST_ID_BYTES);

    return 0;
}

/* ---- hosts by their id ---- */

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct known *)a)->id, ((const struct known *)b)->id,
                  PROTO_HOST_ID_BYTES);
}

uint32_t sim_machine_of(const uint8_t host_id[PROTO_HOST_ID_BYTES])
{
    const struct known *known =
        bsearch(host_id, belayd.hosts, belayd.host_count, sizeof(*belayd.hosts), by_id);

    return known != NULL ? known->machine : UINT32_MAX;
}

static void know_hosts(void)
{
    belayd.host_count = sim_host_count();
    belayd.hosts = calloc(belayd.host_count, sizeof(*belayd.hosts));
    if (belayd.hosts == NULL)
        sim_broken("no memory for the fleet");
    for (uint32_t i = 0; i < belayd.host_count; i++) {
        memcpy(belayd.hosts[i].id, sim_host_id(i), PROTO_HOST_ID_BYTES);
        belayd.hosts[i].machine = i;
    }
    qsort(belayd.hosts, belayd.host_count, sizeof(*belayd.hosts), by_id);
}

/* ---- a life ---- */

static int save_hosts(struct ctl_store *store, struct bl_error *err)
{
    int r = 0;

    ctl_store_begin(store);
    for (uint32_t i = 0; i < belayd.host_count && r >= 0; i++) {
        char name[NAME_BYTES];
        struct ctl_store_host row = {
            .standing = CTL_STANDING_ENROLLED,
            .name = name,
            .labels = "{\"role\":\"web\"}",
            .facts = "{}",
            .first_seen = bl_wall_now(),
        };

        (void)snprintf(name, sizeof(name), "host%u", i);
        memcpy(row.id, sim_host_id(i), sizeof(row.id));
        r = ctl_store_save_host(store, &row, err);
    }

    return r < 0 ? r : ctl_store_commit(store, err);
}

/* As enrolment left it. A life that dies in here leaves it to the next one. */
static int prepare(struct bl_error *err)
{
    struct ctl_store *store = NULL;
    int r;

    if (belayd.is_prepared)
        return 0;
    r = ctl_store_open(SIM_BELAYD_STATE_DIR, &store, err);
    if (r >= 0)
        r = save_hosts(store, err);
    (void)ctl_store_close(store);
    belayd.is_prepared = r >= 0;

    return r;
}

static void open_engine(void)
{
    struct ctl_engine *engine = NULL;
    struct bl_error err = {0};
    struct ctl_config config;
    int r;

    ctl_config_init(&config);
    (void)snprintf(config.state_dir, sizeof(config.state_dir), "%s", SIM_BELAYD_STATE_DIR);
    r = prepare(&err);
    if (r >= 0)
        r = ctl_engine_open(&config, belayd.process.loop, &engine, &err);
    if (r < 0) {
        sim_tell(SIM_CONTROLLER, "belayd can't start: %s", err.text);
        (void)sd_event_exit(belayd.process.loop, 1);
        return;
    }
    belayd.engine = engine;
    if (belayd.process.is_dead)
        return;
    sim_beliefs_tell_ended(engine);
    sim_law_belayd(true);
}

static void want_start(int64_t after_ms);

static void reap(void *userdata)
{
    sim_tell(SIM_CONTROLLER, "belayd is gone (%s)",
             belayd.process.is_exiting ? "by itself" : "killed");
    belayd.engine = ctl_engine_close(belayd.engine);
    sim_beliefs_forget();
    sim_process_end(&belayd.process);
    belayd.is_running = false;
    sim_law_belayd(false);
    sim_net_deafen(!sim_machine(SIM_CONTROLLER)->is_up);
    want_start(sim_draw_between(SIM_DRAW_SYSTEM, SIM_CONTROLLER, RESTART_MS_MIN, RESTART_MS_MAX));
}

static void start(void *userdata, uint64_t argument)
{
    struct sim_machine *machine = sim_machine(SIM_CONTROLLER);

    belayd.start = 0;
    if (belayd.back_ms > sim_now_ms() && !sim_is_calm()) {
        want_start(LOOK_MS);
        return;
    }
    belayd.back_ms = 0;
    if (!machine->is_up)
        sim_machine_boot(machine);
    sim_tell(SIM_CONTROLLER, "belayd starts");
    sim_process_begin(&belayd.process, SIM_CONTROLLER, SIM_FAULT_BELAYD_KILLED, reap, NULL);
    belayd.is_running = true;
    sim_process_enter(&belayd.process);
    open_engine();
    sim_process_leave(&belayd.process);
}

static void want_start(int64_t after_ms)
{
    if (belayd.back_ms > sim_now_ms() && belayd.back_ms - sim_now_ms() < after_ms)
        after_ms = belayd.back_ms - sim_now_ms();
    sim_cancel(&belayd.start);
    belayd.start = sim_after(after_ms, start, NULL, SIM_CONTROLLER);
}

void sim_controller_open(void)
{
    memset(&belayd, 0, sizeof(belayd));
    know_hosts();
    sim_machine_boot(sim_machine(SIM_CONTROLLER));
    want_start(0);
}

void sim_controller_close(void)
{
    sim_cancel(&belayd.start);
    if (belayd.is_running) {
        /* The world ends: nothing of this is seen any more. */
        belayd.process.is_dead = true;
        sim_current = &belayd.process;
        belayd.engine = ctl_engine_close(belayd.engine);
        sim_current = NULL;
        sim_process_end(&belayd.process);
    }
    sim_beliefs_forget();
    free(belayd.hosts);
}

/* ---- what strikes it ---- */

void sim_controller_kill(void)
{
    if (!belayd.is_running)
        return;
    sim_tell(SIM_CONTROLLER, "belayd is killed");
    sim_process_kill(&belayd.process);
}

static void switch_off(int64_t for_ms)
{
    struct sim_machine *machine = sim_machine(SIM_CONTROLLER);

    machine->is_up = false;
    if (belayd.is_running)
        sim_process_kill(&belayd.process);
    belayd.back_ms = sim_now_ms() + for_ms;
    want_start(LOOK_MS);
}

void sim_controller_power_cut(void)
{
    int64_t for_ms = sim_draw_log(SIM_DRAW_FAULT, SIM_CONTROLLER, POWER_MS_MIN, POWER_MS_MAX);

    if (!sim_machine(SIM_CONTROLLER)->is_up)
        return;
    sim_tell(SIM_CONTROLLER, "the controller loses power for %lld ms", (long long)for_ms);
    switch_off(for_ms);
    sim_disk_power_cut(sim_machine(SIM_CONTROLLER)->disk);
}

void sim_controller_go_away(void)
{
    int64_t for_ms = sim_draw_log(SIM_DRAW_FAULT, SIM_CONTROLLER, AWAY_MS_MIN, AWAY_MS_MAX);

    if (!sim_machine(SIM_CONTROLLER)->is_up)
        return;
    sim_tell(SIM_CONTROLLER, "the controller is away for %lld ms", (long long)for_ms);
    switch_off(for_ms);
}

/* ---- asking it ---- */

static json_t *read_answer(const struct ctl_client *client)
{
    if (client->out.size_bytes <= CTL_CLIENT_HEAD_BYTES)
        return NULL;

    return json_loadb((const char *)client->out.data + CTL_CLIENT_HEAD_BYTES,
                      client->out.size_bytes - CTL_CLIENT_HEAD_BYTES, 0, NULL);
}

json_t *sim_belayd_ask(json_t *request)
{
    struct ctl_control control = {.engine = belayd.engine, .fd = -1};
    struct ctl_client client = {.control = &control, .fd = -1, .uid = 1000};
    json_t *answer = NULL;

    if (belayd.engine != NULL) {
        sim_process_enter(&belayd.process);
        ctl_client_serve(&client, request);
        if (sim_process_may_act())
            answer = read_answer(&client);
        free(client.out.data);
        sim_process_leave(&belayd.process);
    }
    json_decref(request);

    return answer;
}
