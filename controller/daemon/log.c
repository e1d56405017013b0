/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

enum {
    LINE_BYTES_MAX = 1024,
};

void ctl_log(enum ctl_log_level level, const char *fmt, ...)
{
    char text[LINE_BYTES_MAX], line[LINE_BYTES_MAX];
    va_list arguments;

    va_start(arguments, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, arguments);
    va_end(arguments);
    /* Names and reasons come from hosts: one line stays one line. */
    bl_text_escape(line, sizeof(line), text, strlen(text));
    (void)fprintf(stderr, "<%d>%s\n", (int)level, line);
}
