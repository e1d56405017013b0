/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rescue/rescue.h"
#include "tests/fuzz/fuzz.h"

/* What somebody at the emergency door says: one of the verbs, or refused. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    PROTO_AUTO_BUFFER again = {0};
    struct agent_rescue_request request = {0};
    struct bl_error err = {0};
    int r = agent_rescue_request_decode(data, size_bytes, &request, &err);

    if (r < 0) {
        fuzz_assert_refusal(r, &err);
        return 0;
    }
    BL_ASSERT(size_bytes <= AGENT_RESCUE_REQUEST_BYTES_MAX);
    BL_ASSERT(request.format == AGENT_RESCUE_FORMAT);
    BL_ASSERT(request.verb >= 1 && request.verb <= AGENT_RESCUE_VERB_LAST);
    BL_ASSERT(proto_encode(&agent_rescue_request_schema, &request, &again, &err) == 0);
    fuzz_assert_same(again.data, again.size_bytes, data, size_bytes);

    return 0;
}
