/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/join.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/courier/enroll.h"
#include "agent/lease/manager.h"
#include "agent/root/facts.h"
#include "agent/root/heads.h"
#include "agent/root/place.h"
#include "agent/root/setup.h"
#include "agent/root/trust.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/spawn.h"
#include "common/text.h"
#include "proto/trust.h"

enum {
    EXIT_GOOD = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 7,
    ASK_MS = 15 * 1000,              /* one question; asked again while we are pending */
    COURIER_MS = ASK_MS + 10 * 1000, /* the courier's own end is awaited so long */
    START_MS = 60 * 1000,
    ANCHOR_BYTES = 16,
};

#define TOKEN_PREFIX "belay1."

struct options {
    const char *controller, *controller_key, *enroll, *token;
    const char *state_dir, *run_dir, *config_dir, *courier;
    bool force, new_key, no_start;
};

struct join {
    struct options options;
    char enroll[AGENT_ENROLL_ENDPOINT_BYTES_MAX + 1];
    uint8_t server_key[PROTO_KEY_BYTES];
    uint8_t token[PROTO_TOKEN_BYTES];
    uint8_t anchor[ANCHOR_BYTES]; /* valid with a token */
    uint8_t id[PROTO_HOST_ID_BYTES];
    uint8_t secret[PROTO_KEY_BYTES];
};

static const char usage[] =
    "usage: belay-agent join --controller tcp://ADDRESS:PORT --controller-key KEY [--token TOKEN]\n"
    "\n"
    "  --controller      where hosts reach the controller\n"
    "  --controller-key  its public key, 64 hex digits\n"
    "  --token           from `belay enroll token`; without it somebody must approve this host\n"
    "  --enroll          the enrolment socket, when it is not the controller's port plus one\n"
    "  --force           join again though this host has joined already; keeps its key\n"
    "  --new-key         join with a new key, as another host: on the copy of a machine, or when\n"
    "                    the key was revoked\n"
    "  --no-start        write everything, start nothing\n"
    "  --state-dir, --run-dir, --config-dir DIR\n";

/* ---- options ----------------------------------------------------------------------------- */

static int parse(int argc, char **argv, struct options *ret_options)
{
    static const struct option known[] = {
        {"controller", required_argument, NULL, 'c'},
        {"controller-key", required_argument, NULL, 'k'},
        {"enroll", required_argument, NULL, 'e'},
        {"token", required_argument, NULL, 't'},
        {"state-dir", required_argument, NULL, 's'},
        {"run-dir", required_argument, NULL, 'r'},
        {"config-dir", required_argument, NULL, 'd'},
        {"courier", required_argument, NULL, 'p'},
        {"force", no_argument, NULL, 'f'},
        {"new-key", no_argument, NULL, 'w'},
        {"no-start", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options *o = ret_options;
    const char **texts[] = {['c'] = &o->controller, ['k'] = &o->controller_key, ['e'] = &o->enroll,
                            ['t'] = &o->token,      ['s'] = &o->state_dir,      ['r'] = &o->run_dir,
                            ['d'] = &o->config_dir, ['p'] = &o->courier};
    int c;

    *o = (struct options){.state_dir = "/var/lib/belay",
                          .run_dir = "/run/belay",
                          .config_dir = "/etc/belay",
                          .courier = BELAY_LIBEXEC_DIR "/belay-courier"};
    optind = 0;
    while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        if (c == 'f') {
            o->force = true;
        } else if (c == 'w') {
            o->new_key = true;
        } else if (c == 'n') {
            o->no_start = true;
        } else if (c == 'h') {
            return 1;
        } else if (c == '?') {
            return -EINVAL;
        } else {
            *texts[c] = optarg;
        }
    }

    return optind == argc && o->controller != NULL && o->controller_key != NULL ? 0 : -EINVAL;
}

/* tcp://HOST:7311 -> tcp://HOST:7312 */
static int next_port(const char *controller, char *ret_enroll, size_t size_bytes,
                     struct bl_error *err)
{
    const char *colon = strrchr(controller, ':');
    uint64_t port = 0;
    int r;

    if (strncmp(controller, "tcp://", strlen("tcp://")) != 0 || colon == NULL ||
        bl_text_to_u64(colon + 1, UINT16_MAX - 1, &port, err) < 0 || port == 0)
        return bl_fail(err, -EINVAL, "--controller '%s' is not tcp://ADDRESS:PORT", controller);
    r = bl_text_format(ret_enroll, size_bytes, "%.*s:%llu", (int)(colon - controller), controller,
                       (unsigned long long)port + 1);
    if (r < 0)
        return bl_fail(err, r, "--controller is too long");

    return 0;
}

static int read_token(const char *text, struct join *join, struct bl_error *err)
{
    uint8_t bytes[PROTO_TOKEN_BYTES + ANCHOR_BYTES];
    size_t count = 0;

    if (strncmp(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) != 0 ||
        sodium_base642bin(bytes, sizeof(bytes), text + strlen(TOKEN_PREFIX),
                          strlen(text) - strlen(TOKEN_PREFIX), NULL, &count, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        count != sizeof(bytes)) {
        return bl_fail(err, -EINVAL,
                       "--token is not a whole token (they begin with " TOKEN_PREFIX ")");
    }
    memcpy(join->token, bytes, PROTO_TOKEN_BYTES);
    memcpy(join->anchor, bytes + PROTO_TOKEN_BYTES, ANCHOR_BYTES);
    explicit_bzero(bytes, sizeof(bytes));

    return 0;
}

static int check_options(struct join *join, struct bl_error *err)
{
    const struct options *o = &join->options;
    int r;

    r = next_port(o->controller, join->enroll, sizeof(join->enroll), err);
    if (r >= 0 && o->enroll != NULL) {
        r = bl_text_format(join->enroll, sizeof(join->enroll), "%s", o->enroll);
        if (r < 0)
            return bl_fail(err, r, "--enroll is too long");
    }
    if (r >= 0 && bl_hex_decode(o->controller_key, join->server_key, PROTO_KEY_BYTES, err) < 0) {
        r = bl_fail(err, -EINVAL, "--controller-key is not %d lower-case hex digits",
                    2 * PROTO_KEY_BYTES);
    }
    if (r >= 0 && o->token != NULL)
        r = read_token(o->token, join, err);

    return r < 0 ? r : 0;
}

/* ---- asking the controller --------------------------------------------------------------- */

static int encode_request(const struct join *join, struct proto_buffer *request,
                          struct bl_error *err)
{
    struct agent_enroll_request record = {.endpoint = join->enroll, .wait_ms = ASK_MS};
    struct proto_message message = {.kind = PROTO_ENROLL};
    PROTO_AUTO_BUFFER bytes = {0};
    struct agent_facts facts;
    int r;

    agent_facts_read(&facts);
    message.enroll = (struct proto_enroll){.host_name = facts.host_name,
                                           .os_id = facts.os_id,
                                           .os_version = facts.os_version,
                                           .arch = facts.arch,
                                           .agent_version = BELAY_VERSION};
    memcpy(message.enroll.token, join->token, sizeof(message.enroll.token));
    r = proto_message_encode(&message, &bytes, err);
    if (r < 0)
        return r;
    memcpy(record.server_key, join->server_key, sizeof(record.server_key));
    memcpy(record.secret_key, join->secret, sizeof(record.secret_key));
    record.message = (struct proto_bytes){bytes.data, bytes.size_bytes};
    r = proto_encode(&agent_enroll_request_schema, &record, request, err);
    explicit_bzero(&record, sizeof(record));

    return r;
}

/* A pipe that holds the whole request, so that nobody has to write while the courier runs. */
static int make_request_pipe(const struct join *join, int *ret_fd, struct bl_error *err)
{
    PROTO_AUTO_BUFFER request = {0};
    BL_AUTO_FD int read_fd = -1;
    BL_AUTO_FD int write_fd = -1;
    int fds[2], r;

    r = encode_request(join, &request, err);
    if (r < 0)
        return r;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return bl_fail(err, -errno, "make a pipe: %s", strerror(errno));
    read_fd = fds[0];
    write_fd = fds[1];
    r = bl_fd_write(write_fd, request.data, request.size_bytes, err);
    explicit_bzero(request.data, request.size_bytes);
    if (r < 0)
        return r;

    *ret_fd = BL_TAKE_FD(read_fd);
    return 0;
}

/* The courier runs as its own user: the root side opens no socket, not even once. */
static int run_courier(const struct join *join, struct bl_child *child, struct bl_error *err)
{
    const char *const argv[] = {join->options.courier, "--enroll", NULL};
    const struct passwd *user = getpwnam("belay-courier");
    BL_AUTO_FD int request_fd = -1;
    struct bl_spawn spawn = {.argv = argv,
                             .capture_bytes = PROTO_MESSAGE_BYTES_MAX,
                             .extra_fds = &request_fd,
                             .extra_fd_count = 1};
    struct bl_exit end;
    int r;

    if (user == NULL)
        return bl_fail(err, -ENOENT, "there is no user belay-courier: install the package first");
    spawn.uid = user->pw_uid;
    spawn.gid = user->pw_gid;
    r = make_request_pipe(join, &request_fd, err);
    if (r >= 0)
        r = bl_spawn_start(&spawn, child, err);
    if (r >= 0)
        r = bl_spawn_wait(child, COURIER_MS, &end, err);
    if (r < 0)
        return r;
    if (end.status != 0) {
        char why[160];

        bl_text_escape(why, sizeof(why), child->output, child->output_bytes);
        return bl_fail(err, -EHOSTUNREACH, "%s", why[0] != '\0' ? why : "the courier failed");
    }

    return 0;
}

static int ask_once(const struct join *join, struct proto_arena *arena,
                    struct proto_enroll_reply *ret_reply, struct bl_error *err)
{
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct proto_message message;
    int r;

    r = run_courier(join, &child, err);
    if (r < 0)
        return r;
    r = proto_message_decode(child.output, child.output_bytes, arena, &message, err);
    if (r < 0)
        return bl_wrap(err, "the controller's answer");
    if (message.kind != PROTO_ENROLL_REPLY)
        return bl_fail(err, -EPROTO, "the controller answered something else");

    *ret_reply = message.enroll_reply;
    return 0;
}

/* Until the controller has decided. */
static int ask(const struct join *join, struct proto_arena *arena,
               struct proto_enroll_reply *ret_reply, struct bl_error *err)
{
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];
    int r;

    bl_hex_encode(join->id, sizeof(join->id), id);
    if (join->options.token == NULL) {
        (void)fprintf(stderr,
                      "This host waits for approval. Compare its id, then say on the controller:\n"
                      "  belay hosts approve %s\n",
                      id);
    }
    for (;;) {
        r = ask_once(join, arena, ret_reply, err);
        if (r < 0)
            return r;
        if (ret_reply->outcome == PROTO_ENROLL_REFUSED)
            return bl_fail(err, -EACCES, "the controller refused: %s", ret_reply->reason);
        if (ret_reply->outcome == PROTO_ENROLL_ACCEPTED)
            return 0;
    }
}

/* ---- what comes of it -------------------------------------------------------------------- */

static int check_trust(const struct join *join, const struct proto_enroll_reply *reply,
                       struct bl_error *err)
{
    uint8_t anchor[PROTO_HASH_BYTES];
    char text[BL_HEX_BYTES(ANCHOR_BYTES)];
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust trust;
    int r;

    r = proto_trust_open(reply->trust.data, reply->trust.size_bytes, &arena, &trust, err);
    if (r < 0)
        return bl_wrap(err, "the trust file from the controller");
    proto_trust_anchor(&trust, anchor);
    if (join->options.token != NULL && memcmp(anchor, join->anchor, ANCHOR_BYTES) != 0) {
        return bl_fail(err, -EKEYREJECTED,
                       "the controller sent another trust file than the one that the token was "
                       "made for; this host does not join");
    }
    bl_hex_encode(anchor, ANCHOR_BYTES, text);
    if (join->options.token == NULL) {
        (void)fprintf(stderr,
                      "Without a token the trust file is believed because the controller's key "
                      "is. Its anchor: %s\n",
                      text);
    }

    return 0;
}

static int write_files(const struct join *join, const struct proto_enroll_reply *reply,
                       struct bl_error *err)
{
    const struct options *o = &join->options;
    BL_AUTO_FD int dir_fd = -1;
    char yaml[512];
    int r;

    r = bl_dir_make(AT_FDCWD, o->config_dir, 0755, err);
    if (r < 0)
        return r;
    dir_fd = bl_dir_open(AT_FDCWD, o->config_dir, err);
    if (dir_fd < 0)
        return dir_fd;
    r = bl_text_format(yaml, sizeof(yaml),
                       "# Written by `belay-agent join`.\ncontroller: %s\ncontroller_key: %s\n",
                       o->controller, o->controller_key);
    if (r < 0)
        return bl_fail(err, r, "the configuration is too long");
    r = bl_file_replace_mode(dir_fd, AGENT_TRUST_NAME, reply->trust.data, reply->trust.size_bytes,
                             0644, err);
    /* Only then: until here it may be all that says who was revoked. */
    if (r >= 0)
        r = agent_trust_forget(o->state_dir, err);
    if (r >= 0)
        r = agent_heads_note_join(o->state_dir, err);
    /* The configuration comes last: with it this host has joined. */
    if (r >= 0)
        r = bl_file_replace_mode(dir_fd, "agent.yaml", yaml, strlen(yaml), 0644, err);

    return r;
}

static int start_services(struct bl_error *err)
{
    static const char *const units[] = {"belay-agent.service", "belay-courier.service"};
    /* Only at a boot: there it looks after what the boot before left switched off. */
    static const char at_boot[] = "belay-lease-boot.service";
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    r = agent_manager_open(&agent_lease_places_default, &bus, err);
    if (r < 0)
        return r;
    r = sd_bus_call_method(bus, AGENT_MANAGER_NAME, AGENT_MANAGER_PATH, AGENT_MANAGER_INTERFACE,
                           "EnableUnitFiles", &error, NULL, "asbb", 3, units[0], units[1], at_boot,
                           0, 1);
    if (r < 0)
        r = bl_fail(err, r, "enable the services: %s", error.message);
    sd_bus_error_free(&error);
    if (r >= 0)
        r = agent_manager_reread(bus, err);
    /* A former membership's processes hold the former files. */
    for (size_t i = 2; r >= 0 && i > 0; i--)
        r = agent_manager_run(bus, "StopUnit", units[i - 1], START_MS, err);
    for (size_t i = 0; r >= 0 && i < 2; i++)
        r = agent_manager_run(bus, "StartUnit", units[i], START_MS, err);
    if (r < 0)
        return bl_wrap(err, "the host has joined, but its services did not start");

    return 0;
}

static int check_may_join(const struct options *o, struct bl_error *err)
{
    char path[512];
    int r;

    r = bl_text_format(path, sizeof(path), "%s/agent.yaml", o->config_dir);
    if (r >= 0)
        r = bl_file_exists(AT_FDCWD, path, err);
    if (r > 0 && !o->force) {
        return bl_fail(err, -EEXIST, "this host has joined already (%s); --force joins again",
                       path);
    }
    if (r >= 0)
        r = bl_text_format(path, sizeof(path), "%s/job-open", o->run_dir);
    if (r >= 0)
        r = bl_file_exists(AT_FDCWD, path, err);
    if (r > 0)
        return bl_fail(err, -EBUSY, "a job is open on this host; `belay-rescue status` shows it");

    return r;
}

static int do_join(struct join *join, struct bl_error *err)
{
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];
    struct proto_enroll_reply reply = {0};
    PROTO_AUTO_ARENA arena = {0};
    int r;

    r = check_may_join(&join->options, err);
    if (r >= 0)
        r = agent_setup_make_key(join->options.state_dir,
                                 join->options.new_key ? AGENT_SETUP_KEY_NEXT
                                                       : AGENT_SETUP_KEY_PRESENT,
                                 join->id, join->secret, err);
    if (r >= 0)
        r = ask(join, &arena, &reply, err);
    if (r >= 0)
        r = check_trust(join, &reply, err);
    if (r >= 0)
        r = write_files(join, &reply, err);
    /* Only now that it is enrolled: until here the host can go on with the key that it has. */
    if (r >= 0 && join->options.new_key)
        r = agent_setup_adopt_key(join->options.state_dir, err);
    if (r >= 0 && !join->options.no_start)
        r = start_services(err);
    if (r < 0)
        return r;

    bl_hex_encode(join->id, sizeof(join->id), id);
    (void)printf("This host has joined as %s.\n", id);
    return 0;
}

int agent_join(int argc, char **argv)
{
    struct bl_error err = {0};
    struct join join = {0};
    struct agent_place place;
    int r;

    r = parse(argc, argv, &join.options);
    if (r != 0) {
        (void)fputs(usage, r > 0 ? stdout : stderr);
        return r > 0 ? EXIT_GOOD : EXIT_USAGE;
    }
    r = proto_init(&err);
    if (r >= 0) {
        r = check_options(&join, &err);
        if (r < 0) {
            (void)fprintf(stderr, "belay-agent join: %s\n", err.text);
            return EXIT_USAGE;
        }
        agent_place_read(&place);
        r = agent_place_check(&place, &err);
        if (r >= 0)
            r = do_join(&join, &err);
    }
    explicit_bzero(&join, sizeof(join));
    if (r < 0) {
        (void)fprintf(stderr, "belay-agent join: %s\n", err.text);
        return r == -EHOSTUNREACH || r == -ETIMEDOUT ? EXIT_UNREACHABLE : EXIT_ERROR;
    }

    return EXIT_GOOD;
}
