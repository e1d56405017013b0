/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile ssh-agent: whatever it answers, and whenever, belay gets a good signature or a refusal. */
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/file.h"
#include "controller/cli/ssh_agent.h"
#include "proto/approval.h"
#include "proto/policy.h"
#include "proto/trust.h"
#include "tests/lib/unit.h"

static const char signed_text[] = PROTO_MANIFEST_DOMAIN "something";

struct agent {
    char directory[64], socket[96];
    int listen_fd;
    pthread_t thread;
    uint8_t key[PROTO_KEY_BYTES], secret[64];
    /* What it answers to the two requests: bytes with their length; NULL = nothing, and it waits. */
    uint8_t answers[2][512];
    size_t answer_bytes[2];
    size_t connections;
};

static size_t put_text(uint8_t *to, const void *text, size_t bytes)
{
    const uint8_t head[4] = {(uint8_t)(bytes >> 24), (uint8_t)(bytes >> 16), (uint8_t)(bytes >> 8),
                             (uint8_t)bytes};

    memcpy(to, head, sizeof(head));
    memcpy(to + sizeof(head), text, bytes);

    return sizeof(head) + bytes;
}

/* Puts the length before what lies at answer + 4. */
static void finish(struct agent *agent, int number, size_t bytes)
{
    const uint8_t head[4] = {0, 0, (uint8_t)(bytes >> 8), (uint8_t)bytes};

    memcpy(agent->answers[number], head, sizeof(head));
    agent->answer_bytes[number] = sizeof(head) + bytes;
}

static void answer_with_list(struct agent *agent)
{
    uint8_t blob[64], *to = agent->answers[0] + 4;
    size_t blob_bytes = put_text(blob, "ssh-ed25519", 11), bytes = 0;

    blob_bytes += put_text(blob + blob_bytes, agent->key, sizeof(agent->key));
    memcpy(to, "\014\0\0\0\002", 5);
    bytes = 5;
    bytes += put_text(to + bytes, "other", 5);
    bytes += put_text(to + bytes, "comment", 7);
    bytes += put_text(to + bytes, blob, blob_bytes);
    bytes += put_text(to + bytes, "", 0);
    finish(agent, 0, bytes);
}

static void answer_with_signature(struct agent *agent, const char *kind, const void *text,
                                  size_t text_bytes)
{
    uint8_t signature[crypto_sign_BYTES], inner[128], *to = agent->answers[1] + 4;
    size_t inner_bytes = put_text(inner, kind, strlen(kind));

    (void)crypto_sign_detached(signature, NULL, text, text_bytes, agent->secret);
    inner_bytes += put_text(inner + inner_bytes, signature, sizeof(signature));
    to[0] = 14;
    finish(agent, 1, 1 + put_text(to + 1, inner, inner_bytes));
}

/* Reads a request of each connection, answers by its kind, hangs up; with no answer it waits. */
static void *serve(void *userdata)
{
    struct agent *agent = userdata;
    int fd;

    while ((fd = accept(agent->listen_fd, NULL, NULL)) >= 0) {
        uint8_t request[1024];
        ssize_t n = recv(fd, request, sizeof(request), 0);
        int number = n > 4 && request[4] == 13;

        agent->connections++;
        if (agent->answer_bytes[number] > 0)
            (void)send(fd, agent->answers[number], agent->answer_bytes[number], MSG_NOSIGNAL);
        else
            (void)recv(fd, request, sizeof(request), 0); /* until the other side gives up */
        (void)close(fd);
    }

    return NULL;
}

static int set_up(void **state)
{
    struct agent *agent = calloc(1, sizeof(*agent));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_non_null(agent);
    assert_true(sodium_init() >= 0);
    (void)crypto_sign_keypair(agent->key, agent->secret);
    (void)snprintf(agent->directory, sizeof(agent->directory), "/tmp/belay-agent-XXXXXX");
    assert_non_null(mkdtemp(agent->directory));
    (void)snprintf(agent->socket, sizeof(agent->socket), "%s/s", agent->directory);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", agent->socket);
    agent->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(agent->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(agent->listen_fd, 8), 0);
    answer_with_list(agent);
    answer_with_signature(agent, "ssh-ed25519", signed_text, sizeof(signed_text) - 1);
    assert_int_equal(pthread_create(&agent->thread, NULL, serve, agent), 0);
    *state = agent;

    return 0;
}

static int tear_down(void **state)
{
    struct agent *agent = *state;

    (void)shutdown(agent->listen_fd, SHUT_RDWR);
    (void)pthread_join(agent->thread, NULL);
    (void)close(agent->listen_fd);
    (void)unlink(agent->socket);
    (void)rmdir(agent->directory);
    free(agent);

    return 0;
}

static int sign_by_agent(void *userdata, const uint8_t *message, size_t message_bytes,
                         uint8_t ret_signature[PROTO_SIGNATURE_BYTES], struct bl_error *err)
{
    struct agent *agent = userdata;
    const struct ctl_ssh_agent at = {agent->socket, 60000, 60000, 60000};

    return ctl_ssh_agent_sign(&at, agent->key, message, message_bytes, ret_signature, err);
}

static int sign(struct agent *agent)
{
    struct proto_signer signer = {.sign = sign_by_agent, .userdata = agent};
    struct proto_signature signature;
    struct bl_error err = {0};

    memcpy(signer.key, agent->key, sizeof(signer.key));

    return proto_sign_by(&signer, PROTO_MANIFEST_DOMAIN, "something", 9, &signature, &err);
}

static void a_good_signature_is_taken_and_no_other(void **state)
{
    struct agent *agent = *state;
    uint8_t other_key[PROTO_KEY_BYTES];

    assert_int_equal(sign(agent), 0);
    answer_with_signature(agent, "ssh-ed25519", "other text", 10);
    assert_int_equal(sign(agent), -EKEYREJECTED);
    answer_with_signature(agent, "ssh-rsa", signed_text, sizeof(signed_text) - 1);
    assert_int_equal(sign(agent), -EBADMSG);
    (void)crypto_sign_keypair(other_key, agent->secret); /* another key signs */
    answer_with_signature(agent, "ssh-ed25519", signed_text, sizeof(signed_text) - 1);
    assert_int_equal(sign(agent), -EKEYREJECTED);
    memcpy(agent->answers[1], "\0\0\0\1\5", 5);
    agent->answer_bytes[1] = 5;
    assert_int_equal(sign(agent), -EACCES);
    memcpy(agent->key, other_key, sizeof(other_key)); /* which its list does not name */
    assert_int_equal(sign(agent), -ENOKEY);
}

static void an_answer_is_bounded_in_size_and_time(void **state)
{
    struct agent *agent = *state;
    const struct ctl_ssh_agent hurried = {agent->socket, 60000, 20, 10};
    uint8_t signature[PROTO_SIGNATURE_BYTES];
    struct bl_error err = {0};

    memcpy(agent->answers[1], "\0\4\0\1\5", 5); /* one byte more than is allowed */
    agent->answer_bytes[1] = 5;
    assert_int_equal(sign(agent), -EBADMSG);
    memcpy(agent->answers[1], "\0\0\0\0", 4);
    assert_int_equal(sign(agent), -EBADMSG);
    memcpy(agent->answers[1], "\0\0\0\2\5", 5); /* and hangs up */
    assert_int_equal(sign(agent), -EBADMSG);
    agent->answer_bytes[1] = 0;
    assert_int_equal(ctl_ssh_agent_sign(&hurried, agent->key, signed_text, sizeof(signed_text) - 1,
                                        signature, &err),
                     -ETIMEDOUT);
    assert_non_null(strstr(err.text, "confirmed"));
}

/* Exact copies on the heap, so that the sanitizers see a read behind the end. */
static int read_list(const uint8_t *data, size_t bytes, const uint8_t *key, bool *ret_has)
{
    uint8_t *copy = malloc(bytes + (bytes == 0));
    struct bl_error err = {0};
    int r;

    assert_non_null(copy);
    memcpy(copy, data, bytes);
    r = ctl_ssh_agent_read_list(copy, bytes, key, ret_has, &err);
    free(copy);

    return r;
}

static int read_signature(const uint8_t *data, size_t bytes, uint8_t *ret_signature)
{
    uint8_t *copy = malloc(bytes + (bytes == 0));
    struct bl_error err = {0};
    int r;

    assert_non_null(copy);
    memcpy(copy, data, bytes);
    r = ctl_ssh_agent_read_signature(copy, bytes, ret_signature, &err);
    free(copy);

    return r;
}

static void no_damaged_answer_is_taken_for_another(void **state)
{
    struct agent *agent = *state;
    uint8_t *list = agent->answers[0] + 4, *answer = agent->answers[1] + 4;
    size_t list_bytes = agent->answer_bytes[0] - 4, bytes = agent->answer_bytes[1] - 4;
    uint8_t whole[PROTO_SIGNATURE_BYTES], got[PROTO_SIGNATURE_BYTES];
    bool has = false;

    assert_int_equal(read_list(list, list_bytes, agent->key, &has), 0);
    assert_true(has);
    assert_int_equal(read_signature(answer, bytes, whole), 0);
    for (size_t i = 0; i < list_bytes; i++)
        assert_int_equal(read_list(list, i, agent->key, &has), -EBADMSG);
    assert_int_equal(read_list(list, list_bytes + 1, agent->key, &has), -EBADMSG);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(read_signature(answer, i, got), -EBADMSG);
    assert_int_equal(read_signature(answer, bytes + 1, got), -EBADMSG);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        answer[bit / 8] ^= (uint8_t)(1U << bit % 8);
        /* What is taken in spite of it is another signature, which is verified. */
        if (read_signature(answer, bytes, got) == 0)
            assert_memory_not_equal(got, whole, sizeof(got));
        answer[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t bit = 0; bit < list_bytes * 8; bit++) {
        list[bit / 8] ^= (uint8_t)(1U << bit % 8);
        (void)read_list(list, list_bytes, agent->key, &has);
        list[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

/* The key may log in by SSH, too: neither kind of signed text can be the other. */
static void what_ssh_signs_and_what_belay_signs_have_nothing_in_common(void **state)
{
    static const char *const domains[] = {PROTO_MANIFEST_DOMAIN, PROTO_APPROVAL_DOMAIN,
                                          PROTO_TRUST_DOMAIN, PROTO_POLICY_DOMAIN};
    static const char login[] = "\0\0\0\040xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\62",
                      sshsig[] = "SSHSIG";
    struct agent *agent = *state;
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};

    for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
        /* As a length this is more than 1.6 GB, while no SSH packet has more than 256 KiB. */
        assert_true(ctl_ssh_agent_may_sign(domains[i], strlen(domains[i])));
        assert_true(domains[i][0] != 0);
    }
    assert_false(ctl_ssh_agent_may_sign(login, sizeof(login)));
    assert_false(ctl_ssh_agent_may_sign(sshsig, sizeof(sshsig)));
    assert_false(ctl_ssh_agent_may_sign("belay", 5));
    assert_int_equal(ctl_ssh_agent_put_sign(agent->key, login, sizeof(login), &buffer, &err),
                     -EINVAL);
    assert_int_equal(buffer.size_bytes, 0);
    assert_int_equal(agent->connections, 0);
}

static void reads_public_keys_of_one_kind(void **state)
{
    static const char good[] =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f a@b\n";
    static const char *const bad[] = {
        "",
        "ssh-ed25519",
        "ssh-ed25519 \n",
        "ssh-ed25519 AAAA a@b",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE4AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fIA==",
        "ssh-ed25519-cert-v01@openssh.com AAAA",
        "-----BEGIN OPENSSH PRIVATE KEY-----"};
    uint8_t key[PROTO_KEY_BYTES];
    struct bl_error err = {0};

    (void)state;
    assert_int_equal(ctl_ssh_public_read(good, key, &err), 0);
    for (uint8_t i = 0; i < sizeof(key); i++)
        assert_int_equal(key[i], i);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ctl_ssh_public_read(bad[i], key, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_signature_is_taken_and_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_is_bounded_in_size_and_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_damaged_answer_is_taken_for_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_ssh_signs_and_what_belay_signs_have_nothing_in_common,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_public_keys_of_one_kind, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
