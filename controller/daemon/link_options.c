/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <zmq.h>

#include "controller/daemon/link.h"
#include "controller/daemon/zap.h"
#include "controller/desk/wire.h"
#include "proto/message.h"

/* What all of belayd's ROUTERs are held to. */

enum {
    /* A draft option in the header, but part of the library since 4.3.0. */
    ZAP_ENFORCE_DOMAIN = 93,
    /* Above what 10,000 hosts take that all come at once: who is cut off begins anew. */
    HANDSHAKE_MS_MAX = 15 * 1000,
    BACKLOG_COUNT = 4096,
    QUEUE_MESSAGES_MAX = 256, /* a connection, each way */
    ENROLL_MESSAGE_BYTES_MAX = 4096,
    CURVE_BYTES_MAX = 64, /* libzmq's limit is for the sealed frame: 33 bytes more than we see */
    /* A host without power sends no FIN; the kernel finds out, at no cost here. */
    KEEPALIVE_IDLE_S = 30,
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_COUNT = 3,
    UNACKNOWLEDGED_MS_MAX = 30 * 1000,
    /* Desks are few, and wait for nobody. */
    DESK_HANDSHAKE_MS_MAX = 3 * 1000,
    DESK_BACKLOG_COUNT = 64,
    DESK_QUEUE_MESSAGES_MAX = 32, /* above a whole window of chunks, and credits */
};

static int set_int(void *socket, int option, int value, struct bl_error *err)
{
    if (zmq_setsockopt(socket, option, &value, sizeof(value)) < 0)
        return bl_fail(err, -errno, "ZeroMQ option %d: %s", option, zmq_strerror(errno));

    return 0;
}

int ctl_link_configure(void *socket, const struct ctl_link_config *config, enum ctl_link_door door,
                       struct bl_error *err)
{
    static const struct {
        const char *domain;
        int64_t message_bytes_max;
        int handshake_ms_max, backlog_count, queue_messages_max;
    } doors[] = {
        [CTL_LINK_FLEET] = {CTL_ZAP_DOMAIN_FLEET, PROTO_MESSAGE_BYTES_MAX, HANDSHAKE_MS_MAX,
                            BACKLOG_COUNT, QUEUE_MESSAGES_MAX},
        [CTL_LINK_ENROLL] = {CTL_ZAP_DOMAIN_ENROLL, ENROLL_MESSAGE_BYTES_MAX, HANDSHAKE_MS_MAX,
                             BACKLOG_COUNT, QUEUE_MESSAGES_MAX},
        [CTL_LINK_DESK] = {CTL_ZAP_DOMAIN_DESK, CTL_DESK_MESSAGE_BYTES_MAX, DESK_HANDSHAKE_MS_MAX,
                           DESK_BACKLOG_COUNT, DESK_QUEUE_MESSAGES_MAX},
    };
    const char *domain = doors[door].domain;
    const int64_t message_bytes_max = CURVE_BYTES_MAX + doors[door].message_bytes_max;
    const struct {
        int option, value;
    } options[] = {
        {ZAP_ENFORCE_DOMAIN, 1},
        {ZMQ_CURVE_SERVER, 1},
        {ZMQ_LINGER, 0},
        {ZMQ_IPV6, 1},
        {ZMQ_ROUTER_MANDATORY, 1},
        {ZMQ_ROUTER_HANDOVER, 0},
        {ZMQ_HANDSHAKE_IVL, doors[door].handshake_ms_max},
        {ZMQ_BACKLOG, doors[door].backlog_count},
        {ZMQ_SNDHWM, doors[door].queue_messages_max},
        {ZMQ_RCVHWM, doors[door].queue_messages_max},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S},
        {ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S},
        {ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT},
        {ZMQ_TCP_MAXRT, UNACKNOWLEDGED_MS_MAX},
    };

    if (ctl_zap_is_published_key(config->public_key))
        return bl_fail(err, -EKEYREJECTED, "the controller's key is the test key of a manual");
    if (zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) < 0)
        return bl_fail(err, -errno, "ZAP domain: %s", zmq_strerror(errno));
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        int r = set_int(socket, options[i].option, options[i].value, err);

        if (r < 0)
            return r;
    }
    if (zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, config->secret_key, PROTO_HOST_ID_BYTES) < 0 ||
        zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_bytes_max, sizeof(message_bytes_max)) < 0)
        return bl_fail(err, -errno, "key and limits of a socket: %s", zmq_strerror(errno));

    return 0;
}
