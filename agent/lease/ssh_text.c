/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"

/* Each of them is a line of the lock; nothing else in it begins like one. */
static const char comment_lines[] =
    "# Written by belay-agent while a job holds the SSH lock; it goes by itself.\n"
    "# To remove it by hand: belay-rescue unlock\n";
static const char match_address[] = "Match Address *,!", match_group[] = "Match Group *,!",
                  deny_line[] = "    DenyUsers *\n", last_line[] = "Match all\n";

struct network {
    int family;
    uint8_t bytes[16];
    unsigned prefix_bits, bits;
};

static bool parse_network(const char *text, struct network *ret_network)
{
    char address[INET6_ADDRSTRLEN];
    struct network network = {0};
    struct bl_error ignored = {0};
    const char *slash = strchr(text, '/');
    size_t address_bytes = slash != NULL ? (size_t)(slash - text) : strlen(text);
    uint64_t prefix_bits;

    if (address_bytes >= sizeof(address))
        return false;
    memcpy(address, text, address_bytes);
    address[address_bytes] = '\0';
    network.family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
    network.bits = network.family == AF_INET6 ? 128 : 32;
    if (inet_pton(network.family, address, network.bytes) != 1)
        return false;
    network.prefix_bits = network.bits;
    if (slash != NULL) {
        if (bl_text_to_u64(slash + 1, network.bits, &prefix_bits, &ignored) < 0)
            return false;
        network.prefix_bits = (unsigned)prefix_bits;
    }
    *ret_network = network;

    return true;
}

static bool bit_is_set(const struct network *network, unsigned bit)
{
    return (network->bytes[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

bool agent_ssh_text_is_network(const char *text)
{
    struct network network;

    if (!parse_network(text, &network))
        return false;
    /* sshd calls such a network inconsistent, and then the whole Match line fails. */
    for (unsigned bit = network.prefix_bits; bit < network.bits; bit++)
        if (bit_is_set(&network, bit))
            return false;

    return true;
}

bool agent_ssh_text_contains(const char *network_text, const char *address_text)
{
    struct network network, address;

    if (!parse_network(network_text, &network) || !parse_network(address_text, &address) ||
        network.family != address.family || address.prefix_bits != address.bits)
        return false;
    for (unsigned bit = 0; bit < network.prefix_bits; bit++)
        if (bit_is_set(&network, bit) != bit_is_set(&address, bit))
            return false;

    return true;
}

bool agent_ssh_text_is_group(const char *text)
{
    /* Letters, digits, '_', '.', '-': none of them means anything in a pattern list of sshd. */
    return bl_text_is_name(text);
}

static int add_list(struct bl_text *text, const char *keyword, const struct proto_text *kept,
                    uint32_t kept_count, bool (*is_good)(const char *), struct bl_error *err)
{
    if (kept_count == 0)
        return 0;
    bl_text_add(text, keyword);
    for (uint32_t i = 0; i < kept_count; i++) {
        char shown[64];

        if (!is_good(kept[i].text)) {
            bl_text_escape(shown, sizeof(shown), kept[i].text, strlen(kept[i].text));
            return bl_fail(err, -EPROTO, "'%s' can't be kept out of the SSH lock", shown);
        }
        bl_text_add(text, ",!");
        bl_text_add(text, kept[i].text);
    }

    return 0;
}

int agent_ssh_text_lock(const struct proto_manifest *manifest, char *ret_text, size_t text_bytes,
                        struct bl_error *err)
{
    struct bl_text text;
    int r;

    bl_text_init(&text, ret_text, text_bytes);
    bl_text_add(&text, comment_lines);
    bl_text_add(&text, "Match");
    if (manifest->ssh_keep_from_count == 0 && manifest->ssh_keep_groups_count == 0)
        bl_text_add(&text, " all");
    r = add_list(&text, " Address *", manifest->ssh_keep_from, manifest->ssh_keep_from_count,
                 agent_ssh_text_is_network, err);
    if (r >= 0)
        r = add_list(&text, " Group *", manifest->ssh_keep_groups, manifest->ssh_keep_groups_count,
                     agent_ssh_text_is_group, err);
    if (r < 0)
        return r;
    /* The last line ends the block, so that nothing that follows in sshd's files falls into it. */
    bl_text_add(&text, "\n");
    bl_text_add(&text, deny_line);
    bl_text_add(&text, last_line);
    if (text.used_bytes + 1 >= text.size_bytes) /* full: it may have been cut */
        return bl_fail(err, -EPROTO, "too many addresses and groups kept out of the SSH lock");

    return 0;
}

static bool begins_with(const char *line, size_t line_bytes, const char *wanted)
{
    size_t wanted_bytes = strlen(wanted);

    return line_bytes >= wanted_bytes && memcmp(line, wanted, wanted_bytes) == 0;
}

bool agent_ssh_text_takes_lock_line(enum agent_ssh_text_part *part, const char *line,
                                    size_t line_bytes)
{
    bool is_last = line_bytes == sizeof(last_line) - 1 && begins_with(line, line_bytes, last_line);

    switch (*part) {
    case AGENT_SSH_TEXT_HEAD:
        if (is_last || begins_with(line, line_bytes, match_address) ||
            begins_with(line, line_bytes, match_group)) {
            *part = AGENT_SSH_TEXT_DENY;
            return true;
        }
        return line[0] == '#' &&
               memmem(comment_lines, sizeof(comment_lines) - 1, line, line_bytes) != NULL;
    case AGENT_SSH_TEXT_DENY:
        if (line_bytes != sizeof(deny_line) - 1 || !begins_with(line, line_bytes, deny_line))
            return false;
        *part = AGENT_SSH_TEXT_TAIL;
        return true;
    case AGENT_SSH_TEXT_TAIL:
        if (is_last)
            *part = AGENT_SSH_TEXT_DONE;
        return is_last;
    case AGENT_SSH_TEXT_DONE:
        break;
    }

    return false;
}

/* Takes the next word off *rest, which ends at `end`. Quotes around a word are dropped. */
static size_t next_word(const char **rest, const char *end, const char **ret_word)
{
    const char *at = *rest, *word;
    char quote = '\0';

    while (at < end && (*at == ' ' || *at == '\t' || *at == '=' || *at == '\r'))
        at++;
    if (at < end && *at == '"')
        quote = *at++;
    word = at;
    while (at < end &&
           (quote != '\0' ? *at != quote : *at != ' ' && *at != '\t' && *at != '=' && *at != '\r'))
        at++;
    *ret_word = word;
    *rest = at < end && quote != '\0' ? at + 1 : at;

    return (size_t)(at - word);
}

static bool is_word(const char *word, size_t word_bytes, const char *wanted)
{
    return word_bytes == strlen(wanted) && strncasecmp(word, wanted, word_bytes) == 0;
}

/* "/etc/ssh/sshd_config.d/" and "*.conf", or the same relative to /etc/ssh as sshd takes it. */
static bool is_pattern_of(const char *word, size_t word_bytes, const char *directory)
{
    static const char tail[] = "/*.conf", home[] = "/etc/ssh/";
    size_t tail_bytes = sizeof(tail) - 1, directory_bytes = strlen(directory);

    if (word_bytes < tail_bytes || memcmp(word + word_bytes - tail_bytes, tail, tail_bytes) != 0)
        return false;
    word_bytes -= tail_bytes;
    if (word_bytes == directory_bytes && memcmp(word, directory, directory_bytes) == 0)
        return true;

    return strncmp(directory, home, sizeof(home) - 1) == 0 &&
           word_bytes == directory_bytes - (sizeof(home) - 1) &&
           memcmp(word, directory + sizeof(home) - 1, word_bytes) == 0;
}

bool agent_ssh_text_includes(const char *text, const char *directory)
{
    while (*text != '\0') {
        const char *end = strchrnul(text, '\n'), *rest = text, *word;
        size_t word_bytes = next_word(&rest, end, &word);

        if (is_word(word, word_bytes, "Match"))
            return false; /* what follows holds for some connections only */
        if (is_word(word, word_bytes, "Include"))
            while ((word_bytes = next_word(&rest, end, &word)) > 0)
                if (is_pattern_of(word, word_bytes, directory))
                    return true;
        text = *end == '\0' ? end : end + 1;
    }

    return false;
}

bool agent_ssh_text_denies_all(const char *effective)
{
    static const char line[] = "denyusers *";

    while (*effective != '\0') {
        const char *end = strchrnul(effective, '\n');

        if ((size_t)(end - effective) == sizeof(line) - 1 &&
            memcmp(effective, line, sizeof(line) - 1) == 0)
            return true;
        effective = *end == '\0' ? end : end + 1;
    }

    return false;
}
