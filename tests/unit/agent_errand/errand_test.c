/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/errand/run.h"
#include "common/file.h"
#include "common/program.h"
#include "tests/lib/unit.h"

/* A host's root directory below /tmp, with etc/hooks.d in it, and an errand's answer. */
struct room {
    char root[64], docker[96];
    int root_fd;
    struct agent_errand_places places;
    struct proto_arena arena;
    struct agent_errand_result result;
};

static void put(const struct room *room, const char *name, const char *text, mode_t mode)
{
    char path[256];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", room->root, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static int setup(void **state)
{
    struct room *room = calloc(1, sizeof(*room));

    (void)snprintf(room->root, sizeof(room->root), "/tmp/belay-errand.XXXXXX");
    assert_non_null(mkdtemp(room->root));
    room->root_fd = open(room->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(room->root_fd, "etc", 0755), 0);
    assert_int_equal(fchmodat(room->root_fd, "etc", 0755, 0), 0);
    assert_int_equal(mkdirat(room->root_fd, "etc/hooks.d", 0755), 0);
    assert_int_equal(fchmodat(room->root_fd, "etc/hooks.d", 0755, 0), 0);
    (void)snprintf(room->docker, sizeof(room->docker), "%s/docker", room->root);
    room->places = (struct agent_errand_places){.root_fd = room->root_fd,
                                                .root = room->root,
                                                .hooks = "etc/hooks.d",
                                                .owner = getuid(),
                                                .docker = room->docker,
                                                .podman = "/nowhere/podman"};
    *state = room;
    return 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    const char *const names[] = {"etc/hooks.d/h", "etc/hooks.d/link", "etc/link/h",
                                 "etc/link",      "etc/hooks.d",      "etc",
                                 "docker"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (unlinkat(room->root_fd, names[i], 0) < 0)
            (void)unlinkat(room->root_fd, names[i], AT_REMOVEDIR);
    }
    assert_int_equal(rmdir(room->root), 0);
    (void)close(room->root_fd);
    proto_arena_release(&room->arena);
    free(room);
    return 0;
}

static int check(const struct room *room, const char *folder, const char *name)
{
    struct bl_error err = {0};

    return bl_program_check(room->root_fd, folder, name, room->places.owner, &err);
}

static void run(struct room *room, const struct agent_errand_task *task)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};

    assert_int_equal(agent_errand_run(task, &room->places, &buffer, &err), 0);
    assert_int_equal(proto_decode(&agent_errand_result_schema, buffer.data, buffer.size_bytes,
                                  &room->arena, &room->result, &err),
                     0);
}

static const struct agent_errand_task hook_task = {.format = AGENT_ERRAND_FORMAT,
                                                   .what = AGENT_ERRAND_HOOK,
                                                   .hook = "h",
                                                   .rollout = "0011",
                                                   .plan = "p1",
                                                   .stage = "precheck",
                                                   .timeout_ms = 20000};

static void test_a_file_that_only_its_owner_can_change_is_a_hook(void **state)
{
    struct room *room = *state;

    put(room, "etc/hooks.d/h", "#!/bin/sh\n", 0755);
    assert_int_equal(check(room, "etc/hooks.d", "h"), 0);
    assert_int_equal(check(room, "etc/hooks.d", "other"), -ENOENT);
    put(room, "etc/hooks.d/h", "#!/bin/sh\n", 0700);
    assert_int_equal(check(room, "etc/hooks.d", "h"), 0);
}

static void test_what_others_could_change_is_refused(void **state)
{
    static const mode_t bad[] = {0775, 0757, 0777, 0644};
    struct room *room = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(room, "etc/hooks.d/h", "#!/bin/sh\n", bad[i]);
        assert_int_equal(check(room, "etc/hooks.d", "h"), -EPERM);
    }
    put(room, "etc/hooks.d/h", "#!/bin/sh\n", 0755);
    assert_int_equal(fchmodat(room->root_fd, "etc/hooks.d", 0775, 0), 0);
    assert_int_equal(check(room, "etc/hooks.d", "h"), -EPERM);
    assert_int_equal(fchmodat(room->root_fd, "etc/hooks.d", 0755, 0), 0);
    assert_int_equal(fchmodat(room->root_fd, "etc", 0777, 0), 0);
    assert_int_equal(check(room, "etc/hooks.d", "h"), -EPERM);
    assert_int_equal(fchmodat(room->root_fd, "etc", 0755, 0), 0);
    assert_int_equal(check(room, "etc/hooks.d", "h"), 0);
}

static void test_another_owner_is_refused(void **state)
{
    struct room *room = *state;
    struct bl_error err = {0};

    put(room, "etc/hooks.d/h", "#!/bin/sh\n", 0755);
    assert_int_equal(bl_program_check(room->root_fd, "etc/hooks.d", "h", getuid() + 1, &err),
                     -EPERM);
}

static void test_links_fifos_and_paths_are_refused(void **state)
{
    static const char *const names[] = {"../h", "a/b", "", "-h", ".h", "h h", "h;h"};
    struct room *room = *state;

    put(room, "etc/hooks.d/h", "#!/bin/sh\n", 0755);
    assert_int_equal(symlinkat("h", room->root_fd, "etc/hooks.d/link"), 0);
    assert_int_equal(check(room, "etc/hooks.d", "link"), -EPERM);
    assert_int_equal(symlinkat("hooks.d", room->root_fd, "etc/link"), 0);
    assert_true(check(room, "etc/link", "h") < 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(check(room, "etc/hooks.d", names[i]), -EPERM);
    assert_int_equal(unlinkat(room->root_fd, "etc/hooks.d/h", 0), 0);
    assert_int_equal(mkfifoat(room->root_fd, "etc/hooks.d/h", 0700), 0);
    assert_int_equal(check(room, "etc/hooks.d", "h"), -EPERM);
}

static void test_a_refused_hook_is_not_run_and_says_why(void **state)
{
    struct room *room = *state;

    put(room, "etc/hooks.d/h", "#!/bin/sh\necho never\n", 0775);
    run(room, &hook_task);
    assert_int_equal(room->result.end, AGENT_ERRAND_REFUSED);
    assert_non_null(strstr(room->result.line, "others than root can write to h"));
    assert_string_equal(room->result.output, "");
    put(room, "etc/hooks.d/h", "#!/nowhere/sh\n", 0755);
    run(room, &hook_task);
    assert_int_equal(room->result.end, AGENT_ERRAND_REFUSED);
}

static void test_a_hook_gets_a_clean_environment(void **state)
{
    struct room *room = *state;

    assert_int_equal(setenv("SECRET", "1", 1), 0);
    put(room, "etc/hooks.d/h",
        "#!/bin/sh\necho \"$#|$(cat)|$SECRET|$PATH|$BELAY_ROLLOUT|$BELAY_PLAN|$BELAY_STAGE\"\n",
        0755);
    run(room, &hook_task);
    assert_int_equal(room->result.end, AGENT_ERRAND_EXITED);
    assert_int_equal(room->result.status, 0);
    assert_string_equal(room->result.line, "0|||/usr/sbin:/usr/bin:/sbin:/bin|0011|p1|precheck");
}

static void test_status_and_last_line_come_back(void **state)
{
    struct room *room = *state;

    put(room, "etc/hooks.d/h",
        "#!/bin/sh\necho first\nprintf 'db \\033[31mis busy\\n\\n' >&2\nexit 21\n", 0755);
    run(room, &hook_task);
    assert_int_equal(room->result.end, AGENT_ERRAND_EXITED);
    assert_int_equal(room->result.status, 21);
    assert_string_equal(room->result.line, "db \\x1b[31mis busy");
    assert_non_null(strstr(room->result.output, "first\\n"));
}

static void test_a_signal_and_a_passed_time_limit_are_told(void **state)
{
    struct agent_errand_task task = hook_task;
    struct room *room = *state;
    int fd;

    put(room, "etc/hooks.d/h", "#!/bin/sh\nkill -TERM $$\n", 0755);
    run(room, &task);
    assert_int_equal(room->result.end, AGENT_ERRAND_KILLED);
    assert_int_equal(room->result.status, 15);

    /* It waits until somebody opens the FIFO, so that the test can end it. */
    put(room, "etc/hooks.d/h", "#!/bin/sh\necho waiting\nexec cat \"${0%/*}/link\"\n", 0755);
    assert_int_equal(mkfifoat(room->root_fd, "etc/hooks.d/link", 0600), 0);
    task.timeout_ms = 300;
    do { /* longer where its start alone takes as long */
        run(room, &task);
        /* Who has said nothing yet may die of SIGPIPE, and then never opens the FIFO. */
        fd = openat(room->root_fd, "etc/hooks.d/link",
                    O_WRONLY | O_CLOEXEC | (room->result.line[0] == '\0' ? O_NONBLOCK : 0));
        assert_true(fd >= 0 || room->result.line[0] == '\0');
        if (fd >= 0)
            (void)close(fd);
        assert_int_equal(room->result.end, AGENT_ERRAND_TIMED_OUT);
        task.timeout_ms *= 4;
    } while (room->result.line[0] == '\0' && task.timeout_ms < 60000);
    assert_string_equal(room->result.line, "waiting");
}

static void test_endless_output_is_cut(void **state)
{
    struct room *room = *state;

    put(room, "etc/hooks.d/h", "#!/bin/sh\nyes | head -c 1000000\necho end\n", 0755);
    run(room, &hook_task);
    assert_int_equal(room->result.end, AGENT_ERRAND_EXITED);
    assert_true(strlen(room->result.output) <= AGENT_ERRAND_OUTPUT_BYTES_MAX);
}

static void test_container_lines_are_read(void **state)
{
    static const struct {
        const char *line, *name;
        uint32_t state, health;
    } cases[] = {
        {"web\trunning\tUp 2 hours", "web", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTH_NONE},
        {"a.b_c-1\trunning\tUp 2 hours (healthy)", "a.b_c-1", AGENT_ERRAND_RUNNING,
         AGENT_ERRAND_HEALTHY},
        {"a\trunning\tUp 2 minutes (unhealthy)", "a", AGENT_ERRAND_RUNNING, AGENT_ERRAND_UNHEALTHY},
        {"a\trunning\tUp 2 seconds (health: starting)", "a", AGENT_ERRAND_RUNNING,
         AGENT_ERRAND_HEALTH_STARTING},
        {"a\trunning\tUp 2 seconds (starting)", "a", AGENT_ERRAND_RUNNING,
         AGENT_ERRAND_HEALTH_STARTING},
        {"a\texited\tExited (0) 3 days ago", "a", AGENT_ERRAND_NOT_RUNNING,
         AGENT_ERRAND_HEALTH_NONE},
        /* podman 4 */
        {"a\tUp 2 seconds ago (healthy)\tUp 2 seconds ago (healthy)", "a", AGENT_ERRAND_RUNNING,
         AGENT_ERRAND_HEALTHY},
        {"a\tUp Less than a second ago\tUp Less than a second ago", "a", AGENT_ERRAND_RUNNING,
         AGENT_ERRAND_HEALTH_NONE},
        {"a\tExited (137) 1 second ago\tExited (137) 1 second ago", "a", AGENT_ERRAND_NOT_RUNNING,
         AGENT_ERRAND_HEALTH_NONE},
        {"a\tpaused\tUp 1 hour (Paused)", "a", AGENT_ERRAND_NOT_RUNNING, AGENT_ERRAND_HEALTH_NONE},
    };
    static const char *const others[] = {
        "",           "WARNING: something", "a\trunning",       "a b\trunning\tUp",
        "a\tb\tc\td", "\trunning\tUp",      "a;b\trunning\tUp", "-a\trunning\tUp"};
    struct agent_errand_container container;
    char line[128];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(line, sizeof(line), "%s", cases[i].line);
        assert_int_equal(agent_errand_parse_container(line, &container), 1);
        assert_string_equal(container.name, cases[i].name);
        assert_int_equal(container.state, cases[i].state);
        assert_int_equal(container.health, cases[i].health);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        (void)snprintf(line, sizeof(line), "%s", others[i]);
        assert_int_equal(agent_errand_parse_container(line, &container), 0);
    }
}

static void test_engines_are_asked(void **state)
{
    static const struct agent_errand_task task = {
        .format = AGENT_ERRAND_FORMAT, .what = AGENT_ERRAND_CONTAINERS, .timeout_ms = 20000};
    struct room *room = *state;

    run(room, &task); /* neither is installed */
    assert_int_equal(room->result.containers_count, 0);
    assert_int_equal(room->result.silent_count, 0);

    put(room, "docker",
        "#!/bin/sh\n[ \"$*\" = \"ps --all --format {{.Names}}\t{{.State}}\t{{.Status}}\" ] || exit 9\n"
        "echo WARNING: old >&2\nprintf 'web\\trunning\\tUp 1 s (healthy)\\ndb\\texited\\tExited (1)\\n'\n",
        0755);
    run(room, &task);
    assert_int_equal(room->result.containers_count, 2);
    assert_string_equal(room->result.containers[0].name, "web");
    assert_int_equal(room->result.containers[0].engine, AGENT_ERRAND_DOCKER);
    assert_int_equal(room->result.containers[0].health, AGENT_ERRAND_HEALTHY);
    assert_int_equal(room->result.containers[1].state, AGENT_ERRAND_NOT_RUNNING);

    put(room, "docker", "#!/bin/sh\necho Cannot connect to the Docker daemon.\nexit 1\n", 0755);
    run(room, &task);
    assert_int_equal(room->result.containers_count, 0);
    assert_int_equal(room->result.silent_count, 1);
    assert_non_null(strstr(room->result.silent[0].why, "Cannot connect"));
}

/* Only what ran, is still there and does not run; a name is never an option. */
static void test_containers_that_ran_are_started_again(void **state)
{
    struct agent_errand_container before[] = {
        {AGENT_ERRAND_DOCKER, "web", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTH_NONE},
        {AGENT_ERRAND_DOCKER, "db", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTH_NONE},
        {AGENT_ERRAND_DOCKER, "old", AGENT_ERRAND_NOT_RUNNING, AGENT_ERRAND_HEALTH_NONE},
        {AGENT_ERRAND_DOCKER, "gone", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTH_NONE},
        {AGENT_ERRAND_DOCKER, "--rm", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTH_NONE},
        {AGENT_ERRAND_PODMAN, "old", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTH_NONE}};
    const struct agent_errand_task task = {.format = AGENT_ERRAND_FORMAT,
                                           .what = AGENT_ERRAND_REVIVE,
                                           .containers = before,
                                           .containers_count = 6,
                                           .timeout_ms = 20000};
    struct room *room = *state;
    char docker[512], path[256], started[128] = "";
    int fd;

    (void)snprintf(docker, sizeof(docker),
                   "#!/bin/sh\nif [ \"$1\" = ps ]; then printf "
                   "'web\\trunning\\tUp 1 s\\ndb\\texited\\tExited\\nold\\texited\\tExited\\n'\n"
                   "else echo \"$*\" >>%s/started; fi\n",
                   room->root);
    put(room, "docker", docker, 0755);
    run(room, &task);
    (void)snprintf(path, sizeof(path), "%s/started", room->root);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, started, sizeof(started) - 1) > 0);
    assert_string_equal(started, "start db\n");
    (void)close(fd);
    (void)unlink(path);
}

static void test_versions_are_found_in_what_tools_print(void **state)
{
    static const struct {
        const char *printed, *mark, *version;
    } cases[] = {
        {"Debian 'dpkg' package management program version 1.21.22 (amd64).\n", "program version ",
         "1.21.22"},
        {"apt 2.6.1 (amd64)\n", "apt ", "2.6.1"},
        {"4.14.0\n  Installed: dnf-0:4.14.0-1\n", "", "4.14.0"},
        {"systemd 252 (252.19-1~deb12u1)\n+PAM\n", "systemd ", "252"},
        {"unknown option -- V\nOpenSSH_8.4p1 Debian-5, OpenSSL 1.1.1\n", "OpenSSH_", "8.4"},
        {"no such thing\n", "apt ", ""},
        {"apt \n", "apt ", ""},
    };
    char version[AGENT_ERRAND_VERSION_BYTES_MAX + 1];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agent_errand_parse_version(cases[i].printed, cases[i].mark, version, sizeof(version));
        assert_string_equal(version, cases[i].version);
    }
}

static void test_disks_are_looked_at_and_tried(void **state)
{
    struct room *room = *state;
    const struct agent_errand_task task = {.format = AGENT_ERRAND_FORMAT,
                                           .what = AGENT_ERRAND_HOST,
                                           .state_dir = room->root,
                                           .timeout_ms = 20000};
    const struct agent_errand_disk *disk;

    run(room, &task);
    assert_true(room->result.disks_count >= 2);
    disk = &room->result.disks[room->result.disks_count - 1];
    assert_string_equal(disk->path, room->root);
    assert_int_equal(disk->failure, 0);
    assert_true(disk->free_bytes > 0);
    assert_string_equal(room->result.disks[0].path, "/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_file_that_only_its_owner_can_change_is_a_hook, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_others_could_change_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_owner_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_fifos_and_paths_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_refused_hook_is_not_run_and_says_why, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_hook_gets_a_clean_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status_and_last_line_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_signal_and_a_passed_time_limit_are_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_endless_output_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_container_lines_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_engines_are_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_containers_that_ran_are_started_again, setup,
                                        teardown),
        cmocka_unit_test(test_versions_are_found_in_what_tools_print),
        cmocka_unit_test_setup_teardown(test_disks_are_looked_at_and_tried, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
