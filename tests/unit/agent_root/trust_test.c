/* SPDX-License-Identifier: Apache-2.0 */
/* Trust files on a host: each follows the one before, and nothing leads back. */
#include "agent/root/trust.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/agent_root/trust_file.h"

struct host {
    char config[64], state[64], agent[80];
};

static int set_up(void **state)
{
    struct host *host = calloc(1, sizeof(*host));
    PROTO_AUTO_BUFFER joined = {0};
    struct bl_error err = {0};

    assert_non_null(host);
    assert_int_equal(proto_init(&err), 0);
    (void)snprintf(host->config, sizeof(host->config), "/tmp/belay-trust-XXXXXX");
    (void)snprintf(host->state, sizeof(host->state), "/tmp/belay-state-XXXXXX");
    assert_non_null(mkdtemp(host->config));
    assert_non_null(mkdtemp(host->state));
    (void)snprintf(host->agent, sizeof(host->agent), "%s/agent", host->state);
    assert_int_equal(bl_dir_make(AT_FDCWD, host->agent, 0700, &err), 0);
    trust_file_seal(3, 1, false, &joined);
    trust_file_write(host->config, &joined);
    *state = host;
    return 0;
}

static int tear_down(void **state)
{
    struct host *host = *state;
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/trust", host->config);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/trust", host->agent);
    (void)unlink(path);
    assert_int_equal(rmdir(host->config), 0);
    assert_int_equal(rmdir(host->agent), 0);
    assert_int_equal(rmdir(host->state), 0);
    free(host);
    return 0;
}

/* The version that decides; 0 when none can be used. */
static uint64_t version_of(const struct host *host, bool *ret_is_revoked)
{
    PROTO_AUTO_ARENA arena = {0};
    struct bl_error err = {0};
    struct proto_trust trust;

    if (agent_trust_load(host->config, host->state, &arena, &trust, &err) < 0)
        return 0;
    *ret_is_revoked = trust.people[0].revoked;
    return trust.version;
}

static int take(const struct host *host, uint64_t version, uint8_t root, bool is_revoked)
{
    PROTO_AUTO_BUFFER file = {0};
    struct bl_error err = {0};
    uint64_t taken = 0;
    int r;

    trust_file_seal(version, root, is_revoked, &file);
    r = agent_trust_take(host->config, host->state, file.data, file.size_bytes, &taken, &err);
    assert_int_equal(taken, r < 0 ? 0 : version);
    return r;
}

static void takes_the_next_version_and_no_other(void **state)
{
    const struct host *host = *state;
    bool is_revoked = true;

    assert_int_equal(version_of(host, &is_revoked), 3);
    assert_false(is_revoked);
    assert_int_equal(take(host, 5, 1, true), -EXDEV);
    assert_int_equal(take(host, 3, 1, true), -ESTALE);
    assert_int_equal(take(host, 2, 1, true), -ESTALE);
    assert_int_equal(take(host, 4, 2, true), -EKEYREJECTED); /* of other roots */
    assert_int_equal(version_of(host, &is_revoked), 3);

    assert_int_equal(take(host, 4, 1, true), 0);
    assert_int_equal(version_of(host, &is_revoked), 4);
    assert_true(is_revoked);
    assert_int_equal(take(host, 4, 1, false), -ESTALE);
    assert_int_equal(take(host, 5, 1, true), 0);
    assert_int_equal(version_of(host, &is_revoked), 5);
}

static void a_damaged_file_is_no_way_back(void **state)
{
    const struct host *host = *state;
    struct proto_buffer damaged = {.data = (uint8_t *)(uintptr_t) "damaged", .size_bytes = 7};
    bool is_revoked = false;

    assert_int_equal(take(host, 4, 1, true), 0);
    trust_file_write(host->agent, &damaged);
    assert_int_equal(version_of(host, &is_revoked), 0); /* whom version 4 revoked stays out */
    assert_true(take(host, 5, 1, true) < 0);
}

static void who_joins_anew_begins_anew(void **state)
{
    const struct host *host = *state;
    PROTO_AUTO_BUFFER other = {0};
    struct bl_error err = {0};
    bool is_revoked = true;

    assert_int_equal(agent_trust_forget(host->state, &err), 0); /* nothing came since */
    assert_int_equal(take(host, 4, 1, true), 0);
    assert_int_equal(agent_trust_forget(host->state, &err), 0);
    trust_file_seal(1, 9, false, &other);
    trust_file_write(host->config, &other);
    assert_int_equal(version_of(host, &is_revoked), 1);
    assert_false(is_revoked);
    assert_int_equal(take(host, 2, 9, false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_the_next_version_and_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_no_way_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_joins_anew_begins_anew, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
