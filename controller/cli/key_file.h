/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_KEY_FILE_H
#define CTL_CLI_KEY_FILE_H

#include <jansson.h>

#include "controller/cli/keyring.h"

/*
 * The JSON files of a key. Readers believe nothing: unknown formats, other lengths and costs
 * beyond a limit are -EUCLEAN.
 *
 * {"belay_public_key": 1, "name", "role", "public"}
 * {"belay_secret_key": 1, "name", "role", "public", "kdf": "argon2id13", "passes", "memory_bytes",
 *  "salt", "nonce", "box"}   all hex; box = secretbox(seed) under
 *                            BLAKE2b(key: Argon2id(passphrase, salt), name NUL role public)
 * {"belay_ssh_agent_key": 1, "name", "role", "public"}   instead of the second one
 */
enum {
    CTL_KEY_FILE_BYTES_MAX = 4096,
};

json_t *ctl_key_file_public(const struct ctl_key *key);
json_t *ctl_key_file_in_agent(const struct ctl_key *key);
/* Says the file that ssh-agent holds the secret? Then *ret_key is the key. 1, 0, -EUCLEAN. */
int ctl_key_file_is_in_agent(const char *text, size_t text_bytes, struct ctl_key *ret_key,
                             struct bl_error *err) BL_CHECKED;
int ctl_key_file_read_public(const char *text, size_t text_bytes, struct ctl_key *ret_key,
                             struct bl_error *err) BL_CHECKED;

/* Encrypts; NULL and `err` when that fails. */
json_t *ctl_key_file_seal(const struct ctl_key *key, const struct ctl_secret *secret,
                          const struct ctl_secret *passphrase, enum ctl_key_kdf kdf,
                          struct bl_error *err);

/* Decrypts, and checks that the secret belongs to the public key. -EKEYREJECTED: passphrase. */
int ctl_key_file_open(const char *text, size_t text_bytes, const struct ctl_secret *passphrase,
                      struct ctl_key *ret_key, struct ctl_secret *ret_secret, struct bl_error *err)
    BL_CHECKED;

/* Only the public half of a secret key's file. */
int ctl_key_file_peek(const char *text, size_t text_bytes, struct ctl_key *ret_key,
                      struct bl_error *err) BL_CHECKED;

#endif
