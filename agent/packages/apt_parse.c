/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/apt_parse.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

static const struct agent_packages_line LINE_NONE = {"", 0};

/* Cuts the text up to the first of `stops` off the line's front; the stop itself is skipped. */
static bool cut(struct agent_packages_line *line, const char *stops,
                struct agent_packages_line *ret_word)
{
    for (size_t i = 0; i < line->length; i++) {
        if (strchr(stops, line->text[i]) == NULL)
            continue;
        *ret_word = (struct agent_packages_line){.text = line->text, .length = i};
        line->text += i + 1;
        line->length -= i + 1;
        return i > 0;
    }

    return false;
}

static int copy_line(struct agent_packages_memory *memory, const struct agent_packages_line *line,
                     const char **ret_text, struct bl_error *err)
{
    return agent_packages_memory_copy(memory, line->text, line->length, ret_text, err);
}

/* "NAME" or "NAME:ARCH"; an architecture that is not named stays "". */
static int parse_name(struct agent_packages_memory *memory, const struct agent_packages_line *word,
                      struct proto_change *change, struct bl_error *err)
{
    const char *colon = memchr(word->text, ':', word->length);
    size_t length = colon != NULL ? (size_t)(colon - word->text) : word->length;
    int r;

    r = agent_packages_memory_copy(memory, word->text, length, &change->name, err);
    if (r < 0)
        return r;
    if (colon == NULL)
        return agent_packages_memory_copy(memory, "", 0, &change->arch, err);

    return agent_packages_memory_copy(memory, colon + 1, word->length - length - 1, &change->arch,
                                      err);
}

/* "(2.0 Debian:12.5/stable, Lab:new [amd64]) ..." */
static int parse_offer(struct agent_packages_memory *memory, struct agent_packages_line rest,
                       struct proto_change *change, struct bl_error *err)
{
    struct agent_packages_line version, inside, arch;
    int r;

    if (rest.length < 2 || rest.text[0] != '(')
        return bl_fail(err, -EBADMSG, "apt's line names no version");
    rest.text++;
    rest.length--;
    if (!cut(&rest, " ", &version) || !cut(&rest, "[", &inside) || !cut(&rest, "]", &arch))
        return bl_fail(err, -EBADMSG, "apt's line names no architecture");

    r = copy_line(memory, &version, &change->to, err);
    if (r < 0)
        return r;

    return copy_line(memory, &arch, &change->arch, err);
}

/* What follows "Inst " or "Remv ": "NAME [OLD] (NEW ORIGINS [ARCH]) ..." */
static int parse_change(struct agent_packages_memory *memory, struct agent_packages_line rest,
                        bool remove, struct proto_change *change, struct bl_error *err)
{
    struct agent_packages_line name, old = LINE_NONE;
    int r;

    if (!cut(&rest, " ", &name))
        return bl_fail(err, -EBADMSG, "apt's line names no package");
    r = parse_name(memory, &name, change, err);
    if (r < 0)
        return r;
    if (rest.length > 0 && rest.text[0] == '[') {
        rest.text++;
        rest.length--;
        if (!cut(&rest, "]", &old))
            return bl_fail(err, -EBADMSG, "apt's line names no former version");
        if (rest.length > 0 && rest.text[0] == ' ') {
            rest.text++;
            rest.length--;
        }
    }
    r = copy_line(memory, &old, &change->from, err);
    if (r < 0)
        return r;

    change->to = "";
    change->action = remove            ? PROTO_ACTION_REMOVE
                     : old.length == 0 ? PROTO_ACTION_INSTALL
                                       : PROTO_ACTION_UPGRADE;

    return remove ? 0 : parse_offer(memory, rest, change, err);
}

int agent_packages_apt_add_change(struct agent_packages_memory *memory,
                                  const struct agent_packages_line *line, bool remove,
                                  struct agent_packages_changes *changes, struct bl_error *err)
{
    struct agent_packages_line rest = {line->text + 5, line->length - 5};
    struct proto_change *change;
    void *place;
    int r;

    if (changes->count >= AGENT_TXN_LINES_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d changes at once", AGENT_TXN_LINES_MAX);
    r = agent_packages_memory_append(memory, &changes->list, changes->count, sizeof(*change),
                                     &place, err);
    if (r < 0)
        return r;
    change = place;
    r = parse_change(memory, rest, remove, change, err);
    if (r < 0)
        return r;
    if (!agent_packages_change_is_sound(change))
        return bl_fail(err, -EBADMSG, "apt's line is no package change");
    changes->count++;

    return 0;
}

int agent_packages_apt_parse_simulation(struct agent_packages_memory *memory, const char *text,
                                        struct agent_packages_changes *ret_changes,
                                        struct bl_error *err)
{
    struct agent_packages_changes changes = {0};
    struct agent_packages_line line;

    while (agent_packages_next_line(&text, &line)) {
        bool remove = agent_packages_line_starts(&line, "Remv ") ||
                      agent_packages_line_starts(&line, "Purg ");
        int r;

        if (!remove && !agent_packages_line_starts(&line, "Inst "))
            continue;
        r = agent_packages_apt_add_change(memory, &line, remove, &changes, err);
        if (r < 0)
            return r;
    }
    *ret_changes = changes;

    return 0;
}

int agent_packages_apt_parse_section(struct agent_packages_memory *memory, const char *text,
                                     const char *heading, const char **ret_names,
                                     struct bl_error *err)
{
    const char *names = "";
    struct agent_packages_line line;
    bool inside = false;

    while (agent_packages_next_line(&text, &line)) {
        const char *part;
        int r;

        if (agent_packages_line_starts(&line, heading)) {
            inside = true;
            continue;
        }
        inside = inside && agent_packages_line_starts(&line, "  ");
        if (!inside)
            continue;
        line.text += 2;
        line.length -= 2;
        r = copy_line(memory, &line, &part, err);
        if (r < 0)
            return r;
        r = agent_packages_memory_format(memory, &names, err, "%s%s%s", names,
                                         names[0] != '\0' ? " " : "", part);
        if (r < 0)
            return r;
    }
    *ret_names = names;

    return 0;
}

static int parse_state(struct agent_packages_memory *memory, struct agent_packages_line line,
                       struct agent_packages_state *state, struct bl_error *err)
{
    const char **fields[] = {&state->name, &state->arch,   &state->version,
                             &state->want, &state->status, &state->error};
    const char *size;
    size_t tabs = 0;
    int r;

    for (size_t i = 0; i < line.length; i++)
        tabs += line.text[i] == '\t' ? 1 : 0;
    if (tabs != sizeof(fields) / sizeof(fields[0]))
        return bl_fail(err, -EBADMSG, "dpkg's line has %zu fields", tabs + 1);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct agent_packages_line word = {line.text, 0};

        /* An empty field is fine: a package that was never installed has no version. */
        (void)cut(&line, "\t", &word);
        r = copy_line(memory, &word, fields[i], err);
        if (r < 0)
            return r;
    }
    r = copy_line(memory, &line, &size, err);
    if (r < 0)
        return r;
    if (size[0] != '\0' && bl_text_to_u64(size, UINT32_MAX, &state->installed_kib, err) < 0)
        return bl_fail(err, -EBADMSG, "dpkg's line has no size");
    if (!bl_text_is_package_name(state->name) ||
        (state->version[0] != '\0' && !bl_text_is_version(state->version)))
        return bl_fail(err, -EBADMSG, "dpkg's line is no package");

    return 0;
}

int agent_packages_apt_parse_states(struct agent_packages_memory *memory, const char *text,
                                    struct agent_packages_states *ret_states, struct bl_error *err)
{
    struct agent_packages_states states = {0};
    struct agent_packages_line line;

    while (agent_packages_next_line(&text, &line)) {
        struct agent_packages_line rest = {line.text + 6, line.length - 6};
        void *place;
        int r;

        if (!agent_packages_line_starts(&line, "belay\t"))
            continue;
        r = agent_packages_memory_append(memory, &states.list, states.count, sizeof(*states.list),
                                         &place, err);
        if (r < 0)
            return r;
        r = parse_state(memory, rest, place, err);
        if (r < 0)
            return r;
        states.count++;
    }
    *ret_states = states;

    return 0;
}

enum agent_txn_status agent_packages_apt_status(const struct agent_packages_state *state)
{
    if (strcmp(state->status, "not-installed") == 0 || strcmp(state->status, "config-files") == 0)
        return AGENT_TXN_STATUS_ABSENT;
    if (strcmp(state->status, "installed") == 0 && strcmp(state->error, "ok") == 0 &&
        (strcmp(state->want, "install") == 0 || strcmp(state->want, "hold") == 0))
        return AGENT_TXN_STATUS_OK;

    return AGENT_TXN_STATUS_HALF;
}

static bool is_harmless(const struct agent_packages_line *line)
{
    /* About the list of sources, not about what was fetched: the index is good all the same. */
    static const char *const needles[] = {
        " is configured multiple times in ",
        "Key is stored in legacy trusted.gpg keyring",
    };

    for (size_t i = 0; i < sizeof(needles) / sizeof(needles[0]); i++) {
        if (agent_packages_line_starts(line, "W:") &&
            agent_packages_line_contains(line, needles[i]))
            return true;
    }

    return false;
}

bool agent_packages_apt_find_refresh_failure(const char *text, struct agent_packages_line *ret_line)
{
    /* The line that says most comes first. */
    static const char *const kinds[] = {"E:", "Err:", "W:"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *cursor = text;
        struct agent_packages_line line;

        while (agent_packages_next_line(&cursor, &line)) {
            if (!agent_packages_line_starts(&line, kinds[i]) || is_harmless(&line))
                continue;
            *ret_line = line;
            return true;
        }
    }

    return false;
}

void agent_packages_apt_find_cause(const char *text, struct agent_packages_cause *ret_cause)
{
    /* In this order: a full disk makes scripts fail, not the other way round. */
    static const struct agent_packages_needle table[] = {
        {"No space left on device", "no_space"},
        {"You don't have enough free space", "no_space"},
        {"Could not get lock", "lock_held"},
        {"is locked by another process", "lock_held"},
        {"dpkg was interrupted", "dpkg_interrupted"},
        {"Held packages were changed", "package_held"},
        {"Unable to locate package", "package_not_found"},
        {"has no installation candidate", "package_not_found"},
        {"' was not found", "version_not_found"},
        {"installation script subprocess", "postinst_failed"},
        {"removal script subprocess", "postinst_failed"},
        {" : Depends: ", "resolve_failed"},
        {" : Breaks: ", "resolve_failed"},
        {" : Conflicts: ", "resolve_failed"},
        {"dpkg: error", "dpkg_failed"},
        {"E: ", "apt_failed"},
    };

    if (!agent_packages_find_needle(text, table, sizeof(table) / sizeof(table[0]), ret_cause))
        *ret_cause = (struct agent_packages_cause){.code = "apt_failed", .line = LINE_NONE};
}

struct agent_packages_line agent_packages_apt_last_action(const char *text)
{
    static const char *const beginnings[] = {"Preparing to unpack ", "Unpacking ", "Setting up ",
                                             "Removing ", "Processing triggers for "};

    return agent_packages_last_line(text, beginnings, sizeof(beginnings) / sizeof(beginnings[0]));
}

/* The value of a field within one stanza; length 0 when it has none. */
static struct agent_packages_line stanza_field(const char *stanza, size_t length, const char *name)
{
    const char *cursor = stanza;
    struct agent_packages_line line;

    while (cursor < stanza + length && agent_packages_next_line(&cursor, &line)) {
        size_t name_length = strlen(name);

        if (!agent_packages_line_starts(&line, name) || line.length < name_length + 2 ||
            line.text[name_length] != ':')
            continue;
        line.text += name_length + 2;
        line.length -= name_length + 2;
        return line;
    }

    return LINE_NONE;
}

int agent_packages_apt_drop_stanzas(struct agent_packages_memory *memory, const char *status,
                                    const struct agent_packages_stanza_key *keys,
                                    uint32_t key_count, const char **ret_status,
                                    struct bl_error *err)
{
    void *place;
    char *kept;
    int r;

    r = agent_packages_memory_take(memory, strlen(status) + 1, &place, err);
    if (r < 0)
        return r;
    kept = place;
    *ret_status = kept;

    while (*status != '\0') {
        const char *end = strstr(status, "\n\n");
        size_t length = end != NULL ? (size_t)(end - status) + 2 : strlen(status);
        struct agent_packages_line name = stanza_field(status, length, "Package");
        struct agent_packages_line arch = stanza_field(status, length, "Architecture");
        bool drop = false;

        for (uint32_t i = 0; i < key_count; i++)
            drop = drop || (agent_packages_line_is(&name, keys[i].name) &&
                            agent_packages_line_is(&arch, keys[i].arch));
        if (!drop) {
            memcpy(kept, status, length);
            kept += length;
        }
        status += length;
    }

    return 0;
}

/* "Status: install reinstreq half-installed": how many bytes to keep before " ok installed"; 0 = whole. */
static size_t length_to_keep(const char *line, size_t length)
{
    static const char *const whole[] = {" ok installed", " ok config-files", " ok not-installed"};
    static const char field[] = "Status: ";
    size_t want;

    if (length < sizeof(field) || memcmp(line, field, sizeof(field) - 1) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        size_t end = strlen(whole[i]);

        if (length > end && memcmp(line + length - end, whole[i], end) == 0)
            return 0;
    }
    want = strcspn(line + sizeof(field) - 1, " \n");

    return sizeof(field) - 1 + want;
}

int agent_packages_apt_make_whole(struct agent_packages_memory *memory, const char *status,
                                  const char **ret_status, struct bl_error *err)
{
    static const char whole[] = " ok installed";
    size_t room = strlen(status);
    void *place;
    char *made;
    int r;

    /* The shortest line that is changed has nine bytes, and becomes longer by thirteen at most. */
    r = agent_packages_memory_take(memory, 3 * room + 1, &place, err);
    if (r < 0)
        return r;
    made = place;
    *ret_status = made;
    while (*status != '\0') {
        size_t length = strcspn(status, "\n");
        size_t kept = length_to_keep(status, length);

        memcpy(made, status, kept > 0 ? kept : length);
        made += kept > 0 ? kept : length;
        if (kept > 0) {
            memcpy(made, whole, sizeof(whole) - 1);
            made += sizeof(whole) - 1;
        }
        status += length;
        if (*status == '\n')
            *made++ = *status++;
    }
    *made = '\0';

    return 0;
}
