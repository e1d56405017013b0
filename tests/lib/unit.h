/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_UNIT_H
#define TESTS_LIB_UNIT_H

/* cmocka.h needs these before it, whatever order a formatter would like. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
