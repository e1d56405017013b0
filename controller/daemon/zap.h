/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_ZAP_H
#define CTL_DAEMON_ZAP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"
#include "proto/ids.h"

/*
 * Who may finish a CURVE handshake (ZeroMQ RFC 27). libzmq lets everybody in when nobody answers,
 * so this is bound before any other socket and each of those enforces its domain (option 93). It
 * answers from memory: while it thinks, all handshakes wait.
 */
#define CTL_ZAP_DOMAIN_FLEET  "belay"
#define CTL_ZAP_DOMAIN_ENROLL "belay-enroll"
#define CTL_ZAP_DOMAIN_DESK   "belay-desk"

struct ctl_zap_handler {
    void *userdata;
    const char *domain; /* that `admits` guards: no other but the open one lets anybody in */
    bool has_enrol;     /* CTL_ZAP_DOMAIN_ENROLL is there, and open to every key */
    bool (*admits)(void *userdata, const uint8_t key[PROTO_HOST_ID_BYTES]);
    /* A key that `admits` turned away, and the address that it came from. */
    void (*refused)(void *userdata, const uint8_t key[PROTO_HOST_ID_BYTES], const char *address);
};

struct ctl_zap;

/* `context` is a ZeroMQ context; `handler` is copied. One handler a context: else -EADDRINUSE. */
int ctl_zap_open(void *context, const struct ctl_zap_handler *handler, struct ctl_zap **ret_zap,
                 struct bl_error *err) BL_CHECKED;
struct ctl_zap *ctl_zap_close(struct ctl_zap *zap);

/* The ZeroMQ socket, for its descriptor. */
void *ctl_zap_socket(struct ctl_zap *zap);

/* Answers all that wait, and returns how many were answered. */
unsigned ctl_zap_pump(struct ctl_zap *zap);

/* The keys printed in the ZeroMQ manual are no secret: never ours, never a host's. */
bool ctl_zap_is_published_key(const uint8_t public_key[PROTO_HOST_ID_BYTES]);

#endif
