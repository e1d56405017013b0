/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"
#include "tests/fuzz/fuzz.h"

/* What the courier hands on, from whoever: refused, or the one encoding of what it says. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER again = {0};
    struct proto_message message;
    struct bl_error err = {0};
    int r = proto_message_decode(data, size_bytes, &arena, &message, &err);

    BL_ASSERT(arena.used_bytes <= 1024 * 1024 + 4 * size_bytes); /* refused or not */
    if (r < 0) {
        BL_ASSERT(err.code < 0 && err.text[0] != '\0');
        return 0;
    }
    BL_ASSERT(proto_message_encode(&message, &again, &err) == 0);
    fuzz_assert_same(again.data, again.size_bytes, data, size_bytes);

    return 0;
}
