/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "agent/courier/config.h"
#include "agent/courier/courier.h"
#include "agent/courier/join.h"

/*
 * belay-courier: carries frames between the controller and belay-agent, unopened. It holds the
 * host's CURVE key and nothing else that is worth taking, and needs no file but its
 * configuration and its key.
 */
enum {
    ENROLL_REQUEST_FD = 3,
};

enum {
    EXIT_GOOD = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
};

struct options {
    const char *config, *socket, *key;
    bool enroll;
};

static const char usage[] = "usage: belay-courier [--config FILE] [--socket PATH] [--key FILE]\n"
                            "       belay-courier --enroll        (the request on descriptor 3)\n";

static int parse(int argc, char **argv, struct options *ret_options)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"socket", required_argument, NULL, 's'},
        {"key", required_argument, NULL, 'k'},
        {"enroll", no_argument, NULL, 'e'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        if (c == 'c')
            ret_options->config = optarg;
        else if (c == 's')
            ret_options->socket = optarg;
        else if (c == 'k')
            ret_options->key = optarg;
        else if (c == 'e')
            ret_options->enroll = true;
        else if (c == 'v' || c == 'h') {
            (void)fputs(c == 'v' ? "belay-courier " BELAY_VERSION "\n" : usage, stdout);
            exit(EXIT_GOOD);
        } else
            return -EINVAL;
    }

    return optind == argc ? 0 : -EINVAL;
}

/* systemd hands the key over as a credential: only this unit sees it, and no disk holds a copy. */
static int load_key(const struct options *options, uint8_t *ret_key, struct bl_error *err)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_MAX];
    int r;

    if (options->key != NULL)
        return agent_config_load_key(options->key, ret_key, err);
    if (directory == NULL)
        return bl_fail(err, -EINVAL, "no --key, and no credential from systemd");
    r = snprintf(path, sizeof(path), "%s/curve.key", directory);
    if (r < 0 || (size_t)r >= sizeof(path))
        return bl_fail(err, -ENAMETOOLONG, "'%s': too long", directory);

    return agent_config_load_key(path, ret_key, err);
}

static int watch_signals(sd_event *event)
{
    static const int ends[] = {SIGTERM, SIGINT};
    sigset_t set;
    int r;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        (void)sigaddset(&set, ends[i]);
    /* Blocked before ZeroMQ makes its threads, which inherit it. */
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        r = sd_event_add_signal(event, NULL, ends[i], NULL, NULL);
        if (r < 0)
            return r;
    }

    return 0;
}

static int run_loop(const struct agent_link_config *link, const char *socket_path, sd_event *event,
                    struct bl_error *err)
{
    struct agent_courier *courier = NULL;
    int r;

    r = watch_signals(event);
    if (r >= 0)
        r = sd_event_set_watchdog(event, true);
    if (r < 0)
        return bl_fail(err, r, "event loop: %s", strerror(-r));
    r = agent_courier_new(link, socket_path, event, &courier, err);
    if (r < 0)
        return r;
    (void)sd_notify(/* unset_environment= */ 0, "READY=1");
    r = sd_event_loop(event);
    agent_courier_free(courier);
    if (r < 0)
        return bl_fail(err, r, "event loop: %s", strerror(-r));

    return 0;
}

static int run(const struct options *options, struct bl_error *err)
{
    struct agent_config config = {0};
    struct agent_link_config link = {.endpoint = config.endpoint,
                                     .message_bytes_max = PROTO_MESSAGE_BYTES_MAX};
    sd_event *event = NULL;
    int r;

    r = agent_config_load(options->config, &config, err);
    if (r < 0)
        return r;
    memcpy(link.server_key, config.server_key, sizeof(link.server_key));
    r = load_key(options, link.secret_key, err);
    if (r < 0)
        return r;
    r = sd_event_new(&event);
    if (r < 0)
        return bl_fail(err, r, "event loop: %s", strerror(-r));
    r = run_loop(&link, options->socket, event, err);
    explicit_bzero(link.secret_key, sizeof(link.secret_key));
    (void)sd_event_unref(event);

    return r;
}

int main(int argc, char **argv)
{
    struct options options = {.config = "/etc/belay/agent.yaml",
                              .socket = "/run/belay/courier.sock"};
    struct bl_error err = {0};
    int r;

    if (parse(argc, argv, &options) < 0) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    r = options.enroll ? agent_join_carry(ENROLL_REQUEST_FD, /* standard output */ 1, &err)
                       : run(&options, &err);
    if (r < 0) {
        /* Who asked to enrol reads this as text; otherwise it goes to the log. */
        (void)fprintf(stderr, "%sbelay-courier: %s\n", options.enroll ? "" : SD_ERR, err.text);
        return EXIT_ERROR;
    }

    return EXIT_GOOD;
}
