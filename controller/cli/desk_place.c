/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/desk_place.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/random.h"
#include "common/text.h"
#include "common/yaml.h"
#include "controller/cli/keyring.h"

enum {
    KEY_TEXT_BYTES = BL_HEX_BYTES(CTL_DESK_KEY_BYTES),
};

#define DESKS_DIR "desks"

static int check_name(const char *name, struct bl_error *err)
{
    if (!bl_text_is_name(name) || strlen(name) > CTL_DESK_PLACE_NAME_BYTES_MAX)
        return bl_fail(err, -EINVAL,
                       "'%.80s' is no name: letters, digits, '_', '.', '-', at most %d", name,
                       CTL_DESK_PLACE_NAME_BYTES_MAX);

    return 0;
}

static int path_of(const char *name, const char *ending, char ret_path[CTL_CLI_PATH_BYTES_MAX],
                   struct bl_error *err)
{
    char home[CTL_CLI_PATH_BYTES_MAX];
    int r = ctl_home_path(home, sizeof(home), err);

    if (r < 0)
        return r;
    if (bl_text_format(ret_path, CTL_CLI_PATH_BYTES_MAX, "%s/" DESKS_DIR "/%s%s", home, name,
                       ending) < 0)
        return bl_fail(err, -ENAMETOOLONG, "the path of desk '%.64s' is too long", name);

    return 0;
}

static int check_address(const char *address, struct bl_error *err)
{
    const char *colon = strrchr(address, ':');
    struct bl_error number_err = {0};
    uint64_t port = 0;

    if (strncmp(address, "tcp://", 6) != 0 || colon == NULL || colon <= address + 6 ||
        bl_text_to_u64(colon + 1, UINT16_MAX, &port, &number_err) < 0 || port == 0 ||
        strpbrk(address, "\"\\ \n\t;") != NULL || !bl_text_is_clean(address, strlen(address)) ||
        strlen(address) >= CTL_DESK_PLACE_ADDRESS_BYTES)
        return bl_fail(err, -EINVAL, "the address must be tcp://HOST:PORT, not '%.120s'", address);

    return 0;
}

static int take_value(const struct bl_yaml *yaml, const struct bl_yaml_node *node,
                      struct ctl_desk_place *place, struct bl_error *err)
{
    struct bl_error value_err = {0};

    if (node->kind != BL_YAML_SCALAR)
        return bl_yaml_fail(yaml, node, err, "must be one value");
    if (strcmp(node->key, "address") == 0) {
        if (check_address(node->text, &value_err) < 0)
            return bl_yaml_fail(yaml, node, err, "%s", value_err.text);
        bl_text_copy(place->address, sizeof(place->address), node->text);
        return 0;
    }
    if (strcmp(node->key, "controller_key") != 0)
        return bl_yaml_fail(yaml, node, err, "unknown key; known are address, controller_key");
    if (bl_hex_decode(node->text, place->to.controller_key, CTL_DESK_KEY_BYTES, &value_err) < 0)
        return bl_yaml_fail(yaml, node, err, "must be the %d hex digits of 'belay enroll key'",
                            2 * CTL_DESK_KEY_BYTES);

    return 0;
}

static int load_settings(struct ctl_desk_place *place, struct bl_error *err)
{
    BL_AUTO_YAML struct bl_yaml *yaml = NULL;
    int r = bl_yaml_load(place->file, &yaml, err);

    if (r == -ENOENT)
        return bl_fail(err, -ENOENT,
                       "this desk knows no controller '%.64s': 'belay desk show' lists them, "
                       "'belay desk new' makes one",
                       place->name);
    for (const struct bl_yaml_node *node = r < 0 ? NULL : yaml->root->child; node != NULL && r >= 0;
         node = node->next)
        r = take_value(yaml, node, place, err);
    if (r < 0)
        return r;
    if (bl_yaml_find(yaml->root, "address") == NULL ||
        bl_yaml_find(yaml->root, "controller_key") == NULL)
        return bl_fail(err, -EINVAL, "%s: needs address and controller_key", place->file);

    return 0;
}

static int load_key(struct ctl_desk_place *place, struct bl_error *err)
{
    char path[CTL_CLI_PATH_BYTES_MAX];
    BL_AUTO_FREE char *text = NULL;
    struct bl_error hex_err = {0};
    struct stat status;
    size_t text_bytes;
    int r = path_of(place->name, ".key", path, err);

    if (r < 0)
        return r;
    if (lstat(path, &status) < 0)
        return bl_fail(err, -errno, "'%s': %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode) || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return bl_fail(err, -EPERM,
                       "'%s' may be read by others: 'chmod 600', and if anybody may "
                       "have read it, have it revoked and make another",
                       path);
    r = bl_file_read(AT_FDCWD, path, KEY_TEXT_BYTES, &text, &text_bytes, err);
    if (r < 0)
        return r;
    if (text_bytes > 0 && text[text_bytes - 1] == '\n')
        text[text_bytes - 1] = '\0';
    r = bl_hex_decode(text, place->to.secret_key, CTL_DESK_KEY_BYTES, &hex_err);
    sodium_memzero(text, text_bytes);
    if (r < 0 || crypto_scalarmult_base(place->to.public_key, place->to.secret_key) != 0)
        return bl_fail(err, -EUCLEAN, "'%s' holds no key", path);

    return 0;
}

int ctl_desk_place_load(const char *name, struct ctl_desk_place *ret_place, struct bl_error *err)
{
    int r = check_name(name, err);

    if (r < 0)
        return r;
    *ret_place = (struct ctl_desk_place){0};
    bl_text_copy(ret_place->name, sizeof(ret_place->name), name);
    r = path_of(name, ".yaml", ret_place->file, err);
    if (r >= 0)
        r = load_settings(ret_place, err);
    if (r >= 0)
        r = load_key(ret_place, err);

    return r;
}

/* ---- making ---- */

static int write_key(int dir_fd, const char *name, struct ctl_desk_place *place,
                     struct bl_error *err)
{
    char text[KEY_TEXT_BYTES + 1], file[CTL_DESK_PLACE_NAME_BYTES_MAX + 8];
    int r = bl_random_fill(place->to.secret_key, CTL_DESK_KEY_BYTES, err);

    if (r >= 0 && crypto_scalarmult_base(place->to.public_key, place->to.secret_key) != 0)
        r = bl_fail(err, -EKEYREJECTED, "the new key can't be used");
    if (r >= 0) {
        (void)snprintf(file, sizeof(file), "%s.key", name);
        bl_hex_encode(place->to.secret_key, CTL_DESK_KEY_BYTES, text);
        bl_text_copy(text + KEY_TEXT_BYTES - 1, 2, "\n");
        r = bl_file_replace(dir_fd, file, text, KEY_TEXT_BYTES, err);
    }
    sodium_memzero(text, sizeof(text));
    sodium_memzero(place->to.secret_key, CTL_DESK_KEY_BYTES);

    return r;
}

static int write_settings(int dir_fd, const struct ctl_desk_place *place, struct bl_error *err)
{
    char key[KEY_TEXT_BYTES], text[512], file[CTL_DESK_PLACE_NAME_BYTES_MAX + 8];
    int text_bytes;

    bl_hex_encode(place->to.controller_key, CTL_DESK_KEY_BYTES, key);
    (void)snprintf(file, sizeof(file), "%s.yaml", place->name);
    text_bytes = bl_text_format(text, sizeof(text),
                                "# A controller elsewhere; written by belay desk new. No other key "
                                "is believed.\naddress: \"%s\"\ncontroller_key: \"%s\"\n",
                                place->address, key);
    if (text_bytes < 0)
        return bl_fail(err, -EMSGSIZE, "the address is too long");

    return bl_file_replace(dir_fd, file, text, (size_t)text_bytes, err);
}

int ctl_desk_place_make(const char *name, const char *address, const char *controller_key,
                        struct ctl_desk_place *ret_place, struct bl_error *err)
{
    char dir[CTL_CLI_PATH_BYTES_MAX];
    char key_path[CTL_CLI_PATH_BYTES_MAX];
    struct bl_error key_err = {0};
    BL_AUTO_FD int dir_fd = -1;
    int r = check_name(name, err);

    *ret_place = (struct ctl_desk_place){0};
    if (r >= 0)
        r = check_address(address, err);
    if (r < 0)
        return r;
    if (bl_hex_decode(controller_key, ret_place->to.controller_key, CTL_DESK_KEY_BYTES, &key_err) <
        0)
        return bl_fail(err, -EINVAL,
                       "--controller-key takes the %d hex digits of 'belay enroll key'",
                       2 * CTL_DESK_KEY_BYTES);
    bl_text_copy(ret_place->name, sizeof(ret_place->name), name);
    bl_text_copy(ret_place->address, sizeof(ret_place->address), address);
    r = path_of("", "", dir, err);
    if (r >= 0)
        r = path_of(name, ".yaml", ret_place->file, err);
    if (r >= 0)
        r = bl_file_exists(AT_FDCWD, ret_place->file, err);
    if (r > 0)
        return bl_fail(err, -EEXIST, "'%s' is there already", ret_place->file);
    if (r >= 0)
        r = path_of(name, ".key", key_path, err);
    if (r >= 0)
        r = bl_file_exists(AT_FDCWD, key_path, err);
    if (r > 0)
        return bl_fail(err, -EEXIST, "'%s' is there already: it is never replaced", key_path);
    if (r >= 0)
        r = bl_dir_make(AT_FDCWD, dir, 0700, err);
    if (r < 0)
        return r;
    dir_fd = bl_dir_open(AT_FDCWD, dir, err);
    if (dir_fd < 0)
        return dir_fd;
    r = write_key(dir_fd, name, ret_place, err);

    return r < 0 ? r : write_settings(dir_fd, ret_place, err);
}

/* ---- listing ---- */

static int is_settings(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return entry->d_name[0] != '.' && dot != NULL && strcmp(dot, ".yaml") == 0;
}

int ctl_desk_place_each(ctl_desk_place_fn each, void *userdata, struct bl_error *err)
{
    char dir[CTL_CLI_PATH_BYTES_MAX], name[NAME_MAX + 1];
    struct dirent **entries = NULL;
    int count, r = path_of("", "", dir, err);

    if (r < 0)
        return r;
    count = scandir(dir, &entries, is_settings, alphasort);
    if (count < 0)
        return errno == ENOENT ? 0 : bl_fail(err, -errno, "'%s': %s", dir, strerror(errno));
    for (int i = 0; i < count; i++) {
        bl_text_copy(name, sizeof(name), entries[i]->d_name);
        name[strlen(name) - strlen(".yaml")] = '\0';
        if (r >= 0)
            r = each(userdata, name, err);
        free(entries[i]);
    }
    free(entries);

    return r;
}
