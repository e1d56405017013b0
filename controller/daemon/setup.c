/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/setup.h"

#include <errno.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/random.h"
#include "common/text.h"
#include "controller/daemon/store.h"

enum {
    KEY_TEXT_BYTES = BL_HEX_BYTES(PROTO_HOST_ID_BYTES),
    CONFIG_FILE_BYTES_MAX = 4096,
    STATE_DIR_MODE = 0700,
    CONFIG_DIR_MODE = 0755,
    CONFIG_MODE = 0644,
};

/* Splits a path into its directory and its last part. */
static int split(const char *path, char ret_dir[CTL_CONFIG_PATH_BYTES], const char **ret_name,
                 struct bl_error *err)
{
    const char *slash = strrchr(path, '/');

    if (path[0] != '/' || slash[1] == '\0')
        return bl_fail(err, -EINVAL, "'%s' is no absolute path of a file", path);
    if (bl_text_format(ret_dir, CTL_CONFIG_PATH_BYTES, "%.*s",
                       slash == path ? 1 : (int)(slash - path), path) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': path too long", path);
    *ret_name = slash + 1;

    return 0;
}

static int refuse_existing(const struct ctl_setup_request *request, struct bl_error *err)
{
    char key_path[CTL_CONFIG_PATH_BYTES + sizeof(CTL_SETUP_KEY_NAME)];
    const char *const paths[] = {request->config_path, key_path};

    (void)snprintf(key_path, sizeof(key_path), "%s/%s", request->config.state_dir,
                   CTL_SETUP_KEY_NAME);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int r = bl_file_exists(AT_FDCWD, paths[i], err);

        if (r < 0)
            return r;
        if (r > 0)
            return bl_fail(err, -EEXIST, "'%s' exists already and is left as it is", paths[i]);
    }

    return 0;
}

static int make_key(int dir_fd, uint8_t ret_public[PROTO_HOST_ID_BYTES], struct bl_error *err)
{
    uint8_t secret[PROTO_HOST_ID_BYTES];
    char text[KEY_TEXT_BYTES + 1];
    int r;

    r = bl_random_fill(secret, sizeof(secret), err);
    if (r >= 0 && crypto_scalarmult_base(ret_public, secret) != 0)
        r = bl_fail(err, -EKEYREJECTED, "the new key can't be used");
    if (r >= 0) {
        bl_hex_encode(secret, sizeof(secret), text);
        bl_text_copy(text + KEY_TEXT_BYTES - 1, 2, "\n");
        r = bl_file_replace(dir_fd, CTL_SETUP_KEY_NAME, text, KEY_TEXT_BYTES, err);
    }
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(text, sizeof(text));

    return r;
}

int ctl_setup_load_key(const char *state_dir, uint8_t ret_secret[PROTO_HOST_ID_BYTES],
                       uint8_t ret_public[PROTO_HOST_ID_BYTES], struct bl_error *err)
{
    char path[CTL_CONFIG_PATH_BYTES + sizeof(CTL_SETUP_KEY_NAME)];
    BL_AUTO_FREE char *text = NULL;
    struct bl_error hex_err = {0};
    size_t text_bytes;
    int r;

    (void)snprintf(path, sizeof(path), "%s/%s", state_dir, CTL_SETUP_KEY_NAME);
    r = bl_file_read(AT_FDCWD, path, KEY_TEXT_BYTES, &text, &text_bytes, err);
    if (r < 0)
        return r;
    if (text_bytes > 0 && text[text_bytes - 1] == '\n')
        text[text_bytes - 1] = '\0';
    r = bl_hex_decode(text, ret_secret, PROTO_HOST_ID_BYTES, &hex_err);
    sodium_memzero(text, text_bytes);
    if (r < 0 || crypto_scalarmult_base(ret_public, ret_secret) != 0)
        return bl_fail(err, -EUCLEAN, "'%s' holds no key", path);

    return 0;
}

static int make_store(const struct ctl_setup_request *request, struct bl_error *err)
{
    struct ctl_store *store = NULL;
    int r = ctl_store_open(request->config.state_dir, &store, err);

    (void)ctl_store_close(store);

    return r;
}

int ctl_setup_give_to_owner(int dir_fd, const char *owner, struct bl_error *err)
{
    static const char *const names[] = {".", CTL_SETUP_KEY_NAME, CTL_SETUP_STORE_NAME,
                                        CTL_SETUP_TRUST_NAME, "lock"};
    const struct passwd *user = owner != NULL && geteuid() == 0 ? getpwnam(owner) : NULL;

    if (user == NULL)
        return 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (fchownat(dir_fd, names[i], user->pw_uid, user->pw_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
            errno != ENOENT)
            return bl_fail(err, -errno, "give '%s' to user '%s': %s", names[i], owner,
                           strerror(errno));
    }

    return 0;
}

static int write_config(const struct ctl_setup_request *request, struct bl_error *err)
{
    const struct ctl_config *config = &request->config;
    char dir[CTL_CONFIG_PATH_BYTES], text[CONFIG_FILE_BYTES_MAX];
    BL_AUTO_FD int dir_fd = -1;
    const char *name;
    int r, text_bytes;

    r = split(request->config_path, dir, &name, err);
    if (r < 0)
        return r;
    text_bytes = bl_text_format(text, sizeof(text),
                                "# belay's controller; read by belayd and belay. Written by belay "
                                "init.\n"
                                "listen: \"%s\"\n"
                                "enroll_listen: \"%s\"\n"
                                "state_dir: \"%s\"\n"
                                "control_socket: \"%s\"\n"
                                "socket_group: \"%s\"\n",
                                config->listen, config->enroll_listen, config->state_dir,
                                config->control_socket, config->socket_group);
    if (text_bytes < 0)
        return bl_fail(err, -EMSGSIZE, "configuration too long");
    r = bl_dir_make(AT_FDCWD, dir, CONFIG_DIR_MODE, err);
    if (r < 0)
        return r;
    dir_fd = bl_dir_open(AT_FDCWD, dir, err);
    if (dir_fd < 0)
        return dir_fd;

    return bl_file_replace_mode(dir_fd, name, text, (size_t)text_bytes, CONFIG_MODE, err);
}

/* The values are written between double quotes, so what would end or escape them is refused. */
static int refuse_odd_text(const struct ctl_config *config, struct bl_error *err)
{
    const char *const values[] = {config->listen, config->enroll_listen, config->state_dir,
                                  config->control_socket};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (strpbrk(values[i], "\"\\\n\t") != NULL ||
            !bl_text_is_clean(values[i], strlen(values[i])))
            return bl_fail(err, -EINVAL, "'%s': quotes and control characters can't be used",
                           values[i]);
    }

    return 0;
}

/* Only the directory itself is ours alone; those above it must let its owner through. */
static int make_state_dir(const char *path, struct bl_error *err)
{
    char above[CTL_CONFIG_PATH_BYTES];
    const char *name;
    int r;

    r = split(path, above, &name, err);
    if (r >= 0)
        r = bl_dir_make(AT_FDCWD, above, CONFIG_DIR_MODE, err);
    if (r >= 0)
        r = bl_dir_make(AT_FDCWD, path, STATE_DIR_MODE, err);

    return r;
}

int ctl_setup_create(const struct ctl_setup_request *request, struct ctl_setup_result *ret_result,
                     struct bl_error *err)
{
    struct ctl_setup_request checked = *request;
    BL_AUTO_FD int dir_fd = -1;
    int r;

    r = ctl_config_check(&checked.config, err);
    if (r >= 0)
        r = refuse_odd_text(&checked.config, err);
    if (r >= 0)
        r = refuse_existing(&checked, err);
    if (r >= 0)
        r = make_state_dir(checked.config.state_dir, err);
    if (r < 0)
        return r;
    dir_fd = bl_dir_open(AT_FDCWD, checked.config.state_dir, err);
    if (dir_fd < 0)
        return dir_fd;
    r = make_store(&checked, err);
    if (r >= 0)
        r = make_key(dir_fd, ret_result->public_key, err);
    if (r < 0)
        return r;
    r = ctl_setup_give_to_owner(dir_fd, checked.owner, err);
    if (r >= 0)
        r = write_config(&checked, err);
    /* Nobody was given this key yet, and left behind it would be in the way of the next try. */
    if (r < 0)
        (void)unlinkat(dir_fd, CTL_SETUP_KEY_NAME, 0);

    return r;
}
