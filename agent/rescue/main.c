/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/rescue/rescue.h"
#include "agent/rescue/show.h"
#include "common/file.h"

/*
 * belay-rescue: the emergency door, for the person at the host when controller and network are
 * gone. It asks one question and shows the answer. When nobody answers, it says which command gives
 * everything back without the agent.
 */
enum {
    EXIT_GOOD = 0,
    EXIT_ERROR = 1, /* the agent said no, or we could not ask */
    EXIT_USAGE = 2,
    EXIT_NO_AGENT = 7,
    ANSWER_MS = 30000,
};

static const char usage[] = "usage: belay-rescue COMMAND [--json] [--socket PATH]\n"
                            "\n"
                            "  status    the newest job of this host, and what is switched off\n"
                            "  unlock    give SSH back now\n"
                            "  cancel    end a job that has not changed anything yet\n"
                            "  revert    put this host back to its state before the job\n"
                            "  hold      stop the automatic way back until `release`\n"
                            "  release   allow it again\n"
                            "  log       what happened in the newest job\n"
                            "  audit     check the chain of this host's records\n"
                            "\n"
                            "  --json    one JSON document (status, log)\n"
                            "  --socket  another socket than /run/belay/rescue.sock\n";

static const char no_agent[] =
    "The agent does not answer. Without it these give back what a job has switched off:\n"
    "  systemctl start belay-lease@ssh_lock.service\n"
    "  systemctl start belay-lease@quiesce.service\n"
    "and this starts the agent again:\n"
    "  systemctl restart belay-agent.service\n";

struct options {
    const char *socket;
    uint32_t verb;
    bool json;
};

/* 0: go on; otherwise an exit code plus one. */
static int parse(int argc, char **argv, struct options *ret_options)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, 'j'},
        {"socket", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int c;

    *ret_options = (struct options){.socket = "/run/belay/rescue.sock"};
    while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        if (c == 'j') {
            ret_options->json = true;
        } else if (c == 's') {
            ret_options->socket = optarg;
        } else if (c == 'h' || c == 'v') {
            (void)fputs(c == 'h' ? usage : "belay-rescue " BELAY_VERSION "\n", stdout);
            return 1 + EXIT_GOOD;
        } else
            return 1 + EXIT_USAGE;
    }
    if (optind + 1 == argc)
        ret_options->verb = agent_rescue_verb_from_name(argv[optind]);
    if (ret_options->verb == 0 || (ret_options->json && ret_options->verb != AGENT_RESCUE_STATUS &&
                                   ret_options->verb != AGENT_RESCUE_LOG)) {
        (void)fputs(usage, stderr);
        return 1 + EXIT_USAGE;
    }

    return 0;
}

static int connect_agent(const char *path, int *ret_fd, struct bl_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    BL_AUTO_FD int fd = -1;

    if (strlen(path) >= sizeof(address.sun_path))
        return bl_fail(err, -ENAMETOOLONG, "'%s' is too long for a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return bl_fail(err, -errno, "%s: %s", path, strerror(errno));

    *ret_fd = BL_TAKE_FD(fd);
    return 0;
}

/* -EACCES is the person's own matter; everything else means that nobody answers. */
static int ask(const struct options *options, uint8_t *ret_data, size_t *ret_bytes,
               struct bl_error *err)
{
    const struct agent_rescue_request request = {AGENT_RESCUE_FORMAT, options->verb};
    PROTO_AUTO_BUFFER bytes = {0};
    BL_AUTO_FD int fd = -1;
    struct pollfd wait = {.events = POLLIN};
    ssize_t n;
    int r;

    r = proto_encode(&agent_rescue_request_schema, &request, &bytes, err);
    if (r >= 0)
        r = connect_agent(options->socket, &fd, err);
    if (r < 0)
        return r;
    if (send(fd, bytes.data, bytes.size_bytes, MSG_NOSIGNAL) < 0)
        return bl_fail(err, -errno, "ask: %s", strerror(errno));
    wait.fd = fd;
    r = poll(&wait, 1, ANSWER_MS);
    if (r <= 0)
        return bl_fail(err, r < 0 ? -errno : -ETIMEDOUT, "no answer");
    n = recv(fd, ret_data, AGENT_RESCUE_REPLY_BYTES_MAX, MSG_TRUNC);
    if (n <= 0)
        return bl_fail(err, n < 0 ? -errno : -ENODATA, "no answer");
    if ((size_t)n > AGENT_RESCUE_REPLY_BYTES_MAX)
        return bl_fail(err, -EMSGSIZE, "the answer is too long");

    *ret_bytes = (size_t)n;
    return 0;
}

int main(int argc, char **argv)
{
    static uint8_t data[AGENT_RESCUE_REPLY_BYTES_MAX];
    PROTO_AUTO_ARENA arena = {0};
    struct agent_rescue_reply reply;
    struct bl_error err = {0};
    struct options options;
    size_t bytes = 0;
    int r;

    r = parse(argc, argv, &options);
    if (r != 0)
        return r - 1;
    r = ask(&options, data, &bytes, &err);
    if (r == -EACCES || r == -EPERM) {
        (void)fprintf(stderr, "belay-rescue: %s. Only root and the group belay-rescue may.\n",
                      err.text);
        return EXIT_ERROR;
    }
    if (r < 0) {
        (void)fprintf(stderr, "belay-rescue: %s.\n%s", err.text, no_agent);
        return EXIT_NO_AGENT;
    }
    if (proto_decode(&agent_rescue_reply_schema, data, bytes, &arena, &reply, &err) < 0) {
        (void)fprintf(stderr, "belay-rescue: the agent's answer: %s\n", err.text);
        return EXIT_ERROR;
    }
    if (!reply.done) {
        (void)fprintf(stderr, "belay-rescue: %s\n", reply.text);
        return EXIT_ERROR;
    }
    agent_rescue_show(stdout, options.verb, options.json, &reply);

    return fflush(stdout) == 0 ? EXIT_GOOD : EXIT_ERROR;
}
