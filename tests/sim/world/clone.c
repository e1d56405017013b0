/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second machine with a host's key. It is alive, says who it is and answers what only a living
 * machine can; it takes no orders, so that what a host does is its own doing.
 */
#include "proto/message.h"
#include "tests/sim/world/conn.h"
#include "tests/sim/world/laws.h"

#define CLONE_BOOT_ID "c10ec10e-0000-4000-8000-00000000c10e"

static void say(struct sim_conn *conn, const struct proto_message *message)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};

    if (proto_message_encode(message, &buffer, &err) < 0)
        sim_broken("what a clone says: %s", err.text);
    (void)sim_conn_send(conn, SIM_UP, buffer.data, buffer.size_bytes);
}

void sim_clone_up(struct sim_conn *conn)
{
    const struct proto_message hello = {
        .kind = PROTO_HELLO,
        .hello = {.agent_version = BELAY_VERSION,
                  .boot_id = CLONE_BOOT_ID,
                  .host_name = "clone",
                  .os_id = "debian",
                  .os_version = "12",
                  .kernel = "6.1",
                  .arch = "amd64",
                  .package_manager = PROTO_APT,
                  .wall_ms = sim_true_wall_ms(),
                  .link_generation = conn->generation},
    };

    sim_tell(conn->dialer->host, "its clone says HELLO");
    sim_law_cloned(conn->dialer->host);
    say(conn, &hello);
}

void sim_clone_receive(struct sim_conn *conn, const void *data, size_t size_bytes)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message message, pong = {.kind = PROTO_PONG};
    struct bl_error err = {0};

    if (proto_message_decode(data, size_bytes, &arena, &message, &err) < 0)
        sim_broken("belayd sent what does not decode: %s", err.text);
    if (message.kind != PROTO_PING)
        return;
    pong.pong.nonce = message.ping.nonce;
    pong.pong.host_wall_ms = sim_true_wall_ms();
    say(conn, &pong);
}
