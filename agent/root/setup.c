/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/setup.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/random.h"

#define KEY_FILE      "curve.key"
#define NEXT_KEY_FILE "curve.key.next"

enum {
    KEY_TEXT_BYTES = BL_HEX_BYTES(PROTO_KEY_BYTES), /* a newline in the place of the NUL */
};

static int open_agent_dir(const char *state_dir, bool make, int *ret_fd, struct bl_error *err)
{
    char path[512];
    int r;

    r = snprintf(path, sizeof(path), "%s/agent", state_dir);
    if (r < 0 || (size_t)r >= sizeof(path))
        return bl_fail(err, -ENAMETOOLONG, "'%s': name too long", state_dir);
    if (make) { /* the state directory itself is shared with a controller on the same machine */
        r = bl_dir_make(AT_FDCWD, state_dir, 0755, err);
        if (r >= 0)
            r = bl_dir_make(AT_FDCWD, path, 0700, err);
        if (r < 0)
            return r;
    }
    *ret_fd = bl_dir_open(AT_FDCWD, path, err);

    return *ret_fd < 0 ? *ret_fd : 0;
}

static int load_key(int dir_fd, const char *name, uint8_t ret_id[PROTO_HOST_ID_BYTES],
                    uint8_t ret_secret[PROTO_KEY_BYTES], struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    size_t bytes = 0;
    int r;

    r = bl_file_read(dir_fd, name, KEY_TEXT_BYTES, &text, &bytes, err);
    if (r < 0)
        return bl_wrap(err, "key of this host");
    if (bytes > 0 && text[bytes - 1] == '\n')
        text[bytes - 1] = '\0';
    r = bl_hex_decode(text, ret_secret, PROTO_KEY_BYTES, err);
    explicit_bzero(text, bytes);
    if (r < 0)
        return bl_fail(err, -EUCLEAN, "key of this host: not %d hex digits", 2 * PROTO_KEY_BYTES);
    if (crypto_scalarmult_base(ret_id, ret_secret) != 0)
        return bl_fail(err, -EUCLEAN, "key of this host: not a usable key");

    return 0;
}

int agent_setup_load_id(const char *state_dir, uint8_t ret_id[PROTO_HOST_ID_BYTES],
                        struct bl_error *err)
{
    uint8_t secret[PROTO_KEY_BYTES];
    BL_AUTO_FD int dir_fd = -1;
    int r;

    r = open_agent_dir(state_dir, /* make= */ false, &dir_fd, err);
    if (r >= 0)
        r = load_key(dir_fd, KEY_FILE, ret_id, secret, err);
    explicit_bzero(secret, sizeof(secret));

    return r;
}

static int make_key(int dir_fd, const char *name, struct bl_error *err)
{
    uint8_t secret[PROTO_KEY_BYTES];
    char text[KEY_TEXT_BYTES];
    int r;

    r = bl_random_fill(secret, sizeof(secret), err);
    if (r >= 0) {
        bl_hex_encode(secret, sizeof(secret), text);
        text[sizeof(text) - 1] = '\n';
        r = bl_file_replace(dir_fd, name, text, sizeof(text), err);
    }
    explicit_bzero(secret, sizeof(secret));
    explicit_bzero(text, sizeof(text));

    return r;
}

int agent_setup_make_key(const char *state_dir, enum agent_setup_key which,
                         uint8_t ret_id[PROTO_HOST_ID_BYTES], uint8_t ret_secret[PROTO_KEY_BYTES],
                         struct bl_error *err)
{
    const char *name = which == AGENT_SETUP_KEY_NEXT ? NEXT_KEY_FILE : KEY_FILE;
    BL_AUTO_FD int dir_fd = -1;
    int r;

    r = open_agent_dir(state_dir, /* make= */ true, &dir_fd, err);
    if (r >= 0)
        r = bl_file_exists(dir_fd, name, err);
    if (r == 0)
        r = make_key(dir_fd, name, err);
    if (r >= 0)
        r = load_key(dir_fd, name, ret_id, ret_secret, err);

    return r;
}

int agent_setup_adopt_key(const char *state_dir, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    int r;

    r = open_agent_dir(state_dir, /* make= */ false, &dir_fd, err);
    if (r < 0)
        return r;
    if (renameat(dir_fd, NEXT_KEY_FILE, dir_fd, KEY_FILE) < 0 || fsync(dir_fd) < 0)
        return bl_fail(err, -errno, "take the new key: %s", strerror(errno));

    return 0;
}

int agent_setup_find_controller(const char *yaml, char *ret_endpoint, size_t size_bytes,
                                struct bl_error *err)
{
    static const char key[] = "controller:";
    static const char scheme[] = "tcp://";

    for (const char *line = yaml; *line != '\0';) {
        const char *end = strchrnul(line, '\n');

        if (strncmp(line, key, strlen(key)) == 0) {
            const char *value = line + strlen(key);
            size_t bytes;

            value += strspn(value, " \"'");
            bytes = strcspn(value, " \"'\r\n#");
            if (bytes <= strlen(scheme) || strncmp(value, scheme, strlen(scheme)) != 0)
                return bl_fail(err, -EBADMSG, "'controller' is not tcp://ADDRESS:PORT");
            bytes -= strlen(scheme);
            if (bytes >= size_bytes)
                return bl_fail(err, -EMSGSIZE, "'controller' is too long");
            memcpy(ret_endpoint, value + strlen(scheme), bytes);
            ret_endpoint[bytes] = '\0';
            return 0;
        }
        line = *end == '\n' ? end + 1 : end;
    }

    return bl_fail(err, -ENODATA, "no line 'controller: tcp://ADDRESS:PORT'");
}
