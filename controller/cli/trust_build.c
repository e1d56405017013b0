/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/trust_build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

/* The record under construction; its lists are here, so nothing is allocated. */
struct draft {
    struct proto_trust trust;
    struct proto_root roots[PROTO_ROOTS_MAX];
    struct proto_person people[PROTO_PEOPLE_MAX];
    struct proto_quorum quorums[PROTO_RISK_HIGH];
    bool changed;
};

static void begin_draft(struct draft *draft, const struct ctl_key *root)
{
    static const struct proto_quorum defaults[PROTO_RISK_HIGH] = {{1, 0}, {1, 0}, {1, 1}};

    draft->trust = (struct proto_trust){
        .format = PROTO_TRUST_FORMAT,
        .version = 0,
        .roots = draft->roots,
        .roots_count = 1,
        .roots_needed = 1,
        .people = draft->people,
        .quorums = draft->quorums,
        .quorums_count = PROTO_RISK_HIGH,
    };
    draft->roots[0].name = root->name;
    memcpy(draft->roots[0].key, root->public_key, sizeof(draft->roots[0].key));
    memcpy(draft->quorums, defaults, sizeof(defaults));
    draft->changed = true;
}

/* `before` is sound, so its lists fit. */
static void continue_draft(struct draft *draft, const struct proto_trust *before)
{
    draft->trust = *before;
    draft->trust.roots = draft->roots;
    draft->trust.people = draft->people;
    draft->trust.quorums = draft->quorums;
    memcpy(draft->roots, before->roots, sizeof(*before->roots) * before->roots_count);
    if (before->people_count > 0)
        memcpy(draft->people, before->people, sizeof(*before->people) * before->people_count);
    memcpy(draft->quorums, before->quorums, sizeof(draft->quorums));
}

/* A new chain: other roots, and nobody asks the former ones. Who was revoked stays so. */
static void begin_anew(struct draft *draft, const struct ctl_key *root)
{
    draft->roots[0].name = root->name;
    memcpy(draft->roots[0].key, root->public_key, sizeof(draft->roots[0].key));
    draft->trust.roots_count = 1;
    draft->trust.roots_needed = 1;
    draft->changed = true;
}

static int add_person(struct draft *draft, const struct ctl_key *key, struct bl_error *err)
{
    struct proto_person *person;

    for (uint32_t i = 0; i < draft->trust.people_count; i++) {
        person = &draft->people[i];
        if (memcmp(person->key, key->public_key, sizeof(person->key)) == 0) {
            if (person->role != key->role && !person->revoked) {
                person->role = key->role;
                draft->changed = true;
            }
            return 0;
        }
        if (strcmp(person->name, key->name) == 0 && !person->revoked) {
            return bl_fail(err, -EEXIST,
                           "'%.80s' is trusted with another key: --revoke that name first",
                           key->name);
        }
    }
    if (draft->trust.people_count == PROTO_PEOPLE_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d people", PROTO_PEOPLE_MAX);
    person = &draft->people[draft->trust.people_count++];
    *person = (struct proto_person){.name = key->name, .role = key->role};
    memcpy(person->key, key->public_key, sizeof(person->key));
    draft->changed = true;

    return 0;
}

static int revoke_person(struct draft *draft, const char *name, struct bl_error *err)
{
    bool found = false;

    for (uint32_t i = 0; i < draft->trust.people_count; i++) {
        struct proto_person *person = &draft->people[i];

        if (strcmp(person->name, name) != 0)
            continue;
        found = true;
        draft->changed = draft->changed || !person->revoked;
        person->revoked = true;
    }
    if (!found)
        return bl_fail(err, -ENOENT, "nobody named '%.80s' is in the trust file", name);

    return 0;
}

/* "1+1": so many operators, so many commanders. */
static int set_quorum(struct draft *draft, uint32_t index, const char *text, struct bl_error *err)
{
    const char *plus = strchr(text, '+');
    struct proto_quorum quorum = {0};
    char operators[8] = "";

    if (plus == NULL || plus - text >= (ptrdiff_t)sizeof(operators)) {
        return bl_fail(err, -EINVAL, "quorum '%.20s': write OPERATORS+COMMANDERS, for instance 1+1",
                       text);
    }
    memcpy(operators, text, (size_t)(plus - text));
    if (bl_text_to_u64(operators, PROTO_PEOPLE_MAX, &quorum.operators, err) < 0 ||
        bl_text_to_u64(plus + 1, PROTO_PEOPLE_MAX, &quorum.commanders, err) < 0)
        return bl_wrap(err, "quorum '%.20s'", text);
    if (quorum.operators + quorum.commanders == 0)
        return bl_fail(err, -EINVAL, "quorum '%.20s': somebody must sign", text);
    draft->changed = draft->changed || draft->quorums[index].operators != quorum.operators ||
                     draft->quorums[index].commanders != quorum.commanders;
    draft->quorums[index] = quorum;

    return 0;
}

static int remove_root(struct draft *draft, const char *name, struct bl_error *err)
{
    for (uint32_t i = 0; i < draft->trust.roots_count; i++) {
        if (strcmp(draft->roots[i].name, name) != 0)
            continue;
        for (uint32_t j = i + 1; j < draft->trust.roots_count; j++)
            draft->roots[j - 1] = draft->roots[j];
        draft->trust.roots_count--;
        draft->changed = true;
        return 0;
    }

    return bl_fail(err, -ENOENT, "no root named '%.80s' is in the trust file", name);
}

static int add_root(struct draft *draft, const struct ctl_key *key, struct bl_error *err)
{
    for (uint32_t i = 0; i < draft->trust.roots_count; i++) {
        if (memcmp(draft->roots[i].key, key->public_key, PROTO_KEY_BYTES) == 0)
            return bl_fail(err, -EEXIST, "'%.80s' is a root already", key->name);
    }
    if (draft->trust.roots_count == PROTO_ROOTS_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d root keys", PROTO_ROOTS_MAX);
    draft->roots[draft->trust.roots_count].name = key->name;
    memcpy(draft->roots[draft->trust.roots_count++].key, key->public_key, PROTO_KEY_BYTES);
    draft->changed = true;

    return 0;
}

static int apply_roots(struct draft *draft, const struct ctl_trust_wish *wish, struct bl_error *err)
{
    int r;

    for (uint32_t i = 0; i < wish->remove_roots_count; i++) {
        r = remove_root(draft, wish->remove_roots[i], err);
        if (r < 0)
            return r;
    }
    for (uint32_t i = 0; i < wish->add_roots_count; i++) {
        r = add_root(draft, wish->add_roots[i], err);
        if (r < 0)
            return r;
    }
    if (wish->roots_needed > 0) {
        draft->changed = draft->changed || draft->trust.roots_needed != wish->roots_needed;
        draft->trust.roots_needed = wish->roots_needed;
    }
    if (draft->trust.roots_needed > draft->trust.roots_count) {
        return bl_fail(err, -EINVAL, "%llu of %u roots would have to sign: --needed says how many",
                       (unsigned long long)draft->trust.roots_needed, draft->trust.roots_count);
    }

    return 0;
}

static int apply_wish(struct draft *draft, const struct ctl_trust_wish *wish, struct bl_error *err)
{
    uint32_t keys_count = wish->keys == NULL ? 0 : wish->keys->count;
    int r = apply_roots(draft, wish, err);

    if (r < 0)
        return r;
    /* Revoked first, so that somebody may get a new key in the same breath. */
    for (uint32_t i = 0; i < wish->revoke_count; i++) {
        r = revoke_person(draft, wish->revoke[i], err);
        if (r < 0)
            return r;
    }
    for (uint32_t i = 0; i < keys_count; i++) {
        r = add_person(draft, &wish->keys->keys[i], err);
        if (r < 0)
            return r;
    }
    for (uint32_t i = 0; i < PROTO_RISK_HIGH; i++) {
        r = wish->quorums[i] == NULL ? 0 : set_quorum(draft, i, wish->quorums[i], err);
        if (r < 0)
            return r;
    }

    return 0;
}

int ctl_trust_next(const void *before, size_t before_bytes, const struct ctl_key *root,
                   const struct ctl_trust_wish *wish, struct proto_buffer *ret_file,
                   struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER body = {0};
    struct proto_trust_file file = {0};
    struct proto_trust trust = {0};
    struct draft draft = {0};
    int r;

    if (before_bytes == 0) {
        begin_draft(&draft, root);
    } else {
        r = proto_trust_open(before, before_bytes, &arena, &trust, err);
        if (r < 0)
            return bl_wrap(err, "the trust file of this desk");
        continue_draft(&draft, &trust);
        if (wish->anew)
            begin_anew(&draft, root);
    }
    r = apply_wish(&draft, wish, err);
    if (r < 0)
        return r;
    if (!draft.changed)
        return 0;
    if (draft.trust.people_count == 0)
        return bl_fail(err, -ENOENT, "nobody to trust: make a key with 'belay keys new'");
    draft.trust.version++;
    r = proto_trust_check(&draft.trust, err);
    if (r >= 0)
        r = proto_encode(&proto_trust_schema, &draft.trust, &body, err);
    if (r < 0)
        return r;
    file.body = (struct proto_bytes){body.data, body.size_bytes};
    r = proto_encode(&proto_trust_file_schema, &file, ret_file, err);

    return r < 0 ? r : 1;
}

int ctl_trust_sign(struct proto_buffer *file, const struct ctl_key *root,
                   const struct ctl_secret *secret, struct bl_error *err)
{
    struct proto_signature signatures[PROTO_TRUST_SIGNATURES_MAX];
    PROTO_AUTO_BUFFER former = {0};
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust_file opened = {0};
    struct proto_signature *own;
    int r;

    r = proto_decode(&proto_trust_file_schema, file->data, file->size_bytes, &arena, &opened, err);
    if (r < 0)
        return r;
    if (proto_trust_has_signed(&opened, root->public_key))
        return bl_fail(err, -EEXIST, "root key '%.80s' has signed it already", root->name);
    if (opened.signatures_count == PROTO_TRUST_SIGNATURES_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d signatures", PROTO_TRUST_SIGNATURES_MAX);
    if (opened.signatures_count > 0)
        memcpy(signatures, opened.signatures, sizeof(*signatures) * opened.signatures_count);
    own = &signatures[opened.signatures_count];
    memcpy(own->key, root->public_key, sizeof(own->key));
    r = proto_sign(PROTO_TRUST_DOMAIN, opened.body.data, opened.body.size_bytes, secret->bytes,
                   own->signature, err);
    if (r < 0)
        return r;
    opened.signatures = signatures;
    opened.signatures_count++;
    /* What was decoded lies in the former bytes. */
    former = *file;
    *file = (struct proto_buffer){0};

    return proto_encode(&proto_trust_file_schema, &opened, file, err);
}
