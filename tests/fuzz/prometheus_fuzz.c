/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/gate/ask.h"
#include "tests/fuzz/fuzz.h"

/* What a monitoring system answers: an outcome with a printable text, whatever it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    char *body = fuzz_text(data, size_bytes);
    struct ctl_gate_said said = {0};
    int64_t at_ms = 0;

    ctl_gate_read_prometheus(200, body, size_bytes, &said, &at_ms);
    BL_ASSERT(said.outcome != NULL);
    for (const char *c = said.text; *c != '\0'; c++)
        BL_ASSERT((unsigned char)*c >= ' ' && *c != 0x7f);
    free(body);

    return 0;
}
