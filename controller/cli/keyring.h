/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_KEYRING_H
#define CTL_CLI_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"
#include "controller/cli/secret.h"
#include "proto/ids.h"

/*
 * A person's keys: Ed25519, in $BELAY_HOME, else $XDG_CONFIG_HOME/belay, else ~/.config/belay.
 *
 *   keys/NAME.key   the secret, encrypted with the passphrase (Argon2id, then XSalsa20-Poly1305)
 *                   or, for a key that ssh-agent holds, only that it does
 *   keys/NAME.pub   name, role and public key: what a colleague sends to be trusted
 *   root.key        signs trust files: the first root, named "root"
 *   roots/NAME.key  another root, and roots/NAME.pub as above; those of other desks have no .key
 *   trust           the newest trust file of this desk
 *
 * Files are JSON of mode 0600, directories 0700. The role is only a label here; what counts is the
 * role in the trust file.
 */

enum {
    CTL_KEY_NAME_BYTES_MAX = 64,
    CTL_KEY_SEED_BYTES = 32,
    CTL_KEY_SECRET_BYTES = 64,
    CTL_KEYS_MAX = 128,
    CTL_KEY_ROLE_ROOT = 0, /* not a person's: root.key */
};

/* How much work guessing one passphrase costs. */
enum ctl_key_kdf {
    CTL_KEY_KDF_MODERATE = 1, /* 256 MiB, about a second: the default */
    CTL_KEY_KDF_INTERACTIVE,  /* 64 MiB, about a tenth: for rehearsals and tests */
};

struct ctl_key {
    char name[CTL_KEY_NAME_BYTES_MAX + 1];
    uint32_t role; /* enum proto_role, or CTL_KEY_ROLE_ROOT */
    uint8_t public_key[PROTO_KEY_BYTES];
};

/* The directory of this desk, made when `make` is set. *ret_fd is for the *at() calls. */
int ctl_home_open(bool make, int *ret_fd, struct bl_error *err) BL_CHECKED;
/* Its path, for messages. */
int ctl_home_path(char *ret_path, size_t path_bytes, struct bl_error *err) BL_CHECKED;

/* Makes a new pair; *ret_secret is libsodium's 64-byte secret key. */
int ctl_key_make(const char *name, uint32_t role, struct ctl_key *ret_key,
                 struct ctl_secret *ret_secret, struct bl_error *err) BL_CHECKED;

/*
 * Writes the pair below `home_fd`: keys/NAME.key and keys/NAME.pub, or root.key, or as
 * a pair in roots, which must be there. -EEXIST rather
 * than replace a key.
 */
int ctl_key_store(int home_fd, const struct ctl_key *key, const struct ctl_secret *secret,
                  const struct ctl_secret *passphrase, enum ctl_key_kdf kdf, struct bl_error *err)
    BL_CHECKED;

/* Opens keys/NAME.key, root.key or roots/NAME.key. -EKEYREJECTED: the passphrase is wrong. */
int ctl_key_unlock(int home_fd, const struct ctl_key *key, const struct ctl_secret *passphrase,
                   struct ctl_secret *ret_secret, struct bl_error *err) BL_CHECKED;

/*
 * Encrypts the key's file anew, with another passphrase. It is replaced as a whole: either opens
 * with the former passphrase or with the new one. -EKEYREJECTED: the former one is wrong.
 */
int ctl_key_reseal(int home_fd, const struct ctl_key *key, const struct ctl_secret *former,
                   const struct ctl_secret *passphrase, enum ctl_key_kdf kdf, struct bl_error *err)
    BL_CHECKED;

/* Writes down that the ssh-agent of this desk holds the key: NAME.key without a secret, NAME.pub. */
int ctl_key_store_in_agent(int home_fd, const struct ctl_key *key, struct bl_error *err) BL_CHECKED;

/* 1: ssh-agent holds the secret of this own key; 0: its file does. */
int ctl_key_is_in_agent(int home_fd, const struct ctl_key *key, struct bl_error *err) BL_CHECKED;

/* Reads the public half of root.key; -ENOENT when there is none. */
int ctl_key_read_root(int home_fd, struct ctl_key *ret_key, struct bl_error *err) BL_CHECKED;

/* All public keys of this desk by name, those of colleagues included; *ret_own[i]: we can sign. */
struct ctl_key_list {
    struct ctl_key keys[CTL_KEYS_MAX];
    bool own[CTL_KEYS_MAX];
    bool in_agent[CTL_KEYS_MAX]; /* own, and ssh-agent has the secret */
    bool of_roots;
    uint32_t count;
};
int ctl_key_list_read(int home_fd, struct ctl_key_list *ret_list, struct bl_error *err) BL_CHECKED;

/* The same of root keys; root.key is the last one, if it is there. */
int ctl_root_list_read(int home_fd, struct ctl_key_list *ret_list, struct bl_error *err) BL_CHECKED;

/* The key of that name, a colleague's as well; it lives in `list`. -ENOENT. */
int ctl_key_list_find(const struct ctl_key_list *list, const char *name,
                      const struct ctl_key **ret_key, struct bl_error *err) BL_CHECKED;

/* The key named so; with NULL the only own one. -ENOENT, -EINVAL (several: name one). */
int ctl_key_choose(const struct ctl_key_list *list, const char *name,
                   const struct ctl_key **ret_key, struct bl_error *err) BL_CHECKED;

/* Reads a colleague's NAME.pub, of a person or a root, from anywhere, and keeps it below home. */
int ctl_key_import(int home_fd, const char *path, bool is_root, struct ctl_key *ret_key,
                   struct bl_error *err) BL_CHECKED;

/* "moderate", "interactive"; NULL is the default. */
int ctl_key_kdf_from_name(const char *name, enum ctl_key_kdf *ret_kdf, struct bl_error *err)
    BL_CHECKED;

const char *ctl_key_role_name(uint32_t role);
/* 0 when there is no such role. */
uint32_t ctl_key_role_from_name(const char *name);

#endif
