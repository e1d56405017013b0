/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/approval.h"
#include "tests/fuzz/fuzz.h"

/* As a whole file; and, since no chance finds a signature, as the body alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER again = {0};
    struct proto_approval approval;
    struct bl_error err = {0};
    int r;
    uint8_t key[PROTO_KEY_BYTES];

    if (proto_approval_open(data, size_bytes, &approval, key, &err) == 0)
        return 0;
    BL_ASSERT(err.code < 0 && err.text[0] != '\0');

    r = proto_decode(&proto_approval_schema, data, size_bytes, &arena, &approval, &err);
    BL_ASSERT(arena.used_bytes <= 1024 * 1024 + 4 * size_bytes); /* refused or not */
    if (r < 0)
        return 0;
    BL_ASSERT(proto_encode(&proto_approval_schema, &approval, &again, &err) == 0);
    fuzz_assert_same(again.data, again.size_bytes, data, size_bytes);

    return 0;
}
