/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/setup.h"

#include <errno.h>
#include <sodium.h>
#include <sys/stat.h>

#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/temp.h"

static char dir[TEMP_BYTES];

static int make_dir(void **state)
{
    temp_make(dir);
    return 0;
}

static int remove_dir(void **state)
{
    temp_remove(dir);
    return 0;
}

static void prepare(struct ctl_setup_request *request, char *path, size_t path_bytes)
{
    (void)snprintf(path, path_bytes, "%s/etc/controller.yaml", dir);
    *request = (struct ctl_setup_request){.config_path = path};
    ctl_config_init(&request->config);
    (void)snprintf(request->config.listen, sizeof(request->config.listen), "tcp://127.0.0.1:7411");
    (void)snprintf(request->config.state_dir, sizeof(request->config.state_dir), "%s/state", dir);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static void test_creates_what_the_daemon_loads(void **state)
{
    struct ctl_setup_request request;
    struct ctl_setup_result result;
    struct ctl_config config;
    struct bl_error err = {0};
    struct stat status;
    uint8_t secret[PROTO_HOST_ID_BYTES], public_key[PROTO_HOST_ID_BYTES];
    char path[256], key_path[256];

    prepare(&request, path, sizeof(path));
    assert_int_equal(ctl_setup_create(&request, &result, &err), 0);
    assert_int_equal(ctl_config_load(path, &config, &err), 0);
    assert_string_equal(config.listen, "tcp://127.0.0.1:7411");
    assert_string_equal(config.enroll_listen, "tcp://127.0.0.1:7412");
    assert_string_equal(config.state_dir, request.config.state_dir);
    assert_string_equal(config.control_socket, CTL_CONFIG_CONTROL_SOCKET);
    assert_int_equal(ctl_setup_load_key(config.state_dir, secret, public_key, &err), 0);
    assert_memory_equal(public_key, result.public_key, sizeof(public_key));
    assert_false(sodium_is_zero(secret, sizeof(secret)));
    (void)snprintf(key_path, sizeof(key_path), "%.200s/%s", config.state_dir, CTL_SETUP_KEY_NAME);
    assert_int_equal(stat(key_path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(config.state_dir, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
}

static void test_overwrites_nothing(void **state)
{
    struct ctl_setup_request request;
    struct ctl_setup_result first, second;
    uint8_t secret[PROTO_HOST_ID_BYTES], public_key[PROTO_HOST_ID_BYTES];
    struct bl_error err = {0};
    char path[256], other[256];

    prepare(&request, path, sizeof(path));
    assert_int_equal(ctl_setup_create(&request, &first, &err), 0);
    assert_int_equal(ctl_setup_create(&request, &second, &err), -EEXIST);
    assert_non_null(strstr(err.text, path));
    (void)snprintf(other, sizeof(other), "%s/etc/other.yaml", dir);
    request.config_path = other; /* another configuration must not take over the key */
    assert_int_equal(ctl_setup_create(&request, &second, &err), -EEXIST);
    assert_int_equal(access(other, F_OK), -1);
    assert_int_equal(ctl_setup_load_key(request.config.state_dir, secret, public_key, &err), 0);
    assert_memory_equal(public_key, first.public_key, sizeof(public_key));
}

static void test_can_be_tried_again_after_it_failed(void **state)
{
    struct ctl_setup_request request;
    struct ctl_setup_result result;
    struct bl_error err = {0};
    char path[256], file[256];

    prepare(&request, path, sizeof(path));
    (void)snprintf(file, sizeof(file), "%s/etc", dir); /* where a directory is to be */
    assert_int_equal(symlink("nowhere", file), 0);
    assert_true(ctl_setup_create(&request, &result, &err) < 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(ctl_setup_create(&request, &result, &err), 0);
}

static void test_config_errors_name_line_and_suggestion(void **state)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"listen: tcp://127.0.0.1:7311\nstate_dri: /x\n", ":2: "},
        {"listen: tcp://127.0.0.1:7311\nstate_dri: /x\n", "did you mean 'state_dir'?"},
        {"listen: 127.0.0.1:7311\n", "'listen' must be tcp://ADDRESS:PORT"},
        {"listen: tcp://127.0.0.1:77777\n", "is no port"},
        {"listen: tcp://127.0.0.1:65535\n", "no port after"},
        {"listen: [a, b]\n", "must be one value"},
        {"state_dir: relative\n", "'state_dir' must begin with"},
        {"socket_group: 'a b'\n", "is no group name"},
        {"listen: tcp://*:9\nenroll_listen: tcp://*:9\n", "must differ"},
    };
    struct ctl_config config;
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/controller.yaml", dir);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bl_error err = {0};

        write_text(path, cases[i].text);
        assert_int_equal(ctl_config_load(path, &config, &err), -EINVAL);
        if (strstr(err.text, cases[i].wanted) == NULL)
            fail_msg("'%s' does not contain '%s'", err.text, cases[i].wanted);
    }
}

static void test_refuses_text_that_would_change_the_file(void **state)
{
    struct ctl_setup_request request;
    struct ctl_setup_result result;
    struct bl_error err = {0};
    char path[256];

    prepare(&request, path, sizeof(path));
    (void)snprintf(request.config.control_socket, sizeof(request.config.control_socket),
                   "/run/x\"\nlisten: tcp://0:1");
    assert_int_equal(ctl_setup_create(&request, &result, &err), -EINVAL);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_damaged_key_is_told(void **state)
{
    uint8_t secret[PROTO_HOST_ID_BYTES], public_key[PROTO_HOST_ID_BYTES];
    struct bl_error err = {0};
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, CTL_SETUP_KEY_NAME);
    write_text(path, "0123\n");
    assert_int_equal(ctl_setup_load_key(dir, secret, public_key, &err), -EUCLEAN);
    write_text(path, "");
    assert_int_equal(ctl_setup_load_key(dir, secret, public_key, &err), -EUCLEAN);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ctl_setup_load_key(dir, secret, public_key, &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_creates_what_the_daemon_loads, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_overwrites_nothing, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_can_be_tried_again_after_it_failed, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(test_config_errors_name_line_and_suggestion, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(test_refuses_text_that_would_change_the_file, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(test_damaged_key_is_told, make_dir, remove_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
