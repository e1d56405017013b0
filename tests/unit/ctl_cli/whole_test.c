/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/hex.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/fake_host.h"
#include "tests/unit/ctl_daemon/loopback.h"

/*
 * The real belay and the real belayd, each a process, with hosts that are real CURVE peers: from
 * `belay init` to a rollout that went well and one that went back. What one side says and the other
 * understands is tested nowhere else without booted machines.
 */

enum {
    HOSTS = 3,
    OUTPUT_BYTES_MAX = 256 * 1024,
    PATIENCE_MS = 60000,
};

struct setting {
    char directory[64], config[96], plan[96];
    char listen[LOOPBACK_BYTES], enroll_listen[LOOPBACK_BYTES];
    pid_t belayd;
    void *context;
    uint8_t server_key[PROTO_KEY_BYTES];
    struct fake_host hosts[HOSTS];
    char output[OUTPUT_BYTES_MAX]; /* standard output of the last belay */
};

static struct setting setting;

static void poll_hosts(void)
{
    for (unsigned i = 0; i < HOSTS; i++)
        (void)fake_host_poll(&setting.hosts[i]);
}

static pid_t start(const char *program, char *const *argv, int stdout_fd)
{
    pid_t pid = fork();

    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion leaves nothing behind */
        if (stdout_fd >= 0)
            (void)dup3(stdout_fd, STDOUT_FILENO, 0);
        (void)execv(program, argv);
        _exit(127);
    }
    assert_true(pid > 0);

    return pid;
}

/* Runs belay with --config and up to seven words; hosts answer meanwhile. Returns its exit code. */
static int belay(const char *const *words)
{
    char *argv[12] = {(char[]){"belay"}, (char[]){"--config"}, setting.config};
    struct bl_mono give_up = bl_mono_after(bl_mono_now(), PATIENCE_MS);
    BL_AUTO_FD int out = -1;
    size_t used = 0;
    int fds[2], status = 0, count = 3;
    pid_t pid;

    for (; *words != NULL; words++)
        argv[count++] = strdup(*words);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    out = fds[0];
    pid = start(BELAY, argv, fds[1]);
    assert_int_equal(close(fds[1]), 0);
    for (;;) {
        struct pollfd fd = {.fd = out, .events = POLLIN};
        ssize_t n = 1;

        poll_hosts();
        if (poll(&fd, 1, 2) > 0) {
            n = read(out, setting.output + used, sizeof(setting.output) - 1 - used);
            assert_true(n >= 0);
            used += (size_t)n;
        }
        if (n == 0)
            break;
        assert_false(bl_mono_reached(bl_mono_now(), give_up));
    }
    setting.output[used] = '\0';
    assert_int_equal(waitpid(pid, &status, 0), pid);
    for (int i = 3; i < count; i++)
        free(argv[i]);
    assert_true(WIFEXITED(status));

    return WEXITSTATUS(status);
}
#define BELAY_RUN(...) belay((const char *const[]){__VA_ARGS__, NULL})

static void wait_for_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct bl_mono give_up = bl_mono_after(bl_mono_now(), PATIENCE_MS);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    for (;;) {
        BL_AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
            return;
        assert_false(bl_mono_reached(bl_mono_now(), give_up));
        (void)poll(NULL, 0, 10);
    }
}

static void start_belayd(void)
{
    char socket_path[96];
    char *const argv[] = {(char[]){"belayd"}, (char[]){"--config"}, setting.config, NULL};

    setting.belayd = start(BELAYD, argv, -1);
    (void)snprintf(socket_path, sizeof(socket_path), "%s/sock", setting.directory);
    wait_for_socket(socket_path);
}

static void write_plan(void)
{
    static const char text[] =
        "plan: whole\nrisk: low\nhosts: { match: { role: web } }\n"
        "change: { packages: [ nginx ] }\nwaves: [ 1, rest ]\nsoak: 0s\nwatch: 0s\n";
    struct bl_error err = {0};
    BL_AUTO_FD int fd = bl_dir_open(AT_FDCWD, setting.directory, &err);

    assert_true(fd >= 0);
    assert_int_equal(bl_file_replace(fd, "plan.yaml", text, strlen(text), &err), 0);
}

/* A new connection, as a courier makes it, up to the controller's WELCOME. */
static void connect_hosts(void)
{
    struct bl_mono give_up = bl_mono_after(bl_mono_now(), PATIENCE_MS);

    for (unsigned i = 0; i < HOSTS; i++) {
        struct fake_host *host = &setting.hosts[i];
        unsigned welcomes = host->welcomes;

        fake_host_disconnect(host);
        fake_host_connect(host, setting.listen, setting.server_key);
        fake_host_hello(host);
        while (host->welcomes == welcomes) {
            poll_hosts();
            assert_false(bl_mono_reached(bl_mono_now(), give_up));
            (void)poll(NULL, 0, 2);
        }
    }
}

static void enroll(struct fake_host *host, const char *token_text,
                   const uint8_t server_key[PROTO_KEY_BYTES])
{
    struct bl_mono give_up = bl_mono_after(bl_mono_now(), PATIENCE_MS);
    uint8_t token[64];
    size_t token_bytes = 0, trust_bytes = 0;
    uint32_t outcome;

    assert_int_equal(strncmp(token_text, "belay1.", 7), 0);
    assert_int_equal(sodium_base642bin(token, sizeof(token), token_text + 7,
                                       strcspn(token_text + 7, "\n"), NULL, &token_bytes, NULL,
                                       sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                     0);
    assert_int_equal(token_bytes, 32);
    fake_host_connect(host, setting.enroll_listen, server_key);
    fake_host_send_enroll(host, token);
    while ((outcome = fake_host_take_enroll_reply(host, &trust_bytes)) == 0) {
        assert_false(bl_mono_reached(bl_mono_now(), give_up));
        (void)poll(NULL, 0, 2);
    }
    assert_int_equal(outcome, PROTO_ENROLL_ACCEPTED);
    assert_true(trust_bytes > 0);
    fake_host_disconnect(host);
}

static int set_up(void **state)
{
    char state_dir[96], socket_path[96], home[96], token[256];
    uint8_t *server_key = setting.server_key;
    struct bl_error err = {0};

    assert_true(sodium_init() >= 0);
    (void)snprintf(setting.directory, sizeof(setting.directory), "/tmp/belay-whole-XXXXXX");
    assert_non_null(mkdtemp(setting.directory));
    (void)snprintf(setting.config, sizeof(setting.config), "%s/c.yaml", setting.directory);
    (void)snprintf(setting.plan, sizeof(setting.plan), "%s/plan.yaml", setting.directory);
    (void)snprintf(state_dir, sizeof(state_dir), "%s/state", setting.directory);
    (void)snprintf(socket_path, sizeof(socket_path), "%s/sock", setting.directory);
    (void)snprintf(home, sizeof(home), "%s/desk", setting.directory);
    assert_int_equal(setenv("BELAY_HOME", home, 1), 0);
    assert_int_equal(setenv("BELAY_PASSPHRASE", "secret", 1), 0);
    assert_int_equal(unsetenv("BELAY_SOCKET"), 0);
    loopback_endpoint(setting.listen, LOOPBACK_FLEET_PORT);
    loopback_endpoint(setting.enroll_listen, LOOPBACK_ENROLL_PORT); /* what init makes of listen */
    write_plan();

    assert_int_equal(BELAY_RUN("init", "--listen", setting.listen, "--state-dir", state_dir,
                               "--socket", socket_path),
                     0);
    start_belayd();
    assert_int_equal(BELAY_RUN("keys", "new", "alice", "--role", "operator", "--kdf=interactive"),
                     0);
    assert_int_equal(BELAY_RUN("keys", "trust", "--kdf", "interactive"), 0);
    assert_int_equal(BELAY_RUN("enroll", "key"), 0);
    setting.output[2 * PROTO_KEY_BYTES] = '\0';
    assert_int_equal(bl_hex_decode(setting.output, server_key, PROTO_KEY_BYTES, &err), 0);
    assert_int_equal(BELAY_RUN("enroll", "token", "--uses", "3", "--label", "role=web"), 0);
    (void)snprintf(token, sizeof(token), "%.200s", setting.output);

    setting.context = zmq_ctx_new();
    for (unsigned i = 0; i < HOSTS; i++) {
        char name[] = {'w', 'e', 'b', '-', (char)('1' + i), '\0'};

        fake_host_init(&setting.hosts[i], setting.context, name);
        enroll(&setting.hosts[i], token, server_key);
    }
    connect_hosts();

    return 0;
}

static int tear_down(void **state)
{
    char *const argv[] = {(char[]){"rm"}, (char[]){"-rf"}, setting.directory, NULL};
    int status = 0;

    for (unsigned i = 0; i < HOSTS; i++)
        fake_host_disconnect(&setting.hosts[i]);
    (void)zmq_ctx_term(setting.context);
    assert_int_equal(kill(setting.belayd, SIGTERM), 0);
    assert_int_equal(waitpid(setting.belayd, &status, 0), setting.belayd);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    (void)waitpid(start("/bin/rm", argv, -1), &status, 0);

    return 0;
}

/* The first line of a run: the id alone. */
static void take_rollout(char ret_rollout[2 * PROTO_ROLLOUT_ID_BYTES + 1])
{
    uint8_t id[PROTO_ROLLOUT_ID_BYTES];
    struct bl_error err = {0};

    assert_int_equal(strcspn(setting.output, "\n"), 2 * PROTO_ROLLOUT_ID_BYTES);
    memcpy(ret_rollout, setting.output, 2 * PROTO_ROLLOUT_ID_BYTES);
    ret_rollout[2 * PROTO_ROLLOUT_ID_BYTES] = '\0';
    assert_int_equal(bl_hex_decode(ret_rollout, id, sizeof(id), &err), 0);
}

static json_t *parse_output(void)
{
    json_t *document = json_loads(setting.output, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(document);

    return document;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    assert_non_null(text);

    return text;
}

static void hosts_are_there(void **state)
{
    json_t *document;

    assert_int_equal(BELAY_RUN("ping"), 0);
    assert_non_null(strstr(setting.output, "3 of 3 hosts answered"));
    assert_int_equal(BELAY_RUN("hosts", "list", "--json", "--match", "role=web"), 0);
    document = parse_output();
    assert_int_equal(json_array_size(json_object_get(document, "hosts")), HOSTS);
    json_decref(document);
    assert_int_equal(BELAY_RUN("hosts", "label", "web-2", "zone=a"), 0);
    assert_int_equal(BELAY_RUN("hosts", "show", "web-2"), 0);
    assert_non_null(strstr(setting.output, "zone=a"));
}

static void a_good_rollout_ends_well(void **state)
{
    char rollout[2 * PROTO_ROLLOUT_ID_BYTES + 1];
    const json_t *host, *step;
    json_t *report;
    size_t i, j;

    assert_int_equal(BELAY_RUN("preview", setting.plan), 0);
    assert_non_null(strstr(setting.output, "3 hosts to change"));
    assert_int_equal(BELAY_RUN("run", setting.plan, "--yes"), 0);
    take_rollout(rollout);
    assert_int_equal(BELAY_RUN("status", rollout, "--wait"), 0);
    assert_non_null(strstr(setting.output, "complete"));
    assert_int_equal(BELAY_RUN("report", rollout, "--json"), 0);
    report = parse_output();
    assert_int_equal(json_array_size(json_object_get(report, "hosts")), HOSTS);
    json_array_foreach (json_object_get(report, "hosts"), i, host) {
        assert_string_equal(text_of(host, "end_state"), "committed");
        assert_true(json_is_null(json_object_get(host, "cause")));
        assert_true(json_array_size(json_object_get(host, "steps")) >= 4);
        json_array_foreach (json_object_get(host, "steps"), j, step)
            assert_int_equal(strlen(text_of(step, "start")), strlen("2026-11-21T06:40:00.123Z"));
    }
    json_decref(report);
    for (i = 0; i < HOSTS; i++)
        assert_int_equal(setting.hosts[i].proof_failures, 0);
    assert_int_equal(BELAY_RUN("report", rollout), 0);
    assert_non_null(strstr(setting.output, "3 committed"));
    assert_int_equal(BELAY_RUN("why", rollout), 0);
    assert_int_equal(BELAY_RUN("leases"), 0);
    assert_int_equal(BELAY_RUN("audit", "verify"), 0);
}

static void a_bad_version_stops_after_the_first_wave(void **state)
{
    char rollout[2 * PROTO_ROLLOUT_ID_BYTES + 1];
    unsigned reverted = 0, started = 0, starts_before = 0;
    const json_t *host;
    json_t *report;
    size_t i;

    for (i = 0; i < HOSTS; i++) {
        setting.hosts[i].end = FAKE_REVERTS;
        starts_before += setting.hosts[i].starts;
    }
    assert_int_equal(BELAY_RUN("run", setting.plan, "--yes", "--watch"), 3);
    take_rollout(rollout);
    assert_int_equal(BELAY_RUN("status", rollout), 0); /* a status that was read ends well */
    assert_int_equal(BELAY_RUN("report", rollout, "--json"), 0);
    report = parse_output();
    json_array_foreach (json_object_get(report, "hosts"), i, host) {
        if (strcmp(text_of(host, "end_state"), "reverted") != 0)
            continue;
        reverted++;
        assert_string_equal(text_of(json_object_get(host, "cause"), "code"), "service_down");
        assert_string_equal(text_of(host, "grade"), "functional");
    }
    json_decref(report);
    for (i = 0; i < HOSTS; i++)
        started += setting.hosts[i].starts;
    assert_int_equal(reverted, 1);
    assert_int_equal(started - starts_before, 1);
    assert_int_equal(BELAY_RUN("why", rollout), 0);
    assert_int_equal(BELAY_RUN("preview", setting.plan), 1); /* not a second time */
    assert_int_equal(BELAY_RUN("run", setting.plan, "--yes"), 1);
    assert_int_equal(BELAY_RUN("deny", "lift", "--rollout", rollout), 0);
    assert_int_equal(BELAY_RUN("preview", setting.plan), 0);
}

/* ---- what is printed as JSON is a promise, and so it is written down ---- */

static char *read_docs(void)
{
    static const char *const names[] = {"control.md", "json.md"};
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *memory = open_memstream(&text, &text_bytes);

    assert_non_null(memory);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        BL_AUTO_FREE char *page = NULL;
        struct bl_error err = {0};
        size_t page_bytes = 0;
        BL_AUTO_FD int fd = bl_dir_open(AT_FDCWD, DOCS, &err);

        assert_true(fd >= 0);
        assert_int_equal(bl_file_read(fd, names[i], 1 << 20, &page, &page_bytes, &err), 0);
        assert_int_equal(fwrite(page, 1, page_bytes, memory), page_bytes);
    }
    assert_int_equal(fclose(memory), 0);

    return text;
}

/* Keys that are names of something else: of labels, of states. */
static bool is_free(const char *key)
{
    return strcmp(key, "labels") == 0 || strcmp(key, "counts") == 0;
}

static void assert_documented(const json_t *value, const char *docs, const char *command)
{
    const json_t *item;
    json_t *field;
    const char *key;
    size_t i;

    json_array_foreach (value, i, item)
        assert_documented(item, docs, command);
    json_object_foreach ((json_t *)(uintptr_t)value, key, field) {
        char quoted[96];

        (void)snprintf(quoted, sizeof(quoted), "`%s`", key);
        if (strstr(docs, quoted) == NULL)
            fail_msg("'belay %s --json' prints the key '%s', and no page tells what it is", command,
                     key);
        if (!is_free(key))
            assert_documented(field, docs, command);
    }
}

static void every_key_that_is_printed_is_documented(void **state)
{
    static const char *const commands[][3] = {
        {"status"},
        {"status", "latest"},
        {"why"},
        {"why", "web-1"},
        {"report"},
        {"rollouts"},
        {"hosts", "list"},
        {"ping"},
        {"leases"},
        {"audit", "log"},
        {"audit", "verify"},
        {"keys", "list"},
        {"pause", "latest"},
        {"preview", NULL},
        {"hosts", "show", "web-1"},
    };
    BL_AUTO_FREE char *docs = read_docs();
    char rollout[2 * PROTO_ROLLOUT_ID_BYTES + 1];

    for (size_t i = 0; i < HOSTS; i++)
        setting.hosts[i].end = FAKE_REVERTS;
    assert_int_equal(BELAY_RUN("run", setting.plan, "--yes"), 0);
    take_rollout(rollout);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *second = strcmp(commands[i][0], "preview") == 0 ? setting.plan : commands[i][1];
        json_t *document;

        if (second == NULL)
            (void)BELAY_RUN("--json", commands[i][0]);
        else if (commands[i][2] == NULL)
            (void)BELAY_RUN("--json", commands[i][0], second);
        else
            (void)BELAY_RUN("--json", commands[i][0], second, commands[i][2]);
        if (setting.output[0] == '\0')
            continue; /* refused, as a pause that comes too late: nothing is printed */
        document = parse_output();
        assert_documented(document, docs, commands[i][0]);
        json_decref(document);
    }
    assert_int_equal(BELAY_RUN("status", rollout, "--wait"), 3);
    assert_int_equal(BELAY_RUN("--json", "report", rollout), 0);
    {
        json_t *report = parse_output();

        assert_true(json_array_size(json_object_get(report, "groups")) == 1);
        assert_documented(report, docs, "report");
        json_decref(report);
    }
}

static void one_command_takes_a_good_rollout_back(void **state)
{
    char rollout[2 * PROTO_ROLLOUT_ID_BYTES + 1];

    for (size_t i = 0; i < HOSTS; i++)
        setting.hosts[i].end = FAKE_COMMITS;
    assert_int_equal(BELAY_RUN("run", setting.plan, "--yes"), 0);
    take_rollout(rollout);
    assert_int_equal(BELAY_RUN("status", rollout, "--wait"), 0);
    assert_int_equal(BELAY_RUN("rollback", rollout), 0);
    assert_int_equal(BELAY_RUN("status", rollout, "--wait"), 5);
    assert_int_equal(BELAY_RUN("rollback", rollout), 0); /* safe to repeat */
    assert_int_equal(BELAY_RUN("status", rollout, "--wait"), 5);
    assert_int_equal(BELAY_RUN("run", setting.plan, "--yes"), 1);
    assert_int_equal(BELAY_RUN("deny", "lift", "nginx=2"), 0);
}

static void the_desk_outlives_a_killed_controller(void **state)
{
    char rollout[2 * PROTO_ROLLOUT_ID_BYTES + 1];
    int status = 0;

    for (size_t i = 0; i < HOSTS; i++)
        setting.hosts[i].end = FAKE_COMMITS;
    assert_int_equal(BELAY_RUN("run", setting.plan, "--yes"), 0);
    take_rollout(rollout);
    assert_int_equal(kill(setting.belayd, SIGKILL), 0);
    assert_int_equal(waitpid(setting.belayd, &status, 0), setting.belayd);
    assert_int_equal(BELAY_RUN("status", rollout), 7);
    start_belayd();
    connect_hosts();
    assert_int_equal(BELAY_RUN("status", rollout, "--wait"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_there),
        cmocka_unit_test(a_good_rollout_ends_well),
        cmocka_unit_test(a_bad_version_stops_after_the_first_wave),
        cmocka_unit_test(one_command_takes_a_good_rollout_back),
        cmocka_unit_test(the_desk_outlives_a_killed_controller),
        cmocka_unit_test(every_key_that_is_printed_is_documented),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
