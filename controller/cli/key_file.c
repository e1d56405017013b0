/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/key_file.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/hex.h"
#include "common/random.h"
#include "common/text.h"
#include "controller/outside/json.h"
#include "proto/trust.h"

enum {
    BOX_BYTES = CTL_KEY_SEED_BYTES + crypto_secretbox_MACBYTES,
    PASSES_MAX = 16,
    HEX_BYTES_MAX = BL_HEX_BYTES(BOX_BYTES),
};
#define IN_AGENT         "belay_ssh_agent_key"
#define MEMORY_BYTES_MAX (INT64_C(1) << 30)

_Static_assert(CTL_KEY_SEED_BYTES == crypto_sign_SEEDBYTES, "an Ed25519 seed");
_Static_assert(CTL_KEY_SECRET_BYTES == crypto_sign_SECRETKEYBYTES, "libsodium's secret key");
_Static_assert(PROTO_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "an Ed25519 public key");

struct cost {
    unsigned long long passes;
    size_t memory_bytes;
};

static struct cost cost_of(enum ctl_key_kdf kdf)
{
    if (kdf == CTL_KEY_KDF_INTERACTIVE) {
        return (struct cost){crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
                             crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE};
    }

    return (struct cost){crypto_pwhash_argon2id_OPSLIMIT_MODERATE,
                         crypto_pwhash_argon2id_MEMLIMIT_MODERATE};
}

static void set_hex(json_t *object, const char *name, const uint8_t *data, size_t size_bytes)
{
    char text[HEX_BYTES_MAX];

    BL_ASSERT(BL_HEX_BYTES(size_bytes) <= sizeof(text));
    bl_hex_encode(data, size_bytes, text);
    (void)json_object_set_new(object, name, json_string(text));
}

static json_t *describe(const char *format, const struct ctl_key *key)
{
    json_t *object = json_object();

    (void)json_object_set_new(object, format, json_integer(1));
    (void)json_object_set_new(object, "name", json_string(key->name));
    (void)json_object_set_new(object, "role", json_string(ctl_key_role_name(key->role)));
    set_hex(object, "public", key->public_key, sizeof(key->public_key));

    return object;
}

json_t *ctl_key_file_public(const struct ctl_key *key)
{
    return describe("belay_public_key", key);
}

json_t *ctl_key_file_in_agent(const struct ctl_key *key)
{
    return describe(IN_AGENT, key);
}

static int read_description(const json_t *object, const char *format, struct ctl_key *ret_key,
                            struct bl_error *err)
{
    const char *name = ctl_json_text(object, "name"), *role = ctl_json_text(object, "role");
    struct ctl_key key = {0};

    if (!json_is_object(object) || ctl_json_number(object, format) != 1) {
        return bl_fail(err, -EUCLEAN, "not a %s file of format 1",
                       strcmp(format, "belay_public_key") == 0 ? "public key" : "key");
    }
    if (!bl_text_is_name(name) || strlen(name) > CTL_KEY_NAME_BYTES_MAX)
        return bl_fail(err, -EUCLEAN, "its name is not one");
    memcpy(key.name, name, strlen(name) + 1);
    key.role = ctl_key_role_from_name(role);
    if (key.role == 0 && strcmp(role, ctl_key_role_name(CTL_KEY_ROLE_ROOT)) != 0)
        return bl_fail(err, -EUCLEAN, "its role is not one");
    if (bl_hex_decode(ctl_json_text(object, "public"), key.public_key, sizeof(key.public_key),
                      err) < 0)
        return bl_fail(err, -EUCLEAN, "its public key is not one");

    *ret_key = key;
    return 0;
}

int ctl_key_file_read_public(const char *text, size_t text_bytes, struct ctl_key *ret_key,
                             struct bl_error *err)
{
    CTL_AUTO_JSON *object = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);

    return read_description(object, "belay_public_key", ret_key, err);
}

int ctl_key_file_is_in_agent(const char *text, size_t text_bytes, struct ctl_key *ret_key,
                             struct bl_error *err)
{
    CTL_AUTO_JSON *object = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);
    int r;

    if (json_object_get(object, IN_AGENT) == NULL)
        return 0;
    r = read_description(object, IN_AGENT, ret_key, err);

    return r < 0 ? r : 1;
}

int ctl_key_file_peek(const char *text, size_t text_bytes, struct ctl_key *ret_key,
                      struct bl_error *err)
{
    CTL_AUTO_JSON *object = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);

    return read_description(object, "belay_secret_key", ret_key, err);
}

/*
 * The key of the box depends on the description too, so that a file whose name, role or public key
 * was changed does not open.
 */
static int bind_description(const struct ctl_key *key, struct ctl_secret *wrap,
                            struct bl_error *err)
{
    CTL_AUTO_SECRET derived = {0};
    crypto_generichash_state hash;
    int r;

    r = ctl_secret_make(wrap->size_bytes, &derived, err);
    if (r < 0)
        return r;
    memcpy(derived.bytes, wrap->bytes, wrap->size_bytes);
    (void)crypto_generichash_init(&hash, derived.bytes, derived.size_bytes, wrap->size_bytes);
    (void)crypto_generichash_update(&hash, (const uint8_t *)key->name, strlen(key->name) + 1);
    (void)crypto_generichash_update(&hash, (const uint8_t *)&key->role, sizeof(key->role));
    (void)crypto_generichash_update(&hash, key->public_key, sizeof(key->public_key));
    (void)crypto_generichash_final(&hash, wrap->bytes, wrap->size_bytes);
    sodium_memzero(&hash, sizeof(hash));

    return 0;
}

static int derive(const struct ctl_secret *passphrase, const uint8_t *salt, struct cost cost,
                  const struct ctl_key *key, struct ctl_secret *ret_wrap, struct bl_error *err)
{
    int r = ctl_secret_make(crypto_secretbox_KEYBYTES, ret_wrap, err);

    if (r < 0)
        return r;
    if (crypto_pwhash(ret_wrap->bytes, ret_wrap->size_bytes, (const char *)passphrase->bytes,
                      passphrase->size_bytes, salt, cost.passes, cost.memory_bytes,
                      crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return bl_fail(err, -ENOMEM, "deriving a key needs %zu MiB of memory",
                       cost.memory_bytes >> 20);
    }

    return bind_description(key, ret_wrap, err);
}

json_t *ctl_key_file_seal(const struct ctl_key *key, const struct ctl_secret *secret,
                          const struct ctl_secret *passphrase, enum ctl_key_kdf kdf,
                          struct bl_error *err)
{
    CTL_AUTO_SECRET wrap = {0}, seed = {0};
    uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], box[BOX_BYTES];
    struct cost cost = cost_of(kdf);
    json_t *object;

    if (bl_random_fill(salt, sizeof(salt), err) < 0 ||
        bl_random_fill(nonce, sizeof(nonce), err) < 0 ||
        ctl_secret_make(CTL_KEY_SEED_BYTES, &seed, err) < 0 ||
        derive(passphrase, salt, cost, key, &wrap, err) < 0)
        return NULL;
    (void)crypto_sign_ed25519_sk_to_seed(seed.bytes, secret->bytes);
    (void)crypto_secretbox_easy(box, seed.bytes, seed.size_bytes, nonce, wrap.bytes);

    object = describe("belay_secret_key", key);
    (void)json_object_set_new(object, "kdf", json_string("argon2id13"));
    (void)json_object_set_new(object, "passes", json_integer((json_int_t)cost.passes));
    (void)json_object_set_new(object, "memory_bytes", json_integer((json_int_t)cost.memory_bytes));
    set_hex(object, "salt", salt, sizeof(salt));
    set_hex(object, "nonce", nonce, sizeof(nonce));
    set_hex(object, "box", box, sizeof(box));

    return object;
}

/* In pairs: the public key that is shown is the one that the seed makes. */
static int unfold_seed(const struct ctl_secret *seed, const struct ctl_key *key,
                       struct ctl_secret *ret_secret, struct bl_error *err)
{
    CTL_AUTO_SECRET secret = {0};
    uint8_t public_key[PROTO_KEY_BYTES];
    int r;

    r = ctl_secret_make(CTL_KEY_SECRET_BYTES, &secret, err);
    if (r < 0)
        return r;
    (void)crypto_sign_seed_keypair(public_key, secret.bytes, seed->bytes);
    if (memcmp(public_key, key->public_key, sizeof(public_key)) != 0)
        return bl_fail(err, -EUCLEAN, "its public key is not that of its secret");

    *ret_secret = secret;
    secret = (struct ctl_secret){0};
    return 0;
}

static int open_box(const json_t *object, const struct ctl_key *key,
                    const struct ctl_secret *passphrase, struct ctl_secret *ret_seed,
                    struct bl_error *err)
{
    CTL_AUTO_SECRET wrap = {0}, seed = {0};
    uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], box[BOX_BYTES];
    int64_t passes = ctl_json_number(object, "passes");
    int64_t memory_bytes = ctl_json_number(object, "memory_bytes");
    struct cost cost = {(unsigned long long)passes, (size_t)memory_bytes};
    int r;

    if (strcmp(ctl_json_text(object, "kdf"), "argon2id13") != 0 || passes < 1 ||
        passes > PASSES_MAX || memory_bytes < (int64_t)crypto_pwhash_argon2id_MEMLIMIT_MIN ||
        memory_bytes > MEMORY_BYTES_MAX)
        return bl_fail(err, -EUCLEAN, "its key derivation is not one that belay makes");
    if (bl_hex_decode(ctl_json_text(object, "salt"), salt, sizeof(salt), err) < 0 ||
        bl_hex_decode(ctl_json_text(object, "nonce"), nonce, sizeof(nonce), err) < 0 ||
        bl_hex_decode(ctl_json_text(object, "box"), box, sizeof(box), err) < 0)
        return bl_fail(err, -EUCLEAN, "its salt, nonce or box is damaged");

    r = derive(passphrase, salt, cost, key, &wrap, err);
    if (r < 0)
        return r;
    r = ctl_secret_make(CTL_KEY_SEED_BYTES, &seed, err);
    if (r < 0)
        return r;
    if (crypto_secretbox_open_easy(seed.bytes, box, sizeof(box), nonce, wrap.bytes) != 0)
        return bl_fail(err, -EKEYREJECTED, "the passphrase is wrong, or the file was changed");

    *ret_seed = seed;
    seed = (struct ctl_secret){0};
    return 0;
}

int ctl_key_file_open(const char *text, size_t text_bytes, const struct ctl_secret *passphrase,
                      struct ctl_key *ret_key, struct ctl_secret *ret_secret, struct bl_error *err)
{
    CTL_AUTO_JSON *object = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);
    CTL_AUTO_SECRET seed = {0};
    int r;

    r = read_description(object, "belay_secret_key", ret_key, err);
    if (r < 0)
        return r;
    r = open_box(object, ret_key, passphrase, &seed, err);
    if (r < 0)
        return r;

    return unfold_seed(&seed, ret_key, ret_secret, err);
}
