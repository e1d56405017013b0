/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lease/ssh_text.h"
#include "common/file.h"

#define BEGIN        "# belay-lock begin\n"
#define BEGIN_JOINED "# belay-lock begin, behind a line without its end\n"
#define END          "# belay-lock end\n"

struct line {
    const char *at;
    size_t bytes; /* with the newline, when it has one */
};

static bool next_line(const char **rest, const char *end, struct line *ret_line)
{
    const char *newline;

    if (*rest == end)
        return false;
    newline = memchr(*rest, '\n', (size_t)(end - *rest));
    ret_line->at = *rest;
    ret_line->bytes = (size_t)((newline != NULL ? newline + 1 : end) - *rest);
    *rest += ret_line->bytes;

    return true;
}

static bool is_line(const struct line *line, const char *wanted)
{
    size_t wanted_bytes = strlen(wanted);

    /* Somebody may have taken the newline of the last line away. */
    if (line->bytes + 1 == wanted_bytes && line->at[line->bytes - 1] != '\n')
        wanted_bytes--;

    return line->bytes == wanted_bytes && memcmp(line->at, wanted, wanted_bytes) == 0;
}

static bool is_begin(const struct line *line)
{
    return is_line(line, BEGIN) || is_line(line, BEGIN_JOINED);
}

bool agent_ssh_block_is_in(const char *config, size_t config_bytes)
{
    const char *rest = config;
    struct line line;

    while (next_line(&rest, config + config_bytes, &line))
        if (is_begin(&line) || is_line(&line, END))
            return true;

    return false;
}

int agent_ssh_block_add(const char *config, size_t config_bytes, const char *lock, char **ret_text,
                        size_t *ret_bytes, struct bl_error *err)
{
    bool is_joined = config_bytes > 0 && config[config_bytes - 1] != '\n';
    const char *begin = is_joined ? BEGIN_JOINED : BEGIN;
    BL_AUTO_FREE char *text = NULL;
    size_t text_bytes;
    char *at;

    if (memchr(config, '\0', config_bytes) != NULL)
        return bl_fail(err, -EPROTO, "sshd's configuration is no text");
    if (agent_ssh_block_is_in(config, config_bytes))
        return bl_fail(err, -EPROTO, "sshd's configuration has a lock of belay already");
    text_bytes = config_bytes + is_joined + strlen(begin) + strlen(lock) + strlen(END);
    text = malloc(text_bytes + 1);
    if (text == NULL)
        return bl_fail(err, -ENOMEM, "no memory for sshd's configuration");
    memcpy(text, config, config_bytes);
    at = text + config_bytes;
    if (is_joined)
        *at++ = '\n';
    at = stpcpy(stpcpy(stpcpy(at, begin), lock), END);
    BL_ASSERT(at == text + text_bytes);
    *ret_text = BL_TAKE_PTR(text);
    *ret_bytes = text_bytes;

    return 0;
}

bool agent_ssh_block_cut(char *config, size_t *config_bytes)
{
    const char *rest = config, *end = config + *config_bytes;
    char *to = config;
    enum agent_ssh_text_part part = AGENT_SSH_TEXT_DONE;
    bool is_joined = false, was_there = false;
    struct line line;

    while (next_line(&rest, end, &line)) {
        if (is_begin(&line) || is_line(&line, END)) {
            is_joined = is_begin(&line) ? is_line(&line, BEGIN_JOINED) : is_joined;
            part = is_begin(&line) ? AGENT_SSH_TEXT_HEAD : AGENT_SSH_TEXT_DONE;
            was_there = true;
            continue;
        }
        /* A stranger's line between ours stays, and ours end without their closing mark, too. */
        if (agent_ssh_text_takes_lock_line(&part, line.at, line.bytes))
            continue;
        memmove(to, line.at, line.bytes);
        to += line.bytes;
        is_joined = false; /* what follows needs the newline */
    }
    if (is_joined && to > config && to[-1] == '\n')
        to--;
    *config_bytes = (size_t)(to - config);
    config[*config_bytes] = '\0';

    return was_there;
}
