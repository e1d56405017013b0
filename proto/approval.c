/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/approval.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/memory.h"

static const struct proto_field approval_fields[] = {
    PROTO_FIELD_U64(struct proto_approval, format),
    PROTO_FIELD_FIXED(struct proto_approval, rollout_id),
    PROTO_FIELD_FIXED(struct proto_approval, manifest_hash),
    PROTO_FIELD_ENUM(struct proto_approval, about, PROTO_APPROVAL_ABOUT_LAST),
    PROTO_FIELD_U64(struct proto_approval, number),
    PROTO_FIELD_I64(struct proto_approval, given_ms),
    PROTO_FIELD_I64(struct proto_approval, not_after_ms),
};
const struct proto_schema proto_approval_schema =
    PROTO_SCHEMA(struct proto_approval, approval_fields);

static const struct proto_field approval_file_fields[] = {
    PROTO_FIELD_BYTES(struct proto_approval_file, body, PROTO_APPROVAL_BYTES_MAX),
    PROTO_FIELD_FIXED(struct proto_approval_file, key),
    PROTO_FIELD_FIXED(struct proto_approval_file, signature),
};
const struct proto_schema proto_approval_file_schema =
    PROTO_SCHEMA(struct proto_approval_file, approval_file_fields);

const char *proto_approval_about_name(uint32_t about)
{
    static const char *const names[] = {"?", "wave", "rollback", "no_rollback"};

    return names[about <= PROTO_APPROVAL_ABOUT_LAST ? about : 0];
}

void proto_manifest_hash(const void *data, size_t size_bytes, uint8_t ret_hash[PROTO_HASH_BYTES])
{
    /* Fails only for lengths that BLAKE2b lacks. */
    (void)crypto_generichash(ret_hash, PROTO_HASH_BYTES, data, size_bytes, NULL, 0);
}

static int check(const struct proto_approval *approval, int code, struct bl_error *err)
{
    if (approval->format != PROTO_APPROVAL_FORMAT) {
        return bl_fail(err, code, "approval: format %llu, this program knows %d",
                       (unsigned long long)approval->format, PROTO_APPROVAL_FORMAT);
    }
    if (approval->number == 0 || approval->number > UINT32_MAX)
        return bl_fail(err, code, "approval: there is no %s %llu",
                       approval->about == PROTO_APPROVAL_WAVE ? "wave" : "failure",
                       (unsigned long long)approval->number);
    if (approval->given_ms < 0 || approval->not_after_ms <= approval->given_ms)
        return bl_fail(err, code, "approval: ends before it begins");
    if (approval->not_after_ms - approval->given_ms > PROTO_DURATION_MS_MAX)
        return bl_fail(err, code, "approval: good for more than 366 days");

    return 0;
}

int proto_approval_seal(const struct proto_approval *approval, const uint8_t key[PROTO_KEY_BYTES],
                        const uint8_t secret[64], struct proto_buffer *ret_file,
                        struct bl_error *err)
{
    struct proto_signer signer = {.secret = secret};

    memcpy(signer.key, key, sizeof(signer.key));

    return proto_approval_seal_by(approval, &signer, ret_file, err);
}

int proto_approval_seal_by(const struct proto_approval *approval, const struct proto_signer *signer,
                           struct proto_buffer *ret_file, struct bl_error *err)
{
    PROTO_AUTO_BUFFER body = {0};
    struct proto_approval_file file = {0};
    struct proto_signature signature;
    int r;

    r = check(approval, -EINVAL, err);
    if (r >= 0)
        r = proto_encode(&proto_approval_schema, approval, &body, err);
    if (r >= 0)
        r = proto_sign_by(signer, PROTO_APPROVAL_DOMAIN, body.data, body.size_bytes, &signature,
                          err);
    if (r < 0)
        return r;
    file.body = (struct proto_bytes){.data = body.data, .size_bytes = body.size_bytes};
    memcpy(file.key, signature.key, sizeof(file.key));
    memcpy(file.signature, signature.signature, sizeof(file.signature));

    return proto_encode(&proto_approval_file_schema, &file, ret_file, err);
}

int proto_approval_open(const void *data, size_t size_bytes, struct proto_approval *ret_approval,
                        uint8_t ret_key[PROTO_KEY_BYTES], struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_approval_file file;
    struct proto_signature signature;
    struct proto_approval approval;
    int r;

    if (size_bytes > PROTO_APPROVAL_BYTES_MAX) {
        return bl_fail(err, -EMSGSIZE, "approval: %zu bytes long, allowed are %d", size_bytes,
                       PROTO_APPROVAL_BYTES_MAX);
    }
    r = proto_decode(&proto_approval_file_schema, data, size_bytes, &arena, &file, err);
    if (r < 0)
        return r;
    memcpy(signature.key, file.key, sizeof(signature.key));
    memcpy(signature.signature, file.signature, sizeof(signature.signature));
    r = proto_verify(PROTO_APPROVAL_DOMAIN, file.body.data, file.body.size_bytes, &signature, err);
    if (r < 0)
        return bl_wrap(err, "approval");
    r = proto_decode(&proto_approval_schema, file.body.data, file.body.size_bytes, &arena,
                     &approval, err);
    if (r >= 0)
        r = check(&approval, -EPROTO, err);
    if (r < 0)
        return r;
    *ret_approval = approval;
    memcpy(ret_key, file.key, PROTO_KEY_BYTES);

    return 0;
}
