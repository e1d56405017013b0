/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/courier/config.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/lib/unit.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void write_file(char path[32], const char *text)
{
    int fd;

    (void)snprintf(path, 32, "/tmp/belay-config.XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static int load(const char *text, struct agent_config *config, struct bl_error *err)
{
    char path[32];
    int r;

    write_file(path, text);
    r = agent_config_load(path, config, err);
    (void)unlink(path);

    return r;
}

static int load_key(const char *text, uint8_t *key)
{
    struct bl_error err = {0};
    char path[32];
    int r;

    write_file(path, text);
    r = agent_config_load_key(path, key, &err);
    (void)unlink(path);
    /* An error about a key must not carry any of it. */
    if (r < 0)
        assert_null(strstr(err.text, "0011"));

    return r;
}

static void test_reads_endpoint_and_key_and_leaves_the_rest(void **state)
{
    struct agent_config config;
    struct bl_error err = {0};

    assert_int_equal(load("controller: tcp://198.18.0.1:7311\ncontroller_key: \"" KEY
                          "\"\nname: web1\n",
                          &config, &err),
                     0);
    assert_string_equal(config.endpoint, "tcp://198.18.0.1:7311");
    assert_int_equal(config.server_key[0], 0x00);
    assert_int_equal(config.server_key[31], 0xff);
}

static void test_bad_files_are_named_with_their_line(void **state)
{
    struct agent_config config;
    struct bl_error err = {0};

    assert_true(load("controller: tcp://h:1\n", &config, &err) < 0);
    assert_non_null(strstr(err.text, "controller_key"));
    assert_true(load("controller: ipc:///x\ncontroller_key: " KEY "\n", &config, &err) < 0);
    assert_non_null(strstr(err.text, ":1:"));
    assert_true(load("controller: tcp://h:1\ncontroller_key: 12\n", &config, &err) < 0);
    assert_non_null(strstr(err.text, ":2:"));
    assert_true(load("controller: [a]\ncontroller_key: " KEY "\n", &config, &err) < 0);
    assert_true(load("", &config, &err) < 0);
}

static void test_key_files_are_exact(void **state)
{
    uint8_t key[PROTO_KEY_BYTES];

    assert_int_equal(load_key(KEY "\n", key), 0);
    assert_int_equal(key[1], 0x11);
    assert_int_equal(load_key(KEY, key), 0);
    assert_true(load_key("", key) < 0);
    assert_true(load_key(KEY "0\n", key) < 0);
    assert_true(load_key("0011223344\n", key) < 0);
    assert_true(load_key(KEY "\n\n", key) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_endpoint_and_key_and_leaves_the_rest),
        cmocka_unit_test(test_bad_files_are_named_with_their_line),
        cmocka_unit_test(test_key_files_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
