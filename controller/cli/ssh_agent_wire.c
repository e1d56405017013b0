/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/ssh_agent_wire.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/memory.h"

/* draft-miller-ssh-agent, 5.1 */
enum {
    AGENT_FAILURE = 5,
    AGENTC_REQUEST_IDENTITIES = 11,
    AGENT_IDENTITIES_ANSWER = 12,
    AGENTC_SIGN_REQUEST = 13,
    AGENT_SIGN_RESPONSE = 14,
};

#define ED25519 "ssh-ed25519"

enum {
    LENGTH_BYTES = 4,
    NAME_BYTES = sizeof(ED25519) - 1,
    BLOB_BYTES = LENGTH_BYTES + NAME_BYTES + LENGTH_BYTES + PROTO_KEY_BYTES,
};

static const char prefix[] = "belay ";

bool ctl_ssh_agent_may_sign(const void *message, size_t message_bytes)
{
    return message_bytes >= sizeof(prefix) - 1 && memcmp(message, prefix, sizeof(prefix) - 1) == 0;
}

/* ---- requests ---- */

static void put_length(uint8_t *to, size_t length)
{
    for (int i = 0; i < LENGTH_BYTES; i++)
        to[i] = (uint8_t)(length >> (8 * (LENGTH_BYTES - 1 - i)));
}

static void put_blob(const uint8_t key[PROTO_KEY_BYTES], uint8_t ret_blob[BLOB_BYTES])
{
    put_length(ret_blob, NAME_BYTES);
    memcpy(ret_blob + LENGTH_BYTES, ED25519, NAME_BYTES);
    put_length(ret_blob + LENGTH_BYTES + NAME_BYTES, PROTO_KEY_BYTES);
    memcpy(ret_blob + BLOB_BYTES - PROTO_KEY_BYTES, key, PROTO_KEY_BYTES);
}

int ctl_ssh_agent_put_list(struct proto_buffer *buffer, struct bl_error *err)
{
    static const uint8_t request[] = {0, 0, 0, 1, AGENTC_REQUEST_IDENTITIES};

    return proto_buffer_append(buffer, request, sizeof(request), err);
}

int ctl_ssh_agent_put_sign(const uint8_t key[PROTO_KEY_BYTES], const void *message,
                           size_t message_bytes, struct proto_buffer *buffer, struct bl_error *err)
{
    static const uint8_t flags[LENGTH_BYTES] = {0};
    uint8_t head[LENGTH_BYTES + 1 + LENGTH_BYTES + BLOB_BYTES + LENGTH_BYTES];
    const size_t whole_bytes = sizeof(head) - LENGTH_BYTES + message_bytes + sizeof(flags);
    int r;

    if (!ctl_ssh_agent_may_sign(message, message_bytes))
        return bl_fail(err, -EINVAL, "only what belay has signed goes to an ssh-agent");
    if (whole_bytes > CTL_SSH_AGENT_MESSAGE_BYTES_MAX)
        return bl_fail(err, -EMSGSIZE, "%zu bytes are more than an ssh-agent signs", message_bytes);
    put_length(head, whole_bytes);
    head[LENGTH_BYTES] = AGENTC_SIGN_REQUEST;
    put_length(head + LENGTH_BYTES + 1, BLOB_BYTES);
    put_blob(key, head + LENGTH_BYTES + 1 + LENGTH_BYTES);
    put_length(head + sizeof(head) - LENGTH_BYTES, message_bytes);
    r = proto_buffer_append(buffer, head, sizeof(head), err);
    if (r >= 0)
        r = proto_buffer_append(buffer, message, message_bytes, err);

    return r < 0 ? r : proto_buffer_append(buffer, flags, sizeof(flags), err);
}

/* ---- answers ---- */

struct piece {
    const uint8_t *data;
    size_t size_bytes;
};

/* Takes a number off the front; false: there are no 4 bytes. */
static bool take_number(struct piece *rest, uint32_t *ret_number)
{
    if (rest->size_bytes < LENGTH_BYTES)
        return false;
    *ret_number = 0;
    for (int i = 0; i < LENGTH_BYTES; i++)
        *ret_number = *ret_number << 8 | rest->data[i];
    rest->data += LENGTH_BYTES;
    rest->size_bytes -= LENGTH_BYTES;

    return true;
}

/* Takes a length and as many bytes off the front. */
static bool take_text(struct piece *rest, struct piece *ret_text)
{
    uint32_t length;

    if (!take_number(rest, &length) || length > rest->size_bytes)
        return false;
    *ret_text = (struct piece){rest->data, length};
    rest->data += length;
    rest->size_bytes -= length;

    return true;
}

static bool is_text(const struct piece *piece, const char *text)
{
    return piece->size_bytes == strlen(text) && memcmp(piece->data, text, piece->size_bytes) == 0;
}

int ctl_ssh_agent_read_list(const uint8_t *answer, size_t answer_bytes,
                            const uint8_t key[PROTO_KEY_BYTES], bool *ret_has, struct bl_error *err)
{
    struct piece rest = {answer, answer_bytes}, blob, comment;
    uint8_t wanted[BLOB_BYTES];
    uint32_t count = 0;
    bool has = false;

    put_blob(key, wanted);
    if (answer_bytes == 0 || answer[0] != AGENT_IDENTITIES_ANSWER)
        return bl_fail(err, -EBADMSG, "ssh-agent does not list its keys");
    rest.data++;
    rest.size_bytes--;
    if (!take_number(&rest, &count))
        return bl_fail(err, -EBADMSG, "ssh-agent's list of keys is cut off");
    /* Each turn takes 8 bytes or more, whatever number was said. */
    for (uint32_t i = 0; i < count; i++) {
        if (!take_text(&rest, &blob) || !take_text(&rest, &comment))
            return bl_fail(err, -EBADMSG, "ssh-agent's list of keys is cut off at key %u", i + 1);
        has = has ||
              (blob.size_bytes == sizeof(wanted) && memcmp(blob.data, wanted, sizeof(wanted)) == 0);
    }
    if (rest.size_bytes != 0)
        return bl_fail(err, -EBADMSG, "ssh-agent's list of keys goes on behind its end");
    *ret_has = has;

    return 0;
}

int ctl_ssh_agent_read_signature(const uint8_t *answer, size_t answer_bytes,
                                 uint8_t ret_signature[PROTO_SIGNATURE_BYTES], struct bl_error *err)
{
    struct piece rest = {answer, answer_bytes}, whole, kind, signature;

    if (answer_bytes == 1 && answer[0] == AGENT_FAILURE)
        return bl_fail(err, -EACCES, "ssh-agent does not sign");
    if (answer_bytes == 0 || answer[0] != AGENT_SIGN_RESPONSE)
        return bl_fail(err, -EBADMSG, "ssh-agent answers with no signature");
    rest.data++;
    rest.size_bytes--;
    if (!take_text(&rest, &whole) || rest.size_bytes != 0 || !take_text(&whole, &kind) ||
        !take_text(&whole, &signature) || whole.size_bytes != 0)
        return bl_fail(err, -EBADMSG, "ssh-agent's signature is damaged");
    if (!is_text(&kind, ED25519) || signature.size_bytes != PROTO_SIGNATURE_BYTES)
        return bl_fail(err, -EBADMSG, "ssh-agent's signature is not one of " ED25519);
    memcpy(ret_signature, signature.data, PROTO_SIGNATURE_BYTES);

    return 0;
}

/* ---- NAME.pub ---- */

static int refuse_kind(const char *text, size_t kind_bytes, struct bl_error *err)
{
    if (strncmp(text, "-----BEGIN", strlen("-----BEGIN")) == 0)
        return bl_fail(err, -EINVAL, "this is a private key: name the file that ends in .pub");
    if (strncmp(text, "sk-", 3) == 0)
        return bl_fail(
            err, -EINVAL,
            "a FIDO token (%.*s) signs a structure of its own, which hosts do not check: "
            "use a smart card with a plain " ED25519
            " key through its agent, or a key of belay's own ('belay keys new' without "
            "--ssh-key)",
            (int)kind_bytes, text);

    return bl_fail(err, -EINVAL,
                   "'%.*s' is not " ED25519
                   ", the only kind that hosts check: 'ssh-keygen -t ed25519' makes one",
                   (int)kind_bytes, text);
}

int ctl_ssh_public_read(const char *text, uint8_t ret_key[PROTO_KEY_BYTES], struct bl_error *err)
{
    size_t kind_bytes = strcspn(text, " \t\r\n"), blob_bytes = 0, text_bytes;
    uint8_t blob[BLOB_BYTES], wanted[BLOB_BYTES];

    if (kind_bytes > 64)
        kind_bytes = 64;
    if (kind_bytes != NAME_BYTES || memcmp(text, ED25519, NAME_BYTES) != 0 ||
        text[NAME_BYTES] != ' ')
        return refuse_kind(text, kind_bytes, err);
    text += NAME_BYTES + 1;
    text_bytes = strcspn(text, " \t\r\n");
    if (sodium_base642bin(blob, sizeof(blob), text, text_bytes, NULL, &blob_bytes, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        blob_bytes != sizeof(blob))
        return bl_fail(err, -EINVAL, "its " ED25519 " key is damaged");
    put_blob(blob + BLOB_BYTES - PROTO_KEY_BYTES, wanted);
    if (memcmp(blob, wanted, sizeof(blob)) != 0)
        return bl_fail(err, -EINVAL, "its " ED25519 " key is damaged");
    memcpy(ret_key, blob + BLOB_BYTES - PROTO_KEY_BYTES, PROTO_KEY_BYTES);

    return 0;
}
