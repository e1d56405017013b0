/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/config.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "common/yaml.h"

struct config_key {
    const char *name;
    size_t offset, size_bytes;
};

#define CONFIG_KEY(field)                                                                   \
    {                                                                                       \
#field, offsetof(struct ctl_config, field), sizeof(((struct ctl_config *)0)->field) \
    }

static const struct config_key config_keys[] = {
    CONFIG_KEY(listen),         CONFIG_KEY(enroll_listen), CONFIG_KEY(state_dir),
    CONFIG_KEY(control_socket), CONFIG_KEY(socket_group),  CONFIG_KEY(prometheus),
};

enum {
    CONFIG_KEY_COUNT = sizeof(config_keys) / sizeof(config_keys[0]),
    PORT_MAX = 65535,
};

void ctl_config_init(struct ctl_config *config)
{
    *config = (struct ctl_config){
        .listen = CTL_CONFIG_LISTEN,
        .state_dir = CTL_CONFIG_STATE_DIR,
        .control_socket = CTL_CONFIG_CONTROL_SOCKET,
        .socket_group = CTL_CONFIG_SOCKET_GROUP,
        .prometheus = CTL_CONFIG_PROMETHEUS,
    };
}

/* "tcp://ADDRESS:PORT". Port 0 means any free one, which only tests want. */
static int check_endpoint(const char *key, const char *endpoint, uint64_t *ret_port,
                          struct bl_error *err)
{
    const char *colon = strrchr(endpoint, ':');
    struct bl_error number_err = {0};

    if (strncmp(endpoint, "tcp://", 6) != 0 || colon == NULL || colon <= endpoint + 6)
        return bl_fail(err, -EINVAL, "'%s' must be tcp://ADDRESS:PORT, not '%s'", key, endpoint);
    if (bl_text_to_u64(colon + 1, PORT_MAX, ret_port, &number_err) < 0)
        return bl_fail(err, -EINVAL, "'%s': '%s' is no port (1 to %d)", key, colon + 1, PORT_MAX);

    return 0;
}

static int next_port(struct ctl_config *config, uint64_t port, struct bl_error *err)
{
    const char *colon = strrchr(config->listen, ':');
    const uint64_t next = port == 0 ? 0 : port + 1;

    if (next > PORT_MAX)
        return bl_fail(err, -EINVAL, "'enroll_listen': there is no port after %d; name one",
                       PORT_MAX);
    (void)snprintf(config->enroll_listen, sizeof(config->enroll_listen), "%.*s:%llu",
                   (int)(colon - config->listen), config->listen, (unsigned long long)next);

    return 0;
}

int ctl_config_check(struct ctl_config *config, struct bl_error *err)
{
    uint64_t port, enroll_port, admin_port;
    int r;

    r = check_endpoint("listen", config->listen, &port, err);
    if (r >= 0 && config->enroll_listen[0] == '\0')
        r = next_port(config, port, err);
    if (r >= 0)
        r = check_endpoint("enroll_listen", config->enroll_listen, &enroll_port, err);
    if (r < 0)
        return r;
    if (strcmp(config->listen, config->enroll_listen) == 0 && port != 0)
        return bl_fail(err, -EINVAL, "'enroll_listen' must differ from 'listen'");
    if (config->admin_listen[0] != '\0') {
        r = check_endpoint("admin.listen", config->admin_listen, &admin_port, err);
        if (r < 0)
            return r;
        if (admin_port == 0)
            return bl_fail(err, -EINVAL, "'admin.listen' needs a port of its own");
        if (admin_port == port || admin_port == enroll_port)
            return bl_fail(err, -EINVAL, "'admin.listen' needs another port than the hosts'");
    }
    if (config->state_dir[0] != '/')
        return bl_fail(err, -EINVAL, "'state_dir' must begin with '/'");
    if (config->control_socket[0] != '/')
        return bl_fail(err, -EINVAL, "'control_socket' must begin with '/'");
    if (strncmp(config->prometheus, "http://", 7) != 0 &&
        strncmp(config->prometheus, "https://", 8) != 0)
        return bl_fail(err, -EINVAL, "'prometheus' must begin with http:// or https://");
    if (config->socket_group[0] != '\0' && !bl_text_is_name(config->socket_group))
        return bl_fail(err, -EINVAL, "'socket_group': '%s' is no group name", config->socket_group);

    return 0;
}

/* "admin" is a map of its own; "listen" is all that it has. */
static int take_admin(const struct bl_yaml *yaml, const struct bl_yaml_node *node,
                      struct ctl_config *config, struct bl_error *err)
{
    if (node->kind != BL_YAML_MAP)
        return bl_yaml_fail(yaml, node, err, "must have 'listen' in it");
    for (const struct bl_yaml_node *at = node->child; at != NULL; at = at->next) {
        if (strcmp(at->key, "listen") != 0)
            return bl_yaml_fail(yaml, at, err, "unknown key; only 'listen' is known here");
        if (at->kind != BL_YAML_SCALAR)
            return bl_yaml_fail(yaml, at, err, "must be one value");
        if (strlen(at->text) >= sizeof(config->admin_listen))
            return bl_yaml_fail(yaml, at, err, "longer than %zu characters",
                                sizeof(config->admin_listen) - 1);
        bl_text_copy(config->admin_listen, sizeof(config->admin_listen), at->text);
    }

    return 0;
}

static int take_value(const struct bl_yaml *yaml, const struct bl_yaml_node *node,
                      struct ctl_config *config, struct bl_error *err)
{
    const char *names[CONFIG_KEY_COUNT + 1], *nearest;

    names[CONFIG_KEY_COUNT] = "admin";
    if (strcmp(node->key, "admin") == 0)
        return take_admin(yaml, node, config, err);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        names[i] = config_keys[i].name;
        if (strcmp(node->key, names[i]) != 0)
            continue;
        if (node->kind != BL_YAML_SCALAR)
            return bl_yaml_fail(yaml, node, err, "must be one value");
        if (strlen(node->text) >= config_keys[i].size_bytes)
            return bl_yaml_fail(yaml, node, err, "longer than %zu characters",
                                config_keys[i].size_bytes - 1);
        bl_text_copy((char *)config + config_keys[i].offset, config_keys[i].size_bytes, node->text);
        return 0;
    }
    nearest = bl_text_nearest(node->key, names, CONFIG_KEY_COUNT + 1);
    if (nearest != NULL)
        return bl_yaml_fail(yaml, node, err, "unknown key; did you mean '%s'?", nearest);

    return bl_yaml_fail(yaml, node, err, "unknown key");
}

int ctl_config_load(const char *path, struct ctl_config *ret_config, struct bl_error *err)
{
    BL_AUTO_YAML struct bl_yaml *yaml = NULL;
    struct ctl_config config;
    int r;

    r = bl_yaml_load(path, &yaml, err);
    if (r < 0)
        return r;
    ctl_config_init(&config);
    for (const struct bl_yaml_node *node = yaml->root->child; node != NULL; node = node->next) {
        r = take_value(yaml, node, &config, err);
        if (r < 0)
            return r;
    }
    r = ctl_config_check(&config, err);
    if (r < 0)
        return bl_wrap(err, "%s", path);
    *ret_config = config;

    return 0;
}
