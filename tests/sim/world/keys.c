/* SPDX-License-Identifier: Apache-2.0 */
/* Who may sign in this world, and the trust file that says so, as hosts and belayd read it. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/people.h"

enum {
    SECRET_BYTES = 64,
    VERSIONS_MAX = SIM_PEOPLE + 1, /* the first, and one for each key that is revoked */
};

struct key {
    uint8_t key[PROTO_KEY_BYTES], secret[SECRET_BYTES];
};

struct version {
    struct proto_trust trust;
    struct proto_person people[SIM_PEOPLE];
};

static struct {
    bool is_open;
    struct key root, people[SIM_PEOPLE + 1]; /* the last is a stranger's */
    struct proto_root roots[1];
    struct proto_quorum quorums[3];
    struct version versions[VERSIONS_MAX];
    uint32_t version_count;
    uint32_t read_version;    /* by belayd, from 1; 0: none yet */
    struct proto_buffer file; /* the newest one, signed */
} keys;

int __wrap_ctl_trust_load(struct ctl_trust *trust, const char *state_dir, struct bl_error *err);

static void make_key(struct key *key)
{
    uint8_t seed[crypto_sign_SEEDBYTES];

    for (size_t i = 0; i < sizeof(seed); i++)
        seed[i] = (uint8_t)sim_draw(SIM_DRAW_WORLD, SIM_CONTROLLER);
    if (crypto_sign_seed_keypair(key->key, key->secret, seed) != 0)
        sim_broken("no key could be made");
}

static void sign_file(void)
{
    PROTO_AUTO_BUFFER body = {0};
    struct proto_signature signature;
    struct proto_trust_file file = {.signatures = &signature, .signatures_count = 1};
    struct bl_error err = {0};

    proto_buffer_release(&keys.file);
    if (proto_encode(&proto_trust_schema, sim_keys_trust(), &body, &err) < 0 ||
        proto_sign(PROTO_TRUST_DOMAIN, body.data, body.size_bytes, keys.root.secret,
                   signature.signature, &err) < 0)
        sim_broken("trust file: %s", err.text);
    memcpy(signature.key, keys.root.key, PROTO_KEY_BYTES);
    file.body = (struct proto_bytes){body.data, body.size_bytes};
    if (proto_encode(&proto_trust_file_schema, &file, &keys.file, &err) < 0)
        sim_broken("trust file: %s", err.text);
}

static void add_version(void)
{
    static const struct proto_person people[SIM_PEOPLE] = {
        [SIM_ANNA] = {.name = "anna", .role = PROTO_ROLE_OPERATOR},
        [SIM_BEN] = {.name = "ben", .role = PROTO_ROLE_OPERATOR},
        [SIM_CARLA] = {.name = "carla", .role = PROTO_ROLE_COMMANDER},
    };
    struct version *version = &keys.versions[keys.version_count];

    memcpy(version->people, keys.version_count == 0 ? people : version[-1].people, sizeof(people));
    for (uint32_t i = 0; i < SIM_PEOPLE; i++)
        memcpy(version->people[i].key, keys.people[i].key, PROTO_KEY_BYTES);
    version->trust = (struct proto_trust){
        .format = PROTO_TRUST_FORMAT,
        .version = ++keys.version_count,
        .roots = keys.roots,
        .roots_count = 1,
        .roots_needed = 1,
        .people = version->people,
        .people_count = SIM_PEOPLE,
        .quorums = keys.quorums,
        .quorums_count = 3,
    };
}

void sim_keys_open(void)
{
    static const struct proto_quorum quorums[3] = {{1, 0}, {1, 0}, {1, 1}};

    if (keys.is_open)
        return;
    memset(&keys, 0, sizeof(keys));
    keys.is_open = true;
    if (sodium_init() < 0)
        sim_broken("libsodium can't be used");
    memcpy(keys.quorums, quorums, sizeof(quorums));
    make_key(&keys.root);
    for (uint32_t i = 0; i <= SIM_PEOPLE; i++)
        make_key(&keys.people[i]);
    keys.roots[0].name = "root";
    memcpy(keys.roots[0].key, keys.root.key, PROTO_KEY_BYTES);
    add_version();
    sign_file();
}

void sim_keys_close(void)
{
    proto_buffer_release(&keys.file);
    keys.is_open = false;
}

const struct proto_trust *sim_people_trust(void)
{
    sim_keys_open();

    return &keys.versions[0].trust;
}

const struct proto_trust *sim_keys_trust(void)
{
    return &keys.versions[keys.version_count - 1].trust;
}

struct proto_bytes sim_keys_trust_file(void)
{
    return (struct proto_bytes){keys.file.data, keys.file.size_bytes};
}

void sim_keys_sign(uint32_t person, const struct proto_buffer *manifest,
                   struct proto_signature *ret_signature)
{
    struct bl_error err = {0};

    memcpy(ret_signature->key, keys.people[person].key, PROTO_KEY_BYTES);
    if (proto_sign(PROTO_MANIFEST_DOMAIN, manifest->data, manifest->size_bytes,
                   keys.people[person].secret, ret_signature->signature, &err) < 0)
        sim_broken("signature: %s", err.text);
}

void sim_keys_public(uint32_t person, uint8_t ret_key[PROTO_KEY_BYTES])
{
    memcpy(ret_key, keys.people[person].key, PROTO_KEY_BYTES);
}

bool sim_keys_is_revoked(uint32_t person)
{
    return keys.versions[keys.version_count - 1].people[person].revoked;
}

bool sim_keys_was_revoked(uint32_t person)
{
    return keys.read_version > 0 && keys.versions[keys.read_version - 1].people[person].revoked;
}

uint32_t sim_keys_role(uint32_t person)
{
    return keys.versions[0].people[person].role;
}

void sim_keys_seal(uint32_t person, const struct proto_approval *approval,
                   struct proto_buffer *ret_file)
{
    struct bl_error err = {0};

    if (proto_approval_seal(approval, keys.people[person].key, keys.people[person].secret, ret_file,
                            &err) < 0)
        sim_broken("an approval: %s", err.text);
}

/* A trust file whose quorums can't be met is none. */
bool sim_keys_revoke(uint32_t person)
{
    uint32_t left = 0;

    for (uint32_t i = SIM_ANNA; i < SIM_CARLA; i++) {
        if (!sim_keys_is_revoked(i) && i != person)
            left++;
    }
    if (person >= SIM_CARLA || left == 0 || sim_keys_is_revoked(person))
        return false;
    add_version();
    keys.versions[keys.version_count - 1].people[person].revoked = true;
    sign_file();

    return true;
}

/* belayd reads at its start what people put there last. */
int __wrap_ctl_trust_load(struct ctl_trust *trust, const char *state_dir, struct bl_error *err)
{
    struct ctl_trust next = {.is_set = true, .size_bytes = keys.file.size_bytes};

    next.data = malloc(keys.file.size_bytes);
    if (next.data == NULL)
        sim_broken("no memory for the trust file");
    memcpy(next.data, keys.file.data, keys.file.size_bytes);
    if (proto_trust_open(next.data, next.size_bytes, &next.arena, &next.trust, err) < 0)
        sim_broken("trust file: %s", err->text);
    proto_trust_anchor(&next.trust, next.anchor);
    keys.read_version = keys.version_count;
    *trust = next;

    return 0;
}
