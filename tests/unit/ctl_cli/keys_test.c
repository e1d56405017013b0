/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "controller/cli/key_file.h"
#include "controller/cli/keyring.h"
#include "controller/cli/trust_build.h"
#include "controller/outside/json.h"
#include "tests/lib/unit.h"

struct desk {
    char home[32];
    int fd;
    struct ctl_key key;
    struct ctl_secret secret, passphrase;
};

static void set_passphrase(struct ctl_secret *passphrase, const char *text)
{
    struct bl_error err = {0};

    ctl_secret_release(passphrase);
    assert_int_equal(ctl_secret_make(strlen(text), passphrase, &err), 0);
    memcpy(passphrase->bytes, text, strlen(text));
}

static int set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    struct bl_error err = {0};

    assert_non_null(desk);
    assert_true(sodium_init() >= 0);
    (void)snprintf(desk->home, sizeof(desk->home), "/tmp/belay-keys-XXXXXX");
    assert_non_null(mkdtemp(desk->home));
    assert_int_equal(setenv("BELAY_HOME", desk->home, 1), 0);
    assert_int_equal(ctl_home_open(true, &desk->fd, &err), 0);
    set_passphrase(&desk->passphrase, "correct horse");
    assert_int_equal(ctl_key_make("alice", PROTO_ROLE_OPERATOR, &desk->key, &desk->secret, &err),
                     0);
    *state = desk;

    return 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"keys/alice.key", "keys/alice.pub", "keys/bob.pub",
                                        "root.key"};
    struct desk *desk = *state;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        (void)unlinkat(desk->fd, files[i], 0);
    assert_int_equal(unlinkat(desk->fd, "keys", AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(desk->home), 0);
    bl_close_fd(&desk->fd);
    ctl_secret_release(&desk->secret);
    ctl_secret_release(&desk->passphrase);
    free(desk);

    return 0;
}

static void store(struct desk *desk)
{
    struct bl_error err = {0};

    assert_int_equal(ctl_key_store(desk->fd, &desk->key, &desk->secret, &desk->passphrase,
                                   CTL_KEY_KDF_INTERACTIVE, &err),
                     0);
}

static void gives_back_what_was_stored(void **state)
{
    struct desk *desk = *state;
    CTL_AUTO_SECRET secret = {0};
    struct bl_error err = {0};

    store(desk);
    assert_int_equal(ctl_key_unlock(desk->fd, &desk->key, &desk->passphrase, &secret, &err), 0);
    assert_memory_equal(secret.bytes, desk->secret.bytes, CTL_KEY_SECRET_BYTES);
}

static void refuses_a_wrong_passphrase(void **state)
{
    struct desk *desk = *state;
    CTL_AUTO_SECRET secret = {0};
    struct bl_error err = {0};

    store(desk);
    set_passphrase(&desk->passphrase, "correct hors");
    assert_int_equal(ctl_key_unlock(desk->fd, &desk->key, &desk->passphrase, &secret, &err),
                     -EKEYREJECTED);
    assert_string_equal(err.text, "key 'alice': the passphrase is wrong, or the file was changed");
    assert_null(secret.bytes);
}

static void keeps_files_to_their_owner_and_never_replaces(void **state)
{
    struct desk *desk = *state;
    struct bl_error err = {0};
    struct stat about;

    store(desk);
    assert_int_equal(fstatat(desk->fd, "keys/alice.key", &about, 0), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(fstatat(desk->fd, "keys", &about, 0), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    assert_int_equal(ctl_key_store(desk->fd, &desk->key, &desk->secret, &desk->passphrase,
                                   CTL_KEY_KDF_INTERACTIVE, &err),
                     -EEXIST);
}

static void holds_no_secret_in_the_clear(void **state)
{
    struct desk *desk = *state;
    BL_AUTO_FREE char *text = NULL;
    char seed[2 * CTL_KEY_SEED_BYTES + 1];
    struct bl_error err = {0};
    size_t text_bytes = 0;

    store(desk);
    assert_int_equal(
        bl_file_read(desk->fd, "keys/alice.key", CTL_KEY_FILE_BYTES_MAX, &text, &text_bytes, &err),
        0);
    (void)sodium_bin2hex(seed, sizeof(seed), desk->secret.bytes, CTL_KEY_SEED_BYTES);
    assert_null(strstr(text, seed));
}

/* Every single byte of a key file, changed: never a crash, never another key. */
static void survives_damage(void **state)
{
    struct desk *desk = *state;
    CTL_AUTO_JSON *sealed = NULL;
    BL_AUTO_FREE char *text = NULL;
    struct bl_error err = {0};
    size_t text_bytes;

    sealed = ctl_key_file_seal(&desk->key, &desk->secret, &desk->passphrase,
                               CTL_KEY_KDF_INTERACTIVE, &err);
    assert_non_null(sealed);
    /* The cheapest derivation there is, so that each byte can be tried. */
    (void)json_object_set_new(sealed, "passes", json_integer(1));
    (void)json_object_set_new(sealed, "memory_bytes",
                              json_integer((json_int_t)crypto_pwhash_argon2id_MEMLIMIT_MIN));
    text = json_dumps(sealed, JSON_COMPACT | JSON_PRESERVE_ORDER);
    assert_non_null(text);
    text_bytes = strlen(text);
    for (size_t i = 0; i < text_bytes; i++) {
        CTL_AUTO_SECRET secret = {0};
        struct ctl_key key;

        text[i] ^= 1;
        assert_true(ctl_key_file_open(text, text_bytes, &desk->passphrase, &key, &secret, &err) <
                    0);
        text[i] ^= 1;
    }
}

static void refuses_costs_that_would_stop_the_machine(void **state)
{
    static const json_int_t memory[] = {0, 1, INT64_C(1) << 40};
    struct desk *desk = *state;

    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
        struct bl_error err = {0};
        CTL_AUTO_SECRET secret = {0};
        BL_AUTO_FREE char *text = NULL;
        CTL_AUTO_JSON *sealed = ctl_key_file_seal(&desk->key, &desk->secret, &desk->passphrase,
                                                  CTL_KEY_KDF_INTERACTIVE, &err);
        struct ctl_key key;

        (void)json_object_set_new(sealed, "memory_bytes", json_integer(memory[i]));
        text = json_dumps(sealed, 0);
        assert_non_null(text);
        assert_int_equal(
            ctl_key_file_open(text, strlen(text), &desk->passphrase, &key, &secret, &err),
            -EUCLEAN);
    }
}

static void lists_and_chooses(void **state)
{
    struct desk *desk = *state;
    struct ctl_key_list *list = calloc(1, sizeof(*list));
    const struct ctl_key *key = NULL;
    struct bl_error err = {0};

    assert_non_null(list);
    assert_int_equal(ctl_key_list_read(desk->fd, list, &err), 0);
    assert_int_equal(ctl_key_choose(list, NULL, &key, &err), -ENOENT);
    store(desk);
    assert_int_equal(ctl_key_list_read(desk->fd, list, &err), 0);
    assert_int_equal(list->count, 1);
    assert_true(list->own[0]);
    assert_int_equal(ctl_key_choose(list, NULL, &key, &err), 0);
    assert_string_equal(key->name, "alice");
    assert_int_equal(ctl_key_choose(list, "bob", &key, &err), -ENOENT);
    list->keys[1] = list->keys[0];
    list->own[1] = true;
    list->count = 2;
    assert_int_equal(ctl_key_choose(list, NULL, &key, &err), -EINVAL);
    free(list);
}

/* Builds the file after `before` and leaves it in *file; returns what ctl_trust_next returned. */
static int next_trust(const struct proto_buffer *before, const struct ctl_key *root,
                      const struct ctl_secret *secret, const struct ctl_trust_wish *wish,
                      struct proto_buffer *file)
{
    struct bl_error err = {0};
    int r = ctl_trust_next(before->data, before->size_bytes, root, wish, file, &err);

    if (r == 1) {
        assert_int_equal(ctl_trust_sign(file, root, secret, &err), 0);
        assert_int_equal(ctl_trust_sign(file, root, secret, &err), -EEXIST);
    }

    return r;
}

static void raises_trust_step_by_step(void **state)
{
    struct desk *desk = *state;
    struct ctl_key_list *list = calloc(1, sizeof(*list));
    struct ctl_trust_wish wish = {.keys = list};
    PROTO_AUTO_BUFFER none = {0}, first = {0}, second = {0}, third = {0};
    PROTO_AUTO_ARENA arena = {0};
    CTL_AUTO_SECRET root_secret = {0}, bob_secret = {0};
    static const char *const revoked[] = {"alice"};
    struct bl_error err = {0};
    struct proto_trust trust;
    struct ctl_key root;

    assert_non_null(list);
    assert_int_equal(ctl_key_make("root", CTL_KEY_ROLE_ROOT, &root, &root_secret, &err), 0);
    assert_int_equal(next_trust(&none, &root, &root_secret, &wish, &first), -ENOENT); /* nobody */
    list->keys[list->count++] = desk->key;
    assert_int_equal(next_trust(&none, &root, &root_secret, &wish, &first), 1);
    assert_int_equal(next_trust(&first, &root, &root_secret, &wish, &second), 0); /* unchanged */

    assert_int_equal(
        ctl_key_make("bob", PROTO_ROLE_COMMANDER, &list->keys[list->count++], &bob_secret, &err),
        0);
    wish.quorums[PROTO_RISK_HIGH - 1] = "2+1";
    assert_int_equal(next_trust(&first, &root, &root_secret, &wish, &second), 1);
    wish.revoke = revoked;
    wish.revoke_count = 1;
    assert_int_equal(next_trust(&second, &root, &root_secret, &wish, &third), 1);
    assert_int_equal(proto_trust_open(third.data, third.size_bytes, &arena, &trust, &err), 0);
    assert_int_equal(trust.version, 3);
    assert_int_equal(trust.people_count, 2);
    assert_true(trust.people[0].revoked);
    assert_false(trust.people[1].revoked);
    assert_int_equal(trust.quorums[2].operators, 2);
    assert_int_equal(trust.quorums[2].commanders, 1);
    free(list);
}

static void refuses_trust_that_cannot_be(void **state)
{
    struct desk *desk = *state;
    struct ctl_key_list *list = calloc(1, sizeof(*list));
    struct ctl_trust_wish wish = {.keys = list};
    PROTO_AUTO_BUFFER none = {0}, first = {0}, ignored = {0};
    CTL_AUTO_SECRET root_secret = {0}, stranger_secret = {0};
    static const char *const quorums[] = {"0+0", "1", "x+1", "+", "1+-1"};
    static const char *const nobody[] = {"carol"};
    struct bl_error err = {0};
    struct ctl_key root;

    assert_non_null(list);
    list->keys[list->count++] = desk->key;
    assert_int_equal(ctl_key_make("root", CTL_KEY_ROLE_ROOT, &root, &root_secret, &err), 0);
    assert_int_equal(next_trust(&none, &root, &root_secret, &wish, &first), 1);
    for (size_t i = 0; i < sizeof(quorums) / sizeof(quorums[0]); i++) {
        wish.quorums[0] = quorums[i];
        assert_int_equal(next_trust(&first, &root, &root_secret, &wish, &ignored), -EINVAL);
    }
    wish.quorums[0] = NULL;
    wish.revoke = nobody;
    wish.revoke_count = 1;
    assert_int_equal(next_trust(&first, &root, &root_secret, &wish, &ignored), -ENOENT);
    wish.revoke_count = 0;
    /* The same name with another key is somebody else until the former one is revoked. */
    assert_int_equal(
        ctl_key_make("alice", PROTO_ROLE_OPERATOR, &list->keys[0], &stranger_secret, &err), 0);
    assert_int_equal(next_trust(&first, &root, &root_secret, &wish, &ignored), -EEXIST);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_back_what_was_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_wrong_passphrase, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_files_to_their_owner_and_never_replaces, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(holds_no_secret_in_the_clear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_costs_that_would_stop_the_machine, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(lists_and_chooses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(raises_trust_step_by_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_trust_that_cannot_be, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
