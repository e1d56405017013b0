/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_PACKAGES_H
#define TESTS_FUZZ_PACKAGES_H

#include "agent/packages/line.h"
#include "tests/fuzz/fuzz.h"

/* What was found in a text is a part of it, or nothing. */
static inline void packages_assert_within(const struct agent_packages_line *line, const char *text)
{
    BL_ASSERT(line->length == 0 ||
              (line->text >= text && line->text + line->length <= text + strlen(text)));
}

#endif
