/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/manifest.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER again = {0};
    struct proto_manifest manifest;
    struct bl_error err = {0};
    int r = proto_manifest_decode(data, size_bytes, &arena, &manifest, &err);

    BL_ASSERT(arena.used_bytes <= 1024 * 1024 + 4 * size_bytes); /* refused or not */
    if (r < 0) {
        BL_ASSERT(err.code < 0 && err.text[0] != '\0');
        return 0;
    }
    BL_ASSERT(proto_manifest_encode(&manifest, &again, &err) == 0);
    fuzz_assert_same(again.data, again.size_bytes, data, size_bytes);

    return 0;
}
