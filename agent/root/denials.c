/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/denials.h"

#include <string.h>
#include <systemd/sd-journal.h>

#include "common/file.h"
#include "common/text.h"

enum {
    MESSAGE_BYTES = 1024,
};

/* Adds " name=value" of the message, where the value ends with a blank, or with its quote. */
static void add_field(const char *message, const char *name, struct bl_text *text)
{
    char value[128];
    const char *at = strstr(message, name);
    size_t bytes;

    if (at == NULL || at[-1] != ' ')
        return;
    bytes = strlen(name);
    bytes += at[bytes] == '"' ? 1 + strcspn(at + bytes + 1, "\"") + 1 : strcspn(at + bytes, " ");
    if (bytes > strlen(at))
        return;
    bl_text_escape(value, sizeof(value), at, bytes);
    bl_text_add(text, " ");
    bl_text_add(text, value);
}

bool agent_denials_parse(const char *message, char *ret_text, size_t text_bytes)
{
    static const char *const fields[] = {
        "comm=", "name=", "path=", "scontext=", "tcontext=", "tclass=", "permissive="};
    const char *avc = strstr(message, "avc:"), *open, *close;
    struct bl_text text;
    char access[128];

    if (avc == NULL)
        return false;
    avc += strlen("avc:");
    avc += strspn(avc, " ");
    if (strncmp(avc, "denied", 6) != 0)
        return false;
    open = avc + 6 + strspn(avc + 6, " ");
    close = *open == '{' ? strchr(open, '}') : NULL;
    if (close == NULL)
        return false;
    bl_text_escape(access, sizeof(access), open, (size_t)(close - open) + 1);
    bl_text_init(&text, ret_text, text_bytes);
    bl_text_add(&text, access);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        add_field(close, fields[i], &text);

    return true;
}

static void count(sd_journal *journal, struct agent_denials *denials)
{
    static const char field[] = "MESSAGE=";
    char message[MESSAGE_BYTES], text[AGENT_DENIALS_LINE_BYTES];
    const void *data = NULL;
    size_t bytes = 0;

    if (sd_journal_get_data(journal, "MESSAGE", &data, &bytes) < 0 || bytes < sizeof(field) - 1)
        return;
    bytes -= sizeof(field) - 1;
    bytes = bytes < sizeof(message) - 1 ? bytes : sizeof(message) - 1;
    memcpy(message, (const char *)data + sizeof(field) - 1, bytes);
    message[bytes] = '\0';
    if (agent_denials_parse(message, text, sizeof(text)) && denials->count++ == 0)
        bl_text_copy(denials->first, sizeof(denials->first), text);
}

int agent_denials_read(const char *cursor, int64_t wall_ms, struct agent_denials *ret_denials,
                       struct bl_error *err)
{
    sd_journal *journal = NULL;
    int r;

    *ret_denials = (struct agent_denials){0};
    r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
    if (r >= 0)
        r = sd_journal_add_match(journal, "_TRANSPORT=audit", 0);
    if (r >= 0)
        r = sd_journal_add_match(journal, "_AUDIT_TYPE=1400", 0);
    if (r >= 0) {
        r = cursor[0] != '\0' ? sd_journal_seek_cursor(journal, cursor)
                              : sd_journal_seek_realtime_usec(journal, (uint64_t)wall_ms * 1000);
    }
    while (r >= 0 && ret_denials->count < AGENT_DENIALS_MAX && (r = sd_journal_next(journal)) > 0) {
        if (cursor[0] == '\0' || sd_journal_test_cursor(journal, cursor) <= 0)
            count(journal, ret_denials);
    }
    sd_journal_close(journal);
    if (r < 0)
        return bl_fail(err, r, "read the audit's messages: %s", strerror(-r));

    return 0;
}
