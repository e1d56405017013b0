/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/zap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/hex.h"

enum {
    /* version, request id, domain, address, routing id, mechanism, key */
    REQUEST_FRAMES = 7,
    FRAME_BYTES_MAX = 256,
};

struct ctl_zap {
    void *socket;
    struct ctl_zap_handler handler;
};

struct frame {
    uint8_t data[FRAME_BYTES_MAX];
    size_t size_bytes;
};

bool ctl_zap_is_published_key(const uint8_t public_key[PROTO_HOST_ID_BYTES])
{
    static const char *const published[] = {
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
        "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
    };
    uint8_t key[PROTO_HOST_ID_BYTES];

    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        if (zmq_z85_decode(key, published[i]) != NULL && memcmp(key, public_key, sizeof(key)) == 0)
            return true;
    }

    return false;
}

int ctl_zap_open(void *context, const struct ctl_zap_handler *handler, struct ctl_zap **ret_zap,
                 struct bl_error *err)
{
    struct ctl_zap *zap = calloc(1, sizeof(*zap));
    const int none = 0;

    if (zap == NULL)
        return bl_fail(err, -ENOMEM, "ZAP handler: no memory");
    zap->handler = *handler;
    zap->socket = zmq_socket(context, ZMQ_REP);
    if (zap->socket == NULL || zmq_setsockopt(zap->socket, ZMQ_LINGER, &none, sizeof(none)) < 0 ||
        zmq_bind(zap->socket, "inproc://zeromq.zap.01") < 0) {
        int r = bl_fail(err, -errno, "ZAP handler: %s", zmq_strerror(errno));

        (void)ctl_zap_close(zap);
        return r;
    }
    *ret_zap = zap;

    return 0;
}

struct ctl_zap *ctl_zap_close(struct ctl_zap *zap)
{
    if (zap != NULL && zap->socket != NULL)
        (void)zmq_close(zap->socket);
    free(zap);

    return NULL;
}

void *ctl_zap_socket(struct ctl_zap *zap)
{
    return zap->socket;
}

/* 1: a whole request; 0: none waits. Frames that are too many or too long leave a count of 0. */
static int receive_request(struct ctl_zap *zap, struct frame frames[REQUEST_FRAMES],
                           unsigned *ret_count)
{
    unsigned count = 0;
    bool sound = true;
    int more = 1;
    size_t more_bytes = sizeof(more);

    while (more != 0) {
        struct frame *frame = &frames[count < REQUEST_FRAMES ? count : REQUEST_FRAMES - 1];
        int size_bytes = zmq_recv(zap->socket, frame->data, sizeof(frame->data), ZMQ_DONTWAIT);

        if (size_bytes < 0)
            return 0;
        sound = sound && count < REQUEST_FRAMES && (size_t)size_bytes <= sizeof(frame->data);
        frame->size_bytes = (size_t)size_bytes;
        count++;
        if (zmq_getsockopt(zap->socket, ZMQ_RCVMORE, &more, &more_bytes) < 0)
            return 0;
    }
    *ret_count = sound ? count : 0;

    return 1;
}

static bool frame_is(const struct frame *frame, const char *text)
{
    return frame->size_bytes == strlen(text) && memcmp(frame->data, text, frame->size_bytes) == 0;
}

static void tell_refused(const struct ctl_zap *zap, const struct frame *address,
                         const struct frame *key)
{
    static const char mapped[] = "::ffff:"; /* an IPv4 address as an IPv6 socket sees it */
    const size_t skip = sizeof(mapped) - 1;
    char text[FRAME_BYTES_MAX + 1];
    bool is_mapped;

    memcpy(text, address->data, address->size_bytes);
    text[address->size_bytes] = '\0';
    is_mapped = strncmp(text, mapped, skip) == 0 && strchr(text, '.') != NULL;
    zap->handler.refused(zap->handler.userdata, key->data, is_mapped ? text + skip : text);
}

static bool is_admitted(const struct ctl_zap *zap, const struct frame *frames, unsigned count)
{
    const struct frame *domain = &frames[2], *mechanism = &frames[5], *key = &frames[6];

    if (count != REQUEST_FRAMES || !frame_is(&frames[0], "1.0") || !frame_is(mechanism, "CURVE"))
        return false;
    if (key->size_bytes != PROTO_HOST_ID_BYTES || ctl_zap_is_published_key(key->data))
        return false;
    if (zap->handler.has_enrol && frame_is(domain, CTL_ZAP_DOMAIN_ENROLL))
        return true; /* all it can do there is ask to be enrolled */
    if (!frame_is(domain, zap->handler.domain))
        return false;
    if (zap->handler.admits(zap->handler.userdata, key->data))
        return true;
    tell_refused(zap, &frames[3], key);

    return false;
}

static void send_answer(struct ctl_zap *zap, const struct frame *frames, unsigned count,
                        bool admitted)
{
    char user_id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)] = "";
    const struct {
        const void *data;
        size_t size_bytes;
    } answer[] = {
        {"1.0", 3},
        {frames[1].data, count == REQUEST_FRAMES ? frames[1].size_bytes : 0},
        {admitted ? "200" : "400", 3},
        {admitted ? "OK" : "unknown key", admitted ? 2 : 11},
        {user_id, admitted ? sizeof(user_id) - 1 : 0},
        {"", 0},
    };
    const size_t answer_count = sizeof(answer) / sizeof(answer[0]);

    if (admitted)
        bl_hex_encode(frames[6].data, PROTO_HOST_ID_BYTES, user_id);
    /* When the connection has gone meanwhile, the answer is dropped, which is right. */
    for (size_t i = 0; i < answer_count; i++)
        (void)zmq_send(zap->socket, answer[i].data, answer[i].size_bytes,
                       ZMQ_DONTWAIT | (i + 1 < answer_count ? ZMQ_SNDMORE : 0));
}

unsigned ctl_zap_pump(struct ctl_zap *zap)
{
    struct frame frames[REQUEST_FRAMES];
    unsigned answered = 0, count;

    while (receive_request(zap, frames, &count) > 0) {
        send_answer(zap, frames, count, is_admitted(zap, frames, count));
        answered++;
    }

    return answered;
}
