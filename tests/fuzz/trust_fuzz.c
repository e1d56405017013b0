/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/trust.h"
#include "tests/fuzz/fuzz.h"

/* As a whole file; and, since no chance finds a signature, as the body alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER again = {0};
    struct proto_trust trust;
    struct bl_error err = {0};
    int r;
    uint8_t anchor[PROTO_HASH_BYTES];

    if (proto_trust_open(data, size_bytes, &arena, &trust, &err) == 0) {
        proto_trust_anchor(&trust, anchor);
        return 0;
    }
    BL_ASSERT(err.code < 0 && err.text[0] != '\0');
    proto_arena_release(&arena);

    r = proto_decode(&proto_trust_schema, data, size_bytes, &arena, &trust, &err);
    BL_ASSERT(arena.used_bytes <= 1024 * 1024 + 4 * size_bytes); /* refused or not */
    if (r < 0)
        return 0;
    if (proto_trust_check(&trust, &err) == 0)
        proto_trust_anchor(&trust, anchor);
    BL_ASSERT(proto_encode(&proto_trust_schema, &trust, &again, &err) == 0);
    fuzz_assert_same(again.data, again.size_bytes, data, size_bytes);

    return 0;
}
