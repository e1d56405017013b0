/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/ssh_hello.h"

#include <stdbool.h>
#include <string.h>

#include "common/check.h"

enum {
    PACKET_BYTES_MAX = 35000, /* RFC 4253, 6.1: all of a packet, its length included */
    BLOCK_BYTES = 8,
    PADDING_BYTES_MIN = 4,
    COOKIE_BYTES = 16,
    NAME_LISTS = 10,
    NAME_LISTS_NEEDED = 8, /* languages may be empty, all before them may not */
    MESSAGE_DISCONNECT = 1,
    MESSAGE_KEXINIT = 20,
    BY_APPLICATION = 11, /* the reason of a DISCONNECT */
};

const char agent_ssh_hello_version[] = "SSH-2.0-belay_probe\r\n";

struct reader { /* bytes that are there, and how far they were read */
    const uint8_t *at;
    size_t bytes_left;
};

static bool take(struct reader *reader, size_t bytes, const uint8_t **ret_at)
{
    if (bytes > reader->bytes_left)
        return false;
    *ret_at = reader->at;
    reader->at += bytes;
    reader->bytes_left -= bytes;

    return true;
}

static bool take_u32(struct reader *reader, uint32_t *ret_value)
{
    const uint8_t *at;

    if (!take(reader, 4, &at))
        return false;
    *ret_value = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];

    return true;
}

static enum agent_ssh_hello refuse(struct agent_ssh_told *told, const char *wrong)
{
    told->wrong = wrong;

    return AGENT_SSH_HELLO_WRONG;
}

/* ---- the version line ---- */

static enum agent_ssh_hello take_version(const uint8_t *line, size_t line_bytes,
                                         struct agent_ssh_told *told)
{
    size_t length = line_bytes;

    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (length + 2 > AGENT_SSH_HELLO_VERSION_BYTES - 1)
        return refuse(told, "its version line is too long");
    for (size_t i = 0; i < length; i++) {
        if (line[i] < ' ' || line[i] > '~')
            return refuse(told, "its version line is not plain text");
    }
    memcpy(told->version, line, length);
    told->version[length] = '\0';
    if (strncmp(told->version, "SSH-2.0-", 8) != 0 && strncmp(told->version, "SSH-1.99-", 9) != 0)
        return refuse(told, "it does not speak SSH 2");

    return AGENT_SSH_HELLO_WHOLE;
}

/* WHOLE: the version was read, and `reader` stands behind its line. */
static enum agent_ssh_hello read_version(struct reader *reader, struct agent_ssh_told *told)
{
    for (unsigned lines = 0; lines <= AGENT_SSH_HELLO_LINES_MAX; lines++) {
        const uint8_t *line = reader->at;
        const uint8_t *end = memchr(line, '\n', reader->bytes_left);
        size_t line_bytes;

        if (end == NULL && reader->bytes_left >= AGENT_SSH_HELLO_BYTES_MAX / 4)
            return refuse(told, "it sends something else than SSH");
        if (end == NULL)
            return AGENT_SSH_HELLO_MORE;
        line_bytes = (size_t)(end - line);
        reader->at += line_bytes + 1;
        reader->bytes_left -= line_bytes + 1;
        if (line_bytes >= 4 && memcmp(line, "SSH-", 4) == 0)
            return take_version(line, line_bytes, told);
    }

    return refuse(told, "it sends something else than SSH");
}

/* ---- the first packet ---- */

/* A list of names with commas between, none of them empty: "a,b". */
static bool is_name_list(const uint8_t *text, size_t bytes)
{
    bool in_name = false;

    for (size_t i = 0; i < bytes; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
        if (text[i] == ',' && !in_name)
            return false;
        in_name = text[i] != ',';
    }

    return bytes == 0 || in_name;
}

static const char *judge_kexinit(struct reader *payload)
{
    const uint8_t *at;
    uint32_t reserved;

    if (!take(payload, 1 + COOKIE_BYTES, &at) || at[0] != MESSAGE_KEXINIT)
        return "its first packet is not the one that begins a key exchange";
    for (unsigned i = 0; i < NAME_LISTS; i++) {
        uint32_t bytes;

        if (!take_u32(payload, &bytes) || !take(payload, bytes, &at) || !is_name_list(at, bytes))
            return "its lists of algorithms are damaged";
        if (bytes == 0 && i < NAME_LISTS_NEEDED)
            return "it offers no algorithm of a kind that is needed";
    }
    if (!take(payload, 1, &at) || !take_u32(payload, &reserved) || reserved != 0 ||
        payload->bytes_left != 0)
        return "its first packet is damaged";

    return NULL;
}

static enum agent_ssh_hello read_packet(struct reader *reader, struct agent_ssh_told *told)
{
    struct reader payload;
    const uint8_t *at;
    const char *wrong;
    uint32_t bytes;
    size_t padding;

    if (!take_u32(reader, &bytes))
        return AGENT_SSH_HELLO_MORE;
    if (bytes > PACKET_BYTES_MAX - 4 || bytes < 1 + PADDING_BYTES_MIN ||
        (bytes + 4) % BLOCK_BYTES != 0)
        return refuse(told, "its first packet has an impossible length");
    if (!take(reader, bytes, &at))
        return AGENT_SSH_HELLO_MORE;
    padding = at[0];
    if (padding < PADDING_BYTES_MIN || padding + 1 > bytes)
        return refuse(told, "its first packet has an impossible padding");
    payload = (struct reader){at + 1, bytes - 1 - padding};
    wrong = judge_kexinit(&payload);
    if (wrong != NULL)
        return refuse(told, wrong);

    return AGENT_SSH_HELLO_WHOLE;
}

enum agent_ssh_hello agent_ssh_hello_read(const uint8_t *data, size_t bytes,
                                          struct agent_ssh_told *ret_told)
{
    struct reader reader = {data, bytes};
    enum agent_ssh_hello so_far;

    *ret_told = (struct agent_ssh_told){.wrong = ""};
    so_far = read_version(&reader, ret_told);
    if (so_far == AGENT_SSH_HELLO_WHOLE)
        so_far = read_packet(&reader, ret_told);
    if (so_far == AGENT_SSH_HELLO_MORE && bytes >= AGENT_SSH_HELLO_BYTES_MAX)
        return refuse(ret_told, "it sends something else than SSH");

    return so_far;
}

/* ---- the end ---- */

static size_t put_u32(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;

    return 4;
}

size_t agent_ssh_hello_goodbye(uint8_t *ret_packet, size_t size_bytes)
{
    static const char reason[] = "belay looked whether logins are possible";
    size_t payload_bytes = 1 + 4 + 4 + sizeof(reason) - 1 + 4;
    size_t padding = BLOCK_BYTES - (4 + 1 + payload_bytes) % BLOCK_BYTES;
    size_t used;

    if (padding < PADDING_BYTES_MIN)
        padding += BLOCK_BYTES;
    BL_ASSERT(size_bytes >= 4 + 1 + payload_bytes + padding);

    memset(ret_packet, 0, 4 + 1 + payload_bytes + padding);
    used = put_u32(ret_packet, 1 + payload_bytes + padding);
    ret_packet[used++] = (uint8_t)padding;
    ret_packet[used++] = MESSAGE_DISCONNECT;
    used += put_u32(ret_packet + used, BY_APPLICATION);
    used += put_u32(ret_packet + used, sizeof(reason) - 1);
    memcpy(ret_packet + used, reason, sizeof(reason) - 1);
    used += sizeof(reason) - 1 + 4; /* without a language */

    return used + padding;
}
