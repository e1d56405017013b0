/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/trust_standing.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "common/hex.h"
#include "controller/cli/keyring.h"
#include "controller/outside/out.h"

int ctl_trust_stand(const void *former, size_t former_bytes, const struct proto_buffer *file,
                    struct ctl_trust_standing *ret_standing, struct bl_error *err)
{
    struct ctl_trust_standing standing = {0};
    int r = 0;

    if (former_bytes > 0) {
        r = proto_trust_open(former, former_bytes, &standing.arena, &standing.before, err);
        if (r < 0)
            r = bl_wrap(err, "the trust file before");
    }
    if (r >= 0) {
        r = proto_trust_look(former_bytes > 0 ? &standing.before : NULL, file->data,
                             file->size_bytes, &standing.arena, &standing.next, &standing.file,
                             &standing.tally, err);
    }
    if (r >= 0 && former_bytes > 0 && standing.next.version != standing.before.version + 1) {
        r = bl_fail(err, -EUCLEAN, "trust: version %llu does not follow version %llu",
                    (unsigned long long)standing.next.version,
                    (unsigned long long)standing.before.version);
    }
    if (r < 0) {
        proto_arena_release(&standing.arena);
        return r;
    }
    *ret_standing = standing;

    return 0;
}

void ctl_trust_standing_release(struct ctl_trust_standing *standing)
{
    proto_arena_release(&standing->arena);
}

static bool lacks_former(const struct ctl_trust_standing *standing)
{
    return standing->before.version > 0 &&
           standing->tally.former_signed < standing->before.roots_needed;
}

static bool lacks_own(const struct ctl_trust_standing *standing)
{
    return standing->tally.own_signed < standing->next.roots_needed;
}

static bool is_new_root(const struct ctl_trust_standing *standing, const uint8_t *key)
{
    return standing->before.version > 0 && proto_trust_is_root(&standing->next, key) &&
           !proto_trust_is_root(&standing->before, key);
}

bool ctl_trust_is_whole(const struct ctl_trust_standing *standing)
{
    return !lacks_former(standing) && !lacks_own(standing) && standing->tally.new_unsigned == 0;
}

bool ctl_trust_wants(const struct ctl_trust_standing *standing, const uint8_t key[PROTO_KEY_BYTES])
{
    if (proto_trust_has_signed(&standing->file, key))
        return false;

    return is_new_root(standing, key) ||
           (lacks_former(standing) && proto_trust_is_root(&standing->before, key)) ||
           (lacks_own(standing) && proto_trust_is_root(&standing->next, key));
}

/* The names of those roots of `of` that are wanted: all of them, or only new ones. */
static uint32_t wanted_names(const struct ctl_trust_standing *standing,
                             const struct proto_trust *of, bool only_new,
                             const char *ret_names[PROTO_ROOTS_MAX])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < of->roots_count; i++) {
        const uint8_t *key = of->roots[i].key;

        if (ctl_trust_wants(standing, key) && (!only_new || is_new_root(standing, key)))
            ret_names[count++] = of->roots[i].name;
    }

    return count;
}

static void add(char *text, const char *fmt, ...) BL_PRINTF(2, 3);
static void add(char *text, const char *fmt, ...)
{
    size_t used = strlen(text);
    va_list arguments;

    va_start(arguments, fmt);
    (void)vsnprintf(text + used, CTL_TRUST_MISSING_BYTES - used, fmt, arguments);
    va_end(arguments);
}

static void add_names(char *text, const char *const *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        add(text, "%s%.60s", i > 0 ? ", " : "", names[i]);
}

static void add_threshold(char *text, const char *whose, uint64_t has, uint64_t needed,
                          const char *const *names, uint32_t count)
{
    add(text, "%ssigned by %llu of the %llu %s roots that are needed: missing %s %llu of ",
        text[0] != '\0' ? "; " : "", (unsigned long long)has, (unsigned long long)needed, whose,
        needed - has == 1 ? "is" : "are", (unsigned long long)(needed - has));
    add_names(text, names, count);
}

const char *ctl_trust_missing(const struct ctl_trust_standing *standing,
                              char ret_text[CTL_TRUST_MISSING_BYTES])
{
    const char *names[PROTO_ROOTS_MAX];
    uint32_t count;

    ret_text[0] = '\0';
    if (lacks_former(standing)) {
        count = wanted_names(standing, &standing->before, false, names);
        add_threshold(ret_text, "former", standing->tally.former_signed,
                      standing->before.roots_needed, names, count);
    }
    if (standing->tally.new_unsigned > 0) {
        count = wanted_names(standing, &standing->next, true, names);
        add(ret_text, "%snew roots have to show that somebody has them: missing %s ",
            ret_text[0] != '\0' ? "; " : "", count == 1 ? "is" : "are");
        add_names(ret_text, names, count);
    } else if (lacks_own(standing)) {
        count = wanted_names(standing, &standing->next, false, names);
        add_threshold(ret_text, "next", standing->tally.own_signed, standing->next.roots_needed,
                      names, count);
    }
    if (ret_text[0] == '\0')
        add(ret_text, "signed by enough roots");

    return ret_text;
}

static void append_names(json_t *array, const char *const *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_string(names[i]));
}

json_t *ctl_trust_standing_json(const struct ctl_trust_standing *standing)
{
    const struct proto_trust *next = &standing->next;
    const char *names[PROTO_ROOTS_MAX];
    json_t *former = json_array(), *own = json_array();

    append_names(former, names, wanted_names(standing, &standing->before, false, names));
    append_names(own, names, wanted_names(standing, next, false, names));

    return json_pack("{s:I, s:b, s:I, s:I, s:o, s:I, s:I, s:o}", "version",
                     (json_int_t)next->version, "complete", ctl_trust_is_whole(standing),
                     "former_signed_count", (json_int_t)standing->tally.former_signed,
                     "former_needed", (json_int_t)standing->before.roots_needed, "former_missing",
                     former, "next_signed_count", (json_int_t)standing->tally.own_signed,
                     "next_needed", (json_int_t)next->roots_needed, "next_missing", own);
}

/* ---- what differs ---- */

static void put_line(FILE *to, const char *mark, const char *what, const char *name,
                     const uint8_t key[PROTO_KEY_BYTES])
{
    char text[BL_HEX_BYTES(PROTO_KEY_BYTES)];

    bl_hex_encode(key, PROTO_KEY_BYTES, text);
    (void)fprintf(to, "  %s %s ", mark, what);
    ctl_out_put(to, name);
    (void)fprintf(to, "  %s\n", text);
}

static void print_roots(const struct proto_trust *before, const struct proto_trust *next, FILE *to)
{
    for (uint32_t i = 0; i < before->roots_count; i++) {
        if (!proto_trust_is_root(next, before->roots[i].key))
            put_line(to, "-", "root", before->roots[i].name, before->roots[i].key);
    }
    for (uint32_t i = 0; i < next->roots_count; i++) {
        if (!proto_trust_is_root(before, next->roots[i].key))
            put_line(to, "+", "root", next->roots[i].name, next->roots[i].key);
    }
    if (before->roots_needed != next->roots_needed) {
        (void)fprintf(to, "  ~ roots that must sign: %llu of %u, instead of %llu of %u\n",
                      (unsigned long long)next->roots_needed, next->roots_count,
                      (unsigned long long)before->roots_needed, before->roots_count);
    }
}

static const struct proto_person *find_person(const struct proto_trust *trust, const uint8_t *key)
{
    for (uint32_t i = 0; i < trust->people_count; i++) {
        if (memcmp(trust->people[i].key, key, PROTO_KEY_BYTES) == 0)
            return &trust->people[i];
    }

    return NULL;
}

static void print_people(const struct proto_trust *before, const struct proto_trust *next, FILE *to)
{
    for (uint32_t i = 0; i < before->people_count; i++) {
        if (find_person(next, before->people[i].key) == NULL)
            put_line(to, "-", "person that nobody remembers any more", before->people[i].name,
                     before->people[i].key);
    }
    for (uint32_t i = 0; i < next->people_count; i++) {
        const struct proto_person *person = &next->people[i];
        const struct proto_person *former = find_person(before, person->key);

        if (former != NULL && former->role == person->role && former->revoked == person->revoked &&
            strcmp(former->name, person->name) == 0)
            continue;
        put_line(to,
                 person->revoked  ? "-"
                 : former == NULL ? "+"
                                  : "~",
                 person->revoked ? "revoked" : ctl_key_role_name(person->role), person->name,
                 person->key);
    }
}

void ctl_trust_print_changes(const struct ctl_trust_standing *standing, FILE *to)
{
    const struct proto_trust *before = &standing->before, *next = &standing->next;

    (void)fprintf(to, "trust file version %llu\n", (unsigned long long)next->version);
    print_roots(before, next, to);
    print_people(before, next, to);
    for (uint32_t i = 0; i < next->quorums_count; i++) {
        const struct proto_quorum *quorum = &next->quorums[i];

        if (i < before->quorums_count && before->quorums[i].operators == quorum->operators &&
            before->quorums[i].commanders == quorum->commanders)
            continue;
        (void)fprintf(to, "  ~ %s risk needs %llu+%llu operators and commanders\n",
                      proto_risk_name(i + 1), (unsigned long long)quorum->operators,
                      (unsigned long long)quorum->commanders);
    }
}
