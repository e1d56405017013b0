/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/courier/config.h"

#include <errno.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"
#include "common/yaml.h"

enum {
    KEY_FILE_BYTES_MAX = BL_HEX_BYTES(PROTO_KEY_BYTES), /* the newline instead of the NUL */
};

static int find_text(const struct bl_yaml *yaml, const char *key,
                     const struct bl_yaml_node **ret_node, struct bl_error *err)
{
    const struct bl_yaml_node *node = bl_yaml_find(yaml->root, key);

    if (node == NULL)
        return bl_yaml_fail(yaml, yaml->root, err, "'%s' is missing", key);
    if (node->kind != BL_YAML_SCALAR)
        return bl_yaml_fail(yaml, node, err, "must be a text");
    *ret_node = node;

    return 0;
}

int agent_config_load(const char *path, struct agent_config *ret_config, struct bl_error *err)
{
    BL_AUTO_YAML struct bl_yaml *yaml = NULL;
    const struct bl_yaml_node *endpoint, *key;
    struct agent_config config = {0};
    int r;

    r = bl_yaml_load(path, &yaml, err);
    if (r >= 0)
        r = find_text(yaml, "controller", &endpoint, err);
    if (r >= 0)
        r = find_text(yaml, "controller_key", &key, err);
    if (r < 0)
        return r;
    if (strncmp(endpoint->text, "tcp://", strlen("tcp://")) != 0 ||
        strlen(endpoint->text) >= sizeof(config.endpoint))
        return bl_yaml_fail(yaml, endpoint, err, "must be tcp://ADDRESS:PORT");
    if (bl_hex_decode(key->text, config.server_key, sizeof(config.server_key), err) < 0)
        return bl_yaml_fail(yaml, key, err, "must be %d hex digits", 2 * PROTO_KEY_BYTES);
    bl_text_copy(config.endpoint, sizeof(config.endpoint), endpoint->text);
    *ret_config = config;

    return 0;
}

int agent_config_load_key(const char *path, uint8_t ret_secret_key[PROTO_KEY_BYTES],
                          struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    size_t text_bytes;
    int r;

    r = bl_file_read(AT_FDCWD, path, KEY_FILE_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0)
        return bl_wrap(err, "key file");
    if (text_bytes > 0 && text[text_bytes - 1] == '\n')
        text[text_bytes - 1] = '\0';
    r = bl_hex_decode(text, ret_secret_key, PROTO_KEY_BYTES, err);
    explicit_bzero(text, text_bytes);
    if (r < 0)
        return bl_fail(err, -EBADMSG, "key file '%s': not %d hex digits", path,
                       2 * PROTO_KEY_BYTES);

    return 0;
}
