/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "agent/root/figures.h"
#include "agent/root/forget.h"
#include "agent/root/heads.h"
#include "agent/root/job.h"
#include "agent/root/join.h"
#include "agent/root/place.h"
#include "agent/root/rescue.h"
#include "agent/root/setup.h"
#include "agent/root/ssh_watch.h"
#include "agent/root/talk.h"
#include "agent/root/tend.h"
#include "agent/txn/ballast.h"
#include "common/file.h"

/*
 * belay-agent: the process that may change the host. One thread, one loop, no network. This file
 * puts the parts together and holds no rule of its own.
 */
enum {
    EXIT_GOOD = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    CONFIG_BYTES_MAX = 64 * 1024,
    SAMPLES_A_MESSAGE = 3,
};

struct options {
    const char *state_dir, *run_dir, *config_dir;
};

struct agent {
    struct agent_host host;
    struct agent_lease_places places;
    struct agent_talk *talk;
    struct agent_jobs *jobs;
    struct agent_rescue *rescue;
    struct agent_forget *forget;
    struct agent_tend *tend;
    struct agent_ssh_watch *ssh_watch;
    struct agent_jobs_handler handler;
    struct agent_figures *figures;
    struct agent_figures_history history;
    struct agent_figures_handler figures_handler;
    unsigned samples;                 /* since figures were sent last */
    struct agent_units_call *renewal; /* this process and the courier are about to be restarted */
    int run_fd;
};

static const char usage[] =
    "usage: belay-agent [--state-dir DIR] [--run-dir DIR] [--config-dir DIR]\n"
    "       belay-agent join --controller tcp://ADDRESS:PORT --controller-key KEY [--token TOKEN]\n"
    "\n"
    "Checks signed upgrade jobs, carries them out on this host and can always put it back.\n"
    "`belay-agent join --help` tells more about joining.\n";

/* ---- the marks that the package's own scripts look at ------------------------------------ */

#define JOB_OPEN       "job-open" /* while it is there, the agent's package restarts nothing */
#define RESTART_WANTED "restart-wanted" /* left by it for the end of the job */
#define RENEW_UNIT     "belay-renew.service"

/* Only when it did not come to it: otherwise this process ends before. */
static void on_not_renewed(void *userdata, const struct agent_units_answer *answer)
{
    struct agent *agent = userdata;

    agent->renewal = NULL;
    sd_journal_print(LOG_WARNING, RENEW_UNIT ": %s. The courier goes on with its former program.",
                     answer->end == AGENT_UNITS_OK ? "restarted nothing" : answer->why);
    (void)sd_event_exit(agent->host.loop, EXIT_GOOD);
}

static void mark_job(struct agent *agent)
{
    bool is_open = agent_jobs_is_open(agent->jobs);
    struct bl_error err = {0};
    int r;

    r = is_open ? bl_file_replace(agent->run_fd, JOB_OPEN, "", 0, &err)
                : bl_file_remove(agent->run_fd, JOB_OPEN, &err);
    if (r < 0)
        sd_journal_print(LOG_WARNING, "The mark of an open job: %s", err.text);
    if (is_open || bl_file_exists(agent->run_fd, RESTART_WANTED, &err) <= 0)
        return;
    if (bl_file_remove(agent->run_fd, RESTART_WANTED, &err) < 0)
        return; /* to restart without taking the mark away would never end */
    sd_journal_print(LOG_NOTICE, "This program was upgraded while a job was open: restarting now.");
    if (agent_units_run(agent->host.units, RENEW_UNIT, on_not_renewed, agent, &agent->renewal) < 0)
        (void)sd_event_exit(agent->host.loop, EXIT_GOOD);
}

/* ---- the parts tell each other ----------------------------------------------------------- */

static void on_reported(void *userdata)
{
    struct agent *agent = userdata;

    mark_job(agent);
    agent_talk_flush(agent->talk);
}

static void on_reconnect(void *userdata)
{
    struct agent *agent = userdata;

    agent_talk_reconnect(agent->talk);
}

static void on_closed(void *userdata)
{
    struct agent *agent = userdata;

    mark_job(agent);
    if (agent->forget != NULL)
        agent_forget_look(agent->forget);
}

/* Each sample counts here; over the link goes every third, so that ten thousand hosts are no load. */
static void on_sampled(void *userdata, const struct agent_figures_sample *sample)
{
    struct agent *agent = userdata;

    agent_figures_history_add(&agent->history, &sample->now);
    if (++agent->samples < SAMPLES_A_MESSAGE)
        return;
    agent->samples = 0;
    agent_talk_tell_figures(agent->talk, sample, agent_tend_found(agent->tend));
}

/* ---- start ------------------------------------------------------------------------------- */

static int find_ids(uid_t *ret_courier_uid, gid_t *ret_courier_gid, gid_t *ret_rescue_gid,
                    struct bl_error *err)
{
    const struct passwd *courier = getpwnam("belay-courier");
    const struct group *rescue;

    if (courier == NULL)
        return bl_fail(err, -ENOENT, "there is no user belay-courier: install the package");
    *ret_courier_uid = courier->pw_uid;
    *ret_courier_gid = courier->pw_gid;
    rescue = getgrnam("belay-rescue");
    *ret_rescue_gid = rescue != NULL ? rescue->gr_gid : 0; /* without the group: root alone */

    return 0;
}

static int load_identity(struct agent_host *host, struct bl_error *err)
{
    BL_AUTO_FREE char *yaml = NULL;
    struct bl_error why = {0};
    char path[512];
    size_t bytes = 0;
    int r;

    r = agent_setup_load_id(host->state_dir, host->id, err);
    if (r < 0)
        return bl_wrap(err, "this host has not joined (see belay-agent join --help)");
    r = bl_boot_id_read(host->boot_id, err);
    if (r < 0)
        return r;
    (void)snprintf(path, sizeof(path), "%s/agent.yaml", host->config_dir);
    r = bl_file_read(AT_FDCWD, path, CONFIG_BYTES_MAX, &yaml, &bytes, &why);
    if (r >= 0)
        r = agent_setup_find_controller(yaml, host->controller, sizeof(host->controller), &why);
    if (r < 0)
        sd_journal_print(LOG_WARNING, "The controller cannot be a witness: %s: %s", path, why.text);

    return 0;
}

static int open_journal(struct agent_host *host, struct bl_error *err)
{
    struct bl_error why = {0};
    char path[512];
    int r;

    if (agent_ballast_find_room(host->state_dir, &why) < 0)
        sd_journal_print(LOG_CRIT, "The journal may not open: %s", why.text);
    r = snprintf(path, sizeof(path), "%s/agent/journal.db", host->state_dir);
    if (r < 0 || (size_t)r >= sizeof(path))
        return bl_fail(err, -ENAMETOOLONG, "'%s': name too long", host->state_dir);

    return agent_journal_open(path, &host->journal, err);
}

static int open_sockets(struct agent *agent, struct bl_error *err)
{
    char courier_path[108], rescue_path[108];
    struct agent_wire_config wire = {.path = courier_path};
    struct agent_rescue_config rescue = {.path = rescue_path};
    const char *run_dir = agent->host.run_dir;
    int r;

    r = find_ids(&wire.courier_uid, &wire.courier_gid, &rescue.gid, err);
    if (r < 0)
        return r;
    if (snprintf(courier_path, sizeof(courier_path), "%s/courier.sock", run_dir) >=
            (int)sizeof(courier_path) ||
        snprintf(rescue_path, sizeof(rescue_path), "%s/rescue.sock", run_dir) >=
            (int)sizeof(rescue_path))
        return bl_fail(err, -ENAMETOOLONG, "'%s': name too long", run_dir);
    r = bl_dir_make(AT_FDCWD, run_dir, 0755, err);
    if (r < 0)
        return r;
    agent->run_fd = bl_dir_open(AT_FDCWD, run_dir, err);
    if (agent->run_fd < 0)
        return agent->run_fd;

    r = agent_talk_new(&agent->host, &wire, &agent->talk, err);
    if (r < 0)
        return r;
    agent->handler = (struct agent_jobs_handler){
        .userdata = agent, .reported = on_reported, .reconnect = on_reconnect, .closed = on_closed};
    r = agent_jobs_new(&agent->host, &agent->handler, &agent->jobs, err);
    if (r < 0)
        return r;
    agent_talk_set_jobs(agent->talk, agent->jobs);

    return agent_rescue_new(&rescue, &agent->host, agent->jobs, agent->talk, &agent->rescue, err);
}

static int note_start(struct agent_host *host, struct bl_error *err)
{
    const struct agent_journal_row row = {.wall_ms = bl_wall_now().ms,
                                          .mono_ms = bl_mono_now().ms,
                                          .boot_id = host->boot_id,
                                          .what = "start",
                                          .reason = "belay-agent " BELAY_VERSION};

    int r = agent_journal_note(host->journal, &row, err);

    if (r == -ENOSPC) {
        /* The rescue socket must open all the same; a job that is open waits for room. */
        sd_journal_print(LOG_CRIT, "The start is not recorded: %s", err->text);
        return 0;
    }
    return r;
}

static int prepare(struct agent *agent, struct bl_error *err)
{
    struct agent_place place;
    sigset_t ends;
    int r;

    agent_place_read(&place);
    r = agent_place_check(&place, err);
    if (r < 0)
        return r;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    r = sigprocmask(SIG_BLOCK, &ends, NULL) < 0 ? -errno : sd_event_default(&agent->host.loop);
    if (r >= 0)
        r = sd_event_add_signal(agent->host.loop, NULL, SIGTERM, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_signal(agent->host.loop, NULL, SIGINT, NULL, NULL);
    if (r >= 0)
        r = sd_event_set_watchdog(agent->host.loop, /* b= */ true);
    if (r < 0)
        return bl_fail(err, r, "prepare the loop: %s", strerror(-r));

    r = proto_init(err);
    if (r >= 0)
        r = load_identity(&agent->host, err);
    if (r >= 0)
        r = open_journal(&agent->host, err);
    if (r >= 0)
        r = agent_heads_heed_join(&agent->host, err);
    if (r >= 0)
        r = note_start(&agent->host, err);
    if (r >= 0)
        r = agent_units_new(agent->host.loop, agent->places.manager, &agent->host.units, err);
    if (r >= 0)
        r = open_sockets(agent, err);
    if (r >= 0)
        r = agent_jobs_resume(agent->jobs, err);
    if (r >= 0)
        r = agent_ssh_watch_new(&agent->host, agent->jobs, &agent->ssh_watch, err);
    if (r >= 0)
        r = agent_forget_new(&agent->host, agent->jobs, &agent->forget, err);
    if (r >= 0)
        r = agent_tend_new(&agent->host, agent->jobs, &agent->tend, err);
    if (r >= 0) {
        mark_job(agent);
        agent_forget_look(agent->forget);
    }
    agent->host.figures = &agent->history;
    agent->figures_handler = (struct agent_figures_handler){agent, on_sampled};
    if (r >= 0)
        r = agent_figures_new(agent->host.loop, AGENT_FIGURES_EVERY_MS, &agent->figures_handler,
                              &agent->figures, err);

    return r;
}

static void release(struct agent *agent)
{
    agent->ssh_watch = agent_ssh_watch_free(agent->ssh_watch);
    agent->figures = agent_figures_free(agent->figures);
    agent->rescue = agent_rescue_free(agent->rescue);
    agent->tend = agent_tend_free(agent->tend);
    agent->forget = agent_forget_free(agent->forget);
    agent->jobs = agent_jobs_free(agent->jobs);
    agent->talk = agent_talk_free(agent->talk);
    agent->renewal = agent_units_drop(agent->renewal);
    agent->host.units = agent_units_free(agent->host.units);
    agent->host.journal = agent_journal_free(agent->host.journal);
    bl_close_fd(&agent->run_fd);
    agent->host.loop = sd_event_unref(agent->host.loop);
}

static int run(const struct options *options)
{
    struct agent agent = {.run_fd = -1};
    struct bl_error err = {0};
    int r;

    agent.places = agent_lease_places_default;
    agent.host.places = &agent.places;
    agent.host.state_dir = options->state_dir;
    agent.host.run_dir = options->run_dir;
    agent.host.config_dir = options->config_dir;
    r = prepare(&agent, &err);
    if (r >= 0) {
        (void)sd_notify(0, "READY=1");
        r = sd_event_loop(agent.host.loop);
        if (r < 0)
            (void)bl_fail(&err, r, "loop: %s", strerror(-r));
    }
    release(&agent);
    if (r < 0) {
        sd_journal_print(LOG_ERR, "belay-agent ends: %s (%s)", err.text, err.where);
        (void)fprintf(stderr, "belay-agent: %s\n", err.text);
        return EXIT_ERROR;
    }

    return r;
}

static int parse(int argc, char **argv, struct options *ret_options)
{
    static const struct option known[] = {
        {"state-dir", required_argument, NULL, 's'},  {"run-dir", required_argument, NULL, 'r'},
        {"config-dir", required_argument, NULL, 'd'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},          {NULL, 0, NULL, 0},
    };
    int c;

    *ret_options = (struct options){"/var/lib/belay", "/run/belay", "/etc/belay"};
    while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        if (c == 's') {
            ret_options->state_dir = optarg;
        } else if (c == 'r') {
            ret_options->run_dir = optarg;
        } else if (c == 'd') {
            ret_options->config_dir = optarg;
        } else if (c == 'h' || c == 'v') {
            (void)fputs(c == 'h' ? usage : "belay-agent " BELAY_VERSION "\n", stdout);
            return 1;
        } else
            return -EINVAL;
    }

    return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
    struct options options;
    int r;

    (void)umask(0077);
    if (argc > 1 && strcmp(argv[1], "join") == 0)
        return agent_join(argc - 1, argv + 1);

    r = parse(argc, argv, &options);
    if (r < 0)
        (void)fputs(usage, stderr);
    if (r != 0)
        return r > 0 ? EXIT_GOOD : EXIT_USAGE;

    return run(&options);
}
