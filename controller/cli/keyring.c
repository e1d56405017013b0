/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/random.h"
#include "common/text.h"
#include "controller/cli/cli.h"
#include "controller/cli/key_file.h"
#include "controller/outside/json.h"
#include "proto/trust.h"

#define ROOT_NAME    "root"
#define ROOT_FILE    ROOT_NAME ".key"
#define FILES_DIFFER "key '%.80s': its .key and .pub files differ"

enum {
    FILE_NAME_BYTES = CTL_KEY_NAME_BYTES_MAX + 16,
};

const char *ctl_key_role_name(uint32_t role)
{
    switch (role) {
    case PROTO_ROLE_OPERATOR:
        return "operator";
    case PROTO_ROLE_COMMANDER:
        return "commander";
    default: /* not an enum: a file's number */
        return "root";
    }
}

uint32_t ctl_key_role_from_name(const char *name)
{
    for (uint32_t role = PROTO_ROLE_OPERATOR; role <= PROTO_ROLE_COMMANDER; role++) {
        if (strcmp(name, ctl_key_role_name(role)) == 0)
            return role;
    }

    return 0;
}

int ctl_key_kdf_from_name(const char *name, enum ctl_key_kdf *ret_kdf, struct bl_error *err)
{
    if (name == NULL || strcmp(name, "moderate") == 0) {
        *ret_kdf = CTL_KEY_KDF_MODERATE;
    } else if (strcmp(name, "interactive") == 0) {
        *ret_kdf = CTL_KEY_KDF_INTERACTIVE;
    } else {
        return bl_fail(err, -EINVAL, "--kdf must be moderate or interactive");
    }

    return 0;
}

int ctl_home_path(char *ret_path, size_t path_bytes, struct bl_error *err)
{
    const char *home = getenv("BELAY_HOME"), *config = getenv("XDG_CONFIG_HOME");
    const char *user_home = getenv("HOME");
    int r;

    if (user_home == NULL || user_home[0] == '\0') {
        const struct passwd *user = getpwuid(getuid());

        user_home = user == NULL ? NULL : user->pw_dir;
    }
    if (home != NULL && home[0] != '\0') {
        r = bl_text_format(ret_path, path_bytes, "%s", home);
    } else if (config != NULL && config[0] == '/') {
        r = bl_text_format(ret_path, path_bytes, "%s/belay", config);
    } else if (user_home != NULL) {
        r = bl_text_format(ret_path, path_bytes, "%s/.config/belay", user_home);
    } else {
        return bl_fail(err, -ENOENT, "no home directory: set BELAY_HOME");
    }
    if (r < 0)
        return bl_fail(err, -ENAMETOOLONG, "the path of the key directory is too long");

    return 0;
}

int ctl_home_open(bool make, int *ret_fd, struct bl_error *err)
{
    char path[CTL_CLI_PATH_BYTES_MAX], keys[CTL_CLI_PATH_BYTES_MAX + 8];
    int r;

    r = ctl_home_path(path, sizeof(path), err);
    if (r < 0)
        return r;
    if (make) {
        (void)snprintf(keys, sizeof(keys), "%s/keys", path);
        r = bl_dir_make(AT_FDCWD, keys, 0700, err);
        if (r < 0)
            return r;
    }
    r = bl_dir_open(AT_FDCWD, path, err);
    if (r == -ENOENT)
        return bl_fail(err, -ENOENT, "no keys at '%.120s': make one with 'belay keys new'", path);
    if (r < 0)
        return r;

    *ret_fd = r;
    return 0;
}

int ctl_key_make(const char *name, uint32_t role, struct ctl_key *ret_key,
                 struct ctl_secret *ret_secret, struct bl_error *err)
{
    CTL_AUTO_SECRET seed = {0}, secret = {0};
    int r;

    if (!bl_text_is_name(name) || strlen(name) > CTL_KEY_NAME_BYTES_MAX)
        return bl_fail(err, -EINVAL, "'%.80s' is not a name for a key", name);
    r = ctl_secret_make(CTL_KEY_SEED_BYTES, &seed, err);
    if (r < 0)
        return r;
    r = ctl_secret_make(CTL_KEY_SECRET_BYTES, &secret, err);
    if (r < 0)
        return r;
    r = bl_random_fill(seed.bytes, seed.size_bytes, err);
    if (r < 0)
        return r;
    *ret_key = (struct ctl_key){.role = role};
    memcpy(ret_key->name, name, strlen(name) + 1);
    (void)crypto_sign_seed_keypair(ret_key->public_key, secret.bytes, seed.bytes);

    *ret_secret = secret;
    secret = (struct ctl_secret){0};
    return 0;
}

struct names {
    char secret[FILE_NAME_BYTES], public[FILE_NAME_BYTES];
};

/* root.key: the first root, which lies beside the trust file and has no .pub. */
static bool is_first_root(const struct ctl_key *key)
{
    return key->role == CTL_KEY_ROLE_ROOT && strcmp(key->name, ROOT_NAME) == 0;
}

/* Opens the directory in which a key of this kind lies, and names its files. */
static int locate(int home_fd, const struct ctl_key *key, struct names *ret_names, int *ret_dir_fd,
                  struct bl_error *err)
{
    const char *others = key->role == CTL_KEY_ROLE_ROOT ? "roots" : "keys";
    int r = bl_dir_open(home_fd, is_first_root(key) ? "." : others, err);

    if (r < 0)
        return bl_wrap(err, "the key directory");
    *ret_dir_fd = r;
    (void)snprintf(ret_names->secret, FILE_NAME_BYTES, "%s.key", key->name);
    (void)snprintf(ret_names->public, FILE_NAME_BYTES, "%s.pub", key->name);

    return 0;
}

/* The same for a key that must not be there yet. */
static int locate_new(int home_fd, const struct ctl_key *key, struct names *ret_names,
                      int *ret_dir_fd, struct bl_error *err)
{
    int r = locate(home_fd, key, ret_names, ret_dir_fd, err);

    if (r >= 0)
        r = bl_file_exists(*ret_dir_fd, ret_names->secret, err);
    if (r == 0 && !is_first_root(key))
        r = bl_file_exists(*ret_dir_fd, ret_names->public, err); /* a colleague's */
    if (r > 0)
        r = bl_fail(err, -EEXIST, "there is a key '%.80s' already; it is never replaced",
                    key->name);

    return r;
}

static int write_json(int dir_fd, const char *name, json_t *object, struct bl_error *err)
{
    CTL_AUTO_JSON *owned = object;
    BL_AUTO_FREE char *text = json_dumps(owned, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

    if (text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for '%.80s'", name);

    return bl_file_replace(dir_fd, name, text, strlen(text), err);
}

/* The secret half first: a key without it would pass for a colleague's. */
static int write_pair(int dir_fd, const struct ctl_key *key, const struct names *names,
                      json_t *secret_half, struct bl_error *err)
{
    int r = write_json(dir_fd, names->secret, secret_half, err);

    if (r < 0 || is_first_root(key))
        return r;

    return write_json(dir_fd, names->public, ctl_key_file_public(key), err);
}

int ctl_key_store(int home_fd, const struct ctl_key *key, const struct ctl_secret *secret,
                  const struct ctl_secret *passphrase, enum ctl_key_kdf kdf, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    struct names names;
    json_t *sealed;
    int r;

    r = locate_new(home_fd, key, &names, &dir_fd, err);
    if (r < 0)
        return r;
    sealed = ctl_key_file_seal(key, secret, passphrase, kdf, err);

    return sealed == NULL ? err->code : write_pair(dir_fd, key, &names, sealed, err);
}

int ctl_key_store_in_agent(int home_fd, const struct ctl_key *key, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    struct names names;
    int r = locate_new(home_fd, key, &names, &dir_fd, err);

    return r < 0 ? r : write_pair(dir_fd, key, &names, ctl_key_file_in_agent(key), err);
}

int ctl_key_is_in_agent(int home_fd, const struct ctl_key *key, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    BL_AUTO_FD int dir_fd = -1;
    struct ctl_key kept;
    struct names names;
    size_t text_bytes = 0;
    int r;

    r = locate(home_fd, key, &names, &dir_fd, err);
    if (r >= 0)
        r = bl_file_read(dir_fd, names.secret, CTL_KEY_FILE_BYTES_MAX, &text, &text_bytes, err);
    if (r >= 0)
        r = ctl_key_file_is_in_agent(text, text_bytes, &kept, err);
    if (r < 0)
        return bl_wrap(err, "key '%.80s'", key->name);
    if (r > 0 && memcmp(kept.public_key, key->public_key, sizeof(kept.public_key)) != 0)
        return bl_fail(err, -EUCLEAN, FILES_DIFFER, key->name);

    return r;
}

int ctl_key_reseal(int home_fd, const struct ctl_key *key, const struct ctl_secret *former,
                   const struct ctl_secret *passphrase, enum ctl_key_kdf kdf, struct bl_error *err)
{
    CTL_AUTO_SECRET secret = {0};
    BL_AUTO_FD int dir_fd = -1;
    struct names names;
    json_t *sealed;
    int r;

    r = ctl_key_unlock(home_fd, key, former, &secret, err);
    if (r >= 0)
        r = locate(home_fd, key, &names, &dir_fd, err);
    if (r < 0)
        return r;
    sealed = ctl_key_file_seal(key, &secret, passphrase, kdf, err);

    return sealed == NULL ? err->code : write_json(dir_fd, names.secret, sealed, err);
}

int ctl_key_unlock(int home_fd, const struct ctl_key *key, const struct ctl_secret *passphrase,
                   struct ctl_secret *ret_secret, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    BL_AUTO_FD int dir_fd = -1;
    struct ctl_key opened;
    struct names names;
    size_t text_bytes = 0;
    int r;

    r = locate(home_fd, key, &names, &dir_fd, err);
    if (r < 0)
        return r;
    r = bl_file_read(dir_fd, names.secret, CTL_KEY_FILE_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0)
        return r;
    r = ctl_key_file_open(text, text_bytes, passphrase, &opened, ret_secret, err);
    if (r < 0)
        return bl_wrap(err, "key '%.80s'", key->name);
    /* The signer that is shown and the one that signs are the same, whatever the files say. */
    if (memcmp(opened.public_key, key->public_key, sizeof(opened.public_key)) != 0) {
        ctl_secret_release(ret_secret);
        return bl_fail(err, -EUCLEAN, FILES_DIFFER, key->name);
    }

    return 0;
}

int ctl_key_read_root(int home_fd, struct ctl_key *ret_key, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    size_t text_bytes = 0;
    int r;

    r = bl_file_read(home_fd, ROOT_FILE, CTL_KEY_FILE_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0)
        return r;
    r = ctl_key_file_peek(text, text_bytes, ret_key, err);
    if (r < 0)
        return bl_wrap(err, ROOT_FILE);

    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const struct ctl_key *)a)->name, ((const struct ctl_key *)b)->name);
}

static int read_public_file(int dir_fd, const char *path, struct ctl_key *ret_key,
                            struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    size_t text_bytes = 0;
    int r;

    r = bl_file_read(dir_fd, path, CTL_KEY_FILE_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0)
        return r;
    r = ctl_key_file_read_public(text, text_bytes, ret_key, err);
    if (r < 0)
        return bl_wrap(err, "'%.100s'", path);

    return 0;
}

/* Adds the key of "NAME.pub"; whoever it says it is, must be NAME. */
static int add_public_file(int dir_fd, const char *file, struct ctl_key_list *list,
                           struct bl_error *err)
{
    size_t name_bytes = strlen(file) - strlen(".pub");
    struct ctl_key key;
    int r;

    r = read_public_file(dir_fd, file, &key, err);
    if (r < 0)
        return r;
    if ((key.role == CTL_KEY_ROLE_ROOT) != list->of_roots)
        return bl_fail(err, -EUCLEAN, "'%.80s' is the key of a %s", file,
                       ctl_key_role_name(key.role));
    if (strlen(key.name) != name_bytes || memcmp(key.name, file, name_bytes) != 0)
        return bl_fail(err, -EUCLEAN, "'%.80s' holds the key of '%.80s'", file, key.name);
    if (list->count == CTL_KEYS_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d keys", CTL_KEYS_MAX);
    list->keys[list->count++] = key;

    return 0;
}

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

static int read_list(int home_fd, const char *dir, struct ctl_key_list *ret_list,
                     struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = NULL;
    const struct dirent *entry;
    struct bl_error ignored = {0}, missing = {0};
    int r;

    r = bl_dir_open(home_fd, dir, &missing);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return bl_fail(err, r, "%s", missing.text);
    directory = fdopendir(r);
    if (directory == NULL) {
        int dir_fd = r;

        bl_close_fd(&dir_fd);
        return bl_fail(err, -ENOMEM, "read the key directory");
    }
    while ((entry = readdir(directory)) != NULL) {
        size_t file_bytes = strlen(entry->d_name);

        if (file_bytes <= 4 || strcmp(entry->d_name + file_bytes - 4, ".pub") != 0)
            continue;
        r = add_public_file(dirfd(directory), entry->d_name, ret_list, err);
        if (r < 0)
            return r;
    }
    qsort(ret_list->keys, ret_list->count, sizeof(ret_list->keys[0]), compare_keys);
    for (uint32_t i = 0; i < ret_list->count; i++) {
        char file[FILE_NAME_BYTES];

        (void)snprintf(file, sizeof(file), "%s.key", ret_list->keys[i].name);
        r = bl_file_exists(dirfd(directory), file, err);
        if (r < 0)
            return r;
        ret_list->own[i] = r > 0;
        /* What is wrong with one is told when it is to sign. */
        ret_list->in_agent[i] =
            r > 0 && ctl_key_is_in_agent(home_fd, &ret_list->keys[i], &ignored) > 0;
    }

    return 0;
}

int ctl_key_list_read(int home_fd, struct ctl_key_list *ret_list, struct bl_error *err)
{
    ret_list->count = 0;
    ret_list->of_roots = false;

    return read_list(home_fd, "keys", ret_list, err);
}

int ctl_root_list_read(int home_fd, struct ctl_key_list *ret_list, struct bl_error *err)
{
    struct bl_error missing = {0};
    struct ctl_key first;
    int r;

    ret_list->count = 0;
    ret_list->of_roots = true;
    r = read_list(home_fd, "roots", ret_list, err);
    if (r < 0)
        return r;
    r = ctl_key_read_root(home_fd, &first, &missing);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return bl_fail(err, r, "%s", missing.text);
    if (ret_list->count == CTL_KEYS_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d keys", CTL_KEYS_MAX);
    ret_list->keys[ret_list->count] = first;
    ret_list->own[ret_list->count] = true;
    ret_list->in_agent[ret_list->count++] = false;

    return 0;
}

int ctl_key_list_find(const struct ctl_key_list *list, const char *name,
                      const struct ctl_key **ret_key, struct bl_error *err)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->keys[i].name, name) == 0) {
            *ret_key = &list->keys[i];
            return 0;
        }
    }

    return bl_fail(err, -ENOENT, "no %s '%.80s' here: 'belay %s list' shows them",
                   list->of_roots ? "root key" : "key", name, list->of_roots ? "roots" : "keys");
}

int ctl_key_choose(const struct ctl_key_list *list, const char *name,
                   const struct ctl_key **ret_key, struct bl_error *err)
{
    const struct ctl_key *found = NULL;
    uint32_t own_count = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        if (!list->own[i] || (name != NULL && strcmp(list->keys[i].name, name) != 0))
            continue;
        found = &list->keys[i];
        own_count++;
    }
    if (found == NULL && name != NULL)
        return bl_fail(err, -ENOENT, "no key '%.80s' here: 'belay keys list' shows yours", name);
    if (found == NULL)
        return bl_fail(err, -ENOENT, "no key here: make one with 'belay keys new NAME'");
    if (own_count > 1) {
        return bl_fail(err, -EINVAL, "you have %u keys: choose one with --key NAME",
                       (unsigned)own_count);
    }

    *ret_key = found;
    return 0;
}

int ctl_key_import(int home_fd, const char *path, bool is_root, struct ctl_key *ret_key,
                   struct bl_error *err)
{
    char file[FILE_NAME_BYTES];
    BL_AUTO_FD int dir_fd = -1;
    int r;

    r = read_public_file(AT_FDCWD, path, ret_key, err);
    if (r < 0)
        return r;
    if ((ret_key->role == CTL_KEY_ROLE_ROOT) != is_root)
        return bl_fail(err, -EINVAL, "'%.100s' is not %s", path,
                       is_root ? "a root key: 'belay keys import'" : "the key of a person");
    if (is_first_root(ret_key))
        return bl_fail(err, -EINVAL, "a root key to import needs a name of its own, not '%s'",
                       ROOT_NAME);
    r = bl_dir_open(home_fd, is_root ? "roots" : "keys", err);
    if (r < 0)
        return r;
    dir_fd = r;
    (void)snprintf(file, sizeof(file), "%s.pub", ret_key->name);
    r = bl_file_exists(dir_fd, file, err);
    if (r < 0)
        return r;
    if (r > 0) {
        return bl_fail(err, -EEXIST, "there is a key '%.80s' already; it is never replaced",
                       ret_key->name);
    }

    return write_json(dir_fd, file, ctl_key_file_public(ret_key), err);
}
