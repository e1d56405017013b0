/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/manifest.h"
#include "proto/memory.h"

_Static_assert(crypto_sign_PUBLICKEYBYTES == PROTO_KEY_BYTES, "a key is an Ed25519 key");
_Static_assert(crypto_sign_BYTES == PROTO_SIGNATURE_BYTES, "a signature is one of Ed25519");
_Static_assert(crypto_sign_SECRETKEYBYTES == 64, "as proto_sign says");

int proto_init(struct bl_error *err)
{
    if (sodium_init() < 0)
        return bl_fail(err, -EIO, "libsodium does not start");

    return 0;
}

/* Domain and bytes in one piece, since Ed25519 (the pure one) wants them so. */
static int join(const char *domain, const void *data, size_t size_bytes,
                struct proto_buffer *buffer, struct bl_error *err)
{
    int r;

    r = proto_buffer_append(buffer, domain, strlen(domain), err);
    if (r < 0)
        return r;

    return proto_buffer_append(buffer, data, size_bytes, err);
}

int proto_sign(const char *domain, const void *data, size_t size_bytes, const uint8_t secret[64],
               uint8_t ret_signature[PROTO_SIGNATURE_BYTES], struct bl_error *err)
{
    PROTO_AUTO_BUFFER buffer = {0};
    int r;

    r = proto_init(err);
    if (r < 0)
        return r;
    r = join(domain, data, size_bytes, &buffer, err);
    if (r < 0)
        return r;
    if (crypto_sign_detached(ret_signature, NULL, buffer.data, buffer.size_bytes, secret) != 0)
        return bl_fail(err, -EKEYREJECTED, "this key does not sign");

    return 0;
}

int proto_verify(const char *domain, const void *data, size_t size_bytes,
                 const struct proto_signature *signature, struct bl_error *err)
{
    PROTO_AUTO_BUFFER buffer = {0};
    int r;

    r = proto_init(err);
    if (r < 0)
        return r;
    r = join(domain, data, size_bytes, &buffer, err);
    if (r < 0)
        return r;
    if (crypto_sign_verify_detached(signature->signature, buffer.data, buffer.size_bytes,
                                    signature->key) != 0) {
        return bl_fail(err, -EKEYREJECTED, "signature by key %02x%02x%02x%02x... is not good",
                       (unsigned)signature->key[0], (unsigned)signature->key[1],
                       (unsigned)signature->key[2], (unsigned)signature->key[3]);
    }

    return 0;
}

int proto_sign_by(const struct proto_signer *signer, const char *domain, const void *data,
                  size_t size_bytes, struct proto_signature *ret_signature, struct bl_error *err)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_signature signature;
    int r;

    memcpy(signature.key, signer->key, sizeof(signature.key));
    if (signer->secret != NULL) {
        r = proto_sign(domain, data, size_bytes, signer->secret, signature.signature, err);
    } else {
        r = join(domain, data, size_bytes, &buffer, err);
        if (r >= 0)
            r = signer->sign(signer->userdata, buffer.data, buffer.size_bytes, signature.signature,
                             err);
    }
    if (r >= 0)
        r = proto_verify(domain, data, size_bytes, &signature, err);
    if (r < 0)
        return r;
    *ret_signature = signature;

    return 0;
}
