/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/trust.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const struct proto_field person_fields[] = {
    PROTO_FIELD_TEXT(struct proto_person, name, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_FIXED(struct proto_person, key),
    PROTO_FIELD_ENUM(struct proto_person, role, PROTO_ROLE_COMMANDER),
    PROTO_FIELD_BOOL(struct proto_person, revoked),
};
static const struct proto_schema person_schema = PROTO_SCHEMA(struct proto_person, person_fields);

static const struct proto_field root_fields[] = {
    PROTO_FIELD_TEXT(struct proto_root, name, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_FIXED(struct proto_root, key),
};
static const struct proto_schema root_schema = PROTO_SCHEMA(struct proto_root, root_fields);

static const struct proto_field quorum_fields[] = {
    PROTO_FIELD_U64_MAX(struct proto_quorum, operators, PROTO_PEOPLE_MAX),
    PROTO_FIELD_U64_MAX(struct proto_quorum, commanders, PROTO_PEOPLE_MAX),
};
static const struct proto_schema quorum_schema = PROTO_SCHEMA(struct proto_quorum, quorum_fields);

static const struct proto_field trust_fields[] = {
    PROTO_FIELD_U64(struct proto_trust, format),
    PROTO_FIELD_U64(struct proto_trust, version),
    PROTO_FIELD_LIST(struct proto_trust, roots, PROTO_ROOTS_MAX, &root_schema),
    PROTO_FIELD_U64_MAX(struct proto_trust, roots_needed, PROTO_ROOTS_MAX),
    PROTO_FIELD_LIST(struct proto_trust, people, PROTO_PEOPLE_MAX, &person_schema),
    PROTO_FIELD_LIST(struct proto_trust, quorums, PROTO_RISK_HIGH, &quorum_schema),
};
const struct proto_schema proto_trust_schema = PROTO_SCHEMA(struct proto_trust, trust_fields);

static const struct proto_field trust_file_fields[] = {
    PROTO_FIELD_BYTES(struct proto_trust_file, body, PROTO_TRUST_BYTES_MAX),
    PROTO_FIELD_LIST(struct proto_trust_file, signatures, PROTO_TRUST_SIGNATURES_MAX,
                     &proto_signature_schema),
};
const struct proto_schema proto_trust_file_schema =
    PROTO_SCHEMA(struct proto_trust_file, trust_file_fields);

const char *proto_role_name(uint32_t role)
{
    static const char *const names[] = {"?", "operator", "commander"};

    return names[role <= PROTO_ROLE_COMMANDER ? role : 0];
}

static int check_roots(const struct proto_trust *trust, struct bl_error *err)
{
    if (trust->roots_count == 0 || trust->roots_count > PROTO_ROOTS_MAX) {
        return bl_fail(err, -EPROTO, "%u root keys, must be 1 to %d", trust->roots_count,
                       PROTO_ROOTS_MAX);
    }
    if (trust->roots_needed == 0 || trust->roots_needed > trust->roots_count) {
        return bl_fail(err, -EPROTO, "%llu of %u root keys must sign, which can't be",
                       (unsigned long long)trust->roots_needed, trust->roots_count);
    }
    for (uint32_t i = 0; i < trust->roots_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (memcmp(trust->roots[i].key, trust->roots[j].key, PROTO_KEY_BYTES) == 0)
                return bl_fail(err, -EPROTO, "root key %u is also root key %u", i, j);
            if (strcmp(trust->roots[i].name, trust->roots[j].name) == 0)
                return bl_fail(err, -EPROTO, "two root keys are named '%s'", trust->roots[i].name);
        }
    }

    return 0;
}

static int check_people(const struct proto_trust *trust, struct bl_error *err)
{
    for (uint32_t i = 0; i < trust->people_count; i++) {
        const struct proto_person *person = &trust->people[i];

        for (uint32_t j = 0; j < i; j++) {
            const struct proto_person *other = &trust->people[j];

            if (memcmp(person->key, other->key, PROTO_KEY_BYTES) == 0) {
                return bl_fail(err, -EPROTO, "'%s' and '%s' have the same key", other->name,
                               person->name);
            }
            /* Different people must sign: two valid keys would make one person two. */
            if (!person->revoked && !other->revoked && strcmp(person->name, other->name) == 0) {
                return bl_fail(err, -EPROTO, "'%s' has two keys that are not revoked",
                               person->name);
            }
        }
    }

    return 0;
}

int proto_trust_check(const struct proto_trust *trust, struct bl_error *err)
{
    int r;

    if (trust->format != PROTO_TRUST_FORMAT) {
        return bl_fail(err, -EPROTO, "trust: format %llu, this program knows %d",
                       (unsigned long long)trust->format, PROTO_TRUST_FORMAT);
    }
    if (trust->version == 0)
        return bl_fail(err, -EPROTO, "trust: version 0");
    r = check_roots(trust, err);
    if (r >= 0)
        r = check_people(trust, err);
    if (r < 0)
        return bl_wrap(err, "trust");

    if (trust->quorums_count != PROTO_RISK_HIGH) {
        return bl_fail(err, -EPROTO, "trust: %u quorums instead of %d", trust->quorums_count,
                       PROTO_RISK_HIGH);
    }
    for (uint32_t i = 0; i < trust->quorums_count; i++) {
        if (trust->quorums[i].operators + trust->quorums[i].commanders == 0) {
            return bl_fail(err, -EPROTO, "trust: nobody need sign for risk '%s'",
                           proto_risk_name(i + 1));
        }
    }

    return 0;
}

bool proto_trust_is_root(const struct proto_trust *trust, const uint8_t key[PROTO_KEY_BYTES])
{
    for (uint32_t i = 0; i < trust->roots_count; i++) {
        if (memcmp(trust->roots[i].key, key, PROTO_KEY_BYTES) == 0)
            return true;
    }

    return false;
}

bool proto_trust_has_signed(const struct proto_trust_file *file, const uint8_t key[PROTO_KEY_BYTES])
{
    for (uint32_t i = 0; i < file->signatures_count; i++) {
        if (memcmp(file->signatures[i].key, key, PROTO_KEY_BYTES) == 0)
            return true;
    }

    return false;
}

/* A signature that is not good spoils the file, even where others suffice; so does one of a key twice. */
static int check_signatures(const struct proto_trust_file *file, struct bl_error *err)
{
    for (uint32_t i = 0; i < file->signatures_count; i++) {
        const struct proto_signature *signature = &file->signatures[i];
        int r;

        for (uint32_t j = 0; j < i; j++) {
            if (memcmp(file->signatures[j].key, signature->key, PROTO_KEY_BYTES) == 0)
                return bl_fail(err, -EKEYREJECTED, "trust: one key signed twice");
        }
        r = proto_verify(PROTO_TRUST_DOMAIN, file->body.data, file->body.size_bytes, signature,
                         err);
        if (r < 0)
            return bl_wrap(err, "trust");
    }

    return 0;
}

static void count_signatures(const struct proto_trust_file *file, const struct proto_trust *before,
                             const struct proto_trust *trust, struct proto_trust_tally *ret_tally)
{
    struct proto_trust_tally tally = {0};

    for (uint32_t i = 0; i < file->signatures_count; i++) {
        const uint8_t *key = file->signatures[i].key;

        tally.own_signed += proto_trust_is_root(trust, key);
        tally.former_signed += before != NULL && proto_trust_is_root(before, key);
    }
    for (uint32_t i = 0; before != NULL && i < trust->roots_count; i++) {
        const uint8_t *key = trust->roots[i].key;

        tally.new_unsigned +=
            !proto_trust_is_root(before, key) && !proto_trust_has_signed(file, key);
    }
    *ret_tally = tally;
}

int proto_trust_look(const struct proto_trust *before, const void *data, size_t size_bytes,
                     struct proto_arena *arena, struct proto_trust *ret_trust,
                     struct proto_trust_file *ret_file, struct proto_trust_tally *ret_tally,
                     struct bl_error *err)
{
    struct proto_trust_file file;
    struct proto_trust trust;
    int r;

    if (size_bytes > PROTO_TRUST_BYTES_MAX) {
        return bl_fail(err, -EMSGSIZE, "trust: %zu bytes long, allowed are %d", size_bytes,
                       PROTO_TRUST_BYTES_MAX);
    }
    r = proto_decode(&proto_trust_file_schema, data, size_bytes, arena, &file, err);
    if (r < 0)
        return r;
    /* Whose signatures count is in the body, so it is decoded before they are checked. */
    r = proto_decode(&proto_trust_schema, file.body.data, file.body.size_bytes, arena, &trust, err);
    if (r < 0)
        return r;
    r = proto_trust_check(&trust, err);
    if (r >= 0)
        r = check_signatures(&file, err);
    if (r < 0)
        return r;
    if (crypto_generichash(trust.hash, sizeof(trust.hash), file.body.data, file.body.size_bytes,
                           NULL, 0) != 0)
        return bl_fail(err, -EIO, "trust: its body can't be hashed");
    count_signatures(&file, before, &trust, ret_tally);
    *ret_trust = trust;
    *ret_file = file;

    return 0;
}

static int check_own(const struct proto_trust *trust, const struct proto_trust_tally *tally,
                     struct bl_error *err)
{
    if (tally->own_signed < trust->roots_needed) {
        return bl_fail(err, -EKEYREJECTED, "trust: %llu root keys signed, needed are %llu",
                       (unsigned long long)tally->own_signed,
                       (unsigned long long)trust->roots_needed);
    }

    return 0;
}

int proto_trust_open(const void *data, size_t size_bytes, struct proto_arena *arena,
                     struct proto_trust *ret_trust, struct bl_error *err)
{
    struct proto_trust_tally tally;
    struct proto_trust_file file;
    struct proto_trust trust;
    int r = proto_trust_look(NULL, data, size_bytes, arena, &trust, &file, &tally, err);

    if (r >= 0)
        r = check_own(&trust, &tally, err);
    if (r < 0)
        return r;
    *ret_trust = trust;

    return 0;
}

static int check_succession(const struct proto_trust *before, const struct proto_trust *next,
                            const struct proto_trust_tally *tally, struct bl_error *err)
{
    if (next->version <= before->version) {
        return bl_fail(err, -ESTALE, "its version %llu is not above the present one, %llu",
                       (unsigned long long)next->version, (unsigned long long)before->version);
    }
    if (next->version - before->version > 1) {
        return bl_fail(err, -EXDEV, "its version is %llu, the next one after the present is %llu",
                       (unsigned long long)next->version, (unsigned long long)before->version + 1);
    }
    if (tally->former_signed < before->roots_needed) {
        return bl_fail(err, -EKEYREJECTED,
                       "signed by %llu of the present roots, %llu are needed to replace them",
                       (unsigned long long)tally->former_signed,
                       (unsigned long long)before->roots_needed);
    }
    /* A root whose secret nobody has would count towards thresholds that can't be met. */
    if (tally->new_unsigned > 0) {
        return bl_fail(err, -EKEYREJECTED, "%llu of its roots are new and did not sign it",
                       (unsigned long long)tally->new_unsigned);
    }

    return 0;
}

int proto_trust_follow(const struct proto_trust *before, const void *data, size_t size_bytes,
                       struct proto_arena *arena, struct proto_trust *ret_next,
                       struct bl_error *err)
{
    struct proto_trust_tally tally;
    struct proto_trust_file file;
    struct proto_trust next;
    int r = proto_trust_look(before, data, size_bytes, arena, &next, &file, &tally, err);

    if (r >= 0)
        r = check_own(&next, &tally, err);
    if (r >= 0)
        r = check_succession(before, &next, &tally, err);
    if (r < 0)
        return r;
    *ret_next = next;

    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, PROTO_KEY_BYTES);
}

void proto_trust_anchor(const struct proto_trust *trust, uint8_t ret_anchor[PROTO_HASH_BYTES])
{
    uint8_t sorted[PROTO_ROOTS_MAX][PROTO_KEY_BYTES];

    BL_ASSERT(trust->roots_count <= PROTO_ROOTS_MAX);

    for (uint32_t i = 0; i < trust->roots_count; i++)
        memcpy(sorted[i], trust->roots[i].key, PROTO_KEY_BYTES);
    qsort(sorted, trust->roots_count, sizeof(sorted[0]), compare_keys);
    /* Fails only for lengths that BLAKE2b lacks; works before sodium_init, only slower. */
    (void)crypto_generichash(ret_anchor, PROTO_HASH_BYTES, sorted[0],
                             trust->roots_count * sizeof(sorted[0]), NULL, 0);
}
