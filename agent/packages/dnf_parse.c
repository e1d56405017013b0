/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/dnf_parse.h"

#include <errno.h>
#include <string.h>

#include "agent/txn/task.h"
#include "common/text.h"

enum {
    ROW_WORDS = 4, /* name, architecture, version, repository; the size does not matter */
};

static const struct agent_packages_line LINE_NONE = {"", 0};

/* One row of the table, gathered over as many lines as dnf broke it into. */
struct row {
    struct agent_packages_line words[ROW_WORDS];
    uint32_t count;
};

struct table {
    struct agent_packages_memory *memory;
    struct agent_packages_changes changes;
    uint32_t action; /* of the section; 0 before the first */
    struct row row;
};

/* The next word of the line's rest; false when there is none. */
static bool next_word(struct agent_packages_line *rest, struct agent_packages_line *ret_word)
{
    while (rest->length > 0 && rest->text[0] == ' ') {
        rest->text++;
        rest->length--;
    }
    *ret_word = (struct agent_packages_line){rest->text, 0};
    while (rest->length > 0 && rest->text[0] != ' ') {
        rest->text++;
        rest->length--;
        ret_word->length++;
    }

    return ret_word->length > 0;
}

static int add_change(struct table *t, uint32_t action, const struct agent_packages_line *name,
                      const struct agent_packages_line *arch,
                      const struct agent_packages_line *version, struct bl_error *err)
{
    struct proto_change *change;
    const char *text;
    void *place;
    int r;

    if (t->changes.count >= AGENT_TXN_LINES_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d changes at once", AGENT_TXN_LINES_MAX);
    r = agent_packages_memory_append(t->memory, &t->changes.list, t->changes.count, sizeof(*change),
                                     &place, err);
    if (r < 0)
        return r;
    change = place;
    *change = (struct proto_change){.from = "", .to = "", .action = action};
    if ((r = agent_packages_memory_copy(t->memory, name->text, name->length, &change->name, err)) <
            0 ||
        (r = agent_packages_memory_copy(t->memory, arch->text, arch->length, &change->arch, err)) <
            0 ||
        (r = agent_packages_memory_copy(t->memory, version->text, version->length, &text, err)) < 0)
        return r;
    if (action == PROTO_ACTION_REMOVE) {
        change->from = text;
    } else {
        change->to = text;
    }
    if (!agent_packages_change_is_sound(change) || change->arch[0] == '\0')
        return bl_fail(err, -EBADMSG, "dnf's line is no package change");
    t->changes.count++;

    return 0;
}

static int end_row(struct table *t, struct bl_error *err)
{
    struct row row = t->row;

    t->row = (struct row){0};
    if (row.count == 0)
        return 0;
    if (row.count < ROW_WORDS)
        return bl_fail(err, -EBADMSG, "dnf's line has %u words", row.count);

    return add_change(t, t->action, &row.words[0], &row.words[1], &row.words[2], err);
}

/* "     replacing  NAME.ARCH VERSION": obsoleted by the package of the row above. */
static int parse_replaced(struct table *t, struct agent_packages_line rest, struct bl_error *err)
{
    struct agent_packages_line word, name, arch, version;
    const char *dot;
    int r = end_row(t, err);

    if (r < 0)
        return r;
    (void)next_word(&rest, &word);
    if (!next_word(&rest, &name) || !next_word(&rest, &version))
        return bl_fail(err, -EBADMSG, "dnf's line names no replaced package");
    dot = memrchr(name.text, '.', name.length);
    if (dot == NULL)
        return bl_fail(err, -EBADMSG, "dnf's line names no architecture");
    arch = (struct agent_packages_line){dot + 1, name.length - (size_t)(dot - name.text) - 1};
    name.length = (size_t)(dot - name.text);

    return add_change(t, PROTO_ACTION_REMOVE, &name, &arch, &version, err);
}

static int begin_section(struct table *t, const struct agent_packages_line *line,
                         struct bl_error *err)
{
    static const struct {
        const char *heading;
        uint32_t action;
    } table[] = {
        {"Installing:", PROTO_ACTION_INSTALL},
        {"Installing dependencies:", PROTO_ACTION_INSTALL},
        {"Installing weak dependencies:", PROTO_ACTION_INSTALL},
        {"Upgrading:", PROTO_ACTION_UPGRADE},
        {"Downgrading:", PROTO_ACTION_DOWNGRADE},
        {"Removing:", PROTO_ACTION_REMOVE},
        {"Removing dependent packages:", PROTO_ACTION_REMOVE},
        {"Removing unused dependencies:", PROTO_ACTION_REMOVE},
    };
    char words[80];
    int r = end_row(t, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (agent_packages_line_is(line, table[i].heading)) {
            t->action = table[i].action;
            return 0;
        }
    }
    bl_text_escape(words, sizeof(words), line->text, line->length);

    return bl_fail(err, -EPERM, "dnf would do what this job cannot take back: %s", words);
}

static int parse_line(struct table *t, struct agent_packages_line line, struct bl_error *err)
{
    struct agent_packages_line word;
    int r;

    if (line.length == 0)
        return 0;
    if (line.text[0] != ' ')
        return begin_section(t, &line, err);
    if (agent_packages_line_starts(&line, "     replacing  "))
        return parse_replaced(t, line, err);
    if (t->action == 0)
        return bl_fail(err, -EBADMSG, "dnf's table begins without a heading");
    /* What a column has no room for goes on below it, further right. */
    if (line.length > 1 && line.text[1] != ' ' && (r = end_row(t, err)) < 0)
        return r;
    while (next_word(&line, &word)) {
        if (t->row.count < ROW_WORDS)
            t->row.words[t->row.count++] = word;
    }

    return 0;
}

int agent_packages_dnf_parse_table(struct agent_packages_memory *memory, const char *text,
                                   struct agent_packages_changes *ret_changes, struct bl_error *err)
{
    struct table t = {.memory = memory};
    struct agent_packages_line line;
    uint32_t rules = 0; /* lines of "====": above and below the names of the columns */
    bool ended = false;
    int r;

    while (!ended && agent_packages_next_line(&text, &line)) {
        if (rules < 2) {
            rules += agent_packages_line_starts(&line, "========") ? 1 : 0;
            continue;
        }
        ended = agent_packages_line_is(&line, "Transaction Summary");
        r = ended ? end_row(&t, err) : parse_line(&t, line, err);
        if (r < 0)
            return r;
    }
    if (rules > 0 && !ended)
        return bl_fail(err, -EBADMSG, "dnf's table has no end");
    *ret_changes = t.changes;

    return 0;
}

/* Cuts the text up to `stop` off the line's front; without one, the whole rest. */
static struct agent_packages_line cut(struct agent_packages_line *line, char stop)
{
    const char *end = memchr(line->text, stop, line->length);
    struct agent_packages_line word = *line;

    if (end == NULL) {
        *line = LINE_NONE;
        return word;
    }
    word.length = (size_t)(end - line->text);
    line->text += word.length + 1;
    line->length -= word.length + 1;

    return word;
}

static int parse_rpm(struct agent_packages_memory *memory, struct agent_packages_line line,
                     struct agent_packages_rpm *rpm, struct bl_error *err)
{
    const char **fields[] = {&rpm->name, &rpm->arch, &rpm->version};
    const char *size;
    int r;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct agent_packages_line word = cut(&line, '\t');

        r = agent_packages_memory_copy(memory, word.text, word.length, fields[i], err);
        if (r < 0)
            return r;
    }
    r = agent_packages_memory_copy(memory, line.text, line.length, &size, err);
    if (r < 0)
        return r;
    if (bl_text_to_u64(size, INT64_MAX, &rpm->size_bytes, err) < 0)
        return bl_fail(err, -EBADMSG, "rpm's line has no size");
    if (!bl_text_is_package_name(rpm->name) || !bl_text_is_version(rpm->version))
        return bl_fail(err, -EBADMSG, "rpm's line is no package");

    return 0;
}

int agent_packages_dnf_parse_rpms(struct agent_packages_memory *memory, const char *text,
                                  struct agent_packages_rpms *ret_rpms, struct bl_error *err)
{
    struct agent_packages_rpms rpms = {0};
    struct agent_packages_line line;

    while (agent_packages_next_line(&text, &line)) {
        void *place;
        int r;

        if (!agent_packages_line_starts(&line, "belay\t"))
            continue;
        (void)cut(&line, '\t');
        r = agent_packages_memory_append(memory, &rpms.list, rpms.count, sizeof(*rpms.list), &place,
                                         err);
        if (r < 0)
            return r;
        r = parse_rpm(memory, line, place, err);
        if (r < 0)
            return r;
        rpms.count++;
    }
    *ret_rpms = rpms;

    return 0;
}

bool agent_packages_dnf_is_automatic(const char *reasons, const char *name, const char *arch)
{
    struct agent_packages_line line;

    while (agent_packages_next_line(&reasons, &line)) {
        struct agent_packages_line head = cut(&line, '|');
        struct agent_packages_line name_word = cut(&line, '|');
        struct agent_packages_line arch_word = cut(&line, '|');

        if (agent_packages_line_is(&head, "belay") && agent_packages_line_is(&name_word, name) &&
            agent_packages_line_is(&arch_word, arch)) {
            return agent_packages_line_is(&line, "dependency") ||
                   agent_packages_line_is(&line, "weak-dependency");
        }
    }

    return false;
}

bool agent_packages_dnf_is_locked(const char *locks, const char *name)
{
    size_t length = strlen(name);
    struct agent_packages_line line;

    while (agent_packages_next_line(&locks, &line)) {
        if (line.length > 0 && line.text[0] == '!') {
            line.text++;
            line.length--;
        }
        /* Names may end in digits and dashes too; a version is what has the epoch's colon. */
        if (agent_packages_line_starts(&line, name) && line.length > length + 1 &&
            line.text[length] == '-' &&
            strspn(line.text + length + 1, "0123456789*") == strcspn(line.text + length + 1, ":\n"))
            return true;
    }

    return false;
}

bool agent_packages_dnf_has_failed_script(const char *text)
{
    static const struct agent_packages_needle needles[] = {
        {" scriptlet failed, ", ""},
        {" scriptlet in rpm package ", ""},
    };
    struct agent_packages_cause unused;

    return agent_packages_find_needle(text, needles, sizeof(needles) / sizeof(needles[0]), &unused);
}

bool agent_packages_dnf_has_advisories(const char *text)
{
    struct agent_packages_line line, id;

    while (agent_packages_next_line(&text, &line)) {
        struct agent_packages_line kind;

        /* "i FEDORA-2026-1 Moderate/Sec. demo-2.0-1.noarch": with a mark in front, or without. */
        if (!next_word(&line, &id) || !next_word(&line, &kind))
            continue;
        if (id.length == 1 && !next_word(&line, &kind))
            continue;
        if (memmem(kind.text, kind.length, "Sec.", strlen("Sec.")) != NULL ||
            agent_packages_line_is(&kind, "security"))
            return true;
    }

    return false;
}

static struct agent_packages_line trimmed(struct agent_packages_line line)
{
    while (line.length > 0 && line.text[0] == ' ') {
        line.text++;
        line.length--;
    }
    while (line.length > 0 && line.text[line.length - 1] == ' ')
        line.length--;

    return line;
}

bool agent_packages_dnf_next_setting(const char **cursor, const char *key,
                                     struct agent_packages_line *ret_value)
{
    struct agent_packages_line line;

    while (agent_packages_next_line(cursor, &line)) {
        struct agent_packages_line name = trimmed(cut(&line, '='));

        *ret_value = trimmed(line);
        if (agent_packages_line_is(&name, key) && ret_value->length > 0)
            return true;
    }

    return false;
}

struct agent_packages_line agent_packages_dnf_find_setting(const char *config, const char *key)
{
    struct agent_packages_line line, found = LINE_NONE;

    while (agent_packages_next_line(&config, &line)) {
        struct agent_packages_line name = trimmed(cut(&line, '='));

        if (agent_packages_line_is(&name, key))
            found = trimmed(line);
    }

    return found;
}

void agent_packages_dnf_find_cause(const char *text, struct agent_packages_cause *ret_cause)
{
    /* In this order: a full disk makes scripts fail, not the other way round. */
    static const struct agent_packages_needle table[] = {
        {"No space left on device", "no_space"},
        {"more space needed on the ", "no_space"},
        {"more space on the ", "no_space"},
        {"Failed to obtain the transaction lock", "lock_held"},
        {"can't create transaction lock", "lock_held"},
        {" already locked by ", "lock_held"},
        {"filtered out by exclude filtering", "package_held"},
        {"No match for argument: ", "package_not_found"},
        {"Unable to find a match: ", "package_not_found"},
        {" scriptlet failed, ", "postinst_failed"},
        {" scriptlet in rpm package ", "postinst_failed"},
        {"GPG check FAILED", "fetch_failed"},
        {"is not signed", "fetch_failed"},
        {"Public key for ", "fetch_failed"},
        {"checksum doesn't match", "fetch_failed"},
        {"Failed to download metadata for repo", "refresh_failed"},
        {"Error downloading packages", "fetch_failed"},
        {"  - nothing provides ", "resolve_failed"},
        {" requires ", "resolve_failed"},
        {" conflicts with ", "resolve_failed"},
        {" Problem: ", "resolve_failed"},
        {" Problem 1: ", "resolve_failed"},
        {"Error: ", "dnf_failed"},
        {"error: ", "dnf_failed"},
    };

    if (!agent_packages_find_needle(text, table, sizeof(table) / sizeof(table[0]), ret_cause))
        *ret_cause = (struct agent_packages_cause){.code = "dnf_failed", .line = LINE_NONE};
}

struct agent_packages_line agent_packages_dnf_last_action(const char *text)
{
    static const char *const beginnings[] = {
        "  Running scriptlet: ", "  Installing       : ", "  Upgrading        : ",
        "  Downgrading      : ", "  Cleanup          : ", "  Erasing          : ",
        "  Obsoleting       : ",
    };
    struct agent_packages_line line =
        agent_packages_last_line(text, beginnings, sizeof(beginnings) / sizeof(beginnings[0]));

    return trimmed(line);
}

bool agent_packages_dnf_parse_verified(const struct agent_packages_line *line,
                                       struct agent_packages_line *ret_path)
{
    static const char missing[] = "missing  ";
    const char *path = memchr(line->text, '/', line->length);
    bool is_missing = agent_packages_line_starts(line, missing);
    size_t before;

    if (path == NULL)
        return false;
    before = (size_t)(path - line->text);
    /* "S.5....T.  c /path": nine marks, two blanks, a letter for special kinds of files. */
    if (before < 11 || (!is_missing && line->text[2] != '5'))
        return false;
    if (line->text[before - 2] != ' ' && line->text[before - 1] == ' ')
        return false;
    *ret_path = (struct agent_packages_line){path, line->length - before};

    return true;
}

size_t agent_packages_dnf_piece_length(const char *name)
{
    const char *mark = strrchr(name, ';');

    if (mark == NULL || strlen(mark + 1) != 8 || strspn(mark + 1, "0123456789abcdef") != 8)
        return 0;

    return (size_t)(mark - name);
}
