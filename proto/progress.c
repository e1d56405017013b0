/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    UNIT_STEP = 1024,
    UNIT_WHOLE_MIN = 10, /* of the unit: with fewer, the next smaller one says more */
};

BL_PRINTF(2, 3)
static void add(char text[PROTO_PROGRESS_TEXT_BYTES], const char *fmt, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text + used, PROTO_PROGRESS_TEXT_BYTES - used, fmt, args);
    va_end(args);
}

/* Both numbers in the unit that suits the larger one: "41 of 210 MiB", "41 MiB". */
static void add_bytes(char text[PROTO_PROGRESS_TEXT_BYTES], uint64_t done, uint64_t total)
{
    static const char *const names[] = {"bytes", "KiB", "MiB", "GiB"};
    uint64_t largest = total > done ? total : done, unit = 1;
    size_t name = 0;

    while (name + 1 < sizeof(names) / sizeof(names[0]) &&
           largest / unit >= UNIT_STEP * UNIT_WHOLE_MIN) {
        unit *= UNIT_STEP;
        name++;
    }
    if (total > 0) {
        add(text, "%llu of %llu %s", (unsigned long long)(done / unit),
            (unsigned long long)(total / unit), names[name]);
    } else {
        add(text, "%llu %s", (unsigned long long)(done / unit), names[name]);
    }
}

static void add_duration(char text[PROTO_PROGRESS_TEXT_BYTES], uint64_t ms)
{
    unsigned long long seconds = ms / 1000;

    if (seconds < 120) {
        add(text, "%llu s", seconds);
    } else {
        add(text, "%llu min", seconds / 60);
    }
}

static const char *verb_of(uint32_t step)
{
    switch (step) {
    case PROTO_STEP_REPAIR:
        return "repairing";
    case PROTO_STEP_STAGE:
        return "downloading";
    case PROTO_STEP_UPGRADE:
        return "upgrading";
    case PROTO_STEP_RESTORE:
        return "going back";
    default:
        return "working";
    }
}

void proto_progress_describe(const struct proto_progress *progress,
                             char ret_text[PROTO_PROGRESS_TEXT_BYTES])
{
    ret_text[0] = '\0';
    add(ret_text, "%s", verb_of(progress->step));
    if (progress->step == PROTO_STEP_STAGE) {
        add(ret_text, " ");
        add_bytes(ret_text, progress->bytes_done, progress->bytes_total);
    } else if (progress->packages_total > 0) {
        add(ret_text, " %llu/%llu", (unsigned long long)progress->packages_done,
            (unsigned long long)progress->packages_total);
    }
    if (progress->what != NULL && progress->what[0] != '\0')
        add(ret_text, ", %s", progress->what);
    if (progress->script != NULL && progress->script[0] != '\0') {
        add(ret_text, "; %s has been running for ", progress->script);
        add_duration(ret_text, progress->script_ms);
    }
}
