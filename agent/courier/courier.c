/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/courier/courier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct agent_courier {
    struct agent_link *link;
    struct agent_local *local;
};

/* A word about the link must not be lost, nor overtaken; an agent with no room for it is stuck. */
static void tell_agent(struct agent_courier *courier, uint8_t kind, const void *body,
                       size_t body_bytes)
{
    int r = agent_local_send(courier->local, kind, body, body_bytes);

    if (r < 0 && r != -ENOTCONN)
        agent_local_drop(courier->local, "the agent does not read");
}

static void on_link_up(void *userdata, uint64_t generation)
{
    struct agent_courier *courier = userdata;
    uint8_t frame[AGENT_FRAME_UP_BYTES];

    agent_frame_encode_up(generation, frame);
    tell_agent(courier, frame[0], frame + 1, sizeof(frame) - 1);
}

static void on_link_lost(void *userdata)
{
    struct agent_courier *courier = userdata;

    tell_agent(courier, AGENT_FRAME_LOST, NULL, 0);
    agent_local_resume(courier->local); /* a frame that waits for the lost link is let go */
}

static bool on_link_message(void *userdata, const void *data, size_t size_bytes)
{
    struct agent_courier *courier = userdata;
    int r = agent_local_send(courier->local, AGENT_FRAME_DATA, data, size_bytes);

    if (r == -EMSGSIZE)
        agent_local_drop(courier->local, "the socket does not take a message of full size");

    return r != -EAGAIN;
}

static void on_link_writable(void *userdata)
{
    struct agent_courier *courier = userdata;

    agent_local_resume(courier->local);
}

static void on_local_connected(void *userdata)
{
    struct agent_courier *courier = userdata;

    agent_link_start(courier->link);
}

static void on_local_disconnected(void *userdata)
{
    struct agent_courier *courier = userdata;

    agent_link_stop(courier->link);
}

static bool on_local_frame(void *userdata, uint8_t kind, const uint8_t *body, size_t body_bytes)
{
    struct agent_courier *courier = userdata;

    if (kind == AGENT_FRAME_DATA && body_bytes > 0)
        /* Without a connection it is dropped: the agent keeps what matters and sends it again. */
        return agent_link_send(courier->link, body, body_bytes) != -EAGAIN;
    if (kind == AGENT_FRAME_RECONNECT && body_bytes == 0) {
        agent_link_restart(courier->link);
        return true;
    }
    agent_local_drop(courier->local, "the agent sent a frame of no known kind");

    return true;
}

static void on_local_writable(void *userdata)
{
    struct agent_courier *courier = userdata;

    agent_link_resume(courier->link);
}

int agent_courier_new(const struct agent_link_config *config, const char *socket_path,
                      sd_event *event, struct agent_courier **ret_courier, struct bl_error *err)
{
    struct agent_courier *courier = calloc(1, sizeof(*courier));
    struct agent_link_handler link = {courier, on_link_up, on_link_lost, on_link_message,
                                      on_link_writable};
    struct agent_local_handler local = {courier, on_local_connected, on_local_disconnected,
                                        on_local_frame, on_local_writable};
    int r;

    if (courier == NULL)
        return bl_fail(err, -ENOMEM, "no memory for the courier");
    r = agent_link_new(config, &link, event, &courier->link, err);
    if (r >= 0)
        r = agent_local_new(socket_path, &local, event, &courier->local, err);
    if (r < 0) {
        agent_courier_free(courier);
        return r;
    }
    *ret_courier = courier;

    return 0;
}

struct agent_courier *agent_courier_free(struct agent_courier *courier)
{
    if (courier == NULL)
        return NULL;
    courier->link = agent_link_free(courier->link);
    courier->local = agent_local_free(courier->local);
    free(courier);

    return NULL;
}
