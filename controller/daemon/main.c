/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "controller/daemon/check.h"
#include "controller/daemon/control.h"
#include "controller/daemon/engine.h"
#include "controller/daemon/log.h"

enum {
    EXIT_OK = 0,
    EXIT_OWN_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_UNUSABLE = 78, /* EX_CONFIG: another start can't help, so systemd tries none */
};

static const char usage[] =
    "Usage: belayd [--config FILE] [--check [--state-dir DIR]]\n"
    "Carries signed upgrade jobs to the hosts of a fleet and keeps the record.\n"
    "\n"
    "  --config FILE    read FILE instead of " CTL_CONFIG_PATH "\n"
    "  --check          look whether the state is whole and each rollout is what its events\n"
    "                   make of it, then exit: 0, or 1 with a line for each thing that is wrong\n"
    "  --state-dir DIR  look at this one\n"
    "  --help           print this and exit\n"
    "  --version        print the version and exit\n"
    "\n"
    "'belay init' writes the configuration and makes keys and store.\n";

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    ctl_log(CTL_LOG_NOTICE, "stopping on request; open rollouts go on with the next start");

    return sd_event_exit(sd_event_source_get_event(source), EXIT_OK);
}

static int catch_signals(sd_event *event, struct bl_error *err)
{
    sigset_t signals;
    int r;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    /* Before libzmq starts its threads, so that they have them blocked as well. */
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return bl_fail(err, -errno, "signals: %s", strerror(errno));
    r = sd_event_add_signal(event, NULL, SIGTERM, on_signal, NULL);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGINT, on_signal, NULL);
    if (r >= 0)
        r = sd_event_set_watchdog(event, 1);
    if (r < 0)
        return bl_fail(err, r, "event loop: %s", strerror(-r));

    return 0;
}

/* A connection is a descriptor: what the hard limit gives is used. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        ctl_log(CTL_LOG_WARNING, "limit of descriptors: %s", strerror(errno));
}

static int serve(struct ctl_engine *engine, sd_event *event, struct bl_error *err)
{
    struct ctl_control *control = NULL;
    int r = ctl_control_open(engine, &control, err);

    if (r < 0)
        return r;
    ctl_log(CTL_LOG_NOTICE, "belayd %s listens on %s and %s", BELAY_VERSION,
            ctl_link_endpoint(engine->link, CTL_LINK_FLEET),
            ctl_link_endpoint(engine->link, CTL_LINK_ENROLL));
    (void)sd_notify(0, "READY=1");
    r = sd_event_loop(event);
    (void)sd_notify(0, "STOPPING=1");
    (void)ctl_control_close(control);
    if (r < 0)
        return bl_fail(err, r, "event loop: %s", strerror(-r));

    return r;
}

static int run(const char *config_path, struct bl_error *err)
{
    struct ctl_engine *engine = NULL;
    struct ctl_config config;
    sd_event *event = NULL;
    int r;

    if (sodium_init() < 0)
        return bl_fail(err, -EIO, "libsodium can't be used");
    r = ctl_config_load(config_path, &config, err);
    if (r == -ENOENT)
        return bl_wrap(err, "run 'belay init' first");
    if (r < 0)
        return r;
    raise_descriptor_limit();
    r = sd_event_default(&event);
    if (r < 0)
        return bl_fail(err, r, "event loop: %s", strerror(-r));
    r = catch_signals(event, err);
    if (r >= 0)
        r = ctl_engine_open(&config, event, &engine, err);
    if (r >= 0)
        r = serve(engine, event, err);
    (void)ctl_engine_close(engine);
    (void)sd_event_unref(event);

    return r;
}

/* For people and for `belay restore`: nothing is listened on, nothing is changed. */
static int check(const char *config_path, const char *state_dir, struct bl_error *err)
{
    struct ctl_check_result result;
    struct ctl_config config;
    int r;

    if (sodium_init() < 0)
        return bl_fail(err, -EIO, "libsodium can't be used");
    if (state_dir == NULL) {
        r = ctl_config_load(config_path, &config, err);
        if (r < 0)
            return r;
        state_dir = config.state_dir;
    }
    r = ctl_check_state(state_dir, &result, err);
    if (r < 0)
        return r;
    (void)printf("%s: %llu hosts, %llu rollouts, %llu audit rows: %s\n", state_dir,
                 (unsigned long long)result.hosts_count, (unsigned long long)result.rollouts_count,
                 (unsigned long long)result.audit_rows_count,
                 result.problems_count == 0 ? "all is whole" : "not all is whole");

    return result.problems_count == 0 ? EXIT_OK : EXIT_OWN_ERROR;
}

static int say_usage(void)
{
    (void)fputs(usage, stderr);

    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},    {"check", no_argument, NULL, 'k'},
        {"state-dir", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},         {0},
    };
    const char *config_path = CTL_CONFIG_PATH, *state_dir = NULL;
    struct bl_error err = {0};
    bool is_check = false;
    int option, r;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout) < 0 ? EXIT_OWN_ERROR : EXIT_OK;
        if (option == 'v')
            return puts("belayd " BELAY_VERSION) < 0 ? EXIT_OWN_ERROR : EXIT_OK;
        if (option == 'c')
            config_path = optarg;
        else if (option == 'k')
            is_check = true;
        else if (option == 's')
            state_dir = optarg;
        else
            return say_usage();
    }
    if (optind != argc || (state_dir != NULL && !is_check))
        return say_usage();
    r = is_check ? check(config_path, state_dir, &err) : run(config_path, &err);
    if (r < 0)
        ctl_log(CTL_LOG_ERROR, "%s (%s)", err.text, err.where);

    if (r == -EUCLEAN && !is_check) {
        ctl_log(CTL_LOG_ERROR, "nothing was changed: 'belayd --check' tells what is wrong, 'belay "
                               "restore FILE --replace' takes back a backup");
        return EXIT_UNUSABLE;
    }

    return r < 0 ? EXIT_OWN_ERROR : r;
}
